//! The one place where a configuration becomes rules for numbers, owners and treatment: everything made here can be
//! made again of another configuration, and put in place of the old.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::AppError;
use crate::callers::{Meters, Source, Sources, Treatment};
use crate::config::Config;
use crate::http::Dialect;
use crate::index::Phones;
use crate::number::{Numbering, SourceSettings};
use crate::tenant::Tenant;

/// Who answers for a number, for [`crate::index::Index`]: the rules of ownership, and the shared lines as `numbering`,
/// which is made of the same configuration, reads them.
pub(crate) fn phones(config: &Config, numbering: &Numbering) -> Phones {
    Phones::new(
        config.phones,
        numbering.shared_lines().iter().map(|key| key.raw()),
    )
}

/// The sources of `config`'s listeners, opened or not, over `tenant`.
///
/// # Errors
/// Rules for numbers or treatment that make no sense.
pub(crate) fn sources(
    config: &Config,
    tenant: &Arc<Tenant>,
    meters: &Arc<Meters>,
) -> Result<Sources, AppError> {
    let numbering = Numbering::new(&config.numbers)?;
    let treatment = Arc::new(Treatment::new(&config.treatment, &numbering)?);
    Ok(of(config, &numbering, &treatment, tenant, meters))
}

/// The same, where `numbering` and `treatment` have been made of `config` already.
pub(super) fn of(
    config: &Config,
    numbering: &Numbering,
    treatment: &Arc<Treatment>,
    tenant: &Arc<Tenant>,
    meters: &Arc<Meters>,
) -> Sources {
    let any = Source {
        tenant: Arc::clone(tenant),
        answers: config.answers,
        treatment: Arc::clone(treatment),
        meters: Arc::clone(meters),
        numbering: numbering.clone(),
    };
    let listeners = config.listener.iter().map(|(name, listener)| {
        let source = Source {
            numbering: particular(
                &any.numbering,
                &listener.numbers(Dialect::Native, &config.dialect),
            ),
            ..any.clone()
        };
        (name.clone(), source)
    });
    Sources {
        listeners: listeners.collect(),
        any,
    }
}

/// `numbering` for a source with `settings` of its own. They were found to make sense when the configuration was checked.
pub(crate) fn particular(numbering: &Numbering, settings: &SourceSettings) -> Numbering {
    numbering
        .with_source(settings)
        .unwrap_or_else(|_| numbering.clone())
}

/// How numbers of each feed's customers are read, where that is particular.
pub(crate) fn feeds(config: &Config, numbering: &Numbering) -> BTreeMap<String, Numbering> {
    config
        .feed
        .iter()
        .filter(|(_, feed)| feed.numbers != SourceSettings::default())
        .map(|(name, feed)| (name.clone(), particular(numbering, &feed.numbers)))
        .collect()
}
