//! What this program starts ends with it: processes, the folders that they work in, and the networks that they are at.

use std::fs;
use std::io::Error;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

/// Where nothing runs.
pub(crate) const NOBODY: u32 = 0;
/// What a process is given to end by itself, and to remove what it has made.
const GRACE: Duration = Duration::from_secs(5);
/// How often a folder is removed that is not empty yet.
const REMOVALS: usize = 5;
/// The exit status of a program that was interrupted, as shells have it.
const INTERRUPTED: i32 = 130;

/// Folders that are of no use once this program has ended.
static FOLDERS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Has `folder` removed where this program is interrupted.
pub(crate) fn remove_with_us(folder: &Path) {
    folders().push(folder.to_owned());
}

fn folders() -> std::sync::MutexGuard<'static, Vec<PathBuf>> {
    FOLDERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has what this program starts end with it where it is interrupted or ended, and makes a folder for all that is temporary,
/// which is to be kept until the end.
///
/// # Errors
/// The system gives no folder, or no thread.
pub(crate) fn end_with_us() -> Result<TempDir, Error> {
    let folder = tempfile::Builder::new().prefix("loadtest-").tempdir()?;
    // Servers that refuse root run as somebody else.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
    remove_with_us(folder.path());
    // Where it was set before, that holds.
    let _earlier = tempfile::env::override_temp_dir(folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut signals = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    std::thread::Builder::new()
        .name("interrupt".into())
        .spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = signals.0.recv() => {}
                    _ = signals.1.recv() => {}
                }
            });
            let ours = std::process::id();
            let all = with_descendants(ours, &parents());
            kill(all.iter().filter(|process| **process != ours));
            servers::pair::namespace::delete_all_of(ours);
            servers::pair::disk::unmount_all_of(ours);
            for folder in &*folders() {
                // Whoever was about to write there when it was ended may have done so meanwhile.
                let _gone = (0..REMOVALS).any(|_| fs::remove_dir_all(folder).is_ok() || !folder.exists());
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "nothing is left to end in order: what was begun is gone"
            )]
            std::process::exit(INTERRUPTED);
        })?;
    Ok(folder)
}

/// Ends the process `of` and all that it started, in groups of their own too.
pub(crate) fn end(of: u32) {
    if of == NOBODY {
        return;
    }
    let all = with_descendants(of, &parents());
    send([&of], Signal::TERM);
    let begun = Instant::now();
    while is_there(of) && begun.elapsed() < GRACE {
        std::thread::park_timeout(Duration::from_millis(20));
    }
    kill(&all);
}

fn kill<'p>(processes: impl IntoIterator<Item = &'p u32>) {
    send(processes, Signal::KILL);
}

fn send<'p>(processes: impl IntoIterator<Item = &'p u32>, signal: Signal) {
    for process in processes {
        if let Some(process) = i32::try_from(*process).ok().and_then(Pid::from_raw) {
            // It may have ended by itself meanwhile.
            let _gone = kill_process(process, signal);
        }
    }
}

fn is_there(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

/// Every process of this machine and its parent.
pub(crate) fn parents() -> Vec<(u32, u32)> {
    let of = |entry: fs::DirEntry| {
        let process = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        // A name may hold blanks and brackets, so that one reads on behind the last bracket.
        let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
        Some((process, parent))
    };
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    all.filter_map(of).collect()
}

/// `of`, its children, theirs, and so on.
pub(crate) fn with_descendants(of: u32, parents: &[(u32, u32)]) -> Vec<u32> {
    let mut found = vec![of];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        next += 1;
        let children = parents.iter().filter(|(_, of)| *of == parent);
        let new: Vec<u32> = children
            .map(|(process, _)| *process)
            .filter(|process| !found.contains(process))
            .collect();
        found.extend(new);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descendants_are_found_and_nobody_else() {
        let parents = [(1, 0), (10, 1), (11, 10), (12, 11), (13, 10), (20, 1), (21, 20)];
        let mut found = with_descendants(10, &parents);
        found.sort_unstable();
        assert_eq!(found, [10, 11, 12, 13]);
    }
}
