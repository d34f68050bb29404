//! Numbers as people read them.

use crate::number::{Key, Kind, display_national, region_of};

/// `(480) 675-4110 · US`.
pub(super) fn national(key: Key) -> String {
    match (key.kind(), region_of(key)) {
        (Kind::E164, Some(region)) => format!("{} · {region}", display_national(key)),
        (Kind::E164, None) => display_national(key),
        (Kind::Extension, _) => format!("extension {key}"),
        _ => "SIP address".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_shown_with_its_country() {
        let shown = |key: Option<Key>| key.map(national);
        assert_eq!(
            shown(Key::e164(14_806_754_110)).as_deref(),
            Some("(480) 675-4110 · US")
        );
        assert_eq!(shown(Key::extension("4411")).as_deref(), Some("extension 4411"));
        assert_eq!(national(Key::sip("alice")), "SIP address");
    }
}
