//! The one place where a configuration becomes rules for numbers, owners and treatment: everything made here can be
//! made again of another configuration, and put in place of the old.

use std::sync::Arc;

use super::AppError;
use crate::callers::{Meters, Source, Sources, Treatment};
use crate::config::Config;
use crate::index::Phones;
use crate::number::Numbering;
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
            numbering: any.numbering.for_source(listener.region, listener.mode),
            ..any.clone()
        };
        (name.clone(), source)
    });
    Sources {
        listeners: listeners.collect(),
        any,
    }
}
