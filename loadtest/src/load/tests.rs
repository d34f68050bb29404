//! The generator against a server in this process: real sockets, and no other core to run on.

use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::engine::{Aim, Engine, Manner, Pace, Ran};
use super::link::Place;
use super::oracle::Oracle;
use super::scenario::Scenario;
use super::schedule::{Choice, Keys, Schedule};
use super::tally::SECOND;
use super::target::{Kind, Target};
use super::{MILLISECOND, Plan, run, validity};
use crate::baseline;

const BYTES: usize = 600;
const CUSTOMERS: u64 = 1000;

/// A bare server that answers until the process ends.
fn bare() -> SocketAddr {
    let (ready, told) = mpsc::channel();
    thread::spawn(move || {
        baseline::serve_at(SocketAddr::from(([127, 0, 0, 1], 0)), BYTES, |address| {
            ready.send(address).unwrap();
        })
    });
    told.recv().unwrap()
}

fn target(address: SocketAddr, oracle: Oracle) -> Target {
    Target::elsewhere(Kind::Hyper, Place::Tcp(address), oracle, CUSTOMERS)
}

fn constant() -> Oracle {
    Oracle::of_constant(vec![b' '; BYTES])
}

fn manner(connections: usize, timeout_ms: u64) -> Manner {
    Manner {
        connections,
        new_connections: false,
        timeout_ns: timeout_ms * MILLISECOND,
        check_every: 10,
    }
}

/// `rate` requests a second for a tenth of a second.
fn driven(target: &Target, manner: Manner, rate: f64) -> Ran {
    let aim = Aim {
        place: &target.place,
        wire: target.wire(manner.new_connections),
        oracle: &target.oracle,
    };
    let mut engine = Engine::new(aim, manner).unwrap();
    let keys = Keys::new(1, CUSTOMERS, Choice::default());
    let mut schedule = Schedule::new(1, rate, SECOND / 10, keys);
    engine.run(0.1, Pace::Open(&mut schedule), 100, None).unwrap()
}

#[test]
fn every_request_is_sent_answered_and_compared_and_phases_are_kept_apart() {
    let text = "name = \"x\"\nabout = \"y\"\nrate = 2000\ncheck_every = 10\nconnections = 4\ntimeout_ms = 20000\n\
                [[phase]]\nname = \"warm-up\"\nseconds = 0.1\nis_warm_up = true\n\
                [[phase]]\nname = \"steady\"\nseconds = 0.2\n";
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let plan = Plan {
        scenario: Scenario::find(&file.path().to_string_lossy()).unwrap(),
        target: target(bare(), constant()),
        seed: 3,
        is_told: false,
    };
    let outcome = run(&plan).unwrap();
    assert_eq!(outcome.phases.len(), 2);
    for (phase, due) in outcome.phases.iter().zip([200, 400_u64]) {
        assert_eq!(
            (phase.answered, phase.sent),
            (phase.sent, phase.answered),
            "{phase:?}"
        );
        assert!(phase.sent.abs_diff(due) < due / 3, "{phase:?}");
        assert!(
            phase.checked >= phase.sent / 10 - 1 && phase.wrong == 0,
            "{phase:?}"
        );
        assert_eq!((phase.failed, phase.refused, phase.timed_out), (0, 0, 0));
        assert!(phase.latency.p50_ns > 0 && phase.latency.p50_ns <= phase.latency.p99_ns);
        assert_eq!(
            phase.per_second.iter().map(|second| second.answered).sum::<u64>(),
            phase.answered
        );
    }
    // What another run with the same seed sends is the same.
    assert_eq!(run(&plan).unwrap().phases[1].sent, outcome.phases[1].sent);
}

#[test]
fn a_wrong_answer_is_found() {
    let mut body = vec![b' '; BYTES];
    body[BYTES - 1] = b'!';
    let target = target(bare(), Oracle::of_constant(body));
    let ran = driven(&target, manner(4, 20_000), 2000.0);
    let (wrong, example) = target.oracle.wrong(&ran.samples).unwrap();
    assert!(wrong > 0 && wrong == ran.samples.len() && example.is_some());
}

#[test]
fn each_request_may_have_a_connection_of_its_own() {
    let target = target(bare(), constant());
    let manner = Manner {
        new_connections: true,
        ..manner(4, 20_000)
    };
    let phase = driven(&target, manner, 2000.0).tally.phase("x", 0.1, 0.0);
    assert!(phase.answered > 100 && phase.answered == phase.sent, "{phase:?}");
}

#[test]
fn what_nobody_answers_stands_at_its_timeout_and_what_waits_behind_it_too() {
    // Takes connections into its queue and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = target(silent.local_addr().unwrap(), constant());
    let phase = driven(&target, manner(2, 50), 1000.0).tally.phase("x", 0.1, 0.0);
    assert!(phase.timed_out > 50 && phase.answered == 0, "{phase:?}");
    assert!(
        phase.sent <= phase.timed_out && phase.lateness.p50_ns >= 20 * MILLISECOND,
        "two connections cannot have sent all in time: {phase:?}"
    );
    assert!(phase.latency.p50_ns >= 50 * MILLISECOND * 99 / 100, "{phase:?}");
}

#[test]
fn a_server_that_is_gone_costs_failed_requests_and_not_the_run() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = gone.local_addr().unwrap();
    let target = target(address, constant());
    let aim = Aim {
        place: &target.place,
        wire: target.wire(false),
        oracle: &target.oracle,
    };
    let mut engine = Engine::new(aim, manner(2, 5000)).unwrap();
    drop(gone);
    let keys = Keys::new(1, CUSTOMERS, Choice::default());
    let mut schedule = Schedule::new(1, 1000.0, SECOND / 10, keys);
    let ran = engine.run(0.1, Pace::Open(&mut schedule), 10, None).unwrap();
    let phase = ran.tally.phase("x", 0.1, 0.0);
    assert!(
        phase.failed > 50 && phase.answered == 0 && phase.timed_out == 0,
        "{phase:?}"
    );
}

#[test]
fn a_generator_that_stalls_says_that_its_figures_are_not_to_be_believed() {
    let target = target(bare(), constant());
    let aim = Aim {
        place: &target.place,
        wire: target.wire(false),
        oracle: &target.oracle,
    };
    let mut engine = Engine::new(aim, manner(4, 20_000)).unwrap();
    let keys = Keys::new(1, CUSTOMERS, Choice::default());
    // Every hundredth request holds the loop up for longer than the bare server ever takes.
    let mut stalled = Schedule::new(1, 10_000.0, SECOND / 5, keys)
        .enumerate()
        .map(|(nth, arrival)| {
            let begun = Instant::now();
            while nth % 100 == 0 && begun.elapsed() < Duration::from_millis(5) {
                std::hint::spin_loop();
            }
            arrival
        });
    let ran = engine.run(0.2, Pace::Open(&mut stalled), 1000, None).unwrap();
    let phase = ran.tally.phase("steady", 0.2, 10_000.0);
    let planned = Scenario::find("steady").unwrap().phase.remove(1);
    let why = validity::why_invalid(&[phase], &[planned]).unwrap();
    assert!(why.contains("late"), "{why}");
}

#[test]
fn a_closed_loop_asks_again_as_soon_as_it_is_answered() {
    let target = target(bare(), constant());
    let aim = Aim {
        place: &target.place,
        wire: target.wire(false),
        oracle: &target.oracle,
    };
    let mut engine = Engine::new(aim, manner(4, 20_000)).unwrap();
    let mut keys = Keys::new(1, CUSTOMERS, Choice::default());
    let ran = engine
        .run(0.1, Pace::Closed(&mut keys, SECOND / 10), 1000, None)
        .unwrap();
    let phase = ran.tally.phase("x", 0.1, 0.0);
    assert!(phase.answered > 20 && phase.answered == phase.sent, "{phase:?}");
    assert!(ran.took_ns >= SECOND / 10);
}
