//! What one configuration makes of numbers, callers and who may ask, and where it takes effect.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::AppError;
use super::access::Accesses;
use super::generations::Generations;
use super::sources::{self, Numberings};
use crate::callers::{Meters, Sources, Treatment};
use crate::config::{Config, Loaded};
use crate::customer::document::Limits;
use crate::feed::{Installer, Pushes};
use crate::http::{Access, Desk, HttpError, Keys, Plan, Policy, Profiles, Shadows};
use crate::index::{Index, Suffixes};
use crate::intake::Intake;
use crate::number::{Key, Numbering};
use crate::pop;
use crate::replica::{self, compaction};
use crate::snapshot::Snapshot;
use crate::snapshot::folder::Held;
use crate::tenant::Tenant;

/// A listener's policy, where the listener finds it.
pub(super) type Served = (String, Arc<ArcSwap<Policy>>);

/// What a configuration says of numbers, callers and who may ask, made ready: everything in it that can be at fault beyond
/// single values is found out here, at a start, a reload and a check alike.
#[derive(Debug)]
pub struct Rules {
    /// How numbers are read.
    pub(super) numbers: Numberings,
    /// How callers are treated.
    pub(super) treatment: Arc<Treatment>,
    /// Dialled numbers that are counted by name.
    named: Vec<Key>,
    /// Who may ask what where.
    pub(super) accesses: Accesses,
    /// Listeners in shadow mode.
    shadows: BTreeMap<String, Plan>,
    /// What desktops show.
    profiles: Profiles,
}

/// The places that the rules of a running service are taken from.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) tenant: Arc<Tenant>,
    pub(super) intake: Intake,
    pub(super) lookups: Arc<Meters>,
    pub(super) listeners: Vec<Served>,
    /// What `/explain` explains by.
    pub(super) sources: Arc<ArcSwap<Sources>>,
    pub(super) admin: Arc<ArcSwap<Access>>,
    pub(super) generations: Arc<Generations>,
    pub(super) keys: Arc<Keys>,
    pub(super) pushes: Pushes,
    pub(super) shadows: Arc<Shadows>,
    pub(super) installer: Installer,
    pub(super) desk: Desk,
}

impl Rules {
    /// Makes the rules of `loaded`; `keys` are those that callers show.
    ///
    /// # Errors
    /// The first setting that contradicts another or cannot be read.
    pub(super) fn new(loaded: &Loaded, keys: &Arc<Keys>) -> Result<Rules, AppError> {
        let config = &loaded.config;
        let numbers = Numberings::new(config)?;
        let numbering = &numbers.site;
        let treatment = Treatment::new(&config.treatment, numbering)?;
        let named = config.metrics.dnis.iter().enumerate().map(|(index, found)| {
            numbering.read(found, None).key().ok_or_else(|| AppError::Dnis {
                origin: loaded.origin(&format!("metrics.dnis[{index}]")),
                index,
                found: found.clone(),
            })
        });
        let named = named.collect::<Result<Vec<Key>, AppError>>()?;
        let shadows = shadows(config, numbering)?;
        Ok(Rules {
            numbers,
            treatment: Arc::new(treatment),
            named,
            accesses: Accesses::load(config, keys)?,
            shadows,
            profiles: Profiles::new(&config.profile).map_err(AppError::Profile)?,
        })
    }

    /// The rules that a service would start with.
    ///
    /// # Errors
    /// What would keep it from starting.
    pub fn check(loaded: &Loaded) -> Result<Rules, AppError> {
        let keys = Keys::open(&loaded.config.keys_file()).map_err(HttpError::from)?;
        let calls = &loaded.config.calls;
        if calls.store == pop::Store::JetStream {
            calls.jetstream.check_secret().map_err(AppError::Secret)?;
        }
        Rules::new(loaded, &keys)
    }

    /// What will soon be wrong, for people.
    pub fn warnings(&self) -> &[String] {
        &self.accesses.warnings
    }

    /// What desktops show under these rules.
    pub(super) fn profiles(&self) -> Profiles {
        self.profiles.clone()
    }

    /// Where lookups come from under these rules.
    pub(super) fn sources(&self, config: &Config, tenant: &Arc<Tenant>, lookups: &Meters) -> Sources {
        sources::of(
            config,
            &self.numbers,
            &self.treatment,
            tenant,
            &Arc::new(lookups.naming(&self.named)),
        )
    }
}

/// The shadow modes of `config`'s listeners.
fn shadows(config: &Config, numbering: &Numbering) -> Result<BTreeMap<String, Plan>, HttpError> {
    let listeners = config.listener.iter().filter(|(_, listener)| listener.enabled);
    let plans = listeners.map(|(name, listener)| {
        let plan = Plan::new(&listener.shadow, numbering).map_err(|source| HttpError::Shadow {
            name: name.clone(),
            source,
        })?;
        Ok(plan.map(|plan| (name.clone(), plan)))
    });
    plans.filter_map(Result::transpose).collect()
}

/// What the listener `name` serves by `config` and the `rules` and `sources` made of it: the one place where a policy is
/// made. `None` where it is not enabled.
pub(super) fn policy(
    config: &Config,
    name: &str,
    rules: &Rules,
    sources: &Sources,
    pushes: &Pushes,
    shadows: &Shadows,
    desk: &Desk,
) -> Option<Policy> {
    let (access, tls) = rules.accesses.listeners.get(name)?;
    Some(Policy {
        speakers: sources::speakers(config, &rules.numbers, name, sources.listeners.get(name)?),
        access: access.clone(),
        tls: tls.clone(),
        pushes: Some(pushes.clone()),
        shadow: shadows.take_up(name, rules.shadows.get(name)),
        desk: Some(desk.clone()),
    })
}

/// How much is kept of each customer.
pub(super) fn limits(config: &Config) -> Limits {
    Limits {
        cases: config.customer.cases,
        interactions: config.customer.interactions,
    }
}

/// What bounds the replica.
pub(super) fn bounds(config: &Config) -> replica::Settings {
    replica::Settings {
        guard: config.guard,
        parked_max: config.customer.parked_max,
    }
}

/// The newest change of the oldest generation that `folder` keeps: deletions ahead of it need not be remembered.
pub(super) fn remembered(folder: &Held) -> u64 {
    let present = folder.folder().snapshot(folder.present());
    let line = Snapshot::map(&present).map_or(0, |snapshot| snapshot.header().log.line);
    let kept = compaction::kept(folder, line)
        .map(|(kept, _)| kept)
        .unwrap_or_default();
    kept.iter().map(|kept| kept.follows).min().unwrap_or(0)
}

/// Says where numbers will be found by their last digits only later.
pub(super) fn tell_suffixes(index: &Index) {
    if let Suffixes::Waiting(digits) = index.suffixes() {
        tracing::warn!(
            digits = digits.count(),
            "the snapshot has no table of so many last digits: phones.suffix_digits takes effect with the next merge or import"
        );
    }
}

impl Site {
    /// Takes up `config` and its `rules`. A listener that `config` has no more, or not enabled, goes on as it is until the
    /// restart that this takes. A lookup that is under way ends under what it began with.
    pub(super) fn take_up(&self, config: &Config, rules: &Rules) {
        let sources = rules.sources(config, &self.tenant, &self.lookups);
        let desk = self.desk.with(rules.profiles());
        for (name, place) in &self.listeners {
            if let Some(policy) = policy(config, name, rules, &sources, &self.pushes, &self.shadows, &desk) {
                place.store(Arc::new(policy));
            }
        }
        self.sources.store(Arc::new(sources));
        self.admin.store(Arc::new(rules.accesses.admin.clone()));
        self.generations.set_rules(config.phones, config.sanity);
        let numbers = &rules.numbers;
        self.tenant
            .index
            .set_phones(sources::phones(config, &numbers.site));
        tell_suffixes(&self.tenant.index);
        self.tenant
            .freshness
            .set_stale_after(config.answers.stale_after_s);
        self.intake.replace(
            numbers.site.clone(),
            numbers.feeds.clone(),
            limits(config),
            &config.customer.id_attributes,
        );
        self.installer.set(bounds(config));
    }
}
