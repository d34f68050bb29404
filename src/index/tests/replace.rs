//! Replacing everything, beside readers.

use super::*;
use crate::index::{Over, View};

const SHARED: Ownership = Ownership {
    mode: Mode::Shared,
    owner: Owner::NewestClaim,
    on_conflict: OnConflict::Move,
    shared_above: 0,
    suffix_digits: 0,
};

/// Two customers swap their two numbers, over and over, while everything is replaced by earlier and later states: no
/// reader ever sees a half, or is told of a seq that is older than the snapshot that it reads.
#[test]
fn a_replacement_is_never_seen_half_done() {
    let (index, mut writer) = Index::new(empty(), SHARED);
    swap(&mut writer, 0);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut generations = BTreeSet::new();
            while !done.load(Ordering::Relaxed) {
                index.read(|view| {
                    let (one, two) = (ids(view.find(1)?), ids(view.find(2)?));
                    assert!(
                        (one == ["a"] && two == ["b"]) || (one == ["b"] && two == ["a"]),
                        "number 1 at {one:?}, number 2 at {two:?}"
                    );
                    assert!(view.seq() >= view.snapshot().header().seq);
                    generations.insert(view.generation());
                    Ok(())
                });
            }
            generations.len()
        });
        let mut earlier: Vec<Arc<MappedSnapshot>> = Vec::new();
        for round in 1..2_000 {
            swap(&mut writer, round);
            match round % 20 {
                5 => {
                    // A merge that was begun is never taken up: what it was made of is gone.
                    let merge = writer.seal().expect("something was written");
                    earlier.push(merged(&merge, round));
                }
                9 => writer.replace_all(&earlier[earlier.len() / 2], Over::default()),
                _ => {}
            }
        }
        done.store(true, Ordering::Relaxed);
        assert!(reader.join().expect("the reader saw no half") > 1);
    });
}

#[test]
fn seqs_go_on_behind_the_greater_one_and_overlays_are_gone() {
    let (index, mut writer) = Index::new(empty(), SHARED);
    swap(&mut writer, 0);
    let merge = writer.seal().expect("something was written");
    let early = merged(&merge, 1);
    let seq = writer.seq();
    swap(&mut writer, 1);
    swap(&mut writer, 2);
    let reached = writer.seq();
    assert!(reached > seq);

    writer.replace_all(&early, Over::default());
    assert_eq!(
        (index.seq(), writer.seq()),
        (reached, reached),
        "seqs never go back"
    );
    assert_eq!(index.overlay_size(), (0, 0));
    assert_eq!(index.read(|view| view.find(1).map(ids)), ["a"]);
    assert!(writer.seal().is_none(), "there is nothing to merge");

    let (other, mut behind) = Index::new(empty(), SHARED);
    behind.replace_all(&early, Over::default());
    assert_eq!((other.seq(), behind.seq()), (seq, seq), "nor behind the snapshot");
    // A reader that took the new state and, ahead of it becoming visible, the old seq.
    let state = other.state.load();
    assert_eq!(View::new(&state, 0).seq(), seq);
    drop(state);
    swap(&mut behind, 1);
    assert_eq!(other.read(|view| view.find(1).map(ids)), ["b"]);
}
