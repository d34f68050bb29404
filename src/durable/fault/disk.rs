//! A disk that tests can break: it knows what would be left of a folder if the machine stopped now.

#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Step;

/// How a step ends badly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// With this error; later steps are done.
    Error(io::ErrorKind),
    /// The machine stops: this step and all later ones are not done, until [`Disk::restart`].
    Crash,
}

/// What a crash leaves of what was not made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    /// Everything: the process was killed, and the kernel goes on.
    Nothing,
    /// Nothing.
    All,
    /// A part of appended bytes, and names or not, as the seed says.
    Some(u64),
}

/// The disk below one folder, for the steps of this thread.
#[derive(Debug)]
pub(crate) struct Disk {
    dir: PathBuf,
}

#[derive(Debug, Default)]
struct Image {
    dir: PathBuf,
    /// Content as of the last fsync, by inode. The files are held open, so that no other gets the inode.
    contents: HashMap<u64, (Vec<u8>, fs::File)>,
    /// Names as of the last fsync of their folder, and whose inode they are.
    names: BTreeMap<PathBuf, u64>,
    steps: u64,
    fault: Option<(u64, Fault)>,
    crashed: bool,
}

thread_local! {
    static IMAGE: RefCell<Option<Image>> = const { RefCell::new(None) };
}

pub(super) fn step(step: Step, path: &Path) -> io::Result<()> {
    IMAGE.with_borrow_mut(|image| match image {
        Some(image) if path.starts_with(&image.dir) => image.step(step, path),
        _ => Ok(()),
    })
}

impl Disk {
    /// Watches `dir`, whose present files count as durable, until it is dropped.
    pub(crate) fn over(dir: &Path) -> Disk {
        let mut image = Image {
            dir: dir.to_owned(),
            ..Image::default()
        };
        image.take_all();
        IMAGE.set(Some(image));
        Disk { dir: dir.to_owned() }
    }

    /// How many steps were taken.
    pub(crate) fn steps(&self) -> u64 {
        IMAGE.with_borrow(|image| image.as_ref().map_or(0, |image| image.steps))
    }

    /// Has the `nth` step from now on, from 1, end in `fault`.
    pub(crate) fn fail_at(&self, nth: u64, fault: Fault) {
        IMAGE.with_borrow_mut(|image| {
            let image = image.as_mut().unwrap();
            image.fault = Some((image.steps + nth, fault));
        });
    }

    /// Whether the machine has stopped.
    pub(crate) fn has_crashed(&self) -> bool {
        IMAGE.with_borrow(|image| image.as_ref().is_some_and(|image| image.crashed))
    }

    /// Starts the machine again, with what is left of the folder.
    pub(crate) fn restart(&self, lost: Lost) {
        IMAGE.with_borrow_mut(|image| image.as_mut().unwrap().restart(lost));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        IMAGE.set(None);
        let _folder = &self.dir;
    }
}

impl Image {
    fn step(&mut self, step: Step, path: &Path) -> io::Result<()> {
        if self.crashed {
            return Err(io::Error::other("the machine has stopped"));
        }
        self.steps += 1;
        match self.fault {
            Some((at, fault)) if at == self.steps => {
                self.fault = None;
                match fault {
                    Fault::Error(kind) => return Err(kind.into()),
                    Fault::Crash => {
                        self.crashed = true;
                        return Err(io::Error::other("the machine stops"));
                    }
                }
            }
            _ => {}
        }
        match step {
            Step::Sync => {
                if let Ok(metadata) = fs::metadata(path) {
                    let content = (fs::read(path)?, fs::File::open(path)?);
                    self.contents.insert(metadata.ino(), content);
                }
            }
            Step::SyncFolder => self.take_names(path),
            _ => {}
        }
        Ok(())
    }

    fn take_names(&mut self, folder: &Path) {
        self.names.retain(|name, _| name.parent() != Some(folder));
        for (path, inode) in files(folder) {
            if path.parent() == Some(folder) {
                self.names.insert(path, inode);
            }
        }
    }

    fn take_all(&mut self) {
        self.names.clear();
        self.contents.clear();
        for (path, inode) in files(&self.dir) {
            let content = (fs::read(&path).unwrap(), fs::File::open(&path).unwrap());
            self.contents.insert(inode, content);
            self.names.insert(path, inode);
        }
    }

    fn restart(&mut self, lost: Lost) {
        let mut dice = match lost {
            Lost::Some(seed) => seed | 1,
            _ => 1,
        };
        let mut roll = |sides: u64| {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            dice % sides
        };
        if lost != Lost::Nothing {
            let present = files(&self.dir);
            let now: HashMap<u64, Vec<u8>> = present
                .iter()
                .map(|(path, inode)| (*inode, fs::read(path).unwrap()))
                .collect();
            let mut left: BTreeMap<PathBuf, u64> = self.names.clone();
            if lost != Lost::All {
                for (path, inode) in &present {
                    if !left.contains_key(path) && roll(2) == 0 {
                        left.insert(path.clone(), *inode);
                    }
                }
                let gone: Vec<PathBuf> = left.keys().filter(|path| !path.exists()).cloned().collect();
                for path in gone {
                    if roll(2) == 0 {
                        left.remove(&path);
                    }
                }
            }
            for (path, _) in present {
                fs::remove_file(path).unwrap();
            }
            for (path, inode) in left {
                let mut content = self
                    .contents
                    .get(&inode)
                    .map_or_else(Vec::new, |(content, _)| content.clone());
                if let (Lost::Some(_), Some(now)) = (lost, now.get(&inode))
                    && now.len() > content.len()
                    && now.starts_with(&content)
                {
                    let more = (now.len() - content.len()) as u64;
                    let kept = usize::try_from(roll(more + 1)).unwrap();
                    content.extend_from_slice(&now[content.len()..][..kept]);
                }
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, content).unwrap();
            }
        }
        self.take_all();
        self.crashed = false;
        self.fault = None;
    }
}

/// Every file below `dir` with its inode.
fn files(dir: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(dir) else {
        return found;
    };
    for entry in entries.flatten() {
        let metadata = entry.metadata().unwrap();
        if metadata.is_dir() {
            found.extend(files(&entry.path()));
        } else if metadata.is_file() {
            found.push((entry.path(), metadata.ino()));
        }
    }
    found
}
