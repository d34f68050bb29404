//! Made-up customers by the million, and the snapshots of them that measurements run on.

use std::path::{Path, PathBuf};

use ringside::customer::record::{Claim, Origin, Record, encode};
use ringside::customer::{AttributeDef, AttributeType, Case, Customer, Interaction, Label, Phone, Schema};
use ringside::snapshot::folder::{Folder, ReadBack, TENANT};
use ringside::snapshot::layout::LogPlace;
use ringside::snapshot::writer::{Facts, SnapshotWriter};
use ringside::snapshot::{MappedSnapshot, Snapshot, Stream};

/// How much is known of each customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Profile {
    /// Id, name and phone: about 70 bytes of JSON.
    Small,
    /// Attributes, a label, a case and interactions too: about 600 bytes of JSON.
    Typical,
}

/// Area codes in use, since a number that cannot be valid finds nobody.
const AREAS: [u64; 32] = [
    201, 202, 203, 206, 212, 213, 214, 215, 216, 217, 303, 304, 307, 312, 313, 314, 315, 316, 317, 402, 404,
    405, 406, 408, 412, 413, 414, 415, 480, 503, 512, 602,
];
/// Numbers of these areas, +1 NXX NXX-XXXX, N from 2 to 9: each is its own key, as every rule for reading numbers has it.
const PLAN: u64 = AREAS.len() as u64 * 8 * 100 * 10_000;
/// Numbers of one area.
const AREA: u64 = PLAN / AREAS.len() as u64;
/// A prime that shares no factor with the plan, so that multiplying by it scatters customers without two alike.
const SCATTER: u64 = 2_654_435_761;

/// The number of customer `nth`, below half of the plan.
pub(crate) fn number(nth: u64) -> u64 {
    let place = (nth % PLAN) * SCATTER % PLAN;
    let (area, rest) = (AREAS[(place / AREA) as usize], place % AREA);
    let (exchange, line) = (rest / 10_000, rest % 10_000);
    10_000_000_000 + area * 10_000_000 + (200 + exchange) * 10_000 + line
}

/// A number that no customer has.
pub(crate) fn absent(nth: u64) -> u64 {
    number(nth + PLAN / 2)
}

/// The change log that goes on over it, and the version of these made-up customers.
const LINE: u64 = 2;

/// The only generation of a measuring folder.
const GENERATION: u64 = 1;

fn schema() -> Schema {
    let text = |key: &str, kind| AttributeDef {
        key: key.into(),
        label: key.into(),
        kind,
        required: false,
        sensitive: false,
        help: String::new(),
    };
    Schema {
        version: 1,
        attributes: vec![
            text("email", AttributeType::Email),
            text("city", AttributeType::Text),
            text("opted_out", AttributeType::Bool),
        ],
    }
}

fn customer(nth: u64, profile: Profile) -> Customer {
    let phones = vec![Phone {
        number: format!("+{}", number(nth)),
        ..Phone::default()
    }];
    let small = Customer {
        id: format!("c-{nth}"),
        name: format!("Customer {nth}"),
        phones,
        ..Customer::default()
    };
    if profile == Profile::Small {
        return small;
    }
    Customer {
        created_at: Some("2024-05-01T08:00:00Z".into()),
        labels: vec![Label {
            name: "VIP".into(),
            color: Some("#d4af37".into()),
        }],
        attributes: vec![
            (0, format!("\"customer{nth}@example.org\"")),
            (1, "\"Amsterdam\"".into()),
            (2, "false".into()),
        ],
        cases: Some(vec![Case {
            id: format!("5f{nth}"),
            number: Some(format!("CAS-{nth}")),
            title: Some("Router keeps rebooting after the update".into()),
            status: Some("open".into()),
            priority: Some("high".into()),
            created_at: Some("2026-11-02T09:30:00Z".into()),
        }]),
        interactions: Some(vec![Interaction {
            id: format!("i-{nth}"),
            started_at: Some("2026-11-18T14:02:11Z".into()),
            direction: Some("inbound".into()),
            kind: Some("finesse".into()),
            ani: Some(format!("+{}", number(nth))),
            duration_s: Some(312),
            activities: vec![],
        }]),
        last_agent_id: Some("1001".into()),
        ..small
    }
}

/// The snapshot of `count` customers in `folder`, written where it is not there yet, and its path.
pub(crate) fn snapshot(
    folder: &Path,
    count: u64,
    profile: Profile,
) -> Result<(PathBuf, MappedSnapshot), Box<dyn std::error::Error>> {
    let folder = folder
        .join(format!("{profile:?}-{count}").to_lowercase())
        .join(TENANT);
    written(&folder, count, 1, |nth| customer(nth, profile))
}

/// The snapshot of `count` customers in `folder` who have `each` numbers: customer `nth` those from `nth * each` on. Of each
/// customer nothing is known but the name, so that numbers take nearly all of it.
pub(crate) fn crowded(
    folder: &Path,
    count: u64,
    each: u64,
) -> Result<(PathBuf, MappedSnapshot), Box<dyn std::error::Error>> {
    let folder = folder.join(format!("crowded-{count}-{each}")).join(TENANT);
    written(&folder, count, each, |nth| Customer {
        id: format!("c-{nth}"),
        name: format!("Customer {nth}"),
        ..Customer::default()
    })
}

fn written(
    folder: &Path,
    count: u64,
    each: u64,
    customer: impl Fn(u64) -> Customer,
) -> Result<(PathBuf, MappedSnapshot), Box<dyn std::error::Error>> {
    let path = Folder::open(folder).snapshot(GENERATION);
    // A snapshot of another version of the program is built again.
    let usable = |snapshot: &MappedSnapshot| {
        snapshot.header().log.line == LINE && matches!(snapshot.records().next(), Some(Ok(_)))
    };
    if !Snapshot::map(&path).is_ok_and(|snapshot| usable(&snapshot)) {
        let held = Folder::hold(folder)?;
        let mut staged = held.stage(GENERATION)?;
        let mut writer = SnapshotWriter::new(ReadBack(staged.writer()?), 0x5eed)?;
        let schema = schema();
        for nth in 0..count {
            let claims: Vec<Claim> = (nth * each..(nth + 1) * each)
                .map(|of| Claim {
                    key: number(of),
                    since: nth + 1,
                    shared: false,
                })
                .collect();
            let origin = Origin {
                stream: 0,
                position: &(nth + 1).to_be_bytes(),
                marks: &[],
            };
            let bytes = encode(&customer(nth), &schema, &claims, origin)?;
            writer.add(&Record::open(&bytes)?)?;
        }
        let streams = [Stream {
            stream: "import".into(),
            incarnation: "loadtest".into(),
            token: String::new(),
        }];
        let facts = Facts {
            generation: GENERATION,
            seq: count,
            created_at_ms: 0,
            schema: &schema,
            streams: &streams,
            log: LogPlace {
                line: LINE,
                follows: count,
            },
        };
        writer.finish(&facts)?;
        held.publish(staged, GENERATION, held.present())?;
    }
    let snapshot = Snapshot::map(&path)?;
    Ok((path, snapshot))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ringside::number::{Numbering, Settings};

    use super::*;

    #[test]
    fn numbers_are_distinct_and_their_own_keys() {
        let numbering = Numbering::new(&Settings::builtin()).unwrap();
        let (mut given, mut seen) = (Vec::new(), BTreeSet::new());
        for nth in (0..2000).chain(49_999_000..50_000_000) {
            given.extend([number(nth), absent(nth)]);
        }
        for number in &given {
            assert!(seen.insert(*number), "{number} twice");
            let written = format!("+{number}");
            let key = numbering.read(&written, None).key().map(|key| key.raw());
            assert_eq!(key, Some(*number));
            let stored = numbering.key_to_store(&written, None, false).ok().flatten();
            assert_eq!(
                stored.map(|key| key.raw()),
                Some(*number),
                "{number} cannot be claimed"
            );
        }
    }
}
