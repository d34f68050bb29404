//! A network that is cut, without a word to either side: RINGSIDE_CUT_S says for how many seconds.

use std::time::{Duration, Instant};

use mongodb::bson::doc;
use serde_json::Value;
use servers::mongod::{DATABASE, ReplicaSet};
use servers::ringside::{PATIENCE, Ringside};
use servers::wait::until;
use servers::wire::Wire;

use crate::of_variable;

#[test]
fn a_cut_network_is_told_and_made_up_for() {
    let mut set = ReplicaSet::single();
    let store = set.store();
    let put = |n: i32, name: &str| {
        let phone = format!("+1480675{n:04}");
        let customer = doc! {"_id": n, "firstName": name, "phoneNumber": [phone]};
        store.try_put("customers", &customer).unwrap();
    };
    (0..50).for_each(|n| put(n, "before"));
    let wire = Wire::to(set.node(0).address().parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let uri = format!("mongodb://{}/?directConnection=true", wire.address());
    let config = format!(
        "[feed.main]\nkind = \"mongodb\"\n[feed.main.mongodb]\nuri = {uri:?}\ndatabase = {DATABASE:?}\nsilence_ms = 3000\n\
         connect_timeout_ms = 2000\n[answers]\nstale_after_s = 4\n"
    );
    let ringside = Ringside::start(folder.path(), &config);
    ringside.until_fresh();
    wire.cut(true);
    let cut = Instant::now();
    put(7, "during");
    until("answers say that they are stale", PATIENCE, || {
        let answer = ringside.lookup("+14806750007");
        match (answer["stale"].as_bool(), answer["name"].as_str()) {
            (Some(true), Some("before")) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    let told = cut.elapsed();
    // By default the silence alone would be that long.
    assert!(told < Duration::from_secs(15), "told after {told:?}");
    let long = Duration::from_secs(of_variable("RINGSIDE_CUT_S", 8));
    until("the cut has lasted", long + PATIENCE, || {
        if cut.elapsed() >= long {
            Ok(())
        } else {
            Err("it lasts".to_owned())
        }
    });
    // It tries again and again, and for as long as a trial lasts it is no longer known to be away.
    until("the feed is told to wait", PATIENCE, || {
        let status = ringside.status();
        match (&status["connected"], &status["feeds"]["main"]["state"]) {
            (Value::Bool(false), Value::String(state)) if state == "waiting" => Ok(()),
            _ => Err(status.to_string()),
        }
    });
    wire.cut(false);
    let mended = Instant::now();
    until("what was missed is made up for", PATIENCE, || {
        match ringside.lookup("+14806750007")["name"].as_str() {
            Some("during") => Ok(()),
            other => Err(format!("{other:?}\n{}", ringside.log())),
        }
    });
    let back = mended.elapsed();
    ringside.until_fresh();
    assert_eq!(
        ringside.log().matches("everything is to be copied").count(),
        1,
        "once is enough"
    );
    println!("stale was told after {told:?}; after {long:?} without a network it took {back:?}");
}
