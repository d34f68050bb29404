//! When the service is told again what keepalived said: it was down, or frozen, when it was told. Pure.

/// How long the service may know something else, in ms: whoever tells it first has this time.
const PATIENCE_MS: u64 = 200;
/// Between two tellings, in ms.
const BETWEEN_MS: u64 = 500;

/// The state.
#[derive(Debug, Default)]
pub(super) struct Repeat {
    differs_since: Option<u64>,
    told_ms: Option<u64>,
}

impl Repeat {
    /// Whether to tell the service now that keepalived said `said`, where it answers that it knows `known`.
    pub(super) fn is_due(&mut self, now_ms: u64, said: &str, known: Option<&str>) -> bool {
        if known.is_some_and(|known| known.eq_ignore_ascii_case(said)) {
            *self = Repeat::default();
            return false;
        }
        let since = *self.differs_since.get_or_insert(now_ms);
        let is_due = now_ms.saturating_sub(since) >= PATIENCE_MS
            && self
                .told_ms
                .is_none_or(|told| now_ms.saturating_sub(told) >= BETWEEN_MS);
        if is_due {
            self.told_ms = Some(now_ms);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_again_until_it_knows() {
        let mut repeat = Repeat::default();
        let mut told = |from: u64, to: u64, known: Option<&str>| -> Vec<u64> {
            let moments = (from..to).step_by(50);
            moments
                .filter(|now| repeat.is_due(*now, "MASTER", known))
                .collect()
        };
        assert_eq!(
            told(0, 200, None),
            Vec::<u64>::new(),
            "it may be told at this moment"
        );
        assert_eq!(told(200, 1300, None), [200, 700, 1200]);
        assert_eq!(told(1300, 1400, Some("master")), Vec::<u64>::new());
        assert_eq!(told(1400, 1700, Some("BACKUP")), [1600]);
    }
}
