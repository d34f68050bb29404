//! Cisco Unified Communications Manager's external call control (CURRI): it asks ahead of every call whether, and as
//! whom, it may go on.
//!
//! A call is never held up: whatever is wrong with a request or with this service, the answer is 200 and lets the call go
//! on, with the caller's name where there is one to be shown. An error would leave the call to the failure treatment of
//! its profile.

mod xacml;

use bytes::BytesMut;

use super::call::{Call, Reply};
use super::lookup::{Request, Source};
use super::plain;
use super::refusal::Refusal;
use super::ring::Ring;
use super::settings::{Speaking, Unspeakable};
use super::slot::Columns;
use super::speaker::Speaker;
use super::xml;
use xacml::{Asked, write_continue};

/// What is told of the caller.
const COLUMNS: [(&str, &str); 1] = [("callingname", "name")];

/// The dialect of external call control.
#[derive(Debug)]
pub(super) struct Curri {
    columns: Columns,
}

impl Curri {
    pub(super) fn new(speaking: &Speaking) -> Result<Curri, Unspeakable> {
        let columns = Columns::new(&COLUMNS, &speaking.fields)?;
        Ok(Curri { columns })
    }
}

impl Speaker for Curri {
    fn answer(&self, source: &Source, call: &Call<'_>, out: &mut BytesMut) -> Result<Reply, Refusal> {
        if call.method != "POST" {
            // Keep-alives are `HEAD`.
            write_continue(None, out);
            return Ok(reply());
        }
        let text = xml::text(call.body);
        let asked = Asked::read(&text)?;
        let request = Request {
            ani: &asked.calling,
            dnis: asked.called.as_deref(),
            diversion: call.diversion,
            ..Request::default()
        };
        source.look_up(&request, |answer| {
            out.clear();
            let guest = answer.guest();
            let column = guest.as_ref().zip(self.columns.iter().next());
            let name = column.map(|(guest, (_, slot))| plain::shown(&guest.text(slot)));
            write_continue(name.as_deref(), out);
            Ok(())
        });
        Ok(reply())
    }

    fn refuse(&self, _: &Call<'_>, _: &Refusal, out: &mut BytesMut) -> Reply {
        write_continue(None, out);
        reply()
    }
}

/// The ring that the request in `body` is.
///
/// # Errors
/// It is none.
pub(super) fn ring(body: &[u8]) -> Result<Ring, Refusal> {
    let text = xml::text(body);
    let asked = Asked::read(&text)?;
    Ok(Ring {
        ani: asked.calling,
        extension: asked.called,
        ..Ring::default()
    })
}

fn reply() -> Reply {
    Reply {
        content_type: "text/xml; charset=utf-8",
        ..Reply::json(200)
    }
}
