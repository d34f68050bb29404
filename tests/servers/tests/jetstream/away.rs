//! Brokers that are killed, or stand still.

use std::time::{Duration, Instant};

use ringside::feed::source::{Event, Source, SourceError};
use servers::nats::Nats;

use crate::reader::{connect, create, deletions, follow, ids, publish, publisher, run, source};

/// What is meant by seconds, on a machine that tests keep busy.
const SECONDS: Duration = Duration::from_secs(20);

#[test]
fn a_reader_goes_on_where_it_was() {
    run(async {
        let nats = Nats::start("").unwrap();
        let broker = publisher(&nats).await;
        create(&broker).await;
        publish(&broker, 0..4).await;
        let mut first = source(&nats);
        let life = follow(&mut first, &[]).await;
        let (found, life) = deletions(&mut first, &life, 4).await.unwrap();
        assert_eq!(found, ids(0..4));
        drop(first);
        publish(&broker, 4..10).await;
        let mut second = source(&nats);
        let again = follow(&mut second, std::slice::from_ref(&life)).await;
        assert_eq!(again, life);
        let (found, _) = deletions(&mut second, &life, 6).await.unwrap();
        assert_eq!(found, ids(4..10));
        // Nothing is left: that is said, and again.
        for _ in 0..2 {
            while !matches!(second.next().await.unwrap(), Event::Idle { lag_ms: None }) {}
        }
    });
}

#[test]
fn a_killed_broker_is_noticed_and_followed_again_within_seconds() {
    run(async {
        // Everything is written at once, so that nothing is lost with the broker.
        let mut nats = Nats::start("").unwrap();
        let broker = publisher(&nats).await;
        create(&broker).await;
        publish(&broker, 0..5).await;
        let mut source = source(&nats);
        let life = follow(&mut source, &[]).await;
        let (_, life) = deletions(&mut source, &life, 5).await.unwrap();
        nats.kill().unwrap();
        let killed = Instant::now();
        let error = loop {
            if let Err(error) = source.next().await {
                break error;
            }
        };
        assert!(matches!(error, SourceError::Away(_)), "{error:?}");
        let noticed = killed.elapsed();
        assert!(noticed < SECONDS, "noticed after {noticed:?}");
        nats.start_again().unwrap();
        let started = Instant::now();
        let broker = publisher(&nats).await;
        publish(&broker, 5..8).await;
        follow(&mut source, std::slice::from_ref(&life)).await;
        let (found, _) = deletions(&mut source, &life, 3).await.unwrap();
        assert_eq!(found, ids(5..8));
        let recovered = started.elapsed();
        assert!(recovered < SECONDS, "recovered after {recovered:?}");
        eprintln!("noticed after {noticed:?}, recovered {recovered:?} after the broker was back");
    });
}

#[test]
fn a_broker_that_stands_still_is_noticed_and_nothing_is_lost() {
    run(async {
        let nats = Nats::start("").unwrap();
        let broker = publisher(&nats).await;
        create(&broker).await;
        publish(&broker, 0..3).await;
        let mut source = source(&nats);
        let life = follow(&mut source, &[]).await;
        let (_, life) = deletions(&mut source, &life, 3).await.unwrap();
        nats.freeze(true).unwrap();
        let frozen = Instant::now();
        let error = loop {
            if let Err(error) = source.next().await {
                break error;
            }
        };
        assert!(matches!(error, SourceError::Away(_)), "{error:?}");
        let noticed = frozen.elapsed();
        assert!(noticed < SECONDS, "noticed after {noticed:?}");
        nats.freeze(false).unwrap();
        publish(&broker, 3..5).await;
        follow(&mut source, std::slice::from_ref(&life)).await;
        let (found, _) = deletions(&mut source, &life, 2).await.unwrap();
        assert_eq!(found, ids(3..5));
    });
}

#[test]
fn a_broker_that_was_never_there_is_away_and_a_stream_that_is_not_there_needs_a_person() {
    run(async {
        let mut nats = Nats::start("").unwrap();
        let mut source = source(&nats);
        let Err(SourceError::Unfit(why)) = connect(&mut source, &[]).await else {
            panic!("no stream was followed")
        };
        assert!(why.contains("nats stream add CUSTOMERS"), "{why}");
        nats.kill().unwrap();
        let away = source.connect(&[]).await;
        assert!(matches!(away, Err(SourceError::Away(_))), "{away:?}");
    });
}
