//! Chromium as agents have it: browsers with tabs, driven through chromedriver over WebDriver, and looked at.
//!
//! One chromedriver serves all tests of a process that overlap, and hands its browsers on from test to test; it ends with
//! the last of them. A browser is a profile of its own. What a test leaves behind in it is closed, and what a page complained
//! of, or asked of others, fails the test that had it open.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::built;

mod audit;
mod driver;
mod keys;
mod page;

pub use audit::Violation;
pub use keys::Key;
pub use page::Page;

use driver::{Driver, Session};

/// Width and height of the page beside a softphone, in pixels.
pub const PANEL: (u32, u32) = (420, 900);

/// A browser with a profile of its own, for one test at a time.
#[derive(Debug)]
pub struct Browser {
    driver: Arc<Driver>,
    session: Session,
    /// The blank tab, which is never closed.
    home: String,
    /// The tab that commands go to.
    current: RefCell<String>,
    /// Origins that pages may ask something of.
    origins: RefCell<Vec<String>>,
    /// Parts of complaints that a test causes on purpose.
    expected: RefCell<Vec<String>>,
}

impl Browser {
    /// A browser that nobody else has meanwhile.
    pub fn open() -> Browser {
        let driver = Driver::shared();
        let session = driver.session();
        let home = session.command("GET", "/window", &Value::Null);
        let home = home.as_str().unwrap().to_owned();
        Browser {
            driver,
            session,
            current: RefCell::new(home.clone()),
            home,
            origins: RefCell::default(),
            expected: RefCell::default(),
        }
    }

    /// A tab of its own with `url`, once it is loaded; pages may ask for things of its origin from now on.
    pub fn page(&self, url: &str) -> Page<'_> {
        let page = self.blank();
        page.visit(url);
        page
    }

    /// An empty tab, for what is to be set ahead of a visit.
    pub fn blank(&self) -> Page<'_> {
        let opened = self.command(&self.home, "POST", "/window/new", &json!({"type": "tab"}));
        let page = Page::new(self, opened["handle"].as_str().unwrap().to_owned());
        page.resize(PANEL.0, PANEL.1, 1.0);
        page
    }

    /// Pages may ask for things of `origin`, as `http://127.0.0.1:7464`.
    pub fn allow(&self, origin: &str) {
        let mut origins = self.origins.borrow_mut();
        if !origins.iter().any(|known| known == origin) {
            origins.push(origin.to_owned());
        }
    }

    /// Complaints of the console that contain `part` are meant from now on.
    pub fn expect(&self, part: &str) {
        self.expected.borrow_mut().push(part.to_owned());
    }

    /// What pages complained of and what they asked of others since the last time, save what was expected.
    pub fn complaints(&self) -> Vec<String> {
        let mut found = audit::console(&self.session, &self.expected.borrow());
        found.extend(audit::strangers(&self.session, &self.origins.borrow()));
        found
    }

    /// Runs a command in the tab `handle`.
    fn command(&self, handle: &str, method: &str, path: &str, body: &Value) -> Value {
        self.attempt(handle, method, path, body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    fn attempt(&self, handle: &str, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        if *self.current.borrow() != handle {
            self.session
                .command("POST", "/window", &json!({"handle": handle}));
            handle.clone_into(&mut self.current.borrow_mut());
        }
        self.session.attempt(method, path, body)
    }

    /// Closes all tabs but the blank one.
    fn tidy(&self) -> Result<(), String> {
        let handles = self.attempt(&self.home, "GET", "/window/handles", &Value::Null)?;
        let handles: Vec<String> = serde_json::from_value(handles).map_err(|error| error.to_string())?;
        for handle in handles.iter().filter(|handle| **handle != self.home) {
            self.attempt(handle, "DELETE", "/window", &Value::Null)?;
        }
        self.attempt(&self.home, "POST", "/url", &json!({"url": "about:blank"}))?;
        Ok(())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // In whatever state it is: nobody else is to have it.
            self.driver.discard(&self.session);
            return;
        }
        let complaints = self.complaints();
        match self.tidy() {
            Ok(()) => self.driver.give_back(self.session.clone()),
            Err(_) => self.driver.discard(&self.session),
        }
        assert!(
            complaints.is_empty(),
            "pages complained:\n{}",
            complaints.join("\n")
        );
    }
}

/// The script of axe-core that `tests/servers/install/chromium.sh` fetches.
fn axe() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| built().parent().unwrap().to_owned());
    target.join("servers/axe-core-4.14.1/axe.min.js")
}
