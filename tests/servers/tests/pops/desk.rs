//! An agent's page, by its hooks: what an agent sees there and does.

use std::fmt::Write;
use std::ops::Deref;
use std::path::PathBuf;

use serde_json::json;
use servers::chromium::{Browser, Page};

use crate::floor::Floor;

/// The page of one agent, in a tab.
#[derive(Debug)]
pub(crate) struct Desk<'browser> {
    page: Page<'browser>,
}

impl<'browser> Desk<'browser> {
    /// The page of `agent`, connected.
    #[track_caller]
    pub(crate) fn of(browser: &'browser Browser, floor: &Floor, agent: &str) -> Desk<'browser> {
        Desk::with(browser, floor, &format!("agent={agent}"))
    }

    /// As [`Desk::of`], with `query` in its address.
    #[track_caller]
    pub(crate) fn with(browser: &'browser Browser, floor: &Floor, query: &str) -> Desk<'browser> {
        let desk = Desk::on(browser.blank(), floor, query);
        desk.until_is("stream", "live");
        desk
    }

    /// In `page`, whether it connects or not.
    #[track_caller]
    pub(crate) fn on(page: Page<'browser>, floor: &Floor, query: &str) -> Desk<'browser> {
        Desk::at(page, &floor.url(&format!("/gadget?{query}")))
    }

    /// The page at `url`, in `page`.
    #[track_caller]
    pub(crate) fn at(page: Page<'browser>, url: &str) -> Desk<'browser> {
        page.visit(url);
        Desk { page }
    }

    /// What the page says of itself: its `page`, `call`, `stream` or `pop`.
    pub(crate) fn is(&self, what: &str) -> String {
        let value = self.page.attribute("body", &format!("data-{what}"));
        value.unwrap_or_default()
    }

    /// Waits until the page says so of itself.
    #[track_caller]
    pub(crate) fn until_is(&self, what: &str, expected: &str) {
        self.page.until(&format!("data-{what} is {expected}"), || {
            self.is(what) == expected
        });
    }

    /// Waits for `page` in the state `call`, which is all that tells an agent what is up.
    #[track_caller]
    pub(crate) fn until_shows(&self, page: &str, call: &str) {
        let wanted = (page.to_owned(), call.to_owned());
        let what = format!("{page} of a call that is {call} is shown");
        self.page
            .until(&what, || (self.is("page"), self.is("call")) == wanted);
    }

    /// The text of the first `name`, or nothing where it is not shown.
    pub(crate) fn says(&self, name: &str) -> String {
        self.page.text(&hook(name)).unwrap_or_default()
    }

    /// The texts of every `name` that is shown.
    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        self.page.texts(&hook(name))
    }

    /// Whether there is a `name` to be seen.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.page.shows(&hook(name))
    }

    /// Waits until `name` says `part`.
    #[track_caller]
    pub(crate) fn hears(&self, name: &str, part: &str) {
        self.page.until_says(&hook(name), part);
    }

    /// Waits until there is no `name` to be seen.
    #[track_caller]
    pub(crate) fn loses(&self, name: &str) {
        self.page.until_gone(&hook(name));
    }

    /// Clicks the first `name`.
    #[track_caller]
    pub(crate) fn does(&self, name: &str) {
        self.clicks(&hook(name));
    }

    /// Clicks the first element of `selector`, as soon as a person could mean it: what a ring has put under the pointer just
    /// now is not what was aimed at, and the page takes no clicks on it.
    #[track_caller]
    pub(crate) fn clicks(&self, selector: &str) {
        self.page.until_shown(selector);
        let settled = "return new Promise(done => setTimeout(() => done(null), 400))";
        self.page.evaluate(settled, &[]);
        self.page.click(selector);
    }

    /// Clicks the `name` of the customer `id`.
    #[track_caller]
    pub(crate) fn chooses(&self, name: &str, id: &str) {
        self.clicks(&of(name, "id", id));
    }

    /// Waits until a search has found the customer `id` and nobody else: of what is typed beginnings are searched for too.
    #[track_caller]
    pub(crate) fn until_finds_only(&self, id: &str) {
        let script = "return [...document.querySelectorAll('[data-test=find-row]')].map(it => it.dataset.id)";
        self.page.until(&format!("{id} alone is found"), || {
            self.page.evaluate(script, &[]) == json!([id])
        });
    }

    /// Types `text` into the first `name`.
    #[track_caller]
    pub(crate) fn types(&self, name: &str, text: &str) {
        self.page.fill(&hook(name), text);
    }

    /// Fails where the page shuts people out as it is now, dark or light, or has to be scrolled sideways when it is twice as
    /// large; `state` is what it shows.
    #[track_caller]
    pub(crate) fn suits_everybody(&self, state: &str) {
        let mut wrong = String::new();
        for scheme in ["dark", "light"] {
            self.page.scheme(scheme);
            for violation in self.page.violations() {
                writeln!(wrong, "{state}, {scheme}: {violation}").unwrap();
            }
        }
        for times in [1, 2] {
            self.page.zoom(times);
            let overflow = self.page.overflow();
            if overflow > 0 {
                writeln!(wrong, "{state}, × {times}: {overflow} pixels too wide").unwrap();
            }
        }
        self.page.zoom(1);
        assert!(wrong.is_empty(), "{wrong}");
    }

    /// Keeps a picture of the page called `name`, where `RINGSIDE_PICTURES` says in which folder.
    pub(crate) fn picture(&self, name: &str, scheme: &str) {
        let Some(folder) = std::env::var_os("RINGSIDE_PICTURES").map(PathBuf::from) else {
            return;
        };
        // A test runs in its package's folder; who names one means the repository's.
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
        let file = root.join(folder).join(format!("gadget-{name}.png"));
        self.page.point_away();
        self.page.scheme(scheme);
        let bytes = self.page.picture(&file);
        println!("{}: {bytes} bytes", file.display());
        self.page.scheme("light");
    }
}

impl<'browser> Deref for Desk<'browser> {
    type Target = Page<'browser>;

    fn deref(&self) -> &Page<'browser> {
        &self.page
    }
}

/// The selector of a hook.
pub(crate) fn hook(name: &str) -> String {
    format!("[data-test=\"{name}\"]")
}

/// The selector of a hook whose `data-` attribute has this value.
pub(crate) fn of(name: &str, attribute: &str, value: &str) -> String {
    format!("[data-test=\"{name}\"][data-{attribute}=\"{value}\"]")
}
