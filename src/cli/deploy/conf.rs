//! A plan as keepalived.conf, with a word on each choice for who has to live with it.

use std::fmt::Write;

use super::plan::{Family, Plan};

/// The whole file.
pub(super) fn text(plan: &Plan) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write(plan, &mut out);
    out
}

fn write(plan: &Plan, out: &mut String) -> std::fmt::Result {
    head(plan, out)?;
    globals(plan, out)?;
    let track = plan.files.track.display();
    write!(
        out,
        "
# `ringside watchdog` writes this file: 0 where this node may have the address, 1 where it may not. With a weight of 0 a 1 is
# a fault, at once. Any other weight only lowers the priority, and under nopreempt that never moves an address.
track_file ringside {{
    file \"{track}\"
    weight 0
}}
"
    )?;
    let families = plan.families();
    if families.len() > 1 {
        write!(
            out,
            "
# Both families go together. The group is told nothing itself: what it would be told leaves out that keepalived stops.
vrrp_sync_group ringside_both {{
    group {{
        ringside
        ringside6
    }}
}}
"
        )?;
    }
    for (nth, family) in families.iter().enumerate() {
        instance(plan, *family, nth == 0, out)?;
    }
    Ok(())
}

fn head(plan: &Plan, out: &mut String) -> std::fmt::Result {
    let node = plan.node;
    let other = if node == 'a' { 'b' } else { 'a' };
    let from = match plan.peers.as_slice() {
        [] => "the other node".to_owned(),
        peers => peers
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" and "),
    };
    write!(
        out,
        "# /etc/keepalived/keepalived.conf of node {node}, for keepalived 2.1 or later; made by `ringside deploy keepalived`.
# Node {other} has the same with its own priority and addresses. docs/address.md has the whole way, and
# `keepalived --config-test` says whether keepalived likes what was changed by hand.
#
# Let IP protocol 112 in from {from}, and from nobody else: adverts of VRRP 3 are not signed.
"
    )
}

fn globals(plan: &Plan, out: &mut String) -> std::fmt::Result {
    let user = &plan.files.user;
    write!(
        out,
        "
global_defs {{
    # Version 2 counts in whole seconds.
    vrrp_version 3

    # Scripts run as this user, and not at all where somebody else than root could write them or a folder on their way.
    script_user {user}
    enable_script_security

    # Who has the address says so in the network at once, a second later again, and then every ten: a switch or a host that
    # missed it is wrong for ten seconds at most.
    vrrp_garp_master_delay 1
    vrrp_garp_master_refresh 10

    # Where both nodes had the address, because they could not hear each other, the one that gives it up has the other one
    # tell the network again.
    vrrp_higher_prio_send_advert

    # A busy machine must not keep adverts waiting, which the other node would take for a death.
    vrrp_priority -20
    vrrp_no_swap
}}
"
    )
}

fn instance(plan: &Plan, family: Family, tells: bool, out: &mut String) -> std::fmt::Result {
    let Plan {
        interface,
        router_id,
        priority,
        advert_ms,
        ..
    } = plan;
    let name = match family {
        Family::V6 if plan.families().len() > 1 => "ringside6",
        _ => "ringside",
    };
    let seconds = seconds(*advert_ms);
    let dead_ms = advert_ms * 3 + advert_ms * (256 - u32::from(*priority)) / 256;
    if !tells {
        write!(
            out,
            "
# Addresses of the other family: an instance of VRRP 3 is of one. It has the same number, which counts within a family."
        )?;
    }
    write!(
        out,
        "
vrrp_instance {name} {{
    # On both nodes. With nopreempt the address stays where it is when the other node comes back: going back would be one more
    # gap, and would be nobody's wish. So the priority only decides between two that begin at the same moment.
    state BACKUP
    nopreempt
    priority {priority}

    # An interface without a cable is a fault, at once.
    interface {interface}

    # The same on both nodes, and no other's in this network.
    virtual_router_id {router_id}

    # Seconds, the same on both nodes. This node takes a silent one for dead after three and a part of a fourth, {dead_ms} ms.
    advert_int {seconds}
"
    )?;
    if !plan.is_multicast {
        writeln!(
            out,
            "
    # To the other node alone, which needs no multicast in the network. What comes from anybody else is dropped."
        )?;
        if let Some(source) = plan.of(family, &plan.sources) {
            writeln!(
                out,
                "    # Without that address, as before the network is up, this node waits for it."
            )?;
            writeln!(out, "    unicast_src_ip {source}\n    track_src_ip")?;
        }
        if let Some(peer) = plan.of(family, &plan.peers) {
            writeln!(out, "    unicast_peer {{\n        {peer}\n    }}")?;
        }
        writeln!(out, "    check_unicast_src")?;
    } else if let Some(source) = plan.of(family, &plan.sources) {
        writeln!(out, "    mcast_src_ip {source}")?;
    }
    writeln!(out, "\n    virtual_ipaddress {{")?;
    for vip in plan.vips.iter().filter(|vip| vip.family() == family) {
        writeln!(out, "        {vip} dev {interface}")?;
    }
    write!(
        out,
        "    }}

    track_file {{
        ringside
    }}
"
    )?;
    if tells {
        let files = &plan.files;
        if let Some(script) = &files.move_script {
            write!(
                out,
                "
    # Moves what adverts cannot, by the cloud's API.
    notify_master \"{}\"
",
                script.display()
            )?;
        }
        write!(
            out,
            "
    # Tells the service, and the watchdog, which repeats it to a service that was away.
    notify \"{} notify --data {} --run {}\"
",
            files.program.display(),
            files.data.display(),
            files.run.display()
        )?;
    }
    writeln!(out, "}}")
}

/// Milliseconds in steps of ten as seconds, as short as can be.
fn seconds(ms: u32) -> String {
    let text = format!("{}.{:02}", ms / 1000, ms % 1000 / 10);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::plan::tests::plan;
    use super::*;

    #[test]
    fn times_are_read_as_they_are_meant() {
        let of = [10, 50, 100, 120, 1000, 1500, 10_000, 40_950].map(seconds);
        assert_eq!(of, ["0.01", "0.05", "0.1", "0.12", "1", "1.5", "10", "40.95"]);
    }

    #[test]
    fn one_family_needs_no_group_and_two_are_told_once() {
        let one = text(&plan(&["fd00::10/64"], &["fd00::2"]));
        assert!(
            one.contains("vrrp_instance ringside {") && !one.contains("vrrp_sync_group"),
            "{one}"
        );
        let two = text(&plan(&["10.0.0.10/24", "fd00::10/64"], &["10.0.0.2", "fd00::2"]));
        assert!(
            two.contains("vrrp_instance ringside6 {") && two.contains("vrrp_sync_group"),
            "{two}"
        );
        assert_eq!(two.matches("\n    notify ").count(), 1);
        assert_eq!(two.matches("\n    nopreempt\n").count(), 2);
    }

    #[test]
    fn who_is_silent_is_dead_after_what_is_told() {
        // Three adverts and the skew, (256 − 150)/256 of another one.
        assert!(text(&plan(&["10.0.0.10/24"], &["10.0.0.2"])).contains("341 ms"));
    }
}
