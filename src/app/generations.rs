//! The administration's pages on generations: what there is, imports beside the traffic, acceptance, rollback, pins.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::callers::Call;
use crate::durable::DurableError;
use crate::feed::Installer;
use crate::http::{Page, Readiness};
use crate::replica::generations::{Finished, Generations, GenerationsError};
use crate::replica::judge::Reading;
use crate::snapshot::MappedSnapshot;
use crate::snapshot::Stream;
use crate::snapshot::folder::{Folder, FolderError};

/// What a build that goes through the service is to be.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Place {
    /// The folder to build in.
    pub dir: PathBuf,
    /// Serial number that the snapshot is to have.
    pub generation: u64,
    /// The present generation; 0 for none.
    pub base: u64,
    /// Where that is.
    pub base_path: Option<PathBuf>,
    /// Streams of changes that go on over the snapshot, and where they are now.
    pub streams: Vec<Stream>,
}

/// A build that is finished in the folder that [`Place`] named.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publication {
    /// Name of the snapshot's file in that folder.
    pub snapshot: String,
    /// Name of the file of its rejects.
    pub rejects: Option<String>,
    /// As in [`Place`].
    pub generation: u64,
    /// As in [`Place`].
    pub base: u64,
    /// What it was made of, for people.
    pub input: String,
    /// How that was read.
    pub reading: Reading,
    /// Publish it whatever the comparison says.
    pub accept: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reservation {
    #[serde(default)]
    replace: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    generation: Option<u64>,
}

/// Answers what is asked of the generations that are served.
#[derive(Debug)]
pub(super) struct Pages {
    pub(super) generations: Arc<Generations>,
    pub(super) installer: Installer,
    pub(super) readiness: Arc<Readiness>,
    /// Whether changes come from a feed, which an import would overrule.
    pub(super) has_feeds: bool,
}

/// Why an act is refused: a status, a word for programs, words for people.
struct Refused(u16, &'static str, String);

impl Pages {
    /// What there is of `call`'s path; `None` where it is none of ours.
    pub(super) fn answer(&self, call: &Call<'_>) -> Option<Page> {
        let answered = match (call.method, call.trimmed_path()) {
            ("GET" | "HEAD", "/generations") => self.list(),
            ("POST", "/builds") => of(call).and_then(|asked| self.reserve(&asked)),
            ("POST", "/builds/publish") => of(call).and_then(|asked| self.publish(&asked)),
            ("POST", "/accept") => self.accept(),
            ("POST", "/accept/drop") => self.drop_candidate(),
            ("POST", "/rollback") => of(call).and_then(|asked| self.roll_back(&asked)),
            ("POST", "/pin") => of(call).and_then(|asked| self.pin(&asked)),
            ("POST", "/unpin") => of(call).and_then(|asked| self.unpin(&asked)),
            (
                _,
                "/generations" | "/builds" | "/builds/publish" | "/accept" | "/accept/drop" | "/rollback"
                | "/pin" | "/unpin",
            ) => Err(Refused(
                405,
                "method_not_allowed",
                "expected GET of /generations, or POST of an act; correct the request".to_owned(),
            )),
            _ => return None,
        };
        let (status, body) = answered.map_or_else(
            |Refused(status, code, message)| (status, json!({"error": {"code": code, "message": message}})),
            |body| (200, body),
        );
        Some(Page {
            status,
            content_type: "application/json",
            body: body.to_string().into_bytes(),
        })
    }

    fn list(&self) -> Result<Value, Refused> {
        json_of(&self.generations.list()?)
    }

    fn reserve(&self, asked: &Reservation) -> Result<Value, Refused> {
        let folder = self.generations.folder().folder();
        let base = folder
            .present()
            .map_err(GenerationsError::from)?
            .unwrap_or_default();
        if self.has_feeds && base > 0 && !asked.replace {
            return Err(Refused(
                409,
                "feed",
                "expected no feed, found one that keeps the customers as their source has them; have it send the \
                 customers, or replace them all the same with --replace"
                    .to_owned(),
            ));
        }
        let streams = self.installer.streams().ok_or_else(stopping)?;
        let place = || -> Result<Place, FolderError> {
            Ok(Place {
                dir: folder.build(),
                generation: folder.next_generation()?,
                base,
                base_path: folder.current()?,
                streams,
            })
        };
        json_of(&place().map_err(GenerationsError::from)?)
    }

    fn publish(&self, asked: &Publication) -> Result<Value, Refused> {
        let folder = self.generations.folder().folder();
        // Nobody builds there from here on; whoever does is named.
        let build = Folder::hold(folder.build()).map_err(GenerationsError::from)?;
        let file = |name: &str| plain(build.folder().dir(), name);
        let snapshot = file(&asked.snapshot)?;
        let rejects = asked.rejects.as_deref().map(file).transpose()?;
        let finished = Finished {
            snapshot: &snapshot,
            rejects: rejects.as_deref(),
            generation: asked.generation,
            base: asked.base,
            input: &asked.input,
            reading: asked.reading,
            accept: asked.accept,
        };
        let outcome =
            self.generations
                .publish(&finished, now_ms(), |snapshot| self.install(snapshot), |_| {})?;
        build.remove();
        json_of(&outcome)
    }

    fn accept(&self) -> Result<Value, Refused> {
        json_of(&self.generations.accept(|snapshot| self.install(snapshot))?)
    }

    fn drop_candidate(&self) -> Result<Value, Refused> {
        json_of(&self.generations.drop_candidate()?)
    }

    fn roll_back(&self, asked: &Which) -> Result<Value, Refused> {
        let generation = self
            .generations
            .roll_back(asked.generation, |snapshot| self.install(snapshot))?;
        Ok(json!({"generation": generation}))
    }

    fn pin(&self, asked: &Which) -> Result<Value, Refused> {
        let generation = one(asked)?;
        self.generations.pin(generation)?;
        Ok(json!({"generation": generation, "pinned": true}))
    }

    fn unpin(&self, asked: &Which) -> Result<Value, Refused> {
        let generation = one(asked)?;
        let was_pinned = self.generations.unpin(generation)?;
        Ok(json!({"generation": generation, "pinned": false, "was_pinned": was_pinned}))
    }

    fn install(&self, snapshot: Arc<MappedSnapshot>) -> bool {
        let is_served = self.installer.install(snapshot);
        if is_served {
            self.readiness.set_mapped();
            // What was damaged is not what is served now.
            self.readiness.clear_damaged();
        }
        is_served
    }
}

impl From<GenerationsError> for Refused {
    fn from(error: GenerationsError) -> Refused {
        let (status, code) = match &error {
            GenerationsError::Folder(FolderError::Moved { .. }) => (409, "conflict"),
            GenerationsError::Folder(FolderError::Taken { .. }) => (409, "conflict"),
            GenerationsError::Folder(FolderError::Durable(DurableError::Locked { .. })) => (409, "building"),
            GenerationsError::Folder(FolderError::NoGeneration { .. }) => (404, "no_such_generation"),
            GenerationsError::Folder(FolderError::NoCandidate) => (404, "no_candidate"),
            GenerationsError::Folder(_) => (500, "folder"),
            GenerationsError::Snapshot { .. } | GenerationsError::Another { .. } => (422, "unfit"),
            GenerationsError::Busy => (409, "busy"),
            GenerationsError::Present(_) => (409, "present"),
            GenerationsError::NothingBefore => (404, "no_such_generation"),
            GenerationsError::Stopping(_) => (503, "stopping"),
        };
        Refused(status, code, error.to_string())
    }
}

fn stopping() -> Refused {
    Refused(
        503,
        "stopping",
        "the service is about to stop; try again once it has started".to_owned(),
    )
}

/// The act's body; an empty one is an empty object.
fn of<T: DeserializeOwned>(call: &Call<'_>) -> Result<T, Refused> {
    let body: &[u8] = match call.body.trim_ascii() {
        b"" => b"{}",
        body => body,
    };
    serde_json::from_slice(body)
        .map_err(|error| Refused(400, "invalid_body", format!("body: {error}; correct the body")))
}

fn one(which: &Which) -> Result<u64, Refused> {
    which.generation.ok_or_else(|| {
        Refused(
            400,
            "missing",
            "expected `generation`, found none; name one of those that GET /generations shows".to_owned(),
        )
    })
}

/// The file `name` of `dir` itself: a name never leads out of the folder.
fn plain(dir: &Path, name: &str) -> Result<PathBuf, Refused> {
    let is_plain = !name.is_empty() && name != "." && name != ".." && !name.contains('/');
    let path = dir.join(name);
    if is_plain && path.is_file() {
        return Ok(path);
    }
    Err(Refused(
        422,
        "unfit",
        format!(
            "expected the name of a file in {}, found another; build again",
            dir.display()
        ),
    ))
}

fn json_of<T: Serialize>(value: &T) -> Result<Value, Refused> {
    serde_json::to_value(value).map_err(|error| {
        Refused(
            500,
            "internal",
            format!("the answer could not be written: {error}"),
        )
    })
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
