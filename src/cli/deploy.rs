//! `deploy`: what surrounds the service on a node, written out.

mod conf;
mod plan;

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use super::error::CliError;
use super::output::{Output, note};
use super::watchdog::Pace;
use plan::{Files, Plan, Vip};

pub(super) use plan::PlanError;

/// Below this time between adverts, in ms, a busy machine may look dead.
const SHORT_MS: u32 = 50;
/// What else a node needs beside keepalived's configuration: file names and texts.
const BESIDE: [(&str, &str); 3] = [
    (
        "ringside-watchdog.service",
        include_str!("../../deploy/systemd/ringside-watchdog.service"),
    ),
    (
        "ringside-pair.tmpfiles.conf",
        include_str!("../../deploy/systemd/ringside-pair.tmpfiles.conf"),
    ),
    (
        "keepalived.service.d-ringside.conf",
        include_str!("../../deploy/systemd/keepalived.service.d-ringside.conf"),
    ),
];

#[derive(Debug, Subcommand)]
pub(super) enum DeployCommand {
    /// Print a keepalived.conf that moves an address between two nodes, each choice explained: docs/address.md
    Keepalived(KeepalivedArguments),
}

#[derive(Debug, Args)]
pub(super) struct KeepalivedArguments {
    /// The interface that gets the address
    #[arg(long, value_name = "IF")]
    interface: String,
    /// The address that moves, with the length of its prefix; IPv4 and IPv6, may be given several times
    #[arg(long, value_name = "ADDR/PREFIX", required = true)]
    vip: Vec<Vip>,
    /// The other node's own address; one of each family that moves. Not needed with --multicast
    #[arg(long, value_name = "ADDR")]
    peer: Vec<IpAddr>,
    /// This node's own address; one of each family. IPv6 needs it, IPv4 only where the interface has several
    #[arg(long, value_name = "ADDR")]
    source: Vec<IpAddr>,
    /// Which of the two this is; the priority is all that it decides
    #[arg(long, value_enum, default_value_t = Node::A)]
    node: Node,
    /// VRRP's number of the pair, 1 to 255: no other's in this network
    #[arg(long, value_name = "N", default_value_t = 74, value_parser = clap::value_parser!(u8).range(1..))]
    router_id: u8,
    /// Time between two adverts in milliseconds, 10 to 40950 in steps of 10
    #[arg(long, value_name = "MS", default_value_t = 100)]
    advert_ms: u32,
    /// Send adverts to the peer alone, which is so unless --multicast is given
    #[arg(long, conflicts_with = "multicast")]
    unicast: bool,
    /// Send adverts to VRRP's multicast group
    #[arg(long)]
    multicast: bool,
    /// Priority, 1 to 254; without it 150 for node a, 100 for node b
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=254))]
    priority: Option<u8>,
    /// A script that moves the address where a network needs an API for that; runs on the node that gets it
    #[arg(long, value_name = "FILE")]
    move_script: Option<PathBuf>,
    /// Whom scripts run as: the service's user
    #[arg(long, value_name = "USER", default_value = "ringside")]
    user: String,
    /// Where this program is on the node
    #[arg(long, value_name = "FILE", default_value = "/usr/local/bin/ringside")]
    program: PathBuf,
    /// The service's data folder on the node
    #[arg(long, value_name = "DIR", default_value = "/var/lib/ringside")]
    data: PathBuf,
    /// The file that the watchdog writes and keepalived tracks
    #[arg(long, value_name = "FILE", default_value = "/run/ringside-pair/track")]
    track: PathBuf,
    /// The file in which keepalived's last word is kept
    #[arg(long, value_name = "FILE", default_value = "/run/ringside-pair/vrrp")]
    run: PathBuf,
    #[command(flatten)]
    pace: Pace,
    /// Write keepalived.conf into this folder, with the units that belong to it, instead of printing it
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Node {
    A,
    B,
}

impl KeepalivedArguments {
    fn plan(&self) -> Result<Plan, PlanError> {
        let (node, priority) = match self.node {
            Node::A => ('a', 150),
            Node::B => ('b', 100),
        };
        let plan = Plan {
            interface: self.interface.clone(),
            vips: self.vip.clone(),
            peers: self.peer.clone(),
            sources: self.source.clone(),
            is_multicast: self.multicast && !self.unicast,
            node,
            router_id: self.router_id,
            priority: self.priority.unwrap_or(priority),
            advert_ms: self.advert_ms,
            files: Files {
                program: self.program.clone(),
                data: self.data.clone(),
                track: self.track.clone(),
                run: self.run.clone(),
                move_script: self.move_script.clone(),
                user: self.user.clone(),
            },
        };
        plan.checked()
    }
}

pub(super) fn run(command: &DeployCommand, out: &mut Output) -> Result<(), CliError> {
    let DeployCommand::Keepalived(arguments) = command;
    let plan = arguments.plan()?;
    if plan.advert_ms < SHORT_MS {
        note(format_args!(
            "warning: with adverts every {} ms, a machine that is busy for {} ms is taken for dead; below {SHORT_MS} ms only \
             for machines that do nothing else",
            plan.advert_ms,
            plan.advert_ms * 3
        ));
    }
    let text = conf::text(&plan);
    let Some(dir) = &arguments.out else {
        return Ok(std::io::Write::write_all(out, text.as_bytes())?);
    };
    std::fs::create_dir_all(dir).map_err(|source| CliError::File {
        step: "make",
        path: dir.clone(),
        source,
    })?;
    write(&dir.join("keepalived.conf"), &text)?;
    for (name, text) in BESIDE {
        write(&dir.join(name), &placed(text, &plan.files, arguments.pace))?;
    }
    out.line(format_args!(
        "{}: keepalived.conf, and for systemd:",
        dir.display()
    ))?;
    for (name, _) in BESIDE {
        out.line(format_args!("  {name}"))?;
    }
    Ok(out.line("Each says in its first line where it belongs.")?)
}

/// A unit or list of folders with the files where this plan has them: what the watchdog writes is what keepalived tracks.
fn placed(text: &str, files: &Files, pace: Pace) -> String {
    let Files { user, track, .. } = files;
    let mut folders: Vec<String> = [track, &files.run]
        .iter()
        .filter_map(|file| file.parent())
        .map(|folder| folder.display().to_string())
        .collect();
    folders.dedup();
    let mut out = String::new();
    for line in text.lines() {
        let line = match line.split_inclusive(['=', ' ']).next() {
            Some("ExecStart=") => format!(
                "ExecStart={} watchdog --data {} --track {} --run {}{}",
                files.program.display(),
                files.data.display(),
                track.display(),
                files.run.display(),
                told(pace)
            ),
            Some("User=") => format!("User={user}"),
            Some("Group=") => format!("Group={user}"),
            Some("ReadWritePaths=") => format!("ReadWritePaths={}", folders.join(" ")),
            Some("d ") => folders
                .iter()
                // The data folder has a mode of its own.
                .filter(|folder| Path::new(folder) != files.data)
                .map(|folder| format!("d {folder} 0755 {user} {user} -"))
                .collect::<Vec<_>>()
                .join("\n"),
            Some("f ") => format!("f {} 0644 {user} {user} - 1", track.display()),
            _ => line.to_owned(),
        };
        out.push_str(&line);
        out.push('\n');
    }
    out
}

/// The options of the watchdog that say what it would not do by itself.
fn told(pace: Pace) -> String {
    let usual = Pace::DEFAULT;
    let options = [
        ("every-ms", pace.every_ms, usual.every_ms),
        ("misses", pace.misses.into(), usual.misses.into()),
        ("rise-ms", pace.rise_ms, usual.rise_ms),
    ];
    let options = options.iter().filter(|(_, now, usual)| now != usual);
    options.map(|(name, now, _)| format!(" --{name} {now}")).collect()
}

fn write(path: &Path, text: &str) -> Result<(), CliError> {
    std::fs::write(path, text).map_err(|source| CliError::File {
        step: "write",
        path: path.to_owned(),
        source,
    })
}
