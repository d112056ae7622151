//! A strict parser for replies (RFC 959 §4.2) and the Telnet commands between them (RFC 854).
//!
//! It also masks the parts of replies that vary between runs, so that two conversations compare equal.

use crate::support::pattern::Pattern;

const IAC: u8 = 255;

/// Parses all bytes of a control connection into replies: lines without CRLF. Fails with the reason.
pub(crate) fn parse(bytes: &[u8]) -> Result<Vec<Vec<String>>, String> {
    let text = text(bytes)?;
    let mut replies = Vec::new();
    let mut lines = text.split_inclusive(|&byte| byte == b'\n');
    while let Some(line) = lines.next() {
        let first = content(line)?;
        let (code, separator) = begin(&first).ok_or_else(|| format!("not a reply: {first:?}"))?;
        let mut reply = vec![first.clone()];
        let mut open = separator == '-';
        while open {
            let line = lines.next().ok_or_else(|| format!("{code} does not end"))?;
            let line = content(line)?;
            // A client takes the first line like this for the last.
            open = begin(&line) != Some((code, ' '));
            reply.push(line);
        }
        replies.push(reply);
    }
    Ok(replies)
}

/// The text without Telnet refusals, with doubled 255 decoded.
fn text(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    let mut bytes = bytes.iter().copied();
    while let Some(byte) = bytes.next() {
        match (byte == IAC).then(|| bytes.next()) {
            None => text.push(byte),
            Some(Some(IAC)) => text.push(IAC),
            // WONT and DONT, with the option that they refuse.
            Some(Some(252 | 254)) if bytes.next().is_some() => {}
            Some(command) => return Err(format!("IAC {command:?}")),
        }
    }
    Ok(text)
}

/// A line without its CRLF; fails if it contains CR, LF or NUL.
fn content(line: &[u8]) -> Result<String, String> {
    let shown = || line.escape_ascii().to_string();
    let content = line.strip_suffix(b"\r\n");
    let content = content.ok_or_else(|| format!("no CRLF: {}", shown()))?;
    if content.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        return Err(format!("CR, LF or NUL inside: {}", shown()));
    }
    Ok(content.escape_ascii().to_string())
}

/// The code and the separator after it, if the line begins with a code of RFC 959 §4.2.1.
fn begin(line: &str) -> Option<(u16, char)> {
    let (code, rest) = line.split_at_checked(3)?;
    let [first, second, third] = code.as_bytes() else {
        return None;
    };
    let known = (b'1'..=b'5').contains(first) && (b'0'..=b'5').contains(second);
    let separator = rest.chars().next().filter(|c| matches!(c, ' ' | '-'))?;
    (known && third.is_ascii_digit()).then(|| Some((code.parse().ok()?, separator)))?
}

/// The replies without the parts that vary between runs: ports, times, inodes.
pub(crate) fn masked(replies: &[Vec<String>]) -> Vec<String> {
    let lines = replies.iter().flatten();
    lines.map(|line| mask(line)).collect()
}

fn mask(line: &str) -> String {
    for (pattern, constant) in [
        ("227 *", "227 a port"),
        ("229 *", "229 a port"),
        (" Connected from *", " Connected from here"),
    ] {
        if Pattern::new(pattern).matches(line.as_bytes()) {
            return constant.to_owned();
        }
    }
    let words = line.split(' ').filter(|word| !word.is_empty());
    if line.trim_start().starts_with(['-', 'd']) && words.clone().count() >= 9 {
        // `ls -l`, which STAT indents: all but month, day and time.
        let kept = words.enumerate().filter(|(n, _)| !(5..8).contains(n));
        return kept.map(|(_, word)| word).collect::<Vec<_>>().join(" ");
    }
    let facts = line.split(';').map(|fact| match fact.split_once('=') {
        Some(("unique", _)) => "unique".to_owned(),
        _ => without_time(fact),
    });
    facts.collect::<Vec<_>>().join(";")
}

/// The text with time-vals (RFC 3659 §2.3) masked: fourteen digits with an optional fraction.
fn without_time(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_digit() || c == '.';
    let words = text.split_inclusive(|c: char| !is_part(c));
    words
        .map(|word| {
            let number = word.trim_end_matches(|c| !is_part(c));
            let whole = number.split('.').next().unwrap_or("");
            match whole.len() {
                14 => word.replace(number, "time"),
                _ => word.to_owned(),
            }
        })
        .collect()
}

#[test]
fn parser_accepts_valid_and_rejects_invalid_replies() {
    let parsed = parse(b"\xff\xfe\x01220-a\r\n 1\r\n220 \xff\xff\r\n200 x\r\n").unwrap();
    assert_eq!(parsed, [vec!["220-a", " 1", r"220 \xff"], vec!["200 x"]]);
    for wrong in [
        &b"220 x"[..],
        b"220 x\n",
        b"220\r\n",
        b"22 x\r\n",
        b"620 x\r\n",
        b"260 x\r\n",
        b"220-x\r\n221 x\r\n",
        b"220 a\rb\r\n",
        b"220 \xff\xf4\r\n",
    ] {
        assert!(parse(wrong).is_err(), "{}", wrong.escape_ascii());
    }
}

#[test]
fn mask_hides_only_varying_parts() {
    for (line, expected) in [
        ("213 20261123021952.336", "213 time"),
        ("213 8", "213 8"),
        (
            " type=file;size=1;modify=20261123021952;unique=1-a; /f",
            " type=file;size=1;modify=time;unique; /f",
        ),
        (
            "-rw-r--r--    1 0 0 12 Nov 23 02:19 a b",
            "-rw-r--r-- 1 0 0 12 a b",
        ),
    ] {
        assert_eq!(mask(line), expected);
    }
}
