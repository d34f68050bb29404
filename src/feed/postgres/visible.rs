//! Waiting until a transaction that has come can be seen. The stream has it as soon as its commit is in the log; other
//! sessions see it a moment later, or much later where the commit waits for a standby. What is read before that is older
//! than what has come.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::session::Session;
use crate::feed::source::SourceError;

/// Between two questions.
const BETWEEN: Duration = Duration::from_millis(2);

/// Waits until statements see what transaction `xid` did.
///
/// # Errors
/// That takes longer than `patience`.
pub(super) async fn until_visible(
    session: &Session,
    xid: u32,
    patience: Duration,
) -> Result<(), SourceError> {
    let began = Instant::now();
    loop {
        let rows = session
            .rows("asking what is visible", "SELECT pg_current_snapshot()")
            .await?;
        let snapshot = rows.into_iter().flatten().next().flatten().unwrap_or_default();
        if is_visible(xid, &snapshot) {
            return Ok(());
        }
        if began.elapsed() > patience {
            return Err(SourceError::Away(format!(
                "PostgreSQL: a transaction that was delivered is not visible after {} ms: its commit may wait for a \
                 synchronous standby",
                patience.as_millis()
            )));
        }
        sleep(BETWEEN).await;
    }
}

/// Whether transaction `xid`, of which only the low half of the number is known, has ended for a snapshot, written
/// `first running:first not begun:running,…`.
fn is_visible(xid: u32, snapshot: &str) -> bool {
    let low = |number: &str| {
        let number = number.parse::<u64>().ok()?;
        u32::try_from(number & u64::from(u32::MAX)).ok()
    };
    let mut parts = snapshot.split(':').skip(1);
    let Some(next) = parts.next().and_then(low) else {
        return false;
    };
    // Numbers go round; what is known is less than half a round away.
    let has_begun = next.wrapping_sub(xid).wrapping_sub(1) < u32::MAX / 2;
    let mut running = parts.next().unwrap_or_default().split(',').filter_map(low);
    has_begun && !running.any(|running| running == xid)
}

#[cfg(test)]
mod tests {
    use super::is_visible;

    #[test]
    fn a_transaction_is_visible_once_it_has_ended() {
        assert!(is_visible(99, "100:105:"));
        assert!(is_visible(102, "100:105:100,103"));
        assert!(!is_visible(103, "100:105:100,103"));
        assert!(!is_visible(105, "100:105:100,103"), "not begun yet");
        assert!(!is_visible(200, "100:105:"));
        assert!(!is_visible(5, ""), "no snapshot");
    }

    #[test]
    fn numbers_go_round() {
        // 2^32 + 5 is the next one.
        assert!(is_visible(u32::MAX, "4294967290:4294967301:"));
        assert!(is_visible(4, "4294967290:4294967301:"));
        assert!(!is_visible(5, "4294967290:4294967301:"));
        assert!(!is_visible(u32::MAX, "4294967290:4294967301:4294967295"));
    }
}
