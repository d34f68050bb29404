//! What the tables are made of: libphonenumber's metadata, as the reference parser has it in memory.

use rlibphonenumber::interfaces::AsOriginal;
use rlibphonenumber::{PHONE_NUMBER_UTIL, Region};

/// How many kinds of number a plan describes, those of no kind included.
pub(super) const KINDS: usize = 11;

/// One region's plan, or that of a calling code without region.
pub(super) struct Metadata {
    pub(super) region: Region,
    pub(super) calling_code: u16,
    pub(super) international_prefix: String,
    pub(super) national_prefix: String,
    /// What replaces a national prefix that captured something; empty for nothing.
    pub(super) transform: String,
    pub(super) leading_digits: String,
    pub(super) same_fixed_and_mobile: bool,
    /// All numbers first, then each kind in the order in which kinds are tried.
    pub(super) kinds: [Description; KINDS],
}

/// Which numbers are of a kind.
#[derive(Clone, Default)]
pub(super) struct Description {
    /// Empty where there are none.
    pub(super) pattern: String,
    /// Empty: as all numbers of the plan; -1 alone: none.
    pub(super) lengths: Vec<i32>,
    pub(super) local_lengths: Vec<i32>,
}

/// The library's types of these have no name, so that what would be two functions is a macro.
macro_rules! read {
    ($region:expr, $found:expr) => {{
        let found = $found?;
        macro_rules! description {
            ($name:ident) => {
                Description {
                    pattern: found
                        .$name
                        .national_number_pattern()
                        .original_base()
                        .to_owned(),
                    lengths: found.$name.original.possible_length.clone(),
                    local_lengths: found.$name.original.possible_length_local_only.clone(),
                }
            };
        }
        Some(Metadata {
            region: $region,
            calling_code: u16::try_from(found.original.country_code()).ok()?,
            international_prefix: found.international_prefix().original_base().to_owned(),
            national_prefix: found.national_prefix_for_parsing().original_base().to_owned(),
            transform: found.original.national_prefix_transform_rule().to_owned(),
            leading_digits: found.leading_digits().original_base().to_owned(),
            same_fixed_and_mobile: found.original.same_mobile_and_fixed_line_pattern(),
            kinds: [
                description!(general_desc),
                description!(premium_rate),
                description!(toll_free),
                description!(shared_cost),
                description!(voip),
                description!(personal_number),
                description!(pager),
                description!(uan),
                description!(voicemail),
                description!(fixed_line),
                description!(mobile),
            ],
        })
    }};
}

/// Each calling code with the plans of its regions, in the order in which a number's region is looked for: the main
/// region is the first.
pub(super) fn all() -> Vec<(u16, Vec<Metadata>)> {
    let library = PHONE_NUMBER_UTIL.as_original();
    let mut codes: Vec<i32> = PHONE_NUMBER_UTIL.get_supported_calling_codes().collect();
    codes.sort_unstable();
    let plan = |code: i32, region: Region| -> Option<Metadata> {
        read!(
            region,
            library.get_metadata_for_region_or_calling_code(code, region)
        )
    };
    codes
        .into_iter()
        .filter_map(|code| {
            let regions = PHONE_NUMBER_UTIL.get_regions_for_country_calling_code(code)?;
            let plans = regions
                .map(|region| plan(code, region))
                .collect::<Option<Vec<_>>>()?;
            Some((u16::try_from(code).ok()?, plans))
        })
        .collect()
}
