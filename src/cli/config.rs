//! `config …`: the documented defaults, a check of a file, and snippets for callers.

use std::collections::BTreeSet;
use std::io::Write;

use super::arguments::{Caller, ConfigCommand};
use super::error::CliError;
use super::output::{Output, Style, note};
use crate::app::Rules;
use crate::callers::Dialect;
use crate::config::{Config, Loaded, environment};
use crate::snapshot::folder::Folder;
use crate::snapshot::{MappedSnapshot, Snapshot};

pub(super) fn run(command: &ConfigCommand, out: &mut Output) -> Result<(), CliError> {
    match command {
        ConfigCommand::Default => out.write_all(Config::default_text().as_bytes())?,
        ConfigCommand::Check { file } => {
            // With the environment, as `serve` sees the file here; a fault names which of them it is in.
            let loaded = Loaded::read(Some(file), environment())?;
            let config = &loaded.config;
            for warning in Rules::check(&loaded)?.warnings() {
                note(warning);
            }
            for (path, hint) in unknown_attributes(config) {
                note(format_args!(
                    "warning: {path}: the present schema has no such attribute{hint}"
                ));
            }
            for (path, key, why) in untold_attributes(config) {
                note(format_args!(
                    "warning: {path}: `{{attr:{key}}}` stays empty: {why}"
                ));
            }
            let name = format!("{}: ", file.display());
            let variables: BTreeSet<String> = environment()
                .map(|(variable, _)| variable)
                .filter(|variable| variable.starts_with("RINGSIDE__"))
                .collect();
            let with: String = variables
                .iter()
                .map(|variable| format!(", with {variable}"))
                .collect();
            out.pieces(&[
                (Style::Plain, &name),
                (Style::Good, "good"),
                (Style::Plain, &with),
            ])?;
        }
        ConfigCommand::Example { caller } => out.write_all(example(*caller).as_bytes())?,
    }
    Ok(())
}

/// Attributes that treatment rules name and the customers of the data folder do not have, each with what its name may
/// have been meant to be. The schema belongs to the customers, and may come after the rules: so none is a fault.
fn unknown_attributes(config: &Config) -> Vec<(String, String)> {
    let Some(snapshot) = present(config) else {
        return Vec::new();
    };
    let schema = snapshot.schema();
    let named = config.treatment.iter().enumerate();
    let named = named.filter_map(|(index, rule)| Some((index, rule.attribute.as_deref()?)));
    named
        .filter(|(_, key)| schema.position(key).is_none())
        .map(|(index, key)| {
            let known = schema.attributes.iter().map(|attribute| attribute.key.as_str());
            let nearest = known
                .map(|known| (strsim::jaro_winkler(known, key), known))
                .filter(|(likeness, _)| *likeness >= 0.75)
                .max_by(|(one, _), (other, _)| one.total_cmp(other));
            let hint = nearest.map_or_else(String::new, |(_, known)| format!("; did you mean `{known}`?"));
            (format!("treatment[{index}].attribute"), hint)
        })
        .collect()
}

/// Attributes that pages of another system are to be told and never are, each with its place and why.
fn untold_attributes(config: &Config) -> Vec<(String, String, &'static str)> {
    let Some(snapshot) = present(config) else {
        return Vec::new();
    };
    let schema = snapshot.schema();
    let mut untold = Vec::new();
    for dialect in Dialect::ALL {
        for (page, url) in &config.dialect.get(dialect).pop_url {
            let keys = url
                .split("{attr:")
                .skip(1)
                .filter_map(|rest| rest.split('}').next());
            for key in keys {
                let found = schema.attributes.iter().find(|attribute| attribute.key == key);
                let why = match found {
                    None => "the present schema has no such attribute",
                    Some(attribute) if attribute.sensitive => "it is sensitive, and is told to nobody else",
                    Some(_) => continue,
                };
                untold.push((format!("dialect.{dialect}.pop_url.{page}"), key.to_owned(), why));
            }
        }
    }
    untold
}

/// The snapshot of the data folder, where there is a whole one.
fn present(config: &Config) -> Option<MappedSnapshot> {
    let path = Folder::of_tenant(&config.data.dir).current().ok()??;
    Snapshot::map(&path).ok()
}

fn example(caller: Caller) -> &'static str {
    match caller {
        Caller::Threecx => include_str!("../../config/examples/3cx.txt"),
        Caller::AmazonConnect => include_str!("../../config/examples/amazon-connect.mjs"),
        Caller::Asterisk => include_str!("../../config/examples/asterisk.conf"),
        Caller::Cim => include_str!("../../config/examples/cim.txt"),
        Caller::Curl => include_str!("../../config/examples/curl.sh"),
        Caller::Curri => include_str!("../../config/examples/curri.txt"),
        Caller::Cvp => include_str!("../../config/examples/cvp.txt"),
        Caller::Finesse => include_str!("../../config/examples/finesse.txt"),
        Caller::Freepbx => include_str!("../../config/examples/freepbx.txt"),
        Caller::Freeswitch => include_str!("../../config/examples/freeswitch.xml"),
        Caller::Genesys => include_str!("../../config/examples/genesys.json"),
        Caller::Kamailio => include_str!("../../config/examples/kamailio.cfg"),
        Caller::Prometheus => include_str!("../../config/examples/prometheus.yml"),
        Caller::Sipgate => include_str!("../../config/examples/sipgate.txt"),
        Caller::Systemd => include_str!("../../deploy/systemd/ringside.service"),
        Caller::Twilio => include_str!("../../config/examples/twilio.txt"),
        Caller::Webex => include_str!("../../config/examples/webex.txt"),
        Caller::ZendeskDisplay => include_str!("../../config/examples/zendesk-display.txt"),
        Caller::WebexDynamics => include_str!("../../config/examples/webex-dynamics.txt"),
        Caller::WebexFreshdesk => include_str!("../../config/examples/webex-freshdesk.txt"),
        Caller::WebexSalesforce => include_str!("../../config/examples/webex-salesforce.txt"),
        Caller::WebexServicenow => include_str!("../../config/examples/webex-servicenow.txt"),
        Caller::WebexZendesk => include_str!("../../config/examples/webex-zendesk.txt"),
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;
    use crate::callers::Route;

    /// What a server of this version answers beside the paths of dialects.
    const ENDPOINTS: [&str; 5] = [
        "/metrics",
        "/readyz",
        "/livez",
        "/oauth_token.do",
        "/oauth/tokens",
    ];

    #[test]
    fn a_name_ends_no_expression_of_asterisk() {
        let text = example(Caller::Asterisk);
        // Where a name is put into an expression, a quotation mark in it would be the expression's.
        assert!(!text.contains("\"${HASH(who,name)}"));
        assert!(text.contains("$[${LEN(${HASH(who,name)})} = 0]?route)") && text.contains(" n(route),"));
    }

    #[test]
    fn the_unit_lets_a_socket_and_an_exporter_in() {
        let unit = example(Caller::Systemd);
        let set = |line: &str| unit.lines().any(|known| known == line);
        for line in [
            "User=ringside",
            "RuntimeDirectory=ringside",
            "StateDirectory=ringside",
            "Type=notify-reload",
            "WatchdogSec=10",
        ] {
            assert!(set(line), "{line}");
        }
        assert!(!unit.lines().any(|line| line.starts_with("DynamicUser")));
    }

    #[test]
    fn examples_ask_only_for_what_there_is() {
        for caller in Caller::value_variants() {
            let text = example(*caller);
            let asked = [":7464", ":7465"].map(|port| text.split(port).skip(1));
            for rest in asked.into_iter().flatten() {
                if !rest.starts_with('/') {
                    continue;
                }
                let is_of_path = |c: char| c.is_ascii_alphanumeric() || "/._-{}<>$".contains(c);
                let end = rest.find(|c| !is_of_path(c)).unwrap_or(rest.len());
                let path = &rest[..end];
                assert!(
                    Route::of(path).is_some() || ENDPOINTS.contains(&path),
                    "{caller:?}: {path}"
                );
            }
            assert!(text.ends_with('\n') && text.len() > 100, "{caller:?}");
        }
    }
}
