//! Two outboxes that hear each other, with their files and threads.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::oneshot;

use super::settings;
use crate::metrics::Metrics;
use crate::pop::outbox::{Carrier, Item, Kind, Outbox, Running};

const PATIENCE: Duration = Duration::from_secs(20);

/// Brings what one says to the other one, unless it is cut.
#[derive(Default)]
struct Wire {
    to: Mutex<Weak<Outbox>>,
    is_cut: AtomicBool,
}

impl Carrier for Wire {
    fn carry(&self, news: Vec<u8>, done: oneshot::Sender<bool>) {
        let arrives = self.is_ready();
        if let Some(to) = self.to.lock().unwrap().upgrade().filter(|_| arrives) {
            to.heard(&news);
        }
        let _nobody_waits = done.send(arrives);
    }

    fn is_ready(&self) -> bool {
        !self.is_cut.load(Ordering::Relaxed)
    }
}

/// Two outboxes, of which one decides; each tells a file of its own.
struct Two {
    dir: tempfile::TempDir,
    decider: Arc<AtomicUsize>,
    wires: [Arc<Wire>; 2],
    nodes: [Arc<Outbox>; 2],
    running: [Option<Running>; 2],
}

fn open(dir: &Path, nth: usize) -> Arc<Outbox> {
    let path = dir.join(format!("told-{nth}"));
    let settings = settings(&format!("kind = 'file'\nfile.path = '{}'", path.display()));
    let folder = dir.join(format!("outbox-{nth}"));
    Arc::new(Outbox::open(&folder, &settings, PATIENCE, &Metrics::new().unwrap()).unwrap())
}

impl Two {
    fn new() -> Two {
        let dir = tempfile::tempdir().unwrap();
        let wires = [Arc::new(Wire::default()), Arc::new(Wire::default())];
        let nodes = [0, 1].map(|nth| open(dir.path(), nth));
        let mut two = Two {
            dir,
            decider: Arc::default(),
            wires,
            nodes,
            running: [None, None],
        };
        two.begin(0);
        two.begin(1);
        two
    }

    fn begin(&mut self, nth: usize) {
        *self.wires[1 - nth].to.lock().unwrap() = Arc::downgrade(&self.nodes[nth]);
        let decider = Arc::clone(&self.decider);
        let carrier: Arc<dyn Carrier> = Arc::<Wire>::clone(&self.wires[nth]);
        let decides = Arc::new(move || decider.load(Ordering::Relaxed) == nth);
        self.nodes[nth].pair(carrier, decides);
        let started = self.nodes[nth].start(Arc::new(|_| {}), Arc::new(|_| false));
        self.running[nth] = Some(started.unwrap());
    }

    fn end(&mut self, nth: usize) {
        self.running[nth].take().unwrap().stop();
    }

    /// The keys that the node has told its file.
    fn told(&self, nth: usize) -> Vec<String> {
        let text = std::fs::read_to_string(self.dir.path().join(format!("told-{nth}"))).unwrap_or_default();
        let line = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["key"].clone();
        text.lines()
            .map(|text| line(text).as_str().unwrap().to_owned())
            .collect()
    }

    async fn until(&self, what: &str, mut is_so: impl FnMut(&Two) -> bool) {
        let begun = Instant::now();
        while !is_so(self) {
            assert!(begun.elapsed() < PATIENCE, "{what}");
            tokio::task::yield_now().await;
        }
    }
}

fn item(key: &str) -> Item {
    let body = json!({"customer_id": "c-1"});
    Item::new(key, "lane", Kind::Interaction, body)
}

#[tokio::test]
async fn the_one_that_decides_sends_and_the_other_one_takes_over() {
    let mut two = Two::new();
    let (_, sharing) = two.nodes[1].share(item("first")).unwrap();
    assert!(sharing.is_shared(PATIENCE).await);
    two.until("what the standby took is told", |two| two.told(0) == ["first"])
        .await;
    two.until("nothing waits", |two| {
        two.nodes.iter().all(|node| node.state().waiting == 0)
    })
    .await;
    // The active dies with something that it has not sent.
    two.end(0);
    let (_, sharing) = two.nodes[0].share(item("second")).unwrap();
    drop(sharing);
    two.until("the standby holds it", |two| two.nodes[1].state().waiting == 1)
        .await;
    // Durably: it may have been restarted meanwhile.
    two.end(1);
    two.nodes[1] = open(two.dir.path(), 2);
    let held = open(two.dir.path(), 1);
    assert_eq!(held.list(false)[0].key, "second");
    two.nodes[1] = held;
    two.begin(1);
    assert_eq!(two.told(1), Vec::<String>::new());
    two.decider.store(1, Ordering::Relaxed);
    two.until("it is told", |two| two.told(1) == ["second"]).await;
    two.until("nothing waits", |two| two.nodes[1].state().waiting == 0)
        .await;
    // What was over is not told again, whoever says it.
    two.nodes[1].push(item("first")).unwrap();
    assert_eq!(two.nodes[1].state().waiting, 0);
}

#[tokio::test]
async fn what_the_other_one_does_not_have_is_told_so_and_made_up_for() {
    let two = Two::new();
    two.decider.store(9, Ordering::Relaxed);
    two.wires[0].is_cut.store(true, Ordering::Relaxed);
    let (id, sharing) = two.nodes[0].share(item("first")).unwrap();
    assert!(!sharing.is_shared(PATIENCE).await);
    // It is kept here, and whoever asks again learns how it is by then.
    assert_eq!(two.nodes[0].state().waiting, 1);
    two.wires[0].is_cut.store(false, Ordering::Relaxed);
    let (again, sharing) = two.nodes[0].share(item("first")).unwrap();
    assert!(sharing.is_shared(PATIENCE).await && again == id);
    two.until("the other one has it", |two| two.nodes[1].state().waiting == 1)
        .await;
    two.wires[1].is_cut.store(true, Ordering::Relaxed);
    two.nodes[1].push(item("second")).unwrap();
    two.wires[1].is_cut.store(false, Ordering::Relaxed);
    two.nodes[1].compare();
    two.until("this one has the other", |two| two.nodes[0].state().waiting == 2)
        .await;
    two.decider.store(0, Ordering::Relaxed);
    two.until("both are told once", |two| two.told(0).len() == 2)
        .await;
    two.until("and wait nowhere", |two| {
        two.nodes.iter().all(|node| node.state().waiting == 0)
    })
    .await;
    assert_eq!(two.told(1), Vec::<String>::new());
}

#[tokio::test]
async fn an_outbox_that_is_alone_shares_with_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = open(dir.path(), 0);
    let (_, sharing) = outbox.share(item("first")).unwrap();
    assert!(sharing.is_shared(Duration::ZERO).await);
    outbox.heard(b"nonsense");
}
