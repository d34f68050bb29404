//! Two answers to one call, compared by whom they name: another system's, and Ringside's own beside it.
//!
//! Pure: bytes in, a cause out. Dialects differ in where rows stand and what columns are called, and hardly in what a row
//! is, so that one reading serves all of them ([`rows`]). Invariant: what cannot be read on either side is never taken for
//! agreement.

mod rows;
mod values;

use rows::Told;
use values::is_alike;

/// One side's answer.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The content type; empty where none was sent.
    pub content_type: &'a str,
    /// The whole body, decompressed.
    pub body: &'a [u8],
}

/// What Ringside knows of its own answer beyond the bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Standing {
    /// Nothing: the bytes say it.
    #[default]
    Plain,
    /// Several customers answer for the number, and nobody is named on purpose.
    Several,
    /// One customer was found who is not to be named.
    NotToBeGreeted,
    /// There was no time for a lookup.
    Overload,
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Whoever has a number.
    Customer,
    /// What belongs to a customer whose id the caller has.
    Cases,
}

/// What came of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Both name the same, or nobody.
    Same,
    /// The other system knows somebody, Ringside does not.
    OnlyUpstream,
    /// Ringside knows somebody, the other system does not.
    OnlyRingside,
    /// There are several, and Ringside names nobody on purpose.
    Several,
    /// They name different customers.
    OtherCustomer,
    /// They name the same and say something else of them.
    OtherValue,
    /// The other system answered with an error, or not at all.
    UpstreamError,
    /// The other system did not answer in time.
    UpstreamTimeout,
    /// Ringside does not answer such a query.
    Unsupported,
    /// Ringside knows who it is, and may not say it.
    NotToBeGreeted,
    /// There was no time for it on Ringside's side.
    Overload,
    /// An answer has no rows where rows are looked for.
    Unreadable,
    /// An answer is too long to be compared, or there was too much to compare.
    NotCompared,
}

/// A comparison's outcome, and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// What came of it.
    pub cause: Cause,
    /// The column that differs, where one does.
    pub column: Option<String>,
    /// What the other system says there, shortened.
    pub theirs: Option<String>,
    /// What Ringside says there, shortened.
    pub ours: Option<String>,
}

impl Cause {
    /// All of them, in the order of a report.
    pub const ALL: [Cause; 13] = [
        Cause::Same,
        Cause::OnlyUpstream,
        Cause::OnlyRingside,
        Cause::Several,
        Cause::OtherCustomer,
        Cause::OtherValue,
        Cause::NotToBeGreeted,
        Cause::Unsupported,
        Cause::Overload,
        Cause::UpstreamError,
        Cause::UpstreamTimeout,
        Cause::Unreadable,
        Cause::NotCompared,
    ];

    /// Its name in reports and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Cause::Same => "same",
            Cause::OnlyUpstream => "only_upstream",
            Cause::OnlyRingside => "only_ringside",
            Cause::Several => "several",
            Cause::OtherCustomer => "other_customer",
            Cause::OtherValue => "other_value",
            Cause::UpstreamError => "upstream_error",
            Cause::UpstreamTimeout => "upstream_timeout",
            Cause::Unsupported => "unsupported",
            Cause::NotToBeGreeted => "not_to_be_greeted",
            Cause::Overload => "overload",
            Cause::Unreadable => "unreadable",
            Cause::NotCompared => "not_compared",
        }
    }

    /// Whether both sides gave an answer that says who it is, so that they could agree.
    pub const fn is_judged(self) -> bool {
        !matches!(
            self,
            Cause::UpstreamError
                | Cause::UpstreamTimeout
                | Cause::Overload
                | Cause::Unreadable
                | Cause::NotCompared
        )
    }
}

impl From<Cause> for Compared {
    fn from(cause: Cause) -> Compared {
        Compared {
            cause,
            column: None,
            theirs: None,
            ours: None,
        }
    }
}

/// Compares `theirs` with `ours`, which were asked for `asked`. `is_ours` tells ids that Ringside spells itself: no other
/// system has them.
pub fn compare(
    asked: Asked,
    theirs: &Side<'_>,
    ours: &Side<'_>,
    standing: Standing,
    is_ours: impl Fn(&str) -> bool,
) -> Compared {
    if !matches!(theirs.status, 200..=399 | 404 | 410) {
        return Cause::UpstreamError.into();
    }
    match ours.status {
        503 => return Cause::Overload.into(),
        404 | 410 | 200..=399 => {}
        400..=499 => return Cause::Unsupported.into(),
        _ => return Cause::Unreadable.into(),
    }
    if standing == Standing::Overload {
        return Cause::Overload.into();
    }
    let reads_rows = values::is_json(ours.content_type);
    let (Some(theirs), Some(ours)) = (rows::read(theirs, reads_rows), rows::read(ours, reads_rows)) else {
        return Cause::Unreadable.into();
    };
    match (&theirs, &ours) {
        (Told::Nobody, Told::Nobody) => Cause::Same.into(),
        (Told::Nobody, ours) => Compared {
            ours: ours.shown(),
            ..Cause::OnlyRingside.into()
        },
        (theirs, Told::Nobody) => Compared {
            theirs: theirs.shown(),
            ..nobody_here(asked, theirs, standing).into()
        },
        (Told::Text(theirs), Told::Text(ours)) if is_alike("name", theirs, ours) => Cause::Same.into(),
        (Told::Text(one), Told::Text(other)) => Compared {
            column: None,
            theirs: Some(values::shortened(one)),
            ours: Some(values::shortened(other)),
            cause: Cause::OtherCustomer,
        },
        (Told::Rows { first: theirs, .. }, Told::Rows { first: ours, .. }) => {
            rows::differ(asked, theirs, ours, is_ours)
        }
        // One is text and the other is not.
        _ => Cause::Unreadable.into(),
    }
}

/// Why Ringside names nobody where the other system does.
fn nobody_here(asked: Asked, theirs: &Told, standing: Standing) -> Cause {
    match standing {
        Standing::Several => Cause::Several,
        Standing::NotToBeGreeted => Cause::NotToBeGreeted,
        Standing::Overload => Cause::Overload,
        Standing::Plain if asked == Asked::Customer && theirs.count() > 1 => Cause::Several,
        Standing::Plain => Cause::OnlyUpstream,
    }
}

#[cfg(test)]
mod tests;
