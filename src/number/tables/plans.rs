//! The plans: of each region, and of each calling code that has none.

use rlibphonenumber::Region;

use super::automaton::{Automaton, Builder, Labels, State};
use super::metadata::{self, Description, KINDS, Metadata};
use super::pattern::{DigitSet, Pattern, Unsupported};
use super::prefix::{Prefix, Programs};
use super::transform::{Room, Transform};

/// National numbers have 17 digits at most.
const LENGTHS: usize = 18;
const CODES: usize = 1000;
const LETTERS: usize = 26;

/// The label of what the plan's general pattern matches; the kinds follow it.
const GENERAL: Labels = 1;

/// A plan's place in the tables.
pub(in crate::number) type PlanId = u16;

/// Everything that is known of all plans.
#[derive(Debug)]
pub(in crate::number) struct Tables {
    automaton: Automaton,
    prefixes: Programs,
    /// Those of one calling code are neighbours, its main region's first.
    plans: Vec<Plan>,
    /// For each calling code its first plan and how many it has.
    codes: Vec<(PlanId, u16)>,
    /// For each three digits that a number can begin with, the calling code among them.
    leads: Vec<Lead>,
    /// For each two letters the region's plan.
    regions: Vec<Option<PlanId>>,
}

/// One plan.
#[derive(Debug)]
pub(in crate::number) struct Plan {
    pub(in crate::number) calling_code: u16,
    region: Region,
    /// Whether everything of it could be compiled. If not, the reference has to be asked.
    pub(in crate::number) is_complete: bool,
    international_prefix: Prefix,
    national_prefix: Prefix,
    transform: Option<Transform>,
    general: State,
    kinds: State,
    leading_digits: State,
    /// Which kinds have numbers of a length.
    kinds_of_length: [Labels; LENGTHS],
    same_fixed_and_mobile: bool,
    lengths: Lengths,
}

/// What the first three digits tell. Codes are one to three digits, and none begins another.
#[derive(Clone, Copy, Debug, Default)]
struct Lead {
    /// The plan that rules the calling code.
    plan: PlanId,
    /// How many digits the calling code has; 0 where nobody has it.
    length: u8,
    /// Which digits behind the code make a number that is nothing but its digits, one bit for each.
    plain: DigitSet,
}

/// Which lengths national numbers have, one bit for each length.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::number) struct Lengths {
    possible: u64,
    local: u64,
}

/// What a length says of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::number) enum Length {
    Possible,
    /// Only without its area code.
    LocalOnly,
    TooShort,
    TooLong,
    /// Between the shortest and the longest, and no number is so long.
    Between,
}

/// The kinds whose patterns and lengths a number fits, as labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::number) struct Kinds(Labels);

impl Tables {
    pub(super) fn compile() -> Tables {
        let mut builder = Builder::new();
        let mut prefixes = Programs::default();
        let mut plans = Vec::new();
        let mut roots = Vec::new();
        let mut codes = vec![(0, 0); CODES];
        for (code, metadata) in metadata::all() {
            let first = plans.len();
            for metadata in &metadata {
                let (plan, plan_roots) = match compiled(metadata, &mut builder, &mut prefixes) {
                    Ok(compiled) => compiled,
                    Err(Unsupported) => (Plan::incomplete(metadata), [0; 3]),
                };
                plans.push(plan);
                roots.extend(plan_roots);
            }
            if let (Some(slot), Ok(first), Ok(count)) = (
                codes.get_mut(usize::from(code)),
                PlanId::try_from(first),
                u16::try_from(metadata.len()),
            ) {
                *slot = (first, count);
            }
        }
        // Out of numbers for states: as if no plan could be compiled.
        let (automaton, states) = builder.finish(&roots).unwrap_or_else(|| {
            for plan in &mut plans {
                plan.is_complete = false;
            }
            (Automaton::empty(), vec![0; roots.len()])
        });
        for (plan, states) in plans.iter_mut().zip(states.chunks_exact(3)) {
            [plan.general, plan.kinds, plan.leading_digits] = [states[0], states[1], states[2]];
        }
        let mut regions = vec![None; LETTERS * LETTERS];
        for (nth, plan) in plans.iter().enumerate() {
            if let Some(slot) = letters(plan.region).and_then(|at| regions.get_mut(at)) {
                *slot = PlanId::try_from(nth).ok();
            }
        }
        plans.shrink_to_fit();
        let leads = (0..CODES)
            .map(|digits| Lead::of(digits, &codes, &plans))
            .collect();
        Tables {
            automaton,
            prefixes,
            plans,
            codes,
            leads,
            regions,
        }
    }

    /// Memory that the tables take, in bytes.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        size_of::<Tables>()
            + self.automaton.bytes()
            + self.prefixes.bytes()
            + self.plans.capacity() * size_of::<Plan>()
            + self.codes.capacity() * size_of::<(PlanId, u16)>()
            + self.leads.capacity() * size_of::<Lead>()
            + self.regions.capacity() * size_of::<Option<PlanId>>()
    }

    /// The plan of a region.
    #[inline]
    pub(in crate::number) fn of_region(&self, region: Region) -> Option<&Plan> {
        let id = (*self.regions.get(letters(region)?)?)?;
        self.plans.get(usize::from(id))
    }

    /// The plan that rules a calling code: that of its main region.
    #[inline]
    pub(in crate::number) fn of_code(&self, code: u16) -> Option<&Plan> {
        self.all_of_code(code).first()
    }

    /// The plans of a calling code, its main region's first; none where nobody has the code.
    #[inline]
    pub(in crate::number) fn all_of_code(&self, code: u16) -> &[Plan] {
        let Some(&(first, count)) = self.codes.get(usize::from(code)) else {
            return &[];
        };
        let first = usize::from(first);
        self.plans
            .get(first..first + usize::from(count))
            .unwrap_or_default()
    }

    /// The calling code that digits begin with, and the plan that rules it.
    #[inline]
    pub(in crate::number) fn code_of(&self, digits: &[u8]) -> Option<(usize, &Plan)> {
        let digit = |at| usize::from(digits.get(at).copied().unwrap_or(0));
        let lead = self.leads.get(digit(0) * 100 + digit(1) * 10 + digit(2))?;
        let length = usize::from(lead.length);
        if length == 0 || length > digits.len() {
            return None;
        }
        Some((length, self.plans.get(usize::from(lead.plan))?))
    }

    /// Whether a number behind a plus that begins with these digits is those that it is written with: its calling code is
    /// known, and the plan has no national prefix that begins so.
    #[inline]
    pub(in crate::number) fn is_plain(&self, digits: [u8; 8]) -> bool {
        let digit = |at: usize| usize::from(digits[at]);
        let Some(lead) = self.leads.get(digit(0) * 100 + digit(1) * 10 + digit(2)) else {
            return false;
        };
        let behind = digits.get(usize::from(lead.length)).copied().unwrap_or(0);
        lead.plain >> behind & 1 == 1
    }

    /// Whether the plan's general pattern matches the digits.
    #[inline]
    pub(in crate::number) fn is_general(&self, plan: &Plan, digits: &[u8]) -> bool {
        self.automaton.labels(plan.general, digits) != 0
    }

    /// How long the international prefix is that the digits begin with, as it is dialled in the plan's region.
    #[inline]
    pub(in crate::number) fn international_prefix(&self, plan: &Plan, digits: &[u8]) -> Option<usize> {
        let taken = self.prefixes.take(plan.international_prefix, digits)?;
        Some(taken.length)
    }

    /// The digits without a national prefix and carrier code, or as a transform changes them. The digits themselves
    /// where there is none, or where taking it off would spoil a number that fits the plan.
    #[inline]
    pub(in crate::number) fn without_national_prefix<'a>(
        &self,
        plan: &Plan,
        digits: &'a [u8],
        room: &'a mut Room,
    ) -> &'a [u8] {
        if !plan.national_prefix.can_begin(digits) {
            return digits;
        }
        let Some(taken) = self.prefixes.take(plan.national_prefix, digits) else {
            return digits;
        };
        let rest = digits.get(taken.length..).unwrap_or_default();
        let stripped = match plan.transform.and_then(|transform| transform.captured(&taken)) {
            Some((transform, start, end)) => {
                let captured = digits.get(start..end).unwrap_or_default();
                transform.apply(captured, rest, room).unwrap_or(digits)
            }
            None => rest,
        };
        // Most plans have no number that begins with their prefix, so this order asks less.
        if self.is_general(plan, digits) && !self.is_general(plan, stripped) {
            return digits;
        }
        stripped
    }

    /// The kinds of number that national digits fit.
    pub(in crate::number) fn kinds(&self, plan: &Plan, digits: &[u8]) -> Kinds {
        let allowed = plan.kinds_of_length.get(digits.len()).copied().unwrap_or(0);
        let labels = self.automaton.labels(plan.kinds, digits) & allowed;
        // A kind counts only where the plan as a whole has room for the number.
        Kinds(if labels & GENERAL == 0 { 0 } else { labels })
    }

    /// Whether national digits begin as the numbers of the plan's region do, among those that share a calling code.
    pub(in crate::number) fn begins_as_region(&self, plan: &Plan, digits: &[u8]) -> bool {
        self.automaton.begins(plan.leading_digits, digits)
    }
}

impl Lead {
    /// What three digits tell, given as an integer.
    fn of(digits: usize, codes: &[(PlanId, u16)], plans: &[Plan]) -> Lead {
        for (length, code) in [(1, digits / 100), (2, digits / 10), (3, digits)] {
            // No calling code begins with 0.
            if let Some(&(id, 1..)) = codes.get(code).filter(|_| digits >= 100)
                && let Some(plan) = plans.get(usize::from(id))
            {
                let plain = if plan.is_complete {
                    plan.national_prefix.cannot_begin()
                } else {
                    0
                };
                return Lead {
                    plan: id,
                    length,
                    plain,
                };
            }
        }
        Lead::default()
    }
}

impl Plan {
    /// The region; [`Region::World`] for calling codes without one.
    pub(in crate::number) fn region(&self) -> Region {
        self.region
    }

    #[inline]
    pub(in crate::number) fn lengths(&self) -> Lengths {
        self.lengths
    }

    pub(in crate::number) fn same_fixed_and_mobile(&self) -> bool {
        self.same_fixed_and_mobile
    }

    fn incomplete(metadata: &Metadata) -> Plan {
        Plan {
            calling_code: metadata.calling_code,
            region: metadata.region,
            is_complete: false,
            international_prefix: Prefix::default(),
            national_prefix: Prefix::default(),
            transform: None,
            general: 0,
            kinds: 0,
            leading_digits: 0,
            kinds_of_length: [0; LENGTHS],
            same_fixed_and_mobile: false,
            lengths: Lengths::default(),
        }
    }
}

impl Lengths {
    #[inline]
    pub(in crate::number) fn of(self, digits: &[u8]) -> Length {
        let length = u32::try_from(digits.len()).unwrap_or(u32::MAX);
        if self.possible == 0 {
            return Length::Between;
        }
        let bit = 1u64.checked_shl(length).unwrap_or(0);
        if self.local & bit != 0 {
            Length::LocalOnly
        } else if self.possible & bit != 0 {
            Length::Possible
        } else if length < self.possible.trailing_zeros() {
            Length::TooShort
        } else if length > 63 - self.possible.leading_zeros() {
            Length::TooLong
        } else {
            Length::Between
        }
    }

    fn from_metadata(general: &Description) -> Lengths {
        Lengths {
            possible: mask(&general.lengths),
            local: mask(&general.local_lengths),
        }
    }
}

impl Kinds {
    pub(in crate::number) fn are_none(self) -> bool {
        self.0 & !GENERAL == 0
    }

    /// Whether one of them is the kind at this place in the order of [`KINDS`], counted from 1.
    pub(in crate::number) fn has(self, nth: u8) -> bool {
        self.0 >> nth & 1 == 1
    }
}

/// A plan, and where its automata begin before they are numbered: general, kinds, leading digits.
fn compiled(
    metadata: &Metadata,
    builder: &mut Builder,
    prefixes: &mut Programs,
) -> Result<(Plan, [u32; 3]), Unsupported> {
    let mut plan = Plan::incomplete(metadata);
    plan.is_complete = true;
    let mut prefix = |text: &str| match text {
        "" => Ok(Prefix::default()),
        text => prefixes.add(&Pattern::parse(text)?),
    };
    plan.international_prefix = prefix(&metadata.international_prefix)?;
    plan.national_prefix = prefix(&metadata.national_prefix)?;
    if !metadata.transform.is_empty() {
        plan.transform = Some(Transform::parse(&metadata.transform)?);
    }
    let mut add = |text: &str, labels| match text {
        "" => Ok(0),
        text => builder.add(&Pattern::parse(text)?, labels),
    };
    let general = add(&metadata.kinds[0].pattern, GENERAL)?;
    let leading_digits = add(&metadata.leading_digits, GENERAL)?;
    let mut parts = [0; KINDS];
    for (nth, (part, kind)) in parts.iter_mut().zip(&metadata.kinds).enumerate() {
        let label = GENERAL << nth;
        let lengths = if kind.lengths.is_empty() {
            None
        } else {
            Some(mask(&kind.lengths))
        };
        for (length, kinds) in plan.kinds_of_length.iter_mut().enumerate() {
            if lengths.is_none_or(|lengths| lengths >> length & 1 == 1) {
                *kinds |= label;
            }
        }
        if lengths != Some(0) {
            *part = add(&kind.pattern, label)?;
        }
    }
    let kinds = parts.into_iter().fold(0, |all, part| builder.union(all, part));
    plan.same_fixed_and_mobile = metadata.same_fixed_and_mobile;
    plan.lengths = Lengths::from_metadata(&metadata.kinds[0]);
    Ok((plan, [general, kinds, leading_digits]))
}

/// One bit for each length; none where there are no such numbers.
fn mask(lengths: &[i32]) -> u64 {
    lengths
        .iter()
        .fold(0, |mask, length| match u32::try_from(*length) {
            Ok(length) => mask | 1u64.checked_shl(length).unwrap_or(0),
            Err(_) => 0,
        })
}

/// A region's place among all codes of two letters.
#[inline]
fn letters(region: Region) -> Option<usize> {
    let code = region as u16;
    let letter = |byte: u16| usize::from(byte & 0xff).checked_sub(usize::from(b'A'));
    let (first, second) = (letter(code >> 8)?, letter(code)?);
    (first < LETTERS && second < LETTERS).then_some(first * LETTERS + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_compiled_and_small() {
        let start = std::time::Instant::now();
        let tables = Tables::compile();
        let took = start.elapsed();
        println!("{} plans, {} bytes, {took:?}", tables.plans.len(), tables.bytes());
        let incomplete: Vec<Region> = tables
            .plans
            .iter()
            .filter(|plan| !plan.is_complete)
            .map(Plan::region)
            .collect();
        assert_eq!(incomplete, []);
        assert!(tables.plans.len() > 240);
        assert!(tables.bytes() <= 512 << 10, "{} bytes", tables.bytes());
    }
}
