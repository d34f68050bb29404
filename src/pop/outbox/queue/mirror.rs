//! What the queues of two nodes tell each other, so that both hold the same items, and each knows of those that are over.
//!
//! Every change is told as it happens. Whatever got lost on the way, either way, is made up for by one [`Holding`]: a node
//! says what it holds, and is told what of it is over and what it lacks. Where one node has an item dead that waits at the
//! other one, the word of the node that decides holds.

use std::collections::BTreeSet;

use super::Queue;
use crate::pop::outbox::entry::{Dead, Death, Entry};
use crate::pop::outbox::item::Item;
use crate::pop::outbox::memory::{Hash, hash};
use crate::pop::outbox::news::{Held, Holding, News};

/// The most items of one [`Holding`]: a message of NATS has room for a mebibyte.
const TOGETHER: usize = 4096;

/// What follows from news.
#[derive(Debug, Default)]
pub(in crate::pop::outbox) struct Heard {
    /// To be written down.
    pub(in crate::pop::outbox) entries: Vec<Entry>,
    /// To be told.
    pub(in crate::pop::outbox) answers: Vec<News>,
}

impl Heard {
    fn of(entries: Vec<Entry>) -> Heard {
        Heard {
            entries,
            answers: Vec::new(),
        }
    }

    fn answered(answers: Vec<News>) -> Heard {
        Heard {
            entries: Vec::new(),
            answers,
        }
    }
}

impl Queue {
    /// What the other node is to be told of `entry`, which is not applied yet.
    pub(in crate::pop::outbox) fn news(&self, entry: &Entry) -> Option<News> {
        let key = |id: &u64| self.item(*id).map(|item| hash(&item.key));
        Some(match entry {
            Entry::Pushed(item) => News::Pushed(item.clone()),
            Entry::Delivered { id, assigned_id } => News::Over {
                key: key(id)?,
                is_delivered: true,
                assigned: self
                    .item(*id)
                    .and_then(Item::creates)
                    .map(str::to_owned)
                    .zip(assigned_id.clone()),
            },
            Entry::Died(death) => News::Died {
                key: key(&death.id)?,
                death: death.clone(),
            },
            Entry::Replayed { id } => News::Replayed { key: key(id)? },
            Entry::Dropped { id } => News::Over {
                key: key(id)?,
                is_delivered: false,
                assigned: None,
            },
            Entry::Tried { .. } | Entry::Known { .. } => return None,
        })
    }

    /// What follows from `news` of the other node, at one that `decides` or does not. The entries are to be applied ahead of
    /// the next news.
    pub(in crate::pop::outbox) fn hear(&self, news: News, decides: bool) -> Heard {
        let waits = |key| self.present.get(key).filter(|id| self.waiting.contains_key(id));
        let is_dead = |key| self.present.get(key).filter(|id| self.dead.contains_key(id));
        match news {
            News::Pushed(item) => match (self.known(&item.key), self.present.get(&hash(&item.key))) {
                (None, _) => Heard::of(vec![self.pushed(*item).1]),
                (Some(_), Some(_)) => Heard::default(),
                (Some(_), None) => Heard::answered(vec![self.told_over(hash(&item.key), item.creates())]),
            },
            News::Died { key, death } => {
                let died = waits(&key).map(|id| Entry::Died(Death { id: *id, ..death }));
                Heard::of(died.into_iter().collect())
            }
            News::Replayed { key } => {
                let replayed = is_dead(&key).map(|id| Entry::Replayed { id: *id });
                Heard::of(replayed.into_iter().collect())
            }
            News::Over {
                key,
                is_delivered,
                assigned,
            } => Heard::of(self.over(key, is_delivered, assigned)),
            News::Holding(holding) => self.compared(&holding, decides),
            News::Missing(keys) => {
                let keys = keys.iter().filter_map(|key| self.present.get(key));
                Heard::answered(self.tellings(keys.copied().collect()))
            }
        }
    }

    /// Everything that is here, in pieces, as one that `decides` or does not says it.
    pub(in crate::pop::outbox) fn holdings(&self, decides: bool) -> Vec<News> {
        let keys: BTreeSet<Hash> = self.present.keys().copied().collect();
        let mut all: Vec<Held> = keys.into_iter().filter_map(|key| self.held(key)).collect();
        let mut pieces = Vec::new();
        let mut above = None;
        while all.len() > TOGETHER {
            let rest = all.split_off(TOGETHER);
            let up_to = all.last().map(|held| held.key);
            let held = std::mem::replace(&mut all, rest);
            pieces.push(News::Holding(Holding {
                decides,
                above,
                up_to,
                held,
            }));
            above = up_to;
        }
        pieces.push(News::Holding(Holding {
            decides,
            above,
            up_to: None,
            held: all,
        }));
        pieces
    }

    fn held(&self, key: Hash) -> Option<Held> {
        let id = self.present.get(&key)?;
        Some(Held {
            key,
            is_dead: self.dead.contains_key(id),
            creates: self.item(*id)?.creates().map(str::to_owned),
        })
    }

    fn over(&self, key: Hash, is_delivered: bool, assigned: Option<(String, String)>) -> Vec<Entry> {
        let Some(id) = self.present.get(&key).copied() else {
            let is_news = assigned
                .as_ref()
                .is_some_and(|(provisional, _)| self.assigned.get(provisional).is_none());
            let is_known = self.past.get(&key).is_some() && !is_news;
            return if is_known {
                Vec::new()
            } else {
                vec![Entry::Known { key, assigned }]
            };
        };
        if !is_delivered {
            return vec![Entry::Dropped { id }];
        }
        let delivered = Entry::Delivered {
            id,
            assigned_id: assigned.map(|(_, id)| id),
        };
        match self.dead.contains_key(&id) {
            true => vec![Entry::Replayed { id }, delivered],
            false => vec![delivered],
        }
    }

    fn compared(&self, theirs: &Holding, decides: bool) -> Heard {
        let (mut entries, mut answers, mut missing) = (Vec::new(), Vec::new(), Vec::new());
        for held in &theirs.held {
            let Some(id) = self.present.get(&held.key) else {
                if self.past.get(&held.key).is_none() {
                    missing.push(held.key);
                    continue;
                }
                let made = held.creates.as_deref();
                let assigned =
                    made.and_then(|made| Some((made.to_owned(), self.assigned.get(made)?.clone())));
                answers.push(News::Over {
                    key: held.key,
                    is_delivered: assigned.is_some(),
                    assigned,
                });
                continue;
            };
            match (self.dead.get(id), held.is_dead) {
                (Some(_), true) | (None, false) => {}
                (Some(dead), false) if decides => answers.push(died(held.key, dead)),
                (None, true) if decides => answers.push(News::Replayed { key: held.key }),
                (Some(_), false) if theirs.decides => entries.push(Entry::Replayed { id: *id }),
                // Told with all there is of it, of which its death is news.
                (None, true) if theirs.decides => missing.push(held.key),
                _ => {}
            }
        }
        let is_held = |key: &Hash| theirs.held.binary_search_by_key(key, |held| held.key).is_ok();
        let others = self
            .present
            .iter()
            .filter(|(key, _)| theirs.speaks_of(**key) && !is_held(key));
        answers.extend(self.tellings(others.map(|(_, id)| *id).collect()));
        if !missing.is_empty() {
            answers.push(News::Missing(missing));
        }
        Heard { entries, answers }
    }

    /// That the item `key` is over, which makes the customer `made`.
    fn told_over(&self, key: Hash, made: Option<&str>) -> News {
        let assigned = made.and_then(|made| Some((made.to_owned(), self.assigned.get(made)?.clone())));
        News::Over {
            key,
            is_delivered: assigned.is_some(),
            assigned,
        }
    }

    /// All of the items `ids`, in the order of their numbers.
    fn tellings(&self, ids: BTreeSet<u64>) -> Vec<News> {
        let items = ids.into_iter().filter_map(|id| self.item(id));
        items
            .flat_map(|item| {
                let dead = self.dead.get(&item.id);
                let died = dead.map(|dead| died(hash(&item.key), dead));
                [Some(News::Pushed(Box::new(item.clone()))), died]
            })
            .flatten()
            .collect()
    }
}

fn died(key: Hash, dead: &Dead) -> News {
    News::Died {
        key,
        death: Death {
            id: 0,
            at: dead.at,
            error: dead.item.last_error.clone().unwrap_or_default(),
            answer: dead.item.last_answer.clone(),
            // What came before it is counted in the item.
            tried: false,
            because_of: dead.because_of.clone(),
        },
    }
}
