//! Patterns of file names in LIST and NLST: `*`, `?`, `[abc]`, `[a-z]`, `[!abc]`.
//!
//! Of bytes, as names are: `?` is one byte. A pattern comes from the client, so its cost is
//! bounded: pattern length times name length at the worst, with no recursion. That a name
//! beginning with a dot is hidden is the shell's rule, and kept here.

/// Whether the pattern, all of it, stands for the name, all of it.
pub fn matches(pattern: &[u8], name: &[u8]) -> bool {
    if name.starts_with(b".") && !pattern.starts_with(b".") {
        return false;
    }
    let pattern = Pattern::new(pattern);
    let (mut rest, mut text) = (pattern.all, name);
    // Only the last star needs to be tried again: what an earlier one could take more,
    // the last one can take as well.
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        if let Some(behind) = rest.strip_prefix(b"*") {
            rest = behind;
            star = Some((behind, text));
            continue;
        }
        let matched = match text.split_first() {
            Some((&byte, behind)) => pattern.step(rest, byte).map(|next| (next, behind)),
            None if rest.is_empty() => return true,
            // The name is used up; a star that takes more would leave even less of it.
            None => return false,
        };
        (rest, text) = match (matched, star) {
            (Some(next), _) => next,
            (None, Some((behind_star, taken))) => {
                let taken = taken.get(1..).unwrap_or_default();
                star = Some((behind_star, taken));
                (behind_star, taken)
            }
            (None, None) => return false,
        };
    }
}

/// Whether the name is a pattern at all.
pub fn has_wildcard(name: &[u8]) -> bool {
    name.iter().any(|byte| matches!(byte, b'*' | b'?' | b'['))
}

struct Pattern<'a> {
    all: &'a [u8],
    /// How many bytes are behind the last `]`; all of them, where there is none. With this,
    /// a `[` without an end is seen at once and not searched for again and again.
    behind_last_bracket: usize,
}

impl<'a> Pattern<'a> {
    fn new(all: &'a [u8]) -> Self {
        let from_end = all.iter().rev().position(|&byte| byte == b']');
        Self {
            all,
            behind_last_bracket: from_end.unwrap_or(all.len()),
        }
    }

    /// What follows in the pattern, where its first unit stands for this byte.
    fn step(&self, rest: &'a [u8], byte: u8) -> Option<&'a [u8]> {
        let (&first, behind) = rest.split_first()?;
        match first {
            b'?' => Some(behind),
            b'[' => match self.class(behind) {
                Some((class, behind)) => class.contains(byte).then_some(behind),
                None => (byte == b'[').then_some(behind),
            },
            _ => (byte == first).then_some(behind),
        }
    }

    /// The class that begins behind a `[`; `None` where it has no end: then the bracket is
    /// only a bracket. A `]` that comes first belongs to the class.
    fn class(&self, behind: &'a [u8]) -> Option<(Class<'a>, &'a [u8])> {
        let (negated, body) = match behind.split_first() {
            Some((b'!' | b'^', body)) => (true, body),
            _ => (false, behind),
        };
        if body.len() < self.behind_last_bracket + 2 {
            return None;
        }
        let (_, later) = body.split_first()?;
        let length = 1 + later.iter().position(|&byte| byte == b']')?;
        let (members, closing) = body.split_at_checked(length)?;
        Some((Class { negated, members }, closing.get(1..)?))
    }
}

struct Class<'a> {
    negated: bool,
    members: &'a [u8],
}

impl Class<'_> {
    fn contains(&self, byte: u8) -> bool {
        let mut members = self.members;
        loop {
            members = match members {
                [] => return self.negated,
                [from, b'-', to, behind @ ..] => {
                    if (*from..=*to).contains(&byte) {
                        return !self.negated;
                    }
                    behind
                }
                [member, behind @ ..] => {
                    if *member == byte {
                        return !self.negated;
                    }
                    behind
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
    fn patterns_and_names() {
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
    fn wildcards_are_seen() {
        assert!(has_wildcard(b"a*") && has_wildcard(b"?") && has_wildcard(b"[a]"));
        assert!(!has_wildcard(b"a]b.txt"));
    }

    /// The definition, without any thought of cost.
    fn matches_slowly(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern, name) {
            ([], []) => true,
            ([b'*', behind @ ..], _) => {
                (0..=name.len()).any(|count| matches_slowly(behind, &name[count..]))
            }
            ([b'?', behind @ ..], [_, later @ ..]) => matches_slowly(behind, later),
            ([byte, behind @ ..], [same, later @ ..]) if byte == same => {
                matches_slowly(behind, later)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[ab*?]{0,7}", name in "[ab]{0,9}") {
            let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
            prop_assert_eq!(matches(pattern, name), matches_slowly(pattern, name));
        }

        #[test]
        fn a_name_is_its_own_pattern(name in "[a-z.]{0,12}") {
            prop_assert!(matches(name.as_bytes(), name.as_bytes()));
        }
    }
}
