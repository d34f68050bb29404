//! One tab: what is in it, and what a person does there.

use std::fs;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::audit::{Violation, look_at};
use super::{Browser, Key, PANEL};
use crate::wait::until;

/// How long a page may take for anything that it does.
const PATIENCE: Duration = Duration::from_secs(20);

/// A tab of a browser, which is closed with the browser.
#[derive(Debug)]
pub struct Page<'browser> {
    browser: &'browser Browser,
    handle: String,
}

impl<'browser> Page<'browser> {
    pub(super) fn new(browser: &'browser Browser, handle: String) -> Page<'browser> {
        Page { browser, handle }
    }

    /// Goes to `url`, and waits until it is loaded.
    #[track_caller]
    pub fn visit(&self, url: &str) {
        let path = url.match_indices('/').nth(2).map_or(url.len(), |(at, _)| at);
        self.browser.allow(&url[..path]);
        self.command("POST", "/url", &json!({"url": url}));
    }

    /// Loads it again.
    pub fn reload(&self) {
        self.command("POST", "/refresh", &Value::Null);
    }

    /// Where it is.
    pub fn url(&self) -> String {
        self.command("GET", "/url", &Value::Null)
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// What the body of a function gives, whose `arguments` are these; a promise is waited for.
    #[track_caller]
    pub fn evaluate(&self, script: &str, arguments: &[Value]) -> Value {
        self.command(
            "POST",
            "/execute/sync",
            &json!({"script": script, "args": arguments}),
        )
    }

    /// The text that a person sees in the first element of `selector` that is shown; `None` where none is.
    pub fn text(&self, selector: &str) -> Option<String> {
        let script = "return [...document.querySelectorAll(arguments[0])]
            .find(it => it.checkVisibility({visibilityProperty: true}))?.innerText.trim() ?? null";
        self.evaluate(script, &[json!(selector)])
            .as_str()
            .map(str::to_owned)
    }

    /// The texts of all elements of `selector` that are shown.
    pub fn texts(&self, selector: &str) -> Vec<String> {
        let script = "return [...document.querySelectorAll(arguments[0])]
            .filter(it => it.checkVisibility({visibilityProperty: true})).map(it => it.innerText.trim())";
        serde_json::from_value(self.evaluate(script, &[json!(selector)])).unwrap()
    }

    /// The attribute `name` of the first element of `selector`.
    pub fn attribute(&self, selector: &str, name: &str) -> Option<String> {
        let script = "return document.querySelector(arguments[0])?.getAttribute(arguments[1])";
        let value = self.evaluate(script, &[json!(selector), json!(name)]);
        value.as_str().map(str::to_owned)
    }

    /// Whether an element of `selector` is shown.
    pub fn shows(&self, selector: &str) -> bool {
        self.text(selector).is_some()
    }

    /// Waits until an element of `selector` is shown.
    #[track_caller]
    pub fn until_shown(&self, selector: &str) {
        self.until(&format!("{selector} is shown"), || self.shows(selector));
    }

    /// Waits until no element of `selector` is shown.
    #[track_caller]
    pub fn until_gone(&self, selector: &str) {
        self.until(&format!("{selector} is gone"), || self.texts(selector).is_empty());
    }

    /// Waits until the text of `selector` contains `part`.
    #[track_caller]
    pub fn until_says(&self, selector: &str, part: &str) {
        self.until(&format!("{selector} says {part:?}"), || {
            self.text(selector).is_some_and(|text| text.contains(part))
        });
    }

    /// Waits until something `holds`; fails with what the page says by then.
    #[track_caller]
    pub fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        until(what, PATIENCE, || {
            if holds() {
                Ok(())
            } else {
                Err(self.text("body").unwrap_or_default())
            }
        });
    }

    /// Clicks the first element of `selector` that is shown, as a mouse does: where something lies over it, that fails.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        let element = self.element(selector);
        self.command("POST", &format!("/element/{element}/click"), &Value::Null);
    }

    /// Types `text` into the first element of `selector`, in place of what is there.
    #[track_caller]
    pub fn fill(&self, selector: &str, text: &str) {
        let element = self.element(selector);
        self.command("POST", &format!("/element/{element}/clear"), &Value::Null);
        self.command(
            "POST",
            &format!("/element/{element}/value"),
            &json!({"text": text}),
        );
    }

    /// Presses `keys`, one after the other, wherever the focus is.
    #[track_caller]
    pub fn press(&self, keys: &[Key]) {
        let mut actions = Vec::new();
        for key in keys {
            let pressed = key.pressed();
            actions.extend(pressed.iter().map(|key| json!({"type": "keyDown", "value": key})));
            actions.extend(
                pressed
                    .iter()
                    .rev()
                    .map(|key| json!({"type": "keyUp", "value": key})),
            );
        }
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": actions});
        self.command("POST", "/actions", &json!({"actions": [keyboard]}));
    }

    /// Presses the keys of `text`.
    #[track_caller]
    pub fn write(&self, text: &str) {
        let keys: Vec<Key> = text.chars().map(Key::Char).collect();
        self.press(&keys);
    }

    /// Moves the focus on by Tab until it is in an element of `selector`.
    #[track_caller]
    pub fn tab_to(&self, selector: &str) {
        for _ in 0..100 {
            if self.has_focus(selector) {
                return;
            }
            self.press(&[Key::Tab]);
        }
        panic!(
            "Tab never reaches {selector}: {}",
            self.text("body").unwrap_or_default()
        );
    }

    /// Whether the focus is in an element of `selector`.
    pub fn has_focus(&self, selector: &str) -> bool {
        let script = "return document.activeElement?.matches(arguments[0]) ?? false";
        self.evaluate(script, &[json!(selector)]) == true
    }

    /// Runs `inside` in the frame `selector`, as if it were the page.
    #[track_caller]
    pub fn within<T>(&self, selector: &str, inside: impl FnOnce(&Page<'browser>) -> T) -> T {
        let script = "const find = (root) => root.querySelector(arguments[0])
                ?? [...root.querySelectorAll('*')].reduce((found, it) => found ?? (it.shadowRoot && find(it.shadowRoot)), null);
            return find(document)";
        let mut frame = Value::Null;
        self.until(&format!("there is a frame {selector}"), || {
            frame = self.evaluate(script, &[json!(selector)]);
            !frame.is_null()
        });
        self.command("POST", "/frame", &json!({"id": frame}));
        let given = inside(self);
        self.command("POST", "/frame", &json!({"id": null}));
        given
    }

    /// Says to the page what the person prefers: `dark` or `light`.
    pub fn scheme(&self, scheme: &str) {
        let features = json!([
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]);
        self.devtools("Emulation.setEmulatedMedia", json!({"features": features}));
        // The page hears of it ahead of a frame; a tab behind others has none, and hears of it at some time.
        self.evaluate(
            "const frame = () => new Promise(requestAnimationFrame);
             return Promise.race([frame().then(frame), new Promise(done => setTimeout(done, 300))]).then(() => null)",
            &[],
        );
    }

    /// The size of what is seen, in the page's pixels, each of which is `scale` of the screen's.
    pub fn resize(&self, width: u32, height: u32, scale: f64) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": scale, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", metrics);
    }

    /// As a person who enlarges the panel `times`.
    pub fn zoom(&self, times: u32) {
        self.resize(PANEL.0 / times, PANEL.1 / times, f64::from(times));
    }

    /// What the person reads best, as `de-DE`.
    pub fn language(&self, language: &str) {
        let agent = self.evaluate("return navigator.userAgent", &[]);
        let language = json!({"userAgent": agent, "acceptLanguage": language});
        self.devtools("Emulation.setUserAgentOverride", language);
    }

    /// Where the person is, as `Europe/Berlin`.
    pub fn zone(&self, zone: &str) {
        self.devtools("Emulation.setTimezoneOverride", json!({"timezoneId": zone}));
    }

    /// A script that runs in it ahead of the page's own, from the next visit on.
    pub fn prepare(&self, script: &str) {
        self.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": script}));
    }

    /// How many pixels it is wider than what is seen.
    pub fn overflow(&self) -> i64 {
        let script = "const it = document.scrollingElement; return it.scrollWidth - it.clientWidth";
        self.evaluate(script, &[]).as_i64().unwrap()
    }

    /// What axe-core has against it that is serious or critical.
    pub fn violations(&self) -> Vec<Violation> {
        look_at(self)
    }

    /// Moves the pointer to where nothing is under it.
    pub fn point_away(&self) {
        let to = json!({"type": "pointerMove", "duration": 0, "x": 0, "y": 0});
        let mouse = json!({"type": "pointer", "id": "mouse", "actions": [to]});
        self.command("POST", "/actions", &json!({"actions": [mouse]}));
    }

    /// Writes a picture of it to `file`, and says how many bytes that are.
    pub fn picture(&self, file: &Path) -> usize {
        let taken = self.devtools("Page.captureScreenshot", json!({"format": "png"}));
        let bytes = STANDARD.decode(taken["data"].as_str().unwrap()).unwrap();
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, &bytes).unwrap();
        bytes.len()
    }

    /// Closes it.
    pub fn close(self) {
        self.command("DELETE", "/window", &Value::Null);
    }

    #[track_caller]
    pub(super) fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({"cmd": command, "params": parameters});
        self.command("POST", "/goog/cdp/execute", &body)
    }

    #[track_caller]
    fn element(&self, selector: &str) -> String {
        self.until_shown(selector);
        let script = "return [...document.querySelectorAll(arguments[0])]
            .find(it => it.checkVisibility({visibilityProperty: true}))";
        let found = self.evaluate(script, &[json!(selector)]);
        let mut values = found.as_object().unwrap().values();
        values.next().and_then(Value::as_str).unwrap().to_owned()
    }

    #[track_caller]
    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        self.browser.command(&self.handle, method, path, body)
    }
}
