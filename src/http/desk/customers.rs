//! Customers on a desktop: one by id, and one who is written down.

use std::collections::BTreeSet;

use bytes::BytesMut;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use xxhash_rust::xxh3::xxh3_128;

use super::calls::read;
use super::refused::Refused;
use super::routing::parameter;
use super::viewer::{Viewer, write};
use crate::callers::{Call, Refusal, Reply, Spoken};
use crate::customer::Document;
use crate::customer::document::{self, Limits, Strictness};
use crate::pop::{Pending, What};

/// What the form may say.
const KNOWN: [&str; 9] = [
    "id",
    "name",
    "first_name",
    "last_name",
    "company",
    "phones",
    "labels",
    "attributes",
    "call_id",
];
/// Interactions of one page, where nobody asks for more or fewer, and the most.
const OLDER: usize = 20;
const OLDER_MAX: usize = 100;
/// The most bytes that are kept of a customer who is written down, with the ids of those who have the same numbers.
const WRITTEN_BYTES_MAX: usize = 256 << 10;
/// The longest message, in characters.
const TEXT_MAX: usize = 1600;
const DRAFT: &str = "1 to 64 visible ASCII characters, the same for what is sent again";
/// What ids of customers begin with whom the system of record does not know yet.
const PROVISIONAL: &str = "new-";

/// Answers with the customer `id`.
pub(super) fn one(viewer: &Viewer, id: &str, call: &Call<'_>, out: &mut BytesMut) -> Result<Reply, Refused> {
    if !call.is_get() {
        return Err(Refusal::Method { allow: "GET, HEAD" }.into());
    }
    if let Some(pending) = viewer.desk.pops.pending(id) {
        write(
            &json!({"customer": viewer.pending(pending), "pending": true}),
            out,
        );
        return Ok(Reply::json(200));
    }
    if viewer.source.write_customer(id, !viewer.rights.sensitive, out) {
        Ok(Reply::json(200))
    } else {
        Err(Refusal::NoSuchCustomer.into())
    }
}

/// Answers with the customers that the query is about, on a thread that answers no lookups: it takes longer than those may
/// wait.
pub(super) async fn list(spoken: &Spoken, call: &Call<'_>, out: &mut BytesMut) -> Result<Reply, Refused> {
    if !call.is_get() {
        return Err(Refusal::Method { allow: "GET, HEAD" }.into());
    }
    let lists = spoken.lists().ok_or(crate::http::service::NO_SUCH_PATH)?.clone();
    let (source, query) = (spoken.source().clone(), call.query.to_owned());
    let turn = lists.begin()?;
    let (reply, written) = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let mut out = BytesMut::new();
        (lists.write(&source, &query, &mut out), out)
    })
    .await
    .map_err(|_| Refusal::Internal)?;
    *out = written;
    Ok(reply?)
}

/// Answers a desktop's search: those who are written down and not confirmed go first.
pub(super) async fn of_desk(
    viewer: &Viewer,
    spoken: &Spoken,
    call: &Call<'_>,
    out: &mut BytesMut,
) -> Result<Reply, Refused> {
    let reply = list(spoken, call, out).await?;
    let search = parameter(call.query, "search").unwrap_or_default();
    let is_first = parameter(call.query, "page").is_none_or(|page| page == "1");
    if reply.status != 200 || search.is_empty() || !is_first {
        return Ok(reply);
    }
    let key = viewer.source.numbering.read(&search, None).key();
    let words: Vec<String> = search.split_whitespace().map(str::to_lowercase).collect();
    let is_found = |pending: &Pending| {
        let name = pending
            .customer
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let name = name.to_lowercase();
        let by_key = key.is_some_and(|key| pending.keys.contains(&key.raw()));
        let begins = |word: &String| {
            name.split_whitespace()
                .any(|part| part.starts_with(word.as_str()))
        };
        by_key || words.iter().all(begins)
    };
    let rows: Vec<Value> = viewer.desk.pops.look(|calls| {
        let found = calls.pending().iter().filter(|(_, pending)| is_found(pending));
        found.map(|(id, pending)| row(id, pending)).collect()
    });
    if rows.is_empty() {
        return Ok(reply);
    }
    if let Ok(mut answer) = serde_json::from_slice::<Value>(out) {
        let total = answer["total"].as_u64().unwrap_or_default() + rows.len() as u64;
        answer["total"] = total.into();
        answer["pages"] = answer["pages"].as_u64().unwrap_or_default().max(1).into();
        if let Some(customers) = answer["customers"].as_array_mut() {
            customers.splice(0..0, rows);
        }
        out.clear();
        write(&answer, out);
    }
    Ok(reply)
}

/// Somebody who is written down, as a row of a list.
fn row(id: &str, pending: &Pending) -> Value {
    let of = |name: &str| pending.customer.get(name).cloned().unwrap_or(Value::Null);
    let phones = pending.customer.get("phones").and_then(Value::as_array);
    let phones: Vec<&str> = phones
        .into_iter()
        .flatten()
        .filter_map(|phone| phone.get("number").unwrap_or(phone).as_str())
        .collect();
    json!({
        "customer_id": id, "name": of("name"), "company": of("company"), "phones": phones, "labels": [],
        "created_at": of("created_at"), "updated_at": null, "open_case": null, "pending": true,
    })
}

/// Writes a customer down, links the call to them that is named, and hands them on to the system of record.
pub(super) async fn create(viewer: &Viewer, call: &Call<'_>, out: &mut BytesMut) -> Result<Reply, Refused> {
    let mut said: Map<String, Value> = read(call.body, "a customer as a JSON object")?;
    if let Some(unknown) = said.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        let expected = format!("one of {}", KNOWN.join(", "));
        return Err(Refused::field(shortened(unknown), expected, "another member"));
    }
    let of_call = match said.remove("call_id") {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) if viewer.desk.pops.look(|calls| calls.concerns(&id, &viewer.agent)) => {
            Some(id)
        }
        Some(_) => return Err(crate::pop::Unknown::Call.into()),
    };
    let id = match said.remove("id") {
        None | Some(Value::Null) => provisional()?,
        Some(Value::String(draft)) if is_draft(&draft) => {
            format!(
                "{PROVISIONAL}{:032x}",
                xxh3_128(format!("{}\n{draft}", viewer.agent).as_bytes())
            )
        }
        Some(_) => return Err(Refused::field("id", DRAFT, "something else")),
    };
    viewer.desk.may_promise()?;
    if let Some(pending) = viewer.desk.pops.pending(&id) {
        // Saved already, and the answer was lost, or said that nobody else had it by then.
        let (told, said, agent) = (id.clone(), pending.customer.clone(), viewer.agent.to_string());
        viewer
            .desk
            .tell(move |pops| pops.tell_customer(&told, &said, &agent))
            .await?;
        let customer = viewer.pending(pending);
        write(
            &json!({"customer_id": id, "pending": true, "customer": customer}),
            out,
        );
        return Ok(Reply::json(202));
    }
    said.insert("id".to_owned(), id.as_str().into());
    let schema = viewer.source.tenant.index.schema();
    let sensitive = schema.attributes.iter().filter(|attribute| attribute.sensitive);
    if !viewer.rights.sensitive
        && let Some(attributes) = said.get("attributes").and_then(Value::as_object)
        && let Some(attribute) = sensitive
            .map(|attribute| &attribute.key)
            .find(|key| attributes.contains_key(*key))
    {
        let field = format!("attributes.{attribute}");
        return Err(Refused::field(
            field,
            "a key with the scope `sensitive`",
            "one without",
        ));
    }
    let written = Document::from(&Value::Object(said.clone()));
    let limits = Limits::default();
    let found = document::read_json(written.json(), &schema, Strictness::Import, limits);
    let customer = found.map_err(|refusal| of_document(&refusal))?.customer;
    if customer.name.trim().is_empty() {
        return Err(Refused::field(
            "name",
            "a name, a first or last name, or a company",
            "none",
        ));
    }
    let numbering = &viewer.source.numbering;
    let mut keys = Vec::new();
    for (nth, phone) in customer.phones.iter().enumerate() {
        let key = numbering.read(&phone.number, None).key().ok_or_else(|| {
            Refused::field(
                format!("phones[{nth}]"),
                "a phone number that can be called",
                "something else",
            )
        })?;
        keys.push(key.raw());
    }
    said.insert("name".to_owned(), customer.name.as_str().into());
    said.insert("created_at".to_owned(), jiff::Timestamp::now().to_string().into());
    let document = Value::Object(said);
    let known: BTreeSet<String> = keys
        .iter()
        .flat_map(|key| viewer.source.customers_with(*key))
        .collect();
    let created = What::Created {
        id: id.clone(),
        customer: document.clone(),
        keys,
        known: known.into_iter().collect(),
    };
    bounded(&created)?;
    let (told, said, agent) = (id.clone(), document.clone(), viewer.agent.to_string());
    viewer
        .desk
        .tell(move |pops| pops.tell_customer(&told, &said, &agent))
        .await?;
    let keeping = viewer.desk.pops.note(created);
    viewer.desk.until_kept(keeping).await?;
    if let Some(of_call) = of_call {
        let (_, keeping) = viewer.desk.link(&of_call, Some(&id), Some(&viewer.agent)).await?;
        viewer.desk.until_kept(keeping).await?;
    }
    write(
        &json!({"customer_id": id, "pending": true, "customer": document}),
        out,
    );
    Ok(Reply::json(202))
}

/// Whether what is kept of somebody who is written down is bearable.
fn bounded(created: &What) -> Result<(), Refused> {
    if created.bytes() <= WRITTEN_BYTES_MAX {
        return Ok(());
    }
    let expected = format!(
        "a customer of at most {WRITTEN_BYTES_MAX} bytes, with the ids of the customers who have the same numbers"
    );
    Err(Refused::field("phones", expected, "more: leave out numbers"))
}

/// Answers with the customer's interactions that are older than those that Ringside holds.
pub(super) async fn older(
    viewer: &Viewer,
    id: &str,
    call: &Call<'_>,
    out: &mut BytesMut,
) -> Result<Reply, Refused> {
    if !call.is_get() {
        return Err(Refusal::Method { allow: "GET, HEAD" }.into());
    }
    let history = viewer.desk.history.as_ref().ok_or(Refused::NotConfigured {
        expected: "a system of record that is asked for older interactions",
        remedy: "set system_of_record.history_path",
    })?;
    let before = match parameter(call.query, "before") {
        None => jiff::Timestamp::now(),
        Some(before) => before.parse::<jiff::Timestamp>().map_err(|_| {
            Refused::field(
                "before",
                "a moment in RFC 3339, such as 2026-11-18T14:02:11Z",
                "another text",
            )
        })?,
    };
    let limit = match parameter(call.query, "limit").map(|limit| limit.parse::<usize>()) {
        None => OLDER,
        Some(Ok(limit)) if (1..=OLDER_MAX).contains(&limit) => limit,
        Some(_) => {
            return Err(Refused::field(
                "limit",
                format!("1 to {OLDER_MAX}"),
                "another number",
            ));
        }
    };
    if !viewer.source.has_customer(id) {
        return Err(Refused::NoCustomer);
    }
    let page = history.older(id, before, limit).await.map_err(|error| {
        tracing::warn!(%error, "older interactions are not to be had");
        Refused::Unavailable {
            retry_after_s: error.retry_after_s(),
        }
    })?;
    write(
        &json!({"interactions": page.interactions, "more": page.more}),
        out,
    );
    Ok(Reply::json(200))
}

/// What an agent did beside calls: a message that was sent.
#[derive(Debug, Deserialize)]
struct Done {
    #[serde(rename = "type")]
    kind: String,
    customer_id: String,
    number: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    call_id: Option<String>,
    /// What is the same for what is said twice.
    #[serde(default)]
    id: Option<String>,
}

/// Hands on what an agent did beside calls.
pub(super) async fn note(viewer: &Viewer, call: &Call<'_>, out: &mut BytesMut) -> Result<Reply, Refused> {
    if call.method != "POST" {
        return Err(Refusal::Method { allow: "POST" }.into());
    }
    let done: Done = read(
        call.body,
        "{\"type\": \"sms\", \"customer_id\": \"…\", \"number\": \"…\"}",
    )?;
    if done.kind != "sms" {
        return Err(Refused::field("type", "sms", "another word"));
    }
    if done
        .text
        .as_ref()
        .is_some_and(|text| text.chars().count() > TEXT_MAX)
    {
        return Err(Refused::field(
            "text",
            format!("at most {TEXT_MAX} characters"),
            "more",
        ));
    }
    let number = viewer.source.numbering.read(&done.number, None).key();
    let number = number.ok_or_else(|| Refused::field("number", "a phone number", "something else"))?;
    let flags = viewer.source.flags(&done.customer_id);
    let flags = match viewer.desk.pops.pending(&done.customer_id) {
        Some(_) => flags.unwrap_or_default(),
        None => flags.ok_or(Refused::NoCustomer)?,
    };
    if flags.do_not_sms {
        return Err(Refused::Unwanted("do_not_sms"));
    }
    let key = match done.id {
        Some(id) if is_draft(&id) => id,
        Some(_) => {
            return Err(Refused::field(
                "id",
                "1 to 64 visible ASCII characters",
                "another text",
            ));
        }
        None => provisional()?,
    };
    let body = json!({
        "customer_id": done.customer_id, "number": number.to_string(), "text": done.text,
        "call_id": done.call_id, "agent": &*viewer.agent, "direction": "outbound", "type": "sms",
    });
    let body = body.as_object().cloned().unwrap_or_default();
    viewer.desk.may_promise()?;
    let sent = key.clone();
    let agent = viewer.agent.to_string();
    viewer
        .desk
        .tell(move |pops| pops.tell_sms(&agent, &sent, body))
        .await?;
    write(&json!({"id": key, "type": "sms"}), out);
    Ok(Reply::json(202))
}

/// Whether `id` can be what a desktop calls what it is writing.
fn is_draft(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

/// An id that nobody has.
fn provisional() -> Result<String, Refused> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes).map_err(|_| Refusal::Internal)?;
    Ok(bytes
        .iter()
        .fold(PROVISIONAL.to_owned(), |id, byte| format!("{id}{byte:02x}")))
}

/// What is wrong with a document, by its field.
fn of_document(refusal: &crate::customer::Refusal) -> Refused {
    Refused::field(
        refusal.field.clone(),
        refusal.expected.clone(),
        refusal.found.clone(),
    )
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_whose_numbers_everybody_has_is_not_written_down() {
        let created = |others: usize| What::Created {
            id: "new-1".to_owned(),
            customer: json!({"name": "Ann"}),
            keys: vec![14_806_754_110],
            known: (0..others).map(|nth| format!("{nth:0>64}")).collect(),
        };
        assert_eq!(bounded(&created(256)), Ok(()));
        let refused = bounded(&created(5000)).unwrap_err().to_string();
        assert!(
            refused.starts_with("phones: expected a customer of at most 262144 bytes"),
            "{refused}"
        );
    }
}
