//! What a group of agents' desktops show.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use crate::callers::{PopUrls, Unspeakable};

/// What a configuration says of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileSettings {
    /// Whose profile it is.
    pub agents: Vec<String>,
    /// Templates of pages of another system, by whom they are for.
    pub pop_url: BTreeMap<String, String>,
    /// The hosts that they may lead to; any where empty.
    pub pop_hosts: Vec<String>,
    /// When the page is opened.
    pub pop_on: PopOn,
    /// Whether the page is opened without being asked for.
    pub pop_open: bool,
    /// Keys of the attributes that are shown; all where empty.
    pub attributes: Vec<String>,
    /// `#rrggbb`.
    pub accent: String,
    /// `en`, `de`, or empty: the browser's.
    pub language: String,
    /// Pages that may show the desktop in a frame.
    pub origins: Vec<String>,
    /// How a number is dialled; not at all where empty.
    pub dial: String,
    /// How a number is written to; not at all where empty.
    pub sms: String,
    /// What calls may have been about.
    pub wrap_ups: Vec<String>,
    /// Whether a ring makes a sound.
    pub sound: bool,
}

/// When a desktop opens the page of another system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PopOn {
    /// As it rings.
    Ring,
    /// As it is answered.
    Answer,
}

/// A profile, made ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    pub(super) settings: ProfileSettings,
    pub(super) urls: PopUrls,
}

/// All profiles, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profiles {
    profiles: BTreeMap<String, Arc<Profile>>,
    main: Arc<Profile>,
    /// The profiles of agents who have one of their own.
    agents: BTreeMap<String, String>,
}

/// The profile that always is.
const MAIN: &str = "main";
/// Schemes by which a telephone or a program on the agent's machine is reached; whatever runs scripts is none.
const HAND_OFFS: [&str; 8] = [
    "tel:", "sms:", "sip:", "sips:", "callto:", "im:", "https://", "http://",
];
const NUMBER: &str = "{number}";
const MAIN_MISSING: &str = "the section [profile.main], which is there by default";

impl PopOn {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            PopOn::Ring => "ring",
            PopOn::Answer => "answer",
        }
    }
}

impl Profile {
    /// Makes `settings` ready.
    ///
    /// # Errors
    /// The first value that cannot be.
    pub fn new(settings: &ProfileSettings) -> Result<Profile, Unspeakable> {
        let unfit = |key: &str, expected: &str, found: &str| {
            Err(Unspeakable {
                key: key.to_owned(),
                expected: expected.to_owned(),
                found: format!("{found:?}"),
            })
        };
        let urls = PopUrls::new(&settings.pop_url)?;
        for host in urls.hosts() {
            let is_allowed = |allowed: &String| allowed.eq_ignore_ascii_case(host);
            if !settings.pop_hosts.is_empty() && !settings.pop_hosts.iter().any(is_allowed) {
                return unfit("pop_url", "addresses at one of the hosts of pop_hosts", host);
            }
        }
        let accent = settings.accent.strip_prefix('#').unwrap_or_default();
        if accent.len() != 6 || !accent.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return unfit("accent", "a colour such as \"#0b57d0\"", &settings.accent);
        }
        if !["", "en", "de"].contains(&settings.language.as_str()) {
            return unfit("language", "\"en\", \"de\" or \"\"", &settings.language);
        }
        for origin in &settings.origins {
            let parsed = url::Url::parse(origin).ok();
            let is_origin = parsed.is_some_and(|url| {
                matches!(url.scheme(), "https" | "http") && url.origin().ascii_serialization() == *origin
            });
            if !is_origin {
                let expected = "scheme, host and port of a page, such as \"https://crm.example\"";
                return unfit("origins", expected, origin);
            }
        }
        for (key, template) in [("dial", &settings.dial), ("sms", &settings.sms)] {
            let is_known = |scheme: &&str| template.starts_with(*scheme);
            let is_filled = template.matches('{').count() == 1 && template.contains(NUMBER);
            let is_fit = HAND_OFFS.iter().any(is_known) && is_filled;
            if !(template.is_empty() || is_fit) {
                let expected = format!(
                    "\"\", or an address with {NUMBER} that begins with {}",
                    HAND_OFFS.join(", ")
                );
                return unfit(key, &expected, template);
            }
        }
        Ok(Profile {
            settings: settings.clone(),
            urls,
        })
    }
}

impl Profiles {
    /// Makes `settings` ready.
    ///
    /// # Errors
    /// The first value that cannot be; its key begins with the profile's name.
    pub fn new(settings: &BTreeMap<String, ProfileSettings>) -> Result<Profiles, Unspeakable> {
        let mut agents = BTreeMap::new();
        let mut profiles = BTreeMap::new();
        for (name, said) in settings {
            let profile = Profile::new(said).map_err(|unfit| Unspeakable {
                key: format!("{name}.{}", unfit.key),
                ..unfit
            })?;
            if name != MAIN {
                agents.extend(said.agents.iter().map(|agent| (agent.clone(), name.clone())));
            }
            profiles.insert(name.clone(), Arc::new(profile));
        }
        let main = profiles.get(MAIN).cloned().ok_or_else(|| Unspeakable {
            key: MAIN.to_owned(),
            expected: MAIN_MISSING.to_owned(),
            found: "none".to_owned(),
        })?;
        Ok(Profiles {
            profiles,
            main,
            agents,
        })
    }

    /// The profile called `name`, or else `agent`'s, and its name.
    pub(super) fn of(&self, agent: &str, name: Option<&str>) -> (&str, &Arc<Profile>) {
        let own = name.or_else(|| self.agents.get(agent).map(String::as_str));
        let found = own.and_then(|own| self.profiles.get_key_value(own));
        found.map_or((MAIN, &self.main), |(name, profile)| (name.as_str(), profile))
    }

    /// Every page that may show a desktop.
    pub(super) fn origins(&self) -> impl Iterator<Item = &str> {
        self.profiles
            .values()
            .flat_map(|profile| profile.settings.origins.iter().map(String::as_str))
    }
}
