//! Being told to stop: SIGTERM from a service manager, SIGINT from a person, SIGHUP from a terminal that closes.

use std::fs;

use tokio::signal::unix::{SignalKind, signal};

use super::AppError;

/// Listens for SIGTERM, SIGINT and SIGHUP from now on, calls `serve`, and returns once one of them has come. A SIGHUP
/// that the process was started to ignore, as by `nohup`, stays ignored.
///
/// # Errors
/// Signals cannot be heard, or `serve` fails; what it returned otherwise is given back.
pub fn until_told_to_stop<T, E: From<AppError>>(serve: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(AppError::System)?;
    runtime.block_on(async {
        // Before anything is served: a signal that comes between must not be lost, nor kill a half-made service.
        let mut terminate = signal(SignalKind::terminate()).map_err(AppError::System)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(AppError::System)?;
        let mut hangup = match ignores_hangup() {
            true => None,
            false => Some(signal(SignalKind::hangup()).map_err(AppError::System)?),
        };
        let hung_up = async {
            match &mut hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        let serving = serve()?;
        tokio::select! {
            _ = terminate.recv() => tracing::info!("told to stop by SIGTERM; draining"),
            _ = interrupt.recv() => tracing::info!("told to stop by SIGINT; draining"),
            _ = hung_up => tracing::info!("told to stop by SIGHUP; draining"),
        }
        Ok(serving)
    })
}

/// Whether this process was started to ignore SIGHUP.
fn ignores_hangup() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        // SIGHUP is the first signal, whose bit is the lowest.
        .is_some_and(|mask| mask & 1 != 0)
}
