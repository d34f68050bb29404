//! Serving until told to stop: signals, the service manager's watchdog, the drain.

use std::fs;
use std::io::{self, IsTerminal};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::manager::{self, Watchdog};
use super::{AppError, Running};

/// Time between two looks at whether the status that the manager shows still holds.
const STATUS_EVERY: Duration = Duration::from_secs(5);
/// Time that the rest of the service has to end once its connections are cut.
const CUT: Duration = Duration::from_secs(2);

/// What SIGHUP means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hangup {
    /// The terminal went away: drain.
    Stop,
    /// The configuration has changed: take it up.
    Reload,
}

impl Hangup {
    /// For the service: where standard input, output or error is a terminal, a person started it there, and it ends with
    /// the terminal; otherwise nobody's terminal can close, and it reloads.
    pub fn of_service() -> Hangup {
        if io::stdin().is_terminal() || io::stdout().is_terminal() || io::stderr().is_terminal() {
            Hangup::Stop
        } else {
            Hangup::Reload
        }
    }
}

/// Calls `serve`, serves what it gives until SIGTERM or SIGINT comes, and drains; a second one of them cuts what is still
/// open. SIGHUP does what `hangup` says; one that the process was started to ignore, as by `nohup`, stays ignored. What
/// else `serve` gives is kept until all is over.
///
/// # Errors
/// Signals cannot be heard, or `serve` fails.
pub fn serve_until_told_to_stop<K, E: From<AppError>>(
    hangup: Hangup,
    serve: impl FnOnce() -> Result<(Running, K), E>,
) -> Result<(), E> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(AppError::System)?;
    runtime.block_on(async {
        // Before anything is served: a signal that comes between must not be lost, nor kill a half-made service.
        let mut signals = Signals::listen().map_err(AppError::System)?;
        let (running, kept) = serve()?;
        manager::ready();
        tell_by(&mut signals, &running, hangup).await;
        manager::stopping();
        drain(&mut signals, running).await.map_err(AppError::System)?;
        drop(kept);
        Ok(())
    })
}

/// The signals that are heard.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Option<Signal>,
}

/// What was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    Stop(&'static str),
    Hangup,
}

impl Signals {
    fn listen() -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: match ignores_hangup() {
                true => None,
                false => Some(signal(SignalKind::hangup())?),
            },
        })
    }

    async fn next(&mut self) -> Heard {
        let hung_up = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => Heard::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Heard::Stop("SIGINT"),
            _ = hung_up => Heard::Hangup,
        }
    }
}

/// Serves, reloads and tells the manager, until told to stop.
async fn tell_by(signals: &mut Signals, running: &Running, hangup: Hangup) {
    let watchdog = Watchdog::asked_for();
    let mut pings = watchdog.map(|watchdog| ticks(watchdog.interval()));
    let mut looks = manager::is_listening().then(|| ticks(STATUS_EVERY));
    let mut told = String::new();
    loop {
        tokio::select! {
            heard = signals.next() => match (heard, hangup) {
                (Heard::Hangup, Hangup::Reload) => {
                    // Told in the log, in /status and in the metrics.
                    let _ended = running.reload();
                }
                (Heard::Hangup, Hangup::Stop) => {
                    tracing::info!(signal = "SIGHUP", "draining");
                    return;
                }
                (Heard::Stop(signal), _) => {
                    tracing::info!(signal, "draining");
                    return;
                }
            },
            () = tick(&mut pings) => {
                if let Some(watchdog) = watchdog {
                    watchdog.ping(running.hearts());
                }
            }
            () = tick(&mut looks) => {
                let line = running.status_line();
                if line != told {
                    manager::status(&line);
                    told = line;
                }
            }
        }
    }
}

/// Drains, on a thread of its own, so that a second signal is heard meanwhile.
async fn drain(signals: &mut Signals, running: Running) -> io::Result<()> {
    let cut = running.cut();
    let (done, mut drained) = oneshot::channel();
    let draining = std::thread::Builder::new().name("drain".into()).spawn(move || {
        running.drain();
        // Nobody waits where it took too long after the cut.
        let _gone = done.send(());
    })?;
    loop {
        tokio::select! {
            _ended = &mut drained => break,
            heard = signals.next() => if let Heard::Stop(signal) = heard {
                tracing::warn!(signal, "told to stop a second time: open connections are cut");
                cut.now();
                if tokio::time::timeout(CUT, drained).await.is_err() {
                    tracing::warn!("stopping without waiting for what is still under way");
                    return Ok(());
                }
                break;
            }
        }
    }
    let _panicked = draining.join();
    tracing::info!("stopped");
    Ok(())
}

fn ticks(every: Duration) -> Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

async fn tick(ticks: &mut Option<Interval>) {
    match ticks {
        Some(ticks) => {
            ticks.tick().await;
        }
        None => std::future::pending().await,
    }
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
