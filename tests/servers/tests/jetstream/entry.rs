//! Who is let in, and whom one lets be the server.

use std::fs;

use ringside::feed::jetstream::Login;
use ringside::feed::secure::Tls;
use ringside::feed::source::{SourceError, Standing};
use servers::nats::Nats;

use crate::reader::{STREAM, connect, create, deletions, follow, ids, publish, run, source_at};

fn unfit(found: Result<Standing, SourceError>, expected: &str) {
    let Err(SourceError::Unfit(why)) = found else {
        panic!("{expected}: {found:?}")
    };
    assert!(why.contains(expected), "{why}");
    assert!(!why.contains("hunter2"), "{why}");
}

#[test]
fn a_password_from_a_file_lets_in_and_a_wrong_one_is_told_without_saying_it() {
    run(async {
        let nats = Nats::start("authorization { user: joan, password: hunter2 }").unwrap();
        let file = nats.folder().join("password");
        let login = |password: &str| {
            fs::write(&file, format!("{password}\n")).unwrap();
            Login {
                user: "joan".into(),
                password_file: file.clone(),
                ..Login::default()
            }
        };
        let mut right = source_at(&nats.url(), login("hunter2"), Tls::default());
        unfit(connect(&mut right, &[]).await, STREAM);
        let mut wrong = source_at(&nats.url(), login("hunter22"), Tls::default());
        unfit(connect(&mut wrong, &[]).await, "login");
        let in_address = nats.url().replace("nats://", "nats://joan:hunter2@");
        let mut named = source_at(&in_address, Login::default(), Tls::default());
        unfit(connect(&mut named, &[]).await, STREAM);
    });
}

#[test]
fn a_token_and_a_key_let_in() {
    run(async {
        let token = Nats::start("authorization { token: s3cr3t }").unwrap();
        let file = token.folder().join("token");
        fs::write(&file, "s3cr3t\n").unwrap();
        let login = Login {
            token_file: file,
            ..Login::default()
        };
        unfit(
            connect(&mut source_at(&token.url(), login, Tls::default()), &[]).await,
            STREAM,
        );
        unfit(
            connect(
                &mut source_at(&token.url(), Login::default(), Tls::default()),
                &[],
            )
            .await,
            "login",
        );

        let known = nkeys::KeyPair::new_user();
        let users = format!(
            "authorization {{ users: [ {{ nkey: {} }} ] }}",
            known.public_key()
        );
        let pair = Nats::start(&users).unwrap();
        let file = pair.folder().join("seed");
        fs::write(&file, known.seed().unwrap()).unwrap();
        let login = Login {
            nkey_file: file,
            ..Login::default()
        };
        unfit(
            connect(&mut source_at(&pair.url(), login, Tls::default()), &[]).await,
            STREAM,
        );
    });
}

/// What `docs/feeds/jetstream.md` says that a reader needs.
const PERMISSIONS: &str = r#"{ publish: ["$JS.API.STREAM.INFO.CUSTOMERS", "$JS.API.STREAM.MSG.GET.CUSTOMERS",
    "$JS.API.CONSUMER.CREATE.CUSTOMERS", "$JS.API.CONSUMER.CREATE.CUSTOMERS.>",
    "$JS.API.CONSUMER.MSG.NEXT.CUSTOMERS.>"], subscribe: ["_INBOX.>"] }"#;

#[test]
fn the_permissions_of_the_guide_are_enough() {
    run(async {
        let users = format!(
            "authorization {{ users: [ {{ user: admin, password: a }}, {{ user: reader, password: r, permissions: {PERMISSIONS} }} ] }}"
        );
        let nats = Nats::start(&users).unwrap();
        let admin = async_nats::ConnectOptions::new().user_and_password("admin".into(), "a".into());
        let broker = async_nats::jetstream::new(admin.connect(nats.url()).await.unwrap());
        create(&broker).await;
        publish(&broker, 0..5).await;
        let url = nats.url().replace("nats://", "nats://reader:r@");
        let mut source = source_at(&url, Login::default(), Tls::default());
        let life = follow(&mut source, &[]).await;
        let (found, life) = deletions(&mut source, &life, 5).await.unwrap();
        assert_eq!(found, ids(0..5));
        follow(&mut source, &[life]).await;
    });
}

#[test]
fn tls_is_verified_by_authority_and_name() {
    run(async {
        let folder = tempfile::TempDir::new().unwrap();
        let (certificate, key, ca) = certificates(folder.path(), "nats.example");
        let block =
            |certificate: &str, key: &str| format!("tls {{ cert_file: {certificate:?}, key_file: {key:?} }}");
        let other = Nats::start(&block(&certificate, &key)).unwrap();
        let tls = |ca: &str| Tls {
            enabled: true,
            ca: ca.into(),
            ..Tls::default()
        };
        // The authority is right, the name is not.
        unfit(
            connect(&mut source_at(&other.url(), Login::default(), tls(&ca)), &[]).await,
            "certificate",
        );
        let second = tempfile::TempDir::new().unwrap();
        let (certificate, key, right) = certificates(second.path(), "localhost");
        let nats = Nats::start(&block(&certificate, &key)).unwrap();
        let url = nats.url().replace("127.0.0.1", "localhost");
        unfit(
            connect(&mut source_at(&url, Login::default(), tls(&right)), &[]).await,
            STREAM,
        );
        // The name is right, the authority is not.
        unfit(
            connect(&mut source_at(&url, Login::default(), tls(&ca)), &[]).await,
            "certificate",
        );
    });
}

/// A certificate for `name`, its key and its authority's certificate, as files in `folder`.
fn certificates(folder: &std::path::Path, name: &str) -> (String, String, String) {
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = parameters.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(parameters, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec![name.to_owned()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let write = |file: &str, text: String| {
        let path = folder.join(file);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    (
        write("certificate.pem", certificate.pem()),
        write("key.pem", key.serialize_pem()),
        write("ca.pem", authority.pem()),
    )
}
