//! What passes, both ways, and what does not.

use std::fs;

use rcgen::generate_simple_self_signed;
use ringside::http::{Access, ShadowSettings};

use crate::record::{Act, SystemOfRecord, answer, ok};
use crate::served::{BODY_MAX, settings};
use crate::stage::{Stage, before};
use crate::wire::{Response, tcp};

/// What a response says beyond what every one says.
fn headers(response: &Response) -> Vec<String> {
    let lines = response.head.lines().skip(1).filter(|line| !line.is_empty());
    let lines = lines.filter(|line| !line.to_lowercase().starts_with("date:"));
    let mut lines: Vec<String> = lines.map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn a_request_and_its_answer_pass_byte_by_byte() {
    let body = "{ \"value\" :[{\"fullname\":\"Ad\u{e4}\"}]}\n";
    let record = SystemOfRecord::new(move |_| {
        let headers = "Content-Type: application/json; odata.metadata=minimal\r\nSet-Cookie: a=1; Path=/\r\n\
                       Set-Cookie: b=2\r\nETag: W/\"7\"\r\nKeep-Alive: timeout=5\r\nX-Private: 1\r\nConnection: X-Private\r\n";
        Act::Answer(answer("203 Whatever", headers, body))
    });
    let stage = Stage::new(record.url());
    let target = "//cid?number=+14806754110&$filter=a%20eq%20'b'&x=%zz&&y";
    let sent = "Authorization: Bearer of-the-crm\r\nCookie: sid=1\r\nX-Odd: a\r\nX-Odd: b\r\nAccept-Encoding: gzip\r\n\
                User-Agent: Webex\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\n";
    let answered = tcp(stage.at).ask("GET", target, sent, b"");
    assert_eq!(answered.status, 203);
    assert_eq!(answered.body, body);
    assert_eq!(
        headers(&answered),
        [
            "content-length: 34",
            "content-type: application/json; odata.metadata=minimal",
            "etag: W/\"7\"",
            "set-cookie: a=1; Path=/",
            "set-cookie: b=2",
        ]
    );
    let asked = &record.asked()[0];
    assert_eq!(asked.line(), format!("GET {target} HTTP/1.1"));
    let mut lines: Vec<&str> = asked
        .head
        .lines()
        .skip(1)
        .filter(|line| !line.is_empty())
        .collect();
    lines.sort_unstable();
    let host = format!("host: {}", record.address);
    let expected = [
        "accept-encoding: gzip",
        "authorization: Bearer of-the-crm",
        "cookie: sid=1",
        host.as_str(),
        "user-agent: Webex",
        "via: 1.1 ringside",
        "x-odd: a",
        "x-odd: b",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn bodies_pass_and_connections_are_used_again() {
    let record = SystemOfRecord::new(|asked| Act::Answer(ok("application/octet-stream", &asked.body)));
    let stage = Stage::new(record.url());
    let mut client = tcp(stage.at);
    for body in ["ani=%2B1480", "", "{\"ani\":\"\u{fffd}\"}"] {
        let answered = client.post("/v1/lookup", "application/x-odd", body.as_bytes());
        assert_eq!((answered.status, answered.body.as_str()), (200, body));
    }
    // In chunks.
    client.send(b"POST /v1/lookup HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nani\r\n2\r\n=1\r\n0\r\n\r\n");
    assert_eq!(client.response(true).body, "ani=1");
    let asked = record.asked();
    assert_eq!(asked[3].body, b"ani=1");
    assert!(
        asked.iter().all(|asked| asked.connection == 0),
        "one caller, one connection"
    );
}

#[test]
fn heads_redirects_and_empty_answers_pass_as_they_are() {
    let record = SystemOfRecord::new(|asked| {
        let line = asked.line();
        Act::Answer(if line.starts_with("HEAD") {
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 512\r\n\r\n".to_vec()
        } else if line.contains("moved") {
            answer("302 Found", "Location: https://elsewhere.example/x\r\n", "")
        } else if line.contains("same") {
            b"HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 99\r\n\r\n".to_vec()
        } else if line.contains("chunks") {
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nAda\r\n0\r\n\r\n".to_vec()
        } else {
            b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()
        })
    });
    let stage = Stage::new(record.url());
    let head = tcp(stage.at).request("HEAD", "/cid?number=1", "", b"");
    assert_eq!((head.status, head.header("content-length")), (200, Some("512")));
    let moved = stage.get("/cid?number=moved");
    assert_eq!(
        (moved.status, moved.header("location")),
        (302, Some("https://elsewhere.example/x"))
    );
    assert_eq!(stage.get("/cid?number=chunks").body, "Ada");
    let mut client = tcp(stage.at);
    client.send(b"GET /cid?number=same HTTP/1.1\r\nHost: x\r\n\r\n");
    client.until("HTTP/1.1 304");
    client.send(b"GET /cid?number=none HTTP/1.1\r\nHost: x\r\n\r\n");
    client.until("HTTP/1.1 204");
    assert_eq!(record.count(), 5, "a redirect is not followed");
}

#[test]
fn there_is_no_way_to_anywhere_else() {
    let record = SystemOfRecord::text("Ada");
    let stage = Stage::new(record.url());
    for target in [
        "/",
        "/admin",
        "/cidr",
        "/api/v3/x",
        "/metrics",
        "/v1/lookup/../x",
        "/api/data/%2e%2e/x",
        "*",
    ] {
        let method = if target == "*" { "OPTIONS" } else { "GET" };
        assert_eq!(
            tcp(stage.at).request(method, target, "", b"").status,
            404,
            "{target}"
        );
    }
    // In the shape that its caller reads.
    assert_eq!(stage.get("/cid/../x").body, "");
    // What is Ringside's own is not forwarded either.
    assert_ne!(
        tcp(stage.at)
            .post("/v1/changes", "application/x-ndjson", b"")
            .status,
        200
    );
    assert_eq!(record.count(), 0);
    // Whatever host a target or a header names, there is one upstream.
    for target in ["http://elsewhere.example/cid?number=1", "/cid?number=1"] {
        let answered = tcp(stage.at).ask("GET", target, "Host: elsewhere.example\r\n", b"");
        assert_eq!(answered.body, "Ada");
    }
    for asked in record.asked() {
        assert_eq!(asked.line(), "GET /cid?number=1 HTTP/1.1");
        assert_eq!(asked.header("host"), Some(record.address.to_string().as_str()));
    }
}

#[test]
fn what_has_been_here_before_is_refused() {
    let record = SystemOfRecord::json("{}");
    let stage = Stage::new(record.url());
    let again = "Via: 1.0 proxy, 1.1 ringside\r\n";
    let refused = tcp(stage.at).ask("GET", "/v1/lookup?ani=1", again, b"");
    assert_eq!(
        (refused.status, &refused.json()["error"]["code"]),
        (508, &"upstream_loop".into())
    );
    assert_eq!(record.count(), 0);
}

#[test]
fn large_answers_pass_and_larger_requests_do_not() {
    let large: String = (0..300_000).map(|nth| format!("{nth:09} ")).collect();
    let sent = large.clone();
    let record = SystemOfRecord::new(move |asked| {
        let mut bytes = ok("application/json", &sent);
        if asked.line().contains("chunks") {
            bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            for piece in sent.as_bytes().chunks(50_000) {
                bytes.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
                bytes.extend_from_slice(piece);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\n\r\n");
        }
        Act::Answer(bytes)
    });
    let stage = Stage::new(record.url());
    assert_eq!(stage.get("/cid?number=1").body, large);
    let mut client = tcp(stage.at);
    client.send(b"GET /cid?number=chunks HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    client.ends();
    let report = stage.report(2);
    assert_eq!(report["causes"]["not_compared"], 2);
    assert_eq!(report["waiting"], 0);
    let refused = tcp(stage.at).post("/v1/lookup", "text/plain", &vec![b'x'; BODY_MAX + 1]);
    assert_eq!(refused.status, 413);
    assert_eq!(record.count(), 2);
}

#[test]
fn an_upstream_over_tls_is_verified() {
    let record = SystemOfRecord::text("Ada");
    let signed = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
    let _chosen = rustls::crypto::ring::default_provider().install_default();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![signed.cert.der().clone()], key)
        .unwrap();
    let config = std::sync::Arc::new(config);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = std::thread::spawn(move || {
        // Twice: whoever does not trust it, and whoever does.
        for _ in 0..2 {
            let (stream, _) = listener.accept().unwrap();
            let session = rustls::ServerConnection::new(std::sync::Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(session, stream);
            let mut read = [0; 4096];
            if matches!(std::io::Read::read(&mut stream, &mut read), Ok(count) if count > 0) {
                std::io::Write::write_all(&mut stream, &ok("text/plain", "Ada")).unwrap();
                let _until_it_ends = std::io::Read::read(&mut stream, &mut read);
            }
        }
    });
    drop(record);
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    fs::write(&ca, signed.cert.pem()).unwrap();
    let distrusting = before(format!("https://localhost:{port}"));
    let trusting = ShadowSettings {
        ca,
        ..distrusting.clone()
    };
    let stage = Stage::of(distrusting, Access::default());
    assert_eq!(stage.get("/v1/lookup?ani=1").status, 502);
    let stage = Stage::under(trusting, Access::default(), settings());
    assert_eq!(stage.name("1"), "Ada");
    drop(stage);
    serving.join().unwrap();
}
