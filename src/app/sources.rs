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
    /// By the names of the listeners, `None` for none in particular: the dialects whose numbers are read otherwise there
    /// than those of the native one.
    dialects: BTreeMap<(Option<String>, Dialect), Read>,
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
        let places = std::iter::once(None).chain(config.listener.iter().map(Some));
        let others = places.flat_map(|place| {
            let of = move |dialect| match place {
                Some((name, listener)) => listener.numbers(name, dialect, dialects),
                None => dialects.numbers(dialect),
            };
            let native = of(Dialect::Native).settings;
            let other = Dialect::ALL
                .into_iter()
                .map(move |dialect| (dialect, of(dialect)));
            other
                .filter(move |(_, own)| own.settings != native)
                .map(move |(dialect, own)| ((place.map(|(name, _)| name.clone()), dialect), own))
        });
        let others = others.map(|(place, own)| Ok((place, read(own)?)));
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
        let speaking = config
            .dialect
            .get(*dialect)
            .speaking(config.http.batch_max, config.search);
        let own = numbers.dialects.get(&(Some(name.to_owned()), *dialect));
        let own = own.map(|read| &read.numbering);
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
    let dialects = numbers.dialects.iter();
    Sources {
        dialects: dialects
            .map(|(place, read)| (place.clone(), source(read)))
            .collect(),
        any: source(&numbers.any),
        listeners: listeners
            .map(|(name, read)| (name.clone(), source(read)))
            .collect(),
    }
}
