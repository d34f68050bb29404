//! XML that other systems send, and text that is put into XML or HTML.

use std::borrow::Cow;

use roxmltree::{Document, ParsingOptions};

use super::refusal::Refusal;

/// The most elements, texts and comments of one document.
const MOST_NODES: u32 = 2000;
/// The longest document that is read, in bytes; a dialog with all of its variables has some 20,000.
const MOST_BYTES: usize = 128 << 10;
/// The most namespaces that a document declares: for each element, each is compared with all that hold there.
const MOST_NAMESPACES: usize = 32;

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
    let refused = |found: String| Refusal::Body { expected, found };
    if text.len() > MOST_BYTES {
        return Err(refused(format!("more than {MOST_BYTES} bytes of XML")));
    }
    if text.matches("xmlns").count() > MOST_NAMESPACES {
        return Err(refused(format!("more than {MOST_NAMESPACES} namespaces")));
    }
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
        refused(found)
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
        assert_eq!(refused(&wide), "more than 2000 nodes");
        let long = format!("<a>{}</a>", "b".repeat(MOST_BYTES));
        assert_eq!(refused(&long), "more than 131072 bytes of XML");
        let named: String = (0..=MOST_NAMESPACES)
            .map(|nth| format!("<a xmlns:n{nth}='u{nth}'>"))
            .collect();
        assert_eq!(refused(&named), "more than 32 namespaces");
        let deep = "<a>".repeat(1900) + &"</a>".repeat(1900);
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
