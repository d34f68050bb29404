//! The loader from the outside: texts and variables in, configurations and messages out.
#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

use std::fs;

use proptest::prelude::*;

use super::*;

mod together;

/// Loads `text` as a file called `ringside.toml`, and `env`.
fn load(text: &str, env: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ringside.toml");
    fs::write(&file, text).unwrap();
    let env = env
        .iter()
        .map(|(variable, value)| ((*variable).to_owned(), (*value).to_owned()));
    Config::load(Some(&file), env)
}

/// The message for a faulty `text`, without the folder of the file.
fn fault(text: &str, env: &[(&str, &str)]) -> String {
    let message = load(text, env).unwrap_err().to_string();
    match message.find("ringside.toml") {
        Some(start) => message[start..].to_owned(),
        None => message,
    }
}

#[test]
fn the_defaults_load_and_say_what_they_say() {
    let config = Config::load(None, std::iter::empty()).unwrap();
    let main = &config.listener["main"];
    assert_eq!(main.address, Some("127.0.0.1:7464".parse().unwrap()));
    assert_eq!(
        (main.enabled, &main.unix, &main.region, &main.mode),
        (true, &None, &None, &None)
    );
    assert_eq!(config.admin.address.to_string(), "127.0.0.1:7465");
    assert_eq!(config.data.dir, Path::new("data"));
    assert_eq!(config.numbers, crate::number::Settings::builtin());
    assert_eq!(config.phones.mode, crate::index::Mode::Unique);
    assert_eq!(config.phones.owner, crate::index::Owner::NewestClaim);
    assert_eq!(config.phones.on_conflict, crate::index::OnConflict::Move);
    assert_eq!(config.feed["main"].kind, crate::feed::Kind::None);
    assert_eq!(
        (config.answers.matches_max, config.answers.stale_after_s),
        (100, 0)
    );
    assert_eq!((config.http.workers, config.http.batch_max), (0, 1000));
    assert_eq!((config.customer.cases, config.customer.interactions), (10, 20));
    assert!(config.customer.id_attributes.is_empty());
    assert_eq!(config.log.format, telemetry::Format::Human);
    assert!(config.treatment.is_empty());
}

#[test]
fn every_key_of_the_defaults_is_documented() {
    let mut above = "";
    let mut keys = 0;
    for line in Config::default_text().lines() {
        let is_key = line.starts_with(|c: char| c.is_ascii_lowercase());
        if is_key || line.starts_with('[') {
            keys += usize::from(is_key);
            assert!(above.starts_with("# "), "{line:?} has no comment above it");
        }
        above = line;
    }
    assert!(keys > 30, "only {keys} keys were seen");
}

#[test]
fn the_default_text_as_a_file_changes_nothing() {
    assert_eq!(
        load(Config::default_text(), &[]).unwrap(),
        Config::load(None, std::iter::empty()).unwrap()
    );
}

#[test]
fn unknown_keys_are_told_with_line_path_and_nearest() {
    for (text, message) in [
        (
            "\n[listener.main]\nadress = \"x\"",
            "ringside.toml:3: unknown key `listener.main.adress`; did you mean `address`?",
        ),
        (
            "[listner.main]\n",
            "ringside.toml:1: unknown key `listner`; did you mean `listener`?",
        ),
        (
            "data.dirr = 1",
            "ringside.toml:1: unknown key `data.dirr`; did you mean `dir`?",
        ),
        (
            "[phones]\nqqq = 1",
            "ringside.toml:2: unknown key `phones.qqq`; known here: mode, owner, on_conflict, shared_above, suffix_digits",
        ),
        (
            "[[treatment]]\nqueue = 'a'\n[[treatment]]\nlable = 'VIP'",
            "ringside.toml:4: unknown key `treatment[1].lable`; did you mean `label`?",
        ),
        (
            "[[treatment]]\nlast_agent = false\natestation = 'failed'",
            "ringside.toml:3: unknown key `treatment[0].atestation`; did you mean `attestation`?",
        ),
        (
            "[numbers]\nshared_line = []",
            "ringside.toml:2: unknown key `numbers.shared_line`; did you mean `shared_lines`?",
        ),
        (
            "[feed.cim]\npol_ms = 1",
            "ringside.toml:2: unknown key `feed.cim.pol_ms`; did you mean `poll_ms`?",
        ),
    ] {
        assert_eq!(fault(text, &[]), message);
    }
}

#[test]
fn wrong_values_are_told_with_line_expected_and_found() {
    for (text, message) in [
        (
            "[http]\ndrain_s = \"10\"",
            "ringside.toml:2: `http.drain_s`: expected a whole number, 0 or more, found \"10\"",
        ),
        (
            "[http]\ndrain_s = 10.5",
            "ringside.toml:2: `http.drain_s`: expected a whole number, 0 or more, found 10.5",
        ),
        (
            "[http]\n\nworkers = -1",
            "ringside.toml:3: `http.workers`: expected a whole number, 0 or more, found -1",
        ),
        (
            "[http]\nworkers = 2000",
            "ringside.toml:2: `http.workers`: expected a whole number from 0 to 1024, found 2000",
        ),
        ("data = 1", "ringside.toml:1: `data`: expected a table, found 1"),
        (
            "listener = 1",
            "ringside.toml:1: `listener`: expected a table, found 1",
        ),
        (
            "listener.main = 1",
            "ringside.toml:1: `listener.main`: expected a table, found 1",
        ),
        (
            "[data]\ndir = 1",
            "ringside.toml:2: `data.dir`: expected text in quotation marks, found 1",
        ),
        (
            "[listener.main]\nenabled = 'yes'",
            "ringside.toml:2: `listener.main.enabled`: expected true or false, found \"yes\"",
        ),
        (
            "[listener.main]\naddress = 'localhost'",
            "ringside.toml:2: `listener.main.address`: expected an IP address and a port, such as \
             \"127.0.0.1:7464\", found \"localhost\"",
        ),
        (
            "[admin]\naddress = ''",
            "ringside.toml:2: `admin.address`: expected an IP address and a port, such as \
             \"127.0.0.1:7464\", found \"\"",
        ),
        (
            "[feed.main]\nkind = 'kafka'",
            "ringside.toml:2: `feed.main.kind`: expected in this version one of \"none\", \"file\", \"http\", \
             \"debezium\", \"mongodb\", \"postgres\", \"jetstream\", found \"kafka\"",
        ),
        (
            "[listener.main]\nsources = ['::1', '10.1.2.3/8']",
            "ringside.toml:2: `listener.main.sources`: expected a network, found 10.1.2.3/8, an address inside of \
             10.0.0.0/8; write the network, or 10.1.2.3/32 for that address alone",
        ),
        (
            "[listener.main]\nscopes = ['lookup', 'desk']",
            "ringside.toml:2: `listener.main.scopes`: expected what is done on a listener, one of lookup, feed, \
             ring, desktop; found \"desk\"; did you mean \"desktop\"?",
        ),
        (
            "[listener.main]\nscopes = ['admin']",
            "ringside.toml:2: `listener.main.scopes`: expected one of lookup, feed, ring, desktop, found \
             \"admin\"; administration has an address of its own, [admin]",
        ),
        (
            "[listener.main]\ndialects = ['natve']",
            "ringside.toml:2: `listener.main.dialects`: expected a dialect of this version, one of native, cid, dynamics, salesforce, servicenow, zendesk, freshdesk, finesse, curri, 3cx, sipgate, cim; found \
             \"natve\"; did you mean \"native\"?",
        ),
        (
            "[listener.main]\nkeys = 'never'",
            "ringside.toml:2: `listener.main.keys`: expected in this version one of \"required\", \"optional\", \
             \"auto\", found \"never\"",
        ),
        (
            "phones.mode = 3",
            "ringside.toml:1: `phones.mode`: expected one of \"unique\", \"shared\", found 3",
        ),
        (
            "[treatment]\nlabel = 'x'",
            "ringside.toml:1: `treatment`: expected an array, found a table",
        ),
        (
            "[[treatment]]\nqueue = 'a'\nattestation = 'fail'",
            "ringside.toml:3: `treatment[0].attestation`: expected in this version one of \"failed\", \"absent\", \
             \"passed\", \"full\", found \"fail\"",
        ),
        (
            "[[treatment]]\nqueue = 'a'\nattestation = [\n'failed',\n'pass']",
            "ringside.toml:5: `treatment[0].attestation[1]`: expected in this version one of \"failed\", \"absent\", \
             \"passed\", \"full\", found \"pass\"",
        ),
        (
            "[[treatment]]\nqueue = 'a'\ndnis = 7",
            "ringside.toml:3: `treatment[0].dnis`: expected text in quotation marks, or an array of it, found 7",
        ),
        (
            "[[treatment]]\nqueue = 'a'\nfound = 'yes'",
            "ringside.toml:3: `treatment[0].found`: expected true or false, found \"yes\"",
        ),
        (
            "log.level = 'inof'",
            "ringside.toml:1: `log.level`: expected off, error, warn, info, debug or trace, or \
          `target=level` with one of them, joined by commas, found \"inof\"",
        ),
    ] {
        assert_eq!(fault(text, &[]), message);
    }
}

#[test]
fn named_tables_start_as_the_default_of_main() {
    let config = load(
        "[listener.main]\nregion = 'GB'\naddress = '127.0.0.1:1'\n[listener.pbx]\naddress = '127.0.0.1:2'\n\
         [feed.cim]\nkind = 'file'\npath = 'x'",
        &[
            ("RINGSIDE__LISTENER__LOCAL__UNIX", "/run/x"),
            ("RINGSIDE__LISTENER__LOCAL__ADDRESS", ""),
        ],
    )
    .unwrap();
    let names: Vec<&str> = config.listener.keys().map(String::as_str).collect();
    assert_eq!(names, ["local", "main", "pbx"]);
    assert_eq!(
        config.listener["pbx"].region, None,
        "what the file says of main is not a default"
    );
    assert!(config.listener["pbx"].enabled);
    assert_eq!(
        config.listener["local"].unix.as_deref(),
        Some(Path::new("/run/x"))
    );
    assert_eq!(config.listener["local"].address, None);
    assert_eq!(config.feed["cim"].poll_ms, 200);
    assert_eq!(config.feed["main"].kind, crate::feed::Kind::None);
}

#[test]
fn main_can_be_closed() {
    let config = load("[listener.main]\nenabled = false\n[listener.pbx]\n", &[]).unwrap();
    assert!(!config.listener["main"].enabled && config.listener["pbx"].enabled);
}

#[test]
fn the_environment_overrides_the_file() {
    let config = load(
        "[listener.main]\naddress = '127.0.0.1:1'\n[http]\nworkers = 1",
        &[
            ("RINGSIDE__LISTENER__MAIN__ADDRESS", "127.0.0.1:0"),
            ("RINGSIDE__Http__workers", "3"),
            ("RINGSIDE__NUMBERS__AREA_CODE", "415"),
            ("RINGSIDE__NUMBERS__EXTENSION_LENGTHS", "[4, 5]"),
            ("RINGSIDE__PHONES__MODE", "\"shared\""),
            ("RINGSIDE__TREATMENT", "[{label = 'VIP', queue = 'vip'}]"),
            ("RINGSIDE__CUSTOMER", "{cases = 1}"),
            ("RINGSIDE_HTTP__WORKERS", "ignored: one underscore"),
            ("HOME", "/root"),
        ],
    )
    .unwrap();
    assert_eq!(
        config.listener["main"].address,
        Some("127.0.0.1:0".parse().unwrap())
    );
    assert_eq!(config.http.workers, 3);
    assert_eq!(config.numbers.area_code, "415");
    assert_eq!(config.numbers.extension_lengths.len(), 2);
    assert_eq!(config.phones.mode, crate::index::Mode::Shared);
    assert_eq!(config.treatment[0].label.as_deref(), Some("VIP"));
    assert_eq!((config.customer.cases, config.customer.interactions), (1, 20));
}

#[test]
fn faults_of_the_environment_name_the_variable() {
    for (variable, value, message) in [
        (
            "RINGSIDE__LISTENER__MAIN__ADRESS",
            "127.0.0.1:0",
            "environment variable RINGSIDE__LISTENER__MAIN__ADRESS: unknown key `listener.main.adress`; \
             did you mean `address`?",
        ),
        (
            "RINGSIDE__HTTP__WORKERS",
            "many",
            "environment variable RINGSIDE__HTTP__WORKERS: `http.workers`: expected a whole number, 0 or more, found \"many\"",
        ),
        (
            "RINGSIDE__HTTP__WORKERS",
            "5000",
            "environment variable RINGSIDE__HTTP__WORKERS: `http.workers`: expected a whole number from 0 to 1024, \
             found 5000",
        ),
        (
            "RINGSIDE__HTTP",
            "5",
            "environment variable RINGSIDE__HTTP: `http`: expected a table, found 5",
        ),
    ] {
        assert_eq!(fault("", &[(variable, value)]), message);
    }
    assert!(fault("", &[("RINGSIDE__", "1")]).contains("environment variable RINGSIDE__: unknown key ``"));
}

#[test]
fn a_file_that_cannot_be_read_or_is_not_toml_is_named() {
    let missing = Config::load(Some(Path::new("/nonexistent/x.toml")), std::iter::empty()).unwrap_err();
    assert!(
        missing
            .to_string()
            .starts_with("/nonexistent/x.toml: the configuration cannot be read"),
        "{missing}"
    );
    let message = fault("[http]\nworkers = = 2\n", &[]);
    assert!(
        message.starts_with("ringside.toml:2: expected TOML, found a fault: "),
        "{message}"
    );
    let twice = fault("[http]\nworkers = 1\nworkers = 2\n", &[]);
    assert!(twice.starts_with("ringside.toml:3: "), "{twice}");
}

proptest! {
    #[test]
    fn no_text_and_no_variable_ends_the_process(text in "[a-z\\[\\].=\" \n0-9'{},_-]{0,60}", key in "[A-Za-z_]{0,20}", value in ".{0,20}") {
        let _ = load(&text, &[(&format!("RINGSIDE__{key}"), &value)]);
    }
}

#[test]
fn who_may_ask_is_said_for_each_listener() {
    let text = "[listener.main]\nsources = ['10.0.0.0/8']\ndialect_sources = {native = ['10.1.0.0/16']}\n\
                [listener.pbx]\naddress = '127.0.0.1:0'\nscopes = []\nkeys = 'optional'\nkey_in_query = true\n\
                tls = {certificate = 'a', key = 'b'}\n[data]\ndir = 'kept'";
    let config = load(text, &[("RINGSIDE__LISTENER__PBX__SOURCES", "['::1']")]).unwrap();
    let (main, pbx) = (&config.listener["main"], &config.listener["pbx"]);
    assert!(!main.sources.admit("192.0.2.1".parse().unwrap()));
    assert_eq!(main.dialect_sources.len(), 1);
    assert_eq!((main.keys, main.key_in_query), (http::Demand::Auto, false));
    assert_eq!((pbx.keys, pbx.key_in_query), (http::Demand::Optional, true));
    assert!(!pbx.scopes.covers(&http::Need::Lookup) && main.scopes.covers(&http::Need::Lookup));
    assert!(pbx.sources.admit("::1".parse().unwrap()) && !pbx.sources.admit("::2".parse().unwrap()));
    assert_eq!(pbx.tls.key.as_deref(), Some(Path::new("b")));
    assert_eq!(pbx.dialects, Dialect::ALL);
    assert_eq!(config.keys_file(), Path::new("kept/keys.json"));
}

#[test]
fn what_is_particular_to_a_source_of_numbers_is_checked_and_told_by_its_path() {
    for (text, path) in [
        (
            "[listener.main]\nnumbers = {area_code = '4x'}",
            "listener.main.numbers.area_code",
        ),
        (
            "[listener.main]\ndialect_numbers = {native = {extension_lengths = [0]}}",
            "listener.main.dialect_numbers.native.extension_lengths",
        ),
        (
            "[feed.main]\nnumbers = {withheld_numbers = ['1']}",
            "feed.main.numbers.withheld_numbers",
        ),
        (
            "[dialect.native]\nnumbers = {emergency_numbers = ['x']}",
            "dialect.native.numbers.emergency_numbers",
        ),
        (
            "[listener.main]\nnumbers = {area_cod = '480'}",
            "`listener.main.numbers.area_cod`; did you mean `area_code`?",
        ),
        (
            "[listener.ivr]\naddress = '127.0.0.1:1'\n[listener.ivr.numbers]\narea_code = '4x'",
            "ringside.toml:4: `listener.ivr.numbers.area_code`: expected up to 5 digits, or nothing, found \"4x\"",
        ),
        (
            "[feed.main]\nnumbers = {mode = 'national_no_plus'}",
            "`feed.main.numbers.mode`: expected in this version one of \"auto\", \"e164_no_plus\", \"national\"",
        ),
        (
            "[listener.main]\nnumbers = {default_region = 'usa'}",
            "`listener.main.numbers.default_region`: expected a region of two letters",
        ),
        (
            "[listener.main]\ndialect_numbers = {natve = {}}",
            "`listener.main.dialect_numbers.natve`",
        ),
        ("[dialect.natve]\n", "`dialect.natve`; did you mean `native`?"),
        (
            "[listener.main]\nnumbers = {aliases = []}",
            "listener.main.numbers.aliases",
        ),
    ] {
        let told = fault(text, &[]);
        assert!(told.contains(path), "{told}");
    }
}

#[test]
fn the_nearest_word_on_a_number_counts_and_is_told_by_its_key() {
    let text = "[dialect.native]\nnumbers = {area_code = '480', mode = 'national', double_zero_is_plus = true}\n\
                [listener.pbx]\naddress = '127.0.0.1:1'\nregion = 'GB'\nmode = 'auto'\n\
                numbers = {area_code = '20', default_region = 'FR'}\n\
                dialect_numbers = {native = {area_code = ''}}\n\
                [listener.ivr]\naddress = '127.0.0.1:2'\nregion = 'DE'";
    let config = load(text, &[]).unwrap();
    let at = |name: &str| config.listener[name].numbers(name, Dialect::Native, &config.dialect);
    let pbx = at("pbx");
    assert_eq!(pbx.settings.area_code.as_deref(), Some(""));
    assert_eq!(pbx.settings.default_region, "FR".parse().ok());
    assert_eq!(pbx.settings.mode, Some(number::Mode::Auto));
    assert_eq!(pbx.settings.double_zero_is_plus, Some(true));
    assert_eq!(
        pbx.keys,
        [
            "listener.pbx.dialect_numbers.native.area_code",
            "listener.pbx.numbers.default_region",
            "listener.pbx.mode",
            "dialect.native.numbers.double_zero_is_plus",
        ]
    );
    assert_eq!(at("ivr").keys[0], "listener.ivr.region");
    let plain = load("", &[]).unwrap();
    let main = plain.listener["main"].numbers("main", Dialect::Native, &plain.dialect);
    assert_eq!(main, Particular::default());
}

#[test]
fn what_is_particular_to_a_source_may_be_said_by_the_environment() {
    let config = load(
        "",
        &[
            ("RINGSIDE__LISTENER__MAIN__NUMBERS__AREA_CODE", "480"),
            (
                "RINGSIDE__LISTENER__MAIN__DIALECT_NUMBERS__NATIVE__AREA_CODE",
                "415",
            ),
            ("RINGSIDE__LISTENER__MAIN__NUMBERS__EXTENSION_LENGTHS", "[4]"),
            ("RINGSIDE__DIALECT__NATIVE__NUMBERS__AREA_CODE", "212"),
            ("RINGSIDE__FEED__MAIN__NUMBERS__AREA_CODE", "020"),
            ("RINGSIDE__FEED__MAIN__NUMBERS__DOUBLE_ZERO_IS_PLUS", "true"),
        ],
    )
    .unwrap();
    let main = &config.listener["main"];
    let here = &main.dialect_numbers[&Dialect::Native];
    let feed = &config.feed["main"].numbers;
    let codes = [&main.numbers, here, &config.dialect.native.numbers, feed]
        .map(|numbers| numbers.area_code.as_deref().unwrap_or("none"));
    assert_eq!(codes, ["480", "415", "212", "020"]);
    assert_eq!(main.numbers.extension_lengths, Some(vec![4]));
    assert_eq!(feed.double_zero_is_plus, Some(true));
}

#[test]
fn who_owns_a_number_follows_from_the_feeds_where_nobody_says() {
    use crate::index::Owner;
    let owner = |text: &str| load(text, &[]).unwrap().phones.owner;
    let mongodb = "[feed.main]\nkind = 'mongodb'\n[feed.main.mongodb]\nuri = 'mongodb://a'\ndatabase = 'd'\n";
    assert_eq!(owner(""), Owner::NewestClaim);
    assert_eq!(owner("[feed.main]\nkind = 'http'"), Owner::NewestClaim);
    assert_eq!(owner(mongodb), Owner::NewestCustomer);
    let said = format!("{mongodb}[phones]\nowner = 'newest_claim'");
    assert_eq!(owner(&said), Owner::NewestClaim);
    let other = mongodb.replace("feed.main", "feed.other");
    let two = format!("{mongodb}{other}");
    let refused = fault(&two, &[]);
    assert!(
        refused.contains("`feed.other.kind`") && refused.contains("feed.main copies"),
        "{refused}"
    );
    let nobody = mongodb.replace("database = 'd'", "");
    assert!(fault(&nobody, &[]).contains("feed.main.mongodb.database"));
}
