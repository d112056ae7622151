//! Splits an argument into words that may be quoted, for COMB and for XCRC and the like.
//!
//! A word ends at a space. A word in double quotes may contain spaces, and a quote as two quotes, as
//! in the 257 of PWD (RFC 959 appendix II).

/// Splits off the first word: the word, and the text after the space that ends it. `None` if a
/// quote is not closed, or is followed by anything but a space.
pub fn take_word(argument: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let Some(mut rest) = argument.strip_prefix(b"\"") else {
        // The second part is missing if there is no space, the first one never.
        let mut parts = argument.splitn(2, |&b| b == b' ');
        let word = parts.next().unwrap_or_default().to_vec();
        return Some((word, parts.next().unwrap_or_default()));
    };
    let mut word = Vec::new();
    loop {
        let quote = rest.iter().position(|&b| b == b'"')?;
        let (text, from_quote) = rest.split_at_checked(quote)?;
        word.extend_from_slice(text);
        match from_quote {
            [b'"', b'"', more @ ..] => {
                word.push(b'"');
                rest = more;
            }
            [b'"'] => return Some((word, &[])),
            [b'"', b' ', more @ ..] => return Some((word, more)),
            _ => return None,
        }
    }
}

/// All words; `None` if one is malformed or empty.
pub fn words(mut argument: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    while !argument.is_empty() {
        let (word, rest) = take_word(argument)?;
        if word.is_empty() {
            return None;
        }
        words.push(word);
        argument = rest;
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_are_split_with_and_without_quotes() {
        for (argument, expected) in [
            ("a b", Some(vec!["a", "b"])),
            ("\"a b\" c", Some(vec!["a b", "c"])),
            ("\"a \"\"b\"\"\"", Some(vec!["a \"b\""])),
            ("a\"b", Some(vec!["a\"b"])),
            ("", Some(vec![])),
            ("\"a", None),
            ("\"a\"b", None),
            ("\"\"", None),
            ("a  b", None),
        ] {
            let expected = expected.map(|words| {
                let bytes = words.into_iter().map(|word| word.as_bytes().to_vec());
                bytes.collect::<Vec<_>>()
            });
            assert_eq!(words(argument.as_bytes()), expected, "{argument}");
        }
    }

    proptest! {
        #[test]
        fn quoted_words_round_trip(all in proptest::collection::vec("[ a\"]{1,5}", 0..4)) {
            let quoted = all.iter().map(|word| format!("\"{}\"", word.replace('"', "\"\"")));
            let argument = quoted.collect::<Vec<_>>().join(" ");
            let expected: Vec<_> = all.iter().map(|word| word.as_bytes().to_vec()).collect();
            prop_assert_eq!(words(argument.as_bytes()), Some(expected));
        }
    }
}
