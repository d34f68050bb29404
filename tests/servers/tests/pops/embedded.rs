//! The page in a page of somebody else: a CRM that opens its own record instead.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use servers::chromium::{Browser, Page};

use crate::desk::hook;
use crate::floor::Floor;
use crate::people::{ADA, HOUSEHOLD};

/// A web server of somebody else, with one page.
struct Elsewhere {
    at: SocketAddr,
    ended: Arc<AtomicBool>,
}

impl Elsewhere {
    /// Where it will be, and what makes it serve a page.
    fn begin() -> (Elsewhere, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let ended = Arc::default();
        (Elsewhere { at, ended }, listener)
    }

    fn serve(&self, listener: TcpListener, body: &str) {
        let page =
            format!("<!doctype html><html lang=en><title>CRM</title><link rel=icon href=data:,>{body}");
        let ended = Arc::clone(&self.ended);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                answer(stream, &page);
            }
        });
    }

    fn origin(&self) -> String {
        format!("http://{}", self.at)
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let _woken = TcpStream::connect(self.at);
    }
}

fn answer(mut stream: TcpStream, page: &str) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    while lines
        .next()
        .and_then(Result::ok)
        .is_some_and(|line| !line.is_empty())
    {}
    let length = page.len();
    // Whoever has gone again needs no answer.
    let _gone = write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{page}"
    );
}

/// What the page elsewhere was told, of one type.
fn told(page: &Page<'_>, kind: &str) -> Vec<Value> {
    let script =
        "return window.told.filter(it => it.data?.source == 'ringside' && it.data.type == arguments[0])";
    serde_json::from_value(page.evaluate(script, &[json!(kind)])).unwrap()
}

const LISTEN: &str = "<script>window.told = []; addEventListener('message', (it) => told.push({origin: it.origin, data: it.data}))</script>";

#[test]
fn a_crm_is_told_of_rings_and_links() {
    let (crm, listener) = Elsewhere::begin();
    let floor = Floor::open(&format!("[profile.main]\norigins = [\"{}\"]\n", crm.origin()));
    let frame = format!(
        "{LISTEN}<iframe title=calls width=420 height=800 src=\"{}\"></iframe>",
        floor.url("/gadget?agent=1001")
    );
    crm.serve(listener, &frame);
    let browser = Browser::open();
    browser.allow(&floor.url(""));
    let page = browser.page(&format!("{}/", crm.origin()));
    page.within("iframe", |inside| inside.until_shown("body[data-stream=live]"));
    let call = floor.ring(HOUSEHOLD, "1001");
    page.until("the CRM is told of the ring", || !told(&page, "ring").is_empty());
    let ring = told(&page, "ring");
    assert_eq!(ring.len(), 1, "{ring:?}");
    assert_eq!(ring[0]["origin"], floor.url(""));
    assert!(ring[0].to_string().contains(&call), "{ring:?}");
    page.within("iframe", |inside| {
        inside.until_shown("[data-test=choice]");
        inside.evaluate(
            "return new Promise(done => setTimeout(() => done(null), 400))",
            &[],
        );
        inside.click("[data-test=\"choice\"][data-id=\"c-21\"]");
        inside.until_says(&hook("name"), "William");
    });
    page.until("the CRM is told of the link", || {
        told(&page, "link")
            .iter()
            .any(|link| link.to_string().contains("c-21"))
    });
}

#[test]
fn a_page_that_is_not_listed_has_no_frame_and_hears_nothing() {
    let (stranger, listener) = Elsewhere::begin();
    let floor = Floor::open("[profile.main]\norigins = [\"https://crm.example\"]\n");
    let frame = format!(
        "{LISTEN}<iframe title=calls src=\"{}\"></iframe>",
        floor.url("/gadget?agent=1001")
    );
    stranger.serve(listener, &frame);
    let browser = Browser::open();
    browser.allow(&floor.url(""));
    browser.expect("frame-ancestors");
    browser.expect("chrome-error:");
    let page = browser.page(&format!("{}/", stranger.origin()));
    floor.ring(ADA, "1001");
    page.until("the browser refuses the frame", || {
        browser.complaints().is_empty()
            && page.evaluate(
                "return document.querySelector('iframe').contentDocument == null",
                &[],
            ) == true
    });
    assert_eq!(page.evaluate("return window.told", &[]), json!([]));
    page.within("iframe", |inside| assert!(!inside.shows(&hook("name"))));
}

#[test]
fn a_page_has_the_desk_as_an_element() {
    let (crm, listener) = Elsewhere::begin();
    let floor = Floor::open(&format!("[profile.main]\norigins = [\"{}\"]\n", crm.origin()));
    let element = format!(
        "{LISTEN}<script type=module src=\"{}\"></script><ringside-desk agent=1001></ringside-desk>",
        floor.url("/gadget/ringside-desk.js")
    );
    crm.serve(listener, &element);
    let browser = Browser::open();
    browser.allow(&floor.url(""));
    let page = browser.page(&format!("{}/", crm.origin()));
    page.within("iframe", |inside| inside.until_shown("body[data-stream=live]"));
    floor.ring(ADA, "1001");
    page.within("iframe", |inside| {
        inside.until_says(&hook("name"), "Ada Lovelace")
    });
    assert!(page.violations().is_empty(), "{:?}", page.violations());
}
