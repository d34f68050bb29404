//! A node's own log: what is noted is on the disk some time later, and a kill loses what is not. What it is read by is what
//! the real log is read by.

use std::collections::VecDeque;

use super::super::super::calls::Bounds;
use super::super::super::store::State;
use super::super::course::Line;

/// Lines after which a segment is left.
const SEGMENT: usize = 100;

/// The disk, and what waits for it.
#[derive(Default)]
pub(super) struct Disk {
    /// How the present segment begins; `None` where there is none.
    state: Option<Vec<u8>>,
    lines: Vec<Vec<u8>>,
    waiting: VecDeque<Waiting>,
    noted: usize,
}

enum Waiting {
    Line(Vec<u8>),
    Segment(Vec<u8>),
}

impl Disk {
    /// Notes a line.
    pub(super) fn note(&mut self, line: &Line) {
        self.noted += 1;
        self.waiting
            .push_back(Waiting::Line(serde_json::to_vec(line).unwrap()));
    }

    /// Begins a segment.
    pub(super) fn roll(&mut self, state: &State) {
        self.noted = 0;
        self.waiting
            .push_back(Waiting::Segment(serde_json::to_vec(state).unwrap()));
    }

    /// Whether the segment is to be left.
    pub(super) fn is_long(&self) -> bool {
        self.noted > SEGMENT
    }

    /// How much waits.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Writes the first `most` of what waits.
    pub(super) fn write(&mut self, most: usize) {
        for told in self.waiting.drain(..most) {
            match told {
                Waiting::Line(line) => self.lines.push(line),
                Waiting::Segment(state) => {
                    self.state = Some(state);
                    self.lines.clear();
                }
            }
        }
    }

    /// Nobody writes any more: what waits is lost.
    pub(super) fn lose_waiting(&mut self) {
        self.waiting.clear();
        self.noted = self.lines.len();
    }

    /// What the log says; `None` where there is none.
    pub(super) fn read(&self, bounds: &Bounds) -> Option<State> {
        let mut state: State = serde_json::from_slice(self.state.as_ref()?).unwrap();
        state.committed = state.committed.with(bounds);
        for line in &self.lines {
            state.read(serde_json::from_slice(line).unwrap());
        }
        Some(state)
    }
}
