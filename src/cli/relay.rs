//! `relay`: reads a feed's source once, and publishes it to a stream.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::arguments::RelayArguments;
use super::error::CliError;
use crate::app::AppError;
use crate::config::{Loaded, environment};
use crate::feed;
use crate::feed::source::Source;
use crate::feed::sources::{self, Take};
use crate::relay::{self, RelayError, Stop, Stopped};
use crate::telemetry;

/// How often one looks whether the relay has ended by itself.
const LOOK: Duration = Duration::from_millis(250);

/// A relay of one source, ready to run.
type Job = Box<dyn FnOnce(&relay::Settings, &Stopped) -> Result<(), RelayError> + Send>;

pub(super) fn run(arguments: &RelayArguments) -> Result<(), CliError> {
    let config = Loaded::read(arguments.config.file.as_deref(), environment())?.config;
    telemetry::init(&config.log)?;
    let name = arguments.feed.as_deref().unwrap_or(&config.relay.feed);
    let Some(feed) = config.feed.get(name) else {
        let known: Vec<&str> = config.feed.keys().map(String::as_str).collect();
        return Err(CliError::NotRelayed(format!(
            "relay.feed: expected one of the feeds {}, found {name:?}",
            known.join(", ")
        )));
    };
    let job = job(name, feed)?;
    let (stop, stopped) = Stop::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(AppError::System)?;
    let settings = config.relay.clone();
    let thread = std::thread::Builder::new()
        .name("relay".into())
        .spawn(move || job(&settings, &stopped))
        .map_err(RelayError::Thread)?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).map_err(AppError::System)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(AppError::System)?;
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                () = tokio::time::sleep(LOOK) => if thread.is_finished() { break },
            }
        }
        stop.stop();
        Ok::<(), AppError>(())
    })?;
    Ok(thread.join().map_err(|_| RelayError::Ended("its decisions"))??)
}

/// What relays the feed `name`.
fn job(name: &str, feed: &feed::Settings) -> Result<Job, CliError> {
    sources::open(name, feed, Relayed).ok_or_else(|| {
        CliError::NotRelayed(format!(
            "feed.{name}.kind: expected a source that is followed over the network, found one that cannot be relayed"
        ))
    })
}

/// Makes a relay of a source.
struct Relayed;

impl Take for Relayed {
    type Taken = Job;

    fn take<S: Source + Send + 'static>(self, source: S, _has_parts: bool) -> Job {
        Box::new(move |relay, stopped| relay::run(relay, move || source, stopped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Kind;

    #[test]
    fn what_is_followed_over_the_network_can_be_relayed_and_nothing_else() {
        let feed = |kind| feed::Settings {
            kind,
            ..feed::Settings::default()
        };
        for kind in [Kind::Jetstream, Kind::Mongodb, Kind::Postgres] {
            assert!(job("main", &feed(kind)).is_ok(), "{kind:?}");
        }
        for kind in [Kind::None, Kind::File, Kind::Http] {
            let refused = job("main", &feed(kind)).err().unwrap().to_string();
            assert!(refused.contains("feed.main.kind"), "{refused}");
        }
    }
}
