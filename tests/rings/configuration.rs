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
        let site = Site::new(&format!("[profile.main.pop_url]\n{key} = {value:?}\n"));
        let ran = run(&["config", "check", &site.config()]);
        assert_ne!(ran.code, 0, "{key} = {value:?} is taken: {}", ran.out);
        assert!(
            ran.err.contains("profile.main.pop_url"),
            "{key} = {value:?}: {}",
            ran.err
        );
    }
    let good =
        "[profile.main.pop_url]\ncustomer = 'https://crm.example/{customer_id}?ani={ani}&v={var:note}'\n";
    let ran = run(&["config", "check", &Site::new(good).config()]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let host = "[profile.main]\npop_hosts = ['crm.example']\npop_url = { customer = 'https://crm.example.evil.test/' }\n";
    let ran = run(&["config", "check", &Site::new(host).config()]);
    assert!(ran.code != 0 && ran.err.contains("pop_hosts"), "{}", ran.err);
}

#[test]
fn frames_and_colours_are_what_they_say() {
    for (key, value) in [
        ("origins", "['*']"),
        ("origins", "['https://crm.example/path']"),
        ("origins", "['crm.example']"),
        ("origins", "[\"https://crm.example; script-src *\"]"),
        ("accent", "'blue'"),
        ("accent", "'#0b57d0; background: url(x)'"),
        ("dial", "'javascript:call({number})'"),
        ("sms", "'sms:'"),
        ("language", "'xx'"),
        ("pop_on", "'hang_up'"),
    ] {
        let site = Site::new(&format!("[profile.main]\n{key} = {value}\n"));
        let ran = run(&["config", "check", &site.config()]);
        assert_ne!(ran.code, 0, "{key} = {value} is taken: {}", ran.out);
        assert!(ran.err.contains(key), "{key} = {value}: {}", ran.err);
    }
}
