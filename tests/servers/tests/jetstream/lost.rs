//! Streams that lose what a reader has not read.

use async_nats::jetstream::stream::Config;
use ringside::feed::source::{Life, Source, SourceError, Standing};
use servers::nats::Nats;

use crate::reader::{STREAM, connect, create, deletions, follow, ids, publish, publisher, run, source};

async fn follow_behind_gap(
    source: &mut ringside::feed::jetstream::JetStream,
    known: &[Life],
    expected: &str,
) -> Life {
    let standing = connect(source, known).await.unwrap();
    let Standing::Gap { from, why } = standing else {
        panic!("{standing:?}")
    };
    assert!(why.contains(expected) && why.contains("snapshot build"), "{why}");
    source.follow(&from).await.unwrap();
    from
}

#[test]
fn a_purge_is_seen_while_following_and_behind_it_one_goes_on() {
    run(async {
        let nats = Nats::start("").unwrap();
        let broker = publisher(&nats).await;
        create(&broker).await;
        publish(&broker, 0..3).await;
        let mut source = source(&nats);
        let life = follow(&mut source, &[]).await;
        let (_, life) = deletions(&mut source, &life, 3).await.unwrap();
        // What was read may go: nothing is missing.
        let stream = broker.get_stream(STREAM).await.unwrap();
        stream.purge().await.unwrap();
        follow(&mut source, std::slice::from_ref(&life)).await;
        // What was not read is missing, and a reader that is away meanwhile sees it too.
        let mut away = crate::reader::source(&nats);
        publish(&broker, 3..6).await;
        stream.purge().await.unwrap();
        publish(&broker, 6..8).await;
        let from = follow_behind_gap(&mut away, &[life], "trimmed or purged").await;
        let (found, _) = deletions(&mut away, &from, 2).await.unwrap();
        assert_eq!(found, ids(6..8));
    });
}

#[test]
fn a_message_that_is_deleted_ahead_of_a_reader_is_missed() {
    run(async {
        let nats = Nats::start("").unwrap();
        let broker = publisher(&nats).await;
        create(&broker).await;
        publish(&broker, 0..3).await;
        let stream = broker.get_stream(STREAM).await.unwrap();
        stream.delete_message(2).await.unwrap();
        let mut source = source(&nats);
        let life = follow(&mut source, &[]).await;
        let found = deletions(&mut source, &life, 3).await;
        assert!(matches!(found, Err(SourceError::Lost(_))), "{found:?}");
    });
}

#[test]
fn a_stream_that_is_deleted_and_created_again_is_another_one() {
    run(async {
        let nats = Nats::start("").unwrap();
        let broker = publisher(&nats).await;
        create(&broker).await;
        publish(&broker, 0..3).await;
        let mut source = source(&nats);
        let life = follow(&mut source, &[]).await;
        let (_, life) = deletions(&mut source, &life, 3).await.unwrap();
        broker.delete_stream(STREAM).await.unwrap();
        create(&broker).await;
        publish(&broker, 10..15).await;
        // It has as many messages as were read, and more: a sequence alone would tell nothing.
        let error = loop {
            if let Err(error) = source.next().await {
                break error;
            }
        };
        assert!(!matches!(error, SourceError::Stopped), "{error:?}");
        let from = follow_behind_gap(&mut source, &[life], "created again").await;
        let (found, _) = deletions(&mut source, &from, 5).await.unwrap();
        assert_eq!(found, ids(10..15));
    });
}

#[test]
fn a_trimmed_stream_is_not_taken_for_a_whole_one() {
    run(async {
        let nats = Nats::start("").unwrap();
        let broker = publisher(&nats).await;
        let limited = Config {
            name: STREAM.to_owned(),
            subjects: vec!["customers".to_owned()],
            max_messages: 4,
            ..Config::default()
        };
        broker.create_stream(limited).await.unwrap();
        publish(&broker, 0..10).await;
        let mut source = source(&nats);
        let from = follow_behind_gap(&mut source, &[], "begins at message 7").await;
        let (found, _) = deletions(&mut source, &from, 4).await.unwrap();
        assert_eq!(found, ids(6..10));
    });
}

#[test]
fn a_broker_that_lost_its_newest_messages_is_not_trusted() {
    run(async {
        let mut nats = Nats::start("").unwrap();
        let broker = publisher(&nats).await;
        create(&broker).await;
        publish(&broker, 0..3).await;
        let kept = tempfile::TempDir::new().unwrap();
        nats.kill().unwrap();
        copy(&nats.folder().join("data"), kept.path());
        nats.start_again().unwrap();
        let broker = publisher(&nats).await;
        publish(&broker, 3..6).await;
        let mut source = source(&nats);
        let life = follow(&mut source, &[]).await;
        let (_, life) = deletions(&mut source, &life, 6).await.unwrap();
        // As after a crash of the machine: what the broker had not written is gone, and others get the sequences.
        nats.kill().unwrap();
        std::fs::remove_dir_all(nats.folder().join("data")).unwrap();
        copy(kept.path(), &nats.folder().join("data"));
        nats.start_again().unwrap();
        follow_behind_gap(
            &mut source,
            std::slice::from_ref(&life),
            "lost what it had not written",
        )
        .await;
        let broker = publisher(&nats).await;
        publish(&broker, 20..30).await;
        follow_behind_gap(&mut source, &[life], "another one than it was").await;
    });
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
