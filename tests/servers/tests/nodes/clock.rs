//! A clock that jumps, backwards and forwards, under a running program (libfaketime's monotonic clock stays).

use std::fs;

use servers::faketime::library;
use servers::postgres::Postgres;
use servers::ringside::{PATIENCE, Ringside};
use servers::wait::until;

#[test]
fn changes_are_followed_in_order_whatever_the_clock_says() {
    let server = Postgres::start();
    let mut sql = server.sql();
    sql.run(
        "CREATE TABLE customers (id int PRIMARY KEY, name text, phones text[]);
         CREATE PUBLICATION ringside FOR TABLE customers;
         INSERT INTO customers VALUES (1, 'first', '{+14806754110}')",
    );
    let folder = tempfile::tempdir().unwrap();
    let offset = folder.path().join("offset");
    let jump = |to: &str| fs::write(&offset, to).unwrap();
    jump("+0");
    let config = format!(
        "[feed.main]\nkind = \"postgres\"\n[feed.main.postgres]\nuri = \"{}?sslmode=disable\"\n\
         [feed.main.customers]\nfrom = \"public.customers\"\n[answers]\nstale_after_s = 10\n",
        server.url("postgres")
    );
    let environment = [
        ("LD_PRELOAD", library().to_string_lossy().into_owned()),
        ("FAKETIME_TIMESTAMP_FILE", offset.to_string_lossy().into_owned()),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ];
    let ringside = Ringside::start_with(folder.path(), &config, &environment);
    ringside.until_fresh();
    for (nth, to) in ["-7200", "+86400", "-3600", "+0"].into_iter().enumerate() {
        jump(to);
        let name = format!("revision {nth}");
        sql.run(&format!("UPDATE customers SET name = '{name}' WHERE id = 1"));
        until("the change is answered", PATIENCE, || {
            let answer = ringside.lookup("+14806754110");
            if answer["name"] == name {
                Ok(())
            } else {
                Err(format!("{to}: {answer}"))
            }
        });
        ringside.until_fresh();
    }
    let ringside = ringside.kill_and_start();
    ringside.until_fresh();
    assert_eq!(ringside.lookup("+14806754110")["name"], "revision 3");
}
