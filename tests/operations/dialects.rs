//! What a configuration says of one way of asking: the switch, numbers, keys, columns, and the name in metrics.

use crate::program::run;
use crate::site::Site;
use crate::wire::{get, tcp};

const ADA: &str = "/cid?number=%2B14806754110";

#[test]
fn a_dialect_is_switched_off_and_on_while_the_service_runs() {
    let site = Site::new("");
    let running = site.serve();
    let mut client = tcp(running.address("main").unwrap());
    assert_eq!(client.get(ADA).body, "Ada Lovelace");
    site.configure("[dialect.cid]\nenabled = false\n[dialect.native]\nenabled = false\n");
    let taken_up = running.reload().unwrap().taken_up;
    assert_eq!(taken_up, ["dialect.cid.enabled", "dialect.native.enabled"]);
    // On the same connection. Who reads no status is answered as for nobody.
    let off = client.get(ADA);
    assert_eq!((off.status, &*off.body), (200, ""));
    let native = client.get("/v1/lookup?ani=%2B14806754110");
    assert_eq!(
        (native.status, native.json()["error"]["code"].as_str()),
        (503, Some("off"))
    );
    assert_eq!(client.get("/v1/lookup?ani=%2B14806754110&format=text").body, "");
    site.configure("[dialect.dynamics]\nenabled = false\n");
    running.reload().unwrap();
    assert_eq!(client.get(ADA).body, "Ada Lovelace");
    let form = b"grant_type=client_credentials&client_id=a&client_secret=b";
    let form_type = "application/x-www-form-urlencoded";
    let token = |client: &mut crate::wire::Client<_>, path: &str| client.post(path, form_type, form).status;
    assert_eq!(
        token(&mut client, "/common/oauth2/v2.0/token"),
        503,
        "a dialect that is off gives no tokens"
    );
    assert_eq!(token(&mut client, "/services/oauth2/token"), 200);
    running.drain();
}

#[test]
fn a_dialect_has_numbers_columns_and_a_label_of_its_own() {
    let site = Site::new(
        "[dialect.cid]\nnumbers = {mode = 'e164_no_plus'}\nlabel = 'pbx-berlin'\n\
         fields = {name = 'first_name', vip = 'labels', id = '', site = \"'berlin'\"}\n",
    );
    let running = site.serve();
    let mut client = tcp(running.address("main").unwrap());
    let pairs = |client: &mut crate::wire::Client<_>, number: &str| {
        client.get(&format!("/cid?format=kv&number={number}")).body
    };
    // The calling code is there and its plus is not: only here.
    assert_eq!(pairs(&mut client, "442079460958"), "name=&id=&site=berlin&vip=");
    assert_eq!(pairs(&mut client, "14806754110"), "name=&id=&site=berlin&vip=VIP");
    assert_eq!(pairs(&mut client, "4806754110"), "name=&id=&site=&vip=");
    assert_eq!(
        client.get("/v1/lookup?ani=4806754110").json()["name"],
        "Ada Lovelace"
    );
    let metrics = get(running.admin_address(), "/metrics").body;
    let counted = "ringside_callers_lookups_total{dialect=\"pbx-berlin\",outcome=\"hit\"} 2\n";
    assert!(metrics.contains(counted), "{metrics}");
    running.drain();
}

#[test]
fn a_dialect_says_for_itself_whether_keys_are_needed_and_where_they_may_stand() {
    let site = Site::new("[dialect.cid]\nkey_in_query = true\n[dialect.curri]\nkeys = 'optional'\n");
    let added = run(&[
        "key",
        "add",
        "pbx",
        "--scope",
        "lookup",
        "--config",
        &site.config(),
    ]);
    let key = added
        .out
        .split_whitespace()
        .find(|word| word.starts_with("rs_"))
        .unwrap_or_else(|| panic!("no key in {}", added.out))
        .to_owned();
    let running = site.serve();
    let mut client = tcp(running.address("main").unwrap());
    // Nobody who reads no status is told why there is no name.
    let refused = client.get(ADA);
    assert_eq!((refused.status, &*refused.body), (200, ""));
    assert_eq!(client.get(&format!("{ADA}&key={key}")).body, "Ada Lovelace");
    let native = client.get(&format!("/v1/lookup?ani=%2B14806754110&key={key}"));
    assert_eq!(native.status, 401, "the listener says nothing of queries");
    let metrics = get(running.admin_address(), "/metrics").body;
    let counted = "ringside_callers_lookups_total{dialect=\"cid\",outcome=\"disabled\"} 1\n";
    assert!(metrics.contains(counted), "{metrics}");
    running.drain();
}

#[test]
fn what_a_dialect_cannot_be_told_is_refused_by_its_key() {
    for (said, told) in [
        (
            "[dialect.cid]\nfields = {name = 'nam'}\n",
            "dialect.cid.fields.name",
        ),
        ("[dialect.cid]\nlabel = 'a b'\n", "dialect.cid.label"),
        ("[dialect.cid]\nbudget_ms = 10001\n", "dialect.cid.budget_ms"),
        ("[dialect.cid]\ncustomer_id = 'auto'\n", "dialect.cid.customer_id"),
        ("[dialect.sid]\n", "did you mean `cid`?"),
    ] {
        let site = Site::new(said);
        let checked = run(&["config", "check", &site.config()]);
        assert!(checked.err.contains(told), "{said}: {}", checked.err);
    }
}

#[test]
fn numbers_of_a_dialect_are_explained_as_it_reads_them_and_taken_up_by_a_reload() {
    let site = Site::new("");
    let running = site.serve();
    let admin = format!("http://{}", running.admin_address());
    let explained = |more: &[&str]| {
        let arguments = ["explain", "4806754110", "--admin", &admin, "--json"];
        let told = run(&[&arguments, more].concat()).ok();
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        (told["number"].clone(), told["number_rules"].clone())
    };
    let national = explained(&[]);
    assert_eq!(explained(&["--dialect", "cid"]), national);
    site.configure("listener.main.dialect_numbers = {cid = {mode = 'e164_no_plus'}}\n");
    let reloaded = running.reload().unwrap();
    assert_eq!(reloaded.taken_up, ["listener.main.dialect_numbers.cid"]);
    assert_eq!(reloaded.needs_restart, [""; 0]);
    let (_, rules) = explained(&["--listener", "main", "--dialect", "cid"]);
    assert_eq!(
        rules,
        serde_json::json!(["listener.main.dialect_numbers.cid.mode"])
    );
    assert_eq!(
        explained(&["--dialect", "cid"]),
        national,
        "at no listener in particular"
    );
    assert_eq!(
        explained(&["--listener", "main"]),
        national,
        "in the native dialect"
    );
    let unknown = run(&["explain", "1", "--admin", &admin, "--dialect", "sid"]);
    assert!(unknown.err.contains("did you mean \"cid\"?"), "{}", unknown.err);
    running.drain();
}
