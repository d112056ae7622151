//! Several names in one argument, for the few commands that take them: XCRC and its like, COMB.
//!
//! A word ends at a space, unless it stands in double quotes, in which two quotes are one, as in
//! the 257 of PWD (RFC 959 appendix II).

/// Takes the first word off: the word, and what is behind the space that ends it. `None` where a
/// quote is not closed, or where something else follows it.
pub fn take_word(argument: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let Some(mut rest) = argument.strip_prefix(b"\"") else {
        let mut parts = argument.splitn(2, |&b| b == b' ');
        let word = parts.next().unwrap_or_default().to_vec();
        return Some((word, parts.next().unwrap_or_default()));
    };
    let mut word = Vec::new();
    loop {
        let quote = rest.iter().position(|&b| b == b'"')?;
        let (text, behind) = rest.split_at_checked(quote)?;
        word.extend_from_slice(text);
        match behind {
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

/// All words; `None` where one cannot be read or is empty.
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
    fn words_with_and_without_quotes() {
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
        fn quoted_words_come_back(all in proptest::collection::vec("[ a\"]{1,5}", 0..4)) {
            let quoted = all.iter().map(|word| format!("\"{}\"", word.replace('"', "\"\"")));
            let argument = quoted.collect::<Vec<_>>().join(" ");
            let expected: Vec<_> = all.iter().map(|word| word.as_bytes().to_vec()).collect();
            prop_assert_eq!(words(argument.as_bytes()), Some(expected));
        }
    }
}
