//! What a relay writes into a stream beside changes: subjects, headers and messages of its own.
//!
//! ```text
//! PREFIX.change            a change, or that there is none ("heartbeat")
//! PREFIX.copy              a row of a copy
//! PREFIX.control.begin     {"relay":"copy","copy":"ID","rows":N}      a copy begins; ID is this message's own sequence
//! PREFIX.control.copied    {"relay":"copied","copy":"ID","rows":N}    it is whole; changes behind this go on from it
//! PREFIX.control.epoch     {"relay":"epoch","epoch":N,"by":"NAME"}    who publishes; N is this message's own sequence
//! PREFIX.control.alive     {"relay":"alive"}                          whoever publishes is there, the source may not be
//! PREFIX.control.gap       {"relay":"gap","why":"…"}                  changes are missing here for good
//! PREFIX.control.refused   {"relay":"refused","reason":"…","found":"…"}   something that could not be read
//! PREFIX.control.left      {"relay":"left"}                           whoever published stops: anyone may take over
//! ```

use async_nats::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use serde_json::{Value, json};

use crate::feed::source::{Life, Unreadable};

/// Where the source stands at this message: what is behind it the source still has to deliver.
pub const TOKEN: &str = "Ringside-Token";
/// In which life of the source's stream.
pub const INCARNATION: &str = "Ringside-Incarnation";
/// Where the last change up to this message stands in the source, in base64 for URLs.
pub const POSITION: &str = "Ringside-Position";
/// The epoch of whoever published this.
pub const EPOCH: &str = "Ringside-Epoch";
/// The copy that this message is part of.
pub const COPY: &str = "Ringside-Copy";
/// Present where more follows that belongs together with this message.
pub const MORE: &str = "Ringside-More";
/// Milliseconds by which what the source gives away is behind what it has.
pub const LAG: &str = "Ringside-Lag";

/// What a token may not hold in a header.
const UNSAFE_IN_HEADERS: &AsciiSet = &CONTROLS.add(b'%');
/// The most bytes that are kept of what could not be read.
const FOUND_MAX: usize = 256 << 10;

/// Subjects of a relay's stream, behind its prefix.
pub mod subject {
    /// A change.
    pub const CHANGE: &str = "change";
    /// A row of a copy.
    pub const COPY: &str = "copy";
    /// A copy begins.
    pub const BEGIN: &str = "control.begin";
    /// A copy is whole.
    pub const COPIED: &str = "control.copied";
    /// Somebody else publishes.
    pub const EPOCH: &str = "control.epoch";
    /// Whoever publishes is there.
    pub const ALIVE: &str = "control.alive";
    /// Something is missing.
    pub const GAP: &str = "control.gap";
    /// Something could not be read.
    pub const REFUSED: &str = "control.refused";
    /// Whoever published stops.
    pub const LEFT: &str = "control.left";
}

/// A message of the relay's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// A copy begins, which is named by its own sequence.
    Begin {
        /// Which.
        copy: u64,
        /// About how many rows it has; `None` where that is not known.
        rows: Option<u64>,
    },
    /// A copy is whole.
    Copied {
        /// Which.
        copy: u64,
        /// How many messages it has.
        rows: u64,
    },
    /// Somebody begins to publish.
    Epoch {
        /// The sequence of this message.
        epoch: u64,
        /// Who.
        by: String,
    },
    /// Whoever publishes is there.
    Alive,
    /// Changes are missing here.
    Gap {
        /// Why.
        why: String,
    },
    /// Something could not be read.
    Refused(Unreadable),
    /// Whoever published stops.
    Left,
}

impl Mark {
    /// Its subject, behind the prefix.
    pub fn subject(&self) -> &'static str {
        match self {
            Mark::Begin { .. } => subject::BEGIN,
            Mark::Copied { .. } => subject::COPIED,
            Mark::Epoch { .. } => subject::EPOCH,
            Mark::Alive => subject::ALIVE,
            Mark::Gap { .. } => subject::GAP,
            Mark::Refused(_) => subject::REFUSED,
            Mark::Left => subject::LEFT,
        }
    }

    /// Its payload.
    pub fn to_json(&self) -> Vec<u8> {
        let json = match self {
            Mark::Begin { copy, rows } => json!({"relay": "copy", "copy": copy.to_string(), "rows": rows}),
            Mark::Copied { copy, rows } => json!({"relay": "copied", "copy": copy.to_string(), "rows": rows}),
            Mark::Epoch { epoch, by } => json!({"relay": "epoch", "epoch": epoch, "by": by}),
            Mark::Alive => json!({"relay": "alive"}),
            Mark::Gap { why } => json!({"relay": "gap", "why": why}),
            Mark::Refused(Unreadable { reason, found }) => {
                let found = &found[..found.len().min(FOUND_MAX)];
                json!({"relay": "refused", "reason": reason, "found": STANDARD.encode(found)})
            }
            Mark::Left => json!({"relay": "left"}),
        };
        json.to_string().into_bytes()
    }

    /// The mark that `payload` is; `None` where it is none.
    pub fn read(payload: &[u8]) -> Option<Mark> {
        let json: Value = serde_json::from_slice(payload).ok()?;
        let copy = || json.get("copy")?.as_str()?.parse().ok();
        let text = |key: &str| json.get(key).and_then(Value::as_str).map(str::to_owned);
        let rows = json.get("rows").and_then(Value::as_u64);
        Some(match json.get("relay")?.as_str()? {
            "copy" => Mark::Begin { copy: copy()?, rows },
            "copied" => Mark::Copied {
                copy: copy()?,
                rows: rows?,
            },
            "epoch" => Mark::Epoch {
                epoch: json.get("epoch")?.as_u64()?,
                by: text("by").unwrap_or_default(),
            },
            "alive" => Mark::Alive,
            "gap" => Mark::Gap {
                why: text("why").unwrap_or_default(),
            },
            "refused" => Mark::Refused(Unreadable {
                reason: text("reason")?,
                found: STANDARD.decode(text("found")?).ok()?,
            }),
            "left" => Mark::Left,
            _ => return None,
        })
    }
}

/// What a relay says of each message in its headers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stamp {
    /// The epoch of whoever published it.
    pub epoch: u64,
    /// Where the source stands; `None` where nothing was had of it yet.
    pub life: Option<Life>,
    /// Where the last change stands in the source; empty ahead of the first.
    pub position: Vec<u8>,
    /// The copy that it is part of.
    pub copy: Option<u64>,
    /// Whether more follows that belongs together with it.
    pub more: bool,
    /// Milliseconds by which the source says that it is behind itself.
    pub lag_ms: Option<u64>,
}

impl Stamp {
    /// The stamp as headers.
    pub fn to_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(EPOCH, self.epoch.to_string().as_str());
        if let Some(life) = &self.life {
            headers.insert(INCARNATION, escaped(&life.incarnation).as_str());
            headers.insert(TOKEN, escaped(&life.token).as_str());
        }
        if !self.position.is_empty() {
            headers.insert(POSITION, URL_SAFE_NO_PAD.encode(&self.position).as_str());
        }
        if let Some(copy) = self.copy {
            headers.insert(COPY, copy.to_string().as_str());
        }
        if self.more {
            headers.insert(MORE, "1");
        }
        if let Some(lag) = self.lag_ms {
            headers.insert(LAG, lag.to_string().as_str());
        }
        headers
    }

    /// The stamp that `headers` hold; `None` where no relay published the message.
    pub fn read(headers: &HeaderMap) -> Option<Stamp> {
        let text = |name: &str| headers.get(name).map(|value| value.as_str().to_owned());
        let number = |name: &str| text(name).and_then(|text| text.parse::<u64>().ok());
        let unescaped = |name: &str| {
            let text = text(name)?;
            Some(percent_decode_str(&text).decode_utf8().ok()?.into_owned())
        };
        let life = match (unescaped(INCARNATION), unescaped(TOKEN)) {
            (Some(incarnation), Some(token)) => Some(Life { incarnation, token }),
            _ => None,
        };
        Some(Stamp {
            epoch: number(EPOCH)?,
            life,
            position: text(POSITION)
                .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
                .unwrap_or_default(),
            copy: number(COPY),
            more: text(MORE).is_some(),
            lag_ms: number(LAG),
        })
    }
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, UNSAFE_IN_HEADERS).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_as_they_were_written_and_changes_are_none() {
        let marks = [
            Mark::Begin {
                copy: 7,
                rows: Some(3),
            },
            Mark::Begin { copy: 7, rows: None },
            Mark::Copied { copy: 7, rows: 3 },
            Mark::Epoch {
                epoch: 9,
                by: "edge \"1\"".into(),
            },
            Mark::Alive,
            Mark::Gap { why: "lost".into() },
            Mark::Refused(Unreadable {
                reason: "expected an id".into(),
                found: vec![0, 255, 10],
            }),
            Mark::Left,
        ];
        for mark in marks {
            assert_eq!(Mark::read(&mark.to_json()), Some(mark.clone()), "{mark:?}");
        }
        for change in [
            &br#"{"op":"delete","id":"relay"}"#[..],
            b"{\"relay\":\"other\"}",
            b"",
            b"7",
        ] {
            assert_eq!(Mark::read(change), None);
        }
    }

    #[test]
    fn a_stamp_survives_headers_whatever_the_token_holds() {
        let stamp = Stamp {
            epoch: 12,
            life: Some(Life {
                incarnation: "mongo:1".into(),
                token: "{\"_data\":\"82\r\n%41\u{e9}\"}".into(),
            }),
            position: (0..127).collect(),
            copy: Some(4),
            more: true,
            lag_ms: Some(30),
        };
        assert_eq!(Stamp::read(&stamp.to_headers()), Some(stamp));
        let bare = Stamp {
            epoch: 1,
            ..Stamp::default()
        };
        assert_eq!(Stamp::read(&bare.to_headers()), Some(bare));
        assert_eq!(Stamp::read(&HeaderMap::new()), None);
    }
}
