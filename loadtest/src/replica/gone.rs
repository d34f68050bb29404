//! What it takes to find cases that are gone, of which nobody says whose they were.

use std::io::Error;
use std::time::Instant;

use crate::Row;
use crate::centre::{Centre, other};
use crate::pairs::median;

/// How many are looked for at once.
const AT_ONCE: [u64; 2] = [1, 1000];

pub(crate) fn measure(mut centre: Centre, customers: u64, pairs: usize) -> Result<Vec<Row>, Error> {
    println!("{pairs} looks for parts that are gone …");
    let mut next = 0;
    let mut rows = Vec::new();
    for count in AT_ONCE {
        let mut taken = Vec::new();
        for pair in 0..=pairs {
            let before = centre.index.seq();
            for _ in 0..count {
                centre.gone(&format!("5f{next}"))?;
                next += 1;
            }
            let begun = Instant::now();
            centre.replica.commit().map_err(other)?;
            let took = begun.elapsed().as_secs_f64();
            let found = centre.index.seq() - before;
            if found != count {
                return Err(Error::other(format!(
                    "expected {count} to be found, found {found}"
                )));
            }
            // The first warms the page cache.
            if pair > 0 {
                taken.push(took);
            }
        }
        let scale = format!("{customers} customers, {count} at once");
        let detail = format!(
            "{:.0} ns a customer",
            median(taken.clone()) * 1e9 / customers as f64
        );
        let name = ("gone", "seconds of a commit that looks for cases that are gone");
        rows.push(Row::of_measure(name, scale, median(taken), detail));
    }
    Ok(rows)
}
