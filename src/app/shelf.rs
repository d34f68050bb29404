//! The shelf: an object store in which generations are published, for nodes that are new or have lost their disk.

mod manifest;
mod sweeping;
mod wire;

use std::fs::{DirBuilder, File};
use std::io::Read;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    BackoffConfig, Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, RetryConfig,
    WriteMultipart,
};
use tokio::runtime::Runtime;

use crate::config::Snapshots;
use crate::feed::secure::Tls;
use crate::feed::source::SourceError;
pub use manifest::{Entry, Keeping, Manifest};
use wire::Wire;

/// Bytes of one part of what is published; more where there would be too many parts.
const PART: usize = 8 << 20;
/// The most parts of one object.
const MOST_PARTS: u64 = 9_000;
/// Parts that are on their way at a time.
const AT_ONCE: usize = 4;
/// Manifests that stay: whoever has just read that the one before was the newest still finds it.
const MANIFESTS_KEPT: u64 = 3;
/// What generations are below.
const GENERATIONS: &str = "generations";
/// What manifests are below.
const MANIFESTS: &str = "manifests";
/// How often somebody else may be faster.
const TRIES: usize = 20;
/// The longest that a request is tried again.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why something cannot be published or fetched.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// The configuration's.
    #[error("snapshots.store {store}: {why}; correct the configuration")]
    Unfit {
        /// Which.
        store: String,
        /// What is wrong.
        why: String,
    },
    /// The file of the secret.
    #[error("snapshots.secret_file {}: expected a secret in its first line, found {found}", file.display())]
    Secret {
        /// Which.
        file: PathBuf,
        /// What was found.
        found: String,
    },
    /// The store.
    #[error(
        "the object store {store}: cannot {step}: {why}; look at snapshots.* of the configuration, the network and the bucket's rights"
    )]
    Store {
        /// Which.
        store: String,
        /// What was to be done.
        step: &'static str,
        /// What it says.
        why: String,
    },
    /// Somebody else publishes all the time.
    #[error(
        "the object store {0}: others publish there without a pause; give each contact centre a prefix of its own"
    )]
    Crowded(String),
    /// A list of another version.
    #[error(
        "expected a list of published generations of version {newest}, found {found}, which a newer Ringside wrote; use that one"
    )]
    Version {
        /// What is read.
        newest: u32,
        /// What was found.
        found: u32,
    },
    /// A list that does not read.
    #[error(
        "expected a list of published generations, found other bytes: {0}; is the prefix used by something else?"
    )]
    Manifest(String),
    /// The file that is to be published.
    #[error("{}: cannot read what is to be published: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The service stops.
    #[error("publishing was ended before it was done")]
    Ended,
}

/// An object store, by one thread at a time.
#[derive(Debug)]
pub struct Shelf {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// Where it is a folder: that.
    folder: Option<PathBuf>,
    shown: String,
    runtime: Runtime,
}

impl Shelf {
    /// The store that `settings` name; `None` where they name none.
    ///
    /// # Errors
    /// It cannot be used as it is configured.
    pub fn open(settings: &Snapshots) -> Result<Option<Shelf>, ShelfError> {
        if settings.store.is_empty() {
            return Ok(None);
        }
        let shown = settings.store.clone();
        let unfit = |why: String| ShelfError::Unfit {
            store: shown.clone(),
            why,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| unfit(error.to_string()))?;
        let folder = shown.strip_prefix("file://").map(PathBuf::from);
        let (store, prefix): (Arc<dyn ObjectStore>, Path) = if let Some(folder) = &folder {
            // Customers are in it: for the service's user alone.
            let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.map_err(|error| unfit(error.to_string()))?;
            let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| unfit(error.to_string()))?;
            // A list must not name what a loss of power takes back.
            (Arc::new(store.with_fsync(true)), Path::default())
        } else {
            bucket(settings, &unfit)?
        };
        let shelf = Shelf {
            store,
            prefix,
            folder,
            shown,
            runtime,
        };
        let now_ms = jiff::Timestamp::now().as_millisecond();
        if let Err(error) = shelf.clear_staged(now_ms.saturating_sub(manifest::GRACE_MS)) {
            tracing::warn!(store = shelf.shown(), %error, "what a broken upload has left there cannot be removed");
        }
        Ok(Some(shelf))
    }

    /// Where it is.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// What is published; nothing where nothing was yet. A list that does not read is passed over for the one before: the next
    /// one takes its place.
    ///
    /// # Errors
    /// The store cannot be read, its list is of another version, or none reads.
    pub fn manifest(&self) -> Result<Manifest, ShelfError> {
        'again: for _ in 0..TRIES {
            let mut numbers = self.numbers()?;
            numbers.sort_unstable();
            let Some(&newest) = numbers.last() else {
                return Ok(Manifest::default());
            };
            let mut broken = None;
            for number in numbers.into_iter().rev() {
                let read = self.runtime.block_on(async {
                    let object = self.store.get(&self.manifest_at(number)).await?;
                    object.bytes().await
                });
                let read = match read {
                    Ok(bytes) => Manifest::read(&bytes),
                    // Others were published meanwhile.
                    Err(Error::NotFound { .. }) => continue 'again,
                    Err(error) => return Err(self.failed("read the list", &error)),
                };
                match read {
                    Ok(manifest) => {
                        return Ok(Manifest {
                            number: newest,
                            ..manifest
                        });
                    }
                    Err(error @ ShelfError::Manifest(_)) => {
                        tracing::warn!(store = self.shown, number, %error, "a list is passed over");
                        broken.get_or_insert(error);
                    }
                    Err(error) => return Err(error),
                }
            }
            return Err(broken.unwrap_or_else(|| ShelfError::Crowded(self.shown.clone())));
        }
        Err(ShelfError::Crowded(self.shown.clone()))
    }

    /// Whether the whole of what `entry` names is there.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub fn has(&self, entry: &Entry) -> Result<bool, ShelfError> {
        match self
            .runtime
            .block_on(self.store.head(&self.generation_at(&entry.name)))
        {
            Ok(found) => Ok(found.size == entry.bytes),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(self.failed("look for a generation", &error)),
        }
    }

    /// `length` bytes of what `entry` names, from `offset` on.
    ///
    /// # Errors
    /// They cannot be had.
    pub fn piece(&self, entry: &Entry, offset: u64, length: u64) -> Result<Bytes, ShelfError> {
        let range = offset..offset.saturating_add(length).min(entry.bytes);
        let at = self.generation_at(&entry.name);
        let read = self.runtime.block_on(self.store.get_range(&at, range));
        read.map_err(|error| self.failed("read a generation", &error))
    }

    /// Publishes the file `path` as `entry`, and removes what no longer stays; `go_on` says how many bytes are sent, and is
    /// told whether to go on.
    ///
    /// # Errors
    /// It is not published then, or not all that had to go is gone: the same may be done again.
    pub fn publish(
        &self,
        path: &FilePath,
        entry: &Entry,
        keeping: Keeping<'_>,
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), ShelfError> {
        for _ in 0..TRIES {
            let (next, _) = self.manifest()?.next(Some(entry), keeping);
            if next.generations.iter().all(|stays| stays.name != entry.name) {
                // Enough newer ones are there.
                return self.tidy(keeping);
            }
            if !self.has(entry)? {
                self.upload(path, entry, go_on)?;
            }
            self.replace(Some(entry), keeping)?;
            // Whoever took it for one that nobody names has removed it meanwhile.
            if self.has(entry)? {
                return Ok(());
            }
        }
        Err(ShelfError::Crowded(self.shown.clone()))
    }

    /// Removes what no longer stays.
    ///
    /// # Errors
    /// It cannot be removed: the same may be done again.
    pub fn tidy(&self, keeping: Keeping<'_>) -> Result<(), ShelfError> {
        self.replace(None, keeping)
    }

    /// Writes the next manifest where it differs, and then removes what none names.
    fn replace(&self, added: Option<&Entry>, keeping: Keeping<'_>) -> Result<(), ShelfError> {
        let mut gone = Vec::new();
        for _ in 0..TRIES {
            let present = self.manifest()?;
            let (next, goes) = present.next(added, keeping);
            let is_another = next.generations != present.generations;
            if is_another {
                if !self.write(&next)? {
                    continue;
                }
                gone.extend(goes);
                // One who was slow may have written a number that others had gone past already.
                if self.numbers()?.into_iter().max() != Some(next.number) {
                    continue;
                }
            }
            self.sweep(&next, &gone, keeping)?;
            // Where nothing was written, the newest list that reads may be an older one.
            return if is_another {
                self.sweep_lists(next.number)
            } else {
                Ok(())
            };
        }
        Err(ShelfError::Crowded(self.shown.clone()))
    }

    /// Writes `manifest`, unless there is one of its number.
    fn write(&self, manifest: &Manifest) -> Result<bool, ShelfError> {
        let json =
            serde_json::to_vec_pretty(manifest).map_err(|error| ShelfError::Manifest(error.to_string()))?;
        let options = PutOptions::from(PutMode::Create);
        let at = self.manifest_at(manifest.number);
        let written = self.store.put_opts(&at, PutPayload::from(json), options);
        match self.runtime.block_on(written) {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(self.failed("write the list", &error)),
        }
    }

    fn upload(
        &self,
        path: &FilePath,
        entry: &Entry,
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), ShelfError> {
        let unread = |source| ShelfError::File {
            path: path.to_owned(),
            source,
        };
        let failed = |error: Error| self.failed("write a generation", &error);
        let mut file = File::open(path).map_err(unread)?;
        let part = PART.max(usize::try_from(entry.bytes / MOST_PARTS).unwrap_or(PART));
        let at = self.generation_at(&entry.name);
        self.runtime.block_on(async {
            let upload = self.store.put_multipart(&at).await.map_err(failed)?;
            let mut upload = WriteMultipart::new_with_chunk_size(upload, part);
            let mut sent = 0;
            loop {
                let mut piece = Vec::with_capacity(part);
                let read = file.by_ref().take(part as u64).read_to_end(&mut piece);
                let stopped = match read {
                    Ok(0) => break,
                    Ok(_) if go_on(sent) => None,
                    Ok(_) => Some(ShelfError::Ended),
                    Err(source) => Some(unread(source)),
                };
                if let Some(stopped) = stopped {
                    // What is left of it is removed with what nobody names.
                    let _left = upload.abort().await;
                    return Err(stopped);
                }
                sent += piece.len() as u64;
                upload.wait_for_capacity(AT_ONCE).await.map_err(failed)?;
                upload.put(piece.into());
            }
            upload.finish().await.map_err(failed)?;
            go_on(sent);
            Ok(())
        })
    }

    /// The numbers of the manifests that there are.
    fn numbers(&self) -> Result<Vec<u64>, ShelfError> {
        let listed = self.runtime.block_on(async {
            let list = self.store.list(Some(&self.below(MANIFESTS)));
            list.try_collect::<Vec<_>>().await
        });
        let listed = listed.map_err(|error| self.failed("list what is published", &error))?;
        let number = |name: &str| name.strip_suffix(".json")?.parse().ok();
        Ok(listed
            .iter()
            .filter_map(|object| number(object.location.filename()?))
            .collect())
    }

    fn below(&self, part: &str) -> Path {
        self.prefix.clone().join(part)
    }

    fn manifest_at(&self, number: u64) -> Path {
        self.below(MANIFESTS).join(format!("{number:020}.json"))
    }

    fn generation_at(&self, name: &str) -> Path {
        self.below(GENERATIONS).join(name)
    }

    fn failed(&self, step: &'static str, error: &Error) -> ShelfError {
        ShelfError::Store {
            store: self.shown.clone(),
            step,
            why: words(error),
        }
    }
}

/// The bucket that `settings` name, and the prefix in it.
fn bucket(
    settings: &Snapshots,
    unfit: &dyn Fn(String) -> ShelfError,
) -> Result<(Arc<dyn ObjectStore>, Path), ShelfError> {
    let rest = settings.store.strip_prefix("s3://");
    let rest =
        rest.ok_or_else(|| unfit("expected s3://BUCKET/PREFIX or file:///FOLDER, found another".to_owned()))?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let tls = Tls {
        enabled: true,
        ca: settings.ca.clone().unwrap_or_default(),
        ..Tls::default()
    };
    let tls = tls
        .client()
        .map_err(|error: SourceError| unfit(error.to_string()))?;
    let retry = RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: 5,
        retry_timeout: PATIENCE,
    };
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_retry(retry)
        .with_http_connector(Wire(tls));
    if !settings.region.is_empty() {
        builder = builder.with_region(&settings.region);
    }
    if !settings.endpoint.is_empty() {
        let is_plain = settings.endpoint.starts_with("http://");
        builder = builder
            .with_endpoint(&settings.endpoint)
            .with_allow_http(is_plain);
    }
    if let Some(file) = &settings.secret_file {
        builder = builder
            .with_access_key_id(&settings.key_id)
            .with_secret_access_key(secret(file)?);
    }
    let store = builder.build().map_err(|error| unfit(words(&error)))?;
    Ok((Arc::new(store), Path::from(prefix)))
}

fn secret(file: &FilePath) -> Result<String, ShelfError> {
    let unfit = |found: String| ShelfError::Secret {
        file: file.to_owned(),
        found,
    };
    let text = std::fs::read_to_string(file).map_err(|error| unfit(error.to_string()))?;
    let line = text.lines().next().unwrap_or_default().trim();
    if line.is_empty() {
        return Err(unfit("an empty one".to_owned()));
    }
    Ok(line.to_owned())
}

/// What `error` says, without what a server repeats of a request.
fn words(error: &Error) -> String {
    let told = error.to_string();
    let told = told.split(['<', '\n']).next().unwrap_or_default();
    told.trim_end_matches([' ', ':']).chars().take(300).collect()
}

#[cfg(test)]
mod tests;
