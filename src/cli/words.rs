//! Sizes, counts and times as people read and write them.

use std::time::Duration;

/// `1234567` as `1,234,567`.
pub(super) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun: `1 row`, `2 rows`.
pub(super) fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(number))
}

/// Bytes in the unit that leaves one to three digits before the point.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return counted(bytes, "byte");
    }
    let mut size = bytes as f64 / 1024.0;
    let mut unit = UNITS[0];
    for next in &UNITS[1..] {
        if size < 1023.95 {
            break;
        }
        size /= 1024.0;
        unit = next;
    }
    format!("{size:.1} {unit}")
}

/// `whole / parts` with one digit behind the point; nothing where there are no parts.
#[expect(clippy::cast_precision_loss, reason = "one digit behind the point is shown")]
pub(super) fn each(whole: u64, parts: u64) -> String {
    if parts == 0 {
        return String::new();
    }
    format!("{:.1}", whole as f64 / parts as f64)
}

/// Milliseconds since 1970 as `2026-11-18 14:02:11 UTC`.
pub(super) fn moment(ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(moment) => moment.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => format!("{ms} ms"),
    }
}

/// How long before `now_ms` a moment in RFC 3339 was, coarsely: `3 days ago`. `None` where it is none.
pub(super) fn ago(moment: &str, now_ms: i64) -> Option<String> {
    let then = moment.parse::<jiff::Timestamp>().ok()?.as_millisecond();
    let seconds = now_ms.saturating_sub(then) / 1000;
    const UNITS: [(i64, &str); 6] = [
        (365 * 86_400, "year"),
        (30 * 86_400, "month"),
        (7 * 86_400, "week"),
        (86_400, "day"),
        (3600, "hour"),
        (60, "minute"),
    ];
    let unit = UNITS.iter().find(|(length, _)| seconds.abs() >= *length);
    let Some((length, noun)) = unit else {
        return Some("just now".to_owned());
    };
    let span = counted((seconds / length).unsigned_abs(), noun);
    Some(if seconds < 0 {
        format!("in {span}")
    } else {
        format!("{span} ago")
    })
}

/// Seconds as `4:31`, or `1:02:03` from an hour on.
pub(super) fn duration(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

/// A length of time as typed: `90d`, `24h`, `30m`, `45s`, `2w`; at most 100 years.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    const UNITS: [(char, u64); 5] = [('w', 7 * 86_400), ('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];
    const MOST: u64 = 100 * 366 * 86_400;
    let unfit = || format!("expected a time such as 90d, 24h, 30m or 45s, at most 100 years; found {text:?}");
    let (unit, length) = UNITS
        .into_iter()
        .find(|(unit, _)| text.ends_with(*unit))
        .ok_or_else(unfit)?;
    let digits = text.strip_suffix(unit).unwrap_or_default();
    let number: u64 = digits.parse().map_err(|_| unfit())?;
    let seconds = number.checked_mul(length).filter(|seconds| *seconds <= MOST);
    seconds.map(Duration::from_secs).ok_or_else(unfit)
}

/// A [`span`] of a second or more.
pub(super) fn lasting(text: &str) -> Result<Duration, String> {
    match span(text)? {
        Duration::ZERO => Err(format!(
            "expected 1s or more, found {text:?}; it would never count"
        )),
        span => Ok(span),
    }
}

/// Now, in milliseconds since 1970.
pub(super) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_sizes() {
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(count),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(counted(1, "row"), "1 row");
        assert_eq!(counted(2000, "row"), "2,000 rows");
        assert_eq!(
            [1, 1023, 1024, 1_572_864, (1 << 30) - 1].map(bytes),
            ["1 byte", "1,023 bytes", "1.0 KiB", "1.5 MiB", "1.0 GiB"]
        );
        assert_eq!((each(10, 4), each(1, 0)), ("2.5".to_owned(), String::new()));
    }

    #[test]
    fn times() {
        assert_eq!(moment(0), "1970-01-01 00:00:00 UTC");
        let now = 1_790_000_000_000;
        let before = |seconds: i64| {
            let then = jiff::Timestamp::from_millisecond(now - seconds * 1000).expect("in range");
            ago(&then.to_string(), now)
        };
        assert_eq!(before(30).as_deref(), Some("just now"));
        assert_eq!(before(61).as_deref(), Some("1 minute ago"));
        assert_eq!(before(3 * 86_400).as_deref(), Some("3 days ago"));
        assert_eq!(before(-7200).as_deref(), Some("in 2 hours"));
        assert_eq!(ago("yesterday", now), None);
        let spans = ["90d", "24h", "0s", "2w"].map(|text| span(text).map(|span| span.as_secs()));
        assert_eq!(spans, [Ok(7_776_000), Ok(86_400), Ok(0), Ok(1_209_600)]);
        for text in [
            "",
            "d",
            "90",
            "-1d",
            "1.5h",
            "40000d",
            "99999999999999999999s",
            "1 d",
            "é",
        ] {
            assert!(span(text).is_err(), "{text:?}");
        }
        assert_eq!((duration(271), duration(3723)), ("4:31".into(), "1:02:03".into()));
    }
}
