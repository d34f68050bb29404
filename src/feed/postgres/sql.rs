//! Names and texts inside statements. Sessions have `standard_conforming_strings` on.

/// A name as an identifier, whatever it holds.
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A table's name, as a person would write it where that can be.
pub(super) fn qualified(schema: &str, name: &str) -> String {
    let plain = |name: &str| {
        let mut bytes = name.bytes();
        bytes.next().is_some_and(|byte| byte.is_ascii_lowercase())
            && bytes.all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
    };
    // A word of the language is no plain name, and a schema ahead of it makes it one.
    let part = |name: &str| {
        if plain(name) {
            name.to_owned()
        } else {
            identifier(name)
        }
    };
    format!("{}.{}", part(schema), part(name))
}

/// A text as a literal, whatever it holds.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Names as a list of identifiers.
pub(super) fn identifiers<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names.into_iter().map(identifier).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::{identifier, identifiers, literal};

    #[test]
    fn nothing_in_a_name_or_a_text_ends_it() {
        assert_eq!(
            identifier(r#"a"; DROP TABLE x; --"#),
            r#""a""; DROP TABLE x; --""#
        );
        assert_eq!(literal("O'Neil\\"), "'O''Neil\\'");
        assert_eq!(identifiers(["a", "B"]), r#""a", "B""#);
    }
}
