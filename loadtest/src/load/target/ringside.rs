//! Ringside, over a folder of its own that links the snapshot, so that several can be served at once and changed.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ringside::snapshot::folder::TENANT;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;

use crate::load::error::Error;
use crate::server::{self, Server};

/// What a scenario needs of a Ringside beside lookups.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Over {
    /// Changes are posted to it.
    pub(crate) is_fed: bool,
    /// Generations are built for it.
    pub(crate) is_built: bool,
}

/// A running Ringside.
pub(crate) struct Ringside {
    folder: TempDir,
    is_fed: bool,
    is_secret: bool,
    server: Option<Server>,
    address: SocketAddr,
}

/// The server, whoever failed while holding it.
pub(crate) fn locked(server: &Mutex<Ringside>) -> MutexGuard<'_, Ringside> {
    server.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ringside {
    /// Serves the snapshot at `path` from a folder below `folder`.
    pub(super) fn start(folder: &Path, path: &Path, is_secret: bool, over: &Over) -> Result<Ringside, Error> {
        let folder = tempfile::Builder::new().prefix("run-").tempdir_in(folder)?;
        crate::processes::remove_with_us(folder.path());
        let tenant = folder.path().join("data").join(TENANT);
        fs::create_dir_all(&tenant)?;
        let from = path.parent().unwrap_or(Path::new("."));
        fs::copy(from.join("CURRENT"), tenant.join("CURRENT"))?;
        let name = path.file_name().unwrap_or_default();
        // A snapshot never changes, so that a link is as good as a copy.
        fs::hard_link(path, tenant.join(name)).or_else(|_| fs::copy(path, tenant.join(name)).map(drop))?;
        if is_secret {
            certify(folder.path())?;
        }
        let mut ringside = Ringside {
            folder,
            is_fed: over.is_fed,
            is_secret,
            server: None,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        ringside.run()?;
        if over.is_built {
            ringside.export()?;
        }
        Ok(ringside)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn run(&mut self) -> Result<(), Error> {
        let mut command = server::ringside(&self.data())?;
        command
            .env("RINGSIDE__LISTENER__MAIN__ADDRESS", self.address.to_string())
            .env("RINGSIDE__LISTENER__MAIN__UNIX", self.socket());
        if self.is_fed {
            command.env("RINGSIDE__FEED__MAIN__KIND", "http");
        }
        if self.is_secret {
            command
                .env(
                    "RINGSIDE__LISTENER__MAIN__TLS__CERTIFICATE",
                    self.path("server.pem"),
                )
                .env("RINGSIDE__LISTENER__MAIN__TLS__KEY", self.path("server.key"));
        }
        let server = Server::start(command, "listening on ")?;
        self.address = server.address;
        self.server = Some(server);
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its Unix socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.path("s")
    }

    /// Its process; 0 while there is none.
    pub(super) fn id(&self) -> u32 {
        self.server.as_ref().map_or(0, Server::id)
    }

    /// Kills it, as a crash would.
    pub(crate) fn kill(&mut self) {
        self.server = None;
    }

    /// Starts it again at the same address.
    pub(crate) fn start_again(&mut self) -> Result<(), Error> {
        self.run()
    }

    /// Whoever trusts its certificate.
    pub(super) fn trust(&self) -> Result<Arc<ClientConfig>, Error> {
        let wrong = |error: &dyn std::error::Error| Error::target("the certificate", error);
        let mut roots = RootCertStore::empty();
        let certificate =
            CertificateDer::from_pem_file(self.path("server.pem")).map_err(|error| wrong(&error))?;
        roots.add(certificate).map_err(|error| wrong(&error))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(&error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }

    /// Writes its customers as a file that a generation can be built from.
    fn export(&self) -> Result<(), Error> {
        let mut command = self.command(&["snapshot", "export"])?;
        command
            .arg(self.data())
            .arg("--out")
            .arg(self.path("customers.ndjson"));
        ran(&mut command)
    }

    /// A command that builds and publishes a generation of the same customers, beside the server on its core and behind it
    /// in the queue for it.
    pub(crate) fn build(&self) -> Result<Command, Error> {
        let mut command = self.command(&["snapshot", "build", "--format", "ndjson", "--accept"])?;
        command
            .arg("--input")
            .arg(self.path("customers.ndjson"))
            .arg("--mapping")
            .arg(self.path("customers.ndjson.mapping.toml"))
            .arg("--out")
            .arg(self.data());
        Ok(command)
    }

    fn command(&self, arguments: &[&str]) -> Result<Command, Error> {
        let mut command = Command::new("nice");
        command
            .args(["-n", "19", "taskset", "-c", server::SERVER_CORE])
            .arg(server::beside_this_program("ringside")?)
            .args(arguments)
            .stdin(Stdio::null());
        Ok(command)
    }
}

/// Runs `command`, which has to succeed.
pub(crate) fn ran(command: &mut Command) -> Result<(), Error> {
    let output = command.stdout(Stdio::null()).stderr(Stdio::piped()).output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(Error::target("ringside", String::from_utf8_lossy(&output.stderr))),
    }
}

/// Makes a certificate of this run alone in `folder`: `server.pem` and `server.key`.
fn certify(folder: &Path) -> Result<(), Error> {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).map_err(io::Error::other)?;
    fs::write(folder.join("server.pem"), made.cert.pem())?;
    let key = folder.join("server.key");
    fs::write(&key, made.signing_key.serialize_pem())?;
    fs::set_permissions(key, fs::Permissions::from_mode(0o600))?;
    Ok(())
}
