//! Binding: one socket a worker for each TCP address, and Unix sockets.

use std::fs::{File, Permissions};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use socket2::{Domain, Protocol, Socket, Type};

use super::error::HttpError;
use super::settings::{Listener, Policy};
use super::worker::Worker;

/// As open as a loopback port is: whom its folder lets through may ask, whatever the umask of whoever started us.
const MODE: u32 = 0o666;
/// The longest path that a socket is bound to, in bytes: 107 stand in its address, one of which ends it elsewhere.
const LONGEST_PATH: usize = 100;
/// Connections that may wait to be accepted, for each socket.
const BACKLOG: i32 = 1024;

/// Where a listener is bound.
#[derive(Debug, Clone)]
pub(super) struct Local {
    pub(super) name: String,
    pub(super) address: Option<SocketAddr>,
    pub(super) unix: Option<PathBuf>,
    /// Whether TCP connections are made secret.
    pub(super) is_tls: bool,
}

/// A listener's bound sockets.
#[derive(Debug)]
pub(super) struct Sockets {
    name: String,
    policy: Arc<ArcSwap<Policy>>,
    tcp: Option<(SocketAddr, Vec<TcpListener>)>,
    unix: Option<(UnixPath, UnixListener)>,
}

/// The file of a Unix socket that is ours; unlinked when dropped, unless someone has put another there.
#[derive(Debug)]
pub(super) struct UnixPath {
    path: PathBuf,
    inode: u64,
}

/// A path of a Unix socket that fits into an address: longer ones go by the folder's handle.
#[derive(Debug)]
pub struct ShortPath {
    /// What to bind or connect to, for as long as this lives.
    pub path: PathBuf,
    _folder: Option<File>,
}

impl ShortPath {
    /// A way to `path`, whose folder must exist.
    ///
    /// # Errors
    /// The path is too long and its folder cannot be opened.
    pub fn of(path: &Path) -> io::Result<ShortPath> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::InvalidFilename.into());
        };
        if path.as_os_str().len() <= LONGEST_PATH {
            return Ok(ShortPath {
                path: path.to_owned(),
                _folder: None,
            });
        }
        let folder = File::open(folder)?;
        Ok(ShortPath {
            path: PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name),
            _folder: Some(folder),
        })
    }
}

impl Sockets {
    /// Binds what `listener` asks for, with a TCP socket for each of `workers`.
    pub(super) fn bind(listener: Listener, workers: usize) -> Result<Sockets, HttpError> {
        let name = format!("listener.{}", listener.name);
        let tcp = listener
            .address
            .map(|address| tcp(&name, address, workers))
            .transpose()?;
        let unix = listener.unix.map(|path| unix(&name, path, MODE)).transpose()?;
        Ok(Sockets {
            name: listener.name,
            policy: listener.policy,
            tcp,
            unix,
        })
    }

    /// Where it is bound: one entry, or none.
    pub(super) fn locals(&self) -> Vec<Local> {
        let local = Local {
            name: self.name.clone(),
            address: self.tcp.as_ref().map(|(address, _)| *address),
            unix: self.unix.as_ref().map(|(path, _)| path.path.clone()),
            is_tls: self.policy.load().tls.is_some(),
        };
        if local.address.is_none() && local.unix.is_none() {
            return Vec::new();
        }
        vec![local]
    }

    /// What is served, with the listener's name.
    pub(super) fn policy(&self) -> (String, Arc<ArcSwap<Policy>>) {
        (self.name.clone(), Arc::clone(&self.policy))
    }

    /// Gives every worker its sockets; a Unix socket is one queue that all of them take from.
    pub(super) fn share(self, workers: &mut [Worker]) -> Result<Option<UnixPath>, HttpError> {
        if let Some((_, sockets)) = self.tcp {
            for (worker, socket) in workers.iter_mut().zip(sockets) {
                worker.add_tcp(&self.name, socket, &self.policy);
            }
        }
        let Some((path, socket)) = self.unix else {
            return Ok(None);
        };
        for worker in workers.iter_mut() {
            let socket = socket.try_clone().map_err(HttpError::Thread)?;
            worker.add_unix(&self.name, socket, &self.policy);
        }
        Ok(Some(path))
    }
}

impl Drop for UnixPath {
    fn drop(&mut self) {
        let is_ours = std::fs::symlink_metadata(&self.path).is_ok_and(|file| file.ino() == self.inode);
        if is_ours && let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "the Unix socket's file stays behind");
        }
    }
}

/// Binds `sockets` listening sockets that share `address`, and gives back the address with its real port.
///
/// The first one is bound alone and allows sharing only afterwards: were all bound for sharing, another Ringside's
/// would join them without an error and take half of the calls.
pub(super) fn tcp(
    name: &str,
    address: SocketAddr,
    sockets: usize,
) -> Result<(SocketAddr, Vec<TcpListener>), HttpError> {
    let refuse = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => HttpError::InUse {
            name: name.to_owned(),
            address,
        },
        _ => HttpError::Bind {
            name: name.to_owned(),
            address,
            source,
        },
    };
    let first = socket(address, Sharing::None).map_err(refuse)?;
    first.set_reuse_port(true).map_err(refuse)?;
    first.listen(BACKLOG).map_err(refuse)?;
    let first = TcpListener::from(first);
    let local = first.local_addr().map_err(refuse)?;
    let mut all = vec![first];
    for _ in 1..sockets {
        let further = socket(local, Sharing::Port).map_err(refuse)?;
        further.listen(BACKLOG).map_err(refuse)?;
        all.push(further.into());
    }
    Ok((local, all))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    None,
    Port,
}

fn socket(address: SocketAddr, sharing: Sharing) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    // Connections of a Ringside that ended a moment ago would keep the port from its successor.
    socket.set_reuse_address(true)?;
    if sharing == Sharing::Port {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Binds a Unix socket at `path`, for those whom `mode` lets in.
pub(super) fn unix(name: &str, path: PathBuf, mode: u32) -> Result<(UnixPath, UnixListener), HttpError> {
    let refuse = |source| HttpError::Unix {
        name: name.to_owned(),
        path: path.clone(),
        source,
    };
    let short = ShortPath::of(&path).map_err(refuse)?;
    clear(name, &path, &short.path)?;
    let listener = UnixListener::bind(&short.path).map_err(refuse)?;
    std::fs::set_permissions(&path, Permissions::from_mode(mode)).map_err(refuse)?;
    let inode = std::fs::symlink_metadata(&path).map_err(refuse)?.ino();
    listener.set_nonblocking(true).map_err(refuse)?;
    Ok((UnixPath { path, inode }, listener))
}

/// Removes a socket's file that nobody listens on, as a process that was killed leaves it behind.
fn clear(name: &str, path: &Path, short: &Path) -> Result<(), HttpError> {
    let Ok(file) = std::fs::symlink_metadata(path) else {
        return Ok(());
    };
    let (name, path) = (name.to_owned(), path.to_owned());
    if !file.file_type().is_socket() {
        return Err(HttpError::UnixTaken { name, path });
    }
    match UnixStream::connect(short) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(&path).map_err(|source| HttpError::Unix { name, path, source })
        }
        // It answers; or its queue is full, or it is another user's: someone's in any case.
        _ => Err(HttpError::UnixInUse { name, path }),
    }
}
