//! The reference's steps on digits, one by one, with tables for its regular expressions.

use super::digits::Digits;
use super::{ParseReason, Parsed};
use crate::number::region::Region;
use crate::number::tables::{Length, Plan, Room, Tables};

/// The least digits that a national number has, and the least that must follow an international prefix.
const LEAST_NATIONAL: usize = 2;
const MOST_NATIONAL: usize = 17;

/// Why an answer is not this one's to give.
enum Stop {
    Refused(ParseReason),
    /// A plan that could not be compiled.
    Unknown,
}

/// A national number before its national prefix is taken off, the plan that rules it, and its length.
struct National<'a> {
    plan: &'static Plan,
    digits: &'a [u8],
}

/// The number that the digits are in a region, or why they are none. `None`: the reference has to say.
#[inline]
pub(super) fn parse(
    tables: &'static Tables,
    digits: &Digits,
    region: Region,
) -> Option<Result<Parsed, ParseReason>> {
    let dialled_in = match region.to_library() {
        Some(region) => match tables.of_region(region) {
            Some(plan) if plan.is_complete => Some(plan),
            _ => return None,
        },
        None => None,
    };
    let steps = Steps { tables, dialled_in };
    let mut room: Room = [0; 48];
    let national = if digits.plus {
        steps.behind_plus(digits.values(), &mut room)
    } else {
        steps.dialled(digits.values(), &mut room)
    };
    match national.and_then(|national| steps.finish(&national)) {
        Ok(parsed) => Some(Ok(parsed)),
        Err(Stop::Refused(reason)) => Some(Err(reason)),
        Err(Stop::Unknown) => None,
    }
}

struct Steps {
    tables: &'static Tables,
    /// The plan of the region where the number was dialled.
    dialled_in: Option<&'static Plan>,
}

impl Steps {
    #[inline]
    fn behind_plus<'a>(&self, digits: &'a [u8], room: &'a mut Room) -> Result<National<'a>, Stop> {
        match self.behind_code(digits) {
            // The plus may be there by mistake: once more without it, but then a calling code has to be found.
            Err(Stop::Refused(ParseReason::UnknownCallingCode)) => match self.without_plus(digits, room)? {
                (national, true) => Ok(national),
                (_, false) => Err(Stop::Refused(ParseReason::UnknownCallingCode)),
            },
            other => other,
        }
    }

    #[inline]
    fn dialled<'a>(&self, digits: &'a [u8], room: &'a mut Room) -> Result<National<'a>, Stop> {
        let (national, _) = self.without_plus(digits, room)?;
        Ok(national)
    }

    /// The national number, and whether a calling code was found before it.
    fn without_plus<'a>(&self, digits: &'a [u8], room: &'a mut Room) -> Result<(National<'a>, bool), Stop> {
        let plan = self
            .dialled_in
            .ok_or(Stop::Refused(ParseReason::UnknownCallingCode))?;
        if let Some(prefix) = self.tables.international_prefix(plan, digits) {
            let rest = digits.get(prefix..).unwrap_or_default();
            // No calling code begins with 0, so this was no international prefix.
            if rest.first() != Some(&0) {
                if rest.len() <= LEAST_NATIONAL {
                    return Err(Stop::Refused(ParseReason::TooShortAfterPrefix));
                }
                return Ok((self.behind_code(rest)?, true));
            }
        }
        if let Some((code, _)) = self
            .tables
            .code_of(digits)
            .filter(|(_, found)| found.calling_code == plan.calling_code)
        {
            let rest = digits.get(code..).unwrap_or_default();
            let rest = self.tables.without_national_prefix(plan, rest, room);
            let fits = !self.tables.is_general(plan, digits) && self.tables.is_general(plan, rest);
            if fits || plan.lengths().of(digits) == Length::TooLong {
                let ruling = self.ruling(plan.calling_code)?;
                return Ok((
                    National {
                        plan: ruling,
                        digits: rest,
                    },
                    true,
                ));
            }
        }
        Ok((National { plan, digits }, false))
    }

    /// Takes the calling code off.
    #[inline]
    fn behind_code<'a>(&self, digits: &'a [u8]) -> Result<National<'a>, Stop> {
        let (code, plan) = self
            .tables
            .code_of(digits)
            .ok_or(Stop::Refused(ParseReason::UnknownCallingCode))?;
        if !plan.is_complete {
            return Err(Stop::Unknown);
        }
        Ok(National {
            plan,
            digits: digits.get(code..).unwrap_or_default(),
        })
    }

    /// The plan that rules a calling code, whatever the region.
    fn ruling(&self, calling_code: u16) -> Result<&'static Plan, Stop> {
        self.tables
            .of_code(calling_code)
            .filter(|plan| plan.is_complete)
            .ok_or(Stop::Unknown)
    }

    #[inline]
    fn finish(&self, national: &National<'_>) -> Result<Parsed, Stop> {
        let &National { plan, mut digits } = national;
        if digits.len() < LEAST_NATIONAL {
            return Err(Stop::Refused(ParseReason::TooShort));
        }
        let mut room: Room = [0; 48];
        let stripped = self.tables.without_national_prefix(plan, digits, &mut room);
        // What is left may be too short for a prefix to have been there.
        if matches!(plan.lengths().of(stripped), Length::Possible | Length::TooLong) {
            digits = stripped;
        }
        if digits.len() < LEAST_NATIONAL {
            return Err(Stop::Refused(ParseReason::TooShort));
        }
        if digits.len() > MOST_NATIONAL {
            return Err(Stop::Refused(ParseReason::TooLong));
        }
        let mut number = 0u64;
        for &digit in digits {
            number = number * 10 + u64::from(digit);
        }
        Ok(Parsed::from_parts(plan.calling_code, number, digits.len()))
    }
}
