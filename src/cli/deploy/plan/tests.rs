//! What makes sense as a plan, and what does not.

#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

use super::*;

/// A plan that makes sense.
pub(in crate::cli::deploy) fn plan(vips: &[&str], peers: &[&str]) -> Plan {
    Plan {
        interface: "eth0".to_owned(),
        vips: vips.iter().map(|vip| vip.parse().unwrap()).collect(),
        peers: peers.iter().map(|peer| peer.parse().unwrap()).collect(),
        sources: Vec::new(),
        is_multicast: false,
        node: 'a',
        router_id: 74,
        priority: 150,
        advert_ms: 100,
        files: Files {
            program: "/usr/local/bin/ringside".into(),
            data: "/var/lib/ringside".into(),
            track: "/run/ringside-pair/track".into(),
            run: "/run/ringside-pair/vrrp".into(),
            move_script: None,
            user: "ringside".to_owned(),
        },
    }
}

fn told(plan: Plan) -> String {
    plan.checked()
        .map_or_else(|error| error.to_string(), |_| "good".to_owned())
}

#[test]
fn what_makes_sense_is_let_through() {
    let mut both = plan(&["10.0.0.10/24", "fd00::10/64"], &["10.0.0.2", "fd00::2"]);
    both.sources = vec!["fd00::1".parse().unwrap()];
    assert_eq!(both.families(), Family::ALL);
    assert_eq!(told(both), "good");
    let mut plan = plan(&["10.0.0.10/24", "fd00::10/64"], &[]);
    plan.is_multicast = true;
    plan.advert_ms = 40_950;
    assert_eq!(told(plan), "good");
}

#[test]
fn nonsense_is_refused_with_what_would_make_sense() {
    let vips = ["10.0.0.10/24"];
    let of = |change: &dyn Fn(&mut Plan)| {
        let mut plan = plan(&vips, &["10.0.0.2"]);
        plan.sources = vec!["10.0.0.1".parse().unwrap()];
        change(&mut plan);
        told(plan)
    };
    let ip = |text: &str| -> IpAddr { text.parse().unwrap() };
    assert_eq!(of(&|_| {}), "good");
    for (error, part) in [
        (
            told(plan(&["10.0.0.10/24", "fd00::10/64"], &["10.0.0.2"])),
            "--vip fd00::10/64 is IPv6, and no --peer is",
        ),
        (
            told(plan(&vips, &["fd00::2"])),
            "--peer fd00::2 is IPv6, and no --vip is",
        ),
        (
            told(plan(&["fd00::10/64"], &["fd00::2"])),
            "--peer fd00::2 needs --source",
        ),
        (told(plan(&vips, &[])), "as a further --peer, or --multicast"),
        (
            told(plan(&vips, &["10.0.0.2", "10.0.0.3"])),
            "a pair has two nodes, found 10.0.0.3 too",
        ),
        (
            told(plan(&vips, &["10.0.0.10"])),
            "--vip and --peer are both 10.0.0.10",
        ),
        (
            told(plan(&["10.0.0.10/24", "10.0.0.10/32"], &["10.0.0.2"])),
            "once is enough",
        ),
        (
            told(plan(&["10.0.0.0/24"], &["10.0.0.2"])),
            "which is the network itself",
        ),
        (
            told(plan(&["10.0.0.255/24"], &["10.0.0.2"])),
            "everybody in the network",
        ),
        (told(plan(&["224.0.0.18/24"], &["10.0.0.2"])), "no host's"),
        (
            told(plan(&["10.0.0.10/0"], &["10.0.0.2"])),
            "whose network is everything",
        ),
        (told(plan(&["::1/64"], &["fd00::2"])), "no host's"),
        (
            told(plan(&vips, &["127.0.0.1"])),
            "--peer: expected a node's own address",
        ),
        (
            of(&|plan| plan.sources = vec![ip("10.0.0.2")]),
            "--peer is the other node, --source this one",
        ),
        (
            of(&|plan| plan.sources = vec![ip("fd00::1")]),
            "--source fd00::1 is IPv6",
        ),
        (of(&|plan| plan.advert_ms = 0), "10 to 40950 ms in steps of 10"),
        (of(&|plan| plan.advert_ms = 15), "found 15"),
        (of(&|plan| plan.advert_ms = 40_960), "found 40960"),
        (
            of(&|plan| plan.interface = "eth0 {".to_owned()),
            "the name of an interface",
        ),
        (
            of(&|plan| plan.interface = "a-very-long-name".to_owned()),
            "of 1 to 15 characters",
        ),
        (
            of(&|plan| plan.files.user = "ring side".to_owned()),
            "--user: expected the name",
        ),
        (
            of(&|plan| plan.files.track = "track".into()),
            "--track: expected an absolute path",
        ),
        (
            of(&|plan| plan.files.track = "/run/track".into()),
            "--track: expected a file in a folder that is the service's alone",
        ),
        (
            of(&|plan| plan.files.run = "/var/lib/vrrp".into()),
            "--run: expected a file in a folder",
        ),
        (
            of(&|plan| plan.files.move_script = Some("/a b".into())),
            "--move-script",
        ),
    ] {
        assert!(error.contains(part), "expected {part:?} in {error:?}");
    }
    let many: Vec<String> = (1..=21).map(|host| format!("10.1.0.{host}/24")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(told(plan(&many, &["10.0.0.2"])).contains("at most 20 IPv4 addresses"));
}

#[test]
fn an_address_without_its_prefix_is_refused() {
    for (text, part) in [
        ("10.0.0.10", "found one without"),
        ("fd00::10", "found one without"),
        ("10.0.0.10/33", "10.0.0.10/33"),
        ("ringside.example/24", "such as 10.0.0.10/24"),
    ] {
        let error = text.parse::<Vip>().unwrap_err();
        assert!(error.contains(part), "{error}");
    }
}
