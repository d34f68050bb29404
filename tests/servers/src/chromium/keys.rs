//! Keys that have no letter, as WebDriver names them.

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// To the next control.
    Tab,
    /// To the one before.
    ShiftTab,
    /// Do it.
    Enter,
    /// Go back.
    Escape,
    /// Down a list.
    Down,
    /// Up a list.
    Up,
    /// What prints.
    Char(char),
}

impl Key {
    /// What is pressed, in this order, and let go of in the opposite one.
    pub(super) fn pressed(self) -> Vec<String> {
        let one = |key: char| vec![key.to_string()];
        match self {
            Key::Tab => one('\u{e004}'),
            Key::ShiftTab => vec!['\u{e008}'.to_string(), '\u{e004}'.to_string()],
            Key::Enter => one('\u{e007}'),
            Key::Escape => one('\u{e00c}'),
            Key::Down => one('\u{e015}'),
            Key::Up => one('\u{e013}'),
            Key::Char(key) => one(key),
        }
    }
}
