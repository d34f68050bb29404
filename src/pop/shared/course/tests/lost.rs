//! What a stream said that it keeps, and does not.

use super::super::super::committed::stamp;
use super::*;

#[test]
fn what_the_stream_kept_and_lost_again_is_not_taken_for_replicated() {
    let mut course = following();
    for nth in 1..=2 {
        course.hand(0, entry(nth));
    }
    let letters: Vec<Arc<Letter>> = drain(&mut course).into_iter().filter_map(letter).collect();
    let first = letters.first().unwrap();
    course.stored_at(0, &first.id(), 1);
    course.tailed(0, 1, 0, Tailed::Letter(Letter::clone(first)));
    let second = drain(&mut course).into_iter().find_map(letter).unwrap();
    // The servers that had the first one are gone: what comes next has its place, which nobody here reads again.
    course.stored_at(0, &second.id(), 1);
    let acts = drain(&mut course);
    assert!(acts.contains(&Act::Look), "{acts:?}");
    assert_eq!(course.unreplicated(), 1);
}

#[test]
fn what_was_acknowledged_and_does_not_come_back_is_sent_again() {
    let mut course = following();
    course.hand(0, entry(1));
    let sent = drain(&mut course).into_iter().find_map(letter).unwrap();
    course.stored_at(0, &sent.id(), 1);
    assert_eq!(course.unreplicated(), 0);
    for now_ms in (0..=1000).step_by(20) {
        course.tick(now_ms);
    }
    let again = drain(&mut course).into_iter().find_map(letter);
    assert_eq!(again.map(|again| again.id()), Some(sent.id()));
    assert_eq!(course.unreplicated(), 1);
}

#[test]
fn another_bucket_that_fails_says_nothing_against_what_the_stream_keeps() {
    let mut course = following();
    course.hand(0, entry(1));
    let sent = drain(&mut course).into_iter().find_map(letter).unwrap();
    course.stored_at(0, &sent.id(), 1);
    course.probed(100, false);
    assert!(course.has_quorum());
    // Where that is longer ago, the stream is tried itself, once at a time.
    drain(&mut course);
    for now_ms in [1000, 1001] {
        course.probed(now_ms, false);
    }
    assert!(course.has_quorum() && drain(&mut course) == [Act::Try]);
    course.tried(1100, true);
    assert!(course.has_quorum());
    course.probed(1101, false);
    assert!(course.has_quorum() && drain(&mut course) == [Act::Try]);
    course.tried(1200, false);
    assert!(!course.has_quorum());
}

/// A letter of the other node with its entries from `first` on.
fn foreign(first: u64, entries: usize) -> Tailed {
    let entries = (first..).take(entries).map(entry).collect();
    let origin = bounds("b", 1).origin;
    Tailed::Letter(Letter {
        origin,
        first,
        entries,
    })
}

/// What was folded of others, and whether what is known is to be brought.
fn news(acts: Vec<Act>) -> (Vec<usize>, Vec<bool>) {
    let (mut folded, mut bringing) = (Vec::new(), Vec::new());
    for act in acts {
        match act {
            Act::Folded { foreign, .. } => folded.push(foreign.len()),
            Act::Rebased { is_bringing } => bringing.push(is_bringing),
            _ => {}
        }
    }
    (folded, bringing)
}

#[test]
fn a_stream_that_lost_its_end_and_has_grown_past_it_again_is_not_taken_for_the_same() {
    let mut course = following();
    for nth in 1..=3 {
        course.tailed(0, nth, 0, foreign(nth, 1));
    }
    let newest = course.committed().newest().unwrap();
    let wrote = |incarnation, first| newest.is_it(Some(&(bounds("b", incarnation).origin, first)), b"");
    assert!(newest.sequence() == 3 && wrote(1, 3));
    assert!(!wrote(2, 3) && !wrote(1, 4) && !newest.is_it(None, b""));
    course.tailed(
        0,
        4,
        0,
        Tailed::Other {
            stamp: stamp(b"sealed"),
        },
    );
    let newest = course.committed().newest().unwrap();
    assert!(newest.sequence() == 4 && newest.is_it(None, b"sealed") && !newest.is_it(None, b"other"));
    course.cut(0);
    course.tick(100);
    drain(&mut course);
    let view = View {
        life: 9,
        first: 1,
        last: 5,
        is_another_end: true,
    };
    course.looked(100, view);
    let acts = drain(&mut course);
    assert!(acts.contains(&Act::Tell(Told::LostEnd)) && acts.contains(&Act::Follow(1)));
    assert_eq!(news(acts), (vec![], vec![true]));
}

#[test]
fn what_only_this_node_has_read_is_brought_to_the_other_ones_state_too() {
    let mut course = following();
    course.tailed(0, 1, 0, foreign(1, 1));
    course.tailed(0, 2, 0, foreign(2, 1));
    course.cut(0);
    course.tick(100);
    let view = View {
        life: 9,
        first: 2,
        last: 4,
        is_another_end: true,
    };
    course.looked(100, view);
    assert!(drain(&mut course).contains(&Act::AskPeer));
    course.peer_said(100, Some(Committed::new(9, 4, &CallBounds::default())));
    assert_eq!(news(drain(&mut course)), (vec![0], vec![true]));
}

#[test]
fn a_stream_that_is_read_anew_tells_of_nothing_until_its_end() {
    let mut course = following();
    course.tailed(0, 1, 0, foreign(1, 1));
    assert_eq!(news(drain(&mut course)), (vec![1], vec![]));
    assert!(course.has_caught_up());
    course.cut(0);
    course.tick(100);
    let view = View {
        life: 10,
        first: 1,
        last: 3,
        is_another_end: false,
    };
    course.looked(100, view);
    assert_eq!(news(drain(&mut course)), (vec![], vec![true]));
    for nth in 1..=2 {
        course.tailed(100, nth, 3 - nth, foreign(nth, 1));
    }
    assert!(news(drain(&mut course)).0.is_empty() && !course.has_caught_up());
    course.tailed(100, 3, 0, foreign(3, 1));
    assert_eq!(news(drain(&mut course)).0, [0]);
    assert!(course.has_caught_up());
    // What comes from then on is news.
    course.tailed(100, 4, 0, foreign(4, 2));
    assert_eq!(news(drain(&mut course)).0, [2]);
}

#[test]
fn own_entries_that_a_crash_kept_off_the_disk_are_learned_from_the_stream_as_they_are() {
    let mut before = following();
    before.hand(0, entry(3));
    drain(&mut before);
    let pending: Vec<Own> = before.pending().cloned().collect();
    let mut course = Course::new(
        bounds("a", 8),
        Committed::new(9, 0, &CallBounds::default()),
        pending,
    );
    course.tick(0);
    let view = View {
        life: 9,
        first: 1,
        last: 1,
        is_another_end: false,
    };
    course.looked(0, view);
    drain(&mut course);
    // The letter had two more, which were published before the disk had them.
    let letter = Letter {
        origin: bounds("a", 7).origin,
        first: 1,
        entries: (3..=5).map(entry).collect(),
    };
    course.tailed(0, 1, 0, Tailed::Letter(letter));
    let acts = drain(&mut course);
    let foreign: Vec<u64> = acts
        .iter()
        .filter_map(|act| match act {
            Act::Folded { foreign, .. } => Some(foreign.iter().map(|entry| entry.at)),
            _ => None,
        })
        .flatten()
        .collect();
    assert_eq!((foreign, course.pending().len()), (vec![4, 5], 0));
    assert!(
        acts.iter()
            .any(|act| matches!(act, Act::Note(Line::Letter { .. })))
    );
}

fn letter(act: Act) -> Option<Arc<Letter>> {
    match act {
        Act::Publish(letter) => Some(letter),
        _ => None,
    }
}
