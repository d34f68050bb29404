//! Which map the overlay is made of: readers' tails beside a writer, of papaya, whose readers never wait, and of dashmap,
//! whose readers take a shard's lock.

use std::hint::black_box;
use std::io::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::tail::{pin, quantile, wait_until};
use crate::Row;
use crate::pairs;

/// What is written a second, how much of it at once, and of how many keys.
const RATE: u64 = 10_000;
const BATCH: u64 = 100;
const KEYS: u64 = 100_000;

/// What both maps do.
trait Map: Sync {
    fn put(&self, key: u64, record: Arc<[u8]>);
    fn length(&self, key: u64) -> usize;
}

impl Map for papaya::HashMap<u64, Arc<[u8]>> {
    fn put(&self, key: u64, record: Arc<[u8]>) {
        self.pin().insert(key, record);
    }

    fn length(&self, key: u64) -> usize {
        self.pin().get(&key).map_or(0, |record| record.len())
    }
}

impl Map for dashmap::DashMap<u64, Arc<[u8]>> {
    fn put(&self, key: u64, record: Arc<[u8]>) {
        self.insert(key, record);
    }

    fn length(&self, key: u64) -> usize {
        self.get(&key).map_or(0, |record| record.len())
    }
}

pub(crate) fn measure(pairs: usize, seconds: u64) -> Result<Vec<Row>, Error> {
    println!("maps: {pairs} pairs of {seconds} s …");
    let (papaya, dashmap) = (papaya::HashMap::new(), dashmap::DashMap::new());
    for map in [&papaya as &dyn Map, &dashmap] {
        (0..KEYS).for_each(|key| map.put(key, record(key)));
    }
    let mut taken = Vec::new();
    for pair in 0..pairs {
        taken.push(if pair % 2 == 0 {
            let papaya = tail(&papaya, seconds)?;
            (papaya, tail(&dashmap, seconds)?)
        } else {
            let dashmap = tail(&dashmap, seconds)?;
            (tail(&papaya, seconds)?, dashmap)
        });
    }
    let ratio = pairs::of_pairs(&taken);
    let detail = format!(
        "p99.9 {:.0} ns of papaya beside {:.0} ns of dashmap",
        ratio.nanos.0, ratio.nanos.1
    );
    let name = (
        "maps",
        "p99.9 of reads of papaya beside a writer, as a share of dashmap's",
    );
    let scale = format!("{KEYS} keys, {RATE} written/s, {BATCH} at once");
    let row = Row::of_measure(name, scale, ratio.median, detail);
    Ok(vec![Row {
        pairs,
        low: ratio.low,
        high: ratio.high,
        ..row
    }])
}

/// A record of 700 bytes.
fn record(key: u64) -> Arc<[u8]> {
    vec![key.to_le_bytes()[0]; 700].into()
}

/// The p99.9 of reads on one core while another one writes.
fn tail(map: &dyn Map, seconds: u64) -> Result<f64, Error> {
    let stop = AtomicBool::new(false);
    let nanos = std::thread::scope(|scope| {
        let reader = scope.spawn(|| -> Result<Vec<u32>, Error> {
            pin(1)?;
            let (mut nanos, mut state) = (Vec::with_capacity(50_000_000), 1_u64);
            while !stop.load(Ordering::Relaxed) {
                state = state
                    .wrapping_mul(0xd6e8_feb8_6659_fd93)
                    .wrapping_add(0x9e37_79b9_7f4a_7c15);
                let begun = Instant::now();
                black_box(map.length((state >> 32) % KEYS));
                nanos.push(u32::try_from(begun.elapsed().as_nanos()).unwrap_or(u32::MAX));
            }
            Ok(nanos)
        });
        let written = pin(0).map(|()| {
            let begun = Instant::now();
            for nth in 0..seconds * RATE / BATCH {
                wait_until(begun + Duration::from_micros(nth * BATCH * 1_000_000 / RATE));
                for key in nth * BATCH..(nth + 1) * BATCH {
                    map.put(key.wrapping_mul(2_654_435_761) % KEYS, record(key));
                }
            }
        });
        stop.store(true, Ordering::Relaxed);
        let nanos = reader.join().map_err(|_| Error::other("the reader panicked"))?;
        written.and(nanos)
    })?;
    Ok(quantile(nanos, 0.999))
}
