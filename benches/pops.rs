//! What telling an agent's desktops costs whoever publishes, by how many listen, and a desktop that reads it; what it costs
//! beside thousands of other agents.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a benchmark that cannot set up should stop"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ringside::pop::{DeskSettings, Desks, Kind, Message, Shown, State, Subscription};

const SETTINGS: DeskSettings = DeskSettings {
    heartbeat_s: 10,
    queue_max: 64,
    replay_max: 64,
    replay_s: 600,
    streams_per_agent_max: 16,
    ticket_s: 30,
    tickets_max: 1000,
    missed_s: 3600,
};

fn shown() -> Arc<Shown> {
    Arc::new(Shown {
        pop_id: "p1".into(),
        call_id: "c1".into(),
        agent: "1001".into(),
        state: State::Ringing,
        at: 0,
        answered_at: None,
        ended_at: None,
        shown_by: None,
        extension: None,
        facts: Arc::default(),
        link: None,
        wrap_up: None,
        agents: Arc::new([]),
    })
}

/// Publishes one message, and has every stream read it and wait again.
fn tell(desks: &Desks, message: Message, streams: &mut [Subscription]) {
    desks.publish(Arc::new(message));
    let mut context = Context::from_waker(Waker::noop());
    for stream in streams {
        while let Poll::Ready(told) = stream.poll_next(&mut context) {
            black_box(told.unwrap());
        }
    }
}

fn fan_out(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pops/told");
    for (listening, others) in [(0, 0), (1, 0), (8, 0), (1, 5000)] {
        let desks = Desks::new(&SETTINGS);
        let _others: Vec<_> = (0..others)
            .map(|nth| desks.subscribe(&format!("a{nth}"), None).unwrap())
            .collect();
        let mut streams: Vec<_> = (0..listening)
            .map(|_| desks.subscribe("1001", None).unwrap())
            .collect();
        let (agent, pop): (Arc<str>, _) = ("1001".into(), shown());
        let mut id = 0;
        let name = BenchmarkId::new(format!("{listening} desktops"), format!("beside {others}"));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                id += 1;
                let message = Message {
                    id,
                    kind: Kind::Pop,
                    agent: Arc::clone(&agent),
                    pop: Arc::clone(&pop),
                };
                tell(&desks, message, &mut streams);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, fan_out);
criterion_main!(benches);
