//! Making what was applied durable, then visible: at once, or while what comes next is applied already.

use std::time::Instant;

use super::log::{Batch, LogError};
use super::{BATCH_BYTES, Replica};

impl Replica {
    /// Bytes applied that are not on their way to the disk yet.
    pub fn uncommitted_bytes(&self) -> usize {
        let batch = if self.batch.is_empty() {
            0
        } else {
            self.batch.len()
        };
        batch + self.gone.bytes()
    }

    /// Makes everything applied so far durable, then visible, at once; looks for parts that are gone first, which reads
    /// every customer once. What fails may be tried again, unless
    /// [`Replica::failed`] says otherwise; nothing is visible meanwhile.
    ///
    /// # Errors
    /// The log cannot be written.
    pub fn commit(&mut self) -> Result<(), LogError> {
        self.settle()?;
        self.take_gone();
        if !self.batch.is_empty() {
            let begun = Instant::now();
            let batch = self.batch.bytes(self.now_ms);
            self.log
                .append(batch)
                .inspect_err(|_| self.counters.log_errors.inc())?;
            self.counters.committed(self.batch.len(), begun.elapsed());
            self.batch.clear();
            self.counters.log(&self.log);
        }
        self.counters.remembered(&self.state);
        self.writer.publish();
        Ok(())
    }

    /// Where as much was applied as should become durable at once ([`BATCH_BYTES`]), begins with that, and does not wait:
    /// what is applied meanwhile is of the next batch. It becomes visible with the next call that finds it durable, of this
    /// or of [`Replica::commit`]. Batches become durable one after the other, each as a whole.
    ///
    /// # Errors
    /// What was begun before cannot be written: it is applied and not durable, together with what came since.
    pub fn commit_if_large(&mut self) -> Result<(), LogError> {
        if self.uncommitted_bytes() < BATCH_BYTES {
            return Ok(());
        }
        self.begin_commit()
    }

    /// As [`Replica::commit_if_large`], whatever was applied.
    ///
    /// # Errors
    /// As there.
    pub fn begin_commit(&mut self) -> Result<(), LogError> {
        self.settle()?;
        self.take_gone();
        let batch = std::mem::replace(&mut self.batch, Batch::new(false));
        match self.log.begin_append(batch, self.now_ms) {
            Ok(()) => {
                self.under_way = Some(self.writer.seq());
                Ok(())
            }
            Err(batch) => {
                self.batch = batch;
                self.commit()
            }
        }
    }

    /// Waits for the batch that is on its way to the disk, and makes it visible.
    pub(super) fn settle(&mut self) -> Result<(), LogError> {
        let Some(seq) = self.under_way.take() else {
            return Ok(());
        };
        let (batch, written) = self.log.settle();
        let took = match written {
            Ok(took) => took,
            Err(error) => {
                self.counters.log_errors.inc();
                self.batch.put_ahead(batch);
                return Err(error);
            }
        };
        self.counters.committed(batch.len(), took);
        self.counters.log(&self.log);
        self.writer.publish_up_to(seq);
        Ok(())
    }
}
