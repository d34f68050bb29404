//! What a plan puts in the place of a national prefix that captured something, as in Argentina or on the islands of the
//! North American plan.

use super::pattern::Unsupported;
use super::prefix::Taken;

/// What stands for a national prefix that captured something: digits, and what a group captured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transform {
    digits: [u8; 4],
    length: u8,
    group: u8,
}

/// Room for what a transform makes: the digits of a number and a few more.
pub(in crate::number) type Room = [u8; 48];

impl Transform {
    /// Digits, then one group. Anything else would be new in the metadata.
    pub(super) fn parse(text: &str) -> Result<Transform, Unsupported> {
        let (digits, group) = text.split_once('$').ok_or(Unsupported)?;
        let mut transform = Transform {
            digits: [0; 4],
            length: u8::try_from(digits.len()).map_err(|_| Unsupported)?,
            group: group.parse().map_err(|_| Unsupported)?,
        };
        if !(1..=2).contains(&transform.group) {
            return Err(Unsupported);
        }
        for (at, byte) in digits.bytes().enumerate() {
            let slot = transform.digits.get_mut(at).ok_or(Unsupported)?;
            *slot = byte
                .checked_sub(b'0')
                .filter(|digit| *digit <= 9)
                .ok_or(Unsupported)?;
        }
        Ok(transform)
    }

    /// Where what it takes was captured, if the prefix captured enough for it to apply: its last group must not be
    /// empty.
    pub(super) fn captured(self, taken: &Taken) -> Option<(Transform, usize, usize)> {
        let (first, second) = (taken.group(1)?, taken.group(2));
        let (start, end) = second.unwrap_or(first);
        if start == end {
            return None;
        }
        let (start, end) = if self.group == 1 {
            first
        } else {
            second.unwrap_or((0, 0))
        };
        Some((self, start, end))
    }

    pub(super) fn apply<'a>(self, captured: &[u8], rest: &[u8], room: &'a mut Room) -> Option<&'a [u8]> {
        let mut length = 0;
        for part in [self.digits.get(..usize::from(self.length))?, captured, rest] {
            room.get_mut(length..length + part.len())?.copy_from_slice(part);
            length += part.len();
        }
        room.get(..length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_one_group_are_read_and_nothing_else() {
        let transform = Transform::parse("9$2").expect("digits and a group");
        let mut room: Room = [0; 48];
        let made = transform.apply(&[1, 1], &[2, 3, 4], &mut room);
        assert_eq!(made, Some(&[9, 1, 1, 2, 3, 4][..]));
        for text in ["", "9", "$", "$0", "$3", "x$1", "$1$2", "12345$1"] {
            assert!(Transform::parse(text).is_err(), "{text}");
        }
    }
}
