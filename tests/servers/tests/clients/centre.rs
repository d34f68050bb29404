//! The customers of the corpus (`tests/callers/centre.json`), in a running program.

use std::time::Duration;

use serde_json::{Value, json};
use servers::ringside::Ringside;
use servers::wait::until;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Centre {
    pub(crate) ringside: Ringside,
    _folder: TempDir,
}

impl Centre {
    /// A program with these customers and `config`, which says nothing of numbers.
    pub(crate) fn start(config: &str) -> Centre {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "[feed.main]\nkind = \"http\"\n[numbers]\nshared_lines = [\"+14806754180\", \"+14806754181\"]\n\
             [[treatment]]\nlabel = \"quiet\"\nmay_greet = false\n{config}"
        );
        let ringside = Ringside::start(folder.path(), &config);
        let schema = json!({"op": "schema", "schema": [
            {"key": "email", "type": "email"}, {"key": "tier", "type": "text"},
            {"key": "ssn", "type": "text", "sensitive": true}]});
        let customers = include_str!("../../../callers/centre.json");
        let customers: Vec<Value> = serde_json::from_str(customers).unwrap();
        let count = customers.len() + 1;
        let changes = customers
            .into_iter()
            .map(|customer| json!({"op": "upsert", "customer": customer}));
        let lines: Vec<String> = std::iter::once(schema)
            .chain(changes)
            .map(|line| line.to_string())
            .collect();
        let lines = lines.join("\n");
        // A server that is to be overloaded may say that it is at any time.
        until("the customers are taken", PATIENCE, || {
            let (status, answer) = ringside.push("/v1/changes", lines.as_bytes());
            match status {
                503 => Err(answer.to_string()),
                _ if (status, &answer["accepted"]) == (200, &json!(count)) => Ok(()),
                _ => panic!("{status}: {answer}"),
            }
        });
        Centre {
            ringside,
            _folder: folder,
        }
    }

    /// The URL of `target`.
    pub(crate) fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.ringside.callers())
    }
}
