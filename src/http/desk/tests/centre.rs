//! A desk for desktops in tests, and desktops.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use futures_util::{SinkExt, StreamExt};
use hyper::body::Incoming;
use hyper::service::Service;
use hyper::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{Message as Frame, Role};

use crate::callers::Reply;
use crate::http::connection::{self, Written};
use crate::http::deadline::{Watch, Watches};
use crate::http::desk::fault::Fault;
use crate::http::desk::listening::Opening;
use crate::http::desk::render::Render;
use crate::http::desk::socket::open as socket;
use crate::http::desk::sse::{last_event_id, open as events};
use crate::http::ending::{Ending, Ends};
use crate::http::head::Head;
use crate::http::lane::AtOnce;
use crate::http::meters::{Ended, Meters};
use crate::http::settings::{Heads, Timeouts};
use crate::http::shadow::Outgoing;
use crate::metrics::Metrics;
use crate::pop::{DeskSettings, Desks, Kind, Message, Shown, State};

const PATIENCE: Duration = Duration::from_secs(20);
const HANDSHAKE: &str =
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

pub(super) fn settings() -> DeskSettings {
    DeskSettings {
        heartbeat_s: 10,
        queue_max: 16,
        replay_max: 16,
        replay_s: 60,
        streams_per_agent_max: 3,
        ticket_s: 30,
        tickets_max: 100,
        missed_s: 3600,
    }
}

pub(super) fn message(agent: &str, id: u64) -> Arc<Message> {
    let pop = shown(&format!("p{id}"));
    Arc::new(Message {
        id,
        kind: Kind::Pop,
        agent: agent.into(),
        pop,
    })
}

fn shown(pop_id: &str) -> Arc<Shown> {
    Arc::new(Shown {
        pop_id: pop_id.into(),
        call_id: "c1".into(),
        agent: "1001".into(),
        state: State::Ringing,
        at: 0,
        answered_at: None,
        ended_at: None,
        shown_by: None,
        extension: None,
        facts: Arc::default(),
        link: None,
        wrap_up: None,
        agents: Arc::new([]),
    })
}

/// What desktops connect to.
#[derive(Clone)]
pub(super) struct Centre {
    pub(super) desks: Arc<Desks>,
    meters: Arc<Meters>,
    metrics: Arc<Metrics>,
    seen: Arc<Seen>,
    watches: Arc<Watches>,
    ends: Ends,
    ending: Ending,
}

/// What the desk shows and has heard.
#[derive(Default)]
struct Seen {
    present: Mutex<(Vec<Arc<Shown>>, u64)>,
    acknowledged: Mutex<Vec<(String, String)>>,
    rules_changed: AtomicBool,
    padding: AtomicUsize,
}

struct Eyes(Arc<Seen>);

impl Render for Eyes {
    fn render(&self, message: &Message, out: &mut BytesMut) {
        let padding = " ".repeat(self.0.padding.load(Ordering::Relaxed));
        // Line breaks, as a document might have them.
        let json = format!(
            "{{\"id\":{},\n\n\"pop_id\":\"{}\"{padding}}}",
            message.id, message.pop.pop_id
        );
        out.extend_from_slice(json.as_bytes());
    }

    fn current(&self) -> (Vec<Arc<Shown>>, u64) {
        self.0.present.lock().unwrap().clone()
    }

    fn epoch(&self) -> u64 {
        1
    }

    fn acknowledge(&self, pop_id: &str, tab: &str) {
        let mut acknowledged = self.0.acknowledged.lock().unwrap();
        acknowledged.push((pop_id.to_owned(), tab.to_owned()));
    }

    fn may_go_on(&self) -> bool {
        !self.0.rules_changed.load(Ordering::Relaxed)
    }
}

/// Begins streams, whatever the path.
struct Doorman {
    centre: Centre,
    watch: Arc<Watch>,
}

impl Service<Request<Incoming>> for Doorman {
    type Response = Response<Outgoing>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Outgoing>, Infallible>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let upgrade = hyper::upgrade::on(&mut request);
        let headers = request.headers();
        let opening = Opening {
            desks: &self.centre.desks,
            agent: "1001",
            tab: None,
            after: last_event_id(headers, request.uri().query().unwrap_or_default()),
            render: Box::new(Eyes(Arc::clone(&self.centre.seen))),
            watch: &self.watch,
            meters: &self.centre.meters,
        };
        let response = if headers.contains_key("upgrade") {
            socket(headers, false, &[], upgrade, opening)
        } else {
            events(opening)
        };
        ready(Ok(response.unwrap_or_else(Fault::response)))
    }
}

impl AtOnce for Doorman {
    fn answer_at_once(&self, _head: Head<'_>, _out: &mut BytesMut) -> Option<Reply> {
        None
    }
}

impl Centre {
    pub(super) fn new(settings: DeskSettings) -> Centre {
        let metrics = Arc::new(Metrics::new().unwrap());
        let meters = Arc::new(Meters::register(&metrics).unwrap());
        let timeouts = Timeouts {
            head: PATIENCE,
            idle: PATIENCE,
            write: Duration::from_millis(100),
        };
        let watches = Watches::new(timeouts, &meters, &Arc::default());
        tokio::spawn(Arc::clone(&watches).look());
        let (ends, ending) = Ends::new();
        Centre {
            desks: Arc::new(Desks::new(&settings)),
            meters,
            metrics,
            seen: Arc::default(),
            watches,
            ends,
            ending,
        }
    }

    /// One more connection.
    async fn connect(&self) -> TcpStream {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .unwrap();
        let connected = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let watch = self.watches.watch();
        let service = Doorman {
            centre: self.clone(),
            watch: Arc::clone(&watch),
        };
        let heads = Heads {
            max_bytes: 16 << 10,
            headers_max: 64,
            uri_max_bytes: 4 << 10,
        };
        let listed = self.watches.reserve();
        let id = listed.id();
        let serving = connection::serve(
            Written::new(stream, &watch),
            service,
            Arc::clone(&watch),
            heads,
            self.ending.of_connection(),
        );
        let task = tokio::spawn(async move {
            let _until_it_ends = listed;
            serving.await;
        });
        self.watches.list(id, watch, task.abort_handle());
        connected
    }

    pub(super) async fn events(&self, headers: &str) -> Events {
        let mut desktop = Events {
            stream: self.connect().await,
            read: Vec::new(),
            is_whole: false,
        };
        desktop.ask(headers).await;
        desktop
    }

    pub(super) async fn handshake(&self, headers: &str) -> String {
        let mut desktop = Events {
            stream: self.connect().await,
            read: Vec::new(),
            is_whole: false,
        };
        let version = match headers.contains("Version") {
            true => "",
            false => "Sec-WebSocket-Version: 13\r\n",
        };
        desktop.ask(&format!("{HANDSHAKE}{version}{headers}")).await;
        let head = desktop.until("\r\n\r\n").await;
        if head.contains("101") {
            return head;
        }
        head + &desktop.until("}}").await
    }

    pub(super) async fn socket(&self, headers: &str) -> Socket {
        let mut stream = self.connect().await;
        let request = format!(
            "GET /socket HTTP/1.1\r\nHost: desk\r\n{HANDSHAKE}Sec-WebSocket-Version: 13\r\n{headers}\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(
            head.starts_with(b"HTTP/1.1 101"),
            "{}",
            String::from_utf8_lossy(&head)
        );
        Socket(WebSocketStream::from_raw_socket(stream, Role::Client, None).await)
    }

    /// What the desktop is to show, newest first, as of `id`.
    pub(super) fn show(&self, pops: &[&str], id: u64) {
        *self.seen.present.lock().unwrap() = (pops.iter().map(|pop| shown(pop)).collect(), id);
        self.desks.begin_behind(0);
    }

    pub(super) fn long_pops(&self, bytes: usize) {
        self.seen.padding.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn change_rules(&self) {
        self.seen.rules_changed.store(true, Ordering::Relaxed);
    }

    pub(super) fn keep_rules(&self) {
        self.seen.rules_changed.store(false, Ordering::Relaxed);
    }

    pub(super) fn acknowledged(&self) -> Vec<(String, String)> {
        self.seen.acknowledged.lock().unwrap().clone()
    }

    pub(super) fn stop(&self) {
        self.ends.stop();
    }

    /// Streams that ended so.
    pub(super) fn ended(&self, ended: Ended) -> u64 {
        let text = self.metrics.encode_text().unwrap();
        let reason = ["gone", "behind", "anew", "stop", "rules", "fault"][ended as usize];
        let line = format!("ringside_http_streams_ended_total{{reason=\"{reason}\"}} ");
        let value = text.lines().find_map(|found| found.strip_prefix(&line)).unwrap();
        value.parse().unwrap()
    }

    pub(super) async fn until_ended(&self, ended: Ended, count: u64) {
        self.until(|centre| centre.ended(ended) == count).await;
    }

    pub(super) async fn until(&self, is_it: impl Fn(&Centre) -> bool) {
        let begin = Instant::now();
        while !is_it(self) {
            assert!(begin.elapsed() < PATIENCE, "it does not come");
            tokio::task::yield_now().await;
        }
    }
}

/// A desktop that reads events.
pub(super) struct Events {
    stream: TcpStream,
    read: Vec<u8>,
    is_whole: bool,
}

impl Events {
    pub(super) async fn ask(&mut self, headers: &str) {
        let request = format!("GET /events HTTP/1.1\r\nHost: desk\r\n{headers}\r\n");
        self.stream.write_all(request.as_bytes()).await.unwrap();
    }

    /// What comes up to `end`, and with it.
    pub(super) async fn until(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = self
                .read
                .windows(end.len())
                .position(|window| window == end.as_bytes())
            {
                let found = self.read.drain(..at + end.len()).collect();
                return String::from_utf8(found).unwrap();
            }
            let read = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.read));
            let count = read.await.expect("nothing came").unwrap();
            assert!(count > 0, "it ended: {}", String::from_utf8_lossy(&self.read));
        }
    }

    /// The next event, without its last line break. Lengths of chunks are left out: no event here has a line of
    /// hexadecimal digits alone.
    pub(super) async fn event(&mut self) -> String {
        let text = self.until("\n\n").await;
        let is_length = |line: &str| {
            let line = line.trim_end_matches('\r');
            line.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        let lines: Vec<&str> = text.lines().filter(|line| !is_length(line)).collect();
        lines.join("\n")
    }

    /// The data of the event that is to be a hello.
    pub(super) async fn hello(&mut self) -> serde_json::Value {
        self.until("event: hello\ndata: ").await;
        let data = self.until("\n\n").await;
        serde_json::from_str(&data).unwrap()
    }

    /// Waits until the connection ends, or the body does.
    pub(super) async fn ends(&mut self) {
        while !self.is_whole {
            let read = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.read));
            let count = read.await.expect("nothing came").unwrap();
            self.is_whole = self.read.ends_with(b"\r\n0\r\n\r\n");
            if count == 0 {
                return;
            }
        }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }
}

/// A desktop with a WebSocket.
pub(super) struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    pub(super) async fn frame(&mut self) -> Option<Frame> {
        let frame = tokio::time::timeout(PATIENCE, self.0.next());
        frame.await.expect("nothing came").map(|frame| frame.unwrap())
    }

    pub(super) async fn json(&mut self) -> serde_json::Value {
        let Some(Frame::Text(text)) = self.frame().await else {
            panic!("no text");
        };
        serde_json::from_str(&text).unwrap()
    }

    pub(super) async fn close_code(&mut self) -> CloseCode {
        loop {
            match self.frame().await {
                Some(Frame::Close(Some(close))) => return close.code,
                Some(_) => {}
                None => panic!("no goodbye"),
            }
        }
    }

    pub(super) async fn say(&mut self, frame: Frame) {
        self.0.send(frame).await.unwrap();
    }

    pub(super) async fn raw(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).await.unwrap();
    }
}
