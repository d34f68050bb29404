//! Searches by name beside a plain model: everybody held against every search.

use std::time::{Duration, Instant};

use super::*;
use crate::index::{By, Order, Search, Wanted};

/// Names as written, and their words.
const NAMES: [(&str, &[&str]); 8] = [
    ("Ada Lovelace", &["ada", "lovelace"]),
    ("Ádám Ada", &["adam", "ada"]),
    ("ADAMS, Zoë", &["adams", "zoe"]),
    ("O'Neil Jr.", &["o", "neil", "oneil", "jr"]),
    ("<b>Ada</b>", &["b", "ada", "b"]),
    ("עדה לאבלייס", &["עדה", "לאבלייס"]),
    ("Konstantinopoulos Ada", &["konstantinopoulos", "ada"]),
    ("Konstantinopoulou Zoë", &["konstantinopoulou", "zoe"]),
];
const SEARCHES: [&str; 12] = [
    "",
    "ada",
    "ad",
    "ADA lov",
    "zoe a",
    "oneil",
    "o'neil",
    "עד",
    "konstantinopoulo",
    "konstantinopoulos",
    "x",
    "a a b",
];
const CUSTOMERS: usize = 12;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    name: usize,
    company: Option<usize>,
    created: u8,
}

#[derive(Debug, Clone)]
enum Act {
    Upsert(usize, Named),
    Delete(usize),
    Publish,
    Seal,
    Install,
}

fn act() -> impl Strategy<Value = Act> {
    let named = (
        0..NAMES.len(),
        prop::option::weighted(0.3, 0..NAMES.len()),
        0_u8..5,
    )
        .prop_map(|(name, company, created)| Named {
            name,
            company,
            created,
        });
    prop_oneof![
        6 => (0..CUSTOMERS, named).prop_map(|(id, named)| Act::Upsert(id, named)),
        2 => (0..CUSTOMERS).prop_map(Act::Delete),
        3 => Just(Act::Publish),
        1 => Just(Act::Seal),
        1 => Just(Act::Install),
    ]
}

fn orders() -> impl Strategy<Value = Order<'static>> {
    let by = prop_oneof![Just(By::Name), Just(By::CreatedAt), Just(By::UpdatedAt)];
    (by, any::<bool>()).prop_map(|(by, descending)| Order { by, descending })
}

fn encoded(id: &str, named: &Named) -> Vec<u8> {
    let customer = Customer {
        id: id.into(),
        name: NAMES[named.name].0.into(),
        company: named.company.map(|company| NAMES[company].0.to_owned()),
        // One in five says nothing.
        created_at: (named.created > 0).then(|| format!("2026-01-0{}T00:00:00Z", named.created)),
        updated_at: (named.created > 0).then(|| format!("2026-02-0{}T00:00:00Z", 6 - named.created)),
        ..Customer::default()
    };
    let origin = Origin {
        stream: 0,
        position: &[],
        marks: &[],
    };
    encode(&customer, &Schema::default(), &[], origin).expect("fits")
}

type Everybody = BTreeMap<String, Named>;

/// The ids of everybody whom `search` finds, in `order`, the plain way.
fn expected(everybody: &Everybody, search: &str, order: &Order<'_>) -> Vec<String> {
    let wanted: Vec<String> = search
        .to_lowercase()
        .split([' ', '\''])
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    let mut found: Vec<(bool, Named, &String)> = Vec::new();
    for (id, named) in everybody {
        let companys = named.company.map_or(&[][..], |company| NAMES[company].1);
        let words: Vec<&str> = NAMES[named.name].1.iter().chain(companys).copied().collect();
        let begins = |wanted: &String| words.iter().any(|word| word.starts_with(wanted.as_str()));
        // The index knows sixteen bytes of a word.
        let cut = |word: &str| word.as_bytes()[..word.len().min(16)].to_vec();
        let is = |wanted: &String| {
            words
                .iter()
                .any(|word| word.starts_with(wanted.as_str()) && cut(word) == cut(wanted))
        };
        if wanted.iter().all(begins) {
            found.push((!wanted.iter().all(is), named.clone(), id));
        }
    }
    let folded = |named: &Named| {
        let written = NAMES[named.name].0;
        let plain = written.replace(['Á', 'á'], "a").replace('ë', "e");
        plain.to_lowercase()
    };
    found.sort_by(|(is_less, one, id), (other_is_less, other, other_id)| {
        let by = match order.by {
            By::Name => folded(one).cmp(&folded(other)),
            By::CreatedAt => one.created.cmp(&other.created),
            _ => other.created.cmp(&one.created),
        };
        let by = if order.descending { by.reverse() } else { by };
        // Who says nothing is last.
        let nothing = |named: &Named| order.by != By::Name && named.created == 0;
        is_less
            .cmp(other_is_less)
            .then(nothing(one).cmp(&nothing(other)))
            .then(by)
            .then(id.cmp(other_id))
    });
    found.into_iter().map(|(_, _, id)| id.clone()).collect()
}

/// The ids that `index` finds, how many it says there are, and whether it is sure.
fn found(
    index: &Index,
    search: &str,
    order: Order<'_>,
    first: usize,
    records_max: usize,
) -> (Vec<String>, u64, bool) {
    let wanted = Wanted::of(search, None);
    index.read(|view| {
        let listed = view.search(&Search {
            wanted: &wanted,
            filter: None,
            order,
            first,
            records_max,
            deadline: Instant::now() + Duration::from_secs(60),
            leave_out: false,
        })?;
        let ids = listed.records.iter().map(|record| record.id().to_owned());
        Ok((ids.collect(), listed.total, listed.is_exact))
    })
}

/// A snapshot of nobody, with or without an index of names.
fn nobody(has_names: bool) -> Arc<MappedSnapshot> {
    let writer = SnapshotWriter::new(Cursor::new(Vec::new()), 1).expect("memory");
    let writer = if has_names { writer } else { writer.without_names() };
    let facts = Facts {
        generation: 1,
        seq: 0,
        created_at_ms: 0,
        schema: &Schema::default(),
        streams: &[],
        log: crate::snapshot::layout::LogPlace::default(),
    };
    let bytes = writer.finish(&facts).expect("memory").0.into_inner();
    Arc::new(crate::snapshot::Snapshot::in_memory(bytes).expect("a snapshot"))
}

fn id_of(nth: usize) -> String {
    format!("c-{nth:02}")
}

proptest! {
    #[test]
    fn searches_equal_a_model(
        acts in prop::collection::vec(act(), 1..60),
        has_names in any::<bool>(),
        order in orders(),
        records_max in prop_oneof![Just(1000), 1_usize..8],
        first in 1_usize..15,
    ) {
        let (index, mut writer) = Index::new(nobody(has_names), Ownership::BUILTIN);
        let (mut written, mut visible) = (Everybody::new(), Everybody::new());
        let mut merge = None;
        for (nth, act) in acts.into_iter().enumerate() {
            let seq = writer.seq() + 1;
            match act {
                Act::Upsert(id, named) => {
                    writer.upsert(seq, &Record::open(&encoded(&id_of(id), &named)).expect("whole"));
                    written.insert(id_of(id), named);
                }
                Act::Delete(id) => {
                    let origin = Origin { stream: 0, position: &[], marks: &[] };
                    writer.delete(seq, &id_of(id), origin);
                    written.remove(&id_of(id));
                }
                Act::Publish => {
                    writer.publish();
                    visible = written.clone();
                }
                Act::Seal => {
                    if let Some(sealed) = writer.seal() {
                        merge = Some(sealed);
                    }
                    visible = written.clone();
                }
                Act::Install => {
                    if let Some(merge) = merge.take() {
                        let merged = merged(&merge, 2 + nth as u64);
                        merged.verify(|_| ()).expect("whole");
                        prop_assert!(merged.names().is_some());
                        writer.install(merged);
                    }
                }
            }
            let search = SEARCHES[nth % SEARCHES.len()];
            let expected = expected(&visible, search, &order);
            let (ids, total, is_exact) = found(&index, search, order, first, records_max);
            prop_assert!(ids.len() <= first);
            prop_assert!(ids.iter().all(|id| expected.contains(id)), "{search}: {ids:?} of {expected:?}");
            prop_assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
            if records_max == 1000 {
                prop_assert!(is_exact);
            }
            if is_exact {
                prop_assert_eq!(total, expected.len() as u64, "{}", search);
                let first: Vec<String> = expected.into_iter().take(first).collect();
                prop_assert_eq!(ids, first, "{}", search);
            }
        }
    }
}

/// More than are looked at are found by the index alone, in the order of their names and times, and counted exactly: also
/// where some have changed since.
#[test]
fn a_broad_search_of_many_is_exact_where_the_index_tells() {
    let (index, mut writer) = Index::new(nobody(true), Ownership::BUILTIN);
    let mut everybody = Everybody::new();
    for nth in 0..500 {
        let named = Named {
            name: nth % NAMES.len(),
            company: None,
            created: u8::try_from(nth % 5).expect("small"),
        };
        let seq = writer.seq() + 1;
        writer.upsert(
            seq,
            &Record::open(&encoded(&format!("c-{nth:03}"), &named)).expect("whole"),
        );
        everybody.insert(format!("c-{nth:03}"), named);
    }
    let merge = writer.seal().expect("written");
    writer.install(merged(&merge, 2));
    for nth in [3, 8, 40] {
        let seq = writer.seq() + 1;
        let origin = Origin {
            stream: 0,
            position: &[],
            marks: &[],
        };
        writer.delete(seq, &format!("c-{nth:03}"), origin);
        everybody.remove(&format!("c-{nth:03}"));
    }
    writer.publish();
    for by in [By::Name, By::CreatedAt] {
        for descending in [false, true] {
            let order = Order { by, descending };
            let expected = expected(&everybody, "a", &order);
            // Fewer than have the same name or time: which of those is first their records say, and are not all asked.
            let (_, total, is_exact) = found(&index, "a", order, 10, 40);
            holds_total(total, expected.len(), is_exact);
            let (ids, total, is_exact) = found(&index, "a", order, 10, 150);
            assert!(is_exact, "{order:?}");
            holds_total(total, expected.len(), true);
            assert_eq!(ids, expected[..10], "{order:?}");
        }
    }
}

fn holds_total(total: u64, expected: usize, is_exact: bool) {
    assert!(!is_exact || total == expected as u64);
}

#[test]
fn a_damaged_index_is_made_anew_by_a_merge() {
    let (_, mut writer) = Index::new(nobody(true), Ownership::BUILTIN);
    let named = Named {
        name: 0,
        company: None,
        created: 1,
    };
    writer.upsert(1, &Record::open(&encoded("c-1", &named)).expect("whole"));
    let merge = writer.seal().expect("written");
    let whole = merged(&merge, 2);
    let mut bytes = Vec::new();
    let (out, header) = merge
        .write(Cursor::new(Vec::new()), &Room::new("/", 1 << 20), 2, 0, &[])
        .expect("memory");
    bytes.extend(out.into_inner());
    let section = header.section(crate::snapshot::layout::SectionKind::Names);
    bytes[usize::try_from(section.offset).expect("small") + 20] ^= 1;
    let damaged = Arc::new(crate::snapshot::Snapshot::in_memory(bytes).expect("opens"));
    let (_, mut writer) = Index::new(damaged, Ownership::BUILTIN);
    writer.upsert(10, &Record::open(&encoded("c-2", &named)).expect("whole"));
    let merge = writer.seal().expect("written");
    let anew = merged(&merge, 3);
    anew.verify(|_| ()).expect("whole");
    assert_eq!(anew.names().map(|names| names.customers()), Some(2));
    assert!(whole.names().is_some());
}
