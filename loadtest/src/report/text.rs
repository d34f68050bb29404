//! Words and figures of a page: everything that comes from outside goes through [`escaped`].

use std::fmt;

/// `text` as the content or a quoted attribute of XML and HTML, whatever it is.
pub(crate) fn escaped(text: &str) -> Escaped<'_> {
    Escaped(text)
}

/// See [`escaped`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        for letter in self.0.chars() {
            match letter {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\t' | '\n' | '\r' => f.write_char(' ')?,
                // XML has no way to write these at all, and directions of writing could turn what follows around.
                '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => {
                    f.write_char('\u{fffd}')?
                }
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => f.write_char('\u{fffd}')?,
                letter => f.write_char(letter)?,
            }
        }
        Ok(())
    }
}

/// Nanoseconds as people say them: `85 ns`, `1.3 µs`, `20 ms`, `2 s`.
pub(crate) fn time(nanos: f64) -> String {
    if !nanos.is_finite() {
        return "–".into();
    }
    let (value, unit) = match nanos.abs() {
        size if size < 1e3 => (nanos, "ns"),
        size if size < 1e6 => (nanos / 1e3, "µs"),
        size if size < 1e9 => (nanos / 1e6, "ms"),
        _ => (nanos / 1e9, "s"),
    };
    format!("{} {unit}", short(value))
}

/// A figure with three digits that count, or all of a whole number's.
pub(crate) fn short(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    if decimals == 0 {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A whole number with its thousands apart.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A large round number as on an axis: `10 k`, `50 M`.
pub(crate) fn magnitude(value: f64) -> String {
    match value.abs() {
        size if size >= 1e9 => format!("{} G", short(value / 1e9)),
        size if size >= 1e6 => format!("{} M", short(value / 1e6)),
        size if size >= 1e3 => format!("{} k", short(value / 1e3)),
        _ => short(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_is_markup() {
        let hostile = "<script>alert('x')</script>&\"\0\u{202e}\n";
        let text = escaped(hostile).to_string();
        assert_eq!(
            text,
            "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;\u{fffd}\u{fffd} "
        );
    }

    #[test]
    fn figures_are_told_as_people_say_them() {
        assert_eq!(
            [85.0, 1310.0, 20e6, 2e9, f64::NAN].map(time),
            ["85 ns", "1.31 µs", "20 ms", "2 s", "–"]
        );
        assert_eq!([7, 1000, 1_234_567].map(count), ["7", "1,000", "1,234,567"]);
        assert_eq!(
            [500.0, 1e4, 5e7, 2.5e9].map(magnitude),
            ["500", "10 k", "50 M", "2.5 G"]
        );
        assert_eq!([0.0, 9.999, 99.96].map(short), ["0", "10", "100"]);
    }
}
