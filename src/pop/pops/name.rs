//! What calls are called that nobody else has named.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Node, now};

/// Names that were given without chance.
static GIVEN: AtomicU64 = AtomicU64::new(0);
/// Bits of a name that count, where there is no chance.
const COUNTED: u32 = 20;

impl Node {
    /// What no other call is called that begins with `prefix`: on either node of a pair, before and after a restart. A count
    /// will not do: both nodes count the same messages, and a call of which nobody is told is not counted.
    pub fn name_call(&self, prefix: &str) -> String {
        let node = self.name().map(|name| format!("{name}.")).unwrap_or_default();
        let mut chance = [0; 8];
        let nth = match getrandom::fill(&mut chance) {
            Ok(()) => u64::from_le_bytes(chance),
            Err(_) => (now() << COUNTED) | (GIVEN.fetch_add(1, Ordering::Relaxed) % (1 << COUNTED)),
        };
        format!("{prefix}{node}{nth:016x}")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use super::*;
    use crate::ha::Standing;

    #[test]
    fn two_calls_that_nobody_named_are_two_though_they_come_at_once_and_to_two_nodes_that_know_the_same() {
        let standing = Arc::new(Standing::default());
        let nodes = [
            Node::alone(),
            Node::of("ringside-a", &standing),
            Node::of("ringside-b", &standing),
        ];
        let names: BTreeSet<String> = std::thread::scope(|scope| {
            let asked: Vec<_> = nodes
                .iter()
                .flat_map(|node| [node, node])
                .map(|node| scope.spawn(|| (0..50).map(|_| node.name_call("curri:")).collect::<Vec<_>>()))
                .collect();
            asked
                .into_iter()
                .flat_map(|names| names.join().unwrap_or_default())
                .collect()
        });
        assert_eq!(names.len(), 6 * 50);
        assert!(names.iter().all(|name| name.starts_with("curri:")), "{names:?}");
        assert!(
            names.iter().any(|name| name.starts_with("curri:ringside-b.")),
            "{names:?}"
        );
    }
}
