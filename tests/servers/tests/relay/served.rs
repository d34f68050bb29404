//! The service itself behind a relay: killed, and its stream purged.

use std::time::Duration;

use async_nats::jetstream;
use servers::nats::Nats;
use servers::ringside::Ringside;
use servers::wait::until;
use tempfile::TempDir;

use crate::made::{Origin, Relay, STREAM};

const PATIENCE: Duration = Duration::from_secs(60);

fn start(folder: &TempDir, nats: &Nats) -> Ringside {
    let url = nats.url();
    let config = format!(
        "[feed.main]\nkind = 'jetstream'\n[feed.main.jetstream]\nservers = ['{url}']\nstream = '{STREAM}'\n"
    );
    Ringside::start(folder.path(), &config)
}

fn is_named(edge: &Ringside, customer: usize, name: &str) {
    until("the customer has its name", PATIENCE, || {
        let id = format!("c-{customer}");
        match edge.customer(&id) {
            Some(found) if found.to_string().contains(&format!("\"{name}\"")) => Ok(()),
            found => Err(format!("{id}: {found:?}")),
        }
    });
}

#[test]
fn two_servers_follow_one_relay_through_kills_and_a_purge() {
    let nats = Nats::start("").unwrap();
    let origin = Origin::new(50);
    let _relay = Relay::start(&nats, &origin, "one");
    let (first, second) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (one, two) = (start(&first, &nats), start(&second, &nats));
    for edge in [&one, &two] {
        edge.until_fresh();
        is_named(edge, 49, "Customer 49");
    }
    origin.change([1, 2, 3]);
    for edge in [&one, &two] {
        is_named(edge, 3, "Change 2");
    }
    // Killed, it goes on where it was: nothing is copied again, by it or by the relay.
    let one = one.kill_and_start();
    origin.change([4]);
    is_named(&one, 4, "Change 3");
    is_named(&one, 1, "Change 0");
    assert_eq!(origin.copies(), 1);
    // Everything is gone from the stream: the relay copies again, and both take it up beside what they serve.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let broker = jetstream::new(async_nats::connect(nats.url()).await.unwrap());
        broker.get_stream(STREAM).await.unwrap().purge().await.unwrap();
    });
    until("it is copied again", PATIENCE, || match origin.copies() {
        2 => Ok(()),
        copies => Err(format!("{copies} copies")),
    });
    origin.change([5]);
    for edge in [&one, &two] {
        is_named(edge, 5, "Change 4");
        is_named(edge, 4, "Change 3");
        edge.until_fresh();
    }
}
