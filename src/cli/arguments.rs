//! What can be typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::client::Server;
use super::config::Caller;
use super::deploy::DeployCommand;
use super::handover::HandoverArguments;
use super::notify::NotifyArguments;
use super::outbox::OutboxArguments;
use super::shadow::ShadowArguments;
use super::snapshot::copy::CopyArguments;
use super::snapshot::publish::PublishArguments;
use super::watchdog::WatchdogArguments;
use super::words;
use crate::http::Scope;
use crate::number::Region;
use crate::snapshot::import;

/// ANI lookup and screen-pop edge cache: who is calling, before the second ring.
#[derive(Debug, Parser)]
#[command(name = "ringside", version, propagate_version = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Try everything at once: invented customers, a server on this machine, lines to paste
    Demo(DemoArguments),
    /// Run the service
    Serve(ServeArguments),
    /// Read a feed's source once, and publish it to a NATS stream that any number of servers follow
    Relay(RelayArguments),
    /// Build, look at, check, export and compare snapshots
    #[command(subcommand)]
    Snapshot(SnapshotCommand),
    /// List the generations of a data folder: the present one, kept, pinned, and one that waits to be accepted
    Generations(FolderArguments),
    /// Publish the generation that was built and waits, or drop it; or have a feed go on that is held
    Accept(AcceptArguments),
    /// Make an earlier generation the present one again
    Rollback(RollbackArguments),
    /// Keep a generation, however many come after it
    Pin(PinArguments),
    /// Ask who is calling, and read the answer as a person does
    Lookup(LookupArguments),
    /// Say how a number was read, what matched, and which claims lost and why
    Explain(ExplainArguments),
    /// Read numbers, a line each, from standard input: prints INPUT, tab, NUMBER or nothing, tab, REASON
    Normalize(NormalizeArguments),
    /// Ask a running server how it is
    Status(StatusArguments),
    /// Have a running server take up its changed configuration, as SIGHUP does, and say what needs a restart
    Reload(ReloadArguments),
    /// Show what shadow mode has found, and switch who answers: docs/shadow.md
    Shadow(ShadowArguments),
    /// Show what the system of record is still to be told, and send again what it did not take: docs/system-of-record.md
    Outbox(OutboxArguments),
    /// Write out what surrounds the service on a node
    #[command(subcommand)]
    Deploy(DeployCommand),
    /// Tell the service whether this node has the virtual address; keepalived runs it: docs/address.md
    Notify(NotifyArguments),
    /// Ask the service all the time how it is, and tell keepalived whether this node may have the virtual address: docs/address.md
    Watchdog(WatchdogArguments),
    /// Have the active node of a pair hand the virtual address over to the other one: docs/failover.md
    Handover(HandoverArguments),
    /// Make, show and revoke the keys that callers, feeds, desktops and administrators show
    #[command(subcommand)]
    Key(KeyCommand),
    /// The configuration: its documented defaults, a check, snippets for callers
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a shell's completion script
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Which configuration a command reads numbers and folders by.
#[derive(Debug, Args)]
pub(super) struct ConfigFile {
    /// Configuration file; without one the defaults and the environment (RINGSIDE__NUMBERS__DEFAULT_REGION=GB)
    #[arg(long = "config", value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ServeArguments {
    #[command(flatten)]
    pub(super) config: ConfigFile,
}

#[derive(Debug, Args)]
pub(super) struct RelayArguments {
    /// The feed whose source is read; without it that of relay.feed
    #[arg(long, value_name = "NAME")]
    pub(super) feed: Option<String>,
    #[command(flatten)]
    pub(super) config: ConfigFile,
}

#[derive(Debug, Args)]
pub(super) struct DemoArguments {
    /// Port for callers on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 7464)]
    pub(super) port: u16,
    /// Port for administration on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 7465)]
    pub(super) admin_port: u16,
    /// Keep the folder with the data when the demo ends
    #[arg(long)]
    pub(super) keep: bool,
    /// Put the data in this folder, and keep it
    #[arg(long, value_name = "DIR")]
    pub(super) dir: Option<PathBuf>,
    /// How many customers are invented
    #[arg(long, default_value_t = 3000, value_parser = clap::value_parser!(u32).range(50..=6000))]
    pub(super) customers: u32,
    /// Build the data, print the lines to paste, and serve nothing
    #[arg(long)]
    pub(super) no_serve: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum SnapshotCommand {
    /// Build a snapshot from a CSV or NDJSON file
    Build(BuildArguments),
    /// Copy the present generation of another server here, and serve it where it looks right
    Copy(CopyArguments),
    /// Send the present snapshot to the object store, for nodes that are new or have lost their disk
    Publish(PublishArguments),
    /// Show what a snapshot holds and how big its parts are
    Inspect(PathArguments),
    /// Check every byte, and every way from a number or id to its customer and back
    Verify(PathArguments),
    /// Get every customer back as NDJSON
    Export(ExportArguments),
    /// Compare two snapshots: customers added, removed and changed, numbers that moved
    Diff(DiffArguments),
}

#[derive(Debug, Args)]
pub(super) struct BuildArguments {
    /// The file to read
    #[arg(long, value_name = "FILE")]
    pub(super) input: PathBuf,
    /// Its format
    #[arg(long, value_enum)]
    pub(super) format: Format,
    /// Which column is which field, and what the attributes are
    #[arg(long, value_name = "FILE")]
    pub(super) mapping: Option<PathBuf>,
    /// Region whose dialling rules read numbers without a plus, such as GB; ZZ for none
    #[arg(long, value_name = "REGION")]
    pub(super) region: Option<Region>,
    /// The data folder to build in; the server's `data.dir`
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
    /// Publish it, however different from the present one it looks
    #[arg(long)]
    pub(super) accept: bool,
    /// Take the place of what feeds have brought too; they go on from where they are when the build begins
    #[arg(long)]
    pub(super) replace: bool,
    /// Print the summary as JSON, and no progress
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) config: ConfigFile,
}

/// A data folder, whether or not a server holds it.
#[derive(Debug, Args)]
pub(super) struct FolderArguments {
    /// The data folder; without it the configured one. A server that holds it is asked to do what is to be done
    #[arg(long, value_name = "DIR")]
    pub(super) dir: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) config: ConfigFile,
}

#[derive(Debug, Args)]
pub(super) struct AcceptArguments {
    /// Remove it instead; of a feed, go on without what deletes or moves customers
    #[arg(long)]
    pub(super) drop: bool,
    /// Have this feed go on, which is held because it deletes or moves too many customers
    #[arg(long, value_name = "NAME")]
    pub(super) feed: Option<String>,
    #[command(flatten)]
    pub(super) folder: FolderArguments,
}

#[derive(Debug, Args)]
pub(super) struct RollbackArguments {
    /// The generation; without it the one before the present
    pub(super) generation: Option<u64>,
    /// Take the place of what feeds have brought too; they go on from where they were when it was made
    #[arg(long)]
    pub(super) replace: bool,
    #[command(flatten)]
    pub(super) folder: FolderArguments,
}

#[derive(Debug, Args)]
pub(super) struct PinArguments {
    /// The generation
    pub(super) generation: u64,
    /// Take the pin away
    #[arg(long)]
    pub(super) remove: bool,
    #[command(flatten)]
    pub(super) folder: FolderArguments,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Format {
    /// Comma-separated values with a line of headers
    Csv,
    /// One customer document a line
    Ndjson,
}

impl From<Format> for import::Format {
    fn from(format: Format) -> import::Format {
        match format {
            Format::Csv => import::Format::Csv,
            Format::Ndjson => import::Format::Ndjson,
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct PathArguments {
    /// A snapshot file, or a data folder whose present snapshot is meant
    pub(super) path: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ExportArguments {
    /// A snapshot file, or a data folder whose present snapshot is meant
    pub(super) path: PathBuf,
    /// Write here, and the mapping to import it again beside it; without it to standard output
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct DiffArguments {
    /// The older one: a snapshot file or a data folder
    pub(super) a: PathBuf,
    /// The newer one: a snapshot file or a data folder
    pub(super) b: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct LookupArguments {
    /// The calling number, in any written form
    #[arg(allow_hyphen_values = true, value_parser = number)]
    pub(super) ani: String,
    /// Look in this snapshot file or data folder; without it and --server, in the configured data folder
    #[arg(long, value_name = "PATH", conflicts_with = "server")]
    pub(super) snapshot: Option<PathBuf>,
    /// Ask this server: http://HOST:PORT, https://HOST:PORT or unix:/PATH
    #[arg(long, value_name = "URL")]
    pub(super) server: Option<Server>,
    /// Region whose dialling rules read a number without a plus; ZZ for none
    #[arg(long, value_name = "REGION")]
    pub(super) region: Option<Region>,
    /// Print the answer as callers get it
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) credentials: Credentials,
    #[command(flatten)]
    pub(super) config: ConfigFile,
}

#[derive(Debug, Args)]
pub(super) struct ExplainArguments {
    /// The number, in any written form
    #[arg(allow_hyphen_values = true, value_parser = number)]
    pub(super) ani: String,
    /// Look in this snapshot file or data folder; without it and --admin, in the configured data folder
    #[arg(long, value_name = "PATH", conflicts_with = "admin")]
    pub(super) snapshot: Option<PathBuf>,
    /// Ask the server at this administration address: http://HOST:PORT or unix:/PATH
    #[arg(long, value_name = "URL")]
    pub(super) admin: Option<Server>,
    /// Region whose dialling rules read a number without a plus; ZZ for none
    #[arg(long, value_name = "REGION")]
    pub(super) region: Option<Region>,
    /// Read numbers as this listener of the configuration does
    #[arg(long, value_name = "NAME")]
    pub(super) listener: Option<String>,
    /// Read numbers as this dialect does there, such as cid or dynamics; without it the native one
    #[arg(long, value_name = "NAME")]
    pub(super) dialect: Option<String>,
    /// The dialled number, for treatment rules
    #[arg(long, value_name = "NUMBER")]
    pub(super) dnis: Option<String>,
    /// The network's word on the number: TN-Validation-Passed-A ...
    #[arg(long, value_name = "WORD")]
    pub(super) verstat: Option<String>,
    /// Who diverted the call: a number, or the value of a header Diversion
    #[arg(long, value_name = "NUMBER")]
    pub(super) diversion: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) credentials: Credentials,
    #[command(flatten)]
    pub(super) config: ConfigFile,
}

/// A number may begin with a hyphen, as a mistyped option does; none begins with two.
fn number(text: &str) -> Result<String, String> {
    if text.starts_with("--") {
        return Err("unknown option; --help lists those that there are".to_owned());
    }
    Ok(text.to_owned())
}

#[derive(Debug, Args)]
pub(super) struct NormalizeArguments {
    /// Region whose dialling rules read numbers without a plus; ZZ for none
    #[arg(long, value_name = "REGION")]
    pub(super) region: Option<Region>,
    /// libphonenumber's plain parse, without our rules
    #[arg(long)]
    pub(super) raw: bool,
    #[command(flatten)]
    pub(super) config: ConfigFile,
}

#[derive(Debug, Args)]
pub(super) struct StatusArguments {
    /// The server's administration address, http://HOST:PORT or unix:/PATH; without it the configured one
    #[arg(long, value_name = "URL")]
    pub(super) admin: Option<Server>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) credentials: Credentials,
    #[command(flatten)]
    pub(super) config: ConfigFile,
}

#[derive(Debug, Args)]
pub(super) struct ReloadArguments {
    /// The server's administration address, http://HOST:PORT or unix:/PATH
    #[arg(long, value_name = "URL", conflicts_with = "dir")]
    pub(super) admin: Option<Server>,
    /// The server's data folder, whose socket is asked; without it and --admin the configured one
    #[arg(long, value_name = "DIR")]
    pub(super) dir: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) credentials: Credentials,
    #[command(flatten)]
    pub(super) config: ConfigFile,
}

/// How a server is convinced, and convinces.
#[derive(Debug, Args)]
pub(super) struct Credentials {
    /// For https: certificates in PEM that the server's must lead to
    #[arg(long, value_name = "FILE")]
    pub(super) ca: Option<PathBuf>,
    /// A file with the key to show; without it the variable RINGSIDE_KEY, without that none
    #[arg(long, value_name = "FILE")]
    pub(super) key_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Make a key, and print it this once; a running server takes it up
    Add(KeyAddArguments),
    /// Show which keys there are, what they allow and until when
    List(KeyListArguments),
    /// Revoke a key, or all keys of a name; a running server takes that up
    Revoke(KeyRevokeArguments),
}

/// Whose keys.
#[derive(Debug, Args)]
pub(super) struct KeyPlace {
    /// The server's data folder, with keys.json in it; without it the configured one
    #[arg(long, value_name = "DIR", conflicts_with = "file")]
    pub(super) dir: Option<PathBuf>,
    #[command(flatten)]
    pub(super) config: ConfigFile,
}

#[derive(Debug, Args)]
pub(super) struct KeyAddArguments {
    /// Whose key it is; a second key of a name does not end the first
    pub(super) name: String,
    /// What it allows: lookup, feed, ring, desktop:AGENT, desktop:*, sensitive, admin; may be given several times
    #[arg(long, value_name = "SCOPE", required = true)]
    pub(super) scope: Vec<Scope>,
    /// How long it counts, such as 90d or 12h; without this for ever
    #[arg(long, value_name = "TIME", value_parser = words::lasting)]
    pub(super) expires: Option<Duration>,
    /// Enter the secret in this file (`-`: standard input), which another system has chosen, instead of making a key;
    /// 32 bytes or more
    #[arg(long, value_name = "FILE")]
    pub(super) secret_file: Option<PathBuf>,
    /// End the older keys of this name after this time, such as 24h; 0s at once
    #[arg(long, value_name = "TIME", value_parser = words::span)]
    pub(super) replaces_after: Option<Duration>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) place: KeyPlace,
}

#[derive(Debug, Args)]
pub(super) struct KeyListArguments {
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) place: KeyPlace,
}

#[derive(Debug, Args)]
pub(super) struct KeyRevokeArguments {
    /// A key's id, or a name, whose keys are all meant
    #[arg(value_name = "NAME|ID")]
    pub(super) which: String,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) place: KeyPlace,
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Print the whole configuration with its documentation, as a file to start from
    Default,
    /// Check a file, and the variables RINGSIDE__… beside it; a mistyped key or value is named, with what was meant
    Check {
        /// The file
        file: PathBuf,
    },
    /// Print what a caller or a tool needs to work with this server
    Example {
        /// Who calls
        #[arg(value_enum)]
        caller: Caller,
    },
}
