//! A small disk in memory, which can be filled without filling the machine's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::run;

/// What its source is called; the id of the process that made it follows.
const SOURCE: &str = "rspair";
/// Its size in MiB: several times what the tests' few customers and calls take.
const SIZE_MIB: u32 = 192;

/// A disk, which is gone when the value is dropped.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// Mounts one at `folder`, which is made.
    pub fn at(folder: PathBuf) -> Disk {
        fs::create_dir_all(&folder).unwrap();
        let source = format!("{SOURCE}{}", std::process::id());
        let size = format!("size={SIZE_MIB}m");
        run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, &source])
            .arg(&folder));
        Disk { folder }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        unmount(&self.folder);
    }
}

fn unmount(folder: &Path) {
    let _unmounted = Command::new("umount").arg("--lazy").arg(folder).status();
}

/// Unmounts what processes that were killed have left behind.
pub(super) fn sweep() {
    unmount_where(|maker| !fs::exists(format!("/proc/{maker}")).unwrap_or(true));
}

/// Unmounts every disk that the process `maker` has made, for one that has to end at once.
pub fn unmount_all_of(maker: u32) {
    unmount_where(|of| of == maker);
}

fn unmount_where(is_over: impl Fn(u32) -> bool) {
    for line in fs::read_to_string("/proc/mounts").unwrap_or_default().lines() {
        let mut words = line.split(' ');
        let maker = words.next().and_then(|source| source.strip_prefix(SOURCE));
        let maker = maker.and_then(|maker| maker.parse().ok());
        if let (Some(maker), Some(folder)) = (maker, words.next())
            && is_over(maker)
        {
            unmount(Path::new(folder));
        }
    }
}
