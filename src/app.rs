//! The service: builds every part in order, binds before it serves, and gives back a handle that drains.

mod access;
pub mod generations;
mod scrub;
mod signal;
pub(crate) mod sources;

use std::collections::BTreeMap;
use std::io::Cursor;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bytes::BytesMut;

use crate::callers::explain::Explanation;
use crate::callers::{self, Native, Reply, Sources, TreatmentError};
use crate::config::Config;
use crate::customer::Schema;
use crate::customer::document::Limits;
use crate::feed::{self, Compaction, FeedError, Feeds};
use crate::http::{self, Extra, HttpError, Keys, Listener, Page, Policy, Readiness};
use crate::index::Index;
use crate::intake::Intake;
use crate::metrics::{Metrics, MetricsError};
use crate::number::{Numbering, SettingsError};
use crate::replica::{Counters, Freshness, Replica};
use crate::snapshot::folder::{Folder, FolderError, Held, TENANT};
use crate::snapshot::writer::{Facts, SnapshotWriter};
use crate::snapshot::{MappedSnapshot, Snapshot, SnapshotError};
use crate::tenant::Tenant;
use access::Accesses;
use generations::{Generations, Live};
use scrub::Scrubbing;

pub use access::check as check_access;
pub use signal::until_told_to_stop;

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The data folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The snapshot.
    #[error("{}: {source}", path.display())]
    Snapshot {
        /// The snapshot's file.
        path: PathBuf,
        /// What is wrong with it.
        source: SnapshotError,
    },
    /// The numbers' settings.
    #[error("numbers.{0}")]
    Numbers(#[from] SettingsError),
    /// The treatment rules.
    #[error(transparent)]
    Treatment(#[from] TreatmentError),
    /// Sockets and threads.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The feeds.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// Metrics registered twice: a fault of this program.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// No thread is to be had, or signals cannot be heard.
    #[error("cannot start: {0}; raise the limits of the user who runs this")]
    System(#[from] std::io::Error),
}

/// A service that is built and bound, and does not serve yet.
#[derive(Debug)]
pub struct App {
    http: http::Bound,
    feeds: Feeds,
    tenant: Arc<Tenant>,
    readiness: Arc<Readiness>,
    generations: Arc<Generations>,
    scrub_within: Duration,
    metrics: Arc<Metrics>,
}

/// A service that serves. [`Running::drain`] ends it.
#[derive(Debug)]
pub struct Running {
    http: http::Running,
    feeds: feed::Running,
    scrubbing: Scrubbing,
    tenant: Arc<Tenant>,
    generations: Arc<Generations>,
}

impl App {
    /// Builds the service that `config` describes.
    ///
    /// # Errors
    /// The first part that cannot be built or bound, with what to do about it.
    pub fn build(config: &Config) -> Result<App, AppError> {
        let metrics = Arc::new(Metrics::new()?);
        let folder = Folder::hold(config.data.dir.join(TENANT))?;
        let folder = Arc::new(folder.keeping(config.data.generations_kept));
        let snapshot = Arc::new(present(&folder)?);
        let has_customers = snapshot.header().generation > 0;
        let numbering = Numbering::new(&config.numbers)?;
        let (index, writer) = Index::new(snapshot, sources::phones(config, &numbering));

        let limits = Limits {
            cases: config.customer.cases,
            interactions: config.customer.interactions,
        };
        let replica = Replica::new(
            writer,
            Intake::new(numbering.clone(), limits),
            Counters::register(&metrics)?,
        );
        let feeds = followed(config);
        let freshness = Arc::new(Freshness::new(
            feeds.keys().map(String::as_str),
            config.answers.stale_after_s,
            Instant::now(),
        ));
        let compaction = Compaction {
            folder: Arc::clone(&folder),
            overlay_max_bytes: config.data.overlay_max_mib << 20,
            memory_bytes: config.import.memory_mib << 20,
        };
        let tenant = Arc::new(Tenant {
            name: TENANT.into(),
            index,
            numbering,
            freshness: Arc::clone(&freshness),
        });

        let readiness = Arc::new(Readiness::default());
        if has_customers {
            readiness.set_mapped();
        } else if feeds.is_empty() {
            tracing::warn!(
                folder = %config.data.dir.display(),
                "no snapshot and no feed: every lookup is a miss until one is built (`ringside snapshot build`)"
            );
        }
        let feeds = Feeds::new(&feeds, replica, freshness, compaction);
        let live = Live {
            index: Arc::clone(&tenant.index),
            installer: feeds.installer(),
            readiness: Arc::clone(&readiness),
        };
        let generations = Arc::new(Generations::new(Arc::clone(&folder), config, Some(live)));
        let http = bind(
            config,
            folder.folder(),
            &tenant,
            &readiness,
            &metrics,
            Arc::clone(&generations),
        )?;
        Ok(App {
            http,
            feeds,
            tenant,
            readiness,
            generations,
            scrub_within: Duration::from_secs(config.data.scrub_interval_s),
            metrics,
        })
    }

    /// Serves.
    ///
    /// # Errors
    /// No thread is to be had.
    pub fn spawn(self) -> Result<Running, AppError> {
        let scrubbing = Scrubbing::spawn(
            Arc::clone(&self.tenant.index),
            self.scrub_within,
            &self.metrics,
            self.readiness,
        )?;
        let feeds = self.feeds.spawn()?;
        Ok(Running {
            http: self.http.spawn()?,
            feeds,
            scrubbing,
            tenant: self.tenant,
            generations: self.generations,
        })
    }
}

impl Running {
    /// The TCP address that callers of the listener `name` connect to.
    pub fn address(&self, name: &str) -> Option<SocketAddr> {
        self.http.address(name)
    }

    /// Where every listener listens, as a person writes it: `http://127.0.0.1:7464`, `unix:/run/ringside.sock`.
    pub fn addresses(&self) -> Vec<String> {
        self.http.addresses()
    }

    /// The administration's address.
    pub fn admin_address(&self) -> SocketAddr {
        self.http.admin_address()
    }

    /// Whose customers are served.
    pub fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }

    /// Takes no more callers, finishes the requests that are open, stops the feeds, and ends.
    pub fn drain(self) {
        self.generations.end();
        self.http.drain();
        self.feeds.stop();
        self.scrubbing.stop();
    }
}

/// The feeds that deliver anything.
fn followed(config: &Config) -> BTreeMap<String, feed::Settings> {
    let feeds = config
        .feed
        .iter()
        .filter(|(_, feed)| feed.kind != feed::Kind::None);
    feeds.map(|(name, feed)| (name.clone(), feed.clone())).collect()
}

/// The folder's present snapshot; an empty one of generation 0 where there is none yet.
fn present(folder: &Held) -> Result<MappedSnapshot, AppError> {
    match folder.folder().current()? {
        Some(path) => Snapshot::map(&path).map_err(|source| AppError::Snapshot { path, source }),
        None => empty().map_err(|source| AppError::Snapshot {
            path: folder.folder().dir().into(),
            source,
        }),
    }
}

fn empty() -> Result<MappedSnapshot, SnapshotError> {
    let schema = Schema::default();
    let facts = Facts {
        generation: 0,
        seq: 0,
        created_at_ms: 0,
        schema: &schema,
        streams: &[],
    };
    let (bytes, _) = SnapshotWriter::new(Cursor::new(Vec::new()), 0)?.finish(&facts)?;
    MappedSnapshot::in_memory(bytes.into_inner())
}

fn bind(
    config: &Config,
    folder: &Folder,
    tenant: &Arc<Tenant>,
    readiness: &Arc<Readiness>,
    metrics: &Arc<Metrics>,
    generations: Arc<Generations>,
) -> Result<http::Bound, AppError> {
    let lookups = Arc::new(callers::Meters::register(metrics)?);
    let sources = sources::sources(config, tenant, &lookups)?;
    let keys = Keys::open(&config.keys_file()).map_err(HttpError::from)?;
    let accesses = Accesses::load(config, &keys)?;
    accesses.log(config, &keys);
    let listeners = accesses
        .listeners
        .into_iter()
        .filter_map(|(name, (access, tls))| {
            let listener = config.listener.get(&name)?;
            let source = sources.listeners.get(&name)?;
            let policy = Policy {
                native: Native::new(source.clone(), config.http.batch_max),
                access,
                tls,
            };
            Some(Listener {
                address: listener.address,
                unix: listener.unix.clone(),
                ..Listener::new(name, policy)
            })
        })
        .collect();
    let admin = http::Admin {
        address: config.admin.address,
        unix: Some(folder.socket()),
        tenant: Arc::clone(tenant),
        metrics: Arc::clone(metrics),
        lookups,
        readiness: Arc::clone(readiness),
        extra: Some(extra(sources, generations)),
        access: Arc::new(ArcSwap::from_pointee(accesses.admin)),
    };
    Ok(http::Server::bind(config.http, listeners, admin, metrics)?)
}

/// The administration's further pages: `/explain?ani=`, how a lookup comes to its answer, and those on generations.
fn extra(sources: Sources, generations: Arc<Generations>) -> Extra {
    Arc::new(move |call| {
        if call.trimmed_path() != "/explain" {
            return generations.page(call);
        }
        let mut body = BytesMut::new();
        let reply = match Explanation::asked(call, &sources) {
            Ok(explanation) => {
                body.extend_from_slice(&serde_json::to_vec(&explanation).unwrap_or_default());
                Reply::json(200)
            }
            Err(refusal) => refusal.write(&mut body),
        };
        Some(Page {
            status: reply.status,
            content_type: reply.content_type,
            body: body.to_vec(),
        })
    })
}
