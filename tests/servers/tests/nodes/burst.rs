//! A burst of rows in one transaction, while calls are answered: RINGSIDE_BURST says how many.

use std::time::{Duration, Instant};

use servers::postgres::Postgres;
use servers::ringside::Ringside;
use servers::wait::until;

use crate::of_variable;

#[test]
fn a_burst_is_served_whole_and_callers_do_not_wait_for_it() {
    let rows = of_variable("RINGSIDE_BURST", 50_000);
    let server = Postgres::start();
    let mut sql = server.sql();
    sql.run(
        "CREATE TABLE customers (id bigint PRIMARY KEY, name text, phones text[]);
         CREATE PUBLICATION ringside FOR TABLE customers;
         INSERT INTO customers VALUES (0, 'there before', '{+14806754110}')",
    );
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "[feed.main]\nkind = \"postgres\"\n[feed.main.postgres]\nuri = \"{}?sslmode=disable\"\n\
         [feed.main.customers]\nfrom = \"public.customers\"\n",
        server.url("postgres")
    );
    let ringside = Ringside::start(folder.path(), &config);
    ringside.until_fresh();
    let began = Instant::now();
    // 480-2xx-xxxx: as many numbers as ten million.
    sql.run(&format!(
        "INSERT INTO customers SELECT n, 'customer ' || n, ARRAY['+1480' || (2000000 + n)] FROM generate_series(1, {rows}) n"
    ));
    let committed = began.elapsed();
    let mut slowest = Duration::ZERO;
    let last = format!("+1480{}", 2_000_000 + rows);
    until("the last row is served", Duration::from_secs(600), || {
        let asked = Instant::now();
        let answer = ringside.lookup("+14806754110");
        slowest = slowest.max(asked.elapsed());
        assert_eq!(answer["name"], "there before");
        if ringside.lookup(&last)["found"] == true {
            Ok(())
        } else {
            Err(ringside.status().to_string())
        }
    });
    let served = began.elapsed();
    let step = (rows / 5000).max(1);
    let some: Vec<u64> = (1..=rows).step_by(usize::try_from(step).unwrap()).collect();
    let numbers: Vec<String> = some.iter().map(|n| format!("+1480{}", 2_000_000 + n)).collect();
    for (n, answer) in some.iter().zip(ringside.lookups(&numbers)) {
        assert_eq!(answer["customer_id"], n.to_string(), "{answer}");
    }
    println!(
        "{rows} rows: committed after {committed:?}, served after {served:?}; the slowest answer meanwhile took {slowest:?}"
    );
}
