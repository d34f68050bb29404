//! What an answer has to be, and whether a sampled one was, byte for byte.
//!
//! Answers are copied while the load runs and compared behind it, so that comparing makes no request late. Of Ringside's
//! answers everything is compared up to `generation`: who it is, the customer's whole document out of the snapshot, which
//! is read here by the library's own index, and what follows from it. What stands behind (generation, position, ages)
//! says how fresh the answer is and changes while nothing else does; it has to be there, under its names and in its
//! order. Of Redis and PostgreSQL the whole value is compared, of the bare server the whole body.
//!
//! A customer that changes meanwhile carries its version in the place of its last agent: `v17`. An answer is right if it
//! is, as a whole, that of a version which the server had acknowledged when the request was sent, or of a later one that
//! had been posted when the answer was there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ringside::index::{Found, Index, Ownership};
use ringside::snapshot::MappedSnapshot;

use super::error::Error;
use super::schedule::Key;
use super::wire::Said;

/// The last agent of each made-up customer.
const AGENT: &str = "\"last_agent_id\":\"1001\"";
/// How the place of the version begins.
const VERSION: &[u8] = b"\"last_agent_id\":\"v";
/// What answers say behind what is compared.
const FRESHNESS: [&str; 6] = [
    ",\"generation\":",
    ",\"position\":",
    ",\"age_ms\":",
    ",\"stale\":",
    ",\"connected\":",
    ",\"source_lag_ms\":",
];

/// Which versions of the first customers were posted, and which of those acknowledged. Version 0 is the snapshot's.
#[derive(Debug, Default)]
pub(crate) struct Versions(Vec<(AtomicU64, AtomicU64)>);

impl Versions {
    /// Of the first `count` customers, none of them changed.
    pub(crate) fn new(count: u64) -> Versions {
        Versions((0..count).map(|_| Default::default()).collect())
    }

    /// How many customers may change.
    pub(crate) fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// The next version of customer `nth` is about to be posted.
    pub(crate) fn post(&self, nth: u64) -> u64 {
        let posted = usize::try_from(nth).ok().and_then(|nth| self.0.get(nth));
        posted.map_or(0, |(posted, _)| posted.fetch_add(1, Ordering::SeqCst) + 1)
    }

    /// The server has acknowledged `version` of customer `nth`.
    pub(crate) fn acknowledge(&self, nth: u64, version: u64) {
        if let Some((_, acknowledged)) = usize::try_from(nth).ok().and_then(|nth| self.0.get(nth)) {
            acknowledged.fetch_max(version, Ordering::SeqCst);
        }
    }

    /// The version that is posted, and the one that is acknowledged, of what `key` leads to.
    fn of(&self, key: Key) -> (u64, u64) {
        let known = usize::try_from(key.nth).ok().and_then(|nth| self.0.get(nth));
        match known {
            Some((posted, acknowledged)) if key.is_hit => {
                (posted.load(Ordering::SeqCst), acknowledged.load(Ordering::SeqCst))
            }
            _ => (0, 0),
        }
    }
}

/// What the body is of answers.
#[derive(Clone)]
enum Truth {
    /// Ringside's answer to a lookup.
    Lookup(Arc<Index>),
    /// The customer's document alone.
    Document(Arc<Index>),
    /// Always the same.
    Constant(Arc<[u8]>),
}

/// Knows what answers have to be.
#[derive(Clone)]
pub(crate) struct Oracle {
    truth: Truth,
    versions: Arc<Versions>,
}

/// A copied answer.
#[derive(Debug, Clone, Copy)]
struct Sample {
    key: Key,
    said: Said,
    end: usize,
    /// Acknowledged when the request was sent, and posted when the answer was there.
    versions: (u64, u64),
}

/// Copied answers of a phase, in one piece of memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples {
    bytes: Vec<u8>,
    samples: Vec<Sample>,
}

impl Oracle {
    fn new(truth: Truth, changing: u64) -> Oracle {
        Oracle {
            truth,
            versions: Arc::new(Versions::new(changing)),
        }
    }

    /// Of a Ringside that serves `snapshot`, whose first `changing` customers may change.
    pub(crate) fn of_lookups(snapshot: Arc<MappedSnapshot>, changing: u64) -> Oracle {
        Oracle::new(Truth::Lookup(index(snapshot)), changing)
    }

    /// Of a server that holds the documents of `snapshot` as values.
    pub(crate) fn of_documents(snapshot: Arc<MappedSnapshot>) -> Oracle {
        Oracle::new(Truth::Document(index(snapshot)), 0)
    }

    /// Of a server that answers `body` and nothing else.
    pub(crate) fn of_constant(body: Vec<u8>) -> Oracle {
        Oracle::new(Truth::Constant(body.into()), 0)
    }

    /// What has changed so far.
    pub(crate) fn versions(&self) -> &Arc<Versions> {
        &self.versions
    }

    /// The version of what `key` leads to that is acknowledged; to be asked before the request is sent.
    pub(crate) fn acknowledged(&self, key: Key) -> u64 {
        self.versions.of(key).1
    }

    /// The document of customer `nth` in the snapshot; empty for a constant.
    pub(crate) fn document(&self, nth: u64) -> Result<Vec<u8>, Error> {
        let key = Key { nth, is_hit: true };
        match &self.truth {
            Truth::Lookup(index) | Truth::Document(index) => document(index, key),
            Truth::Constant(_) => Ok(Vec::new()),
        }
    }

    /// What the answer for `key` has to be, as far as it is compared.
    pub(crate) fn expected(&self, key: Key) -> Result<Vec<u8>, Error> {
        match &self.truth {
            Truth::Constant(body) => Ok(body.to_vec()),
            Truth::Document(index) => match key.is_hit {
                true => document(index, key),
                false => Ok(Vec::new()),
            },
            Truth::Lookup(_) if !key.is_hit => Ok(miss(key)),
            Truth::Lookup(index) => hit(key, &document(index, key)?),
        }
    }

    /// Whether an answer may say `said` at all.
    pub(crate) fn fits(&self, key: Key, said: Said) -> bool {
        match self.truth {
            Truth::Constant(_) => said == Said::Constant,
            Truth::Lookup(_) | Truth::Document(_) => {
                said == if key.is_hit { Said::Found } else { Said::Missing }
            }
        }
    }

    /// How many of `samples` are wrong, with the first of those for a person.
    pub(crate) fn wrong(&self, samples: &Samples) -> Result<(u64, Option<String>), Error> {
        let (mut wrong, mut first, mut begin) = (0, None, 0);
        for sample in &samples.samples {
            let body = &samples.bytes[begin..sample.end];
            begin = sample.end;
            if !self.is_right(sample, body)? {
                wrong += 1;
                first.get_or_insert_with(|| {
                    format!(
                        "asked for {:?}, versions {:?}: {}",
                        sample.key,
                        sample.versions,
                        String::from_utf8_lossy(body)
                    )
                });
            }
        }
        Ok((wrong, first))
    }

    fn is_right(&self, sample: &Sample, body: &[u8]) -> Result<bool, Error> {
        if !self.fits(sample.key, sample.said) {
            return Ok(false);
        }
        let expected = self.expected(sample.key)?;
        if !matches!(self.truth, Truth::Lookup(_)) {
            return Ok(body == expected);
        }
        let version = version(body);
        let (oldest, newest) = sample.versions;
        if version < oldest || version > newest {
            return Ok(false);
        }
        Ok(match version {
            0 => is_with_freshness(body, &expected),
            version => {
                let text = String::from_utf8_lossy(&expected).replace(AGENT, &agent(version));
                is_with_freshness(body, text.as_bytes())
            }
        })
    }
}

impl Samples {
    /// Room for `count` answers of `bytes` bytes, so that copying does not allocate.
    pub(crate) fn with_room(count: usize, bytes: usize) -> Samples {
        Samples {
            bytes: Vec::with_capacity(count.saturating_mul(bytes)),
            samples: Vec::with_capacity(count),
        }
    }

    /// Copies the body of an answer to `key`, of which `acknowledged` was the version when it was asked for.
    pub(crate) fn copy(&mut self, oracle: &Oracle, key: Key, said: Said, acknowledged: u64, body: &[u8]) {
        self.bytes.extend_from_slice(body);
        self.samples.push(Sample {
            key,
            said,
            end: self.bytes.len(),
            versions: (acknowledged, oracle.versions.of(key).0),
        });
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u64 {
        self.samples.len() as u64
    }
}

/// A change that makes `version` of the customer with the document `document`, as a line to be posted.
pub(crate) fn change(document: &[u8], version: u64) -> String {
    let document = String::from_utf8_lossy(document).replace(AGENT, &agent(version));
    format!("{{\"op\":\"upsert\",\"customer\":{document}}}\n")
}

fn agent(version: u64) -> String {
    format!("\"last_agent_id\":\"v{version}\"")
}

fn index(snapshot: Arc<MappedSnapshot>) -> Arc<Index> {
    Index::new(snapshot, Ownership::BUILTIN).0
}

fn document(index: &Index, key: Key) -> Result<Vec<u8>, Error> {
    let found = index.read(|view| {
        Ok(match view.find(key.number())? {
            Found::One(record) => Some(record.json().to_vec()),
            Found::Nobody | Found::Several(_) => None,
        })
    });
    // The index is what is checked: whom it finds has to be whom the number was made for.
    let id = format!("{{\"id\":\"c-{}\",", key.nth);
    found
        .filter(|json| json.starts_with(id.as_bytes()))
        .ok_or_else(|| {
            Error::target(
                "the snapshot",
                format!("leads to another than customer {}", key.nth),
            )
        })
}

fn miss(key: Key) -> Vec<u8> {
    let number = key.number();
    format!(
        "{{\"found\":false,\"match\":\"none\",\"reason\":\"unknown\",\"ani\":\"+{number}\",\"count\":0,\
         \"customer_id\":null,\"name\":null,\"customer\":null,\"case\":null,\"open_case\":null,\"treatment\":null,\
         \"queue\":null,\"last_agent_id\":null,\"may_greet\":false,\"may_disclose\":false,\"matches\":[],\
         \"not_owned\":[],\"pop_url\":null"
    )
    .into_bytes()
}

/// The answer of a made-up customer, whose newest case is open.
fn hit(key: Key, document: &[u8]) -> Result<Vec<u8>, Error> {
    #[derive(serde::Deserialize)]
    struct Parts<'a> {
        id: String,
        name: String,
        #[serde(borrow, default)]
        cases: Vec<&'a serde_json::value::RawValue>,
        last_agent_id: Option<String>,
    }
    let parts: Parts<'_> =
        serde_json::from_slice(document).map_err(|error| Error::target("the snapshot", error))?;
    let number = key.number();
    let (id, name) = (parts.id, parts.name);
    let document = String::from_utf8_lossy(document);
    let case = parts.cases.first().map_or("null", |case| case.get());
    let agent = parts
        .last_agent_id
        .map_or_else(|| "null".to_owned(), |agent| format!("\"{agent}\""));
    Ok(format!(
        "{{\"found\":true,\"match\":\"exact\",\"reason\":null,\"ani\":\"+{number}\",\"count\":1,\"customer_id\":\"{id}\",\
         \"name\":\"{name}\",\"customer\":{document},\"case\":{case},\"open_case\":{case},\"treatment\":null,\
         \"queue\":null,\"last_agent_id\":{agent},\"may_greet\":true,\"may_disclose\":true,\
         \"matches\":[{{\"customer_id\":\"{id}\",\"name\":\"{name}\",\"company\":null,\"last_agent_id\":{agent}}}],\
         \"not_owned\":[],\"pop_url\":null"
    )
    .into_bytes())
}

/// The version that `body` carries; 0 where it carries none.
fn version(body: &[u8]) -> u64 {
    let Some(at) = body.windows(VERSION.len()).position(|part| part == VERSION) else {
        return 0;
    };
    body[at + VERSION.len()..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0, |version, digit| version * 10 + u64::from(digit - b'0'))
}

/// Whether `body` is `expected` and behind it how fresh it is, and nothing else.
fn is_with_freshness(body: &[u8], expected: &[u8]) -> bool {
    let Some(mut rest) = body.strip_prefix(expected) else {
        return false;
    };
    for name in FRESHNESS {
        let Some(value) = rest.strip_prefix(name.as_bytes()) else {
            return false;
        };
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"\"=+-.:_".contains(byte);
        let end = value.iter().take_while(|byte| plain(byte)).count();
        if end == 0 {
            return false;
        }
        rest = &value[end..];
    }
    rest == b"}"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customers::{self, Profile};

    const FRESH: &str = ",\"generation\":1,\"position\":\"main=7\",\"age_ms\":12,\"stale\":false,\"connected\":true,\"source_lag_ms\":null}";

    fn oracle(folder: &tempfile::TempDir) -> Oracle {
        let (_, snapshot) = customers::snapshot(folder.path(), 100, Profile::Typical).unwrap();
        Oracle::of_lookups(Arc::new(snapshot), 10)
    }

    fn judged(oracle: &Oracle, key: Key, said: Said, acknowledged: u64, body: &str) -> bool {
        let mut samples = Samples::with_room(1, 2000);
        samples.copy(oracle, key, said, acknowledged, body.as_bytes());
        oracle.wrong(&samples).unwrap().0 == 0
    }

    #[test]
    fn every_byte_up_to_the_freshness_counts() {
        let folder = tempfile::tempdir().unwrap();
        let oracle = oracle(&folder);
        for (key, said) in [
            (Key { nth: 3, is_hit: true }, Said::Found),
            (
                Key {
                    nth: 3,
                    is_hit: false,
                },
                Said::Missing,
            ),
        ] {
            let expected = String::from_utf8(oracle.expected(key).unwrap()).unwrap();
            let right = format!("{expected}{FRESH}");
            serde_json::from_str::<serde_json::Value>(&right).unwrap();
            assert!(judged(&oracle, key, said, 0, &right));
            for at in 0..expected.len() {
                let mut wrong = right.clone().into_bytes();
                wrong[at] ^= 1;
                assert!(
                    !judged(&oracle, key, said, 0, &String::from_utf8_lossy(&wrong)),
                    "byte {at}"
                );
            }
            assert!(!judged(
                &oracle,
                key,
                said,
                0,
                &right.replace("\"stale\":false,", "")
            ));
            assert!(!judged(&oracle, key, said, 0, &right[..right.len() - 1]));
            let other = Key { nth: 4, ..key };
            assert!(!judged(&oracle, other, said, 0, &right));
            assert!(!judged(&oracle, key, Said::Constant, 0, &right));
        }
    }

    #[test]
    fn a_version_is_right_from_its_posting_until_the_next_is_acknowledged() {
        let folder = tempfile::tempdir().unwrap();
        let oracle = oracle(&folder);
        let key = Key { nth: 3, is_hit: true };
        let of = |version: u64| {
            let text = String::from_utf8(oracle.expected(key).unwrap()).unwrap();
            let agent = if version == 0 {
                AGENT.to_owned()
            } else {
                agent(version)
            };
            format!("{}{FRESH}", text.replace(AGENT, &agent))
        };
        let right = |asked: u64, version: u64| judged(&oracle, key, Said::Found, asked, &of(version));
        assert!(right(0, 0) && !right(0, 1), "not posted yet");
        let posted = oracle.versions().post(key.nth);
        assert!(right(0, 0) && right(0, posted), "posted, and not acknowledged");
        oracle.versions().acknowledge(key.nth, posted);
        assert_eq!(oracle.acknowledged(key), 1);
        assert!(right(1, 1) && !right(1, 0), "stale");
        // Half of one version and half of another is neither.
        let torn = of(1).replacen("\"v1\"", "\"1001\"", 1);
        assert!(!judged(&oracle, key, Said::Found, 0, &torn));
    }
}
