//! A strict parser for the entries of MLST and MLSD (RFC 3659 §7.2, and §7.5 for the values).
//!
//! Independent of the server's formatter: it accepts only the grammar of the RFC.

/// A parsed entry.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The facts, in order.
    pub(crate) facts: Vec<(String, String)>,
    /// The name, after exactly one space.
    pub(crate) name: Vec<u8>,
}

impl Entry {
    /// Parses `entry = [ facts ] SP pathname`; fails with the reason.
    pub(crate) fn parse(line: &[u8]) -> Result<Self, String> {
        let space = line.iter().position(|&byte| byte == b' ');
        let (facts, name) = line.split_at(space.ok_or("no space")?);
        let facts = std::str::from_utf8(facts).map_err(|e| e.to_string())?;
        let name = name[1..].to_vec();
        if name.is_empty() {
            return Err("no name".into());
        }
        // `facts = 1*( fact ";" )`, `fact = factname "=" value`.
        let facts = facts.split_inclusive(';').map(|fact| {
            let fact = fact
                .strip_suffix(';')
                .ok_or_else(|| format!("no `;`: {fact:?}"))?;
            let (key, value) = fact
                .split_once('=')
                .ok_or_else(|| format!("no `=`: {fact:?}"))?;
            if !value.bytes().all(is_schar) {
                return Err(format!("not a value: {fact:?}"));
            }
            check(key, value)
                .then_some(())
                .ok_or_else(|| format!("invalid fact: {fact:?}"))?;
            Ok((key.to_ascii_lowercase(), value.to_owned()))
        });
        let facts = facts.collect::<Result<Vec<_>, String>>()?;
        Ok(Self { facts, name })
    }

    /// The value of a fact.
    pub(crate) fn fact(&self, key: &str) -> Option<&str> {
        let fact = self.facts.iter().find(|(name, _)| name == key);
        fact.map(|(_, value)| value.as_str())
    }
}

/// `SCHAR = RCHAR / "="`.
fn is_schar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || br#",.:!@#$%^&()-_+?/\'"="#.contains(&byte)
}

/// Whether the fact is defined in §7.5 or is a `UNIX.` one, and its value is valid.
fn check(key: &str, value: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match key.to_ascii_lowercase().as_str() {
        "type" => {
            let value = value.to_ascii_lowercase();
            let system = value
                .strip_prefix("os.")
                .and_then(|kind| kind.split_once('='));
            matches!(value.as_str(), "file" | "dir" | "cdir" | "pdir") || system.is_some()
        }
        "size" => digits(value),
        "modify" | "create" => {
            let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
            whole.len() == 14 && digits(whole) && digits(fraction)
        }
        "perm" => value.bytes().all(|letter| b"acdeflmprw".contains(&letter)),
        "unique" => !value.is_empty(),
        key => key.strip_prefix("unix.").is_some_and(|own| !own.is_empty()),
    }
}

#[test]
fn parser_accepts_valid_and_rejects_invalid_entries() {
    let entry = Entry::parse(b"type=OS.unix=slink;Size=1;  a; b").unwrap();
    assert_eq!(entry.name, b" a; b");
    assert_eq!(entry.fact("size"), Some("1"));
    assert!(Entry::parse(b" name").is_ok());
    for wrong in [
        &b"name"[..],
        b"type=file; ",
        b"type=file name",
        b"type; name",
        b"type=link; name",
        b"size=x; name",
        b"modify=2026; name",
        b"perm=z; name",
        b"other=1; name",
    ] {
        assert!(Entry::parse(wrong).is_err(), "{}", wrong.escape_ascii());
    }
}
