//! The replica on a disk that fails and a machine that stops, beside the plain model.

use std::path::Path;

use proptest::prelude::*;

use super::model::{Op, apply_op, equals, model, op};
use super::*;
use crate::durable::fault::{Disk, Fault, Lost};
use crate::replica::{LOG, compaction};
use crate::snapshot::Snapshot;
use crate::snapshot::folder::{Folder, Held};

const MEMORY: u64 = 64 << 20;

/// A replica and the folder that it is kept in.
pub(super) struct Node {
    folder: Held,
    pub(super) index: Arc<Index>,
    pub(super) replica: Replica,
}

impl Node {
    /// `None` where the machine stops meanwhile.
    pub(super) fn open(dir: &Path) -> Option<Node> {
        let node = Node::open_with_gaps(dir)?;
        assert_eq!(node.replica.gaps().count(), 0);
        Some(node)
    }

    pub(super) fn open_with_gaps(dir: &Path) -> Option<Node> {
        let folder = Folder::hold(dir).ok()?;
        let snapshot = match folder.folder().current().unwrap() {
            Some(path) => Snapshot::map(&path).unwrap(),
            None => empty(),
        };
        let line = snapshot.header().log.line;
        let (kept, _) = compaction::kept(&folder, line).unwrap();
        let remembered = kept.iter().map(|kept| kept.follows).min().unwrap_or(0);
        let (index, replica) = over(Arc::new(snapshot));
        let replica = replica.recover(&dir.join(LOG), remembered).ok()?;
        Some(Node {
            folder,
            index,
            replica,
        })
    }

    /// How many changes have been applied and kept, as the token says.
    fn resumes_behind(&self) -> usize {
        let token = self.replica.lives("main").last().map(|life| life.token.clone());
        token
            .filter(|token| !token.is_empty())
            .map_or(0, |token| token.parse().unwrap())
    }

    fn apply(&mut self, ops: &[Op], from: usize, to: usize) {
        let stream = self.replica.stream("main", "one").unwrap();
        for (nth, op) in ops.iter().enumerate().take(to).skip(from) {
            let outcome = apply_op(&mut self.replica, stream, op, nth + 1);
            assert!(
                !matches!(outcome, Outcome::Refused(_) | Outcome::Held),
                "{outcome:?}"
            );
        }
        self.replica.resume_from(stream, to.to_string());
    }

    pub(super) fn merge(&mut self) -> Result<(), ()> {
        let Some((merge, streams)) = self.replica.seal().map_err(|_| ())? else {
            return Ok(());
        };
        let merged = compaction::compact(&merge, &streams, &self.folder, 0, MEMORY).map_err(|_| ())?;
        self.replica.install(merged);
        self.trim()
    }

    fn trim(&mut self) -> Result<(), ()> {
        let line = self.replica.log_place().line;
        let (kept, _) = compaction::kept(&self.folder, line).unwrap();
        let oldest = kept.iter().map(|kept| kept.follows).min().unwrap_or(0);
        self.replica.trim(oldest).map_err(|_| ())
    }

    /// Goes back to the oldest generation that is kept.
    fn roll_back(&mut self) -> Result<(), ()> {
        let Some(&oldest) = self.folder.folder().generations().unwrap().first() else {
            return Ok(());
        };
        let path = self.folder.folder().snapshot(oldest);
        let snapshot = Arc::new(Snapshot::map(&path).unwrap());
        self.folder
            .point_to(oldest, self.folder.present())
            .map_err(|_| ())?;
        let is_whole = self.replica.replace(&snapshot, false).map_err(|_| ())?;
        assert!(is_whole, "the log reaches back to every generation that is kept");
        Ok(())
    }
}

#[derive(Debug, Clone)]
enum Act {
    /// So many changes in one batch.
    Apply(usize),
    /// So many in one batch, and as many again while it is on its way to the disk.
    ApplyOn(usize),
    Merge,
    RollBack,
    Reopen,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (1..5_usize).prop_map(Act::Apply),
        2 => (1..4_usize).prop_map(Act::ApplyOn),
        2 => Just(Act::Merge),
        1 => Just(Act::RollBack),
        1 => Just(Act::Reopen),
    ]
}

fn lost() -> impl Strategy<Value = Lost> {
    prop_oneof![
        Just(Lost::Nothing),
        Just(Lost::All),
        any::<u64>().prop_map(Lost::Some)
    ]
}

/// Runs `acts` over `ops`, with a crash at each of `crashes` (the step from the restart before, and what it loses), and
/// holds that nothing that was durable is lost and nothing is half done.
fn run(ops: &[Op], acts: &[Act], crashes: &[(u64, Lost)]) -> Result<u64, TestCaseError> {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("main");
    std::fs::create_dir(&dir).unwrap();
    let disk = Disk::over(&dir);
    let mut crashes = crashes.iter();
    let mut crash = crashes.next();
    if let Some((nth, _)) = crash {
        disk.fail_at(*nth, Fault::Crash);
    }
    let mut node = Node::open(&dir);
    let mut durable = 0;
    for act in acts {
        let (mut next, mut between) = (durable, durable);
        let done = node.as_mut().map_or(Err(()), |open| match act {
            Act::Apply(count) => {
                next = (durable + count).min(ops.len());
                open.apply(ops, durable, next);
                open.replica.commit().map_err(|_| ())
            }
            Act::ApplyOn(count) => {
                between = (durable + count).min(ops.len());
                next = (between + count).min(ops.len());
                open.apply(ops, durable, between);
                let begun = open.replica.begin_commit();
                open.apply(ops, between, next);
                equals(&open.index, &model(&ops[..durable])).expect("nothing of it is seen");
                begun.and_then(|()| open.replica.commit()).map_err(|_| ())
            }
            Act::Merge => open.merge(),
            Act::RollBack => open.roll_back(),
            Act::Reopen => Ok(()),
        });
        if matches!(act, Act::Reopen) && !disk.is_crashed() {
            drop(node.take());
            node = Node::open(&dir);
        }
        let mut may_be = vec![next];
        while disk.is_crashed() {
            may_be.extend([durable, between]);
            drop(node.take());
            let (_, lost) = crash.unwrap();
            disk.restart(*lost);
            crash = crashes.next();
            if let Some((nth, _)) = crash {
                disk.fail_at(*nth, Fault::Crash);
            }
            node = Node::open(&dir);
        }
        let open = node.as_ref().unwrap();
        prop_assert!(done.is_ok() || may_be.len() > 1, "{:?}", act);
        let found = open.resumes_behind();
        prop_assert!(
            may_be.contains(&found),
            "{found}: {durable} were durable, {next} under way"
        );
        durable = found;
        equals(&open.index, &model(&ops[..durable]))?;
    }
    Ok(disk.steps())
}

pub(super) fn over(snapshot: Arc<MappedSnapshot>) -> (Arc<Index>, Replica) {
    let ownership = Ownership::BUILTIN;
    let (index, writer) = Index::new(snapshot, ownership);
    let counters = Counters::register(&Metrics::new().unwrap()).unwrap();
    let replica = Replica::new(writer, intake(), BOUNDS, counters);
    (index, replica)
}

fn empty() -> MappedSnapshot {
    let facts = Facts {
        generation: 0,
        seq: 0,
        created_at_ms: 0,
        schema: &Schema::default(),
        streams: &[],
        log: crate::snapshot::layout::LogPlace::default(),
    };
    let writer = SnapshotWriter::new(Cursor::new(Vec::new()), 0).unwrap();
    let (bytes, _) = writer.finish(&facts).unwrap();
    MappedSnapshot::in_memory(bytes.into_inner()).unwrap()
}

proptest! {
    /// Whatever is done and wherever the machine stops, all that was durable is there, once, and nothing else but the
    /// batch that was under way, whole.
    #[test]
    fn nothing_is_lost_and_nothing_is_half_done(
        ops in prop::collection::vec(op(), 1..40),
        acts in prop::collection::vec(act(), 1..25),
        crashes in prop::collection::vec((1..40_u64, lost()), 0..4),
    ) {
        run(&ops, &acts, &crashes)?;
    }
}

/// Two merges, a rollback and changes between, with the machine stopping at each step of it in turn.
#[test]
fn every_step_may_be_the_last() {
    let upsert = |id, name| Op::Upsert {
        id,
        name,
        numbers: vec![id],
    };
    let ops = [
        upsert(0, 1),
        Op::Case {
            id: 1,
            case: 0,
            open: true,
        },
        upsert(1, 2),
        Op::Gone { case: 0 },
        Op::Delete { id: 0 },
        upsert(2, 3),
        Op::Upsert {
            id: 2,
            name: 4,
            numbers: vec![1],
        },
        Op::Delete { id: 1 },
        upsert(3, 9),
    ];
    let acts = [
        Act::Apply(2),
        Act::Apply(1),
        Act::Merge,
        Act::ApplyOn(1),
        Act::Merge,
        Act::Apply(1),
        Act::RollBack,
        Act::Apply(1),
        Act::Merge,
        Act::Merge,
        Act::Reopen,
        Act::Apply(2),
    ];
    let steps = run(&ops, &acts, &[]).unwrap();
    assert!(steps > 40, "{steps}");
    for nth in 0..steps {
        for lost in [Lost::Nothing, Lost::All, Lost::Some(nth), Lost::Some(nth * 7919)] {
            run(&ops, &acts, &[(nth, lost)]).unwrap_or_else(|error| panic!("step {nth}, {lost:?}: {error}"));
        }
    }
}

#[test]
fn what_waited_and_was_applied_does_not_wait_again_after_a_start() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("main");
    std::fs::create_dir(&dir).unwrap();
    let case = |id| Op::Case {
        id,
        case: 0,
        open: true,
    };
    let customer = Op::Upsert {
        id: 0,
        name: 1,
        numbers: vec![0],
    };
    let ops = [case(0), case(1), customer];
    let mut node = Node::open(&dir).unwrap();
    node.apply(&ops, 0, 2);
    node.replica.commit().unwrap();
    drop(node);
    let mut node = Node::open(&dir).unwrap();
    assert_eq!(node.replica.state.parked.len(), 2);
    node.apply(&ops, 2, 3);
    node.replica.commit().unwrap();
    drop(node);
    let node = Node::open(&dir).unwrap();
    assert_eq!(node.replica.state.parked.len(), 1, "that of the other customer");
    assert!(document(&node.index, "c0").unwrap()["cases"].is_array());
}

#[test]
fn a_full_disk_makes_changes_wait_and_a_failed_fsync_ends_them() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("main");
    std::fs::create_dir(&dir).unwrap();
    let disk = Disk::over(&dir);
    let mut node = Node::open(&dir).unwrap();
    let ops = [
        Op::Upsert {
            id: 0,
            name: 1,
            numbers: vec![0],
        },
        Op::Delete { id: 0 },
    ];
    let again = |name| Op::Upsert {
        id: 1,
        name,
        numbers: vec![1],
    };
    let more = [ops[0].clone(), again(2), again(3)];
    node.apply(&ops, 0, 1);
    disk.fail_at(0, Fault::Error(std::io::ErrorKind::StorageFull));
    assert!(node.replica.commit().is_err() && node.replica.failed().is_none());
    assert_eq!(
        document(&node.index, "c0"),
        None,
        "what is not durable is not seen"
    );
    node.replica.commit().unwrap();
    assert!(document(&node.index, "c0").is_some());
    // Of a batch that is written while another one is applied the next commit says so, and both are of it then.
    disk.fail_at(0, Fault::Error(std::io::ErrorKind::StorageFull));
    node.apply(&more, 1, 2);
    node.replica.begin_commit().unwrap();
    node.apply(&more, 2, 3);
    assert!(node.replica.commit().is_err() && node.replica.failed().is_none());
    assert!(document(&node.index, "c1").is_none());
    node.replica.commit().unwrap();
    assert_eq!(document(&node.index, "c1").unwrap()["name"], "n3");
    node.apply(&ops, 1, 2);
    disk.fail_sync(std::io::ErrorKind::Other);
    assert!(node.replica.commit().is_err() && node.replica.failed().is_some());
    assert!(document(&node.index, "c0").is_some(), "what is served stays");
    assert!(node.replica.commit().is_err(), "an fsync is not tried again");
    assert!(
        node.replica.seal().is_err(),
        "what is not durable is not merged either"
    );
    drop(node);
    disk.restart(Lost::All);
    let node = Node::open(&dir).unwrap();
    assert!(document(&node.index, "c0").is_some());
    assert_eq!(node.resumes_behind(), 3);
}

/// Publishes an empty snapshot of the line 77 in `folder`, as an import does while nobody serves.
fn import(folder: &Held) {
    let generation = folder.reserve().unwrap();
    let mut staged = folder.stage(generation).unwrap();
    let facts = Facts {
        generation,
        seq: 0,
        created_at_ms: 0,
        schema: &Schema::default(),
        streams: &[],
        log: crate::snapshot::layout::LogPlace { line: 77, follows: 0 },
    };
    let writer = SnapshotWriter::new(Cursor::new(Vec::new()), 0).unwrap();
    let bytes = writer.finish(&facts).unwrap().0.into_inner();
    std::io::Write::write_all(staged.writer().unwrap(), &bytes).unwrap();
    folder.settle(staged).unwrap();
    folder.point_to(generation, folder.present()).unwrap();
}

#[test]
fn what_comes_over_a_snapshot_of_another_line_is_kept_though_the_log_was_far_ahead_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("main");
    std::fs::create_dir(&dir).unwrap();
    let ops: Vec<Op> = (0..4)
        .map(|id| Op::Upsert {
            id,
            name: 1,
            numbers: vec![id],
        })
        .collect();
    let mut node = Node::open(&dir).unwrap();
    node.apply(&ops, 0, 3);
    // A segment that is called by a number above the snapshot's seq, as a merge that comes to nothing leaves one.
    node.replica.seal().unwrap().unwrap();
    import(&node.folder);
    drop(node);

    let mut node = Node::open(&dir).unwrap();
    assert!(document(&node.index, "c0").is_none());
    node.apply(&ops, 3, 4);
    node.replica.commit().unwrap();
    drop(node);
    let node = Node::open(&dir).unwrap();
    assert!(document(&node.index, "c3").is_some(), "it was durable");
}

#[test]
fn a_gap_behind_the_beginning_of_a_copy_is_not_cured_by_it() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("main");
    std::fs::create_dir(&dir).unwrap();
    let upsert = |id| Op::Upsert {
        id,
        name: 1,
        numbers: vec![id],
    };
    let ops = [upsert(0), upsert(1)];
    let mut node = Node::open(&dir).unwrap();
    node.apply(&ops, 0, 1);
    node.merge().unwrap();
    let copy = node.index.snapshot();
    node.replica.gap("main");
    node.replica.replace(&copy, true).unwrap();
    assert_eq!(node.replica.gaps().count(), 0, "it began behind the gap");
    node.apply(&ops, 1, 2);
    node.replica.gap("main");
    node.replica.replace(&copy, true).unwrap();
    node.replica.commit().unwrap();
    assert_eq!(
        node.replica.gaps().count(),
        1,
        "what is missing is not in the copy"
    );
    drop(node);
    let node = Node::open_with_gaps(&dir).unwrap();
    assert_eq!(node.replica.gaps().collect::<Vec<_>>(), ["main"]);
}

#[test]
fn a_generation_that_cannot_be_read_at_the_moment_is_not_one_that_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("main");
    let folder = Folder::hold(&dir).unwrap();
    import(&folder);
    import(&folder);
    let first = folder.folder().generations().unwrap()[0];
    let path = folder.folder().snapshot(first);
    // What cannot be opened for a reason that passes: here a folder in its place.
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(
        compaction::kept(&folder, 77).is_err(),
        "whether it is needed is not known"
    );
    std::fs::remove_dir(&path).unwrap();
    std::fs::write(&path, b"no snapshot").unwrap();
    let (_, others) = compaction::kept(&folder, 77).unwrap();
    assert_eq!(others.len(), 1, "it is of no use to anybody");
}

#[test]
fn a_generation_is_erased_though_the_log_no_longer_tells_what_it_held() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("main");
    std::fs::create_dir(&dir).unwrap();
    let upsert = |id| Op::Upsert {
        id,
        name: 1,
        numbers: vec![id],
    };
    let ops = [upsert(0), Op::Delete { id: 0 }, upsert(1)];
    let mut node = Node::open(&dir).unwrap();
    node.apply(&ops, 0, 1);
    node.merge().unwrap();
    node.apply(&ops, 1, 3);
    node.merge().unwrap();
    // As where the log is longer than it may be.
    node.replica.trim(node.replica.log_place().follows).unwrap();
    let generations = node.folder.folder().generations().unwrap();
    assert_eq!(generations.len(), 2);
    compaction::Erasure::new(1000).erase(&node.replica, &node.folder, 1_000_000);
    assert_eq!(node.folder.folder().generations().unwrap(), generations[1..]);
}
