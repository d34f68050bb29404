//! `deploy keepalived`: the examples of `deploy/keepalived/` are what it prints, and nonsense is refused.

use std::path::Path;

use crate::program::run;

/// What each example was made with.
const EXAMPLES: [(&str, &[&str]); 8] = [
    (
        "unicast-a",
        &[
            "--vip",
            "10.0.0.10/24",
            "--source",
            "10.0.0.1",
            "--peer",
            "10.0.0.2",
        ],
    ),
    (
        "unicast-b",
        &[
            "--vip",
            "10.0.0.10/24",
            "--source",
            "10.0.0.2",
            "--peer",
            "10.0.0.1",
            "--node",
            "b",
        ],
    ),
    (
        "both-families-a",
        &[
            "--vip",
            "10.0.0.10/24",
            "--vip",
            "fd00::10/64",
            "--source",
            "10.0.0.1",
            "--peer",
            "10.0.0.2",
            "--source",
            "fd00::1",
            "--peer",
            "fd00::2",
        ],
    ),
    (
        "both-families-b",
        &[
            "--vip",
            "10.0.0.10/24",
            "--vip",
            "fd00::10/64",
            "--source",
            "10.0.0.2",
            "--peer",
            "10.0.0.1",
            "--source",
            "fd00::2",
            "--peer",
            "fd00::1",
            "--node",
            "b",
        ],
    ),
    (
        "multicast-a",
        &["--vip", "10.0.0.10/24", "--vip", "fd00::10/64", "--multicast"],
    ),
    (
        "multicast-b",
        &[
            "--vip",
            "10.0.0.10/24",
            "--vip",
            "fd00::10/64",
            "--multicast",
            "--node",
            "b",
        ],
    ),
    (
        "cloud-a",
        &[
            "--vip",
            "10.0.0.10/32",
            "--peer",
            "10.0.1.2",
            "--move-script",
            "/etc/ringside/move-address",
        ],
    ),
    (
        "cloud-b",
        &[
            "--vip",
            "10.0.0.10/32",
            "--peer",
            "10.0.0.1",
            "--move-script",
            "/etc/ringside/move-address",
            "--node",
            "b",
        ],
    ),
];

#[test]
fn the_examples_are_what_is_printed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/keepalived");
    let mut known = vec!["README.md".to_owned()];
    for (name, arguments) in EXAMPLES {
        let mut all = vec!["deploy", "keepalived", "--interface", "eth0"];
        all.extend(arguments);
        let ran = run(&all);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{name}");
        let file = folder.join(format!("{name}.conf"));
        // Where the generator was changed on purpose, this has it write them anew.
        if std::env::var_os("RINGSIDE_BLESS").is_some() {
            std::fs::write(&file, &ran.out).unwrap();
        }
        let example = std::fs::read_to_string(&file).unwrap();
        assert!(
            example == ran.out,
            "{name}: RINGSIDE_BLESS=1 writes the examples anew"
        );
        let longest = example.lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(128), "{name}: {longest:?}");
        known.push(format!("{name}.conf"));
    }
    let files = std::fs::read_dir(&folder).unwrap();
    let mut files: Vec<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    known.sort();
    assert_eq!(files, known, "an example that nothing makes");
}

#[test]
fn a_folder_gets_all_that_belongs_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().to_str().unwrap();
    let ran = run(&[
        "deploy",
        "keepalived",
        "--interface",
        "eth0",
        "--vip",
        "10.0.0.10/24",
        "--peer",
        "10.0.0.2",
        "--out",
        folder,
    ]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for (name, part) in [
        ("keepalived.conf", "vrrp_instance ringside {"),
        ("ringside-watchdog.service", "ringside watchdog --data"),
        ("ringside-pair.tmpfiles.conf", "/run/ringside-pair/track"),
        (
            "keepalived.service.d-ringside.conf",
            "After=ringside-watchdog.service",
        ),
    ] {
        let text = std::fs::read_to_string(dir.path().join(name)).unwrap();
        assert!(text.contains(part), "{name}");
        assert!(
            text.lines().next().unwrap().starts_with("# /etc/"),
            "{name} says where it belongs"
        );
    }
}

#[test]
fn what_surrounds_it_is_of_the_files_that_it_names() {
    let dir = tempfile::tempdir().unwrap();
    // One that is not there yet.
    let folder = dir.path().join("new/folder");
    let mut arguments = vec!["deploy", "keepalived", "--interface", "eth0"];
    arguments.extend(["--vip", "10.0.0.10/24", "--peer", "10.0.0.2"]);
    arguments.extend(["--out", folder.to_str().unwrap()]);
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let names = ["ringside-watchdog.service", "ringside-pair.tmpfiles.conf"];

    let ran = run(&arguments);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let systemd = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/systemd");
    for name in names {
        let usual = std::fs::read_to_string(systemd.join(name)).unwrap();
        assert_eq!(read(name), usual, "{name}");
    }

    arguments.extend(["--program", "/srv/bin/ringside", "--user", "pop"]);
    // What is one's own name is part of another's default.
    arguments.extend(["--data", "/srv/data", "--track", "/run/here/track"]);
    arguments.extend(["--run", "/var/lib/ringside/there/vrrp"]);
    arguments.extend(["--every-ms", "100", "--rise-ms", "1000"]);
    let ran = run(&arguments);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let [unit, folders] = names.map(read);
    for line in [
        "ExecStart=/srv/bin/ringside watchdog --data /srv/data --track /run/here/track --run /var/lib/ringside/there/vrrp \
         --every-ms 100 --rise-ms 1000",
        "User=pop",
        "Group=pop",
        "ReadWritePaths=/run/here /var/lib/ringside/there",
    ] {
        assert!(unit.lines().any(|found| found == line), "{line}: {unit}");
    }
    let folders: Vec<&str> = folders.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(
        folders,
        [
            "d /run/here 0755 pop pop -",
            "d /var/lib/ringside/there 0755 pop pop -",
            "f /run/here/track 0644 pop pop - 1"
        ]
    );
    let conf = read("keepalived.conf");
    for part in [
        "file \"/run/here/track\"",
        "notify --data /srv/data --run /var/lib/ringside/there/vrrp",
    ] {
        assert!(conf.contains(part), "{part}: {conf}");
    }
}

#[test]
fn nonsense_is_refused() {
    let refused = |arguments: &[&str], code: i32, part: &str| {
        let mut all = vec!["deploy", "keepalived", "--interface", "eth0"];
        all.extend(arguments);
        let ran = run(&all);
        assert_eq!(ran.code, code, "{}", ran.err);
        assert!(ran.out.is_empty() && ran.err.contains(part), "{}", ran.err);
    };
    let vip = ["--vip", "10.0.0.10/24"];
    refused(&["--vip", "10.0.0.10"], 2, "such as 10.0.0.10/24");
    refused(&["--peer", "10.0.0.2"], 2, "--vip");
    refused(
        &[&vip[..], &["--peer", "b.example"]].concat(),
        2,
        "invalid IP address",
    );
    refused(
        &[&vip[..], &["--unicast", "--multicast"]].concat(),
        2,
        "cannot be used with",
    );
    refused(
        &[&vip[..], &["--peer", "10.0.0.2", "--priority", "255"]].concat(),
        2,
        "255",
    );
    refused(
        &[&vip[..], &["--peer", "10.0.0.2", "--router-id", "0"]].concat(),
        2,
        "0",
    );
    refused(&vip, 1, "or --multicast");
    refused(
        &[&vip[..], &["--peer", "10.0.0.2", "--source", "10.0.0.2"]].concat(),
        1,
        "--source this one",
    );
    refused(
        &[&vip[..], &["--peer", "10.0.0.2", "--advert-ms", "25"]].concat(),
        1,
        "steps of 10",
    );
}

/// Runs the hook of clouds with commands that do what `cloud` says, under what keepalived said last, if it did.
fn moved(provider: &str, cloud: &str, state: &str) -> (i32, String, String) {
    use std::os::unix::fs::PermissionsExt;

    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for name in ["aws", "az", "gcloud", "hcloud"] {
        let text = format!("#!/bin/sh\necho {name} \"$@\" >>{:?}\n{cloud}\n", at("asked"));
        std::fs::write(at(name), text).unwrap();
        std::fs::set_permissions(at(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let log = format!(
        "#!/bin/sh\nshift 3\necho \"move-address: $*\" >>{:?}\n",
        at("logged")
    );
    std::fs::write(at("logger"), log).unwrap();
    std::fs::set_permissions(at("logger"), std::fs::Permissions::from_mode(0o755)).unwrap();
    if !state.is_empty() {
        let word = format!("{{\"name\":\"ringside\",\"state\":\"{state}\"}}\n");
        std::fs::write(at("vrrp"), word).unwrap();
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/cloud");
    let settings = std::fs::read_to_string(folder.join("move.env")).unwrap();
    let settings = settings.replace("PROVIDER=aws", &format!("PROVIDER={provider}"));
    std::fs::write(at("move.env"), settings).unwrap();
    let path = std::env::var("PATH").unwrap();
    let output = std::process::Command::new("sh")
        .arg(folder.join("move-address"))
        .env("PATH", format!("{}:{path}", dir.path().display()))
        .env("MOVE_ENV", at("move.env"))
        .env("RUN_FILE", at("vrrp"))
        .envs([
            ("PAUSE_S", "0"),
            ("TRIES", "3"),
            ("SLOW_S", "0"),
            ("AGAIN_S", "0 0"),
        ])
        .env("WAITS", "1")
        .output()
        .unwrap();
    let asked = std::fs::read_to_string(at("asked")).unwrap_or_default();
    let told = String::from_utf8(output.stderr).unwrap();
    // Nobody sees what it writes where keepalived runs it.
    let logged = std::fs::read_to_string(at("logged")).unwrap_or_default();
    let of_its_own = told.lines().filter(|line| line.starts_with("move-address: "));
    assert!(of_its_own.eq(logged.lines()), "{told}\n{logged}");
    (output.status.code().unwrap(), asked, told)
}

#[test]
fn an_address_of_a_cloud_is_moved_by_its_api() {
    for (provider, asked) in [
        (
            "aws",
            "aws ec2 assign-private-ip-addresses --region eu-central-1 --network-interface-id eni-0123456789abcdef0 \
                 --private-ip-addresses 10.0.0.10 --allow-reassignment\n",
        ),
        (
            "aws-route",
            "aws ec2 replace-route --region eu-central-1 --route-table-id rtb-0123456789abcdef0 \
                       --destination-cidr-block 10.0.0.10/32 --network-interface-id eni-0123456789abcdef0\n",
        ),
        (
            "azure",
            "az network route-table route update --resource-group ringside --route-table-name ringside --name \
                   ringside-address --next-hop-type VirtualAppliance --next-hop-ip-address 10.0.0.1 --output none\n",
        ),
        (
            "gcp",
            "gcloud --quiet compute instances network-interfaces update ringside-b --zone europe-west3-b --aliases \n\
                 gcloud --quiet compute instances network-interfaces update ringside-a --zone europe-west3-a --aliases 10.0.0.10/32\n",
        ),
        ("hetzner", "hcloud floating-ip assign ringside ringside-a\n"),
    ] {
        let (code, found, told) = moved(provider, "exit 0", "MASTER");
        // Once, and twice more in case what the other node asked for came true later.
        assert_eq!((code, found), (0, asked.repeat(3)), "{told}");
        assert!(told.contains("leads here, at try 1"), "{told}");
    }
}

#[test]
fn a_cloud_that_refuses_is_asked_again_only_by_who_is_active() {
    // It does not give up; here until the node is another's.
    let fifth = r#"[ "$(wc -l <"${0%/*}/asked")" -lt 5 ] || echo '{"state":"BACKUP"}' >"$RUN_FILE"; exit 1"#;
    let (code, asked, told) = moved("aws", fifth, "MASTER");
    assert_eq!((code, asked.lines().count()), (0, 5), "{told}");
    assert!(
        told.contains("move it by hand") && told.contains("left where it is"),
        "{told}"
    );
    // Who is not active does not ask at all, and asks no more once it is not.
    let (code, asked, told) = moved("aws", "exit 0", "BACKUP");
    assert_eq!((code, asked.as_str()), (0, ""), "{told}");
    let late = r#"echo '{"state":"BACKUP"}' >"$RUN_FILE""#;
    let (code, asked, told) = moved("aws", late, "MASTER");
    assert_eq!((code, asked.lines().count()), (0, 1), "{told}");
    // Without a word of keepalived, nobody would end it.
    let (code, asked, told) = moved("aws", "exit 1", "");
    assert_eq!((code, asked.lines().count()), (1, 3), "{told}");
    let (code, asked, told) = moved("aws", "exit 0", "");
    assert_eq!((code, asked.lines().count()), (0, 1), "{told}");
    let (code, asked, told) = moved("moon", "exit 0", "MASTER");
    assert_eq!((code, asked.as_str()), (2, ""));
    assert!(
        told.contains("expected aws, aws-route, azure, gcp or hetzner"),
        "{told}"
    );
}
