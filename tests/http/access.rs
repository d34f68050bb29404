//! Who may ask, from where, and for what; what is told to whoever may not.

use std::path::PathBuf;
use std::sync::Arc;

use ringside::callers::{Dialect, Speakers};
use ringside::http::{Access, Demand, DialectKeys, Keys, Policy, Scope, Sources, edit_keys, now_s};
use tempfile::TempDir;

use crate::served::{admin, any_port, guarded, listener, serve_all, settings};
use crate::support::{Plan, centre};
use crate::wire::{Response, tcp, unix};

const HIT: &str = "/v1/lookup?ani=%2B14806754110";

/// A folder with a file of keys.
pub(crate) struct Ring {
    _dir: TempDir,
    pub(crate) file: PathBuf,
    pub(crate) keys: Arc<Keys>,
}

impl Ring {
    pub(crate) fn empty() -> Ring {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("keys.json");
        Ring {
            keys: Keys::open(&file).unwrap(),
            file,
            _dir: dir,
        }
    }

    /// Makes a key, which counts from the next reload on.
    pub(crate) fn make(&self, name: &str, scopes: &[&str], expires_s: Option<u64>) -> String {
        let scopes: Vec<Scope> = scopes.iter().map(|scope| scope.parse().unwrap()).collect();
        let made = edit_keys(&self.file, |ring| {
            ring.add(name, scopes, 1, expires_s)
                .map(|(_, token)| token.expose().to_owned())
        });
        made.unwrap()
    }

    pub(crate) fn add(&self, name: &str, scopes: &[&str]) -> String {
        let token = self.make(name, scopes, None);
        self.keys.reload().unwrap();
        token
    }

    pub(crate) fn access(&self) -> Access {
        Access {
            keys: Arc::clone(&self.keys),
            ..Access::default()
        }
    }
}

pub(crate) fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

pub(crate) fn sources(networks: &[&str]) -> Sources {
    Sources::new(networks.iter().map(|network| network.parse().unwrap()))
}

/// The status, and the code where it is an error.
fn told(response: &Response) -> (u16, String) {
    let json: serde_json::Value = serde_json::from_str(&response.body).unwrap_or_default();
    let code = json["error"]["code"].as_str().unwrap_or_default();
    (response.status, code.to_owned())
}

#[test]
fn a_key_is_needed_as_soon_as_there_is_one_and_is_taken_wherever_callers_put_it() {
    let (centre, ring) = (centre(&Plan::default()), Ring::empty());
    let running = serve_all(
        &centre,
        vec![guarded(&centre, "main", ring.access())],
        Access::default(),
    );
    let mut client = tcp(running.address("main").unwrap());
    // Without any keys, what a caller sends for another system means nothing.
    assert_eq!(
        client.ask("GET", HIT, &bearer("of-another-system"), b"").status,
        200
    );

    let token = ring.add("pbx", &["lookup"]);
    let missing = client.get(HIT);
    assert_eq!(told(&missing), (401, "missing_key".to_owned()));
    assert!(
        missing.json()["error"]["message"]
            .as_str()
            .unwrap()
            .contains("Authorization: Bearer")
    );
    let challenges: Vec<&str> = missing
        .head
        .lines()
        .filter(|line| line.to_lowercase().starts_with("www-authenticate:"))
        .collect();
    assert_eq!(challenges.len(), 2, "{}", missing.head);
    assert!(missing.head.contains("Bearer realm=\"ringside\""));

    use base64::Engine;
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("pbx:{token}"));
    for headers in [bearer(&token), format!("authorization: basic {basic}\r\n")] {
        assert_eq!(client.ask("GET", HIT, &headers, b"").status, 200, "{headers}");
        let post = format!("{headers}Content-Type: application/x-www-form-urlencoded\r\n");
        let answer = client.ask("POST", "/v1/lookup", &post, b"ani=%2B14806754110");
        assert_eq!(answer.json()["name"], "Ada Lovelace");
    }
    let other = token.replace("rs_", "rs-");
    let last = if token.ends_with('A') { "B" } else { "A" };
    let forged = format!("{}{last}", &token[..token.len() - 1]);
    for (headers, target, code) in [
        (bearer(&other), HIT.to_owned(), "unknown_key"),
        (bearer(&forged), HIT.to_owned(), "unknown_key"),
        (bearer(""), HIT.to_owned(), "unknown_key"),
        (
            format!("Authorization: {token}\r\n"),
            HIT.to_owned(),
            "misplaced_key",
        ),
        (format!("X-Api-Key: {token}\r\n"), HIT.to_owned(), "misplaced_key"),
        (String::new(), format!("{HIT}&key={token}"), "misplaced_key"),
        (String::new(), format!("{HIT}&token={token}"), "misplaced_key"),
        (String::new(), format!("{HIT}&api_key={token}"), "misplaced_key"),
        (String::new(), "/v1/customers/c-1842".to_owned(), "missing_key"),
        (String::new(), "//v1/lookup/1".to_owned(), "missing_key"),
        (String::new(), "/nothing".to_owned(), "missing_key"),
    ] {
        let refused = client.ask("GET", &target, &headers, b"");
        assert_eq!(told(&refused), (401, code.to_owned()), "{target} {headers}");
        assert!(!refused.body.contains(&token[12..]), "{}", refused.body);
    }
    let misplaced = client.get(&format!("{HIT}&key={token}"));
    assert!(misplaced.body.contains("key_in_query"), "{}", misplaced.body);
    assert_eq!(told(&client.ask("GET", "/nothing", &bearer(&token), b"")).0, 404);
}

#[test]
fn a_key_in_the_query_counts_where_that_is_allowed() {
    let (centre, ring) = (centre(&Plan::default()), Ring::empty());
    let token = ring.add("freeswitch", &["lookup"]);
    let access = Access {
        key_in_query: true,
        ..ring.access()
    };
    let running = serve_all(&centre, vec![guarded(&centre, "main", access)], Access::default());
    let mut client = tcp(running.address("main").unwrap());
    let answer = client.get(&format!("{HIT}&key={token}&format=text"));
    assert_eq!((answer.status, answer.body.as_str()), (200, "Ada Lovelace"));
    assert_eq!(told(&client.get(&format!("{HIT}&key=x"))).1, "unknown_key");
    assert_eq!(
        told(&client.get(&format!("{HIT}&token={token}"))).1,
        "misplaced_key"
    );
}

#[test]
fn expiry_and_revocation_end_a_key_at_once_and_are_told_to_its_owner_alone() {
    let (centre, ring) = (centre(&Plan::default()), Ring::empty());
    let old = ring.make("pbx", &["lookup"], Some(now_s() - 1));
    let token = ring.add("pbx", &["lookup"]);
    let running = serve_all(
        &centre,
        vec![guarded(&centre, "main", ring.access())],
        Access::default(),
    );
    let mut client = tcp(running.address("main").unwrap());
    let expired = client.ask("GET", HIT, &bearer(&old), b"");
    assert_eq!(told(&expired), (401, "expired_key".to_owned()));
    let guess = format!("{}{}", &old[..12], "A".repeat(43));
    assert_eq!(
        told(&client.ask("GET", HIT, &bearer(&guess), b"")).1,
        "unknown_key"
    );

    assert_eq!(client.ask("GET", HIT, &bearer(&token), b"").status, 200);
    edit_keys(&ring.file, |ring| Ok(ring.revoke("pbx", 1))).unwrap();
    ring.keys.reload().unwrap();
    // On the same connection, and although no key counts any more.
    assert_eq!(
        told(&client.ask("GET", HIT, &bearer(&token), b"")).1,
        "revoked_key"
    );
    assert_eq!(told(&client.get(HIT)).1, "missing_key");
}

#[test]
fn scopes_of_keys_and_of_listeners_both_hold() {
    let (centre, ring) = (centre(&Plan::default()), Ring::empty());
    let (lookup, feed) = (ring.add("pbx", &["lookup"]), ring.add("cim", &["feed"]));
    let no_lookups = Access {
        scopes: serde_json::from_str(r#"["feed"]"#).unwrap(),
        ..ring.access()
    };
    let mute = guarded(&centre, "mute", ring.access());
    let silent = Policy {
        speakers: Speakers::none(),
        ..Policy::clone(&mute.policy.load())
    };
    mute.policy.store(Arc::new(silent));
    let listeners = vec![
        guarded(&centre, "main", ring.access()),
        guarded(&centre, "feeds", no_lookups),
        mute,
    ];
    let running = serve_all(&centre, listeners, Access::default());
    let ask =
        |name: &str, token: &str| tcp(running.address(name).unwrap()).ask("GET", HIT, &bearer(token), b"");
    assert_eq!(ask("main", &lookup).status, 200);
    let refused = ask("main", &feed);
    assert_eq!(told(&refused), (403, "scope".to_owned()));
    assert!(refused.body.contains("the scope lookup"), "{}", refused.body);
    assert_eq!(told(&ask("feeds", &lookup)), (403, "not_on_listener".to_owned()));
    assert_eq!(told(&ask("mute", &lookup)), (404, "no_such_path".to_owned()));
}

#[test]
fn two_listeners_of_which_one_demands_keys() {
    let (centre, ring) = (centre(&Plan::default()), Ring::empty());
    let token = ring.add("pbx", &["lookup"]);
    let demanding = |demand| Access {
        demand,
        ..ring.access()
    };
    let listeners = vec![
        guarded(&centre, "main", demanding(Demand::Required)),
        guarded(&centre, "inner", demanding(Demand::Optional)),
    ];
    let running = serve_all(&centre, listeners, Access::default());
    let mut main = tcp(running.address("main").unwrap());
    let mut inner = tcp(running.address("inner").unwrap());
    assert_eq!((main.get(HIT).status, inner.get(HIT).status), (401, 200));
    for client in [&mut main, &mut inner] {
        assert_eq!(client.ask("GET", HIT, &bearer(&token), b"").status, 200);
        assert_eq!(client.ask("GET", HIT, &bearer("rs_x"), b"").status, 401);
    }
}

#[test]
fn a_dialect_has_a_word_of_its_own_on_keys() {
    let (centre, ring) = (centre(&Plan::default()), Ring::empty());
    let token = ring.add("pbx", &["lookup"]);
    let said = |demand, in_query| DialectKeys { demand, in_query };
    let access = Access {
        dialect_keys: [
            (Dialect::Cid, said(Some(Demand::Optional), false)),
            (Dialect::Zendesk, said(None, true)),
        ]
        .into(),
        ..ring.access()
    };
    let running = serve_all(&centre, vec![guarded(&centre, "main", access)], Access::default());
    let mut client = tcp(running.address("main").unwrap());
    let mut get = |target: &str| client.get(target);
    assert_eq!(get("/cid?number=4806754110").body, "Ada Lovelace");
    assert_eq!(get(&format!("/cid?number=4806754110&key={token}")).body, "");
    let users = "/api/v2/users/search.json?query=4806754110";
    let contacts = "/api/v2/contacts?phone=4806754110";
    assert_eq!(get(users).status, 401);
    assert_eq!(get(&format!("{users}&key={token}")).status, 200);
    assert_eq!(get(&format!("{contacts}&key={token}")).status, 401, "Freshdesk's");
    for target in [
        HIT,
        "//v1/lookup?ani=4806754110",
        "/cid/../v1/lookup?ani=4806754110",
        "/nowhere",
        "/cidr",
        "/CID?number=4806754110",
    ] {
        assert!(!get(target).body.contains("Ada"), "{target}");
    }
    assert_eq!(get("/nowhere").status, 401);
}

#[test]
fn a_key_is_demanded_where_there_are_none_if_the_listener_says_so() {
    let centre = centre(&Plan::default());
    let access = Access {
        demand: Demand::Required,
        ..Access::default()
    };
    let running = serve_all(&centre, vec![guarded(&centre, "main", access)], Access::default());
    assert_eq!(tcp(running.address("main").unwrap()).get(HIT).status, 401);
}

#[test]
fn whoever_reads_no_status_gets_a_miss() {
    let (centre, ring) = (centre(&Plan::default()), Ring::empty());
    ring.add("pbx", &["lookup"]);
    let running = serve_all(
        &centre,
        vec![guarded(&centre, "main", ring.access())],
        Access::default(),
    );
    let mut client = tcp(running.address("main").unwrap());
    for target in [
        format!("{HIT}&format=text"),
        "/v1/lookup/+14806754110?format=TEXT".to_owned(),
        "/v1/lookup?format=text&key=rs_x".to_owned(),
    ] {
        let answer = client.get(&target);
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{target}");
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    }
    let pairs = client.get(&format!("{HIT}&format=kv"));
    assert_eq!(pairs.status, 200);
    for pair in ["found=false", "reason=disabled", "name=", "ani="] {
        assert!(
            pairs.body.split('&').any(|found| found == pair),
            "{pair}: {}",
            pairs.body
        );
    }
    let form = client.post(
        "/v1/lookup",
        "application/x-www-form-urlencoded",
        b"ani=%2B14806754110&format=text",
    );
    assert_eq!((form.status, form.body.as_str()), (200, ""));
    for target in [
        format!("{HIT}&format=flat"),
        format!("{HIT}&format=x"),
        "/v1/customers/c-1842?format=text".to_owned(),
    ] {
        assert_eq!(
            told(&client.get(&target)),
            (401, "missing_key".to_owned()),
            "{target}"
        );
    }
    let long = format!("ani=%2B14806754110&x={}", "x".repeat(20_000));
    let long = tcp(running.address("main").unwrap()).post("/v1/lookup", "", long.as_bytes());
    assert_eq!(told(&long), (401, "missing_key".to_owned()));
    let mut announcing = tcp(running.address("main").unwrap());
    announcing.send(
        b"POST /v1/lookup HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20001\r\nExpect: 100-continue\r\n\r\n",
    );
    assert_eq!(
        told(&announcing.response(true)),
        (401, "missing_key".to_owned()),
        "nobody is asked for a body that is not read"
    );
}

#[test]
fn whoever_comes_from_elsewhere_is_cut_and_a_dialect_may_be_narrower() {
    let centre = centre(&Plan::default());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ringside.sock");
    let elsewhere = Access {
        sources: sources(&["192.0.2.0/24"]),
        ..Access::default()
    };
    let mut cut = guarded(&centre, "main", elsewhere);
    cut.unix = Some(path.clone());
    let narrower = Access {
        sources: sources(&["127.0.0.0/8"]),
        dialect_sources: [(Dialect::Native, sources(&["192.0.2.0/24"]))].into(),
        ..Access::default()
    };
    let narrower = guarded(&centre, "other", narrower);
    let policy = Arc::clone(&narrower.policy);
    let running = serve_all(&centre, vec![cut, narrower], Access::default());
    assert!(tcp(running.address("main").unwrap()).is_closed());
    assert_eq!(unix(&path).get(HIT).status, 200, "a Unix socket has no address");

    let mut client = tcp(running.address("other").unwrap());
    assert_eq!(told(&client.get(HIT)), (403, "dialect_source".to_owned()));
    let blind = client.get(&format!("{HIT}&format=text"));
    assert_eq!((blind.status, blind.body.as_str()), (200, ""));
    assert_eq!(client.get("/nothing").status, 404);
    // Rules that are replaced hold for connections that are open.
    let mut now = (**policy.load()).clone();
    now.access.sources = sources(&["192.0.2.0/24"]);
    policy.store(Arc::new(now));
    assert_eq!(told(&client.get(HIT)), (403, "source".to_owned()));

    let text = tcp(running.admin_address()).get("/metrics").body;
    for (reason, count) in [("source", 2), ("dialect_source", 2), ("missing_key", 0)] {
        let line = format!("ringside_http_denied_total{{reason=\"{reason}\"}} {count}");
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
}

#[test]
fn administration_over_tcp_needs_a_key_as_soon_as_there_is_one() {
    let (centre, ring) = (centre(&Plan::default()), Ring::empty());
    let listeners = vec![guarded(&centre, "main", ring.access())];
    let running = serve_all(&centre, listeners, ring.access());
    let mut client = tcp(running.admin_address());
    let json = "Content-Type: application/json\r\n";
    let reload = |client: &mut crate::wire::Client<_>, headers: &str| {
        client.ask("POST", "/reload-keys", headers, b"{}")
    };
    assert_eq!(reload(&mut client, json).json()["keys"], 0);
    assert_eq!(client.get("/reload-keys").status, 405);

    ring.make("pbx", &["lookup"], None);
    let admin = ring.make("ops", &["admin"], None);
    let lookup = ring.make("ivr", &["lookup"], None);
    assert_eq!(
        reload(&mut client, json).json()["keys"],
        3,
        "no key counted before"
    );
    assert_eq!(told(&reload(&mut client, json)), (401, "missing_key".to_owned()));
    let refused = reload(&mut client, &format!("{json}{}", bearer(&lookup)));
    assert_eq!(told(&refused), (403, "scope".to_owned()));
    let named = format!("{json}{}Host: ringside.example\r\n", bearer(&admin));
    assert_eq!(
        reload(&mut client, &named).status,
        200,
        "whoever has the key comes by any name"
    );
    assert_eq!(
        told(&reload(&mut client, &bearer(&admin))),
        (415, "content_type".to_owned())
    );
    for page in ["/explain?ani=1", "/other"] {
        assert_eq!(told(&client.get(page)).0, 401, "{page}");
        assert_eq!(
            client.ask("GET", page, &bearer(&admin), b"").status,
            404,
            "{page}"
        );
    }
    for page in ["/livez", "/metrics", "/status"] {
        assert_eq!(client.get(page).status, 200, "{page}");
    }

    std::fs::write(&ring.file, "{").unwrap();
    let broken = reload(&mut client, &format!("{json}{}", bearer(&admin)));
    assert_eq!(told(&broken), (409, "keys_unreadable".to_owned()));
    assert_eq!(
        reload(&mut client, &format!("{json}{}", bearer(&admin))).status,
        409
    );
    let mut caller = tcp(running.address("main").unwrap());
    assert_eq!(caller.ask("GET", HIT, &bearer(&lookup), b"").status, 200);
}

#[test]
fn the_folders_own_socket_may_do_everything() {
    let (centre, ring) = (centre(&Plan::default()), Ring::empty());
    ring.add("pbx", &["lookup"]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let elsewhere = Access {
        sources: sources(&["192.0.2.1"]),
        ..ring.access()
    };
    let admin = ringside::http::Admin {
        unix: Some(path.clone()),
        access: Arc::new(Arc::new(elsewhere).into()),
        ..admin(&centre, &Arc::default(), None)
    };
    let listeners = vec![listener(&centre, Some(any_port()), None)];
    let running = ringside::http::Server::bind(settings(), listeners, admin, &centre.metrics)
        .unwrap()
        .spawn()
        .unwrap();
    assert_eq!(unix(&path).post("/reload-keys", "", b"").json()["keys"], 1);
    assert!(
        tcp(running.admin_address()).is_closed(),
        "admin.sources holds over TCP"
    );
}
