//! What does not suit is told with its remedy, without a word of what is secret; and followed once it suits.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use mongodb::bson::doc;
use servers::mongod::{DATABASE, Mongod, Options, ReplicaSet, Version};
use servers::ringside::{PATIENCE, Ringside};
use servers::wait::until;

use crate::centre::{customer, follow, until_named};

/// The password that no log may show.
const PASSWORD: &str = "hunter2";

/// Waits until the feed is told to be unfit, in all of these `words`.
fn until_refused(ringside: &Ringside, words: &[&str]) {
    until("the source is refused", PATIENCE, || {
        let status = ringside.status();
        let message = status["feeds"]["main"]["message"].as_str().unwrap_or_default();
        if words.iter().all(|word| message.contains(word)) {
            Ok(())
        } else {
            Err(format!("{words:?} in {message:?}\n{}", ringside.log()))
        }
    });
    until("the log has it as an error", PATIENCE, || {
        let log = ringside.log();
        if log.contains("the source cannot be followed") {
            Ok(())
        } else {
            Err(log)
        }
    });
    assert!(!ringside.log().contains(PASSWORD), "{}", ringside.log());
}

fn refused(uri: &str, further: &str, words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    until_refused(&follow(folder.path(), uri, further), words);
}

#[test]
fn a_standalone_server_is_told_to_become_a_replica_set() {
    let server = Mongod::start(Version::default(), &[]);
    let alone = format!("mongodb://{}/", server.address());
    refused(&alone, "", &["standalone", "--replSet", "rs.initiate()"]);
    refused(
        &format!("{alone}?replicaSet=rs0"),
        "",
        &["--replSet", "rs.initiate()"],
    );
}

#[test]
fn a_replica_set_of_another_name_is_told() {
    let set = ReplicaSet::single();
    let uri = set.uri().replace("replicaSet=rs0", "replicaSet=other");
    refused(&uri, "", &["replicaSet", "rs0"]);
}

#[test]
fn who_is_not_let_in_is_told_and_who_is_follows() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    fs::write(&key, "a".repeat(64)).unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let options = Options {
        arguments: vec!["--keyFile".into(), key.to_str().unwrap().into()],
        ..Options::default()
    };
    let set = ReplicaSet::single_with(&options);
    // Whoever is on its machine may make the first user, who makes the others.
    let first = doc! {"createUser": "root", "pwd": "root", "roles": ["root"]};
    set.store_of(0).admin(first);
    let root = format!(
        "mongodb://root:root@{}",
        set.uri().trim_start_matches("mongodb://")
    );
    let store = servers::mongod::Store::at(&root);
    let reads = doc! {"role": "read", "db": DATABASE};
    store.admin(doc! {"createUser": "ringside", "pwd": PASSWORD, "roles": [reads]});
    store.admin(doc! {"createUser": "nobody", "pwd": PASSWORD, "roles": []});
    store.put("customers", &customer(1, 0));

    let uri = |user: &str| format!("mongodb://{user}@{}", set.uri().trim_start_matches("mongodb://"));
    refused(&uri("ringside:wrong"), "", &["mongodb.uri"]);
    refused(&uri(&format!("nobody:{PASSWORD}")), "", &["\"read\""]);
    refused(&set.uri(), "", &["\"read\""]);

    let file = folder.path().join("password");
    fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    let here = tempfile::tempdir().unwrap();
    let ringside = Ringside::start(
        here.path(),
        &format!(
            "[feed.main]\nkind = \"mongodb\"\n[feed.main.mongodb]\nuri = {:?}\npassword_file = {file:?}\n\
             database = {DATABASE:?}\n",
            uri("ringside")
        ),
    );
    ringside.until_fresh();
    store.put("customers", &customer(1, 1));
    until_named(&ringside, "c-1", Some("Customer 1 Revision 1"));
    assert!(!ringside.log().contains(PASSWORD), "{}", ringside.log());
}

#[test]
fn a_certificate_has_to_be_for_the_server_and_from_its_authority() {
    let other = certified("db.example");
    let uri = other.set.uri();
    refused(&uri, &other.tls(&other.ca), &["certificate", "name"]);
    let right = certified("127.0.0.1");
    let uri = right.set.uri();
    refused(&uri, &right.tls(&other.ca), &["certificate", "tls.ca"]);
    right.set.store().put("customers", &customer(1, 0));
    let folder = tempfile::tempdir().unwrap();
    let ringside = follow(folder.path(), &uri, &right.tls(&right.ca));
    ringside.until_fresh();
    until_named(&ringside, "c-1", Some("Customer 1 Revision 0"));
}

#[test]
fn a_server_that_is_not_there_yet_is_waited_for() {
    let mut server = Mongod::start(Version::default(), &["--replSet".into(), "rs0".into()]);
    server.kill();
    let folder = tempfile::tempdir().unwrap();
    let uri = format!("mongodb://{}/?replicaSet=rs0", server.address());
    let ringside = follow(folder.path(), &uri, "");
    until("it is told to be away", PATIENCE, || {
        let log = ringside.log();
        if log.contains("the source is away") {
            Ok(())
        } else {
            Err(log)
        }
    });
    server.start_again();
    let store = server.store("");
    until("the set begins", PATIENCE, || {
        let members = vec![doc! {"_id": 0, "host": server.address()}];
        let begun = store.try_admin(doc! {"replSetInitiate": {"_id": "rs0", "members": members}});
        begun.map(|_| ()).map_err(|error| error.to_string())
    });
    ringside.until_fresh();
}

/// A replica set over TLS.
struct Certified {
    set: ReplicaSet,
    ca: String,
    _folder: tempfile::TempDir,
}

impl Certified {
    fn tls(&self, ca: &str) -> String {
        format!("[feed.main.tls]\nenabled = true\nca = {ca:?}\n")
    }
}

fn certified(name: &str) -> Certified {
    let folder = tempfile::tempdir().unwrap();
    let (pair, ca) = certificates(folder.path(), name);
    let arguments = [
        "--tlsMode=requireTLS",
        &format!("--tlsCertificateKeyFile={pair}"),
        &format!("--tlsCAFile={ca}"),
        "--tlsAllowConnectionsWithoutCertificates",
        "--tlsAllowInvalidCertificates",
        "--tlsAllowInvalidHostnames",
    ];
    let set = ReplicaSet::single_with(&Options {
        arguments: arguments.map(str::to_owned).to_vec(),
        access: "tls=true&tlsInsecure=true".into(),
        ..Options::default()
    });
    Certified {
        set,
        ca,
        _folder: folder,
    }
}

/// A certificate for `name` with its key behind it, and its authority's certificate, as files in `folder`.
fn certificates(folder: &Path, name: &str) -> (String, String) {
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
        write(
            "server.pem",
            format!("{}{}", certificate.pem(), key.serialize_pem()),
        ),
        write("ca.pem", authority.pem()),
    )
}
