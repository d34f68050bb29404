//! Whatever is heard, in whatever order: what desktops are told agrees with itself, and the same entries make the same.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::super::message::{Kind, State};
use super::super::{Calls, Heard, News};
use super::{Centre, heard};

#[derive(Debug, Clone)]
enum Step {
    Heard(Box<Heard>, Option<&'static str>),
    Linked(&'static str, Option<&'static str>),
    Shown(&'static str, &'static str),
    Passed(u64),
    Restarted,
}

fn step() -> impl Strategy<Value = Step> {
    let call = prop::sample::select(vec!["1", "2", "3", "4"]);
    let agents = prop::sample::select(vec![&[][..], &["a"][..], &["b"][..], &["a", "b"][..], &["c"][..]]);
    let news = prop::sample::select(vec![
        News::Ring,
        News::Ring,
        News::Ring,
        News::Answer,
        News::Answer,
        News::Ivr,
        News::Refuse,
        News::Transfer,
        News::Conference,
        News::WrapUp("w".to_owned()),
        News::Update,
        News::End,
        News::End,
    ]);
    let kind = prop::sample::select(vec![
        None,
        Some("TRANSFER"),
        Some("CONSULT"),
        Some("OUT"),
        Some("OUTBOUND"),
    ]);
    let other = prop::option::weighted(0.2, prop::sample::select(vec!["1", "2", "3", "4"]));
    let customer = prop::sample::select(vec![None, Some("x"), Some("y")]);
    let rings = (call.clone(), agents, news, kind, other, customer.clone()).prop_map(
        |(call, agents, news, kind, other, customer)| {
            let mut heard = heard(call, agents, news);
            heard.facts.call_type = kind.map(str::to_owned);
            heard.ids.extend(other.map(str::to_owned));
            Step::Heard(Box::new(heard), customer)
        },
    );
    prop_oneof![
        10 => rings,
        2 => (call, customer).prop_map(|(call, customer)| Step::Linked(call, customer)),
        2 => (prop::sample::select(vec!["a", "b", "c"]), prop::sample::select(vec!["t1", "t2"]))
            .prop_map(|(agent, tab)| Step::Shown(agent, tab)),
        2 => prop::sample::select(vec![1_u64, 1000, 61_000, 181_000, 3_700_000]).prop_map(Step::Passed),
        1 => Just(Step::Restarted),
    ]
}

/// What a desktop makes of what it is told: each pop's state, and how often it popped.
#[derive(Debug, Default)]
struct Desktop {
    pops: BTreeMap<String, (State, u32)>,
}

proptest! {
    #[test]
    fn desktops_are_told_what_is(steps in prop::collection::vec(step(), 1..80)) {
        let mut centre = Centre::new();
        let mut desktops: BTreeMap<String, Desktop> = BTreeMap::new();
        let mut newest = 0;
        for step in steps {
            match step {
                Step::Heard(heard, found) => {
                    let rung = centre.hear(&heard, found);
                    prop_assert!(rung.pop_id.is_none() || rung.agent.is_some());
                }
                Step::Linked(call, customer) => {
                    let is_known = centre.calls.knows(call);
                    prop_assert_eq!(centre.link(call, customer, "a").is_ok(), is_known);
                    if is_known {
                        prop_assert_eq!(centre.calls.link(call).unwrap().customer.as_deref(), customer);
                    }
                }
                Step::Shown(agent, tab) => {
                    if let Some(shown) = centre.calls.current(agent).first() {
                        let before = shown.shown_by.clone();
                        let (what, by) = centre.calls.showing(agent, &shown.pop_id, tab, |_| false).unwrap();
                        prop_assert_eq!(what.is_some(), before.is_none());
                        prop_assert_eq!(&*by, before.as_deref().unwrap_or(tab));
                        if let Some(what) = what {
                            centre.apply(what);
                        }
                    }
                }
                Step::Passed(ms) => centre.wait(ms),
                Step::Restarted => {
                    // From the state as it is written out, and from all entries: the same.
                    let written = serde_json::to_vec(&centre.calls).unwrap();
                    let bounds = super::super::Bounds { key_variables: vec!["user.key".to_owned()], ..Default::default() };
                    let read = serde_json::from_slice::<Calls>(&written).unwrap().with(bounds.clone());
                    let mut replayed = Calls::new(bounds);
                    for entry in &centre.entries {
                        replayed.apply(entry);
                    }
                    let all = serde_json::to_value(&centre.calls).unwrap();
                    prop_assert_eq!(&serde_json::to_value(&read).unwrap(), &all);
                    prop_assert_eq!(&serde_json::to_value(&replayed).unwrap(), &all);
                    centre.calls = read;
                }
            }
            for message in std::mem::take(&mut centre.told) {
                prop_assert!(message.id > newest, "ids grow");
                newest = message.id;
                let desktop = desktops.entry(message.agent.to_string()).or_default();
                let pop = desktop.pops.entry(message.pop.pop_id.to_string());
                let (state, count) = pop.or_insert((message.pop.state, 0));
                *state = message.pop.state;
                *count += u32::from(message.kind == Kind::Pop);
            }
            let pops = desktops.values().flat_map(|desktop| desktop.pops.values());
            prop_assert!(pops.into_iter().all(|(_, count)| *count == 1), "a pop pops once");
            // What is live is what a desktop thinks that is.
            for agent in ["a", "b", "c"] {
                let live: BTreeSet<String> = centre.calls.current(agent).iter()
                    .filter(|shown| shown.state.is_live()).map(|shown| shown.pop_id.to_string()).collect();
                let thought: BTreeSet<String> = desktops.get(agent).into_iter().flat_map(|desktop| &desktop.pops)
                    .filter(|(_, (state, _))| state.is_live()).map(|(pop, _)| pop.clone()).collect();
                prop_assert!(live.is_subset(&thought), "{agent}: {live:?} and {thought:?}");
            }
        }
        // Whatever was heard, it comes to an end.
        centre.wait(30_000_000);
        prop_assert!(centre.calls.is_empty());
        let ids: BTreeSet<String> = centre.interactions.iter().map(|one| one["id"].to_string()).collect();
        prop_assert_eq!(ids.len(), centre.interactions.len(), "each is recorded once");
    }
}
