//! The program itself beside a server.

use servers::ringside::Ringside;
use servers::wait::until;

use super::centre::centre;
use super::follower::PATIENCE;

#[test]
fn calls_are_answered_from_what_the_database_has() {
    let (mut server, mut sql) = centre();
    sql.run(
        "INSERT INTO customers VALUES (1, 'Ada', '{+14806754110}'), (2, 'Bo', '{+14806754111}');
         INSERT INTO cases VALUES (7, 1, 'Late')",
    );
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "[feed.main]\nkind = \"postgres\"\n[feed.main.postgres]\nuri = \"{}?sslmode=disable\"\n\
         [feed.main.customers]\nfrom = \"public.customers\"\n[feed.main.cases]\nfrom = \"public.cases\"\n",
        server.url("ringside")
    );
    let ringside = Ringside::start(folder.path(), &config);
    ringside.until_fresh();
    assert_eq!(ringside.lookup("+14806754110")["name"], "Ada");
    assert_eq!(ringside.customer("1").unwrap()["cases"][0]["title"], "Late");
    let answers = |ringside: &Ringside, ani: &str, name: &str| {
        until("the change is answered", PATIENCE, || {
            let answer = ringside.lookup(ani);
            if answer["name"] == name {
                Ok(())
            } else {
                Err(answer.to_string())
            }
        });
    };
    // A number that moves, and a service that is killed meanwhile.
    sql.run("BEGIN; UPDATE customers SET phones = '{}' WHERE id = 1; UPDATE customers SET phones = '{+14806754110}' WHERE id = 2; COMMIT");
    answers(&ringside, "+14806754110", "Bo");
    let ringside = ringside.kill_and_start();
    sql.run("UPDATE customers SET name = 'Bob' WHERE id = 2");
    answers(&ringside, "+14806754110", "Bob");
    drop(sql);
    server.kill_and_start();
    let mut sql = server.sql();
    sql.run("UPDATE customers SET name = 'Robert' WHERE id = 2; UPDATE cases SET customer_id = 2");
    answers(&ringside, "+14806754110", "Robert");
    until("the case has moved", PATIENCE, || {
        let customers = [ringside.customer("1").unwrap(), ringside.customer("2").unwrap()];
        let cases = customers
            .each_ref()
            .map(|customer| customer["cases"].as_array().map_or(0, Vec::len));
        if cases == [0, 1] {
            Ok(())
        } else {
            Err(format!("{cases:?}"))
        }
    });
    let log = ringside.log();
    assert_eq!(log.matches("everything is to be copied").count(), 1, "{log}");
    assert!(!log.contains("secret") && !log.contains("14806754110"), "{log}");
}
