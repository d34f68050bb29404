//! The one place where a configuration becomes rules for numbers, owners and treatment: everything made here can be
//! made again of another configuration, and put in place of the old.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::AppError;
use crate::callers::{Dialect, Meters, Source, Sources, Speakers, Treatment};
use crate::config::{Config, Particular};
use crate::index::Phones;
use crate::number::{Numbering, SettingsError, SourceSettings};
use crate::tenant::Tenant;

/// Who answers for a number, for [`crate::index::Index`]: the rules of ownership, and the shared lines as `numbering`,
/// which is made of the same configuration, reads them.
pub(crate) fn phones(config: &Config, numbering: &Numbering) -> Phones {
    Phones::new(
        config.phones,
        numbering.shared_lines().iter().map(|key| key.raw()),
    )
}

/// How each source reads numbers. Made once of a configuration: with a number nobody looks for its source by name.
#[derive(Debug)]
pub(crate) struct Numberings {
    /// As everybody does where nothing else is said.
    pub(crate) site: Numbering,
    /// As who asks in the native dialect at no listener in particular.
    pub(crate) any: Read,
    /// By the names of the listeners.
    listeners: BTreeMap<String, Read>,
    /// By the names of the listeners, the dialects whose numbers are read otherwise there.
    dialects: BTreeMap<String, BTreeMap<Dialect, Numbering>>,
    /// By the names of the feeds that say anything of their own.
    pub(crate) feeds: BTreeMap<String, Numbering>,
}

/// How one source reads numbers.
#[derive(Debug, Clone)]
pub(crate) struct Read {
    pub(crate) numbering: Numbering,
    /// The keys that make it differ from everybody.
    by: Arc<[String]>,
}

impl Numberings {
    /// Reads numbers as `config` says.
    ///
    /// # Errors
    /// The first rule that makes no sense.
    pub(crate) fn new(config: &Config) -> Result<Numberings, SettingsError> {
        let site = Numbering::new(&config.numbers)?;
        let read = |particular: Particular| {
            Ok(Read {
                numbering: site.with_source(&particular.settings)?,
                by: particular.keys.into(),
            })
        };
        let dialects = &config.dialect;
        let listeners = config.listener.iter().map(|(name, listener)| {
            let particular = listener.numbers(name, Dialect::Native, dialects);
            Ok((name.clone(), read(particular)?))
        });
        let others = config.listener.iter().map(|(name, listener)| {
            let native = listener.numbers(name, Dialect::Native, dialects).settings;
            let own = listener.dialects.iter().filter_map(|dialect| {
                let own = listener.numbers(name, *dialect, dialects).settings;
                (own != native).then(|| Ok((*dialect, site.with_source(&own)?)))
            });
            Ok((name.clone(), own.collect::<Result<_, SettingsError>>()?))
        });
        let particular = config
            .feed
            .iter()
            .filter(|(_, feed)| feed.numbers != SourceSettings::default());
        let feeds = particular.map(|(name, feed)| Ok((name.clone(), site.with_source(&feed.numbers)?)));
        Ok(Numberings {
            any: read(dialects.numbers(Dialect::Native))?,
            dialects: others.collect::<Result<_, SettingsError>>()?,
            listeners: listeners.collect::<Result<_, SettingsError>>()?,
            feeds: feeds.collect::<Result<_, SettingsError>>()?,
            site,
        })
    }
}

/// What is spoken at the listener `name`, whose source in the native dialect is `source`.
pub(super) fn speakers(config: &Config, numbers: &Numberings, name: &str, source: &Source) -> Speakers {
    let mut speakers = Speakers::none();
    let dialects = config.listener.get(name).map(|listener| &listener.dialects);
    for dialect in dialects.into_iter().flatten() {
        let speaking = config.dialect.get(*dialect).speaking(config.http.batch_max);
        let own = numbers.dialects.get(name).and_then(|own| own.get(dialect));
        let source = Source {
            meters: Arc::new(source.meters.for_dialect(speaking.label(*dialect))),
            numbering: own.unwrap_or(&source.numbering).clone(),
            ..source.clone()
        };
        if let Err(error) = speakers.add(*dialect, source, &speaking) {
            // The configuration was checked by the same words.
            tracing::error!(dialect = dialect.name(), %error, "a dialect is not spoken");
        }
    }
    speakers
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
    let numbers = Numberings::new(config)?;
    let treatment = Arc::new(Treatment::new(&config.treatment, &numbers.site)?);
    Ok(of(config, &numbers, &treatment, tenant, meters))
}

/// The same, where `numbers` and `treatment` have been made of `config` already.
pub(super) fn of(
    config: &Config,
    numbers: &Numberings,
    treatment: &Arc<Treatment>,
    tenant: &Arc<Tenant>,
    meters: &Arc<Meters>,
) -> Sources {
    let source = |read: &Read| Source {
        tenant: Arc::clone(tenant),
        answers: config.answers,
        treatment: Arc::clone(treatment),
        meters: Arc::clone(meters),
        numbering: read.numbering.clone(),
        number_rules: Arc::clone(&read.by),
        tap: None,
    };
    let listeners = numbers.listeners.iter();
    Sources {
        any: source(&numbers.any),
        listeners: listeners
            .map(|(name, read)| (name.clone(), source(read)))
            .collect(),
    }
}
