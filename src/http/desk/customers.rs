//! Customers on a desktop: one by id, and one who is written down.

use bytes::BytesMut;
use serde_json::{Map, Value, json};

use super::calls::read;
use super::refused::Refused;
use super::viewer::{Viewer, write};
use crate::callers::{Call, Refusal, Reply, Spoken};
use crate::customer::Document;
use crate::customer::document::{self, Limits, Strictness};
use crate::pop::{Kept, What};

/// What the form may say.
const KNOWN: [&str; 8] = [
    "name",
    "first_name",
    "last_name",
    "company",
    "phones",
    "labels",
    "attributes",
    "call_id",
];
/// What ids of customers begin with whom the system of record does not know yet.
const PROVISIONAL: &str = "new-";

/// Answers with the customer `id`.
pub(super) fn one(viewer: &Viewer, id: &str, call: &Call<'_>, out: &mut BytesMut) -> Result<Reply, Refused> {
    if !call.is_get() {
        return Err(Refusal::Method { allow: "GET, HEAD" }.into());
    }
    if let Some(pending) = viewer.desk.pops.pending(id) {
        write(&json!({"customer": pending.customer, "pending": true}), out);
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

/// Writes a customer down, links the call to them that is named, and hands them on to the system of record.
pub(super) async fn create(viewer: &Viewer, call: &Call<'_>, out: &mut BytesMut) -> Result<Reply, Refused> {
    let mut said: Map<String, Value> = read(call.body, "a customer as a JSON object")?;
    if let Some(unknown) = said.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        let expected = format!("one of {}", KNOWN.join(", "));
        return Err(Refused::field(shortened(unknown), expected, "another member"));
    }
    let of_call = match said.remove("call_id") {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) if viewer.desk.pops.look(|calls| calls.knows(&id)) => Some(id),
        Some(_) => return Err(crate::pop::Unknown::Call.into()),
    };
    let id = provisional()?;
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
    viewer.desk.create(&id, &document, &viewer.agent)?;
    let keeping = viewer.desk.pops.note(What::Created {
        id: id.clone(),
        customer: document.clone(),
        keys,
    });
    let mut kept = keeping.kept().await;
    if let Some(of_call) = of_call {
        let (_, keeping) = viewer.desk.link(&of_call, Some(&id), Some(&viewer.agent))?;
        kept = keeping.kept().await;
    }
    if kept == Kept::Not {
        return Err(Refused::NotKept);
    }
    write(
        &json!({"customer_id": id, "pending": true, "customer": document}),
        out,
    );
    Ok(Reply::json(202))
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
