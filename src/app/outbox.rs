//! The system of record in the service: its queue, its history, and their pages in the administration.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::AppError;
use crate::callers::Call;
use crate::config::Config;
use crate::http::Page;
use crate::index::Index;
use crate::metrics::Metrics;
use crate::pop::outbox::{FOLDER, History, IsSensitive, Outbox, OutboxError, Which};
use crate::snapshot::folder::Held;

/// What tells the system of record, and asks it; nothing where there is none.
#[derive(Debug, Clone, Default)]
pub(super) struct Record {
    pub(super) outbox: Option<Arc<Outbox>>,
    pub(super) history: Option<Arc<History>>,
}

/// Which item is meant: `{"id": 7}`; `{"all": true}` means each dead letter.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Meant {
    id: Option<u64>,
    #[serde(default)]
    all: bool,
}

impl Record {
    /// Opens the queue in the tenant's folder, which is held.
    ///
    /// # Errors
    /// It cannot be read or written, or a file that the configuration names cannot be used.
    pub(super) fn open(folder: &Held, config: &Config, metrics: &Metrics) -> Result<Record, AppError> {
        let settings = &config.system_of_record;
        let dir = folder.folder().dir().join(FOLDER);
        if !settings.is_on() {
            if dir.exists() {
                tracing::warn!(
                    dir = %dir.display(),
                    "system_of_record.kind is \"none\", and something may still wait to be told, with data of customers: \
                     configure it again, or remove the folder"
                );
            }
            return Ok(Record::default());
        }
        let erase_within = Duration::from_secs(config.data.erase_within_s);
        let outbox = Outbox::open(&dir, settings, erase_within, metrics)?;
        Ok(Record {
            outbox: Some(Arc::new(outbox)),
            history: History::new(settings)?.map(Arc::new),
        })
    }

    /// The page that `call` asks for; `None` where it is none of these.
    pub(super) fn page(&self, call: &Call<'_>) -> Option<Page> {
        let path = call.trimmed_path();
        let is_act = match path {
            "/outbox" => false,
            "/outbox/show" | "/outbox/replay" | "/outbox/drop" => true,
            _ => return None,
        };
        let Some(outbox) = &self.outbox else {
            let message = "there is no system of record: system_of_record.kind is \"none\"";
            return Some(refused(404, "not_configured", message));
        };
        if is_act != (call.method == "POST") || !(is_act || call.is_get()) {
            let allow = if is_act { "POST" } else { "GET, HEAD" };
            return Some(refused(405, "method", &format!("expected {allow}")));
        }
        if !is_act {
            let only_dead = call.query.split('&').any(|pair| pair == "state=dead");
            return Some(page(
                200,
                &json!({"state": outbox.state(), "items": outbox.list(only_dead)}),
            ));
        }
        let Ok(meant) = serde_json::from_slice::<Meant>(call.body) else {
            return Some(refused(
                400,
                "invalid",
                "expected {\"id\": NUMBER} or {\"all\": true}",
            ));
        };
        let done = match (path, meant) {
            (
                "/outbox/show",
                Meant {
                    id: Some(id),
                    all: false,
                },
            ) => {
                return Some(
                    outbox
                        .show(id)
                        .map_or_else(unknown, |shown| page(200, &json!(shown))),
                );
            }
            (
                "/outbox/replay",
                Meant {
                    id: Some(id),
                    all: false,
                },
            ) => outbox.replay(Which::One(id)),
            ("/outbox/replay", Meant { id: None, all: true }) => {
                return Some(answered(outbox.replay(Which::All)));
            }
            (
                "/outbox/drop",
                Meant {
                    id: Some(id),
                    all: false,
                },
            ) => outbox.give_up(id),
            _ => {
                return Some(refused(
                    400,
                    "invalid",
                    "expected {\"id\": NUMBER}; `all` is for replays alone",
                ));
            }
        };
        Some(match done {
            Ok(0) => unknown(),
            done => answered(done),
        })
    }

    /// What `/status` says of it.
    pub(super) fn status(&self) -> Value {
        self.outbox
            .as_ref()
            .map_or(Value::Null, |outbox| json!(outbox.state()))
    }
}

/// Says which attributes are sensitive, by the schema as of each question.
pub(super) fn is_sensitive(index: &Arc<Index>) -> Arc<IsSensitive> {
    let index = Arc::clone(index);
    Arc::new(move |key| {
        let schema = index.schema();
        let mut attributes = schema.attributes.iter();
        attributes.any(|attribute| attribute.key == key && attribute.sensitive)
    })
}

fn answered(done: Result<usize, OutboxError>) -> Page {
    match done {
        Ok(items) => page(200, &json!({"items": items})),
        Err(error) => {
            tracing::error!(%error, "an act on the outbox failed");
            refused(503, "unavailable", &error.to_string())
        }
    }
}

fn unknown() -> Page {
    let message = "there is no such item in the outbox: it is delivered, given up, or not dead; `ringside outbox` lists them";
    refused(404, "unknown", message)
}

fn refused(status: u16, code: &str, message: &str) -> Page {
    page(status, &json!({"error": {"code": code, "message": message}}))
}

fn page(status: u16, body: &Value) -> Page {
    Page {
        status,
        content_type: "application/json",
        body: body.to_string().into_bytes(),
    }
}
