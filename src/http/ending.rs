//! When connections end from this side: as the server stops, or as the address that they came in by goes to another node.

use tokio::sync::watch;

/// Says when.
#[derive(Debug, Clone)]
pub(super) struct Ends(watch::Sender<Stage>);

/// Hears it: a listener, which ends only as the server does, or a connection.
#[derive(Debug, Clone)]
pub(super) struct Ending {
    stage: watch::Receiver<Stage>,
    /// How often connections had been sent away when this one began.
    since: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Stage {
    is_over: bool,
    /// How often those who were connected were sent away; listeners stay.
    sent_away: u64,
}

impl Ends {
    /// Of a server that begins.
    pub(super) fn new() -> (Ends, Ending) {
        let (ends, stage) = watch::channel(Stage::default());
        (Ends(ends), Ending { stage, since: 0 })
    }

    /// The server stops.
    pub(super) fn stop(&self) {
        self.0.send_modify(|stage| stage.is_over = true);
    }

    /// Whoever is connected now is to connect anew: what was asked is answered, and streams end.
    pub(super) fn send_away(&self) {
        self.0.send_modify(|stage| stage.sent_away += 1);
    }
}

impl Ending {
    /// What a connection hears that begins now.
    pub(super) fn of_connection(&self) -> Ending {
        let mut stage = self.stage.clone();
        let since = stage.borrow_and_update().sent_away;
        Ending { stage, since }
    }

    /// Waits until the server is to stop; also where nobody could say so any more.
    pub(super) async fn stopped(&mut self) {
        let _either = self.stage.wait_for(|stage| stage.is_over).await;
    }

    /// Waits until the connection is to end.
    pub(super) async fn ended(&mut self) {
        let since = self.since;
        let _either = self
            .stage
            .wait_for(|stage| stage.is_over || stage.sent_away != since)
            .await;
    }

    /// Whether the connection is to end.
    pub(super) fn has_ended(&self) -> bool {
        let stage = self.stage.borrow();
        stage.is_over || stage.sent_away != self.since
    }

    /// Whether anything was said since this one began, or nobody could say so any more.
    pub(super) fn has_changed(&self) -> bool {
        self.stage.has_changed().unwrap_or(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_connects_behind_those_who_were_sent_away_stays() {
        let (ends, listener) = Ends::new();
        let before = listener.of_connection();
        ends.send_away();
        let behind = listener.of_connection();
        assert!(before.has_ended() && before.has_changed());
        assert!(!behind.has_ended() && !behind.has_changed());
        ends.send_away();
        assert!(behind.has_ended());
        let last = listener.of_connection();
        ends.stop();
        assert!(last.has_ended());
    }

    #[test]
    fn a_listener_ends_with_the_server_alone_and_where_nobody_can_say_so() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let is_ready = |waiting: &mut std::pin::Pin<&mut dyn Future<Output = ()>>| {
            runtime.block_on(std::future::poll_fn(|context| {
                std::task::Poll::Ready(waiting.as_mut().poll(context).is_ready())
            }))
        };
        let (ends, mut listener) = Ends::new();
        let mut connection = listener.of_connection();
        let mut stopped = std::pin::pin!(listener.stopped());
        let stopped: &mut std::pin::Pin<&mut dyn Future<Output = ()>> = &mut (stopped.as_mut() as _);
        assert!(!is_ready(stopped));
        ends.send_away();
        assert!(!is_ready(stopped), "a listener goes on");
        runtime.block_on(connection.ended());
        drop(ends);
        assert!(is_ready(stopped));
    }
}
