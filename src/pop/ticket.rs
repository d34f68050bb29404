//! Tickets: what a browser shows in a URL, where it can send no header. Each is used once, and soon.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::DeskSettings;
use crate::telemetry::Redacted;

/// Bytes of chance in a ticket.
const SECRET: usize = 32;
/// Characters that these are written in.
const WRITTEN: usize = 43;

/// Tickets that were given and not used yet, each with the rights `R` of whoever asked for it. Kept as hashes: whoever
/// reads the memory has no ticket, and how long a look takes says nothing of one.
pub struct Tickets<R> {
    lasts: Duration,
    most: usize,
    given: Mutex<Given<R>>,
}

/// A ticket as its owner has it. It is shown by [`Ticket::expose`] alone.
#[derive(Debug)]
pub struct Ticket(Redacted<String>);

/// Why there is no ticket.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TicketError {
    /// As many are out as may be.
    #[error(
        "expected at most {most} tickets that were not used yet (desks.tickets_max); ask again in {again_s} s, \
         when some have expired"
    )]
    TooMany {
        /// `desks.tickets_max`.
        most: usize,
        /// Seconds until one expires, 1 or more.
        again_s: u64,
    },
    /// The system has no chance to give.
    #[error("expected 32 random bytes of the system, found none: {0}")]
    Random(String),
}

type Hash = [u8; 32];

struct Given<R> {
    held: HashMap<Hash, Held<R>>,
    /// All that were given and are not known to be over, oldest first; used ones among them.
    order: VecDeque<(Instant, Hash)>,
}

struct Held<R> {
    agent: Arc<str>,
    rights: R,
    until: Instant,
}

impl<R> Tickets<R> {
    /// None yet.
    pub fn new(settings: &DeskSettings) -> Tickets<R> {
        Tickets {
            lasts: Duration::from_secs(settings.ticket_s),
            most: settings.tickets_max,
            given: Mutex::new(Given {
                held: HashMap::new(),
                order: VecDeque::new(),
            }),
        }
    }

    /// How long a ticket may be used, in seconds.
    pub fn lasts_s(&self) -> u64 {
        self.lasts.as_secs()
    }

    /// A ticket to be the desktop of `agent` with `rights`.
    ///
    /// # Errors
    /// Too many are out, or the system has no chance to give.
    pub fn issue(&self, agent: &str, rights: R) -> Result<Ticket, TicketError> {
        self.issue_at(agent, rights, Instant::now())
    }

    /// The rights of the ticket `shown`, where it is one for `agent`, was not used and is not too old. It is used up
    /// whoever shows it.
    pub fn redeem(&self, agent: &str, shown: &str) -> Option<R> {
        self.redeem_at(agent, shown, Instant::now())
    }

    fn issue_at(&self, agent: &str, rights: R, now: Instant) -> Result<Ticket, TicketError> {
        let mut secret = [0; SECRET];
        getrandom::fill(&mut secret).map_err(|error| TicketError::Random(error.to_string()))?;
        let text = URL_SAFE_NO_PAD.encode(secret);
        let hash = hash(&text);
        let until = now + self.lasts;
        let mut given = self.given();
        given.forget(now);
        // Used ones count until they are over: what is kept is bounded by what was given.
        if given.order.len() >= self.most {
            let first = given
                .order
                .front()
                .map_or(Duration::ZERO, |(until, _)| *until - now);
            return Err(TicketError::TooMany {
                most: self.most,
                again_s: first.as_secs() + 1,
            });
        }
        given.order.push_back((until, hash));
        let held = Held {
            agent: agent.into(),
            rights,
            until,
        };
        given.held.insert(hash, held);
        Ok(Ticket(Redacted::new(text)))
    }

    fn redeem_at(&self, agent: &str, shown: &str, now: Instant) -> Option<R> {
        if shown.len() != WRITTEN {
            return None;
        }
        let held = self.given().held.remove(&hash(shown))?;
        (*held.agent == *agent && now < held.until).then_some(held.rights)
    }

    fn given(&self) -> MutexGuard<'_, Given<R>> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R> Given<R> {
    fn forget(&mut self, now: Instant) {
        while let Some((until, hash)) = self.order.front()
            && *until <= now
        {
            self.held.remove(hash);
            self.order.pop_front();
        }
    }
}

impl Ticket {
    /// The ticket itself, 43 characters that a URL may hold.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl<R> fmt::Debug for Tickets<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets").field("lasts", &self.lasts).finish()
    }
}

fn hash(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pop::desk::settings;

    fn tickets(most: usize) -> Tickets<u8> {
        Tickets::new(&DeskSettings {
            ticket_s: 30,
            tickets_max: most,
            ..settings()
        })
    }

    #[test]
    fn a_ticket_is_used_once_by_its_agent_and_in_time() {
        let (tickets, now) = (tickets(10), Instant::now());
        let issue = || tickets.issue_at("1001", 7, now).unwrap().expose().to_owned();
        let ticket = issue();
        assert_eq!(ticket.len(), WRITTEN);
        assert_eq!(tickets.redeem_at("1001", &ticket, now), Some(7));
        assert_eq!(tickets.redeem_at("1001", &ticket, now), None, "once");
        let ticket = issue();
        assert_eq!(tickets.redeem_at("1002", &ticket, now), None, "another's");
        assert_eq!(
            tickets.redeem_at("1001", &ticket, now),
            None,
            "used up by whoever showed it"
        );
        let ticket = issue();
        let late = now + Duration::from_secs(30);
        assert_eq!(tickets.redeem_at("1001", &ticket, late), None, "expired");
        let ticket = issue();
        let soon = late - Duration::from_millis(1);
        assert_eq!(tickets.redeem_at("1001", &ticket, soon), Some(7));
        for nonsense in ["", "a", &"a".repeat(WRITTEN), &"a".repeat(1000)] {
            assert_eq!(tickets.redeem_at("1001", nonsense, now), None);
        }
    }

    #[test]
    fn tickets_are_bounded_and_forgotten() {
        let (tickets, now) = (tickets(2), Instant::now());
        let first = tickets.issue_at("1", 1, now).unwrap();
        tickets.redeem_at("1", first.expose(), now).unwrap();
        tickets.issue_at("1", 1, now + Duration::from_secs(10)).unwrap();
        let error = tickets
            .issue_at("1", 1, now + Duration::from_secs(12))
            .unwrap_err();
        assert_eq!(error, TicketError::TooMany { most: 2, again_s: 19 });
        tickets.issue_at("1", 1, now + Duration::from_secs(30)).unwrap();
        let given = tickets.given();
        assert_eq!((given.order.len(), given.held.len()), (2, 2));
    }

    #[test]
    fn a_ticket_is_not_shown_and_not_kept() {
        let tickets = tickets(2);
        let ticket = tickets.issue("1", 1).unwrap();
        assert!(!format!("{ticket:?}").contains(ticket.expose()));
        let given = tickets.given();
        let raw = URL_SAFE_NO_PAD.decode(ticket.expose()).unwrap();
        assert!(given.held.keys().all(|kept| kept[..] != raw[..]));
    }
}
