//! What the feeds' thread does for feeds whose sources are read by threads of their own.

use super::{Feeds, now_ms};
use crate::feed::delivery::Sink;
use crate::feed::link::{Delivery, Question};
use crate::feed::signals::Signal;
use crate::feed::streamed::Streamed;
use crate::replica::LogError;

impl Feeds {
    /// Applies what readers have delivered, and makes all of it durable at once.
    pub(super) fn apply_streamed(&mut self) -> Result<(), LogError> {
        if self.streamed.iter().all(|streamed| !streamed.has_work()) {
            return Ok(());
        }
        let now_ms = now_ms();
        let mut sink = Sink {
            replica: &mut self.replica,
            rejects: &mut self.rejects,
            now_ms,
        };
        let applied = self
            .streamed
            .iter_mut()
            .try_for_each(|streamed| streamed.apply(&mut sink))
            .and_then(|()| self.replica.commit());
        self.note(applied)?;
        for streamed in &mut self.streamed {
            streamed.committed(&self.freshness, now_ms);
        }
        Ok(())
    }

    /// Whether readers have delivered what may be applied at once.
    pub(super) fn has_streamed(&self) -> bool {
        let may = |streamed: &Streamed| streamed.has_work() && !self.replica.is_held(&streamed.name);
        self.streamed.iter().any(may)
    }

    /// Takes `delivery` and those that wait behind it; they are applied with the next look.
    pub(super) fn deliver(&mut self, delivery: Delivery) {
        let mut next = Some(delivery);
        while let Some(delivery) = next.take() {
            if let Some(streamed) = self.streamed_of(&delivery.feed.clone()) {
                streamed.take(delivery);
            }
            match self.received.try_recv() {
                Ok(Signal::Delivered(delivery)) => next = Some(delivery),
                // What came ahead of it is applied ahead of it. Received from here, signals of two kinds that take turns would
                // go deeper and deeper.
                Ok(other) => self.next = Some(other),
                Err(_) => {}
            }
        }
    }

    fn streamed_of(&mut self, feed: &str) -> Option<&mut Streamed> {
        self.streamed.iter_mut().find(|streamed| *streamed.name == *feed)
    }

    pub(super) fn answer_reader(&mut self, feed: &str, question: Question) {
        // A reader that is gone needs no answer.
        match question {
            Question::Begin(told) => {
                if let Some(nth) = self.streamed.iter().position(|streamed| *streamed.name == *feed) {
                    let _gone = told.send(self.streamed[nth].begin(&self.replica));
                }
            }
            Question::Away(told) => {
                // What is applied later would say that it is connected.
                let _noted = self.apply_streamed();
                self.freshness.lost(feed);
                let _gone = told.send(());
            }
            Question::Gap(told) => {
                self.replica.gap(feed);
                let committed = self.replica.commit();
                let _noted = self.note(committed);
                let _gone = told.send(());
            }
            Question::Copy(incarnation, told) => {
                let is_known = self.replica.copies(feed, &incarnation).is_ok();
                let committed = self.replica.commit();
                let _gone = told.send(self.note(committed).is_ok() && is_known);
            }
            Question::Left(left, told) => {
                let mut sink = Sink {
                    replica: &mut self.replica,
                    rejects: &mut self.rejects,
                    now_ms: now_ms(),
                };
                if let Some(streamed) = self.streamed.iter_mut().find(|streamed| *streamed.name == *feed) {
                    streamed.keep(&mut sink, &left);
                }
                let committed = self.replica.commit();
                let _gone = told.send(self.note(committed).is_ok());
            }
        }
    }
}
