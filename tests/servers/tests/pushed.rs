//! The program beside nothing but these tests: what all the others build on.

use serde_json::json;
use servers::ringside::Ringside;

#[test]
fn what_is_pushed_is_served_after_a_kill_too() {
    let folder = tempfile::tempdir().unwrap();
    let ringside = Ringside::start(folder.path(), "[feed.main]\nkind = \"http\"\n");
    let line = json!({"op": "upsert", "customer": {"id": "c1", "name": "Ada", "phones": ["+14806754110"]}});
    let (status, answer) = ringside.push("/v1/changes", line.to_string().as_bytes());
    assert_eq!((status, &answer["accepted"]), (200, &json!(1)), "{answer}");
    let ringside = ringside.kill_and_start();
    assert_eq!(ringside.lookup("+14806754110")["name"], "Ada");
    assert_eq!(ringside.customer("c1").unwrap()["name"], "Ada");
    assert_eq!(ringside.customer("c2"), None);
    let owners = ringside.owners(&["+14806754110".to_owned(), "+14806754111".to_owned()]);
    assert_eq!(owners["+14806754110"].as_deref(), Some("c1"));
    assert_eq!(owners["+14806754111"], None);
}
