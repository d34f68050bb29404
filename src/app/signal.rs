//! Being told to stop: SIGTERM from a service manager, SIGINT from a person.

use tokio::signal::unix::{SignalKind, signal};

use super::AppError;

/// Listens for SIGTERM and SIGINT from now on, calls `serve`, and returns once one of them has come.
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
        let serving = serve()?;
        tokio::select! {
            _ = terminate.recv() => tracing::info!("told to stop by SIGTERM; draining"),
            _ = interrupt.recv() => tracing::info!("told to stop by SIGINT; draining"),
        }
        Ok(serving)
    })
}
