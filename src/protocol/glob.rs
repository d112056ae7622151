//! Matches file names with the patterns of LIST and NLST: `*`, `?`, `[abc]`, `[a-z]`, `[!abc]`.
//!
//! Patterns match bytes: `?` is one byte. They come from clients, so the cost is bounded: pattern
//! length times name length in the worst case, without recursion. As in the shell, wildcards do not
//! match a leading dot.

/// Whether the pattern matches the whole name.
pub fn matches(pattern: &[u8], name: &[u8]) -> bool {
    if name.starts_with(b".") && !pattern.starts_with(b".") {
        return false;
    }
    let pattern = Pattern::new(pattern);
    let (mut rest, mut text) = (pattern.all, name);
    // Backtracking to the last star is enough: it can match whatever an earlier one could match in
    // addition.
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        if let Some(after) = rest.strip_prefix(b"*") {
            rest = after;
            star = Some((after, text));
            continue;
        }
        let matched = match text.split_first() {
            Some((&byte, after)) => pattern.step(rest, byte).map(|next| (next, after)),
            None if rest.is_empty() => return true,
            // The name is exhausted; backtracking would leave even less of it.
            None => return false,
        };
        (rest, text) = match (matched, star) {
            (Some(next), _) => next,
            (None, Some((after_star, remaining))) => {
                debug_assert!(
                    remaining.len() >= text.len(),
                    "the star matched no later than here"
                );
                let remaining = remaining.get(1..).unwrap_or_default();
                star = Some((after_star, remaining));
                (after_star, remaining)
            }
            (None, None) => return false,
        };
    }
}

/// Whether the name contains a wildcard.
pub fn has_wildcard(name: &[u8]) -> bool {
    name.iter().any(|byte| matches!(byte, b'*' | b'?' | b'['))
}

struct Pattern<'a> {
    all: &'a [u8],
    /// The number of bytes after the last `]`, or of all if there is none: an unclosed `[` is detected
    /// in constant time, without a search at each step.
    after_last_bracket: usize,
}

impl<'a> Pattern<'a> {
    fn new(all: &'a [u8]) -> Self {
        let from_end = all.iter().rev().position(|&byte| byte == b']');
        Self {
            all,
            after_last_bracket: from_end.unwrap_or(all.len()),
        }
    }

    /// The rest of the pattern after its first element, if that matches the byte.
    fn step(&self, rest: &'a [u8], byte: u8) -> Option<&'a [u8]> {
        let (&first, after) = rest.split_first()?;
        match first {
            b'?' => Some(after),
            b'[' => match self.class(after) {
                Some((class, after)) => class.contains(byte).then_some(after),
                None => (byte == b'[').then_some(after),
            },
            _ => (byte == first).then_some(after),
        }
    }

    /// The character class that begins after a `[`, and the rest of the pattern; `None` if it is not
    /// closed: then the bracket is literal. A `]` at its beginning belongs to the class.
    fn class(&self, after_bracket: &'a [u8]) -> Option<(CharacterClass<'a>, &'a [u8])> {
        let (negated, body) = match after_bracket.split_first() {
            Some((b'!' | b'^', body)) => (true, body),
            _ => (false, after_bracket),
        };
        if body.len() < self.after_last_bracket + 2 {
            return None;
        }
        let (_, later) = body.split_first()?;
        let length = 1 + later.iter().position(|&byte| byte == b']')?;
        let (members, closing) = body.split_at_checked(length)?;
        Some((CharacterClass { negated, members }, closing.get(1..)?))
    }
}

struct CharacterClass<'a> {
    negated: bool,
    members: &'a [u8],
}

impl CharacterClass<'_> {
    fn contains(&self, byte: u8) -> bool {
        let mut members = self.members;
        loop {
            members = match members {
                [] => return self.negated,
                [from, b'-', to, after @ ..] => {
                    if (*from..=*to).contains(&byte) {
                        return !self.negated;
                    }
                    after
                }
                [member, after @ ..] => {
                    if *member == byte {
                        return !self.negated;
                    }
                    after
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_match_names() {
        for (pattern, name, expected) in [
            ("", "", true),
            ("*", "", true),
            ("a", "", false),
            ("", "a", false),
            ("*.txt", "a.txt", true),
            ("*.txt", "a.txt.gz", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("***", "abc", true),
            ("?", "a", true),
            ("?", "", false),
            ("a?c", "abc", true),
            ("[abc]", "b", true),
            ("[a-c]x", "bx", true),
            ("[!a-c]", "b", false),
            ("[^a-c]", "d", true),
            ("[]]", "]", true),
            ("[!]]", "]", false),
            ("[a-]", "-", true),
            ("[c-a]", "b", false),
            ("[]", "[]", true),
            ("[", "[", true),
            ("[ab", "[ab", true),
            ("[a]b[", "ab[", true),
            ("*[a", "x[a", true),
            ("*", ".hidden", false),
            ("?hidden", ".hidden", false),
            ("[.]hidden", ".hidden", false),
            (".*", ".hidden", true),
            ("*a", "b.a", true),
        ] {
            let found = matches(pattern.as_bytes(), name.as_bytes());
            assert_eq!(found, expected, "{pattern} {name}");
        }
    }

    #[test]
    fn wildcards_are_detected() {
        assert!(has_wildcard(b"a*") && has_wildcard(b"?") && has_wildcard(b"[a]"));
        assert!(!has_wildcard(b"a]b.txt"));
    }

    /// The definition of a match, in exponential time.
    fn matches_slowly(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern, name) {
            ([], []) => true,
            ([b'*', after @ ..], _) => {
                (0..=name.len()).any(|count| matches_slowly(after, &name[count..]))
            }
            ([b'?', after @ ..], [_, later @ ..]) => matches_slowly(after, later),
            ([byte, after @ ..], [same, later @ ..]) if byte == same => {
                matches_slowly(after, later)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn matching_agrees_with_the_definition(pattern in "[ab*?]{0,7}", name in "[ab]{0,9}") {
            let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
            prop_assert_eq!(matches(pattern, name), matches_slowly(pattern, name));
        }

        #[test]
        fn literal_name_matches_itself(name in "[a-z.]{0,12}") {
            prop_assert!(matches(name.as_bytes(), name.as_bytes()));
        }
    }
}
