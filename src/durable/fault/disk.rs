//! A folder whose disk can fail, crash and forget: what tests have in place of pulling a plug.
//!
//! Of every file the bytes as of its last fsync are kept, of every folder the names as of its last fsync. At a
//! [restart](Disk::restart) everything newer is lost, kept or torn. What tests write into the folder without a step, and
//! what was in it when the disk was made, is durable, until a step touches it.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io;
use std::marker::PhantomData;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::Step;

/// What becomes of a step.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// It alone fails.
    Error(io::ErrorKind),
    /// The machine stops before it; every later step fails.
    Crash,
}

/// What a crash does to what was not durable.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lost {
    /// All of it is lost.
    All,
    /// None of it is lost, as where only the process died.
    Nothing,
    /// Each part is lost, kept or torn, as this seed has it.
    Some(u64),
}

/// Watches the steps of this thread under a folder until it is dropped. A thread has one at a time.
#[derive(Debug)]
pub(crate) struct Disk(PhantomData<*const ()>);

thread_local! {
    static WATCH: RefCell<Option<Watch>> = const { RefCell::new(None) };
}

impl Disk {
    /// Takes what is in `dir` for durable, and watches from now on.
    pub(crate) fn over(dir: &Path) -> Disk {
        let watch = Watch::over(dir);
        let before = WATCH.with_borrow_mut(|slot| slot.replace(watch));
        assert!(before.is_none(), "this thread has a disk already");
        Disk(PhantomData)
    }

    /// Lets the step after `nth` others, counted from now, fail.
    pub(crate) fn fail_at(&self, nth: u64, fault: Fault) {
        watched(|watch| watch.plan = Some((watch.steps + nth, fault)));
    }

    /// The same for the first step from now on that is an fsync of a file or a folder.
    pub(crate) fn fail_sync(&self, kind: io::ErrorKind) {
        watched(|watch| watch.fail_sync = Some(kind));
    }

    /// Steps since the disk was made, those that failed among them.
    pub(crate) fn steps(&self) -> u64 {
        watched(|watch| watch.steps)
    }

    /// Whether the planned crash came.
    pub(crate) fn is_crashed(&self) -> bool {
        watched(|watch| watch.is_crashed)
    }

    /// Makes the folder what may be on the disk after a crash at this moment, and lets steps succeed again. What still
    /// has files of it open belongs to before the crash: drop it.
    pub(crate) fn restart(&self, lost: Lost) {
        watched(|watch| {
            watch.settle();
            watch.lose(lost);
            let steps = watch.steps;
            *watch = Watch::over(&watch.dir);
            watch.steps = steps;
        });
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        WATCH.set(None);
    }
}

/// In the place of the step that does nothing.
pub(crate) fn step(step: Step<'_>, path: &Path) -> io::Result<()> {
    WATCH.with_borrow_mut(|watch| match watch {
        Some(watch) if path.starts_with(&watch.dir) => watch.step(step, path),
        _ => Ok(()),
    })
}

/// Whether this thread has a disk.
pub(super) fn is_watching() -> bool {
    WATCH.with_borrow(Option::is_some)
}

fn watched<T>(look: impl FnOnce(&mut Watch) -> T) -> T {
    WATCH.with_borrow_mut(|watch| look(watch.as_mut().expect("this thread has a disk")))
}

#[derive(Debug)]
struct Watch {
    dir: PathBuf,
    steps: u64,
    plan: Option<(u64, Fault)>,
    fail_sync: Option<io::ErrorKind>,
    is_crashed: bool,
    /// By inode.
    files: HashMap<u64, Inode>,
    /// Inodes by path, as of the last fsyncs of folders.
    durable: BTreeMap<PathBuf, u64>,
    /// What was done to names since, in order.
    names: Vec<Name>,
    /// Announced, and perhaps done by now.
    announced: Option<Name>,
}

/// A file or a folder. That it is held open keeps its number from being given to another.
#[derive(Debug)]
struct Inode {
    file: File,
    is_folder: bool,
    mode: u32,
    /// As of the last fsync.
    synced: Vec<u8>,
}

#[derive(Debug, Clone)]
enum Name {
    Made(PathBuf, u64),
    Moved(PathBuf, PathBuf, u64),
    Gone(PathBuf, u64),
}

impl Watch {
    fn over(dir: &Path) -> Watch {
        let mut watch = Watch {
            dir: dir.to_owned(),
            steps: 0,
            plan: None,
            fail_sync: None,
            is_crashed: false,
            files: HashMap::new(),
            durable: BTreeMap::new(),
            names: Vec::new(),
            announced: None,
        };
        for path in below(dir) {
            let number = watch.know(&path, true);
            watch.durable.insert(path, number);
        }
        watch
    }

    /// The number of what is at `path`; its bytes are durable if it `is_synced`.
    fn know(&mut self, path: &Path, is_synced: bool) -> u64 {
        let file = File::open(path).expect("what is in the folder can be read");
        let metadata = file.metadata().expect("what is open has metadata");
        let number = metadata.ino();
        self.files.entry(number).or_insert_with(|| {
            let synced = if is_synced && !metadata.is_dir() {
                bytes_of(&file)
            } else {
                Vec::new()
            };
            let (is_folder, mode) = (metadata.is_dir(), metadata.permissions().mode());
            Inode {
                file,
                is_folder,
                mode,
                synced,
            }
        });
        number
    }

    fn step(&mut self, step: Step<'_>, path: &Path) -> io::Result<()> {
        self.settle();
        let number = self.steps;
        self.steps += 1;
        if self.is_crashed {
            return Err(io::Error::other("the machine has crashed"));
        }
        match self.plan {
            Some((planned, Fault::Crash)) if planned == number => {
                self.is_crashed = true;
                return Err(io::Error::other("the machine crashes"));
            }
            Some((planned, Fault::Error(kind))) if planned == number => return Err(kind.into()),
            _ => {}
        }
        let is_sync = matches!(step, Step::Sync | Step::SyncFolder);
        if let Some(kind) = self.fail_sync.take_if(|_| is_sync) {
            return Err(kind.into());
        }
        self.take(step, path);
        Ok(())
    }

    /// Believes that `step` will be done.
    fn take(&mut self, step: Step<'_>, path: &Path) {
        match step {
            Step::Create => self.announced = Some(Name::Made(path.to_owned(), 0)),
            Step::Remove if path.exists() => {
                let number = self.know(path, true);
                self.announced = Some(Name::Gone(path.to_owned(), number));
            }
            Step::Rename(from) if from.exists() => {
                let number = self.know(from, true);
                self.announced = Some(Name::Moved(from.to_owned(), path.to_owned(), number));
            }
            Step::Sync if path.exists() => {
                let number = self.know(path, false);
                if let Some(inode) = self.files.get_mut(&number) {
                    inode.synced = bytes_of(&inode.file);
                }
            }
            // Before bytes change that came here without a step, those that are there are what is durable.
            Step::Write | Step::Truncate if path.exists() => {
                self.know(path, true);
            }
            Step::SyncFolder => self.sync_folder(path),
            _ => {}
        }
    }

    /// Finds out whether the announced step was done.
    fn settle(&mut self) {
        let is_at = |path: &Path, number| fs::metadata(path).is_ok_and(|metadata| metadata.ino() == number);
        match self.announced.take() {
            Some(Name::Made(path, _)) if path.exists() && !self.is_known(&path) => {
                let number = self.know(&path, false);
                self.names.push(Name::Made(path, number));
            }
            Some(Name::Moved(from, to, number)) if is_at(&to, number) => {
                self.names.push(Name::Moved(from, to, number));
            }
            Some(Name::Gone(path, number)) if !is_at(&path, number) => {
                self.names.push(Name::Gone(path, number));
            }
            _ => {}
        }
    }

    fn is_known(&self, path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|metadata| self.files.contains_key(&metadata.ino()))
    }

    fn sync_folder(&mut self, dir: &Path) {
        let is_in = |path: &PathBuf| path.parent() == Some(dir);
        for name in std::mem::take(&mut self.names) {
            let touches = match &name {
                Name::Made(path, _) | Name::Gone(path, _) => is_in(path),
                Name::Moved(from, to, _) => is_in(from) || is_in(to),
            };
            if touches {
                apply(&mut self.durable, &name);
            } else {
                self.names.push(name);
            }
        }
    }

    /// Makes the folder what the disk may hold.
    fn lose(&mut self, lost: Lost) {
        let mut chance = Chance::new(lost);
        let mut names = self.durable.clone();
        let mut known: Vec<PathBuf> = names.keys().cloned().collect();
        for name in &self.names {
            match name {
                Name::Made(path, _) | Name::Gone(path, _) => known.push(path.clone()),
                Name::Moved(from, to, _) => known.extend([from.clone(), to.clone()]),
            }
            if chance.keeps() {
                apply(&mut names, name);
            }
        }
        let contents: HashMap<u64, Vec<u8>> = self
            .files
            .iter()
            .filter(|(_, inode)| !inode.is_folder)
            .map(|(number, inode)| (*number, chance.content(&inode.synced, &bytes_of(&inode.file))))
            .collect();
        known.sort();
        for path in known.iter().rev().filter(|path| path.exists()) {
            if !path.is_dir() {
                fs::remove_file(path).expect("a file of the test can be removed");
            } else if !names.contains_key(path) {
                fs::remove_dir_all(path).expect("a folder of the test can be removed");
            }
        }
        // In order, so that a folder comes before what is in it.
        for (path, number) in names {
            let inode = &self.files[&number];
            if inode.is_folder {
                fs::create_dir_all(&path).expect("a folder of the test can be made");
            } else if path.parent().is_some_and(Path::is_dir) {
                fs::write(&path, &contents[&number]).expect("a file of the test can be written");
                fs::set_permissions(&path, PermissionsExt::from_mode(inode.mode)).expect("its mode too");
            }
        }
    }
}

/// Does to `names` what was done; nothing where something earlier that it stands on is lost.
fn apply(names: &mut BTreeMap<PathBuf, u64>, name: &Name) {
    match name {
        Name::Made(path, number) => {
            names.entry(path.clone()).or_insert(*number);
        }
        Name::Moved(from, to, number) => {
            // A move that is durable is so without the making: a file system writes both or the later one whole.
            if names.get(from) == Some(number) {
                names.remove(from);
            }
            names.insert(to.clone(), *number);
        }
        Name::Gone(path, number) => {
            if names.get(path) == Some(number) {
                names.remove(path);
            }
        }
    }
}

/// What a crash picks.
struct Chance {
    lost: Lost,
    picked: u64,
}

impl Chance {
    fn new(lost: Lost) -> Chance {
        Chance { lost, picked: 0 }
    }

    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        let Lost::Some(seed) = self.lost else {
            return 0;
        };
        self.picked += 1;
        let random = xxh3_64_with_seed(&self.picked.to_le_bytes(), seed);
        usize::try_from(random % bound as u64).expect("it is below a length")
    }

    fn keeps(&mut self) -> bool {
        match self.lost {
            Lost::All => false,
            Lost::Nothing => true,
            Lost::Some(_) => self.below(2) == 0,
        }
    }

    /// What is left of a file of which `synced` was durable and `present` was written.
    fn content(&mut self, synced: &[u8], present: &[u8]) -> Vec<u8> {
        match self.lost {
            Lost::All => return synced.to_vec(),
            Lost::Nothing => return present.to_vec(),
            Lost::Some(_) if synced == present => return synced.to_vec(),
            Lost::Some(_) => {}
        }
        let common = synced.iter().zip(present).take_while(|(a, b)| a == b).count();
        let reached = common + self.below(present.len() - common + 1);
        match self.below(4) {
            0 => synced.to_vec(),
            1 => present.to_vec(),
            // The length got to the disk, part of the bytes did not.
            2 => {
                let mut torn = present.to_vec();
                torn[reached..].fill(0);
                torn
            }
            _ => present[..reached].to_vec(),
        }
    }
}

/// Everything below `dir`.
fn below(dir: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        let is_folder = path.is_dir();
        paths.push(path.clone());
        if is_folder {
            paths.extend(below(&path));
        }
    }
    paths
}

fn bytes_of(file: &File) -> Vec<u8> {
    let length = file.metadata().expect("an open file has metadata").len();
    let mut bytes = vec![0; usize::try_from(length).expect("files of tests are small")];
    file.read_exact_at(&mut bytes, 0)
        .expect("an open file can be read");
    bytes
}
