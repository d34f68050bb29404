//! Desktops that come back: what they missed, and what they are told where that is not known.

use serde_json::json;

use crate::desktop::Desktop;
use crate::ring;
use crate::site::Site;

#[test]
fn a_desktop_that_comes_back_is_told_what_it_missed_and_nothing_twice() {
    let site = Site::new("");
    let (_serving, at, _) = site.start(&[]);
    let (mut desktop, _) = Desktop::events(at, None);
    ring(at, "call-1");
    let first = desktop.event();
    drop(desktop);
    ring(at, "call-2");
    ring(at, "call-3");
    let (mut desktop, hello) = Desktop::events(at, first.id);
    assert_eq!(
        (&hello.data["reset"], &hello.data["pops"]),
        (&json!(false), &json!(0))
    );
    for call in ["call-2", "call-3"] {
        let pop = desktop.event();
        assert_eq!((pop.kind.as_str(), &pop.data["call_id"]), ("pop", &json!(call)));
    }
    ring(at, "call-4");
    assert_eq!(desktop.event().data["call_id"], "call-4");
}

#[test]
fn a_desktop_that_was_away_for_too_long_is_told_what_there_is() {
    let site = Site::new("desks.replay_max = 2\n");
    let (_serving, at, _) = site.start(&[]);
    let (mut desktop, _) = Desktop::events(at, None);
    ring(at, "call-1");
    let first = desktop.event();
    drop(desktop);
    for call in ["call-2", "call-3", "call-4"] {
        ring(at, call);
    }
    let (mut desktop, hello) = Desktop::events(at, first.id);
    assert_eq!(
        (&hello.data["reset"], &hello.data["pops"]),
        (&json!(true), &json!(4)),
        "{hello:?}"
    );
    let pops: Vec<_> = (0..4).map(|_| desktop.event()).collect();
    let calls: Vec<_> = pops
        .iter()
        .map(|pop| pop.data["call_id"].as_str().unwrap())
        .collect();
    assert_eq!(calls, ["call-1", "call-2", "call-3", "call-4"]);
    let has_id: Vec<bool> = pops.iter().map(|pop| pop.id.is_some()).collect();
    assert_eq!(
        has_id,
        [false, false, false, true],
        "half of them is no place to go on from"
    );
    // From there it goes on without a gap.
    let last = pops[3].id;
    drop(desktop);
    ring(at, "call-5");
    let (mut desktop, hello) = Desktop::events(at, last);
    assert_eq!(hello.data["reset"], false);
    assert_eq!(desktop.event().data["call_id"], "call-5");
}

/// Whether the service was stopped or killed: the pop is there again, ids go on growing, and what it rings next comes.
#[test]
fn a_desktop_that_comes_back_after_a_restart_has_its_pops() {
    let site = Site::new("");
    let mut last = None;
    for (nth, signal) in ["-TERM", "-KILL", "-TERM"].into_iter().enumerate() {
        let (mut serving, at, _) = site.start(&[]);
        let (mut desktop, hello) = Desktop::events(at, last);
        if hello.data["reset"] == true {
            for _ in 0..hello.data["pops"].as_u64().unwrap() {
                desktop.event();
            }
            assert_eq!(hello.data["pops"].as_u64().unwrap(), u64::try_from(nth).unwrap());
        }
        // Nothing that was answered as kept is lost, and no id is given twice.
        let call = format!("call-{nth}");
        ring(at, &call);
        let pop = desktop.event();
        assert_eq!(pop.data["call_id"], *call);
        assert!(pop.id > last, "{:?} behind {last:?}", pop.id);
        last = pop.id;
        serving.signal(signal);
        serving.wait();
    }
}
