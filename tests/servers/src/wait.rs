//! Waiting for what others do, without sleeping for longer than it takes.

use std::time::{Duration, Instant};

/// Waits until `holds` gives nothing; what it gives says what is still missing. Fails after `within`.
pub fn until(what: &str, within: Duration, mut holds: impl FnMut() -> Result<(), String>) -> Duration {
    let began = Instant::now();
    loop {
        match holds() {
            Ok(()) => return began.elapsed(),
            Err(missing) => assert!(began.elapsed() < within, "waited in vain until {what}: {missing}"),
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// Lets others go on for a moment, on a runtime; for loops that look again and again under a deadline of their own.
pub async fn moment() {
    // Nothing comes: only the time passes.
    let _passed = tokio::time::timeout(Duration::from_millis(50), std::future::pending::<()>()).await;
}
