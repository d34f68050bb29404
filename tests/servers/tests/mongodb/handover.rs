//! From the copy to the stream while everything changes: nothing is lost, nothing comes back.

use std::sync::atomic::{AtomicBool, Ordering};

use mongodb::bson::doc;
use servers::mongod::{Options, ReplicaSet, Store, Version};

use crate::centre::{case, compare, customer, follow, phone, until_here, until_logged};

/// Customers that there may be, and cases.
const CUSTOMERS: u32 = 400;
const CASES: u32 = 100;
const WRITERS: u32 = 4;
/// What each writer writes after the stream is followed.
const BEHIND: u32 = 50;

/// Everybody's numbers change here within seconds, which no contact centre's do.
const GUARD: &str = "[guard]\nmax_percent = 100\n";

/// How often the hand-over is tried: many times in a long run.
fn trials() -> u32 {
    let asked = std::env::var("RINGSIDE_TRIALS").ok();
    asked.and_then(|trials| trials.parse().ok()).unwrap_or(3)
}

/// A number that is another one each time (xorshift; Marsaglia, 2003).
struct Dice(u32);

impl Dice {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 % bound
    }
}

/// One change of something. Cases belong to customers that are never deleted: those whose number leaves 0 or 1 by four.
fn write(store: &Store, dice: &mut Dice, revision: u32) {
    let n = dice.below(CUSTOMERS);
    let k = dice.below(CASES);
    let of = k * 4 + dice.below(2);
    let changed = |collection: &str, id: String, set| {
        let collection = store.collection(collection);
        store
            .wait(collection.update_one(doc! {"_id": id}, doc! {"$set": set}))
            .unwrap();
    };
    match dice.below(8) {
        0 if n % 4 == 3 => store.remove("customers", format!("c-{n}")),
        0..=2 => store.put("customers", &customer(n, revision)),
        3 | 4 => {
            let name = format!("Customer {n} Revision {revision}");
            let set = doc! {"name": name, "phoneNumber": [phone(n, revision)]};
            changed("customers", format!("c-{n}"), set);
        }
        5 => store.put("cases", &case(k, of, revision)),
        6 => changed("cases", format!("k-{k}"), doc! {"customerId": format!("c-{of}")}),
        _ => store.remove("cases", format!("k-{k}")),
    }
}

/// Lets the writers end, also where a test has failed meanwhile.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn hand_over(set: &ReplicaSet, trials: u32) {
    let store = set.store();
    for n in 0..CUSTOMERS {
        store.put("customers", &customer(n, 0));
    }
    for k in 0..CASES {
        store.put("cases", &case(k, k * 4, 0));
    }
    for trial in 0..trials {
        let folder = tempfile::tempdir().unwrap();
        let follows = AtomicBool::new(false);
        let ringside = std::thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (store, follows) = (store.clone(), &follows);
                scope.spawn(move || {
                    let mut dice = Dice(1 + trial * WRITERS + writer);
                    let mut behind = 0;
                    let mut revision = 1;
                    while behind < BEHIND {
                        write(&store, &mut dice, revision);
                        revision += 1;
                        behind += u32::from(follows.load(Ordering::Relaxed));
                    }
                });
            }
            let _ends = Ends(&follows);
            let ringside = follow(folder.path(), &set.uri(), GUARD);
            until_logged(&ringside, "following the source");
            ringside
        });
        until_here(&ringside, &store, &format!("{trial}"));
        compare(&ringside, &store, 0..CUSTOMERS);
        assert_eq!(ringside.status()["gap"], false);
    }
}

#[test]
fn nothing_is_lost_between_copy_and_stream_where_a_majority_lags() {
    hand_over(&ReplicaSet::with_arbiter(), trials());
}

#[test]
fn every_version_is_handed_over_from_copy_to_stream() {
    for version in Version::installed() {
        let options = Options {
            version,
            ..Options::default()
        };
        hand_over(&ReplicaSet::with_arbiter_as(&options), 1);
    }
}
