//! What the feeds' thread does for files that are watched.

use std::path::PathBuf;
use std::time::Instant;

use super::Feeds;
use crate::feed::watch::Watch;

impl Feeds {
    /// Watches what is followed.
    pub(super) fn watch(&mut self) {
        let followed = self.settings.values().filter(|feed| feed.is_followed());
        let paths: Vec<PathBuf> = followed.map(|feed| feed.path.clone()).collect();
        if !paths.is_empty() {
            self.watch = Watch::begin(&paths, self.signals.clone());
        }
    }

    /// Something was written to a file that is followed.
    pub(super) fn grown(&mut self) {
        if let Some(watch) = &self.watch {
            watch.looked_at();
        }
        let now = Instant::now();
        self.followed.iter_mut().for_each(|followed| followed.hasten(now));
    }
}
