//! The streams of desktops: against a model, under seeded schedules, and by threads that race.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::task::{Wake, Waker};
use std::thread;

use proptest::prelude::*;

use super::*;
use crate::pop::{Kind, Shown, State};

/// Settings that are small enough to be reached.
pub(in crate::pop) fn settings() -> DeskSettings {
    DeskSettings {
        heartbeat_s: 10,
        queue_max: 4,
        replay_max: 3,
        replay_s: 60,
        streams_per_agent_max: 3,
        ticket_s: 30,
        tickets_max: 100,
        missed_s: 3600,
    }
}

fn message(agent: &str, id: u64) -> Arc<Message> {
    Arc::new(Message {
        id,
        kind: Kind::Pop,
        agent: agent.into(),
        pop: Arc::new(Shown {
            pop_id: format!("p{id}").into(),
            call_id: "c1".into(),
            agent: agent.into(),
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
        }),
    })
}

/// Counts how often it is called.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Bell>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn poll(subscription: &mut Subscription) -> Poll<Option<u64>> {
    let mut context = Context::from_waker(Waker::noop());
    subscription
        .poll_next(&mut context)
        .map(|next| next.map(|message| message.id))
}

fn ids(beginning: Beginning) -> Option<Vec<u64>> {
    match beginning {
        Beginning::Replay(messages) => Some(messages.iter().map(|message| message.id).collect()),
        Beginning::Reset => None,
    }
}

#[test]
fn a_stream_goes_on_where_it_was() {
    let desks = Desks::new(&settings());
    desks.publish(message("1", 10));
    desks.publish(message("2", 11));
    desks.publish(message("1", 12));
    let mut stream = desks.subscribe("1", Some(10)).unwrap();
    assert_eq!(ids(stream.begin()), Some(vec![12]));
    assert_eq!(poll(&mut stream), Poll::Pending);
    desks.publish(message("1", 13));
    desks.publish(message("1", 13));
    assert_eq!(poll(&mut stream), Poll::Ready(Some(13)));
    assert_eq!(poll(&mut stream), Poll::Pending, "each id once");
}

#[test]
fn what_is_not_known_begins_anew() {
    let desks = Desks::new(&settings());
    desks.begin_behind(5);
    for id in [10, 20, 30, 40] {
        desks.publish(message("1", id));
    }
    let begin = |after| ids(desks.subscribe("1", after).unwrap().begin());
    assert_eq!(begin(None), None, "who knows nothing");
    assert_eq!(begin(Some(9)), None, "10 is kept no longer");
    assert_eq!(begin(Some(10)), Some(vec![20, 30, 40]));
    assert_eq!(begin(Some(40)), Some(vec![]));
    assert_eq!(begin(Some(41)), None, "from another time");
    let begin = |after| ids(desks.subscribe("2", Some(after)).unwrap().begin());
    assert_eq!(begin(40), Some(vec![]), "another agent's id is as good");
    assert_eq!(begin(4), None, "before this start");
    assert_eq!(begin(5), Some(vec![]));
}

#[test]
fn whoever_was_told_what_is_void_begins_anew() {
    let desks = Desks::new(&settings());
    let mut stream = desks.subscribe("1", None).unwrap();
    desks.publish(message("1", 7));
    assert_eq!(poll(&mut stream), Poll::Ready(Some(7)));
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    assert!(stream.poll_next(&mut Context::from_waker(&waker)).is_pending());
    desks.reset(10, &["1".to_owned()]);
    assert_eq!(bell.0.load(Ordering::Relaxed), 1, "it is woken");
    assert_eq!((poll(&mut stream), stream.is_void()), (Poll::Ready(None), true));
    for after in [None, Some(7), Some(9)] {
        assert_eq!(
            ids(desks.subscribe("1", after).unwrap().begin()),
            None,
            "{after:?}"
        );
    }
    // Nobody was told anything by this node yet, and it may be all the same.
    assert_eq!(ids(desks.subscribe("2", Some(9)).unwrap().begin()), None);
    let mut told = desks.subscribe("1", None).unwrap();
    told.pass(10);
    assert_eq!((poll(&mut told), told.is_void()), (Poll::Pending, false));
    desks.publish(message("1", 11));
    assert_eq!(poll(&mut told), Poll::Ready(Some(11)));
    assert_eq!(
        ids(desks.subscribe("1", Some(10)).unwrap().begin()),
        Some(vec![11])
    );
}

#[test]
fn whoever_falls_behind_is_cut() {
    let desks = Desks::new(&settings());
    let mut slow = desks.subscribe("1", None).unwrap();
    let mut quick = desks.subscribe("1", None).unwrap();
    for id in 1..=5 {
        desks.publish(message("1", id));
        assert_eq!(poll(&mut quick), Poll::Ready(Some(id)));
    }
    assert_eq!(poll(&mut slow), Poll::Ready(None));
    desks.publish(message("1", 6));
    assert_eq!(poll(&mut slow), Poll::Ready(None), "and stays so");
    let mut at_most = desks.subscribe("1", Some(3)).unwrap();
    assert_eq!(ids(at_most.begin()), Some(vec![4, 5, 6]));
}

#[test]
fn streams_of_an_agent_are_bounded() {
    let desks = Desks::new(&settings());
    let held: Vec<_> = (0..3).map(|_| desks.subscribe("1", None).unwrap()).collect();
    let error = desks.subscribe("1", None).unwrap_err();
    assert_eq!(error, DeskError::TooMany { most: 3 });
    assert!(desks.subscribe("2", None).is_ok());
    drop(held);
    assert!(desks.subscribe("1", None).is_ok());
    assert_eq!(desks.streams("1"), 0);
}

#[test]
fn agents_of_whom_nothing_is_to_be_replayed_are_forgotten() {
    let desks = Desks::new(&settings());
    desks.publish_at(message("1", 1), 0);
    desks.publish_at(message("2", 2), 50);
    let listening = desks.subscribe("3", None).unwrap();
    desks.publish_at(message("2", 3), 100);
    assert_eq!(desks.agents(), 2, "the first one's message is over 60 s old");
    assert_eq!(
        ids(desks.subscribe("1", Some(0)).unwrap().begin()),
        None,
        "1 is forgotten"
    );
    assert_eq!(ids(desks.subscribe("1", Some(1)).unwrap().begin()), Some(vec![]));
    drop(listening);
    desks.sweep(1000);
    assert_eq!(desks.agents(), 0);
}

#[test]
fn a_stream_passes_over_what_the_present_pops_told() {
    let desks = Desks::new(&settings());
    let mut stream = desks.subscribe("1", None).unwrap();
    desks.publish(message("1", 1));
    desks.publish(message("1", 2));
    // The pops were looked up now, and have the first message's entry in them.
    stream.pass(1);
    assert_eq!(poll(&mut stream), Poll::Ready(Some(2)));
    stream.pass(1);
    assert_eq!(stream.at(), 2, "never back");
}

#[test]
fn a_burst_wakes_a_stream_once() {
    let desks = Desks::new(&settings());
    let mut stream = desks.subscribe("1", None).unwrap();
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    let mut context = Context::from_waker(&waker);
    assert!(stream.poll_next(&mut context).is_pending());
    desks.publish(message("1", 1));
    desks.publish(message("1", 2));
    desks.publish(message("2", 3));
    assert_eq!(bell.0.load(Ordering::Relaxed), 1);
}

/// What a schedule does next.
#[derive(Debug, Clone)]
enum Step {
    /// Agent.
    Publish(u8),
    /// Agent, and how many messages its desktop has lost of those it knew.
    Connect(u8, Option<u8>),
    /// Stream, by its place.
    Read(u8),
    Drop(u8),
    /// Seconds.
    Wait(u8),
    /// So many ids are left out.
    Reset(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_u8..2).prop_map(Step::Publish),
        2 => (0_u8..2, proptest::option::weighted(0.8, 0_u8..6)).prop_map(|(agent, lost)| Step::Connect(agent, lost)),
        4 => (0_u8..6).prop_map(Step::Read),
        1 => (0_u8..6).prop_map(Step::Drop),
        1 => (0_u8..80).prop_map(Step::Wait),
        1 => (1_u8..5).prop_map(Step::Reset),
    ]
}

/// What one stream was told, beside what it should have been.
struct Reader {
    agent: u8,
    stream: Subscription,
    at: u64,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// The model keeps everything: whatever a stream is told next has to be the next of its agent's messages, a stream
    /// ends only where it is too far behind, and a replay is refused only where something of it may be gone.
    #[test]
    fn no_id_is_told_twice_and_none_is_missed(steps in proptest::collection::vec(step(), 1..120)) {
        let bounds = settings();
        let desks = Desks::new(&bounds);
        let mut published: BTreeMap<u8, Vec<(u64, u64)>> = BTreeMap::new();
        let mut readers: Vec<Reader> = Vec::new();
        let (mut id, mut now_s, mut void) = (0, 0, 0);
        for step in steps {
            match step {
                Step::Publish(agent) => {
                    id += 1;
                    published.entry(agent).or_default().push((id, now_s));
                    desks.publish_at(message(&agent.to_string(), id), now_s);
                }
                Step::Connect(agent, lost) => {
                    let known: Vec<u64> = published.entry(agent).or_default().iter().map(|(id, _)| *id).collect();
                    let after = lost.map(|lost| known.iter().rev().nth(usize::from(lost)).copied().unwrap_or(0));
                    let streams = readers.iter().filter(|reader| reader.agent == agent).count();
                    match desks.subscribe(&agent.to_string(), after) {
                        Err(DeskError::TooMany { most }) => prop_assert_eq!(streams, most),
                        Ok(mut stream) => {
                            prop_assert!(streams < bounds.streams_per_agent_max);
                            let rest: Vec<u64> = known.iter().copied().filter(|id| Some(*id) > after).collect();
                            let at = match ids(stream.begin()) {
                                Some(replayed) => {
                                    prop_assert!(after >= Some(void), "{:?} is void", after);
                                    prop_assert_eq!(&replayed, &rest);
                                    known.last().copied().or(after).unwrap_or(0)
                                }
                                None => {
                                    let aged = published[&agent].iter()
                                        .any(|(id, at_s)| Some(*id) > after && now_s - at_s > bounds.replay_s);
                                    let swept = id > 0 && now_s >= bounds.replay_s;
                                    prop_assert!(after < Some(void) || rest.len() > bounds.replay_max || aged || swept,
                                        "refused {:?} of {:?}", after, known);
                                    known.last().copied().unwrap_or(0).max(void)
                                }
                            };
                            readers.push(Reader { agent, stream, at });
                        }
                    }
                }
                Step::Read(place) => {
                    let Some(reader) = readers.get_mut(usize::from(place)) else { continue };
                    let rest: Vec<(u64, u64)> = published[&reader.agent].iter().copied()
                        .filter(|(id, _)| *id > reader.at).collect();
                    match poll(&mut reader.stream) {
                        ended if reader.at < void => {
                            prop_assert_eq!(ended, Poll::Ready(None));
                            prop_assert!(reader.stream.is_void());
                            readers.remove(usize::from(place));
                        }
                        Poll::Pending => prop_assert!(rest.is_empty()),
                        Poll::Ready(Some(id)) => {
                            prop_assert_eq!(id, rest[0].0);
                            prop_assert!(rest.len() <= bounds.queue_max);
                            reader.at = id;
                        }
                        Poll::Ready(None) => {
                            let aged = rest.first().is_some_and(|(_, at_s)| now_s - at_s > bounds.replay_s);
                            prop_assert!(rest.len() > bounds.queue_max || aged, "cut with {:?} to read", rest);
                            readers.remove(usize::from(place));
                        }
                    }
                }
                Step::Drop(place) => {
                    if usize::from(place) < readers.len() {
                        readers.remove(usize::from(place));
                    }
                }
                Step::Wait(seconds) => {
                    now_s += u64::from(seconds);
                    desks.sweep(now_s);
                }
                Step::Reset(more) => {
                    id += u64::from(more);
                    void = id;
                    let all: Vec<String> = (0..=u8::MAX).map(|agent| agent.to_string()).collect();
                    desks.reset(id, &all);
                }
            }
        }
    }
}

/// Threads publish, connect, read, fall and are swept at once; each desktop ends with every id once and in order.
#[test]
fn streams_that_race_with_publishing_miss_nothing() {
    const MESSAGES: u64 = 20_000;
    let bounds = DeskSettings {
        queue_max: 64,
        replay_max: usize::try_from(MESSAGES).unwrap(),
        ..settings()
    };
    let desks = Desks::new(&bounds);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|nth| {
                let desks = &desks;
                scope.spawn(move || desktop(desks, MESSAGES, 50 + nth * 31))
            })
            .collect();
        let sweeping = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                // Never due by age: what is tried is the removal of idle agents beside new streams.
                desks.swept_s.store(0, Ordering::Relaxed);
                desks.sweep(SWEEP_S);
                thread::yield_now();
            }
        });
        for id in 1..=MESSAGES {
            desks.publish_at(message("1", id), SWEEP_S);
            if id % 64 == 0 {
                thread::yield_now();
            }
        }
        for reader in readers {
            assert_eq!(reader.join().unwrap(), (1..=MESSAGES).collect::<Vec<_>>());
        }
        done.store(true, Ordering::Relaxed);
        sweeping.join().unwrap();
    });
}

/// Everything that a desktop is told that connects anew after each `every` messages, and where it was cut.
fn desktop(desks: &Desks, last: u64, every: usize) -> Vec<u64> {
    let mut told = Vec::new();
    while told.last() != Some(&last) {
        let mut stream = desks
            .subscribe("1", Some(told.last().copied().unwrap_or(0)))
            .unwrap();
        told.extend(ids(stream.begin()).expect("everything is kept"));
        let until = told.len() + every;
        while told.len() < until && told.last() != Some(&last) {
            match poll(&mut stream) {
                Poll::Ready(Some(id)) => told.push(id),
                Poll::Ready(None) => break,
                Poll::Pending => thread::yield_now(),
            }
        }
    }
    told
}

#[test]
fn who_comes_to_a_node_that_another_one_may_be_ahead_of_is_told_the_present_pops() {
    let desks = Desks::new(&settings());
    for id in 1..=3 {
        desks.publish(message("joan", id));
    }
    let begins = || desks.subscribe("joan", Some(2)).unwrap().begin();
    assert!(matches!(begins(), Beginning::Replay(missed) if missed.len() == 1));
    desks.lead(false);
    assert!(matches!(begins(), Beginning::Reset));
    desks.lead(true);
    assert!(matches!(begins(), Beginning::Replay(missed) if missed.len() == 1));
    desks.agree(1);
    assert!(matches!(begins(), Beginning::Reset));
    desks.agree(2);
    assert!(matches!(begins(), Beginning::Replay(missed) if missed.len() == 1));
}
