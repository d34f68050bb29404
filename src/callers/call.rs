//! A request and its reply without sockets.

/// What a caller sent.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// `GET`, `HEAD`, `POST` …
    pub method: &'a str,
    /// The path as sent, not decoded.
    pub path: &'a str,
    /// What stands behind the question mark, not decoded; empty where there is none.
    pub query: &'a str,
    /// The content type of the body, where one was sent.
    pub content_type: Option<&'a str>,
    /// The header `Host`, or the authority of an absolute target; where a caller has reached us.
    pub host: Option<&'a str>,
    /// Whether the call came over TLS.
    pub is_secure: bool,
    /// The header `Diversion`, where one was sent: its lines joined by commas, the topmost first.
    pub diversion: Option<&'a str>,
    /// The body, within the server's limit.
    pub body: &'a [u8],
}

/// What becomes of it; the body is in the buffer that the dialect was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body's content type.
    pub content_type: &'static str,
    /// The methods that the path has, where the status is 405.
    pub allow: Option<&'static str>,
    /// Seconds after which the caller may ask again, where it was turned away for now.
    pub retry_after_s: Option<u64>,
    /// Where the caller is sent, where the status says so: an absolute URL or a path.
    pub location: Option<Box<str>>,
    /// Further headers, their names in lower case.
    pub headers: &'static [(&'static str, &'static str)],
}

/// The content type of JSON.
pub(crate) const JSON: &str = "application/json";
/// The content type of a name or of pairs. What is not ASCII in it is UTF-8, which few telephones guess.
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";

impl Reply {
    /// A reply with JSON.
    pub fn json(status: u16) -> Reply {
        Reply {
            status,
            content_type: JSON,
            allow: None,
            retry_after_s: None,
            location: None,
            headers: &[],
        }
    }
}

impl Default for Call<'_> {
    /// `GET /` of nobody in particular.
    fn default() -> Self {
        Call {
            method: "GET",
            path: "/",
            query: "",
            content_type: None,
            host: None,
            is_secure: false,
            diversion: None,
            body: &[],
        }
    }
}

impl<'a> Call<'a> {
    /// The path with one slash at its start: callers that join a base and a path write two.
    pub fn trimmed_path(&self) -> &'a str {
        trimmed(self.path)
    }

    /// Whether the method is `GET`, or `HEAD`, which is answered alike.
    pub fn is_get(&self) -> bool {
        matches!(self.method, "GET" | "HEAD")
    }
}

/// `path` with one slash at its start, where it has several.
pub fn trimmed(path: &str) -> &str {
    let rest = path.trim_start_matches('/');
    match path.len() - rest.len() {
        0 | 1 => path,
        slashes => &path[slashes - 1..],
    }
}
