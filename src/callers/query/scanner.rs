//! The words, texts and signs of which a query is written.

use super::QueryError;

/// A piece of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::callers) enum Token<'q> {
    /// What stands there without quotation marks: a name, a keyword, a number, an id, a date.
    Word(&'q str),
    /// What stands between quotation marks, its escapes not undone.
    Text(&'q str),
    /// One of `( ) ,` and the comparisons `= != <> < <= > >=`.
    Sign(&'q str),
    /// Nothing more.
    End,
}

/// How a quotation mark is written within quotation marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::callers) enum Quoting {
    /// Twice: OData.
    Doubled,
    /// Behind a backslash: SOQL.
    Backslash,
}

/// Reads a query piece by piece.
#[derive(Debug, Clone)]
pub(in crate::callers) struct Scanner<'q> {
    rest: &'q str,
    quoting: Quoting,
}

impl<'q> Scanner<'q> {
    /// Reads `text` from its beginning.
    pub(in crate::callers) fn new(text: &'q str, quoting: Quoting) -> Scanner<'q> {
        Scanner { rest: text, quoting }
    }

    /// The next piece, which is passed.
    ///
    /// # Errors
    /// A quotation that does not end.
    pub(in crate::callers) fn next(&mut self) -> Result<Token<'q>, QueryError> {
        self.rest = self.rest.trim_start();
        let Some(first) = self.rest.chars().next() else {
            return Ok(Token::End);
        };
        if first == '\'' {
            return self.quotation();
        }
        let len = match first {
            '(' | ')' | ',' | '=' => 1,
            '<' if self.rest.starts_with("<=") || self.rest.starts_with("<>") => 2,
            '>' | '!' if self.rest.get(1..2) == Some("=") => 2,
            '<' | '>' | '!' => 1,
            _ => {
                let end = self
                    .rest
                    .find(|c: char| c.is_whitespace() || "(),='<>!".contains(c));
                let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
                self.rest = rest;
                return Ok(Token::Word(word));
            }
        };
        let (sign, rest) = self.rest.split_at(len);
        self.rest = rest;
        Ok(Token::Sign(sign))
    }

    /// The next piece, which is not passed.
    ///
    /// # Errors
    /// A quotation that does not end.
    pub(in crate::callers) fn peek(&self) -> Result<Token<'q>, QueryError> {
        self.clone().next()
    }

    /// Passes the next piece where it is the word `word`, in any case; whether it was.
    ///
    /// # Errors
    /// A quotation that does not end.
    pub(in crate::callers) fn passes(&mut self, word: &str) -> Result<bool, QueryError> {
        let mut ahead = self.clone();
        let is_it = matches!(ahead.next()?, Token::Word(found) if found.eq_ignore_ascii_case(word));
        if is_it {
            *self = ahead;
        }
        Ok(is_it)
    }

    /// Passes the next piece where it is the sign `sign`; whether it was.
    ///
    /// # Errors
    /// A quotation that does not end.
    pub(in crate::callers) fn passes_sign(&mut self, sign: &str) -> Result<bool, QueryError> {
        let mut ahead = self.clone();
        let is_it = ahead.next()? == Token::Sign(sign);
        if is_it {
            *self = ahead;
        }
        Ok(is_it)
    }

    /// Passes `sign`.
    ///
    /// # Errors
    /// Another piece stands there.
    pub(in crate::callers) fn expect_sign(
        &mut self,
        sign: &str,
        expected: &'static str,
    ) -> Result<(), QueryError> {
        if self.passes_sign(sign)? {
            return Ok(());
        }
        Err(QueryError::syntax(expected, self.rest.trim_start()))
    }

    /// Passes a word.
    ///
    /// # Errors
    /// Another piece stands there.
    pub(in crate::callers) fn expect_word(&mut self, expected: &'static str) -> Result<&'q str, QueryError> {
        match self.peek()? {
            Token::Word(word) => {
                self.next()?;
                Ok(word)
            }
            _ => Err(self.unexpected(expected)),
        }
    }

    /// What stands next, in place of `expected`.
    pub(in crate::callers) fn unexpected(&self, expected: &'static str) -> QueryError {
        QueryError::syntax(expected, self.rest.trim_start())
    }

    fn quotation(&mut self) -> Result<Token<'q>, QueryError> {
        let inner = self.rest.get(1..).unwrap_or_default();
        let bytes = inner.as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match (byte, self.quoting) {
                (b'\\', Quoting::Backslash) => at += 2,
                (b'\'', Quoting::Doubled) if bytes.get(at + 1) == Some(&b'\'') => at += 2,
                (b'\'', _) => {
                    let (text, rest) = inner.split_at(at);
                    self.rest = rest.get(1..).unwrap_or_default();
                    return Ok(Token::Text(text));
                }
                _ => at += 1,
            }
        }
        Err(QueryError::syntax("a quotation mark that ends the text", ""))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(text: &str, quoting: Quoting) -> Result<Vec<Token<'_>>, QueryError> {
        let mut scanner = Scanner::new(text, quoting);
        let mut tokens = Vec::new();
        loop {
            match scanner.next()? {
                Token::End => return Ok(tokens),
                token => tokens.push(token),
            }
        }
    }

    #[test]
    fn pieces_are_told_apart() {
        use Token::{Sign, Text, Word};
        assert_eq!(
            all(
                " contains(a, 'O''Neil')and b ge 2026-11-02T09:30:00Z",
                Quoting::Doubled
            ),
            Ok(vec![
                Word("contains"),
                Sign("("),
                Word("a"),
                Sign(","),
                Text("O''Neil"),
                Sign(")"),
                Word("and"),
                Word("b"),
                Word("ge"),
                Word("2026-11-02T09:30:00Z")
            ])
        );
        assert_eq!(
            all("A<>'x\\'y'AND(B>=1)C!=null", Quoting::Backslash),
            Ok(vec![
                Word("A"),
                Sign("<>"),
                Text("x\\'y"),
                Word("AND"),
                Sign("("),
                Word("B"),
                Sign(">="),
                Word("1"),
                Sign(")"),
                Word("C"),
                Sign("!="),
                Word("null")
            ])
        );
    }

    #[test]
    fn a_quotation_has_to_end() {
        for (text, quoting) in [
            ("'abc", Quoting::Doubled),
            ("'abc''", Quoting::Doubled),
            ("'abc\\'", Quoting::Backslash),
            ("'abc\\", Quoting::Backslash),
            ("'", Quoting::Backslash),
        ] {
            assert!(all(text, quoting).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "[a-z'\\\\(),=<>! é]{0,40}", other in "\\PC*") {
            for text in [&text, &other] {
                let _either = (all(text, Quoting::Doubled), all(text, Quoting::Backslash));
            }
        }
    }
}
