//! Another system's page on an agent's desktop: Zendesk's `display`.

use bytes::BytesMut;
use serde_json::json;

use super::refused::Refused;
use super::viewer::write;
use super::{Desk, agent};
use crate::callers::{Call, Refusal, Reply, Spoken};

/// Shows the customer whom the dialect's system calls `user` on `agent`'s desktop, where that is connected.
pub(super) async fn answer(
    desk: &Desk,
    spoken: &Spoken,
    who: &str,
    user: &str,
    call: &Call<'_>,
    out: &mut BytesMut,
) -> Result<Reply, Refused> {
    if call.method != "POST" {
        return Err(Refusal::Method { allow: "POST" }.into());
    }
    agent::agent(who)?;
    let user = user.strip_suffix(".json").unwrap_or(user);
    let customer = spoken.customer_of(user).ok_or(Refusal::NoSuchCustomer)?;
    if desk.pops.desks().streams(who) == 0 {
        return Err(Refusal::NoDesktop.into());
    }
    let (pop_id, keeping) = desk.pops.display(who, &customer);
    let _told_in_metrics = keeping.kept().await;
    write(&json!({"pop_id": pop_id}), out);
    Ok(Reply::json(200))
}
