//! Where the rules that applied are noted down, for explanations.

/// Takes a note of each rule. The text is made only where somebody reads it.
pub(super) trait Trace {
    fn note(&mut self, line: impl FnOnce() -> String);
}

/// Nobody reads: lookups.
pub(super) struct Silent;

impl Trace for Silent {
    #[inline]
    fn note(&mut self, _line: impl FnOnce() -> String) {}
}

impl Trace for Vec<String> {
    fn note(&mut self, line: impl FnOnce() -> String) {
        self.push(line());
    }
}
