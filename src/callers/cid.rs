//! A name as text, for whoever shows the whole body on a telephone: FreeSWITCH's mod_cidlookup, FreePBX, Superfecta,
//! Asterisk's `CURL()`, Kamailio's http_client.
//!
//! None of them reads the status, so that there is one answer to everything: 200 and the name, or nothing. Pairs
//! (`format=kv`) have the same names for hits and misses, so that a miss overwrites what the caller held.

use bytes::BytesMut;
use percent_encoding::percent_decode_str;

use super::call::{Call, Reply, TEXT};
use super::lookup::{Request, Source};
use super::parameters::{Form, Parameters, Written};
use super::plain;
use super::refusal::Refusal;
use super::settings::{Speaking, Unspeakable};
use super::slot::{Columns, Guest, Slot};
use super::speaker::Speaker;

/// What the number is called in queries: by FreeSWITCH and Kamailio as they please, by FreePBX, by the native lookup.
const NUMBERS: [&str; 4] = ["number", "ani", "phone", "callerid"];

/// The longest form that is read, in bytes: it is gone through for each name.
const MOST_FORM: usize = 16 << 10;

/// Pairs and where they come from; the text is the first one.
const COLUMNS: [(&str, &str); 2] = [("name", "name"), ("id", "id")];

/// The text dialect.
#[derive(Debug)]
pub(super) struct Cid {
    columns: Columns,
}

impl Cid {
    pub(super) fn new(speaking: &Speaking) -> Result<Cid, Unspeakable> {
        let columns = Columns::new(&COLUMNS, &speaking.fields)?;
        Ok(Cid { columns })
    }

    /// Writes who it is, or that it is nobody.
    fn write(&self, is_pairs: bool, guest: Option<&Guest<'_>>, out: &mut BytesMut) {
        let text = |slot: &Slot| plain::shown(&guest.map(|guest| guest.text(slot)).unwrap_or_default());
        let mut columns = self.columns.iter();
        if !is_pairs {
            if let Some((_, slot)) = columns.next() {
                out.extend_from_slice(text(slot).as_bytes());
            }
            return;
        }
        plain::write_pairs(columns.map(|(column, slot)| (column, text(slot))), out);
    }
}

impl Speaker for Cid {
    fn answer(&self, source: &Source, call: &Call<'_>, out: &mut BytesMut) -> Result<Reply, Refusal> {
        if !call.is_get() && call.method != "POST" {
            return Err(Refusal::Method {
                allow: "GET, HEAD, POST",
            });
        }
        let forms = forms(call);
        let find = |name: &str| forms.iter().find_map(|form| Form(form).get(name));
        let in_path = call
            .trimmed_path()
            .strip_prefix("/cid/")
            .filter(|rest| !rest.is_empty());
        let number = in_path
            .or_else(|| NUMBERS.into_iter().find_map(find))
            .ok_or(Refusal::Missing("number"))?;
        let number = Written::decoded(number);
        let mut parameters = Parameters::default();
        forms.into_iter().for_each(|form| parameters.read_form(form));
        let request = Request {
            ani: number.as_str(),
            ..parameters.context(call)
        };
        let is_pairs = is_pairs(call);
        source.look_up(&request, |answer| {
            out.clear();
            self.write(is_pairs, answer.guest().as_ref(), out);
            Ok(())
        });
        Ok(reply())
    }

    fn refuse(&self, call: &Call<'_>, _: &Refusal, out: &mut BytesMut) -> Reply {
        self.write(is_pairs(call), None, out);
        reply()
    }
}

fn is_pairs(call: &Call<'_>) -> bool {
    let forms = forms(call);
    let format = forms.iter().find_map(|form| Form(form).get("format"));
    format.is_some_and(|format| percent_decode_str(format).eq(b"kv".iter().copied()))
}

/// What parameters may stand in; a body that nobody would send holds none.
fn forms<'a>(call: &Call<'a>) -> [&'a str; 2] {
    let body = Some(call.body).filter(|body| body.len() <= MOST_FORM);
    let form = body.and_then(|body| str::from_utf8(body).ok());
    [call.query, form.unwrap_or_default()]
}

fn reply() -> Reply {
    Reply {
        content_type: TEXT,
        ..Reply::json(200)
    }
}
