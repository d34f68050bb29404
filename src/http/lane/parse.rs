//! Which bytes are a request for the lane.

use std::mem::MaybeUninit;

use httparse::{Request, Status};

use crate::http::access::Offered;
use crate::http::head::Head;

/// Header fields that there is room for; who sends more is hyper's.
const FIELDS: usize = 48;
/// How every request of the lane begins.
const BEGIN: &[u8] = b"GET /";

/// What the bytes that were read are.
pub(super) enum Parsed<'b> {
    /// A request for the lane, and its length in bytes.
    Whole(Head<'b>, usize),
    /// They may become one.
    Part,
    /// Something that hyper knows what to say to.
    Other,
}

/// What `input`, which is not empty, begins with.
pub(super) fn parse(input: &[u8]) -> Parsed<'_> {
    if !input.starts_with(BEGIN) {
        let is_part = BEGIN.starts_with(input);
        return if is_part { Parsed::Part } else { Parsed::Other };
    }
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS];
    let mut request = Request::new(&mut []);
    match request.parse_with_uninit_headers(input, &mut fields) {
        Ok(Status::Complete(length)) => match head(&request) {
            Some(head) => Parsed::Whole(head, length),
            None => Parsed::Other,
        },
        Ok(Status::Partial) => Parsed::Part,
        Err(_) => Parsed::Other,
    }
}

/// The head of `request`, where that is one for the lane.
fn head<'b>(request: &Request<'_, 'b>) -> Option<Head<'b>> {
    let target = request.path.filter(|_| request.version == Some(1))?;
    if !target.bytes().all(|byte| PLAIN[usize::from(byte)]) {
        return None;
    }
    let (path, query) = match memchr::memchr(b'?', target.as_bytes()) {
        Some(at) => (&target[..at], Some(&target[at + 1..])),
        None => (target, None),
    };
    let mut head = Head {
        method: "GET",
        path,
        query: query.unwrap_or_default(),
        has_query: query.is_some(),
        authority: None,
        host: None,
        content_type: None,
        diversion: None,
        offered: Offered::default(),
        fields: request.headers.len(),
    };
    let (mut has_host, mut has_type, mut has_length) = (false, false, false);
    for field in request.headers.iter() {
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        // By length first: most fields are none of these.
        match field.name.len() {
            4 if is("host") && !has_host => {
                has_host = true;
                head.host = visible(field.value);
            }
            9 if is("diversion") => {
                if head.diversion.is_some() {
                    return None;
                }
                head.diversion = Some(str::from_utf8(field.value).ok()?.into());
            }
            9 if is("x-api-key") => head.offered.has_api_key = true,
            12 if is("content-type") && !has_type => {
                has_type = true;
                head.content_type = visible(field.value);
            }
            13 if is("authorization") => {
                head.offered.authorization.get_or_insert(field.value);
            }
            10 if is("connection") && !field.value.eq_ignore_ascii_case(b"keep-alive") => return None,
            14 if is("content-length") => {
                // Of several hyper makes one, or an error.
                if has_length || field.value != b"0" {
                    return None;
                }
                has_length = true;
            }
            2 | 6 | 7 | 17
                if ["te", "expect", "upgrade", "trailer", "transfer-encoding"]
                    .into_iter()
                    .any(is) =>
            {
                return None;
            }
            _ => {}
        }
    }
    Some(head)
}

/// What hyper's headers give as text.
fn visible(value: &[u8]) -> Option<&str> {
    let is_text = value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
    str::from_utf8(value).ok().filter(|_| is_text)
}

/// The bytes of a target that mean the same to everybody: what RFC 3986 has in a path and a query.
static PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let others = b"-._~!$&'()*+,;=:@/?%";
    let mut byte = 0_u8;
    while byte < 128 {
        plain[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    let mut nth = 0;
    while nth < others.len() {
        plain[others[nth] as usize] = true;
        nth += 1;
    }
    plain
};
