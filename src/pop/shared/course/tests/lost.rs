//! What a stream said that it keeps, and does not.

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

fn letter(act: Act) -> Option<Arc<Letter>> {
    match act {
        Act::Publish(letter) => Some(letter),
        _ => None,
    }
}
