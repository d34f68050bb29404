//! How large an entry may be.

use serde::Serialize;

use super::{Entry, What};

/// The most bytes of an entry, as it is sent. A message of NATS has room for 1 MiB unless its configuration says otherwise:
/// a larger one is never taken, nor is anything behind it. Whoever hears what people say bounds it far below that.
const ENTRY_BYTES_MAX: usize = 512 << 10;

impl Entry {
    /// Bytes of it, as it is sent.
    pub(in crate::pop) fn bytes(&self) -> usize {
        counted(self)
    }
}

impl What {
    /// Bytes of it, as it is sent.
    pub fn bytes(&self) -> usize {
        counted(self)
    }

    /// The same, as far as it can be sent: what can be missed most easily is left out where it is too large; `None` where
    /// that is not enough.
    pub(in crate::pop) fn fitted(mut self) -> Option<What> {
        let bytes = self.bytes();
        if bytes <= ENTRY_BYTES_MAX {
            return Some(self);
        }
        while self.shorten() {
            if self.bytes() <= ENTRY_BYTES_MAX {
                tracing::warn!(
                    bytes,
                    most = ENTRY_BYTES_MAX,
                    "what was said of a call is more than can be kept: variables, names, or what is long over are left out"
                );
                return Some(self);
            }
        }
        tracing::error!(
            bytes,
            most = ENTRY_BYTES_MAX,
            "what was said of a call is more than can be kept: it is passed over"
        );
        None
    }

    /// Leaves out what can be missed most easily; whether there was anything.
    fn shorten(&mut self) -> bool {
        match self {
            What::Ring { facts, offers, .. } => {
                let has_names = offers
                    .iter()
                    .any(|offer| offer.name.is_some() || offer.team.is_some());
                if facts.shorten() {
                    return true;
                }
                for offer in offers {
                    (offer.name, offer.team) = (None, None);
                }
                has_names
            }
            What::Brought { piece } => piece.shorten(),
            _ => false,
        }
    }
}

fn counted(said: &impl Serialize) -> usize {
    let mut counter = Counter(0);
    // Texts and numbers can be counted.
    let _infallible = serde_json::to_writer(&mut counter, said);
    counter.0
}

struct Counter(usize);

impl std::io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use super::super::super::calls::Calls;
    use super::super::super::message::Facts;
    use super::super::Offer;
    use super::*;

    fn ring(call: &str, variables: usize, offers: Vec<Offer>) -> What {
        let value = "\u{1}".repeat(1024);
        let facts = Facts {
            ani: "+14806754110".to_owned(),
            variables: (0..variables)
                .map(|nth| (nth.to_string(), value.clone()))
                .collect(),
            ..Facts::default()
        };
        What::Ring {
            call: call.to_owned(),
            ids: Vec::new(),
            facts: Box::new(facts),
            recorded: false,
            offers,
            link: None,
            inherits: None,
        }
    }

    fn offer(agent: &str, nth: usize) -> Offer {
        Offer {
            agent: format!("{agent}{nth}"),
            name: Some("n".repeat(200)),
            pops: true,
            pop: Some(nth.to_string()),
            ..Offer::default()
        }
    }

    #[test]
    fn a_ring_that_says_too_much_is_kept_with_as_much_as_fits() {
        let plain = ring("7", 64, vec![offer("joan", 1)]);
        assert!(plain.bytes() < ENTRY_BYTES_MAX);
        assert_eq!(plain.clone().fitted(), Some(plain));
        let fitted = ring("7", 200, vec![offer("joan", 1)]).fitted().unwrap();
        assert!(fitted.bytes() <= ENTRY_BYTES_MAX);
        let What::Ring { facts, offers, .. } = fitted else {
            unreachable!()
        };
        assert_eq!((facts.variables.len(), facts.ani.as_str()), (50, "+14806754110"));
        assert_eq!(offers, [offer("joan", 1)]);
        // Names go where nothing else is left, and all of them.
        let agent = "a".repeat(1900);
        let fitted = ring("7", 1, (0..256).map(|nth| offer(&agent, nth)).collect()).fitted();
        let Some(What::Ring { offers, .. }) = fitted else {
            unreachable!()
        };
        assert!(offers.iter().all(|offer| offer.name.is_none() && offer.pops));
        let agent = "a".repeat(4096);
        assert_eq!(
            ring("7", 1, (0..256).map(|nth| offer(&agent, nth)).collect()).fitted(),
            None
        );
    }

    #[test]
    fn a_call_is_brought_however_much_was_said_of_it() {
        let mut calls = Calls::default();
        for nth in 0..200 {
            let what = ring("7", 60, vec![offer(&"joan".repeat(1000), nth)]);
            calls.apply(&Entry { at: nth as u64, what });
            let what = What::Ended {
                call: "7".to_owned(),
                agent: None,
            };
            calls.apply(&Entry { at: nth as u64, what });
        }
        calls.apply(&Entry {
            at: 500,
            what: ring("7", 60, vec![offer("ben", 500)]),
        });
        let brought: Vec<What> = calls.pieces().collect();
        assert!(brought.iter().any(|what| what.bytes() > ENTRY_BYTES_MAX));
        let mut other = Calls::default();
        for what in brought {
            let what = what.fitted().unwrap();
            assert!(what.bytes() <= ENTRY_BYTES_MAX);
            other.apply(&Entry { at: 600, what });
        }
        let shown = other.shown("7", "ben500").unwrap();
        assert!(shown.state.is_live() && !shown.facts.variables.is_empty());
    }
}
