//! What a node notes of the stream and of itself, in what order it comes to disk, and what is done where the disk takes
//! nothing: behind a hole nothing makes sense until a segment has begun with everything.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::course::{Course, Line};
use super::disk::{Disk, Said};
use super::status::Status;

/// What is not of this node is written to disk this late at the latest, or from so many bytes on.
const LINES_LATE: Duration = Duration::from_millis(500);
const LINES_BYTES: usize = 64 << 10;
/// Size from which on a segment is left, at the least, and so many times the state's size.
const SEGMENT_BYTES: u64 = 16 << 20;
const STATES: u64 = 4;
/// Time after which a segment is left, so that what is over leaves the disk.
const SEGMENT_AGE: Duration = Duration::from_secs(3600);
/// Time between two attempts to begin a segment where the disk takes nothing.
const STALE: Duration = Duration::from_secs(5);

/// The own log, as it is filled.
pub(super) struct OwnLog {
    disk: Disk,
    status: Arc<Status>,
    lines: Vec<u8>,
    lines_since: Instant,
    has_own_lines: bool,
    segment_bytes: u64,
    segment_max: u64,
    segment_since: Instant,
    /// The disk takes nothing: when it is tried again.
    stale: Option<Instant>,
    /// A segment is being begun, with a state that takes its room until then.
    is_rolling: bool,
    /// Lines were lost since that began.
    has_hole: bool,
}

impl OwnLog {
    /// What is noted goes to `disk`, whose segment has begun; `status` shows whether it is taken.
    pub(super) fn new(disk: Disk, status: Arc<Status>) -> OwnLog {
        let now = Instant::now();
        OwnLog {
            disk,
            status,
            lines: Vec::new(),
            lines_since: now,
            has_own_lines: false,
            segment_bytes: 0,
            segment_max: SEGMENT_BYTES,
            segment_since: now,
            stale: None,
            is_rolling: false,
            has_hole: false,
        }
    }

    /// Whether the disk takes what is noted.
    pub(super) fn is_well(&self) -> bool {
        self.stale.is_none()
    }

    /// Notes a line.
    pub(super) fn note(&mut self, line: &Line) {
        if self.lines.is_empty() {
            self.lines_since = Instant::now();
        }
        self.has_own_lines |= matches!(line, Line::Handed(_));
        // Texts and numbers can be written to memory.
        let _infallible = serde_json::to_writer(&mut self.lines, line);
        self.lines.push(b'\n');
    }

    /// Hands lines to the disk, where that is due: with them own entries up to `handed`. `course` is as they say.
    pub(super) fn write(&mut self, is_last: bool, course: &Course, handed: u64) {
        let is_late = is_last || self.lines.len() >= LINES_BYTES || self.lines_since.elapsed() >= LINES_LATE;
        if !self.lines.is_empty() && (self.has_own_lines || is_late) {
            let lines = std::mem::take(&mut self.lines);
            self.has_own_lines = false;
            self.segment_bytes += lines.len() as u64;
            // Behind a segment that is being begun lines make sense again, wherever there was a hole before.
            let is_whole = (self.stale.is_none() || self.is_rolling) && !self.has_hole;
            if is_whole && !self.disk.append(lines, handed) {
                self.has_hole = true;
                self.fail("the disk takes nothing for a while");
            }
        }
        let is_old = self.segment_bytes > 0 && self.segment_since.elapsed() > SEGMENT_AGE;
        let is_due = match self.stale {
            Some(again) => Instant::now() >= again,
            None => self.segment_bytes > self.segment_max || is_old,
        };
        if is_due && !self.is_rolling {
            self.stale = self.stale.map(|_| Instant::now() + STALE);
            self.roll(course, handed);
        }
    }

    /// Begins a segment as of `course`, which has own entries up to `handed`.
    pub(super) fn roll(&mut self, course: &Course, handed: u64) {
        self.lines.clear();
        self.has_own_lines = false;
        self.segment_bytes = 0;
        self.segment_since = Instant::now();
        self.is_rolling = true;
        self.has_hole = false;
        self.disk.roll(course.state(), handed);
    }

    /// Hears from the disk; gives up to which own entry everything is there now.
    pub(super) fn said(&mut self, said: Said) -> Option<u64> {
        match said {
            Said::Written { up_to, bytes } => {
                self.disk.written(bytes);
                Some(up_to)
            }
            Said::Rolled { up_to, bytes } => {
                self.is_rolling = false;
                self.segment_max = SEGMENT_BYTES.max(STATES * bytes);
                if !self.has_hole && self.stale.take().is_some() {
                    tracing::info!("calls are kept on disk again");
                    self.status.set_well(true);
                }
                Some(up_to)
            }
            Said::Failed(error) => {
                self.fail(&error);
                None
            }
            Said::NotRolled(error) => {
                self.is_rolling = false;
                self.fail(&error);
                None
            }
        }
    }

    fn fail(&mut self, error: &str) {
        if self.stale.is_none() {
            tracing::error!(%error, "calls are not kept on this node's disk");
            self.stale = Some(Instant::now() + STALE);
        }
        self.status.set_well(false);
    }
}

#[cfg(test)]
mod tests;
