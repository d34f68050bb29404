//! Where the committed state goes on, or begins.

use super::{Act, Committed, Course, Stand, Told, View};

impl Course {
    /// The stream is this.
    pub(crate) fn looked(&mut self, now_ms: u64, view: View) {
        if self.stand != Stand::Looking {
            return;
        }
        let Committed { life, sequence, .. } = self.committed;
        let has_lost_end = self.has_lost_end(view);
        let is_the_same = life == view.life && !has_lost_end;
        if is_the_same && sequence.saturating_add(1) >= view.first {
            return self.follow(now_ms, view);
        }
        if is_the_same {
            let (expected, first) = (sequence + 1, view.first);
            self.acts.push_back(Act::Tell(Told::Trimmed { expected, first }));
        } else if has_lost_end {
            self.acts.push_back(Act::Tell(Told::LostEnd));
        } else if life != 0 {
            self.acts.push_back(Act::Tell(Told::MadeAgain));
        }
        if view.first <= 1 {
            let empty = Committed::new(view.life, 0, &self.bounds.calls);
            return self.rebase(now_ms, view, empty, true);
        }
        self.stand = Stand::Asking(view);
        self.acts.push_back(Act::AskPeer);
    }

    /// The other node has folded this, or cannot be asked.
    pub(crate) fn peer_said(&mut self, now_ms: u64, state: Option<Committed>) {
        let Stand::Asking(view) = self.stand else {
            return;
        };
        // It may have read on since the look.
        let is_fit =
            |state: &Committed| state.life == view.life && state.sequence.saturating_add(1) >= view.first;
        match state.filter(is_fit) {
            Some(state) => {
                let last = view.last.max(state.sequence);
                let state = state.with(&self.bounds.calls);
                // What a stream made that is no more, or a log of this machine alone, the stream does not know.
                let is_unknown = self.committed.life != view.life || self.has_lost_end(view);
                self.rebase(now_ms, View { last, ..view }, state, is_unknown);
            }
            None => {
                self.acts.push_back(Act::Tell(Told::Incomplete));
                let empty = Committed::new(view.life, view.first - 1, &self.bounds.calls);
                self.rebase(now_ms, view, empty, true);
            }
        }
    }

    /// Whether this node has read what the stream no longer has, though it goes on.
    fn has_lost_end(&self, view: View) -> bool {
        let Committed { life, sequence, .. } = self.committed;
        life == view.life && (sequence > view.last || view.is_another_end)
    }

    /// Begins with `base`; where `is_unknown`, the stream may not have what this node knows.
    fn rebase(&mut self, now_ms: u64, view: View, base: Committed, is_unknown: bool) {
        let is_bringing = is_unknown && !self.committed.is_blank();
        self.flight = None;
        self.acked = 0;
        if is_bringing {
            self.settled += self.pending.len() as u64;
            self.pending.clear();
            self.acts.push_back(Act::Superseded(self.settled));
        }
        self.committed = base;
        (self.is_rebasing, self.has_caught_up) = (true, false);
        self.acts.push_back(Act::Restate);
        self.acts.push_back(Act::Rebased { is_bringing });
        self.follow(now_ms, view);
    }

    fn follow(&mut self, now_ms: u64, view: View) {
        self.stand = Stand::Following;
        self.end = view.last;
        let sequence = self.committed.sequence;
        self.acts.push_back(Act::Tell(Told::Following {
            sequence,
            last: view.last,
        }));
        self.acts.push_back(Act::Follow(sequence + 1));
        if self.behind() == 0 {
            self.folded(Vec::new());
        }
        self.send(now_ms);
    }
}
