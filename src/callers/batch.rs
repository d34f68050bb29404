//! Many numbers in one request, answered a slice at a time.

use bytes::BytesMut;

use super::native::{Begun, Format, GROUP, Native, check_region, request_of};
use super::parameters::Parameters;
use super::refusal::Refusal;

/// Numbers answered in one go: some hundred microseconds.
const SLICE: usize = 32;

/// A batch in the midst of being answered.
#[derive(Debug)]
pub struct Batch<'a> {
    native: &'a Native,
    parameters: Parameters<'a>,
    anis: Vec<String>,
    format: Format,
    /// The first number that is not answered yet.
    next: usize,
}

impl<'a> Batch<'a> {
    pub(super) fn new(
        native: &'a Native,
        parameters: Parameters<'a>,
        anis: Vec<String>,
        format: Format,
    ) -> Result<Batch<'a>, Refusal> {
        if format.is_plain() {
            return Err(Refusal::Value {
                field: "format",
                expected: "json or flat where `anis` has several numbers",
                found: parameters.format.as_deref().unwrap_or_default().to_owned(),
                hint: String::new(),
            });
        }
        if anis.len() > native.batch_max {
            return Err(Refusal::TooMany {
                most: native.batch_max,
                found: anis.len(),
            });
        }
        check_region(&parameters)?;
        native.fields(&parameters)?;
        Ok(Batch {
            native,
            parameters,
            anis,
            format,
            next: 0,
        })
    }

    /// Whether it takes more than one slice.
    pub fn is_long(&self) -> bool {
        self.anis.len() > SLICE
    }

    /// Whether a slice of it has been answered.
    pub fn has_begun(&self) -> bool {
        self.next > 0
    }

    /// Answers the next slice behind what `out` holds of the ones before.
    pub fn resume(mut self: Box<Self>, out: &mut BytesMut) -> Begun<'a> {
        // The schema may have changed since the slice before.
        let fields = match self.native.fields(&self.parameters) {
            Ok(fields) => fields,
            Err(refusal) => {
                out.clear();
                return Begun::Done(refusal.write(out));
            }
        };
        if self.next == 0 {
            out.extend_from_slice(b"{\"results\":[");
        }
        let end = self.anis.len().min(self.next + SLICE);
        for group in self.anis[self.next..end].chunks(GROUP) {
            if !out.ends_with(b"[") {
                out.extend_from_slice(b",");
            }
            let requests = group.iter().map(|ani| request_of(&self.parameters, ani));
            self.native.write_group(requests, self.format, &fields, out);
        }
        if end < self.anis.len() {
            drop(fields);
            self.next = end;
            return Begun::Batch(self);
        }
        out.extend_from_slice(b"]}");
        Begun::Done(self.format.reply(200))
    }
}
