//! What reads the relay's stream, as a server would.

use std::time::Duration;

use ringside::feed::Secret;
use ringside::feed::decode::Native;
use ringside::feed::jetstream::{JetStream, Settings};
use ringside::feed::secure::Tls;
use ringside::feed::source::{Event, Life, Row, Rows, Source, SourceError, Standing};
use ringside::replica::Change;

use crate::made::STREAM;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// Runs `test` on a runtime as a feed has it, and ends it when it takes too long.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, test).await.unwrap() });
}

/// A reader that copies and follows as the feeds do, and notes the names that customers had.
#[derive(Debug)]
pub(crate) struct Edge {
    source: JetStream,
    life: Option<Life>,
    pub(crate) rows: usize,
    /// Names of customers in the order in which they changed.
    pub(crate) changes: Vec<String>,
    /// So many of them are ahead of the place that one goes on from: what is behind it is read again.
    placed: usize,
    pub(crate) copies: usize,
    pub(crate) gaps: Vec<String>,
    pub(crate) lag_ms: Option<u64>,
    is_following: bool,
}

struct Count(usize);

impl Rows for Count {
    fn expect(&mut self, _rows: u64) {}

    fn put(&mut self, row: Row) -> Result<(), SourceError> {
        assert!(matches!(row, Row::Customer(_)), "{row:?}");
        self.0 += 1;
        Ok(())
    }
}

impl Edge {
    pub(crate) fn new(url: &str) -> Edge {
        let settings = Settings {
            servers: vec![Secret::from(url.to_owned())],
            stream: STREAM.to_owned(),
            ..Settings::default()
        };
        Edge {
            source: JetStream::new("main", settings, Tls::default(), Box::new(Native), 0),
            life: None,
            rows: 0,
            changes: Vec::new(),
            placed: 0,
            copies: 0,
            gaps: Vec::new(),
            lag_ms: None,
            is_following: false,
        }
    }

    /// Goes on until `done`, whatever happens.
    pub(crate) async fn until(&mut self, done: impl Fn(&Edge) -> bool) {
        while !done(self) {
            if let Err(error) = self.step().await {
                assert!(!matches!(error, SourceError::Stopped), "{error:?}");
                self.is_following = false;
                servers::wait::moment().await;
            }
        }
    }

    async fn step(&mut self) -> Result<(), SourceError> {
        if !self.is_following {
            return self.begin().await;
        }
        match self.source.next().await? {
            Event::Change {
                change: Change::Upsert { customer },
                ..
            } => self
                .changes
                .push(customer.json().to_value()["name"].as_str().unwrap().to_owned()),
            Event::Place { token, .. } => {
                if let Some(life) = &mut self.life {
                    life.token = token;
                    self.placed = self.changes.len();
                }
            }
            Event::Idle { lag_ms } => self.lag_ms = lag_ms,
            Event::Change { .. } => {}
            Event::Refused(refused) => panic!("{refused:?}"),
            Event::Gap(why) => panic!("{why}"),
        }
        Ok(())
    }

    async fn begin(&mut self) -> Result<(), SourceError> {
        let known: Vec<Life> = self.life.iter().cloned().collect();
        let from = match self.source.connect(&known).await? {
            Standing::GoesOn(life) => life,
            Standing::Gap { from, why } => {
                self.gaps.push(why);
                from
            }
            Standing::Copy { .. } => {
                let life = self.source.begin_copy().await?;
                let mut rows = Count(0);
                self.source.copy(&mut rows).await?;
                self.rows = rows.0;
                self.copies += 1;
                self.changes.clear();
                life
            }
        };
        self.placed = self.placed.min(self.changes.len());
        self.changes.truncate(self.placed);
        self.source.follow(&from).await?;
        self.life = Some(from);
        self.is_following = true;
        Ok(())
    }
}

/// The names of changes `numbers`.
pub(crate) fn names(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("Change {number}")).collect()
}
