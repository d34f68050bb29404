//! The lines that a person pastes to see what there is to see.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::people::{People, Someone};
use crate::cli::error::CliError;
use crate::cli::output::{Output, Style};
use crate::cli::program::{self, shell};
use crate::number::{Key, display_national};

/// What the lines are made of.
#[derive(Debug)]
pub(super) struct Lines {
    vip: Someone,
    household: Key,
    contested: Key,
    unknown: Key,
    dir: PathBuf,
    listener: SocketAddr,
    admin: SocketAddr,
    program: String,
}

impl Lines {
    /// Lines about `people` in `dir`; `addresses` are those of callers and of the administration.
    pub(super) fn new(people: &People, dir: &Path, addresses: (SocketAddr, SocketAddr)) -> Lines {
        Lines {
            vip: people.vip.clone(),
            household: people.household,
            contested: people.contested,
            unknown: people.unknown,
            dir: dir.to_owned(),
            listener: addresses.0,
            admin: addresses.1,
            program: program::name(),
        }
    }

    /// Title and line of each.
    fn all(&self) -> Vec<(String, String)> {
        let Lines {
            vip,
            dir,
            listener,
            admin,
            program,
            ..
        } = self;
        let curl = |number: Key| {
            let digits = number.raw();
            format!("curl -s -w '\\n' 'http://{listener}/v1/lookup?ani=%2B{digits}'")
        };
        let ring = |call: &str, number: Key| {
            format!(
                "curl -s http://{listener}/v1/rings -d '{{\"call_id\":\"{call}\",\"ani\":\"{number}\",\"agent\":\"1001\"}}' | cut -c1-200"
            )
        };
        let changes = shell(&dir.join("changes.ndjson"));
        // An upsert is the whole customer: what it leaves out is gone, save cases and interactions.
        let upsert = format!(
            r##"{{"op":"upsert","customer":{{"id":{},"name":{},"phones":["{}"],"labels":[{{"name":"VIP","color":"#d4af37"}}]}}}}"##,
            json!(vip.id),
            json!(format!("{} (renamed)", vip.name)),
            vip.key,
        );
        let national = display_national(vip.key);
        [
            (format!("{}, a VIP with an open case", vip.name), curl(vip.key)),
            (
                "the same as a person reads it, from the number as it is dialled".to_owned(),
                format!("{program} lookup '{national}' --server http://{listener}"),
            ),
            (
                "a household: two customers share the line, so nobody is greeted by name".to_owned(),
                curl(self.household),
            ),
            (
                "a withheld number matches nobody".to_owned(),
                format!("curl -s -w '\\n' 'http://{listener}/v1/lookup?ani=anonymous'"),
            ),
            ("a number that nobody has".to_owned(), curl(self.unknown)),
            (
                "the name alone, for a PBX".to_owned(),
                format!("{}&format=text'", curl(vip.key).trim_end_matches('\'')),
            ),
            (
                "rename a customer, as the system of record would (a change is the whole customer; cases and calls stay) …".to_owned(),
                format!("echo '{}' >> {changes}", upsert.replace('\'', r"'\''")),
            ),
            (
                "… and ask again, once the change is seen".to_owned(),
                format!("sleep 0.3; {}", curl(vip.key)),
            ),
            (
                "two customers claim this number: who answers, and why".to_owned(),
                format!("{program} explain {} --admin http://{admin}", self.contested),
            ),
            (
                "the page of agent 1001: open it in a browser …".to_owned(),
                format!("http://{listener}/gadget?agent=1001"),
            ),
            (
                "… and have the VIP call: the page shows who it is while it rings".to_owned(),
                ring("demo-1", vip.key),
            ),
            (
                "agent 1001 answers, and somebody whom nobody knows rings too".to_owned(),
                format!(
                    "curl -s -w '\\n' http://{listener}/v1/calls/demo-1/events -d '{{\"event\":\"answer\",\"agent\":\"1001\"}}'; {}",
                    ring("demo-2", self.unknown)
                ),
            ),
            (
                "the first call ends; about a minute later what became of it is told, as it would be to a system of record".to_owned(),
                format!(
                    "curl -s -w '\\n' http://{listener}/v1/calls/demo-1/events -d '{{\"event\":\"end\"}}'; tail -F {}",
                    shell(&dir.join("system-of-record.ndjson"))
                ),
            ),
            (
                "how the server is".to_owned(),
                format!("{program} status --admin http://{admin}"),
            ),
            (
                "its metrics".to_owned(),
                format!("curl -s http://{admin}/metrics"),
            ),
        ]
        .into()
    }

    /// `served`: the server of these lines runs already.
    pub(super) fn print(&self, served: bool, out: &mut Output) -> Result<(), CliError> {
        if !served {
            let config = shell(&self.dir.join("ringside.toml"));
            out.gap()?;
            out.styled(Style::Dim, "# the server that answers the lines below")?;
            out.line(format_args!("{} serve --config {config}", self.program))?;
        }
        out.gap()?;
        out.line("Paste these into another terminal:")?;
        out.gap()?;
        for (title, line) in self.all() {
            out.styled(Style::Dim, format_args!("# {title}"))?;
            out.line(line)?;
            out.gap()?;
        }
        Ok(())
    }
}
