//! The page that an agent sees where there is no page of another system: who is calling.
//!
//! It has no script and loads nothing. Everything in it is escaped.

use std::borrow::Cow;

use bytes::BytesMut;
use serde_json::Value;

use super::super::answer::{Ani, Answer, Whom};
use super::super::disclosure::Denied;
use super::super::json;
use super::super::meters::Outcome;
use super::super::slot::Guest;
use super::super::xml::escaped;
use crate::customer::Record;
use crate::customer::record::Field;
use crate::number;

/// What the page may do: be styled by the one sheet in it, whose hash this is. It may stand in anybody's frame.
pub(super) const HEADERS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; style-src 'sha256-gLciVlC7gigkW+7xRXygrZW94JjMXnSEmekKP2WXotM='; base-uri 'none'; form-action 'none'",
    ),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
];
pub(super) const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = ":root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}\
    body{margin:0;padding:1rem 1.25rem;max-width:44rem;background:Canvas;color:CanvasText}\
    h1{font-size:1.5rem;line-height:1.25;margin:0 0 .25rem;overflow-wrap:anywhere}h2{font-size:1.1rem;margin:1.25rem 0 .25rem}\
    p{margin:.25rem 0}ul{padding-left:1.25rem;margin:.25rem 0}ul.labels{list-style:none;padding:0}\
    ul.labels li{display:inline-block;border:1px solid;border-radius:1rem;padding:0 .6rem;margin:0 .3rem .3rem 0}\
    dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:.25rem 0}dt{opacity:.75}\
    dd{margin:0;overflow-wrap:anywhere}.note{border-left:.25rem solid;padding-left:.6rem;margin:.75rem 0}";

/// Writes the page for `answer`; `link` gives the address of a customer's page elsewhere, where there is one.
pub(super) fn write(
    answer: &Answer<'_, '_>,
    link: impl Fn(&Guest<'_>) -> Option<String>,
    out: &mut BytesMut,
) {
    match answer.who {
        Whom::One(record) => customer(answer, record, link(&eye(answer, record)), out),
        Whom::Several(records) => several(answer, records, link, out),
        Whom::Nobody => nobody(answer, out),
    }
}

/// Writes a page that says one thing.
pub(super) fn write_message(title: &str, message: &str, out: &mut BytesMut) {
    begin(title, out);
    element(out, "p", message);
    end(out);
}

/// The customer `record` as an agent's eye may see it.
pub(in super::super) fn eye<'a>(answer: &'a Answer<'_, '_>, record: &'a Record<'a>) -> Guest<'a> {
    Guest {
        record,
        schema: answer.view.schema(),
        key: answer.key,
        may_disclose: answer.disclosure.disclose.is_ok(),
    }
}

fn customer(answer: &Answer<'_, '_>, record: &Record<'_>, link: Option<String>, out: &mut BytesMut) {
    let name = name_of(record);
    begin(&name, out);
    if let Some(company) = text(record, Field::Company) {
        element(out, "p", &company);
    }
    calling_from(answer, out);
    if let Some(link) = link {
        put(
            out,
            &[
                "<p><a href=\"",
                &escaped(&link),
                "\" rel=\"noreferrer\">Open the customer</a></p>",
            ],
        );
    }
    if let Err(why) = answer.disclosure.greet {
        note(out, &format!("Do not greet by name: {}.", said(why)));
    }
    labels(record, out);
    put(
        out,
        &["<section aria-labelledby=\"case\"><h2 id=\"case\">Open case</h2>"],
    );
    match (answer.disclosure.disclose, record.open_case()) {
        (Err(why), _) => element(out, "p", &format!("Not shown: {}.", said(why))),
        (Ok(()), Some(case)) => open_case(case, out),
        (Ok(()), None) => element(out, "p", "None."),
    }
    put(out, &["</section>"]);
    end(out);
}

/// Why something is withheld, for whoever sits at the telephone.
fn said(why: Denied) -> &'static str {
    match why {
        Denied::NoOne => "there is no one customer",
        Denied::Failed => "the number may be forged",
        Denied::NotVouchedFor => "the network does not vouch for the number",
        Denied::Shared => "others use this line too",
        Denied::Suffix => "the number was found by its last digits",
        Denied::Rule(_) => "a rule of the contact centre",
    }
}

fn several(
    answer: &Answer<'_, '_>,
    records: &[Record<'_>],
    link: impl Fn(&Guest<'_>) -> Option<String>,
    out: &mut BytesMut,
) {
    begin(&format!("{} customers use this number", records.len()), out);
    calling_from(answer, out);
    element(out, "p", "Ask who is calling.");
    put(out, &["<ul>"]);
    for record in records.iter().take(answer.matches_max) {
        put(out, &["<li>"]);
        let name = name_of(record);
        match link(&eye(answer, record)) {
            Some(link) => put(
                out,
                &[
                    "<a href=\"",
                    &escaped(&link),
                    "\" rel=\"noreferrer\">",
                    &escaped(&name),
                    "</a>",
                ],
            ),
            None => put(out, &[&escaped(&name)]),
        }
        if let Some(company) = text(record, Field::Company) {
            put(out, &[", ", &escaped(&company)]);
        }
        put(out, &["</li>"]);
    }
    put(out, &["</ul>"]);
    if records.len() > answer.matches_max {
        element(out, "p", &format!("The first {} are listed.", answer.matches_max));
    }
    end(out);
}

fn nobody(answer: &Answer<'_, '_>, out: &mut BytesMut) {
    let (title, message) = match answer.outcome {
        Outcome::Anonymous => ("Number withheld", "The caller does not show a number."),
        Outcome::OwnNumber => (
            "One of our own numbers",
            "The call comes from the contact centre itself.",
        ),
        Outcome::Internal => ("Internal call", "No customer has this extension."),
        Outcome::Invalid => (
            "Unreadable number",
            "What was sent as the calling number is none.",
        ),
        _ => ("Unknown caller", "No customer has this number."),
    };
    begin(title, out);
    calling_from(answer, out);
    element(out, "p", message);
    end(out);
}

fn begin(title: &str, out: &mut BytesMut) {
    let title = escaped(title);
    put(
        out,
        &[
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>",
            &title,
            "</title><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <meta name=\"color-scheme\" content=\"light dark\"><style>",
            STYLE,
            "</style></head><body><main><h1>",
            &title,
            "</h1>",
        ],
    );
}

fn end(out: &mut BytesMut) {
    put(out, &["</main></body></html>\n"]);
}

fn calling_from(answer: &Answer<'_, '_>, out: &mut BytesMut) {
    let number: Cow<'_, str> = match answer.ani {
        Ani::Number(key) => Cow::Owned(number::display_international(key)),
        Ani::Written(text) => Cow::Borrowed(text),
        Ani::None => return,
    };
    put(
        out,
        &["<p>Calling from <strong>", &escaped(&number), "</strong></p>"],
    );
}

fn labels(record: &Record<'_>, out: &mut BytesMut) {
    let labels = record
        .field(Field::Labels)
        .and_then(|json| serde_json::from_slice::<Vec<Value>>(json).ok());
    let labels = labels.filter(|labels| !labels.is_empty());
    let Some(labels) = labels else {
        return;
    };
    put(out, &["<ul class=\"labels\" aria-label=\"Labels\">"]);
    for name in labels.iter().filter_map(|label| label.get("name")?.as_str()) {
        element(out, "li", name);
    }
    put(out, &["</ul>"]);
}

fn open_case(case: &[u8], out: &mut BytesMut) {
    const SHOWN: [(&str, &str); 5] = [
        ("title", "Title"),
        ("number", "Number"),
        ("status", "Status"),
        ("priority", "Priority"),
        ("created_at", "Opened"),
    ];
    let case: Value = serde_json::from_slice(case).unwrap_or_default();
    put(out, &["<dl>"]);
    for (key, name) in SHOWN {
        if let Some(value) = case.get(key).and_then(Value::as_str) {
            element(out, "dt", name);
            element(out, "dd", value);
        }
    }
    put(out, &["</dl>"]);
}

fn name_of<'r>(record: &Record<'r>) -> Cow<'r, str> {
    text(record, Field::Name).unwrap_or(Cow::Borrowed("A customer without a name"))
}

/// The text of a field, where it is not empty.
fn text<'r>(record: &Record<'r>, field: Field) -> Option<Cow<'r, str>> {
    let text = json::text_of(record.field(field)?);
    (!text.trim().is_empty() && text != "null").then_some(text)
}

fn note(out: &mut BytesMut, text: &str) {
    put(out, &["<p class=\"note\" role=\"note\">", &escaped(text), "</p>"]);
}

fn element(out: &mut BytesMut, name: &str, text: &str) {
    put(out, &["<", name, ">", &escaped(text), "</", name, ">"]);
}

fn put(out: &mut BytesMut, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_policy_allows_the_one_style_sheet() {
        let hash = STANDARD.encode(Sha256::digest(STYLE));
        let policy = HEADERS[0].1;
        assert!(
            policy.contains(&format!("style-src 'sha256-{hash}';")),
            "the hash is {hash}"
        );
        assert!(!policy.contains("frame-ancestors"), "the page stands in gadgets");
    }

    #[test]
    fn a_message_is_a_whole_page() {
        let mut out = BytesMut::new();
        write_message("<b>", "a & \"b\"", &mut out);
        let page = String::from_utf8(out.to_vec()).unwrap();
        assert!(
            page.contains("<title>&lt;b&gt;</title>") && page.contains("<h1>&lt;b&gt;</h1>"),
            "{page}"
        );
        assert!(page.contains("<p>a &amp; &quot;b&quot;</p>"), "{page}");
        assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">") && page.ends_with("</html>\n"));
    }
}
