//! Logs, and the types that keep people's data out of them.
//!
//! A number or a name goes into a log line, a trace or an error only through [`number`] or [`name`], and a
//! sensitive value travels as [`Redacted`]. There is no switch that shows them whole: a switch is what someone
//! leaves on.

mod lines;
mod redacted;
mod reference;

use std::fmt;
use std::io::{self, IsTerminal};
use std::sync::Arc;

use serde::Deserialize;
use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

pub use lines::Lines;
pub use redacted::{Redacted, RedactedName, RedactedNumber, name, number};
pub use reference::{Reference, reference};

/// The levels, quietest first.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
/// What a level may be, in words.
pub const LEVEL: &str =
    "off, error, warn, info, debug or trace, or `target=level` with one of them, joined by commas";

/// How to log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How a line is written.
    pub format: Format,
    /// A level for everything, `target=level` for a part, or several of them joined by commas.
    pub level: String,
}

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For a person.
    Human,
    /// One JSON object a line.
    Json,
}

/// The log of the process, whose level can be changed while it runs. The default is a log that nobody began: setting its
/// level changes nothing.
#[derive(Clone, Default)]
pub struct Log(Option<Arc<SetLevel>>);

/// Puts another filter in the place of the present one; false where the log has ended.
type SetLevel = dyn Fn(EnvFilter) -> bool + Send + Sync;

/// Why logging could not begin.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The level cannot be read.
    #[error("log level: expected {LEVEL}; found {found:?}")]
    Level {
        /// The part that cannot be read.
        found: String,
    },
    /// Logging began before, in this process.
    #[error("logging was begun twice in one process; begin it once, in `main`")]
    Begun,
}

impl Settings {
    /// Whether [`init`] will take these settings.
    ///
    /// # Errors
    /// [`TelemetryError::Level`].
    pub fn check(&self) -> Result<(), TelemetryError> {
        filter(&self.level).map(drop)
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Log")
    }
}

impl Log {
    /// Logs at `level` from now on, as [`Settings::level`] says it.
    ///
    /// # Errors
    /// [`TelemetryError::Level`]; the level then stays.
    pub fn set_level(&self, level: &str) -> Result<(), TelemetryError> {
        let filter = filter(level)?;
        if let Some(set) = &self.0
            && !set(filter)
        {
            tracing::error!("the log's level could not be changed; it stays as it was");
        }
        Ok(())
    }
}

/// Begins logging to standard error, for the whole process.
///
/// # Errors
/// The level cannot be read, or logging began before.
pub fn init(settings: &Settings) -> Result<Log, TelemetryError> {
    let colour = io::stderr().is_terminal();
    let (subscriber, log) = subscriber(settings, io::stderr, colour)?;
    subscriber.try_init().map_err(|_| TelemetryError::Begun)?;
    Ok(log)
}

fn subscriber<W>(
    settings: &Settings,
    writer: W,
    colour: bool,
) -> Result<(Box<dyn Subscriber + Send + Sync>, Log), TelemetryError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt()
        .with_writer(writer)
        .with_env_filter(filter(&settings.level)?);
    Ok(match settings.format {
        Format::Human => {
            let lines = lines.with_ansi(colour).with_filter_reloading();
            let handle = lines.reload_handle();
            let log = Log(Some(Arc::new(move |filter| handle.reload(filter).is_ok())));
            (Box::new(lines.finish()), log)
        }
        Format::Json => {
            let lines = lines.json().flatten_event(true).with_filter_reloading();
            let handle = lines.reload_handle();
            let log = Log(Some(Arc::new(move |filter| handle.reload(filter).is_ok())));
            (Box::new(lines.finish()), log)
        }
    })
}

/// Reads a level. The filter's own reader takes any bare word for the name of a target and would then log nothing
/// but that target, so that `inof` would silence the log; here a bare word is a level or an error.
fn filter(level: &str) -> Result<EnvFilter, TelemetryError> {
    let unreadable = |found: &str| TelemetryError::Level {
        found: found.to_owned(),
    };
    let parts: Vec<&str> = level.split(',').map(str::trim).collect();
    for part in &parts {
        let (target, word) = part.rsplit_once('=').unwrap_or(("", part));
        let known = LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word));
        if !known || (target.is_empty() && part.contains('=')) {
            return Err(unreadable(part));
        }
    }
    // The library says twice a second what we say once, in words that name what to do.
    let quiet = parts.iter().all(|part| !part.starts_with("async_nats"));
    let parts = parts
        .into_iter()
        .chain(quiet.then_some("async_nats::connector=off"));
    let parts: Vec<&str> = parts.collect();
    EnvFilter::try_new(parts.join(",")).map_err(|_| unreadable(level))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What was logged, to be read back.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What `act` logs under `settings`.
    fn logged(format: Format, level: &str, act: impl FnOnce()) -> String {
        let log = Written::default();
        let writer = log.clone();
        let settings = Settings {
            format,
            level: level.to_owned(),
        };
        let (subscriber, _log) = subscriber(&settings, move || writer.clone(), false).unwrap();
        tracing::subscriber::with_default(subscriber, act);
        let bytes = log.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn json_is_one_object_a_line() {
        let text = logged(Format::Json, "info", || {
            tracing::info!(generation = 7, "mapped");
            tracing::debug!("not shown");
        });
        let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!(line["message"], "mapped");
        assert_eq!(line["generation"], 7);
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn a_part_may_have_a_level_of_its_own() {
        let text = logged(Format::Human, "warn,ringside::feed=debug", || {
            tracing::debug!(target: "ringside::feed::file", "shown");
            tracing::info!(target: "ringside::http", "hidden");
        });
        assert!(text.contains("shown") && !text.contains("hidden"), "{text}");
    }

    #[test]
    fn the_level_can_be_changed_and_a_misspelt_one_changes_nothing() {
        let written = Written::default();
        let writer = written.clone();
        let settings = Settings {
            format: Format::Json,
            level: "warn".to_owned(),
        };
        let (subscriber, log) = subscriber(&settings, move || writer.clone(), false).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("hidden");
            log.set_level("inof").unwrap_err();
            tracing::info!("hidden");
            log.set_level("info").unwrap();
            tracing::info!("shown");
            log.set_level("off").unwrap();
            tracing::error!("hidden");
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains("shown") && !text.contains("hidden"), "{text}");
    }

    #[test]
    fn a_misspelt_level_is_an_error_and_not_silence() {
        for level in [
            "inof",
            "",
            "info,",
            "ringside",
            "=info",
            "ringside=loud",
            "info,ringside=",
            "a b=info=",
        ] {
            let error = filter(level).unwrap_err().to_string();
            assert!(error.contains("debug"), "{level:?}: {error}");
        }
        for level in ["info", "INFO", "off", "warn, ringside::http=trace"] {
            filter(level).unwrap();
        }
    }

    #[test]
    fn people_stay_out_of_the_log_however_a_value_is_logged() {
        for format in [Format::Human, Format::Json] {
            let text = logged(format, "trace", || {
                let secret = Redacted::new("hunter2".to_owned());
                let (number, name) = (number("+14155552610"), name("Ada Lovelace"));
                tracing::info!(%number, %name, %secret, "by display");
                tracing::info!(?number, ?name, ?secret, "by debug");
                tracing::info!("{number} {name} {secret} {number:?} {name:?} {secret:?}");
            });
            // A moment's fraction may have any digits in it.
            let lines = text.lines().map(|line| match line.split_once("INFO") {
                Some((moment, rest)) if !moment.contains("message") => rest,
                _ => line,
            });
            let text: String = lines.flat_map(|line| [line, "\n"]).collect();
            for leaked in ["555", "2610", "Ada", "Lovelace", "hunter"] {
                assert!(!text.contains(leaked), "{leaked} is in {text}");
            }
            assert_eq!(text.lines().count(), 3);
            assert!(text.contains("+14•••••••10") && text.contains("A•••"), "{text}");
        }
    }
}
