//! `POST /v1/changes`: lines of changes, answered once they are durable.

use bytes::{BufMut, Bytes, BytesMut};
use percent_encoding::percent_decode_str;
use serde_json::json;

use crate::callers::{Refusal, Reply};
use crate::feed::{PushRefused, Pushes};

/// Where changes are posted.
pub(super) const PATH: &str = "/v1/changes";

/// Seconds after which whoever was turned away may post again.
const AGAIN_S: u64 = 1;

/// Applies `body`, posted to the path with `query` by `method`, and writes the answer to `out`, which is empty.
pub(super) async fn answer(
    pushes: &Pushes,
    method: &str,
    query: &str,
    body: Bytes,
    out: &mut BytesMut,
) -> Reply {
    if method != "POST" {
        return Refusal::Method { allow: "POST" }.write(out);
    }
    let parameter = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let (_, value) = pairs.find(|(key, _)| *key == name)?;
        Some(percent_decode_str(value).decode_utf8_lossy())
    };
    let (feed, incarnation) = (parameter("feed"), parameter("incarnation"));
    match pushes.push(feed.as_deref(), incarnation.as_deref(), body).await {
        Ok(pushed) => {
            // Writing numbers and strings to memory cannot fail.
            let _infallible = serde_json::to_writer(out.writer(), &pushed);
            Reply::json(200)
        }
        Err(refused) => refuse(&refused, out),
    }
}

fn refuse(refused: &PushRefused, out: &mut BytesMut) -> Reply {
    let (status, code, field) = match refused {
        PushRefused::NoFeed { .. } => (404, "no_such_feed", Some("feed")),
        PushRefused::Incarnation => (400, "invalid", Some("incarnation")),
        PushRefused::Held { .. } => (409, "held", None),
        PushRefused::Busy => (503, "overload", None),
        PushRefused::Log(_) => (503, "not_durable", None),
        PushRefused::Streams(_) => (507, "too_many_streams", None),
        PushRefused::Stopping => (503, "stopping", None),
    };
    let mut error = json!({"code": code, "message": refused.to_string()});
    if let Some(field) = field {
        error["field"] = field.into();
    }
    if let PushRefused::Held { line } = refused {
        error["line"] = (*line).into();
    }
    let _infallible = serde_json::to_writer(out.writer(), &json!({"error": error}));
    Reply {
        retry_after_s: (status == 503).then_some(AGAIN_S),
        ..Reply::json(status)
    }
}
