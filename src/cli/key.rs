//! `key …`: makes, shows and revokes keys, and has a running server take them up.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::arguments::{KeyAddArguments, KeyCommand, KeyListArguments, KeyPlace, KeyRevokeArguments};
use super::client::{ClientError, Server, Trust};
use super::error::CliError;
use super::output::{self, Output, Style};
use super::words;
use crate::config::{Config, KEYS, environment};
use crate::http::{Chosen, Key, Keys, KeysError, Token, edit_keys, now_s};
use crate::snapshot::folder::Folder;

/// More than any secret has, in bytes.
const SECRET_MAX: u64 = 4096;

/// Where keys are kept, and whom to tell.
struct Place {
    file: PathBuf,
    socket: PathBuf,
}

/// What the server that runs has made of it.
enum Heard {
    Took(u64),
    None,
    Refused(String),
}

pub(super) fn run(command: &KeyCommand, out: &mut Output) -> Result<(), CliError> {
    match command {
        KeyCommand::Add(arguments) => add(arguments, out),
        KeyCommand::List(arguments) => list(arguments, out),
        KeyCommand::Revoke(arguments) => revoke(arguments, out),
    }
}

fn add(arguments: &KeyAddArguments, out: &mut Output) -> Result<(), CliError> {
    let place = Place::of(&arguments.place)?;
    let now = now_s();
    let expires = arguments.expires.map(|after| now.saturating_add(after.as_secs()));
    let secret = arguments.secret_file.as_deref().map(secret).transpose()?;
    let (key, token, ending, is_first) = edit_keys(&place.file, |ring| {
        let is_first = ring.is_empty();
        let ending = match arguments.replaces_after {
            Some(after) => ring.expire(&arguments.name, now, now.saturating_add(after.as_secs())),
            None => 0,
        };
        let (name, scopes) = (&arguments.name, arguments.scope.clone());
        let (key, token) = match &secret {
            Some(secret) => (ring.enter(name, secret, scopes, now, expires)?, None),
            None => ring
                .add(name, scopes, now, expires)
                .map(|(key, token)| (key, Some(token)))?,
        };
        Ok((key.clone(), token, ending, is_first))
    })?;
    let server = place.tell();
    if arguments.json {
        let mut told = shown(&key, now);
        told["token"] = token.as_ref().map(Token::expose).into();
        told["file"] = place.file.display().to_string().into();
        told["ending"] = ending.into();
        told["server"] = server.to_json();
        return print(&told, out);
    }
    if let Some(token) = &token {
        out.line(token.expose())?;
    }
    // The key alone is for standard output, so that a script can take it.
    output::note(format_args!(
        "key {} of {}, with {}{}; {}: {} has its hash alone",
        key.id,
        key.name,
        scopes(&key),
        key.expires_s
            .map_or_else(String::new, |at| format!(", until {}", moment(at))),
        if key.chosen {
            "it is the secret that was entered, and is kept nowhere else"
        } else {
            "it is shown this once and kept nowhere"
        },
        place.file.display()
    ));
    if ending > 0 {
        let after = arguments.replaces_after.unwrap_or_default().as_secs();
        output::note(format_args!(
            "{} of that name until {} at the latest",
            words::counted(ending as u64, "older key"),
            moment(now.saturating_add(after))
        ));
    }
    if is_first {
        output::note(
            "it is the first key: from now on every listener with keys = \"auto\", the default, demands one, and so does \
             the administration, also of this machine's own callers; keys = \"optional\" lets a listener go without",
        );
    }
    server.note();
    Ok(())
}

/// The secret in `file`, or on standard input where that is `-`.
fn secret(file: &Path) -> Result<Chosen, CliError> {
    let read = |reader: &mut dyn Read| {
        let mut text = Vec::new();
        reader.take(SECRET_MAX).read_to_end(&mut text)?;
        Ok(text)
    };
    let text = if file == Path::new("-") {
        read(&mut io::stdin().lock())
    } else {
        File::open(file).and_then(|mut file| read(&mut file))
    };
    let text = text.map_err(|source: io::Error| CliError::Secret {
        path: file.to_owned(),
        source,
    })?;
    Ok(Chosen::read(&text)?)
}

fn list(arguments: &KeyListArguments, out: &mut Output) -> Result<(), CliError> {
    let place = Place::of(&arguments.place)?;
    let keys = Keys::open(&place.file)?;
    let (ring, now) = (keys.ring(), now_s());
    if arguments.json {
        let all: Vec<Value> = ring.all().iter().map(|key| shown(key, now)).collect();
        return print(&Value::Array(all), out);
    }
    if ring.is_empty() {
        output::note(format_args!(
            "no keys in {}; `ringside key add NAME --scope lookup` makes one",
            place.file.display()
        ));
    }
    for key in ring.all() {
        let style = if key.is_valid(now) {
            Style::Good
        } else {
            Style::Bad
        };
        let id = format!("{}  ", key.id);
        let state = format!("{:<8}", state(key, now));
        let until = key
            .expires_s
            .map_or_else(String::new, |at| format!("  until {}", moment(at)));
        let rest = format!(
            "  {}  {}  {} {}{until}",
            key.name,
            scopes(key),
            if key.chosen { "entered" } else { "made" },
            moment(key.created_s)
        );
        out.pieces(&[(Style::Plain, &id), (style, &state), (Style::Plain, &rest)])?;
    }
    Ok(())
}

fn revoke(arguments: &KeyRevokeArguments, out: &mut Output) -> Result<(), CliError> {
    let place = Place::of(&arguments.place)?;
    let now = now_s();
    let revoked = edit_keys(&place.file, |ring| {
        let revoked = ring.revoke(&arguments.which, now);
        if revoked.is_empty() {
            return Err(KeysError::NoSuchKey);
        }
        Ok(revoked)
    })?;
    let server = place.tell();
    if arguments.json {
        let keys: Vec<Value> = revoked.iter().map(|key| shown(key, now)).collect();
        return print(&json!({"revoked": keys, "server": server.to_json()}), out);
    }
    for key in &revoked {
        out.line(format_args!("revoked {} of {}", key.id, key.name))?;
    }
    server.note();
    Ok(())
}

impl Place {
    fn of(place: &KeyPlace) -> Result<Place, CliError> {
        if let Some(dir) = &place.dir {
            return Ok(Place {
                file: dir.join(KEYS),
                socket: Folder::of_tenant(dir).socket(),
            });
        }
        let config = Config::load(place.config.file.as_deref(), environment())?;
        Ok(Place {
            file: config.keys_file(),
            socket: Folder::of_tenant(&config.data.dir).socket(),
        })
    }

    /// Asks the server of this data folder, if there is one, to read the keys again.
    fn tell(&self) -> Heard {
        let body = match Server::Unix(self.socket.clone()).post("/reload-keys", &json!({}), &Trust::default())
        {
            Ok(body) => body,
            Err(ClientError::Unreachable { source, .. })
                if matches!(
                    source.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused
                ) =>
            {
                return Heard::None;
            }
            Err(error) => return Heard::Refused(error.to_string()),
        };
        let told: Value = serde_json::from_slice(&body).unwrap_or_default();
        let theirs = told["file"]
            .as_str()
            .map(std::fs::canonicalize)
            .and_then(Result::ok);
        if theirs != std::fs::canonicalize(&self.file).ok() {
            return Heard::Refused(format!(
                "expected it to read its keys from {}, found {}; name its configuration with --config, or set keys.file",
                self.file.display(),
                told["file"]
            ));
        }
        Heard::Took(told["keys"].as_u64().unwrap_or_default())
    }
}

impl Heard {
    fn to_json(&self) -> Value {
        match self {
            Heard::Took(_) => json!({"took": true}),
            Heard::None => json!({"took": false, "reason": "no server runs"}),
            Heard::Refused(reason) => json!({"took": false, "reason": reason}),
        }
    }

    fn note(&self) {
        match self {
            Heard::Took(count) => {
                let count = words::counted(*count, "key");
                output::note(format_args!(
                    "the running server has taken it up; it knows {count}"
                ));
            }
            Heard::None => {
                output::note("no server runs over this data folder; one that starts takes it up");
            }
            Heard::Refused(reason) => {
                output::note(format_args!("the running server has NOT taken it up: {reason}"));
            }
        }
    }
}

fn state(key: &Key, now_s: u64) -> &'static str {
    match (key.revoked_s, key.is_valid(now_s)) {
        (Some(_), _) => "revoked",
        (None, false) => "expired",
        (None, true) => "valid",
    }
}

/// A key for machines, without its hash.
fn shown(key: &Key, now_s: u64) -> Value {
    json!({
        "id": key.id,
        "name": &*key.name,
        "scopes": &*key.scopes,
        "state": state(key, now_s),
        "chosen": key.chosen,
        "created_s": key.created_s,
        "expires_s": key.expires_s,
        "revoked_s": key.revoked_s,
    })
}

fn scopes(key: &Key) -> String {
    let scopes: Vec<String> = key.scopes.iter().map(ToString::to_string).collect();
    scopes.join(", ")
}

fn moment(seconds: u64) -> String {
    words::moment(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000))
}

fn print(value: &Value, out: &mut Output) -> Result<(), CliError> {
    serde_json::to_writer(&mut *out, value)?;
    Ok(out.gap()?)
}
