//! Callers who ask an address a thousand times a second, whatever becomes of those who asked before.
//!
//! A request is due every millisecond. Those of even milliseconds have a connection of their own each; the others are of
//! callers who keep theirs, and each of these has a request in turn. Whoever cannot connect, because nobody says
//! anything, tries again every 25 ms on another socket (a kernel does so behind a whole second), until a second has
//! passed since the request was due. A refused connection, one that breaks and a wrong status are failures at once, and
//! nothing is sent twice.

use std::cell::RefCell;
use std::fs;
use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep_until, timeout, timeout_at};

use super::silence::{Asked, Came};
use crate::load::head;

/// Between two requests.
const EVERY: Duration = Duration::from_millis(1);
/// From when a request is due until it is given up.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// Between two attempts to connect.
const AGAIN: Duration = Duration::from_millis(25);

/// A request, written out, and what its answer has to hold.
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// With one connection for it alone, and with one that is kept.
    pub(super) request: Vec<u8>,
    /// Somewhere in the body.
    pub(super) expected: Vec<u8>,
}

/// Callers at work, until they are dropped.
#[derive(Debug)]
pub(super) struct Callers {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Result<(), Error>>>,
}

#[derive(Debug)]
struct Shared {
    begun: Instant,
    /// Those that have ended, in the order in which they did.
    asked: Mutex<Vec<Asked>>,
    is_over: AtomicBool,
}

impl Callers {
    /// Begins to ask `address` the `questions` in turn, over `lines` kept connections beside those for one request, in
    /// the network of the thread that calls this.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn begin(
        address: SocketAddr,
        questions: Vec<Question>,
        lines: usize,
    ) -> Result<Callers, Error> {
        let shared = Arc::new(Shared {
            begun: Instant::now(),
            asked: Mutex::default(),
            is_over: AtomicBool::new(false),
        });
        let asking = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("callers".into())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                LocalSet::new().block_on(&runtime, ask_all(address, questions, lines, &asking));
                Ok(())
            })?;
        Ok(Callers {
            shared,
            thread: Some(thread),
        })
    }

    /// The time since they began.
    pub(super) fn now(&self) -> Duration {
        self.shared.begun.elapsed()
    }

    /// What was due from `since` on, in that order, once all that was due until now has ended. What was due before
    /// `since` is forgotten.
    ///
    /// # Errors
    /// They have stopped.
    pub(super) fn asked_since(&self, since: Duration) -> Result<Vec<Asked>, Error> {
        let until = self.now();
        // Each ends within its patience.
        let all_ended = self.shared.begun + until + PATIENCE + 4 * AGAIN;
        while Instant::now() < all_ended {
            self.check()?;
            std::thread::park_timeout(all_ended - Instant::now());
        }
        let mut ended = self.shared.asked();
        ended.retain(|asked| asked.due >= since);
        let mut asked: Vec<Asked> = ended.clone();
        drop(ended);
        asked.sort_unstable_by_key(|asked| asked.due);
        Ok(asked)
    }

    /// Whether nearly all that was due within the last `within` has been answered: on a machine that others use, one in a
    /// hundred fails for no reason of the address's.
    pub(super) fn is_answered(&self, within: Duration) -> bool {
        let since = self.now().saturating_sub(within);
        let ended = self.shared.asked();
        let least = within.as_millis() / EVERY.as_millis() / 2;
        // They end in about the order in which they were due: those that hang come behind others by their patience.
        let lately = ended.iter().rev().take(PATIENCE.as_millis() as usize * 4);
        let (mut answered, mut others) = (0, 0);
        for asked in lately.filter(|asked| asked.due >= since) {
            match asked.came {
                Came::Answered(_) => answered += 1,
                Came::Wrong | Came::Failed | Came::TimedOut => others += 1,
            }
        }
        answered >= least && others * 100 <= answered
    }

    /// What became of the last requests that have ended, for people.
    pub(super) fn lately(&self) -> String {
        let ended = self.shared.asked();
        let last = ended.iter().rev().take(1000);
        let count = |of: &dyn Fn(Came) -> bool| last.clone().filter(|asked| of(asked.came)).count();
        format!(
            "{} answered, {} wrong, {} failed and {} not in time",
            count(&|came| matches!(came, Came::Answered(_))),
            count(&|came| came == Came::Wrong),
            count(&|came| came == Came::Failed),
            count(&|came| came == Came::TimedOut),
        )
    }

    fn check(&self) -> Result<(), Error> {
        match &self.thread {
            Some(thread) if !thread.is_finished() => Ok(()),
            _ => Err(Error::other("the callers have stopped")),
        }
    }
}

/// Makes room in the network of the calling thread, which has to be one of our own, for connections that keep their port for
/// a minute when they have ended.
///
/// # Errors
/// The system does not let us.
pub(super) fn make_room() -> Result<(), Error> {
    let of = |name: &str| format!("/proc/sys/net/ipv4/{name}");
    fs::write(of("ip_local_port_range"), "1024 65000")?;
    fs::write(of("tcp_tw_reuse"), "1")
}

impl Drop for Callers {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // What it could not do has been told by whoever asked for answers.
            let _ended = thread.join();
        }
    }
}

impl Shared {
    fn asked(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn ask_all(address: SocketAddr, questions: Vec<Question>, lines: usize, shared: &Arc<Shared>) {
    let questions: Vec<Rc<Question>> = questions.into_iter().map(Rc::new).collect();
    let lines: Vec<Rc<RefCell<Option<TcpStream>>>> = (0..lines).map(|_| Rc::default()).collect();
    let mut nth = 0;
    while !shared.is_over.load(Ordering::Relaxed) {
        let due = EVERY * nth;
        sleep_until((shared.begun + due).into()).await;
        let question = Rc::clone(&questions[nth as usize % questions.len()]);
        let line = (nth % 2 == 1).then(|| nth as usize / 2 % lines.len());
        let kept = line.map(|line| Rc::clone(&lines[line]));
        let shared = Arc::clone(shared);
        spawn_local(async move {
            let sent = shared.begun.elapsed();
            let until = shared.begun + due + PATIENCE;
            let asking = ask(address, &question, kept.as_deref(), shared.begun);
            let came = timeout_at(until.into(), asking).await.unwrap_or(Came::TimedOut);
            shared.asked().push(Asked {
                due,
                sent,
                line,
                came,
            });
        });
        nth += 1;
    }
}

/// Asks over the connection that is `kept`, where it still stands, else over a new one, which is kept then.
async fn ask(
    address: SocketAddr,
    question: &Question,
    kept: Option<&RefCell<Option<TcpStream>>>,
    begun: Instant,
) -> Came {
    // Taken out, so that nobody else asks over it meanwhile.
    let standing = kept.and_then(|kept| kept.take()).filter(stands);
    let asked = async {
        let mut stream = match standing {
            Some(stream) => stream,
            None => connected(address).await?,
        };
        let (is_right, closes) = exchange(&mut stream, question).await?;
        if let Some(kept) = kept
            && !closes
        {
            kept.replace(Some(stream));
        }
        Ok::<bool, Error>(is_right)
    };
    match asked.await {
        Ok(true) => Came::Answered(begun.elapsed()),
        Ok(false) => Came::Wrong,
        Err(_) => Came::Failed,
    }
}

/// Whether the other side has not ended it, as far as is known here.
fn stands(stream: &TcpStream) -> bool {
    let read = stream.try_read(&mut [0; 1]);
    matches!(read, Err(error) if error.kind() == ErrorKind::WouldBlock)
}

/// A connection, by as many attempts as it takes.
async fn connected(address: SocketAddr) -> Result<TcpStream, Error> {
    let mut attempts = FuturesUnordered::new();
    loop {
        // Those before go on: their answer may be on its way.
        attempts.push(TcpStream::connect(address));
        if let Ok(Some(connected)) = timeout(AGAIN, attempts.next()).await {
            let stream = connected?;
            stream.set_nodelay(true)?;
            return Ok(stream);
        }
    }
}

/// Whether the answer is the right one, and whether the connection ends behind it.
async fn exchange(stream: &mut TcpStream, question: &Question) -> Result<(bool, bool), Error> {
    stream.write_all(&question.request).await?;
    let mut received = Vec::with_capacity(4 << 10);
    loop {
        if stream.read_buf(&mut received).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let head = head(&received).map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
        if let Some(head) = head
            && received.len() >= head.end + head.length
        {
            if head.status != 200 {
                return Err(Error::other(format!("status {}", head.status)));
            }
            let body = &received[head.end..head.end + head.length];
            let expected = question.expected.as_slice();
            let is_right = expected.is_empty() || body.windows(expected.len()).any(|part| part == expected);
            return Ok((is_right, head.closes));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener as StdListener;

    use super::*;
    use crate::failover::silence::seen;

    /// A bare server on a thread, and where it is.
    fn server() -> SocketAddr {
        let (ready, address) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let any = "127.0.0.1:0".parse().unwrap();
            crate::baseline::serve_at(any, 10, |address| ready.send(address).unwrap())
        });
        address.recv().unwrap()
    }

    fn question(expected: &[u8]) -> Vec<Question> {
        vec![Question {
            request: b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
            expected: expected.to_vec(),
        }]
    }

    #[test]
    fn all_are_answered_over_connections_of_both_kinds() {
        let callers = Callers::begin(server(), question(b"  "), 5).unwrap();
        while callers.now() < Duration::from_millis(100) || !callers.is_answered(Duration::from_millis(200)) {
            std::thread::yield_now();
        }
        let asked = callers.asked_since(Duration::ZERO).unwrap();
        let seen = seen(&asked, &(Duration::ZERO..Duration::from_millis(100)));
        assert_eq!((seen.sent, seen.wrong), (100, 0));
        assert!(asked.iter().any(|asked| asked.line == Some(4)));
        assert!(asked.iter().any(|asked| matches!(asked.came, Came::Answered(_))));
    }

    #[test]
    fn a_wrong_answer_is_none() {
        let callers = Callers::begin(server(), question(b"customer"), 1).unwrap();
        let asked = callers.asked_since(Duration::ZERO).unwrap();
        assert!(asked.iter().any(|asked| asked.came == Came::Wrong));
        assert!(!asked.iter().any(|asked| matches!(asked.came, Came::Answered(_))));
        assert!(!callers.is_answered(Duration::from_millis(50)));
    }

    #[test]
    fn a_refused_connection_fails_at_once() {
        let nobody = StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let callers = Callers::begin(nobody, question(b""), 1).unwrap();
        let asked = callers.asked_since(Duration::ZERO).unwrap();
        assert!(asked.iter().all(|asked| asked.came == Came::Failed));
        assert!(asked.len() > 100);
    }
}
