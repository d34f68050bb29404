//! The agent's page and its files, as they are in the program: `src/gadget`. Who asks needs no key for them; they hold
//! nothing of anybody.
//!
//! Everything that a page may do is in its headers: scripts, styles and requests of this server alone, no HTML out of
//! text (`require-trusted-types-for`), and frames only in pages of the origins that a profile names.

use std::borrow::Cow;
use std::io::Write;
use std::sync::LazyLock;

use flate2::Compression;
use flate2::write::GzEncoder;
use xxhash_rust::xxh3::xxh3_64;

#[cfg(test)]
mod tests;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const XML: &str = "application/xml; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// What a page of ours may do, but for who may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// Where the page has the origins that it may speak with.
const ORIGINS: &str = "name=\"ringside-origins\" content=\"";

macro_rules! files {
    ($($path:literal $content_type:ident),* $(,)?) => {
        [$(($path, $content_type, include_str!(concat!("../gadget/", $path)))),*]
    };
}

/// The files below `/gadget/`.
const FILES: [(&str, &str, &str); 25] = files![
    "actions.js" SCRIPT,
    "card.js" SCRIPT,
    "colour.js" SCRIPT,
    "desk.css" STYLE,
    "desk.js" SCRIPT,
    "doing.js" SCRIPT,
    "dom.js" SCRIPT,
    "find.js" SCRIPT,
    "finesse.xml" XML,
    "form.js" SCRIPT,
    "history.js" SCRIPT,
    "icon.svg" SVG,
    "keys.js" SCRIPT,
    "number.js" SCRIPT,
    "pages.js" SCRIPT,
    "parent.js" SCRIPT,
    "pops.js" SCRIPT,
    "ringside-desk.js" SCRIPT,
    "stream.js" SCRIPT,
    "tabs.js" SCRIPT,
    "time.js" SCRIPT,
    "wire.js" SCRIPT,
    "words.js" SCRIPT,
    "words/de.js" SCRIPT,
    "words/en.js" SCRIPT,
];
const PAGE: &str = include_str!("../gadget/page.html");
/// What pages of others load.
const SHARED: [&str; 1] = ["ringside-desk.js"];

static READY: LazyLock<Vec<Ready>> = LazyLock::new(|| {
    FILES
        .iter()
        .map(|(path, content_type, text)| {
            let text = match *content_type {
                SCRIPT | STYLE => told(text),
                _ => (*text).to_owned(),
            };
            Ready {
                path,
                content_type,
                zipped: zipped(&text),
                etag: etag(&text),
                text,
            }
        })
        .collect()
});

#[derive(Debug)]
struct Ready {
    path: &'static str,
    content_type: &'static str,
    text: String,
    zipped: Vec<u8>,
    etag: String,
}

/// What is asked for, as far as it matters here.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asking<'a> {
    /// The path: `/gadget`, `/gadget/desk.js`.
    pub(super) path: &'a str,
    /// The header `If-None-Match`.
    pub(super) if_none_match: Option<&'a str>,
    /// The header `Accept-Encoding`.
    pub(super) accept_encoding: Option<&'a str>,
    /// The origins (`https://crm.example`) whose pages may frame ours, of the profile that is asked for.
    pub(super) origins: &'a [String],
}

/// A file as it is answered.
#[derive(Debug)]
pub(super) struct File {
    /// 200, or 304 where the caller has it.
    pub(super) status: u16,
    /// The content type.
    pub(super) content_type: &'static str,
    /// The bytes; none with 304.
    pub(super) body: Cow<'static, [u8]>,
    /// The other headers, names in lower case.
    pub(super) headers: Vec<(&'static str, String)>,
}

/// The page or one of its files; `None` where there is none of that name.
pub(super) fn file(asking: Asking<'_>) -> Option<File> {
    let rest = asking.path.strip_prefix("/gadget")?;
    if rest.is_empty() {
        return Some(page(asking));
    }
    let name = rest.strip_prefix('/')?;
    let ready = READY.iter().find(|ready| ready.path == name)?;
    let mut headers = headers(&ready.etag);
    if SHARED.contains(&name) {
        // A module of another origin is only taken with this.
        headers.push(("access-control-allow-origin", "*".to_owned()));
    } else {
        headers.push(("content-security-policy", POLICY.to_owned()));
    }
    let body = match is_gzip_taken(asking.accept_encoding) {
        true => {
            headers.push(("content-encoding", "gzip".to_owned()));
            Cow::Borrowed(&*ready.zipped)
        }
        false => Cow::Borrowed(ready.text.as_bytes()),
    };
    Some(unless_known(
        asking,
        &ready.etag,
        ready.content_type,
        body,
        headers,
    ))
}

fn page(asking: Asking<'_>) -> File {
    let origins: Vec<&str> = asking
        .origins
        .iter()
        .map(String::as_str)
        .filter(|origin| is_origin(origin))
        .collect();
    let origins = origins.join(" ");
    let text = PAGE.replacen(ORIGINS, &format!("{ORIGINS}{origins}"), 1);
    let etag = etag(&text);
    let mut headers = headers(&etag);
    let framed = if origins.is_empty() {
        "'self'".to_owned()
    } else {
        format!("'self' {origins}")
    };
    headers.push((
        "content-security-policy",
        format!("{POLICY}; frame-ancestors {framed}"),
    ));
    unless_known(asking, &etag, HTML, Cow::Owned(text.into_bytes()), headers)
}

/// What every file is answered with. Asked for again each time, and not sent again where it is the same.
fn headers(etag: &str) -> Vec<(&'static str, String)> {
    vec![
        ("etag", etag.to_owned()),
        ("cache-control", "no-cache".to_owned()),
        ("vary", "accept-encoding".to_owned()),
        ("x-content-type-options", "nosniff".to_owned()),
        ("referrer-policy", "no-referrer".to_owned()),
    ]
}

fn unless_known(
    asking: Asking<'_>,
    etag: &str,
    content_type: &'static str,
    body: Cow<'static, [u8]>,
    headers: Vec<(&'static str, String)>,
) -> File {
    let is_known = asking.if_none_match.is_some_and(|known| {
        known
            .split(',')
            .map(|one| one.trim().trim_start_matches("W/"))
            .any(|one| one == etag || one == "*")
    });
    File {
        status: if is_known { 304 } else { 200 },
        content_type,
        body: if is_known { Cow::Borrowed(&[]) } else { body },
        headers,
    }
}

/// Whether `origin` is scheme, host and perhaps port, and nothing that would end a directive or an attribute.
fn is_origin(origin: &str) -> bool {
    let host = origin
        .strip_prefix("https://")
        .or_else(|| origin.strip_prefix("http://"));
    host.is_some_and(|host| {
        !host.is_empty()
            && host
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
    })
}

fn is_gzip_taken(accepted: Option<&str>) -> bool {
    accepted.is_some_and(|accepted| {
        accepted.split(',').any(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            name.trim().eq_ignore_ascii_case("gzip")
                && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
        })
    })
}

/// `text` without comments that have lines of their own, and without the space that lines begin with: what browsers need
/// of it. A text that goes over several lines would suffer; the tests see to it that there is none.
fn told(text: &str) -> String {
    let mut told = String::with_capacity(text.len());
    let mut in_comment = false;
    for line in text.lines().map(str::trim) {
        in_comment |= line.starts_with("/*");
        if !in_comment && !line.is_empty() && !line.starts_with("//") {
            told.push_str(line);
            told.push('\n');
        }
        in_comment &= !line.ends_with("*/");
    }
    told
}

fn etag(text: &str) -> String {
    format!("\"{:016x}\"", xxh3_64(text.as_bytes()))
}

fn zipped(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Memory takes everything; a file that it did not take would be told by the tests.
    let written = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    written.unwrap_or_default()
}
