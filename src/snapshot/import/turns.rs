//! A schema that grows with the rows, while batches of rows are read on several cores: each batch adds to it in its turn.

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::customer::Schema;

/// Whose turn it is, and the schema as the batches before have left it.
#[derive(Debug)]
struct State {
    /// The batch whose turn it is, from 0.
    batch: u64,
    /// Batches behind it that have nothing to add; as many as workers have at a time.
    passed: BTreeSet<u64>,
    schema: Schema,
    /// A worker has ended ahead of its time, so that a turn may never come.
    broken: bool,
}

/// One worker's share of the turns.
#[derive(Debug)]
pub(super) struct Turns {
    state: Arc<(Mutex<State>, Condvar)>,
    ended: bool,
}

impl Clone for Turns {
    fn clone(&self) -> Turns {
        Turns {
            state: Arc::clone(&self.state),
            ended: false,
        }
    }
}

impl Turns {
    pub(super) fn new(schema: Schema) -> Turns {
        let state = State {
            batch: 0,
            passed: BTreeSet::new(),
            schema,
            broken: false,
        };
        Turns {
            state: Arc::new((Mutex::new(state), Condvar::new())),
            ended: false,
        }
    }

    /// Waits for the turn of `batch` and gives `schema` what was added ahead of it; `false` where the turn never comes.
    pub(super) fn take(&self, batch: u64, schema: &mut Schema) -> bool {
        let mut state = self.state();
        while state.batch != batch {
            if state.broken {
                return false;
            }
            state = self.state.1.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        // Attributes are only ever added.
        if state.schema.attributes.len() != schema.attributes.len() {
            schema.clone_from(&state.schema);
        }
        true
    }

    /// Ends the turn of `batch`, in which attributes may have been added to `schema`; one that has nothing to add need not
    /// have taken it.
    pub(super) fn pass(&self, batch: u64, schema: &Schema) {
        let mut state = self.state();
        if state.batch != batch {
            state.passed.insert(batch);
            return;
        }
        if state.schema.attributes.len() < schema.attributes.len() {
            state.schema.clone_from(schema);
        }
        state.batch += 1;
        while let Some(first) = state
            .passed
            .first()
            .copied()
            .filter(|first| *first == state.batch)
        {
            state.passed.remove(&first);
            state.batch += 1;
        }
        self.state.1.notify_all();
    }

    /// The worker has done all its batches; dropped without this, it has left the others in the lurch.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turns {
    fn drop(&mut self) {
        if !self.ended {
            self.state().broken = true;
            self.state.1.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use serde_json::json;

    use super::*;

    #[test]
    fn each_turn_adds_behind_the_one_before() {
        let first = Turns::new(Schema::default());
        let second = first.clone();
        let last = std::thread::spawn(move || {
            let mut schema = Schema::default();
            assert!(second.take(1, &mut schema));
            schema.infer("b", &json!("x")).unwrap();
            second.pass(1, &schema);
            schema
        });
        let mut schema = Schema::default();
        assert!(first.take(0, &mut schema));
        schema.infer("a", &json!(true)).unwrap();
        first.pass(0, &schema);
        let keys: Vec<String> = last
            .join()
            .unwrap()
            .attributes
            .into_iter()
            .map(|attribute| attribute.key)
            .collect();
        assert_eq!(keys, ["a", "b"]);
    }

    #[test]
    fn batches_with_nothing_to_add_take_no_turn() {
        let turns = Turns::new(Schema::default());
        let mut schema = Schema::default();
        for batch in [1, 3, 2] {
            turns.pass(batch, &Schema::default());
        }
        assert!(turns.take(0, &mut schema));
        schema.infer("a", &json!(true)).unwrap();
        turns.pass(0, &schema);
        let mut later = Schema::default();
        assert!(turns.take(4, &mut later));
        assert_eq!(later, schema);
    }

    #[test]
    fn a_worker_that_dies_leaves_nobody_waiting() {
        let dying = Turns::new(Schema::default());
        let mut done = dying.clone();
        let waiting = dying.clone();
        let waited = std::thread::spawn(move || waiting.take(1, &mut Schema::default()));
        done.end();
        drop(done);
        drop(dying);
        assert!(!waited.join().unwrap());
    }
}
