//! The administration's pages of generations: JSON in, JSON out.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use serde_json::{Value, json};

use super::{ACTS, ActError, Generations};
use crate::callers::Call;
use crate::http::Page;

/// The most bytes of a snapshot that one answer holds.
pub const MOST_PIECE: u64 = 8 << 20;

impl Generations {
    /// The page that `call` asks for; `None` where it is none of these.
    pub fn page(&self, call: &Call<'_>) -> Option<Page> {
        let path = call.trimmed_path();
        if ACTS.contains(&path) {
            if call.method != "POST" {
                return Some(answered(Err(ActError::Method("POST"))));
            }
            return self.perform(path, call.body).map(answered);
        }
        if path == "/generations" {
            return Some(answered(only_get(call).and_then(|()| self.list())));
        }
        if let Some(generation) = path.strip_prefix("/snapshots/") {
            let piece = only_get(call).and_then(|()| self.piece(generation, call.query));
            return Some(match piece {
                Ok(body) => Page {
                    status: 200,
                    content_type: "application/octet-stream",
                    body,
                },
                Err(error) => answered(Err(error)),
            });
        }
        let build = path.strip_prefix("/builds/")?.parse().ok()?;
        Some(answered(only_get(call).and_then(|()| self.build_page(build))))
    }

    /// A piece of the file of `generation`, as `query` says: `offset=` and `length=`, of which at most [`MOST_PIECE`]
    /// bytes are had at once; none behind the file's end.
    fn piece(&self, generation: &str, query: &str) -> Result<Vec<u8>, ActError> {
        let number = |text: &str| text.parse::<u64>().ok();
        let of = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs
                .find(|(key, _)| *key == name)
                .and_then(|(_, value)| number(value))
        };
        let wrong = |field, expected| ActError::Value { field, expected };
        let generation =
            number(generation).ok_or_else(|| wrong("generation", "the serial number of a generation"))?;
        let offset = of("offset").ok_or_else(|| wrong("offset", "a place in the file, in bytes"))?;
        let length = of("length").ok_or_else(|| wrong("length", "how many bytes to send"))?;
        let folder = self.held.folder();
        if !folder.generations()?.contains(&generation) {
            return Err(folder.no_generation(generation).into());
        }
        let mut piece = Vec::new();
        let read = File::open(folder.snapshot(generation)).and_then(|mut file| {
            file.seek(SeekFrom::Start(offset))?;
            file.take(length.min(MOST_PIECE)).read_to_end(&mut piece)
        });
        read.map_err(|source| ActError::Unfit {
            generation,
            source: source.into(),
        })?;
        Ok(piece)
    }

    fn build_page(&self, build: u64) -> Result<Value, ActError> {
        let doing = self.step().filter(|step| step.generation == build);
        if doing.is_none() && !self.line().builds.contains_key(&build) {
            return Err(ActError::NoBuild { build });
        }
        Ok(json!({"build": build, "doing": doing}))
    }
}

fn only_get(call: &Call<'_>) -> Result<(), ActError> {
    if call.is_get() {
        return Ok(());
    }
    Err(ActError::Method("GET, HEAD"))
}

fn answered(done: Result<Value, ActError>) -> Page {
    let (status, body) = match done {
        Ok(body) => (200, body),
        Err(error) => {
            if error.status() >= 500 {
                tracing::error!(%error, "an act on generations failed");
            }
            let body = json!({"error": {"code": error.code(), "message": error.to_string()}});
            (error.status(), body)
        }
    };
    Page {
        status,
        content_type: "application/json",
        body: body.to_string().into_bytes(),
    }
}
