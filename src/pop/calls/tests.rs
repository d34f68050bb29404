//! Calls as phone systems tell of them, and what desktops are told.

#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

mod model;
mod odd;

use super::super::entry::{Entry, What};
use super::super::message::{Facts, Kind, Message, State};
use super::{Bounds, Calls, Found, Heard, News, Rung, Unknown};

/// A centre: calls, the time, and what each agent's desktop was told.
pub(super) struct Centre {
    pub(super) calls: Calls,
    pub(super) now: u64,
    pub(super) told: Vec<Message>,
    pub(super) entries: Vec<Entry>,
    pub(super) interactions: Vec<serde_json::Value>,
}

impl Centre {
    pub(super) fn new() -> Centre {
        let bounds = Bounds {
            key_variables: vec!["user.key".to_owned()],
            ..Bounds::default()
        };
        Centre {
            calls: Calls::new(bounds),
            now: 1_000_000,
            told: Vec::new(),
            entries: Vec::new(),
            interactions: Vec::new(),
        }
    }

    pub(super) fn apply(&mut self, what: What) {
        let entry = Entry { at: self.now, what };
        self.told.extend(self.calls.apply(&entry));
        self.entries.push(entry);
    }

    pub(super) fn hear(&mut self, heard: &Heard, found: Found<'_>) -> Rung {
        let (whats, mut rung) = self.calls.hear(heard, found, self.now);
        for what in whats {
            self.apply(what);
        }
        let shown = rung
            .agent
            .as_deref()
            .and_then(|agent| self.calls.shown(&heard.call, agent));
        if rung.reason.is_none() {
            rung.pop_id = rung.pop_id.or(shown.map(|shown| shown.pop_id.to_string()));
        }
        rung
    }

    pub(super) fn link(&mut self, call: &str, customer: Option<&str>, agent: &str) -> Result<(), Unknown> {
        let what = self.calls.linking(call, customer, Some(agent))?;
        self.apply(what);
        Ok(())
    }

    /// Lets time pass.
    pub(super) fn wait(&mut self, ms: u64) {
        let until = self.now + ms;
        while let Some((at, _)) = self.calls.due.first().cloned().filter(|(at, _)| *at <= until) {
            self.now = self.now.max(at);
            for due in self.calls.due(self.now) {
                self.interactions.extend(due.interaction);
                self.apply(due.what);
            }
        }
        self.now = until;
    }

    /// What was told since the last time: whom, what kind, how far, and whose call it is.
    fn told(&mut self) -> Vec<(String, Kind, State, Option<String>)> {
        let told = std::mem::take(&mut self.told);
        told.into_iter()
            .map(|message| {
                let customer = message.pop.link.as_ref().and_then(|link| link.customer.clone());
                (
                    message.agent.to_string(),
                    message.kind,
                    message.pop.state,
                    customer,
                )
            })
            .collect()
    }
}

pub(super) fn heard(call: &str, agents: &[&str], news: News) -> Heard {
    Heard {
        call: call.to_owned(),
        agents: agents.iter().map(|agent| (*agent).to_owned()).collect(),
        facts: Facts {
            ani: "+14806754110".to_owned(),
            ..Facts::default()
        },
        news,
        ..Heard::default()
    }
}

fn of_kind(call_type: &str, call: &str, agent: &str) -> Heard {
    let mut heard = heard(call, &[agent], News::Ring);
    heard.facts.call_type = Some(call_type.to_owned());
    heard
}

fn told(
    agent: &str,
    kind: Kind,
    state: State,
    customer: Option<&str>,
) -> (String, Kind, State, Option<String>) {
    (agent.to_owned(), kind, state, customer.map(str::to_owned))
}

#[test]
fn a_ring_pops_once_however_often_it_is_told() {
    let mut centre = Centre::new();
    let first = centre.hear(&heard("7", &["joan"], News::Ring), Some("c-1"));
    assert_eq!(
        centre.told(),
        [told("joan", Kind::Pop, State::Ringing, Some("c-1"))]
    );
    assert!(first.pop_id.is_some());
    for news in [News::Ring, News::Ring, News::Update] {
        let again = centre.hear(&heard("7", &["joan"], news.clone()), Some("c-1"));
        if news == News::Ring {
            assert_eq!(again, first);
        }
    }
    assert_eq!(centre.told(), []);
    centre.hear(&heard("7", &["joan"], News::Answer), None);
    centre.hear(&heard("7", &["joan"], News::Answer), None);
    assert_eq!(
        centre.told(),
        [told("joan", Kind::Update, State::Answered, Some("c-1"))]
    );
    // Again at hang-up is a fault that agents know.
    assert_eq!(centre.hear(&heard("7", &["joan"], News::Ring), None), first);
    centre.hear(&heard("7", &["joan"], News::End), None);
    centre.hear(&heard("7", &["joan"], News::End), None);
    assert_eq!(
        centre.told(),
        [told("joan", Kind::Update, State::Ended, Some("c-1"))]
    );
    centre.wait(61_000);
    // Told late, it is the same call.
    centre.hear(&heard("7", &["joan"], News::Ring), Some("c-1"));
    assert_eq!(centre.told(), []);
}

#[test]
fn a_pop_is_called_as_its_entry_says_wherever_the_entry_is_read() {
    let mut centre = Centre::new();
    let (mut whats, _) = centre
        .calls
        .hear(&heard("7", &["joan", "ben"], News::Ring), None, centre.now);
    let mut names = ["node-a.1", "node-a.2"].into_iter();
    whats[0].name_pops(|| names.next().map(str::to_owned));
    let mut other = Centre::new();
    other.calls.begin_ids(100);
    for centre in [&mut centre, &mut other] {
        centre.apply(whats[0].clone());
        let told: Vec<_> = centre.told.iter().map(|message| &*message.pop.pop_id).collect();
        assert_eq!(told, ["node-a.1", "node-a.2"]);
    }
    // Ids of messages are counted all the same.
    assert_eq!((centre.calls.newest_id(), other.calls.newest_id()), (2, 102));
}

#[test]
fn what_nobody_is_to_see_pops_nowhere() {
    let mut centre = Centre::new();
    for (word, reason) in [
        ("OUT", "manual_outbound"),
        ("CONSULT", "consult"),
        ("SUPERVISOR_MONITOR", "monitoring"),
        ("BARGE_IN", "monitoring"),
        ("AGENT_INSIDE", "inside"),
    ] {
        let rung = centre.hear(&of_kind(word, word, "joan"), Some("c-1"));
        assert_eq!((rung.reason, rung.pop_id), (Some(reason), None), "{word}");
    }
    assert_eq!(centre.told(), []);
    // Of these, the call that the agent made alone is part of the customer's history.
    centre.hear(&heard("OUT", &["joan"], News::Answer), None);
    centre.hear(&heard("OUT", &["joan"], News::End), None);
    centre.wait(61_000);
    let calls: Vec<_> = centre
        .interactions
        .iter()
        .map(|one| one["call_id"].clone())
        .collect();
    assert_eq!(calls, ["OUT"]);
    assert_eq!(centre.interactions[0]["customer_id"], "c-1");
}

#[test]
fn an_agents_choice_overrules_and_holds_for_every_leg() {
    let mut centre = Centre::new();
    centre.hear(&heard("7", &["joan"], News::Ring), Some("c-1"));
    centre.hear(&heard("7", &["joan"], News::Answer), None);
    centre.link("7", Some("c-2"), "joan").unwrap();
    centre.told();
    // A consulted agent sees nothing, and the dialog that the transfer will come on is known from then on.
    let consult = Heard {
        ids: vec!["7".to_owned()],
        ..of_kind("CONSULT", "8", "ben")
    };
    assert_eq!(centre.hear(&consult, None).reason, Some("consult"));
    let transferred = of_kind("TRANSFER", "8", "ben");
    let rung = centre.hear(&transferred, Some("c-9"));
    assert!(rung.pop_id.is_some());
    assert_eq!(
        centre.told(),
        [told("ben", Kind::Pop, State::Ringing, Some("c-2"))]
    );
    // A call variable is as good.
    let mut third = heard("9", &["cyd"], News::Ring);
    third
        .facts
        .variables
        .push(("user.key".to_owned(), "k".to_owned()));
    let mut first = heard("7", &["joan"], News::Update);
    first
        .facts
        .variables
        .push(("user.key".to_owned(), "k".to_owned()));
    centre.hear(&first, None);
    centre.hear(&third, None);
    assert_eq!(
        centre.told(),
        [told("cyd", Kind::Pop, State::Ringing, Some("c-2"))]
    );
    // Whoever is at it learns of the next choice.
    centre.link("9", None, "cyd").unwrap();
    let mut all = centre.told();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(
        all,
        [
            told("ben", Kind::Update, State::Ringing, None),
            told("cyd", Kind::Update, State::Ringing, None),
            told("joan", Kind::Update, State::Answered, None),
        ]
    );
    assert_eq!(centre.link("nobody's", None, "cyd"), Err(Unknown::Call));
}

#[test]
fn two_calls_that_turn_out_to_be_one_keep_the_choice() {
    let mut centre = Centre::new();
    centre.hear(&heard("7", &["joan"], News::Ring), Some("c-1"));
    centre.link("7", Some("c-2"), "joan").unwrap();
    centre.hear(&heard("8", &["ben"], News::Ring), Some("c-9"));
    let joined = Heard {
        ids: vec!["7".to_owned()],
        ..heard("8", &["ben"], News::Update)
    };
    centre.hear(&joined, None);
    for call in ["7", "8"] {
        assert_eq!(centre.calls.link(call).unwrap().customer.as_deref(), Some("c-2"));
    }
    assert_eq!(centre.calls.len(), 1);
    assert_eq!(
        centre.calls.current("joan").len() + centre.calls.current("ben").len(),
        2
    );
}

#[test]
fn a_call_that_waits_pops_when_it_rings_and_rings_elsewhere_when_refused() {
    let mut centre = Centre::new();
    let mut queued = heard("7", &[], News::Ring);
    queued.facts.queue = Some("support".to_owned());
    assert_eq!(centre.hear(&queued, Some("c-1")).reason, Some("queued"));
    centre.hear(&heard("7", &[], News::Ivr), None);
    centre.hear(&heard("7", &["joan"], News::Ring), None);
    centre.hear(&heard("7", &["joan"], News::Refuse), None);
    centre.hear(&heard("7", &["ben"], News::Ring), None);
    // And again at the same desk: that is another pop.
    centre.hear(&heard("7", &["ben"], News::Refuse), None);
    centre.hear(&heard("7", &["ben"], News::Ring), None);
    assert_eq!(
        centre.told(),
        [
            told("joan", Kind::Pop, State::Ringing, Some("c-1")),
            told("joan", Kind::Clear, State::Refused, Some("c-1")),
            told("ben", Kind::Pop, State::Ringing, Some("c-1")),
            told("ben", Kind::Clear, State::Refused, Some("c-1")),
            told("ben", Kind::Pop, State::Ringing, Some("c-1")),
        ]
    );
    centre.hear(&heard("7", &[], News::End), None);
    centre.wait(61_000);
    let offered = centre.interactions[0]["offered_to"].as_array().unwrap();
    let agents: Vec<_> = offered
        .iter()
        .map(|offer| (offer["agent_id"].clone(), offer["state"].clone()))
        .collect();
    assert_eq!(
        agents,
        [("joan".into(), "refused".into()), ("ben".into(), "missed".into())]
    );
}

#[test]
fn several_telephones_ring_and_one_is_answered() {
    let mut centre = Centre::new();
    centre.hear(&heard("7", &["joan", "ben"], News::Ring), None);
    centre.hear(&heard("7", &["ben"], News::Answer), None);
    assert_eq!(
        centre.told(),
        [
            told("joan", Kind::Pop, State::Ringing, None),
            told("ben", Kind::Pop, State::Ringing, None),
            told("ben", Kind::Update, State::Answered, None),
            told("joan", Kind::Clear, State::Taken, None),
        ]
    );
}

#[test]
fn a_telephone_is_its_agents_and_an_unknown_one_is_nobodys() {
    let mut centre = Centre::new();
    let at = Heard {
        extension: Some("4411".to_owned()),
        ..heard("7", &[], News::Ring)
    };
    assert_eq!(centre.hear(&at, None).reason, Some("unknown_extension"));
    let until = centre.now + 1000;
    centre.apply(What::LoggedIn {
        agent: "joan".to_owned(),
        extension: Some("4411".to_owned()),
        name: Some("Joan".to_owned()),
        team: None,
        until,
    });
    assert_eq!(centre.hear(&at, None).agent.as_deref(), Some("joan"));
    assert_eq!(centre.told(), [told("joan", Kind::Pop, State::Ringing, None)]);
    assert_eq!(
        centre.calls.current("joan")[0].agents[0].name.as_deref(),
        Some("Joan")
    );
    centre.now += 1000;
    let later = Heard {
        call: "8".to_owned(),
        ..at
    };
    assert_eq!(centre.hear(&later, None).reason, Some("unknown_extension"));
}

#[test]
fn the_last_wrap_up_counts_for_each_agent() {
    let mut centre = Centre::new();
    centre.hear(&heard("7", &["joan"], News::Ring), Some("c-1"));
    centre.hear(&heard("7", &["joan"], News::Answer), None);
    centre.now += 10_000;
    centre.hear(&heard("7", &["joan"], News::Transfer), None);
    centre.hear(&heard("7", &["ben"], News::Ring), None);
    centre.hear(&heard("7", &["ben"], News::Answer), None);
    centre.hear(&heard("7", &["joan"], News::End), None);
    centre.hear(&heard("7", &["joan"], News::WrapUp("Billing".to_owned())), None);
    centre.now += 20_000;
    centre.hear(&heard("7", &[], News::End), None);
    centre.hear(&heard("7", &["ben"], News::WrapUp("Sales".to_owned())), None);
    centre.hear(&heard("7", &["joan"], News::WrapUp("Router".to_owned())), None);
    assert!(centre.interactions.is_empty());
    centre.wait(61_000);
    let interaction = &centre.interactions[0];
    let activities = interaction["activities"].as_array().unwrap();
    let of: Vec<_> = activities
        .iter()
        .map(|one| {
            (
                one["kind"].as_str().unwrap(),
                one["agent_id"].as_str().unwrap(),
                one["wrap_up"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(of, [("agent", "joan", "Router"), ("transfer", "ben", "Sales")]);
    assert_eq!(
        (&interaction["type"], &interaction["duration_s"]),
        (&"finesse".into(), &30.into())
    );
    assert_eq!(
        (&interaction["direction"], &interaction["linked_by"]),
        (&"inbound".into(), &"match".into())
    );
    centre.wait(3_600_000);
    assert!(centre.calls.is_empty(), "and forgotten");
    assert_eq!(centre.interactions.len(), 1);
}

#[test]
fn a_call_that_only_a_machine_had_is_closed_by_its_end_or_by_time() {
    let mut centre = Centre::new();
    centre.hear(&heard("7", &[], News::Ivr), Some("c-1"));
    centre.now += 5000;
    centre.hear(&heard("7", &[], News::End), None);
    centre.wait(61_000);
    centre.hear(&heard("8", &[], News::Ivr), None);
    centre.wait(14_400_000);
    let of: Vec<_> = centre
        .interactions
        .iter()
        .map(|one| (one["call_id"].as_str().unwrap(), one["type"].as_str().unwrap()))
        .collect();
    assert_eq!(of, [("7", "ivr"), ("8", "ivr")]);
    assert_eq!(centre.interactions[0]["activities"][0]["duration_s"], 5);
}

#[test]
fn a_telephone_does_not_ring_for_ever_and_a_missed_call_is_told() {
    let mut centre = Centre::new();
    let rung = centre.hear(&heard("7", &["joan"], News::Ring), None);
    centre.told();
    centre.wait(180_000);
    assert_eq!(centre.told(), [told("joan", Kind::Clear, State::Missed, None)]);
    assert!(centre.calls.current("joan")[0].was_missed());
    let (what, mine) = centre
        .calls
        .showing("joan", &rung.pop_id.unwrap(), "t1", |_| false)
        .unwrap();
    centre.apply(what.unwrap());
    assert_eq!(mine, "t1");
    assert!(centre.calls.current("joan").is_empty(), "it has been seen");
    assert_eq!(
        centre.calls.showing("joan", "p0", "t1", |_| false),
        Err(Unknown::Pop)
    );
}

#[test]
fn one_tab_shows_a_pop() {
    let mut centre = Centre::new();
    let pop_id = centre
        .hear(&heard("7", &["joan"], News::Ring), None)
        .pop_id
        .unwrap();
    let (what, mine) = centre.calls.showing("joan", &pop_id, "t1", |_| false).unwrap();
    centre.apply(what.unwrap());
    assert_eq!(mine, "t1");
    assert_eq!(
        centre.calls.showing("joan", &pop_id, "t2", |_| false),
        Ok((None, "t1".to_owned()))
    );
    assert_eq!(
        centre.calls.showing("ben", &pop_id, "t1", |_| false),
        Err(Unknown::Pop)
    );
    assert_eq!(centre.told.last().unwrap().pop.shown_by.as_deref(), Some("t1"));
    // A tab that is closed gives way, and one that asks again keeps it.
    let (what, mine) = centre.calls.showing("joan", &pop_id, "t1", |_| true).unwrap();
    assert_eq!((what, mine.as_str()), (None, "t1"));
    let (what, mine) = centre
        .calls
        .showing("joan", &pop_id, "t2", |by| by == "t1")
        .unwrap();
    centre.apply(what.unwrap());
    assert_eq!(mine, "t2");
    let message = centre.told.last().unwrap();
    assert_eq!(message.pop.shown_by.as_deref(), Some("t2"));
}
