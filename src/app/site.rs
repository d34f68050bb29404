//! What one configuration makes of numbers and callers, and where it takes effect.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::AppError;
use crate::callers::{Meters, Native, Source, Treatment};
use crate::config::{self, Config, Loaded};
use crate::customer::document::Limits;
use crate::http::Policy;
use crate::intake::Intake;
use crate::number::{Key, Numbering};
use crate::tenant::Tenant;

/// A listener's policy, where the listener finds it.
pub(super) type Served = (String, Arc<ArcSwap<Policy>>);

/// What a configuration says of numbers and callers, made ready: everything in it that can be at fault beyond single
/// values is found out here, at a start, a reload and a check alike.
#[derive(Debug, Clone)]
pub struct Rules {
    /// How numbers are read.
    pub numbering: Numbering,
    /// How callers are treated.
    pub treatment: Arc<Treatment>,
    /// Dialled numbers that are counted by name.
    named: Vec<Key>,
}

/// The places that the rules of a running service are taken from.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) tenant: Arc<Tenant>,
    pub(super) intake: Intake,
    pub(super) lookups: Arc<Meters>,
    pub(super) listeners: Vec<Served>,
}

impl Rules {
    /// Makes the rules of `loaded`.
    ///
    /// # Errors
    /// The first setting that contradicts another or cannot be read, with who gave it.
    pub fn new(loaded: &Loaded) -> Result<Rules, AppError> {
        let config = &loaded.config;
        let numbering = Numbering::new(&config.numbers).map_err(|source| AppError::Numbers {
            origin: loaded.origin(&format!("numbers.{}", source.key())),
            source,
        })?;
        let treatment =
            Treatment::new(&config.treatment, &numbering).map_err(|source| AppError::Treatment {
                origin: loaded.origin(&format!("treatment[{}]", source.index)),
                source,
            })?;
        let named = config.metrics.dnis.iter().enumerate().map(|(index, found)| {
            numbering.read(found, None).key().ok_or_else(|| AppError::Dnis {
                origin: loaded.origin(&format!("metrics.dnis[{index}]")),
                index,
                found: found.clone(),
            })
        });
        let named = named.collect::<Result<Vec<Key>, AppError>>()?;
        Ok(Rules {
            numbering,
            treatment: Arc::new(treatment),
            named,
        })
    }
}

/// What `listener` serves by `config` and the `rules` made of it: the one place where a policy is made.
pub(super) fn policy(
    config: &Config,
    listener: &config::Listener,
    rules: &Rules,
    tenant: &Arc<Tenant>,
    lookups: &Meters,
) -> Policy {
    let source = Source {
        tenant: Arc::clone(tenant),
        numbering: rules.numbering.for_source(listener.region, listener.mode),
        answers: config.answers,
        treatment: Arc::clone(&rules.treatment),
        meters: Arc::new(lookups.naming(&rules.named)),
    };
    Policy {
        native: Native::new(source, config.http.batch_max),
    }
}

/// How much is kept of each customer.
pub(super) fn limits(config: &Config) -> Limits {
    Limits {
        cases: config.customer.cases,
        interactions: config.customer.interactions,
    }
}

impl Site {
    /// Takes up `config` and its `rules`. A listener that `config` has no more goes on as `started` has it, under the
    /// new rules. A lookup that is under way ends under what it began with.
    pub(super) fn take_up(&self, config: &Config, rules: &Rules, started: &Config) {
        let policies: Vec<(&Served, Policy)> = self
            .listeners
            .iter()
            .filter_map(|served| {
                let listener = config
                    .listener
                    .get(&served.0)
                    .or(started.listener.get(&served.0))?;
                let policy = policy(config, listener, rules, &self.tenant, &self.lookups);
                Some((served, policy))
            })
            .collect();
        for ((_, place), policy) in policies {
            place.store(Arc::new(policy));
        }
        self.tenant.numbering.store(Arc::new(rules.numbering.clone()));
        self.tenant
            .freshness
            .set_stale_after(config.answers.stale_after_s);
        self.intake.replace(rules.numbering.clone(), limits(config));
    }
}
