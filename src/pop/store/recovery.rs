//! What a log of calls on this machine says, whichever store wrote it: a node may begin to share its calls, and end.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::calls::{Bounds, Calls};
use super::super::entry::Entry;
use super::super::shared::committed::Committed;
use super::super::shared::course::{Line, Own};
use super::super::shared::letter::{Letter, Origin};
use super::StoreError;
use crate::durable::Journal;

/// How a segment of a shared log begins; one of a log of this machine alone begins with its state.
const SHARED: &[u8] = br#"{"shared":1,"#;

/// What a segment of a shared log begins with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::pop) struct State {
    /// The version.
    shared: u32,
    /// What this node is called.
    pub(in crate::pop) node: String,
    pub(in crate::pop) committed: Committed,
    pub(in crate::pop) pending: VecDeque<Own>,
}

/// What a log says.
#[derive(Debug)]
pub(in crate::pop) struct Recovered {
    /// What the stream had made.
    pub(in crate::pop) committed: Committed,
    /// Own entries that were not in it.
    pub(in crate::pop) pending: VecDeque<Own>,
    /// The state that they make on top of that.
    pub(in crate::pop) present: Calls,
    /// What the last segment is called; `None` where there is none.
    pub(in crate::pop) segment: Option<u64>,
}

/// What the segment makes that is being read.
enum Reading {
    Local(Calls),
    Shared(State),
}

impl State {
    /// The state of the node `node`.
    pub(in crate::pop) fn new(node: &str, committed: Committed, pending: VecDeque<Own>) -> State {
        State {
            shared: 1,
            node: node.to_owned(),
            committed,
            pending,
        }
    }

    /// Reads one line of what followed it.
    pub(in crate::pop) fn read(&mut self, line: Line) {
        match line {
            Line::Handed(own) => self.pending.push_back(own),
            Line::Letter {
                sequence,
                node,
                incarnation,
                first,
                entries,
            } => {
                if node == self.node {
                    let last = first + entries.len() as u64;
                    self.pending
                        .retain(|own| own.incarnation != incarnation || !(first..last).contains(&own.n));
                }
                let origin = Origin { node, incarnation };
                self.fold(sequence, origin, first, entries);
            }
            Line::Own {
                sequence,
                incarnation,
                first,
                count,
            } => {
                let range = first..first.saturating_add(count as u64);
                let mut of_it = Vec::new();
                self.pending.retain(|own| {
                    let is_of_it = own.incarnation == incarnation && range.contains(&own.n);
                    if is_of_it {
                        of_it.push((own.n, Arc::clone(&own.entry)));
                    }
                    !is_of_it
                });
                let node = self.node.clone();
                let first = of_it.first().map_or(first, |(n, _)| *n);
                let entries = of_it.into_iter().map(|(_, entry)| entry).collect();
                self.fold(sequence, Origin { node, incarnation }, first, entries);
            }
            Line::Passed { sequence, stamp } => self.committed.pass(sequence, stamp),
        }
    }

    fn fold(&mut self, sequence: u64, origin: Origin, first: u64, entries: Vec<Arc<Entry>>) {
        if entries.is_empty() {
            return self.committed.pass(sequence, 0);
        }
        let letter = Letter {
            origin,
            first,
            entries,
        };
        self.committed.fold(sequence, &letter);
    }
}

/// Opens the log in the folder `dir`, and reads it.
///
/// # Errors
/// It cannot be read, or holds no state of calls.
pub(in crate::pop) fn recover(dir: &Path, bounds: &Bounds) -> Result<(Journal, Recovered), StoreError> {
    let mut reading = Reading::Local(Calls::new(bounds.clone()));
    let mut segment = None;
    let (journal, found) = Journal::open::<StoreError>(dir, |first, frame| {
        if segment != Some(first) {
            segment = Some(first);
            reading = match frame.starts_with(SHARED) {
                true => {
                    let mut state: State = serde_json::from_slice(frame).map_err(StoreError::State)?;
                    state.committed = state.committed.with(bounds);
                    Reading::Shared(state)
                }
                false => {
                    let calls: Calls = serde_json::from_slice(frame).map_err(StoreError::State)?;
                    Reading::Local(calls.with(bounds.clone()))
                }
            };
            return Ok(());
        }
        for line in frame.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match &mut reading {
                Reading::Local(calls) => {
                    let entry: Entry = serde_json::from_slice(line).map_err(StoreError::State)?;
                    calls.apply(&entry);
                }
                Reading::Shared(state) => {
                    state.read(serde_json::from_slice(line).map_err(StoreError::State)?);
                }
            }
        }
        Ok(())
    })?;
    if found.damaged.is_some() {
        tracing::error!(
            dir = %dir.display(),
            "the log of calls is damaged: what lay behind the damage is set aside (*.damaged), and calls of that time are not known"
        );
    }
    let (committed, pending) = match reading {
        Reading::Local(calls) => (Committed::of(calls), VecDeque::new()),
        Reading::Shared(state) => (state.committed, state.pending),
    };
    let mut present = committed.calls.clone();
    for own in &pending {
        present.apply(&own.entry);
    }
    let recovered = Recovered {
        committed,
        pending,
        present,
        segment,
    };
    Ok((journal, recovered))
}
