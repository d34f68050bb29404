//! What is counted of requests and connections.

use prometheus::{IntCounter, IntGauge, IntGaugeVec};

use super::access::Denials;
use super::door::Full;
use crate::metrics::{Counts, Metrics, MetricsError};

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// The counters of the server, resolved once.
#[derive(Debug)]
pub(super) struct Meters {
    classes: Counts<{ CLASSES.len() }>,
    connections: IntGaugeVec,
    refused: [IntCounter; 2],
    cut: [IntCounter; Cut::ALL.len()],
    overload: Counts<2>,
    desktops: [IntGauge; Listener::ALL.len()],
    ended: [IntCounter; Ended::ALL.len()],
    pub(super) denials: Denials,
}

/// An open connection, for as long as it lives.
#[derive(Debug)]
pub(super) struct Open(IntGauge);

/// What a connection was ended for, having taken too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// No request came.
    Idle,
    /// A request's head did not come to its end.
    Head,
    /// Nor a body.
    Body,
    /// The answer was not read.
    Write,
    /// The handshake of an encrypted connection did not end.
    Handshake,
    /// It has its last answer, and goes on sending.
    Linger,
}

/// What there is too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overload {
    /// Work.
    Busy,
    /// Bodies in memory.
    Bodies,
}

/// How a desktop listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listener {
    /// To server-sent events.
    Events,
    /// To a WebSocket.
    Socket,
}

/// What a desktop's stream ended for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The desktop has gone, or took nothing for too long.
    Gone,
    /// It was too far behind.
    Behind,
    /// What it was told was void.
    Anew,
    /// The server stopped.
    Stop,
    /// The rules by which it was let in are others now.
    Rules,
    /// It sent what nobody may send.
    Fault,
}

impl Listener {
    const ALL: [&'static str; 2] = ["events", "websocket"];
}

impl Ended {
    const ALL: [&'static str; 6] = ["gone", "behind", "anew", "stop", "rules", "fault"];
}

impl Cut {
    const ALL: [(Cut, &'static str); 6] = [
        (Cut::Idle, "idle"),
        (Cut::Head, "head"),
        (Cut::Body, "body"),
        (Cut::Write, "write"),
        (Cut::Handshake, "handshake"),
        (Cut::Linger, "linger"),
    ];
}

impl Meters {
    pub(super) fn register(metrics: &Metrics) -> Result<Meters, MetricsError> {
        let requests = metrics.counts(
            "ringside_http_requests_total",
            "Requests of callers answered, by class of status.",
            &["class"],
            CLASSES,
        )?;
        let refused = metrics.counters(
            "ringside_http_refused_total",
            "Connections refused because there were as many as there may be, in total or of their peer.",
            &["reason"],
        )?;
        let cut = metrics.counters(
            "ringside_http_cut_total",
            "Connections ended because they took too long, by what they were at.",
            &["reason"],
        )?;
        let overload = metrics.counts(
            "ringside_http_overload_total",
            "Requests answered as overload, by what there was too much of.",
            &["reason"],
            ["busy", "bodies"],
        )?;
        let desktops = metrics.gauges(
            "ringside_http_streams_count",
            "Streams of desktops that are open, by how they are sent.",
            &["kind"],
        )?;
        let ended = metrics.counters(
            "ringside_http_streams_ended_total",
            "Streams of desktops that ended, by what for.",
            &["reason"],
        )?;
        Ok(Meters {
            desktops: Listener::ALL.map(|kind| desktops.with_label_values(&[kind])),
            ended: Ended::ALL.map(|reason| ended.with_label_values(&[reason])),
            classes: requests.of(&[]),
            connections: metrics.gauges(
                "ringside_http_connections_count",
                "Connections that are open, by listener.",
                &["listener"],
            )?,
            denials: Denials::register(metrics)?,
            refused: ["connections", "peer"].map(|reason| refused.with_label_values(&[reason])),
            cut: Cut::ALL.map(|(_, reason)| cut.with_label_values(&[reason])),
            overload: overload.of(&[]),
        })
    }

    /// Counts an answer with `status`.
    pub(super) fn count(&self, status: u16) {
        let class = usize::from(status / 100).clamp(1, CLASSES.len()) - 1;
        self.classes.inc(class);
    }

    /// The open connections of `listener`.
    pub(super) fn connections(&self, listener: &str) -> IntGauge {
        self.connections.with_label_values(&[listener])
    }

    /// Counts a connection for which there was no room.
    pub(super) fn refused(&self, full: Full) {
        let [connections, peer] = &self.refused;
        match full {
            Full::Connections => connections.inc(),
            Full::Peer => peer.inc(),
        }
    }

    /// Counts a connection that took too long.
    pub(super) fn cut(&self, cut: Cut) {
        self.cut[cut as usize].inc();
    }

    /// A desktop begins to listen.
    pub(super) fn listens(&self, listener: Listener) {
        self.desktops[listener as usize].inc();
    }

    /// It has ended.
    pub(super) fn listens_no_more(&self, listener: Listener, ended: Ended) {
        self.desktops[listener as usize].dec();
        self.ended[ended as usize].inc();
    }

    /// Counts a request that there was no time or no room for.
    pub(super) fn overload(&self, overload: Overload) {
        self.overload.inc(overload as usize);
    }
}

impl Open {
    /// Counts a connection in `connections` until it is dropped.
    pub(super) fn new(connections: &IntGauge) -> Open {
        connections.inc();
        Open(connections.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}
