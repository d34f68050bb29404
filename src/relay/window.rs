//! What was published and is not acknowledged yet.

use std::collections::VecDeque;

/// Messages on their way, in the order of their sequences.
#[derive(Debug)]
pub(crate) struct Window {
    /// The sequence of the last message that was handed over.
    last: u64,
    /// Its id; `None` where somebody else published it.
    last_id: Option<String>,
    on_way: VecDeque<OnWay>,
    /// How many may be on their way. It begins with one and doubles while all goes well: after a fault the first message
    /// proves what is there.
    limit: usize,
    max: usize,
}

#[derive(Debug)]
struct OnWay {
    sequence: u64,
    is_stored: bool,
    place: Option<String>,
}

impl Window {
    /// Behind the message `last`, with at most `max` on their way.
    pub(crate) fn new(last: u64, max: usize) -> Window {
        Window {
            last,
            last_id: None,
            on_way: VecDeque::new(),
            limit: 1,
            max: max.max(1),
        }
    }

    /// The last message is ours, and has this id.
    pub(crate) fn stands_behind(&mut self, id: &str) {
        self.last_id = Some(id.to_owned());
    }

    /// Whether there is room for another one.
    pub(crate) fn has_room(&self) -> bool {
        self.on_way.len() < self.limit
    }

    /// The sequence that the next message gets.
    pub(crate) fn next(&self) -> u64 {
        self.last.saturating_add(1)
    }

    /// Takes the message `id` on its way: its sequence, and the id of the one ahead of it. `place` is where the source
    /// stands with it, where everything up to it is complete.
    pub(crate) fn send(&mut self, id: &str, place: Option<String>) -> (u64, Option<String>) {
        self.last = self.next();
        self.on_way.push_back(OnWay {
            sequence: self.last,
            is_stored: false,
            place,
        });
        (self.last, self.last_id.replace(id.to_owned()))
    }

    /// The source stands at `place` with what is on its way; false where nothing is.
    pub(crate) fn reach(&mut self, place: &str) -> bool {
        match self.on_way.back_mut() {
            Some(last) => {
                last.place = Some(place.to_owned());
                true
            }
            None => false,
        }
    }

    /// The message `sequence` is stored. The newest place with all of which is stored, where that is a newer one.
    pub(crate) fn stored(&mut self, sequence: u64) -> Option<String> {
        if let Some(found) = self.on_way.iter_mut().find(|on_way| on_way.sequence == sequence) {
            found.is_stored = true;
        }
        let mut place = None;
        while self.on_way.front().is_some_and(|first| first.is_stored) {
            self.limit = self.limit.saturating_add(1).min(self.max);
            if let Some(OnWay { place: Some(at), .. }) = self.on_way.pop_front() {
                place = Some(at);
            }
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_reached_when_everything_ahead_of_them_is_stored() {
        let mut window = Window::new(4, 8);
        assert_eq!(window.send("a", Some("A".into())), (5, None));
        assert!(!window.has_room(), "the first message proves what is there");
        assert_eq!(window.stored(5), Some("A".into()));
        assert_eq!(window.send("b", None), (6, Some("a".into())));
        assert_eq!(window.send("c", Some("C".into())), (7, Some("b".into())));
        assert_eq!(window.stored(7), None);
        assert_eq!(window.stored(6), Some("C".into()));
        assert!(window.on_way.is_empty() && !window.reach("D"));
        assert_eq!(window.send("e", None), (8, Some("c".into())));
        assert!(window.reach("E"));
        assert_eq!(window.stored(8), Some("E".into()));
    }

    #[test]
    fn no_more_are_on_their_way_than_may_be() {
        let mut window = Window::new(0, 3);
        for _ in 0..20 {
            while window.has_room() {
                window.send("x", None);
            }
            assert!(window.on_way.len() <= 3);
            let first = window.on_way[0].sequence;
            window.stored(first);
        }
        assert_eq!(window.limit, 3);
    }
}
