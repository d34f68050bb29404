//! Two relays as processes, one of which stands still for a while.

use async_nats::HeaderMap;
use async_nats::jetstream::{self, stream::Config};
use rustix::process::Signal;
use servers::nats::{Nats, send};
use servers::ringside::program;
use std::fs;
use std::process::{Child, Command, Stdio};

use crate::edge::{Edge, run};
use crate::made::STREAM;

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn relay(nats: &Nats, name: &str) -> Process {
    let file = nats.folder().join(format!("{name}.toml"));
    let url = nats.url();
    let text = format!(
        "[feed.main]\nkind = 'jetstream'\n[feed.main.jetstream]\nservers = ['{url}']\nstream = 'CUSTOMERS'\n\
         [relay]\nname = '{name}'\nservers = ['{url}']\nstream = '{STREAM}'\nmax_bytes = 0\nlease_ms = 2000\n"
    );
    fs::write(&file, text).unwrap();
    let child = Command::new(program())
        .args(["relay", "--config"])
        .arg(&file)
        .stdin(Stdio::null())
        .stderr(fs::File::create(nats.folder().join(format!("{name}.log"))).unwrap())
        .spawn()
        .unwrap();
    Process(child)
}

async fn publish(broker: &jetstream::Context, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let line =
            serde_json::json!({"op": "upsert", "customer": {"id": "c", "name": format!("Change {number}")}});
        let stored = broker
            .publish("customers", line.to_string().into())
            .await
            .unwrap();
        stored.await.unwrap();
    }
}

fn epoch(headers: &HeaderMap) -> u64 {
    headers.get("Ringside-Epoch").unwrap().as_str().parse().unwrap()
}

/// Who published last.
async fn publisher(broker: &jetstream::Context) -> Option<String> {
    let stream = broker.get_stream(STREAM).await.ok()?;
    let epoch = stream
        .get_last_raw_message_by_subject("ringside.control.epoch")
        .await
        .ok()?;
    let json: serde_json::Value = serde_json::from_slice(&epoch.payload).ok()?;
    json["by"].as_str().map(str::to_owned)
}

async fn is_published_by(broker: &jetstream::Context, name: &str) {
    while publisher(broker).await.as_deref() != Some(name) {
        servers::wait::moment().await;
    }
}

#[test]
fn of_two_relays_one_publishes_and_one_that_stood_still_is_fenced() {
    run(async {
        let nats = Nats::start("").unwrap();
        let broker = jetstream::new(async_nats::connect(nats.url()).await.unwrap());
        let source = Config {
            name: "CUSTOMERS".to_owned(),
            subjects: vec!["customers".to_owned()],
            ..Config::default()
        };
        broker.create_stream(source).await.unwrap();
        publish(&broker, 0..100).await;
        let one = relay(&nats, "one");
        is_published_by(&broker, "one").await;
        let _two = relay(&nats, "two");
        let mut edge = Edge::new(&nats.url());
        edge.until(|edge| edge.changes.len() == 100).await;
        // Stopped in the midst of publishing, with as much on its way as there may be.
        publish(&broker, 100..600).await;
        send(&one.0, Signal::STOP).unwrap();
        publish(&broker, 600..700).await;
        is_published_by(&broker, "two").await;
        edge.until(|edge| edge.changes.len() == 700).await;
        send(&one.0, Signal::CONT).unwrap();
        publish(&broker, 700..900).await;
        edge.until(|edge| edge.changes.len() == 900).await;
        // The other way round.
        let log = || fs::read_to_string(nats.folder().join("one.log")).unwrap();
        while !log().contains("standing by") {
            servers::wait::moment().await;
        }
        send(&_two.0, Signal::STOP).unwrap();
        publish(&broker, 900..1000).await;
        edge.until(|edge| edge.changes.len() == 1000).await;
        assert_eq!(publisher(&broker).await.as_deref(), Some("one"));
        send(&_two.0, Signal::CONT).unwrap();

        assert_eq!(edge.changes, crate::edge::names(0..1000));
        let mut stream = broker.get_stream(STREAM).await.unwrap();
        let last = stream.info().await.unwrap().state.last_sequence;
        let (mut newest, mut position) = (0, Vec::new());
        for sequence in 1..=last {
            let message = stream.get_raw_message(sequence).await.unwrap();
            let found = epoch(&message.headers);
            assert!(
                found >= newest,
                "message {sequence} of epoch {found} behind one of {newest}"
            );
            newest = found;
            if message.payload.starts_with(b"{\"customer\"") {
                let at = message
                    .headers
                    .get("Ringside-Position")
                    .unwrap()
                    .as_str()
                    .as_bytes()
                    .to_vec();
                assert!(at != position, "message {sequence} comes twice");
                position = at;
            }
        }
    });
}
