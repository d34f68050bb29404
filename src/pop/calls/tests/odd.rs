//! What follows from ids that are used again, legs that come late, and more calls than there may be.

use super::super::{Bounds, Calls, Heard, News, Unknown};
use super::{Centre, heard, of_kind, told};
use crate::pop::{Entry, Kind, Offer, State, What};

#[test]
fn an_id_that_is_used_again_is_another_call_with_the_same_link() {
    let mut centre = Centre::new();
    centre.hear(&heard("7", &["joan"], News::Ring), Some("c-1"));
    centre.hear(&heard("7", &["joan"], News::Answer), None);
    centre.link("7", Some("c-2"), "joan").unwrap();
    centre.hear(&heard("7", &[], News::End), None);
    centre.wait(61_000);
    centre.told();
    // Put into a queue by the transfer for longer than a call is waited for.
    centre.hear(&heard("7", &["ben"], News::Ring), Some("c-1"));
    assert_eq!(
        centre.told(),
        [told("ben", Kind::Pop, State::Ringing, Some("c-2"))]
    );
    centre.wait(3_601_000);
    assert_eq!(centre.interactions.len(), 2);
    assert_ne!(centre.interactions[0]["id"], centre.interactions[1]["id"]);
}

#[test]
fn an_id_that_another_caller_has_is_another_call() {
    let mut centre = Centre::new();
    centre.hear(&heard("7", &["joan"], News::Ring), Some("c-1"));
    centre.hear(&heard("7", &["joan"], News::Answer), None);
    centre.link("7", Some("c-2"), "joan").unwrap();
    centre.hear(&heard("7", &[], News::End), None);
    centre.wait(61_000);
    centre.told();
    for (agent, nth) in [("joan", 1), ("ben", 2)] {
        let mut other = heard("7", &[agent], News::Ring);
        other.facts.ani = format!("+1480675999{nth}");
        centre.hear(&other, Some("c-9"));
        assert_eq!(
            centre.told(),
            [told(agent, Kind::Pop, State::Ringing, Some("c-9"))]
        );
        centre.hear(&heard("7", &[], News::End), None);
        centre.wait(61_000);
        centre.told();
    }
}

#[test]
fn a_call_that_goes_on_from_a_closed_one_is_its_own() {
    let mut centre = Centre::new();
    centre.hear(&heard("7", &["joan"], News::Ring), Some("c-1"));
    centre.hear(&heard("7", &["joan"], News::Answer), None);
    centre.link("7", Some("c-2"), "joan").unwrap();
    centre.hear(&heard("7", &[], News::End), None);
    centre.wait(61_000);
    centre.told();
    // To the same agent, through a queue.
    let next = |agents: &[&str]| {
        let mut next = heard("8", agents, News::Ring);
        next.ids = vec!["7".to_owned()];
        next.facts.ani = "4411".to_owned();
        next
    };
    centre.hear(&next(&[]), None);
    centre.hear(&next(&["joan"]), None);
    assert_eq!(
        centre.told(),
        [told("joan", Kind::Pop, State::Ringing, Some("c-2"))]
    );
    assert_eq!(centre.calls.current("joan")[0].facts.ani, "4411");
    centre.wait(181_000);
    assert_eq!(
        centre.told(),
        [told("joan", Kind::Clear, State::Missed, Some("c-2"))]
    );
    centre.wait(4_000_000);
    assert_eq!(centre.interactions.len(), 2);
}

#[test]
fn who_answers_after_all_has_the_call() {
    let mut centre = Centre::new();
    centre.hear(&heard("7", &["joan"], News::Ring), None);
    centre.wait(181_000);
    centre.told();
    centre.hear(&heard("7", &["joan"], News::Answer), None);
    assert_eq!(
        centre.told(),
        [
            told("joan", Kind::Pop, State::Ringing, None),
            told("joan", Kind::Update, State::Answered, None),
        ]
    );
    centre.hear(&heard("7", &["joan"], News::End), None);
    for late in [News::Answer, News::Ring] {
        centre.hear(&heard("7", &["joan"], late), None);
    }
    assert_eq!(centre.told(), [told("joan", Kind::Update, State::Ended, None)]);
}

#[test]
fn what_ends_at_a_telephone_ends_there_alone() {
    let mut centre = Centre::new();
    centre.apply(What::LoggedIn {
        agent: "joan".to_owned(),
        extension: Some("4411".to_owned()),
        name: None,
        team: None,
        until: u64::MAX,
    });
    let at = |extension: &str, news| Heard {
        extension: Some(extension.to_owned()),
        ..heard("7", &[], news)
    };
    centre.hear(&at("4411", News::Ring), None);
    centre.hear(&at("4411", News::Answer), None);
    centre.hear(&at("9999", News::End), None);
    assert!(
        centre.calls.current("joan")[0].state.is_live(),
        "nobody is at 9999"
    );
    centre.apply(What::LoggedOut {
        agent: "joan".to_owned(),
    });
    centre.hear(&at("4411", News::End), None);
    assert_eq!(centre.calls.current("joan")[0].state, State::Ended);
}

#[test]
fn a_leg_that_turns_into_another_kind_ends_all_the_same() {
    let mut centre = Centre::new();
    centre.hear(&heard("7", &["joan"], News::Ring), None);
    centre.hear(&heard("7", &["joan"], News::Answer), None);
    // A consultation of the same agent's, in a dialog of its own, is over.
    let consult = Heard {
        ids: vec!["7".to_owned()],
        ..of_kind("CONSULT", "8", "joan")
    };
    centre.hear(&consult, None);
    let over = Heard {
        news: News::End,
        ..consult
    };
    centre.hear(&over, None);
    assert_eq!(centre.calls.current("joan")[0].state, State::Answered);
    let turned = Heard {
        news: News::End,
        ..of_kind("CONSULT_CONFERENCE", "7", "joan")
    };
    centre.hear(&turned, None);
    assert_eq!(centre.calls.current("joan")[0].state, State::Ended);
}

#[test]
fn who_joins_is_told_from_who_takes_over() {
    let mut centre = Centre::new();
    centre.hear(&heard("7", &["joan"], News::Ring), None);
    centre.hear(&heard("7", &["joan"], News::Answer), None);
    // Said ahead of the ring, and behind it.
    centre.hear(&heard("7", &["joan"], News::Transfer), None);
    centre.hear(&heard("7", &["ben"], News::Ring), None);
    centre.hear(&heard("7", &["ben"], News::Answer), None);
    centre.hear(&heard("7", &["cyd"], News::Ring), None);
    centre.hear(&heard("7", &["joan"], News::Conference), None);
    centre.hear(&heard("7", &["cyd"], News::Answer), None);
    centre.hear(&heard("7", &[], News::End), None);
    centre.wait(61_000);
    let activities = centre.interactions[0]["activities"].as_array().unwrap();
    let kinds: Vec<_> = activities
        .iter()
        .map(|one| one["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["agent", "transfer", "conference"]);
}

#[test]
fn what_was_said_can_be_taken_back() {
    let mut centre = Centre::new();
    centre.hear(&heard("7", &["joan"], News::Ring), None);
    centre.link("7", Some("c-2"), "joan").unwrap();
    let what = centre.calls.unlinking("7").unwrap();
    centre.apply(what);
    assert_eq!(centre.calls.link("7"), None);
    assert_eq!(centre.calls.unlinking("8"), Err(Unknown::Call));
}

#[test]
fn calls_are_bounded() {
    let mut centre = Centre::new();
    centre.calls = Calls::new(Bounds {
        calls_max: 10,
        ..Bounds::default()
    });
    let ring = |centre: &mut Centre, nth: u32| {
        centre.now += 1;
        centre.hear(&heard(&nth.to_string(), &["joan"], News::Ring), None);
    };
    for nth in 0..10 {
        ring(&mut centre, nth);
        centre.hear(&heard(&nth.to_string(), &[], News::End), None);
    }
    for nth in 10..100 {
        ring(&mut centre, nth);
    }
    // What is not recorded yet may be twice as many; whoever has one on the screen that is forgotten is told.
    assert_eq!(centre.calls.len(), 20);
    assert!(centre.calls.knows("99") && centre.calls.knows("80") && !centre.calls.knows("10"));
    let cleared = centre
        .told()
        .into_iter()
        .filter(|(_, kind, ..)| *kind == Kind::Clear)
        .count();
    assert_eq!(cleared, 10 + 80, "as it ended, and as it was forgotten");
    // What is closed goes first.
    for nth in 80..100 {
        centre.hear(&heard(&nth.to_string(), &[], News::End), None);
    }
    centre.wait(61_000);
    assert_eq!((centre.calls.len(), centre.interactions.len()), (10, 20));
    ring(&mut centre, 100);
    assert!(centre.calls.len() == 10 && centre.calls.knows("100") && !centre.calls.knows("90"));
}

#[test]
fn a_ring_that_is_told_when_it_is_long_over_rings_nobody_again() {
    let mut centre = Centre::new();
    let rang = centre.now;
    let late = Entry {
        at: rang + 1000,
        what: What::Ring {
            call: "7".to_owned(),
            ids: Vec::new(),
            facts: Box::default(),
            recorded: true,
            offers: vec![Offer {
                agent: "joan".to_owned(),
                pops: true,
                pop: Some("late".to_owned()),
                ..Offer::default()
            }],
            link: None,
            inherits: None,
        },
    };
    centre.hear(&heard("7", &["joan"], News::Ring), None);
    centre.now += 180_000;
    centre.apply(What::Missed {
        call: "7".to_owned(),
        agent: "joan".to_owned(),
    });
    assert_eq!(centre.calls.apply(&late), []);
    centre.apply(What::Closed { call: "7".to_owned() });
    assert_eq!(centre.calls.apply(&late), []);
    let shown = centre.calls.shown("7", "joan").unwrap();
    assert_eq!((shown.state, shown.at), (State::Missed, rang));
    // What rings after it was over rings.
    centre.now += 121_000;
    centre.hear(&heard("7", &["joan"], News::Ring), None);
    assert_eq!(centre.calls.state("7"), Some("ringing"));
}
