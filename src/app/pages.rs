//! What the administration shows and does beyond health and metrics.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use bytes::BytesMut;
use serde_json::json;

use super::calls;
use super::catch_up::Tending;
use super::generations::Generations;
use super::outbox::Record;
use super::pair::Pair;
use super::reload::Reloader;
use crate::callers::explain::Explanation;
use crate::callers::{Call, Refusal, Reply, Sources};
use crate::http::{Extra, Further, Page, Shadows};
use crate::pop::Pops;

/// `/explain?ani=`: how a lookup comes to its answer; `POST /reload`; acts on generations; shadow mode; the outbox.
pub(super) fn pages(
    sources: &Arc<ArcSwap<Sources>>,
    reloader: &Arc<Reloader>,
    generations: &Arc<Generations>,
    shadows: &Arc<Shadows>,
    record: &Record,
    pair: &Arc<Pair>,
    pops: &Arc<Pops>,
) -> Extra {
    let (pair, pops) = (Arc::clone(pair), Arc::clone(pops));
    let record = record.clone();
    let shadows = Arc::clone(shadows);
    let (sources, reloader, generations) =
        (Arc::clone(sources), Arc::clone(reloader), Arc::clone(generations));
    Arc::new(move |call| match call.trimmed_path() {
        "/explain" => Some(explain(call, &sources.load())),
        "/reload" => Some(reload(call, &reloader)),
        _ => shadows
            .page(call)
            .or_else(|| record.page(call))
            .or_else(|| pair.page(call))
            .or_else(|| calls::page(&pops, call))
            .or_else(|| generations.page(call)),
    })
}

/// What the parts of the service add to `/status`.
pub(super) fn status(
    reloader: &Arc<Reloader>,
    tending: &Tending,
    record: &Record,
    pair: &Arc<Pair>,
    pops: &Arc<Pops>,
) -> Further {
    let (pair, pops) = (Arc::clone(pair), Arc::clone(pops));
    let record = record.clone();
    let (reloader, tenant) = (Arc::clone(reloader), Arc::clone(&tending.tenant));
    let catch_up = Arc::clone(&tending.catch_up);
    Arc::new(move || {
        // Without the path of the input and the reasons: this page is everybody's.
        let waiting = catch_up.generations().waiting().map(|candidate| {
            json!({
                "generation": candidate.generation,
                "held_at_ms": candidate.at_ms,
            })
        });
        let lag_ms = tenant.freshness.now(Instant::now()).age_ms;
        let further = [
            ("candidate".to_owned(), waiting.unwrap_or_default()),
            ("catch_up".to_owned(), catch_up.status(lag_ms)),
            ("reload".to_owned(), reloader.status()),
            ("outbox".to_owned(), record.status()),
            ("pair".to_owned(), pair.status()),
            ("calls".to_owned(), calls::status(&pops)),
        ];
        further.into_iter().collect()
    })
}

fn explain(call: &Call<'_>, sources: &Sources) -> Page {
    match Explanation::asked(call, sources) {
        Ok(explanation) => page(
            Reply::json(200),
            serde_json::to_vec(&explanation).unwrap_or_default(),
        ),
        Err(refusal) => refused(&refusal),
    }
}

fn reload(call: &Call<'_>, reloader: &Reloader) -> Page {
    if call.method != "POST" {
        return refused(&Refusal::Method { allow: "POST" });
    }
    match reloader.reload() {
        Ok(reloaded) => page(
            Reply::json(200),
            serde_json::to_vec(&reloaded).unwrap_or_default(),
        ),
        Err(error) => {
            let told = json!({"error": {"code": "invalid_configuration", "message": error.to_string()}});
            page(Reply::json(422), told.to_string().into())
        }
    }
}

pub(super) fn refused(refusal: &Refusal) -> Page {
    let mut body = BytesMut::new();
    let reply = refusal.write(&mut body);
    page(reply, body.to_vec())
}

pub(super) fn page(reply: Reply, body: Vec<u8>) -> Page {
    Page {
        status: reply.status,
        content_type: reply.content_type,
        body,
    }
}
