//! A source made up, and a relay of it in a thread.

use ringside::feed::Secret;
use ringside::feed::jetstream::Login;
use ringside::feed::secure::Tls;
use ringside::feed::source::{Event, Life, Row, Rows, Source, SourceError, Standing};
use ringside::relay::{self, Settings, Stop};
use ringside::replica::Change;
use serde_json::json;
use servers::nats::Nats;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

pub(crate) const STREAM: &str = "RINGSIDE";

/// What the source has, which tests and the relay's thread share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    rows: usize,
    /// Changes: of which customer each.
    changes: Vec<usize>,
    copies: usize,
    is_cut: bool,
}

impl Origin {
    /// A source with `rows` customers.
    pub(crate) fn new(rows: usize) -> Origin {
        let origin = Origin::default();
        origin.0.lock().unwrap().rows = rows;
        origin
    }

    /// Changes each of `customers`, in this order.
    pub(crate) fn change(&self, customers: impl IntoIterator<Item = usize>) {
        self.0.lock().unwrap().changes.extend(customers);
    }

    /// How often it was copied.
    pub(crate) fn copies(&self) -> usize {
        self.0.lock().unwrap().copies
    }

    /// Whether it is away.
    pub(crate) fn cut(&self, is_cut: bool) {
        self.0.lock().unwrap().is_cut = is_cut;
    }
}

#[derive(Debug)]
struct Made {
    origin: Origin,
    next: usize,
    place: Option<usize>,
}

impl Source for Made {
    async fn connect(&mut self, known: &[Life]) -> Result<Standing, SourceError> {
        if self.origin.0.lock().unwrap().is_cut {
            return Err(SourceError::Away("cut".into()));
        }
        Ok(match known.last() {
            Some(life) => Standing::GoesOn(life.clone()),
            None => Standing::Copy {
                why: "nothing is known".into(),
            },
        })
    }

    async fn begin_copy(&mut self) -> Result<Life, SourceError> {
        let mut held = self.origin.0.lock().unwrap();
        held.copies += 1;
        Ok(Life {
            incarnation: format!("made:{}", held.copies),
            token: held.changes.len().to_string(),
        })
    }

    async fn copy(&mut self, rows: &mut dyn Rows) -> Result<(), SourceError> {
        let (count, changes) = {
            let held = self.origin.0.lock().unwrap();
            (held.rows, held.changes.clone())
        };
        rows.expect(count as u64);
        for row in 0..count {
            let name = match changes.iter().rposition(|changed| *changed == row) {
                Some(change) => format!("Change {change}"),
                None => format!("Customer {row}"),
            };
            rows.put(Row::Customer(json!({"id": format!("c-{row}"), "name": name})))?;
        }
        Ok(())
    }

    async fn follow(&mut self, from: &Life) -> Result<(), SourceError> {
        self.next = from.token.parse().unwrap();
        self.place = None;
        Ok(())
    }

    async fn next(&mut self) -> Result<Event, SourceError> {
        if let Some(place) = self.place.take() {
            return Ok(Event::Place {
                token: place.to_string(),
                position: place.to_string(),
            });
        }
        {
            let held = self.origin.0.lock().unwrap();
            if held.is_cut {
                return Err(SourceError::Away("cut".into()));
            }
            if let Some(customer) = held.changes.get(self.next) {
                let customer =
                    json!({"id": format!("c-{customer}"), "name": format!("Change {}", self.next)});
                self.next += 1;
                self.place = Some(self.next);
                return Ok(Event::Change {
                    position: self.next.to_be_bytes().to_vec(),
                    at_ms: None,
                    change: Change::Upsert {
                        customer: customer.into(),
                    },
                });
            }
        }
        servers::wait::moment().await;
        Ok(Event::Idle { lag_ms: Some(7) })
    }

    fn confirm(&mut self, _token: &str) {}
}

/// A relay in a thread, which stops with the value.
#[derive(Debug)]
pub(crate) struct Relay {
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    pub(crate) fn start(nats: &Nats, origin: &Origin, name: &str) -> Relay {
        Relay::start_in(settings(&nats.url(), name), origin)
    }

    pub(crate) fn start_in(settings: Settings, origin: &Origin) -> Relay {
        let (stop, stopped) = Stop::new();
        let origin = origin.clone();
        let thread = std::thread::spawn(move || {
            let make = move || Made {
                origin,
                next: 0,
                place: None,
            };
            relay::run(&settings, make, &stopped).unwrap();
        });
        Relay {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.stop();
        let ended = self.thread.take().unwrap().join();
        if !std::thread::panicking() {
            ended.unwrap();
        }
    }
}

pub(crate) fn settings(url: &str, name: &str) -> Settings {
    Settings {
        feed: "main".into(),
        name: name.to_owned(),
        servers: vec![Secret::from(url.to_owned())],
        stream: STREAM.into(),
        prefix: "ringside".into(),
        replicas: 1,
        max_bytes: 0,
        max_age_s: 0,
        lease_ms: 2000,
        in_flight: 256,
        confirm_after_s: 0,
        login: Login::default(),
        tls: Tls::default(),
    }
}
