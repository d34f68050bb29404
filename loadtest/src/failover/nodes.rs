//! The pair as it is deployed, with rings and desktops beside the lookups.

use std::io::Error;
use std::process::Command;

use serde_json::json;
use servers::pair::address::{self, Vrrp};
use servers::pair::{CUSTOMERS, Load, Options, Pair, Place, name, node, phone};
use servers::ringside::program;
use tempfile::TempDir;

use super::act::Act;
use super::callers::{Callers, Question, make_room};
use super::run::{Pops, Stand};

/// Callers who keep their connection.
pub(super) const LINES: usize = 50;

/// Two nodes of Ringside, and an arbiter.
#[derive(Debug)]
pub(super) struct Nodes {
    pair: Pair,
    load: Option<Load>,
    // Last: the nodes read in it.
    _customers: TempDir,
}

impl Nodes {
    /// Starts all of it, over the same file of customers, and waits until it is whole.
    ///
    /// # Errors
    /// The system gives no folder.
    pub(super) fn start(advert_s: f64) -> Result<Nodes, Error> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("customers.ndjson");
        let customer = |n: u32| {
            let customer = json!({"id": format!("c-{n}"), "name": name(n), "phones": [phone(n)]});
            format!("{}\n", json!({"op": "upsert", "customer": customer}))
        };
        std::fs::write(&file, (0..CUSTOMERS).map(customer).collect::<String>())?;
        let pair = Pair::start(Options {
            has_stores: false,
            // As it comes: its defaults are what is measured.
            watchdog: Vec::new(),
            vrrp: Vrrp {
                advert_s: advert_s.to_string(),
                ..Vrrp::default()
            },
            further: format!("[desks]\nheartbeat_s = 1\n[feed.main]\nkind = \"file\"\npath = {file:?}\n"),
            ..Options::default()
        });
        let mut nodes = Nodes {
            pair,
            load: None,
            _customers: folder,
        };
        nodes.mend();
        Ok(nodes)
    }
}

impl Stand for Nodes {
    fn callers(&self) -> Result<Callers, Error> {
        let question = |n: u32| Question {
            request: format!(
                "GET /v1/lookup?ani={} HTTP/1.1\r\nhost: ringside\r\n\r\n",
                phone(n).replace('+', "%2B")
            )
            .into_bytes(),
            expected: format!("\"name\":{:?}", name(n)).into_bytes(),
        };
        let questions = (0..CUSTOMERS).map(question).collect();
        self.pair.net().of(Place::Client).within(|| {
            make_room()?;
            Callers::begin(node::vip(), questions, LINES)
        })
    }

    fn begin(&mut self) {
        self.load = Some(Load::of_calls(self.pair.net()));
    }

    fn strike(&mut self, act: Act) -> Result<(), Error> {
        let place = self
            .pair
            .holder()
            .ok_or_else(|| Error::other("expected one node with the address, found none or two"))?;
        match act {
            Act::NodeKilled => self.pair.kill(place),
            Act::NodeFrozen => self.pair.freeze(place, true),
            Act::CablePulled => self.pair.net().pull(place),
            Act::ServiceKilled => self.pair.kill_one(place, node::NAME),
            Act::ServiceFrozen => self.pair.host(place).freeze(node::NAME, true),
            Act::HandOver => return self.hand_over(place),
        }
        Ok(())
    }

    fn mend(&mut self) {
        self.pair.restore();
        // Who has the address is known by then; the other one has to be free to take it.
        for place in Place::NODES {
            let track = address::track(self.pair.host(place));
            servers::wait::until(
                "the watchdog lets a node have the address",
                servers::pair::PATIENCE,
                || {
                    let word = std::fs::read_to_string(&track).map_err(|error| error.to_string())?;
                    if word.trim() == "0" {
                        Ok(())
                    } else {
                        Err(format!("{place:?}: {word}"))
                    }
                },
            );
        }
    }

    fn tails(&self) -> String {
        ["keepalived", "watchdog", node::NAME]
            .map(|process| self.pair.tails(process))
            .join("\n")
    }

    fn end(&mut self) -> Pops {
        let Some(load) = self.load.take() else {
            return Pops::default();
        };
        let seen = load.end();
        for ring in seen.lost().iter().chain(&seen.rings.unanswered()) {
            println!("lost or never answered: {ring:?}");
        }
        for twice in seen.twice() {
            println!("shown twice: {twice:?}");
        }
        Pops {
            rings: seen.rings.all.len(),
            replicated: seen.rings.replicated(true),
            lost: seen.lost().len(),
            twice: seen.twice().len(),
            unanswered: seen.rings.unanswered().len(),
        }
    }
}

impl Nodes {
    /// As whoever plans it does: on the node, by the command.
    fn hand_over(&mut self, place: Place) -> Result<(), Error> {
        let data = node::data(self.pair.host(place));
        let mut command = Command::new(program());
        command.arg("handover").arg("--dir").arg(data);
        let done = self.pair.net().of(place).within(move || command.output())?;
        if done.status.success() {
            return Ok(());
        }
        Err(Error::other(format!(
            "expected `ringside handover` to hand over, found {}{}",
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr)
        )))
    }
}
