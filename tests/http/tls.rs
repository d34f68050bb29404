//! TLS over real sockets: what is served, what is refused, and certificates that are replaced.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use ringside::http::{Access, Demand, Listener, Policy, Running, Settings, Tls, TlsError, TlsFiles, now_s};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::TempDir;

use crate::served::{any_port, guarded, serve_all, serve_listener_under, settings};
use crate::support::{Centre, Plan, centre};
use crate::wire::{Client, PATIENCE, metric, tcp, unix, until};

const HIT: &str = "/v1/lookup?ani=%2B14806754110&format=text";
/// Time enough for whoever hurries.
const SHORT: Duration = Duration::from_millis(200);

/// An authority, and the files that it has made.
struct Authority {
    dir: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = Authority {
            dir: tempfile::tempdir().unwrap(),
            issuer,
        };
        authority.write("ca.pem", &authority.issuer.pem(), 0o644);
        authority
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    /// A certificate and its key, for `name` and this machine.
    fn issue(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> TlsFiles {
        let mut params =
            CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        TlsFiles {
            certificate: self.write(&format!("{name}.pem"), &certificate.pem(), 0o644),
            key: self.write(&format!("{name}.key"), &key.serialize_pem(), 0o600),
            client_ca: None,
        }
    }
}

fn now() -> i64 {
    i64::try_from(now_s()).unwrap()
}

fn load(files: &TlsFiles) -> Result<Tls, TlsError> {
    Tls::load(files, now())
}

fn listener(centre: &Centre, access: Access, files: &TlsFiles) -> Listener {
    let listener = guarded(centre, "main", access);
    let policy = Policy {
        tls: Some(load(files).unwrap()),
        pushes: None,
        ..(**listener.policy.load()).clone()
    };
    listener.policy.store(Arc::new(policy));
    listener
}

fn serve(centre: &Centre, files: &TlsFiles) -> Running {
    serve_all(
        centre,
        vec![listener(centre, Access::default(), files)],
        Access::default(),
    )
}

fn serve_under(centre: &Centre, files: &TlsFiles, settings: Settings) -> Running {
    serve_listener_under(centre, listener(centre, Access::default(), files), settings)
}

type Secret = StreamOwned<ClientConnection, TcpStream>;

/// A client that trusts `ca`, with the certificate of `own`.
fn secret(address: SocketAddr, ca: &Path, own: Option<&TlsFiles>) -> Client<Secret> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match own {
        None => config.with_no_client_auth(),
        Some(files) => config
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_file(&files.certificate).unwrap()],
                PrivateKeyDer::from_pem_file(&files.key).unwrap(),
            )
            .unwrap(),
    };
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    Client::over(StreamOwned::new(
        ClientConnection::new(Arc::new(config), name).unwrap(),
        stream,
    ))
}

/// Whether a request gets anywhere.
fn fails(mut client: Client<Secret>) -> bool {
    let stream = client.stream();
    let asked = stream.write_all(format!("GET {HIT} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
    let mut byte = [0];
    asked.is_err() || !matches!(stream.read(&mut byte), Ok(1))
}

fn leaf(client: &mut Client<Secret>) -> Vec<u8> {
    client.stream().conn.peer_certificates().unwrap()[0].to_vec()
}

#[test]
fn a_listener_with_a_certificate_speaks_tls_and_its_unix_socket_does_not() {
    let (centre, authority) = (centre(&Plan::default()), Authority::new());
    let files = authority.issue("server", |_| {});
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ringside.sock");
    let mut both = listener(&centre, Access::default(), &files);
    both.unix = Some(path.clone());
    let running = serve_all(&centre, vec![both], Access::default());
    let address = running.address("main").unwrap();
    assert_eq!(
        running.addresses(),
        [format!("https://{address}"), format!("unix:{}", path.display())]
    );
    let mut client = secret(address, &authority.path("ca.pem"), None);
    for _ in 0..3 {
        assert_eq!(client.get(HIT).body, "Ada Lovelace");
    }
    assert!(
        client.stream().conn.alpn_protocol().is_none(),
        "it asked for none"
    );
    assert_eq!(unix(&path).get(HIT).body, "Ada Lovelace");

    let mut plain = tcp(address);
    plain.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut answer = Vec::new();
    let _reset = plain.stream().read_to_end(&mut answer);
    assert!(
        !answer.starts_with(b"HTTP"),
        "what is no TLS is not answered as if it were"
    );
    assert!(
        fails(secret(address, &Authority::new().path("ca.pem"), None)),
        "a stranger's authority"
    );
    let text = tcp(running.admin_address()).get("/metrics").body;
    let value = |name: &str| -> i64 {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert!(value("ringside_http_denied_total{reason=\"tls\"}") >= 1);
    assert!(value("ringside_http_tls_expires_seconds{listener=\"main\"}") > 86_400);
}

#[test]
fn a_client_certificate_stands_for_a_key() {
    let (centre, authority) = (centre(&Plan::default()), Authority::new());
    let mut files = authority.issue("server", |_| {});
    files.client_ca = Some(authority.path("ca.pem"));
    let own = authority.issue("pbx-1", |_| {});
    let elsewhere = Authority::new();
    let stranger = elsewhere.issue("pbx-1", |_| {});
    let ended = authority.issue("pbx-0", |params| params.not_after = date_time_ymd(2020, 1, 1));

    // Of its own key nothing is asked, though there are keys.
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("keys.json");
    ringside::http::edit_keys(&file, |ring| ring.add("ivr", Vec::new(), 0, None).map(drop)).unwrap();
    let keys = ringside::http::Keys::open(&file).unwrap();
    let access = Access {
        keys,
        ..Access::default()
    };
    let demanding = Access {
        demand: Demand::Required,
        ..access.clone()
    };
    let mut second = listener(&centre, demanding, &files);
    second.name = "both".to_owned();
    let listeners = vec![listener(&centre, access, &files), second];
    let running = serve_all(&centre, listeners, Access::default());
    let (address, ca) = (running.address("main").unwrap(), authority.path("ca.pem"));
    assert_eq!(secret(address, &ca, Some(&own)).get(HIT).body, "Ada Lovelace");
    for (who, own) in [
        ("nobody", None),
        ("a stranger", Some(&stranger)),
        ("who was", Some(&ended)),
    ] {
        assert!(fails(secret(address, &ca, own)), "{who}");
    }
    let both = running.address("both").unwrap();
    let target = HIT.replace("text", "json");
    assert_eq!(
        secret(both, &ca, Some(&own)).get(&target).status,
        401,
        "a key is demanded as well"
    );
}

#[test]
fn a_new_certificate_is_served_to_whoever_comes_next() {
    let (centre, authority) = (centre(&Plan::default()), Authority::new());
    let files = authority.issue("server", |_| {});
    let listener = listener(&centre, Access::default(), &files);
    let policy = Arc::clone(&listener.policy);
    let running = serve_all(&centre, vec![listener], Access::default());
    let (address, ca) = (running.address("main").unwrap(), authority.path("ca.pem"));
    let reload = || -> Result<(), TlsError> {
        let tls = Some(load(&files)?);
        policy.store(Arc::new(Policy {
            tls,
            pushes: None,
            ..(**policy.load()).clone()
        }));
        Ok(())
    };
    let mut open = secret(address, &ca, None);
    assert_eq!(open.get(HIT).body, "Ada Lovelace");
    let first = leaf(&mut open);

    authority.issue("server", |_| {});
    reload().unwrap();
    let mut next = secret(address, &ca, None);
    assert_eq!(next.get(HIT).body, "Ada Lovelace");
    let second = leaf(&mut next);
    assert_ne!(first, second);
    assert_eq!(open.get(HIT).body, "Ada Lovelace", "an open connection stays");

    authority.write("server.key", "nonsense", 0o600);
    reload().unwrap_err();
    let mut after = secret(address, &ca, None);
    assert_eq!(after.get(HIT).body, "Ada Lovelace");
    assert_eq!(leaf(&mut after), second, "what is broken takes nothing's place");
}

#[test]
fn files_that_cannot_serve_are_told_with_what_to_do() {
    let authority = Authority::new();
    let good = authority.issue("server", |_| {});
    let other = authority.issue("other", |_| {});
    let empty = authority.write("empty", "", 0o600);
    let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let locked = authority.write("locked", locked, 0o600);
    let ended = authority.issue("ended", |params| {
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 2);
    });
    let early = authority.issue("early", |params| {
        params.not_before = date_time_ymd(3019, 1, 2);
        params.not_after = date_time_ymd(3020, 1, 1);
    });
    let missing = authority.path("missing");
    let with = |certificate: &Path, key: &Path, client_ca: Option<&Path>| TlsFiles {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
        client_ca: client_ca.map(Path::to_owned),
    };
    let (certificate, key) = (&*good.certificate, &*good.key);
    for (files, parts) in [
        (with(&missing, key, None), ["missing", "cannot be read"]),
        (with(certificate, &missing, None), ["missing", "correct the path"]),
        (
            with(certificate, key, Some(&missing)),
            ["missing", "cannot be read"],
        ),
        (
            with(&empty, key, None),
            ["BEGIN CERTIFICATE", "found no PEM block"],
        ),
        (with(key, key, None), ["BEGIN CERTIFICATE", "found PRIVATE KEY"]),
        (
            with(certificate, certificate, None),
            ["BEGIN PRIVATE KEY", "found CERTIFICATE"],
        ),
        (
            with(certificate, key, Some(key)),
            ["server.key", "BEGIN CERTIFICATE"],
        ),
        (
            with(certificate, &locked, None),
            ["without a password", "openssl pkey"],
        ),
        (
            with(certificate, &other.key, None),
            ["other.key", "found another one's"],
        ),
        (ended, ["ended on 2020-01-02", "renew it"]),
        (early, ["begins on 3019-01-02", "clock"]),
    ] {
        let error = load(&files).unwrap_err().to_string();
        for part in parts {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
    assert!(load(&good).unwrap().warnings().is_empty());
}

#[test]
fn what_will_soon_be_wrong_is_told() {
    let authority = Authority::new();
    let files = authority.issue("server", |params| params.not_after = date_time_ymd(2100, 1, 31));
    let end = load(&files).unwrap().ends_s();
    let warned = |days: i64| {
        Tls::load(&files, end - days * 86_400)
            .unwrap()
            .warnings()
            .to_vec()
    };
    assert!(warned(15).is_empty());
    let [warning] = warned(13).try_into().unwrap();
    assert!(
        warning.contains("2100-01-31") && warning.contains("13 days"),
        "{warning}"
    );
    std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let [warning] = warned(100).try_into().unwrap();
    assert!(warning.contains("chmod o-rw"), "{warning}");
}

#[test]
fn a_handshake_that_never_comes_does_not_hold_up_the_end() {
    let (centre, authority) = (centre(&Plan::default()), Authority::new());
    let running = serve(&centre, &authority.issue("server", |_| {}));
    let address = running.address("main").unwrap();
    assert_ne!(address, any_port());
    let mut silent = tcp(address);
    // A connection behind it is answered: the silent one has been taken.
    let ca = authority.path("ca.pem");
    assert_eq!(secret(address, &ca, None).get(HIT).body, "Ada Lovelace");
    running.drain();
    assert!(silent.is_closed());
}

/// However many bytes come of it, and however often.
#[test]
fn a_handshake_has_its_time() {
    let (centre, authority) = (centre(&Plan::default()), Authority::new());
    let settings = Settings {
        head_timeout: SHORT,
        ..settings()
    };
    let running = serve_under(&centre, &authority.issue("server", |_| {}), settings);
    let address = running.address("main").unwrap();
    let mut silent = tcp(address);
    let begin = Instant::now();
    let mut dripping = TcpStream::connect(address).unwrap();
    dripping.set_read_timeout(Some(SHORT / 20)).unwrap();
    // The head of a record, and of a greeting that is longer than all that follows.
    let greeting = [0x16, 3, 1, 0x20, 0, 1, 0, 0x1f, 0xfc].into_iter();
    for byte in greeting.chain(std::iter::repeat(0)) {
        let waits = |error: &std::io::Error| error.kind() == std::io::ErrorKind::WouldBlock;
        if dripping.write_all(&[byte]).is_err() || !dripping.read(&mut [0]).is_err_and(|error| waits(&error))
        {
            break;
        }
        assert!(begin.elapsed() < PATIENCE, "it drips on");
    }
    assert!(begin.elapsed() >= SHORT);
    assert!(silent.ends());
    let cut = r#"ringside_http_cut_total{reason="handshake"}"#;
    until(|| metric(running.admin_address(), cut), |cut| *cut == 2);
}

#[test]
fn a_connection_counts_before_its_handshake_ends() {
    let (centre, authority) = (centre(&Plan::default()), Authority::new());
    let settings = Settings {
        connections_max: 1,
        ..settings()
    };
    let running = serve_under(&centre, &authority.issue("server", |_| {}), settings);
    let address = running.address("main").unwrap();
    let open = || crate::wire::get(running.admin_address(), "/status").json()["connections"]["open"].as_u64();
    let silent = tcp(address);
    until(open, |open| *open == Some(1));
    assert_eq!(tcp(address).response(true).status, 503);
    drop(silent);
    until(open, |open| *open == Some(0));
    assert_eq!(
        secret(address, &authority.path("ca.pem"), None).get(HIT).body,
        "Ada Lovelace"
    );
}

/// Encryption takes small answers that the socket does not take.
#[test]
fn whoever_does_not_read_is_cut_behind_encryption_too() {
    let (centre, authority) = (centre(&Plan::default()), Authority::new());
    let settings = Settings {
        write_timeout: SHORT,
        ..settings()
    };
    let running = serve_under(&centre, &authority.issue("server", |_| {}), settings);
    let mut client = secret(running.address("main").unwrap(), &authority.path("ca.pem"), None);
    assert_eq!(client.get(HIT).body, "Ada Lovelace");
    client.stream().sock.set_write_timeout(Some(PATIENCE)).unwrap();
    let flood = format!("GET {HIT} HTTP/1.1\r\nHost: localhost\r\n\r\n").repeat(1000);
    let mut sent = 0;
    while client.try_send(flood.as_bytes()).is_ok() {
        sent += flood.len();
        assert!(sent < 64 << 20, "far more than the system keeps on the way");
    }
    let cut = r#"ringside_http_cut_total{reason="write"}"#;
    until(|| metric(running.admin_address(), cut), |cut| *cut == 1);
}
