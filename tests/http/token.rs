//! Connectors that were made for a CRM log in: token endpoints at the vendors' paths.

use base64::Engine;
use ringside::callers::Dialect;
use ringside::http::{Access, Chosen, Demand, Listener, Policy, Running, edit_keys, now_s};
use serde_json::Value;

use crate::access::{Ring, bearer, sources};
use crate::served::{BODY_MAX, any_port, guarded, serve_all};
use crate::support::{Centre, Plan, centre};
use crate::wire::{Response, metric, tcp};

const HIT: &str = "/v1/lookup?ani=%2B14806754110";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";
const PATHS: [&str; 5] = [
    "/common/oauth2/v2.0/token",
    "/6c2d6b3e-0b52-4f6c-8a44-d2b1a7e64d2e/oauth2/token",
    "/services/oauth2/token",
    "/oauth_token.do",
    "/oauth/tokens",
];
/// As CRMs choose them.
const SECRET: &str = "abc8Q~2.0aZ_4mPq7Rs-TuVwXyZ0123456789abc";

fn served(centre: &Centre, access: Access) -> Running {
    serve_all(centre, vec![guarded(centre, "main", access)], Access::default())
}

fn post(running: &Running, path: &str, headers: &str, body: &str) -> Response {
    tcp(running.address("main").unwrap()).ask("POST", path, headers, body.as_bytes())
}

fn log_in(running: &Running, path: &str, secret: &str) -> Response {
    let body = format!("grant_type=client_credentials&client_id=webex&client_secret={secret}&scope=s");
    post(running, path, FORM, &body)
}

fn look_up(running: &Running, token: &str) -> u16 {
    tcp(running.address("main").unwrap())
        .ask("GET", HIT, &bearer(token), b"")
        .status
}

fn basic(user: &str, password: &str) -> String {
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    format!("Authorization: Basic {encoded}\r\n")
}

/// The status, and the error, whose description is within the characters that it may have.
fn told(response: &Response) -> (u16, String) {
    let json = response.json();
    if let Some(text) = json["error_description"].as_str() {
        let may = |c: char| matches!(c, ' '..='!' | '#'..='[' | ']'..='~');
        assert!(!text.is_empty() && text.chars().all(may), "{text}");
    }
    let error = json["error"].as_str().unwrap_or_default();
    (response.status, error.to_owned())
}

#[test]
fn a_key_is_its_own_token_at_every_vendors_path() {
    let (centre, ring) = (centre(&Plan::default()), Ring::empty());
    let key = ring.add("webex", &["lookup"]);
    let running = served(&centre, ring.access());
    for path in PATHS {
        let given = log_in(&running, path, &key);
        assert_eq!(given.status, 200, "{path}: {}", given.body);
        assert_eq!(given.header("cache-control"), Some("no-store"));
        let json = given.json();
        let token = json["access_token"].as_str().unwrap();
        assert_eq!(token, key);
        assert_eq!(look_up(&running, token), 200);

        let body =
            format!(r#"{{"grant_type":"client_credentials","client_id":"webex","client_secret":"{key}"}}"#);
        let posted = post(&running, path, "Content-Type: application/json\r\n", &body);
        assert_eq!(posted.json()["access_token"], Value::from(&*key), "{path}");
        let headers = format!("{FORM}{}", basic("webex", &key));
        let shown = post(&running, path, &headers, "grant_type=client_credentials");
        assert_eq!(shown.json()["access_token"], Value::from(&*key), "{path}");
        let with_password =
            format!("grant_type=password&client_id=a&client_secret=b&username=c&password={key}");
        assert_eq!(post(&running, path, FORM, &with_password).status, 200, "{path}");
    }
}

#[test]
fn answers_have_the_vendors_members() {
    let (centre, ring) = (centre(&Plan::default()), Ring::empty());
    let key = ring.add("webex", &["lookup"]);
    let ending = ring.make("ending", &["lookup"], Some(now_s() + 60));
    ring.keys.reload().unwrap();
    let running = served(&centre, ring.access());
    let given = |path: &str| log_in(&running, path, &key).json();
    let microsoft = given(PATHS[0]);
    assert_eq!(
        (
            &microsoft["token_type"],
            &microsoft["expires_in"],
            &microsoft["ext_expires_in"]
        ),
        (&"Bearer".into(), &3600.into(), &3600.into())
    );
    let older = given(PATHS[1]);
    assert_eq!(
        older["expires_in"], "3600",
        "texts, as the older endpoint has them"
    );
    let on: u64 = older["expires_on"].as_str().unwrap().parse().unwrap();
    assert!(on.abs_diff(now_s() + 3600) < 60, "{on}");

    let body = format!("grant_type=client_credentials&client_secret={key}");
    let headers = format!("{FORM}Host: crm.example.com\r\nX-Forwarded-Proto: https\r\n");
    let salesforce = post(&running, PATHS[2], &headers, &body).json();
    assert_eq!(salesforce["instance_url"], "https://crm.example.com");
    assert!(
        salesforce["id"]
            .as_str()
            .unwrap()
            .starts_with("https://crm.example.com/id/00D")
    );
    assert_eq!(salesforce["issued_at"].as_str().unwrap().len(), 13);
    assert!(salesforce.get("signature").is_none());
    assert_eq!(given(PATHS[2])["instance_url"], "http://localhost");
    assert_eq!(given(PATHS[4])["scope"], "s");
    assert_eq!(given(PATHS[4])["token_type"], "bearer");

    let short = log_in(&running, PATHS[3], &ending).json();
    assert!(
        (1..=60).contains(&short["expires_in"].as_u64().unwrap()),
        "{short}"
    );
}

#[test]
fn keys_that_open_nothing_give_no_token() {
    let (centre, ring) = (centre(&Plan::default()), Ring::empty());
    let expired = ring.make("old", &["lookup"], Some(now_s() - 1));
    let feed = ring.make("cim", &["feed"], None);
    let revoked = ring.make("gone", &["lookup"], None);
    edit_keys(&ring.file, |ring| Ok(ring.revoke("gone", 1))).unwrap();
    let key = ring.add("webex", &["lookup"]);
    let running = served(&centre, ring.access());
    for (path, unknown, bad) in [
        (PATHS[0], 401, 400),
        (PATHS[1], 401, 400),
        (PATHS[2], 400, 400),
        (PATHS[3], 401, 401),
        (PATHS[4], 401, 400),
    ] {
        for secret in [&*expired, &*revoked, "wrong", SECRET] {
            let refused = log_in(&running, path, secret);
            assert_eq!(
                told(&refused),
                (unknown, "invalid_client".to_owned()),
                "{path} {secret}"
            );
            assert!(!refused.body.contains(secret), "{}", refused.body);
        }
        assert_eq!(
            told(&log_in(&running, path, &feed)),
            (bad, "unauthorized_client".to_owned())
        );
        let headers = format!("{FORM}{}", basic("webex", "wrong"));
        let shown = post(&running, path, &headers, "grant_type=client_credentials");
        assert_eq!(told(&shown), (401, "invalid_client".to_owned()), "{path}");
        assert!(shown.head.contains("Basic realm"), "{}", shown.head);
        for (body, expected) in [
            (format!("client_secret={key}"), "invalid_request"),
            (
                format!("grant_type=authorization_code&client_secret={key}"),
                "unsupported_grant_type",
            ),
        ] {
            let refused = post(&running, path, FORM, &body);
            assert_eq!(told(&refused), (bad, expected.to_owned()), "{path} {body}");
        }
        let none = post(&running, path, FORM, "grant_type=client_credentials");
        assert_eq!(told(&none), (unknown, "invalid_client".to_owned()));
        let in_url = format!("{path}?grant_type=client_credentials&client_secret={key}");
        assert_eq!(
            told(&post(&running, &in_url, FORM, "")),
            (bad, "invalid_request".to_owned())
        );
        assert_eq!(
            told(&post(&running, path, FORM, "{")),
            (400, "invalid_request".to_owned())
        );
    }
    let asked = tcp(running.address("main").unwrap()).get(PATHS[0]);
    assert_eq!((asked.status, asked.header("allow")), (405, Some("POST")));
    let text = log_in(&running, PATHS[0], &expired).body;
    assert!(text.contains("expired"), "whoever has it is told: {text}");
    assert!(
        metric(
            running.admin_address(),
            "ringside_http_denied_total{reason=\"revoked_key\"}"
        ) >= 5
    );
}

#[test]
fn bodies_are_within_the_limits_of_all() {
    let centre = centre(&Plan::default());
    let running = served(&centre, Access::default());
    let long = "x".repeat(BODY_MAX + 1);
    let refused = post(&running, PATHS[0], FORM, &long);
    assert_eq!(told(&refused), (413, "invalid_request".to_owned()));
    let target = format!("{}?{}", PATHS[0], "x".repeat(9 << 10));
    assert_eq!(told(&post(&running, &target, FORM, "")).0, 414);
}

#[test]
fn where_no_key_is_needed_a_token_opens_what_is_open() {
    let (centre, ring) = (centre(&Plan::default()), Ring::empty());
    let optional = Access {
        demand: Demand::Optional,
        ..ring.access()
    };
    let listeners = vec![
        guarded(&centre, "main", ring.access()),
        guarded(&centre, "inner", optional),
    ];
    let running = serve_all(&centre, listeners, Access::default());
    let ask = |name: &str, secret: &str| {
        let body = format!("grant_type=client_credentials&client_secret={secret}");
        tcp(running.address(name).unwrap()).ask("POST", PATHS[4], FORM, body.as_bytes())
    };
    let look_up = |name: &str, token: &Value| {
        let headers = bearer(token.as_str().unwrap());
        tcp(running.address(name).unwrap())
            .ask("GET", HIT, &headers, b"")
            .status
    };
    for name in ["main", "inner"] {
        let token = ask(name, "of-another-system").json()["access_token"].clone();
        assert_ne!(token, "of-another-system");
        assert_eq!(look_up(name, &token), 200, "{name}");
    }
    let token = ask("main", "x").json()["access_token"].clone();
    let key = ring.add("pbx", &["lookup"]);
    let expired = ring.make("old", &["lookup"], Some(1));
    ring.keys.reload().unwrap();
    assert_eq!((look_up("main", &token), look_up("inner", &token)), (401, 200));
    assert_eq!(told(&ask("main", "x")), (401, "invalid_client".to_owned()));
    assert_eq!(told(&ask("inner", &expired)), (401, "invalid_client".to_owned()));
    assert_eq!(ask("inner", &key).json()["access_token"], Value::from(key));
}

#[test]
fn a_listener_that_allows_no_lookups_gives_no_token() {
    let (centre, ring) = (centre(&Plan::default()), Ring::empty());
    let key = ring.add("webex", &["lookup"]);
    let no_lookups = Access {
        scopes: serde_json::from_str(r#"["feed"]"#).unwrap(),
        ..ring.access()
    };
    let networks = Dialect::ALL
        .into_iter()
        .map(|dialect| (dialect, sources(&["192.0.2.0/24"])));
    let elsewhere = Access {
        dialect_sources: networks.collect(),
        ..ring.access()
    };
    let mute = Policy {
        access: ring.access(),
        ..Policy::open(centre.native.clone())
    };
    let listeners = vec![
        guarded(&centre, "feeds", no_lookups),
        Listener {
            address: Some(any_port()),
            ..Listener::new("mute", mute)
        },
        guarded(&centre, "narrow", elsewhere),
    ];
    let running = serve_all(&centre, listeners, Access::default());
    let body = format!("grant_type=client_credentials&client_secret={key}");
    let ask = |name: &str| tcp(running.address(name).unwrap()).ask("POST", PATHS[0], FORM, body.as_bytes());
    for name in ["feeds", "narrow"] {
        assert_eq!(
            told(&ask(name)),
            (403, "unauthorized_client".to_owned()),
            "{name}"
        );
    }
    assert_eq!(ask("mute").status, 401, "as any path that nothing answers");
}

#[test]
fn a_secret_that_a_crm_has_chosen_is_a_key_wherever_keys_are() {
    let (centre, ring) = (centre(&Plan::default()), Ring::empty());
    let secret = Chosen::read(SECRET.as_bytes()).unwrap();
    edit_keys(&ring.file, |ring| {
        let scopes = vec!["lookup".parse().unwrap()];
        ring.enter("crm", &secret, scopes, 1, None).map(drop)
    })
    .unwrap();
    ring.keys.reload().unwrap();
    let kept = std::fs::read_to_string(&ring.file).unwrap();
    assert!(!kept.contains(&SECRET[8..]), "{kept}");
    let running = served(&centre, ring.access());
    for path in PATHS {
        assert_eq!(
            log_in(&running, path, SECRET).json()["access_token"],
            SECRET,
            "{path}"
        );
    }
    assert_eq!(look_up(&running, SECRET), 200);
    let mut client = tcp(running.address("main").unwrap());
    for (user, password) in [
        ("webex", SECRET),
        (SECRET, "X"),
        (SECRET, ""),
        ("a@b/token", SECRET),
    ] {
        assert_eq!(
            client.ask("GET", HIT, &basic(user, password), b"").status,
            200,
            "{user}"
        );
    }
    assert_eq!(look_up(&running, &SECRET[1..]), 401);
    edit_keys(&ring.file, |ring| Ok(ring.revoke("crm", 2))).unwrap();
    ring.keys.reload().unwrap();
    assert_eq!(look_up(&running, SECRET), 401);
    assert_eq!(
        told(&log_in(&running, PATHS[0], SECRET)),
        (401, "invalid_client".to_owned())
    );
}

#[test]
fn a_connector_logs_in_and_asks_as_it_asks_its_crm() {
    let (centre, ring) = (centre(&Plan::default()), Ring::empty());
    let key = ring.add("webex", &["lookup"]);
    let running = served(&centre, ring.access());
    let token = log_in(&running, "/oauth_token.do", &key).json()["access_token"].clone();
    let headers = bearer(token.as_str().unwrap());
    let ask =
        |headers: &str, target: &str| tcp(running.address("main").unwrap()).ask("GET", target, headers, b"");
    let freshdesk = basic(&key, "X");
    for (headers, target, pointer) in [
        (
            &headers,
            "/api/now/table/sys_user?phone=%2B14806754110",
            "/result/0/name",
        ),
        (
            &headers,
            "/api/v2/users/search.json?query=type:user+%22+14806754110%22",
            "/users/0/name",
        ),
        (
            &freshdesk,
            "/api/v2/search/contacts?query=%22phone:'+14806754110'%22",
            "/results/0/name",
        ),
    ] {
        let answer = ask(headers, target);
        assert_eq!(answer.status, 200, "{target}: {}", answer.body);
        assert_eq!(
            answer.json().pointer(pointer),
            Some(&"Ada Lovelace".into()),
            "{target}"
        );
    }
    let tickets = ask(
        &headers,
        "/api/v2/search.json?query=type:ticket+status%3Csolved++requester:1",
    );
    assert_eq!((tickets.status, &tickets.json()["count"]), (200, &0.into()));
    for (target, pointer, word) in [
        (
            "/api/now/table/sys_user?phone=1",
            "/error/message",
            "User Not Authenticated",
        ),
        (
            "/api/v2/users/search.json?query=1",
            "/error",
            "Couldn't authenticate you",
        ),
        ("/api/v2/contacts?phone=1", "/code", "invalid_credentials"),
    ] {
        let denied = ask("", target);
        assert_eq!(denied.status, 401, "{target}");
        assert_eq!(
            denied.json().pointer(pointer),
            Some(&word.into()),
            "{}",
            denied.body
        );
    }
}
