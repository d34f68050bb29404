//! Decoding lines on another core, ahead of applying them: what was written while nobody was there is most of a day's changes.

use std::ops::ControlFlow;
use std::sync::mpsc::sync_channel;

use super::decode::{Decode, Item, Message};

/// What some editors put at the start of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Fewer lines are decoded as they are applied: a thread costs as much as some ten of them.
const FEW: usize = 128;
/// Lines that are handed over at once.
const TOGETHER: usize = 64;
/// How many times so many may wait to be applied.
const WAITING: usize = 4;

/// Calls `apply` with what each of `lines` says, in order, until it breaks off; nothing of a blank one.
pub(super) fn decode(
    decoder: &dyn Decode,
    lines: &[&[u8]],
    apply: &mut dyn FnMut(Vec<Item>) -> ControlFlow<()>,
) {
    let decoded = std::thread::scope(|scope| {
        if lines.len() < FEW {
            return 0;
        }
        let (sender, receiver) = sync_channel::<Vec<Vec<Item>>>(WAITING);
        let spawned = std::thread::Builder::new()
            .name("decoder".into())
            .spawn_scoped(scope, move || {
                for some in lines.chunks(TOGETHER) {
                    let said = some.iter().map(|line| items(decoder, line)).collect();
                    if sender.send(said).is_err() {
                        // Whoever applies has broken off.
                        return;
                    }
                }
            });
        if spawned.is_err() {
            return 0;
        }
        for said in receiver.iter().flatten() {
            if apply(said).is_break() {
                break;
            }
        }
        lines.len()
    });
    for line in &lines[decoded..] {
        if apply(items(decoder, line)).is_break() {
            return;
        }
    }
}

/// What `line` says: nothing where it is blank.
fn items(decoder: &dyn Decode, line: &[u8]) -> Vec<Item> {
    let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
    let mut items = Vec::new();
    if !line.trim_ascii().is_empty() {
        decoder.decode(Message::of(line), &mut items);
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::decode::Native;
    use crate::replica::Change;

    fn id(items: &[Item]) -> Option<&str> {
        match items {
            [
                Item::Change {
                    change: Change::Delete { id },
                    ..
                },
            ] => Some(id),
            _ => None,
        }
    }

    #[test]
    fn lines_are_applied_in_order_whoever_decodes_them() {
        for count in [3, FEW - 1, FEW, 10 * TOGETHER * WAITING + 1] {
            let lines: Vec<String> = (0..count)
                .map(|nth| match nth % 3 {
                    0 => " \r".to_owned(),
                    _ => format!("\u{feff}{{\"op\":\"delete\",\"id\":\"{nth}\"}}"),
                })
                .collect();
            let lines: Vec<&[u8]> = lines.iter().map(String::as_bytes).collect();
            let mut next = 0;
            decode(&Native, &lines, &mut |items| {
                let expected = (next % 3 > 0).then(|| next.to_string());
                assert_eq!(id(&items), expected.as_deref());
                next += 1;
                ControlFlow::Continue(())
            });
            assert_eq!(next, count);
        }
    }

    #[test]
    fn whoever_breaks_off_is_told_nothing_more() {
        for count in [3, 100 * FEW] {
            let line: &[u8] = b"{\"op\":\"heartbeat\"}";
            let mut told = 0;
            decode(&Native, &vec![line; count], &mut |_| {
                told += 1;
                match told {
                    2 => ControlFlow::Break(()),
                    _ => ControlFlow::Continue(()),
                }
            });
            assert_eq!(told, 2);
        }
    }
}
