//! Calls, desktops and what they show.

use super::{Config, Unfit, within};
use crate::http::Profile;
use crate::pop::Recorder;
use crate::pop::outbox::Kind;

/// The first value that is unfit.
pub(super) fn check(config: &Config) -> Result<(), Unfit> {
    let calls = &config.calls;
    within("calls.calls_max", calls.calls_max, 100..=1_000_000)?;
    within("calls.ring_max_s", calls.ring_max_s, 5..=3600)?;
    within("calls.close_after_s", calls.close_after_s, 0..=3600)?;
    within("calls.idle_close_s", calls.idle_close_s, 60..=604_800)?;
    within("calls.remember_s", calls.remember_s, 0..=86_400)?;
    within("calls.session_s", calls.session_s, 60..=604_800)?;
    within("calls.wait_ms", calls.wait_ms, 0..=5000)?;
    let desks = &config.desks;
    within("desks.heartbeat_s", desks.heartbeat_s, 1..=10)?;
    within("desks.queue_max", desks.queue_max, 1..=10_000)?;
    within("desks.replay_max", desks.replay_max, 0..=10_000)?;
    within("desks.replay_s", desks.replay_s, 1..=86_400)?;
    within(
        "desks.streams_per_agent_max",
        desks.streams_per_agent_max,
        1..=1000,
    )?;
    within("desks.ticket_s", desks.ticket_s, 1..=3600)?;
    within("desks.tickets_max", desks.tickets_max, 1..=1_000_000)?;
    within("desks.missed_s", desks.missed_s, 0..=86_400)?;
    let records = config.interactions.recorder == Recorder::Ringside;
    if records && !config.system_of_record.takes(Kind::Interaction) {
        return Err(Unfit::new(
            "interactions.recorder",
            "\"system_of_record\", or a [system_of_record] that takes interactions",
            "\"ringside\", with nowhere to send them",
        ));
    }
    for (name, profile) in &config.profile {
        Profile::new(profile).map_err(|unfit| {
            Unfit::new(
                format!("profile.{name}.{}", unfit.key),
                unfit.expected,
                unfit.found,
            )
        })?;
    }
    Ok(())
}
