//! A service that is killed again and again while changes come in, beside an oracle of versions.
//!
//! One feed is posted to, another one is a file that is rotated. Of each customer the oracle knows the newest version that
//! was acknowledged; a post whose answer did not come is there whole after the kill, or not at all. RINGSIDE_KILLS says how
//! many rounds, RINGSIDE_SEED which.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::site::{Server, Site, phone, until};
use crate::wire;

const CUSTOMERS: usize = 30;
/// Customers of the file, behind those that are posted.
const FILED: usize = 10;
/// Fills an overlay of one MiB every some hundred changes.
const PADDING: usize = 900;
const PATIENCE: Duration = Duration::from_secs(60);

/// A customer as the oracle knows it: its version, and which number it has; none where it is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    version: u64,
    number: Option<usize>,
}

type Oracle = Vec<Known>;

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }
}

fn of_variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

/// What a caller or a reader is answered; `None` where the service is gone.
fn ask(at: SocketAddr, request: &str) -> Option<(u16, Value)> {
    let mut stream = TcpStream::connect(at).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length: usize = head.lines().find_map(|line| {
        line.to_ascii_lowercase()
            .strip_prefix("content-length: ")?
            .parse()
            .ok()
    })?;
    let body = body.get(..length)?;
    Some((status, serde_json::from_str(body).unwrap()))
}

fn get(at: SocketAddr, target: &str) -> Option<(u16, Value)> {
    ask(
        at,
        &format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
    )
}

fn upsert(nth: usize, known: Known) -> String {
    let number = phone(known.number.unwrap() as u64);
    json!({"op": "upsert", "customer": {
        "id": format!("c{nth}"), "name": format!("c{nth} v{}", known.version),
        "company": "x".repeat(PADDING), "phones": [number]}})
    .to_string()
}

/// A batch of changes: new versions, two that swap their numbers, deletions and returns.
fn batch(dice: &mut Dice, oracle: &Oracle) -> (Oracle, String) {
    let mut next = oracle.clone();
    let mut lines = String::new();
    for _ in 0..=dice.roll(6) {
        let nth = dice.roll(CUSTOMERS);
        let other = dice.roll(CUSTOMERS);
        match (dice.roll(8), next[nth].number, next[other].number) {
            (0, Some(_), _) => {
                next[nth] = Known {
                    version: next[nth].version + 1,
                    number: None,
                };
                lines += &json!({"op": "delete", "id": format!("c{nth}")}).to_string();
                lines.push('\n');
                continue;
            }
            (1 | 2, Some(one), Some(two)) if nth != other => {
                (next[nth].number, next[other].number) = (Some(two), Some(one));
                next[other].version += 1;
                lines += &upsert(other, next[other]);
                lines.push('\n');
            }
            (_, None, _) => {
                let is_free = |number: &usize| next.iter().all(|known| known.number != Some(*number));
                next[nth].number = (0..CUSTOMERS * 2).find(is_free);
            }
            _ => {}
        }
        next[nth].version += 1;
        lines += &upsert(nth, next[nth]);
        lines.push('\n');
    }
    (next, lines)
}

/// Posts batches until the service is gone. What is known for certain, and what may have come beside it.
fn write(
    at: SocketAddr,
    dice: &mut Dice,
    mut oracle: Oracle,
    acknowledged: &[AtomicU64],
) -> (Oracle, Oracle, u64) {
    let mut posted = 0;
    loop {
        let (next, lines) = batch(dice, &oracle);
        let head = format!(
            "POST /v1/changes?feed=main HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            lines.len()
        );
        let Some((status, answer)) = ask(at, &(head + &lines)) else {
            return (oracle, next, posted);
        };
        assert_eq!((status, &answer["rejected"]), (200, &json!(0)), "{answer}");
        for (known, acknowledged) in next.iter().zip(acknowledged) {
            acknowledged.store(known.version, Ordering::Release);
        }
        oracle = next;
        posted += 1;
    }
}

/// Looks numbers up until told to stop: no answer is older than what had been acknowledged before it was asked, and who
/// answers for a number has it.
fn read(at: SocketAddr, acknowledged: &[AtomicU64], done: &AtomicBool, mut dice: Dice) -> u64 {
    let mut answered = 0;
    while !done.load(Ordering::Acquire) {
        let before: Vec<u64> = acknowledged
            .iter()
            .map(|version| version.load(Ordering::Acquire))
            .collect();
        let number = phone(dice.roll(CUSTOMERS * 2) as u64);
        let Some((_, answer)) = get(at, &format!("/v1/lookup?ani=%2B{}", &number[1..])) else {
            return answered;
        };
        if let Some(name) = answer["name"].as_str().filter(|name| name.starts_with('c')) {
            let (nth, version) = read_name(name);
            let has = &answer["customer"]["phones"][0];
            assert_eq!(
                has, &number,
                "half a swap: {name} answers for a number that it does not have"
            );
            if let Some(before) = before.get(nth) {
                assert!(
                    version >= *before,
                    "{name} was answered when version {before} had been acknowledged"
                );
            }
        }
        answered += 1;
    }
    answered
}

fn read_name(name: &str) -> (usize, u64) {
    let (id, version) = name.split_once(" v").unwrap();
    (id[1..].parse().unwrap(), version.parse().unwrap())
}

/// The file of the other feed, which is rotated now and then.
struct Filed {
    path: PathBuf,
    rotated: u32,
    may_rotate: bool,
    versions: [u64; FILED],
}

impl Filed {
    #[expect(clippy::disallowed_methods, reason = "a source rotates its files as it likes")]
    fn append(&mut self, dice: &mut Dice) {
        // Once a round: of two rotations that nobody sees, the file between them is not found.
        if self.may_rotate && dice.roll(8) == 0 && self.path.exists() {
            self.may_rotate = false;
            self.rotated += 1;
            let to = self.path.with_extension(self.rotated.to_string());
            fs::rename(&self.path, to).unwrap();
        }
        let nth = dice.roll(FILED);
        self.versions[nth] += 1;
        let known = Known {
            version: self.versions[nth],
            number: Some(CUSTOMERS * 2 + nth),
        };
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)
            .unwrap();
        file.write_all((upsert(CUSTOMERS + nth, known) + "\n").as_bytes())
            .unwrap();
    }

    fn is_seen(&self, at: SocketAddr) -> bool {
        self.versions.iter().enumerate().all(|(nth, version)| {
            *version == 0 || seen(at, CUSTOMERS + nth).map(|(found, _)| found) == Some(*version)
        })
    }
}

/// Version and number of the `nth` customer as it is served.
fn seen(at: SocketAddr, nth: usize) -> Option<(u64, String)> {
    let (status, answer) = get(at, &format!("/v1/customers/c{nth}")).unwrap();
    if status == 404 {
        return None;
    }
    let (found, version) = read_name(answer["customer"]["name"].as_str().unwrap());
    assert_eq!(found, nth);
    Some((
        version,
        answer["customer"]["phones"][0].as_str().unwrap().to_owned(),
    ))
}

/// Whether what is served at `at` is what `oracle` says, by id and by number.
fn is_served(at: SocketAddr, oracle: &Oracle) -> Result<(), String> {
    let others = oracle.iter().enumerate().filter_map(|(nth, known)| {
        let expected = known.number.map(|number| (known.version, phone(number as u64)));
        let found = seen(at, nth);
        (found != expected).then(|| format!("c{nth}: expected {expected:?}, found {found:?}"))
    });
    let others: Vec<String> = others.collect();
    if !others.is_empty() {
        return Err(others.join("; "));
    }
    for number in 0..CUSTOMERS * 2 {
        let owner = oracle.iter().position(|known| known.number == Some(number));
        let (_, answer) = get(at, &format!("/v1/lookup?ani=%2B{}", &phone(number as u64)[1..])).unwrap();
        let found = answer["customer_id"].as_str().map(str::to_owned);
        if found != owner.map(|nth| format!("c{nth}")) {
            return Err(format!("number {number}: expected {owner:?}, found {found:?}"));
        }
    }
    Ok(())
}

fn serve(site: &Site, changes: &Path) -> Server {
    site.serve_with(&[
        ("RINGSIDE__DATA__OVERLAY_MAX_MIB", "1"),
        ("RINGSIDE__GUARD__MAX_PERCENT", "100"),
        ("RINGSIDE__LOG__LEVEL", "info"),
        ("RINGSIDE__FEED__MAIN__KIND", "http"),
        ("RINGSIDE__FEED__FILED__KIND", "file"),
        ("RINGSIDE__FEED__FILED__PATH", changes.to_str().unwrap()),
        ("RINGSIDE__FEED__FILED__POLL_MS", "10"),
    ])
}

#[test]
fn what_was_acknowledged_is_there_after_every_kill() {
    let rounds = of_variable("RINGSIDE_KILLS").unwrap_or(6);
    let seed = of_variable("RINGSIDE_SEED").unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        now.as_secs() | 1
    });
    let mut dice = Dice(seed.max(1));
    let site = Site::new();
    let mut filed = Filed {
        path: site.dir.path().join("changes.ndjson"),
        rotated: 0,
        may_rotate: true,
        versions: [0; FILED],
    };
    let mut oracle = vec![
        Known {
            version: 0,
            number: None
        };
        CUSTOMERS
    ];
    let (mut posted, mut answered) = (0, 0);
    let mut server = serve(&site, &filed.path);
    for round in 0..rounds {
        let at = server.callers;
        // A file that was rotated before anybody had read of it is not found.
        filed.may_rotate = round > 0;
        let acknowledged: Vec<AtomicU64> = oracle.iter().map(|known| AtomicU64::new(known.version)).collect();
        let done = AtomicBool::new(false);
        let lasting = Duration::from_millis(dice.roll(250) as u64);
        let (mut writers, readers) = (Dice(dice.roll(1 << 30) as u64 + 1), dice.roll(1 << 30) as u64 + 1);
        let (known, perhaps) = thread::scope(|scope| {
            let (acknowledged, done) = (&acknowledged, &done);
            let before = oracle.clone();
            let writing = scope.spawn(move || write(at, &mut writers, before, acknowledged));
            let reading = scope.spawn(move || read(at, acknowledged, done, Dice(readers)));
            // The file grows as long as the service lives.
            let (_never, waiting) = channel::<()>();
            let begin = std::time::Instant::now();
            while begin.elapsed() < lasting {
                filed.append(&mut dice);
                let waited = waiting.recv_timeout(Duration::from_millis(dice.roll(10) as u64));
                assert_eq!(waited, Err(RecvTimeoutError::Timeout));
            }
            server.kill();
            done.store(true, Ordering::Release);
            let (known, perhaps, batches) = writing.join().unwrap();
            posted += batches;
            answered += reading.join().unwrap();
            (known, perhaps)
        });
        server = serve(&site, &filed.path);
        let at = server.callers;
        let told = format!("seed {seed}, round {round}");
        oracle = match is_served(at, &perhaps) {
            Ok(()) => perhaps,
            Err(not_that) => {
                is_served(at, &known).unwrap_or_else(|not_this| {
                    panic!("{told}: neither what was acknowledged ({not_this}), nor that and one batch more ({not_that})")
                });
                known
            }
        };
        until(&format!("the file is applied ({told})"), || filed.is_seen(at));
        let ready = || wire::get(server.admin, "/readyz");
        until(
            &format!("the service is ready ({told}): {}", ready().body),
            || ready().status == 200,
        );
    }
    println!("{rounds} kills, {posted} batches acknowledged, {answered} lookups meanwhile, seed {seed}");
    if rounds >= 50 {
        let generation = site.present();
        assert!(generation > 0, "merges were to happen too, seed {seed}");
    }
}
