//! Generations that were built elsewhere: copied beside what is served, then judged and taken up as any other.

use serde_json::json;

use super::building::{Published as Act, Reserved};
use super::{ActError, Generations};
use crate::app::catch_up::{FetchError, Offered, Origin};
use crate::feed::copies::Published;
use crate::snapshot::folder::{self, Held};

impl Generations {
    /// Whether there is no customer, and never was: nothing that came can be lost.
    pub(in crate::app) fn is_empty(&self) -> bool {
        self.live.as_ref().is_some_and(|live| {
            let snapshot = live.index.snapshot();
            snapshot.header().generation == 0 && live.index.seq() == 0
        })
    }

    /// When the generation that is served was made, in milliseconds since 1970; 0 where there is none.
    pub(in crate::app) fn made_at_ms(&self) -> i64 {
        let live = self.live.as_ref();
        live.map_or(0, |live| live.index.snapshot().header().created_at_ms)
    }

    /// Whether the service ends.
    pub(in crate::app) fn is_ending(&self) -> bool {
        self.ending.load(std::sync::atomic::Ordering::Acquire)
    }

    /// Takes over what `origin` offers, on behalf of `feed` where one needs it; where `only_if_empty`, unless customers have come
    /// meanwhile. `go_on` is told how many bytes are here, and says whether to go on.
    ///
    /// # Errors
    /// It cannot be had, is not whole, or cannot be published; what is served then stays.
    pub(in crate::app) fn take_over(
        &self,
        origin: &Origin,
        offered: &Offered,
        feed: Option<&str>,
        only_if_empty: bool,
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Published, FetchError> {
        let held = self.held.folder().hold_build()?;
        // What a copy has left there has nothing to do with this.
        folder::spend_build(held.folder().dir());
        let reserved = self
            .reserve_for(origin, feed, only_if_empty, &held)
            .map_err(told)?;
        let taken = self.take(origin, offered, only_if_empty, &held, &reserved, go_on);
        if taken.is_err() {
            // It is of use to nobody.
            let build = json!({"build": reserved.build}).to_string();
            let _dropped = self.drop_build(build.as_bytes());
        }
        held.remove();
        taken
    }

    fn take(
        &self,
        origin: &Origin,
        offered: &Offered,
        only_if_empty: bool,
        held: &Held,
        reserved: &Reserved,
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Published, FetchError> {
        let path = origin.copy(offered, held, reserved.generation, go_on)?;
        // What comes from here on is looked for while the feeds stand still.
        if only_if_empty && !self.is_empty() {
            return Err(FetchError::Fed);
        }
        let asked = json!({
            "build": reserved.build,
            "snapshot": path.file_name().map(|name| name.to_string_lossy()),
            "rows": offered.customers,
            "refused": 0,
        });
        let done = self.publish(asked.to_string().as_bytes()).map_err(told)?;
        let done: Act = serde_json::from_value(done).map_err(|error| told(ActError::Body(error)))?;
        Ok(done.into())
    }

    fn reserve_for(
        &self,
        origin: &Origin,
        feed: Option<&str>,
        only_if_empty: bool,
        held: &Held,
    ) -> Result<Reserved, ActError> {
        let asked = json!({
            "input": origin.to_string(),
            "dir": held.folder().dir().file_name().map(|name| name.to_string_lossy()),
            "replace": true,
            "copy_of": feed,
            "fetched": true,
            "only_if_empty": only_if_empty,
        });
        let reserved = self.reserve(asked.to_string().as_bytes())?;
        serde_json::from_value(reserved).map_err(ActError::Body)
    }
}

fn told(error: ActError) -> FetchError {
    match error {
        ActError::Ended => FetchError::Ended,
        ActError::Came => FetchError::Fed,
        ActError::Folder(error) => FetchError::Folder(error),
        other => FetchError::Act(other.to_string()),
    }
}
