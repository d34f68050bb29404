//! XML that other systems send, and text that is put into XML or HTML.

use std::borrow::Cow;

use roxmltree::{Document, ParsingOptions};

use super::refusal::Refusal;

/// The most elements, texts and comments of one document.
const MOST_NODES: u32 = 10_000;

/// The text of `body`: UTF-8, or else ISO-8859-1, which every byte is. What a declaration says of it is not asked:
/// Unified CM names both in one request, and numbers are ASCII in either.
pub(super) fn text(body: &[u8]) -> Cow<'_, str> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    match str::from_utf8(body) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(body.iter().copied().map(char::from).collect()),
    }
}

/// Reads the document `text`. A document type, and with it every entity, is refused.
///
/// # Errors
/// What is no XML, and XML with more than is sensible in it.
pub(super) fn parse<'t>(text: &'t str, expected: &'static str) -> Result<Document<'t>, Refusal> {
    let options = ParsingOptions {
        nodes_limit: MOST_NODES,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text.trim_start(), options).map_err(|error| {
        let at = error.pos();
        let found = match error {
            roxmltree::Error::DtdDetected => "a document type, which is not read".to_owned(),
            roxmltree::Error::NodesLimitReached => format!("more than {MOST_NODES} nodes"),
            _ => format!("a fault in line {}, column {}", at.row, at.col),
        };
        Refusal::Body { expected, found }
    })
}

/// `text` as the text or the quoted attribute of an XML or HTML document; what XML cannot hold is left out.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| !matches!(c, '&' | '<' | '>' | '"' | '\'') && !is_forbidden(c);
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if is_forbidden(c) => {}
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// Whether XML 1.0 has no place for `c`, not even escaped.
fn is_forbidden(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r') || matches!(c, '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_become_text_whatever_they_are() {
        assert_eq!(text("\u{feff}<a>é</a>".as_bytes()), "<a>é</a>");
        assert_eq!(text(b"<a>\xe9</a>"), "<a>é</a>");
    }

    #[test]
    fn bombs_are_refused() {
        let refused = |text: &str| match parse(text, "XML") {
            Err(Refusal::Body { found, .. }) => found,
            other => format!("{other:?}"),
        };
        assert_eq!(
            refused("<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>"),
            "a document type, which is not read"
        );
        assert_eq!(refused("<a>&b;</a>"), "a fault in line 1, column 4");
        assert!(refused("<a>").starts_with("a fault"));
        let wide = format!("<a>{}</a>", "<b/>".repeat(MOST_NODES as usize));
        assert_eq!(refused(&wide), "more than 10000 nodes");
        let deep = "<a>".repeat(9_000) + &"</a>".repeat(9_000);
        assert!(parse(&deep, "XML").is_ok(), "depth costs no stack");
        assert!(parse("  \n<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a/>", "XML").is_ok());
    }

    proptest! {
        #[test]
        fn what_is_escaped_reads_back(text in any::<String>()) {
            let document = format!("<a b=\"{0}\">{0}</a>", escaped(&text));
            let parsed = Document::parse(&document).unwrap();
            // XML reads any line end as one line feed.
            let kept: String = text.chars().filter(|c| !is_forbidden(*c)).collect();
            let kept = kept.replace("\r\n", "\n").replace('\r', "\n");
            prop_assert_eq!(parsed.root_element().text().unwrap_or_default(), kept);
        }
    }
}
