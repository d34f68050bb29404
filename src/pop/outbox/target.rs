//! Who is told.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::Mutex;

use super::client::{Client, Failure};
use super::error::OutboxError;
use super::file::Lines;
use super::item::Item;
use super::judge::judge;
use super::queue::Answer;
use super::request::{IsSensitive, to_api, to_line, to_webhook};
use super::settings::{Settings, TargetKind};

/// The longest answer that is read, in bytes: it has an id in it, or an explanation.
const ANSWER_MAX: usize = 1 << 20;

/// Who is told.
#[derive(Debug)]
pub(super) enum Target {
    Nobody,
    Api(Arc<Client>),
    Webhook(Arc<Client>),
    File(Mutex<Lines>),
}

impl Target {
    /// # Errors
    /// A file that the settings name cannot be used.
    pub(super) fn new(settings: &Settings) -> Result<Target, OutboxError> {
        Ok(match settings.kind {
            TargetKind::None => Target::Nobody,
            TargetKind::Cim => Target::Api(Arc::new(Client::new(settings)?)),
            TargetKind::Webhook => Target::Webhook(Arc::new(Client::new(settings)?)),
            TargetKind::File => Target::File(Mutex::new(Lines::new(&settings.file))),
        })
    }

    /// Tells it of `item`, once.
    pub(super) async fn tell(&self, settings: &Settings, item: &Item, is_sensitive: &IsSensitive) -> Answer {
        let refused = |error| Answer::Refused { error, answer: None };
        let (client, asked) = match self {
            Target::Nobody => return refused("system_of_record.kind is \"none\"".to_owned()),
            Target::File(lines) => {
                return match lines.lock().await.append(&to_line(item)) {
                    Ok(()) => Answer::Delivered { assigned_id: None },
                    Err(error) => Answer::Away {
                        error: error.to_string(),
                        asked_ms: None,
                    },
                };
            }
            Target::Api(client) => (client, to_api(settings, item)),
            Target::Webhook(client) => (client, to_webhook(settings, item, is_sensitive)),
        };
        let asked = match asked {
            Ok(asked) => asked,
            Err(why) => return refused(why),
        };
        let within = Duration::from_millis(settings.timeout_ms);
        // Both of connecting and answering take this long at the most; an address that never answers to a name does not.
        let asking = tokio::time::timeout(within * 2, client.ask(&asked, within, ANSWER_MAX));
        let answered = asking.await.unwrap_or(Err(Failure::Late));
        judge(settings, item, answered, SystemTime::now())
    }
}
