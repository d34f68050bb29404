//! Configurations of pops that cannot be meant are refused at the start, by name.

use crate::program::run;
use crate::site::Site;

#[test]
fn pages_that_nobody_should_open_are_refused() {
    for (key, value) in [
        ("customer", "javascript:alert(1)"),
        ("customer", " JaVaScRiPt:alert(1)"),
        ("customer", "data:text/html,hello"),
        ("customer", "file:///etc/passwd"),
        ("customer", "crm.example/{customer_id}"),
        ("customer", "https://{attr:host}/x"),
        ("customer", "https://crm.example/{nonsense}"),
        ("customer", "https://crm.example/{customer_id"),
        ("unknown", "https://crm.example/{attr:}"),
    ] {
        let site = Site::new(&format!("[profile.default.url]\n{key} = {value:?}\n"));
        let ran = run(&["config", "check", &site.config()]);
        assert_ne!(ran.code, 0, "{key} = {value:?} is taken: {}", ran.out);
        assert!(
            ran.err.contains("profile.default"),
            "{key} = {value:?}: {}",
            ran.err
        );
    }
    let good =
        "[profile.default.url]\ncustomer = 'https://crm.example/{customer_id}?ani={ani}&v={var:note}'\n";
    let ran = run(&["config", "check", &Site::new(good).config()]);
    assert_eq!(ran.code, 0, "{}", ran.err);
}
