//! What settings may say.

use super::settings;
use crate::pop::outbox::settings::Fault;

fn fault(more: &str) -> Fault {
    settings(more).check().unwrap_err()
}

#[test]
fn the_defaults_and_what_is_meant_are_fit() {
    for more in [
        "",
        "kind = 'cim'\nurl = 'https://cim.example/api/'",
        "kind = 'webhook'\nurl = 'http://[::1]:80/hook?a=b'\nwebhook.template = '{\"{x}\": \"{attributes.any} {{\"}'",
        "kind = 'file'\nfile.path = 'x'",
        "kind = 'cim'\nurl = 'http://x'\nauth = {kind = 'basic', user = 'u', file = 'f'}",
    ] {
        assert_eq!(settings(more).check(), Ok(()), "{more}");
    }
}

#[test]
fn what_does_not_fit_is_told_by_its_key() {
    for (more, key) in [
        ("timeout_ms = 99", "timeout_ms"),
        ("in_flight_max = 0", "in_flight_max"),
        ("attempts_max = 0", "attempts_max"),
        ("size_max_mib = 513", "size_max_mib"),
        ("dead_kept_s = 1", "dead_kept_s"),
        ("history.pause_s = 0", "history.pause_s"),
        ("kind = 'cim'", "url"),
        ("kind = 'cim'\nurl = 'ftp://x'", "url"),
        ("kind = 'cim'\nurl = 'http://user:secret@x'", "url"),
        ("kind = 'cim'\nurl = 'http://x?a=b'", "url"),
        ("kind = 'webhook'\nurl = 'x'", "url"),
        (
            "kind = 'webhook'\nurl = 'http://x'\nwebhook.kinds = []",
            "webhook.kinds",
        ),
        ("kind = 'cim'\nurl = 'http://x'\ntls.key = 'k'", "tls.certificate"),
        ("kind = 'file'", "file.path"),
        ("auth.kind = 'bearer'", "auth.file"),
        ("auth = {kind = 'basic', file = 'f', user = 'a:b'}", "auth.user"),
        (
            "auth = {kind = 'header', file = 'f', header = 'Host'}",
            "auth.header",
        ),
        ("key_header = 'a b'", "key_header"),
        ("links_path = 'x'", "links_path"),
        ("links_path = '/ä'", "links_path"),
        ("links_path = '/{agent}'", "links_path"),
        ("links_path = '/{call_id'", "links_path"),
        ("history_path = '/{call_id}'", "history_path"),
        ("customer_extra = '[]'", "customer_extra"),
        ("customer_fields.fist_name = 'x'", "customer_fields"),
        ("webhook.template = '{'", "webhook.template"),
        ("webhook.template = '\"{nmae}\"'", "webhook.template"),
        ("webhook.headers = {Host = 'x'}", "webhook.headers"),
    ] {
        let fault = fault(more);
        assert_eq!(fault.key, key, "{more}");
        assert!(!fault.found.contains("secret"), "{fault:?}");
    }
}

#[test]
fn an_unknown_place_is_told_with_those_that_there_are() {
    let fault = fault("webhook.template = '{\"a\": \"{nmae}\"}'");
    assert_eq!(fault.found, "\"{nmae}\"");
    assert!(fault.expected.contains("{name}, {number}"), "{}", fault.expected);
}
