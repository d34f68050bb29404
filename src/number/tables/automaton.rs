//! All patterns as one automaton over digits: a state is ten successors and a set of labels.
//!
//! A pattern is compiled from its end to its beginning: what follows it is a state already, and what it adds is put
//! before. States that are alike are one state, across all patterns of all regions; since nothing repeats without end,
//! this makes the automaton the smallest there is.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::pattern::{Pattern, Unsupported};

/// What a state says of the digits that led to it, one bit for each pattern that they match.
pub(in crate::number) type Labels = u16;

/// A place in the automaton; 0 is the state that nothing leads out of.
pub(in crate::number) type State = u16;

/// States before they are numbered, while they are made.
type Draft = u32;

const DEAD: Draft = 0;

/// The automaton, made.
#[derive(Debug)]
pub(super) struct Automaton {
    nodes: Vec<Node<State>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Node<S> {
    next: [S; 10],
    labels: Labels,
}

/// The automaton while it is made.
pub(super) struct Builder {
    nodes: Vec<Node<Draft>>,
    known: HashMap<Node<Draft>, Draft, Quick>,
    unions: HashMap<(Draft, Draft), Draft, Quick>,
}

/// Hashes states: a hundred thousand times before the first number can be read, and what is hashed comes from nobody
/// who could choose it.
#[derive(Default)]
struct Mix(u64);

type Quick = BuildHasherDefault<Mix>;

impl Mix {
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 29
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.add(u64::from_le_bytes(word));
        }
    }

    fn write_u32(&mut self, word: u32) {
        self.add(u64::from(word));
    }

    fn write_u16(&mut self, word: u16) {
        self.add(u64::from(word));
    }
}

impl Automaton {
    /// The labels of all digits together, from a state on. `digits` are values, 0 to 9.
    #[inline]
    pub(super) fn labels(&self, start: State, digits: &[u8]) -> Labels {
        let mut state = start;
        for &digit in digits {
            state = self.next(state, digit);
            if state == 0 {
                return 0;
            }
        }
        self.nodes.get(usize::from(state)).map_or(0, |node| node.labels)
    }

    /// Whether the digits begin with something that has a label.
    pub(super) fn begins(&self, start: State, digits: &[u8]) -> bool {
        let mut state = start;
        for &digit in digits {
            state = self.next(state, digit);
            if self
                .nodes
                .get(usize::from(state))
                .is_some_and(|node| node.labels != 0)
            {
                return true;
            }
        }
        false
    }

    /// Nothing leads anywhere.
    pub(super) fn empty() -> Automaton {
        Automaton { nodes: Vec::new() }
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Node<State>>()
    }

    #[inline]
    fn next(&self, state: State, digit: u8) -> State {
        self.nodes
            .get(usize::from(state))
            .and_then(|node| node.next.get(usize::from(digit)))
            .copied()
            .unwrap_or(0)
    }
}

impl Builder {
    pub(super) fn new() -> Builder {
        let dead = Node {
            next: [DEAD; 10],
            labels: 0,
        };
        Builder {
            nodes: vec![dead],
            known: [(dead, DEAD)].into_iter().collect(),
            unions: HashMap::default(),
        }
    }

    /// The state from which exactly the digits that match the pattern lead to the labels.
    pub(super) fn add(&mut self, pattern: &Pattern, labels: Labels) -> Result<Draft, Unsupported> {
        let accepted = self.state(Node {
            next: [DEAD; 10],
            labels,
        });
        self.before(pattern, accepted)
    }

    /// The state from which digits lead to the labels that they have from either state.
    pub(super) fn union(&mut self, left: Draft, right: Draft) -> Draft {
        if left == right || right == DEAD {
            return left;
        }
        if left == DEAD {
            return right;
        }
        let pair = (left.min(right), left.max(right));
        if let Some(&known) = self.unions.get(&pair) {
            return known;
        }
        let (left_node, right_node) = (self.node(left), self.node(right));
        let mut both = Node {
            next: [DEAD; 10],
            labels: left_node.labels | right_node.labels,
        };
        for (at, next) in both.next.iter_mut().enumerate() {
            *next = self.union(left_node.next[at], right_node.next[at]);
        }
        let state = self.state(both);
        self.unions.insert(pair, state);
        state
    }

    /// Keeps what can be reached from the roots and numbers it anew, in the order in which digits meet it. The numbers
    /// of the roots come back in their order.
    ///
    /// `None` where there are more states than a number has room for.
    pub(super) fn finish(&self, roots: &[Draft]) -> Option<(Automaton, Vec<State>)> {
        let mut numbers: HashMap<Draft, State, Quick> = [(DEAD, 0)].into_iter().collect();
        let mut order = vec![DEAD];
        let mut waiting: Vec<Draft> = roots.iter().rev().copied().collect();
        while let Some(state) = waiting.pop() {
            if numbers.contains_key(&state) {
                continue;
            }
            numbers.insert(state, State::try_from(order.len()).ok()?);
            order.push(state);
            waiting.extend(self.node(state).next.iter().rev());
        }
        let number = |state: &Draft| numbers.get(state).copied();
        let mut nodes = Vec::with_capacity(order.len());
        for &state in &order {
            let node = self.node(state);
            let mut next = [0; 10];
            for (at, number_of) in next.iter_mut().enumerate() {
                *number_of = number(&node.next[at])?;
            }
            nodes.push(Node {
                next,
                labels: node.labels,
            });
        }
        let roots = roots.iter().map(number).collect::<Option<_>>()?;
        Some((Automaton { nodes }, roots))
    }

    fn before(&mut self, pattern: &Pattern, after: Draft) -> Result<Draft, Unsupported> {
        match pattern {
            Pattern::Digit(set) => {
                let mut node = Node {
                    next: [DEAD; 10],
                    labels: 0,
                };
                for (digit, next) in node.next.iter_mut().enumerate() {
                    if set >> digit & 1 == 1 {
                        *next = after;
                    }
                }
                Ok(self.state(node))
            }
            Pattern::Sequence(parts) => {
                let mut state = after;
                for part in parts.iter().rev() {
                    state = self.before(part, state)?;
                }
                Ok(state)
            }
            Pattern::Alternatives(branches) => {
                let mut state = DEAD;
                for branch in branches {
                    let other = self.before(branch, after)?;
                    state = self.union(state, other);
                }
                Ok(state)
            }
            Pattern::Repeat(inner, least, most) => {
                let mut state = after;
                for _ in *least..*most {
                    let once_more = self.before(inner, state)?;
                    state = self.union(once_more, after);
                }
                for _ in 0..*least {
                    state = self.before(inner, state)?;
                }
                Ok(state)
            }
            Pattern::Group(_, inner) => self.before(inner, after),
            // Only prefixes have one, and those are no automata.
            Pattern::End => Err(Unsupported),
        }
    }

    fn node(&self, state: Draft) -> Node<Draft> {
        let at = usize::try_from(state).unwrap_or(usize::MAX);
        self.nodes.get(at).copied().unwrap_or(Node {
            next: [DEAD; 10],
            labels: 0,
        })
    }

    fn state(&mut self, node: Node<Draft>) -> Draft {
        let nodes = &mut self.nodes;
        *self.known.entry(node).or_insert_with(|| {
            nodes.push(node);
            // Out of numbers is out of memory long before; the dead state then refuses, it never misleads.
            Draft::try_from(nodes.len() - 1).unwrap_or(DEAD)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(digits: &str) -> Vec<u8> {
        digits.bytes().map(|byte| byte - b'0').collect()
    }

    fn automaton(texts: &[&str]) -> (Automaton, State) {
        let mut builder = Builder::new();
        let mut root = DEAD;
        for (nth, text) in texts.iter().enumerate() {
            let pattern = Pattern::parse(text).expect("a pattern");
            let one = builder.add(&pattern, 1 << nth).expect("no end");
            root = builder.union(root, one);
        }
        let (automaton, roots) = builder.finish(&[root]).expect("few states");
        (automaton, roots[0])
    }

    #[test]
    fn labels_say_which_patterns_match() {
        let (automaton, root) = automaton(&["1\\d{2,4}", "12(?:3|45)?", "(?:)"]);
        for (digits, labels) in [
            ("", 0b100),
            ("12", 0b010),
            ("123", 0b011),
            ("1245", 0b011),
            ("12456", 0b001),
            ("124567", 0),
            ("2", 0),
        ] {
            assert_eq!(automaton.labels(root, &values(digits)), labels, "{digits}");
        }
        assert!(!automaton.begins(root, &values("1")));
        assert!(automaton.begins(root, &values("129999999")));
    }

    #[test]
    fn equal_states_are_one() {
        let (small, _) = automaton(&["(?:1|2|34)\\d{3}|5\\d{3}"]);
        // Dead, the start, behind 3, and four states that count what is left.
        assert_eq!(small.nodes.len(), 7);
    }

    const PATTERNS: [&str; 4] = [
        "[2-9]\\d{9}|3\\d{6}",
        "(?:0[1-3]|1(?:2|34?)|4{2,3})\\d\\d?",
        "(\\d{2,4})(?:5[05]|[16])?",
        "1|12|123|1[0-5]{2,5}7?",
    ];

    proptest! {
        #[test]
        fn a_match_is_what_a_regular_expression_says(digits in "[0-9]{0,12}", nth in 0usize..4) {
            let (automaton, root) = automaton(&[PATTERNS[nth]]);
            let expected = regex_lite::Regex::new(&format!("^(?:{})$", PATTERNS[nth])).expect("a pattern");
            prop_assert_eq!(automaton.labels(root, &values(&digits)) != 0, expected.is_match(&digits));
        }
    }
}
