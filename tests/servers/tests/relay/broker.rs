//! One relay, and a broker that is killed, emptied and trimmed.

use std::time::{Duration, Instant};

use ringside::relay::Settings;
use servers::nats::Nats;

use crate::edge::{Edge, names, run};
use crate::made::{Origin, Relay, STREAM, settings};

/// Much longer than going on takes where nobody waits for it.
const LEASE_MS: u64 = 60_000;

#[test]
fn edges_copy_what_the_relay_copied_and_follow_what_it_follows() {
    run(async {
        let nats = Nats::start("").unwrap();
        let origin = Origin::new(1000);
        origin.change(0..3);
        let patient = |name| Settings {
            lease_ms: LEASE_MS,
            ..settings(&nats.url(), name)
        };
        let relay = Relay::start_in(patient("one"), &origin);
        let mut edge = Edge::new(&nats.url());
        edge.until(|edge| edge.copies == 1).await;
        assert_eq!(edge.rows, 1000);
        // Hot keys: a few customers change all the time; every change arrives, once and in order.
        origin.change((0..5000).map(|change| change % 5));
        edge.until(|edge| edge.changes.len() >= 5000).await;
        assert_eq!(edge.changes, names(3..5003));
        edge.until(|edge| edge.lag_ms == Some(7)).await;
        // A second edge finds the copy and what came behind it; the source is not asked again.
        let mut second = Edge::new(&nats.url());
        second.until(|edge| edge.changes.len() >= 5000).await;
        assert_eq!((second.rows, second.changes.clone()), (1000, names(3..5003)));
        assert_eq!(origin.copies(), 1);
        // The next relay goes on where this one stopped, at once.
        drop(relay);
        let stopped = Instant::now();
        let _relay = Relay::start_in(patient("two"), &origin);
        origin.change([1, 2]);
        edge.until(|edge| edge.changes.len() >= 5002).await;
        assert_eq!(edge.changes, names(3..5005));
        let waited = stopped.elapsed();
        assert!(waited < Duration::from_millis(LEASE_MS / 2), "after {waited:?}");
        assert_eq!((origin.copies(), edge.copies), (1, 1));
    });
}

#[test]
fn a_source_that_is_away_makes_edges_say_that_they_are_behind() {
    run(async {
        let nats = Nats::start("").unwrap();
        let origin = Origin::new(1);
        let _relay = Relay::start(&nats, &origin, "one");
        let mut edge = Edge::new(&nats.url());
        edge.until(|edge| edge.lag_ms == Some(7)).await;
        origin.cut(true);
        edge.until(|edge| edge.lag_ms.is_some_and(|lag| lag > 4000)).await;
        origin.cut(false);
        origin.change([0]);
        edge.until(|edge| edge.changes.len() == 1 && edge.lag_ms == Some(7))
            .await;
    });
}

#[test]
fn a_killed_broker_costs_seconds_and_no_change() {
    run(async {
        let mut nats = Nats::start("").unwrap();
        let origin = Origin::new(10);
        let _relay = Relay::start(&nats, &origin, "one");
        let mut edge = Edge::new(&nats.url());
        origin.change(0..100);
        edge.until(|edge| edge.copies == 1).await;
        let first = 100 - edge.changes.len();
        let _ = first;
        for round in 0..3 {
            origin.change(0..2000);
            let half = edge.changes.len() + 500;
            edge.until(|edge| edge.changes.len() >= half).await;
            nats.kill().unwrap();
            nats.start_again().unwrap();
            let started = Instant::now();
            origin.change(0..10);
            let last = format!("Change {}", 100 + (round + 1) * 2010 - 1);
            edge.until(|edge| edge.changes.last() == Some(&last)).await;
            let recovered = started.elapsed();
            assert!(
                recovered < Duration::from_secs(30),
                "recovered after {recovered:?}"
            );
            eprintln!("followed everything {recovered:?} after the broker was back");
        }
        // In order, and none twice or never, whatever was on its way.
        let total = 100 + 3 * 2010;
        assert_eq!(edge.changes, names(total - edge.changes.len()..total));
        assert_eq!((origin.copies(), edge.copies), (1, 1));
    });
}

#[test]
fn a_stream_that_is_purged_trimmed_or_deleted_is_copied_into_again() {
    run(async {
        let nats = Nats::start("").unwrap();
        let origin = Origin::new(20);
        let broker = async_nats::jetstream::new(async_nats::connect(nats.url()).await.unwrap());
        {
            let _relay = Relay::start(&nats, &origin, "one");
            let mut edge = Edge::new(&nats.url());
            edge.until(|edge| edge.copies == 1).await;
            // Its head is trimmed: whoever follows goes on, whoever comes finds another copy.
            let mut stream = broker.get_stream(STREAM).await.unwrap();
            stream.purge().sequence(10).await.unwrap();
            edge.until(|edge| edge.copies == 2).await;
            assert_eq!((origin.copies(), edge.rows), (2, 20));
            let mut second = Edge::new(&nats.url());
            second.until(|edge| edge.copies == 1).await;
            assert_eq!(second.rows, 20);
            assert!(stream.info().await.unwrap().state.first_sequence >= 10);
        }
        {
            let _relay = Relay::start(&nats, &origin, "two");
            let mut edge = Edge::new(&nats.url());
            edge.until(|edge| edge.copies == 1).await;
            broker.get_stream(STREAM).await.unwrap().purge().await.unwrap();
            edge.until(|edge| edge.copies == 2).await;
            assert_eq!((origin.copies(), edge.rows), (3, 20));
        }
        let _relay = Relay::start(&nats, &origin, "three");
        let mut edge = Edge::new(&nats.url());
        edge.until(|edge| edge.copies == 1).await;
        broker.delete_stream(STREAM).await.unwrap();
        edge.until(|edge| edge.copies == 2).await;
        origin.change([3]);
        edge.until(|edge| !edge.changes.is_empty()).await;
        assert_eq!((edge.rows, origin.copies()), (20, 4));
    });
}

#[test]
fn the_broker_verifies_what_relays_rely_on() {
    run(async {
        let nats = Nats::start("").unwrap();
        let broker = async_nats::jetstream::new(async_nats::connect(nats.url()).await.unwrap());
        let config = async_nats::jetstream::stream::Config {
            name: "S".to_owned(),
            subjects: vec!["s".to_owned()],
            ..Default::default()
        };
        broker.create_stream(config).await.unwrap();
        let publish = async |id: &str, last: u64, after: Option<&str>| {
            let mut message = async_nats::jetstream::message::PublishMessage::build()
                .message_id(id)
                .expected_last_sequence(last);
            if let Some(after) = after {
                message = message.expected_last_message_id(after);
            }
            let sent = broker.send_publish("s", message).await.unwrap();
            sent.await
                .map(|stored| stored.sequence)
                .map_err(|error| error.kind())
        };
        use async_nats::jetstream::context::PublishErrorKind::{WrongLastMessageId, WrongLastSequence};
        assert_eq!(publish("a", 0, None).await, Ok(1));
        assert_eq!(publish("b", 0, None).await, Err(WrongLastSequence));
        assert_eq!(publish("b", 1, Some("x")).await, Err(WrongLastMessageId));
        assert_eq!(publish("b", 1, Some("a")).await, Ok(2));
        assert_eq!(publish("c", 1, Some("a")).await, Err(WrongLastSequence));
    });
}
