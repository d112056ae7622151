//! Reads the part of TOML that a configuration needs, in a few kilobytes of program: for builds without the
//! Cargo feature `config`.
//!
//! A line is a comment, `[table]`, `[[account]]`, or `key = value`; the key may be `table.key`. A value is a
//! string in quotes on one line, a number, `true`, `false`, a date, or an array of these. What this reads,
//! TOML reads in the same way; what it does not read, it refuses. It knows no key but `account`.

use super::entry::{Entry, RawValue};
use super::mistake::Mistake;

const WHOLE_TOML: &str = "the whole of TOML needs a build with --features config";

/// All keys of a file.
pub(super) fn entries(text: &str) -> Result<Vec<Entry>, Mistake> {
    let mut lines = Lines {
        cursor: Cursor { text, at: 0 },
        table: "",
        entries: Vec::new(),
        section: 0,
    };
    while !lines.cursor.rest().is_empty() {
        lines.line()?;
    }
    Ok(lines.entries)
}

struct Lines<'a> {
    cursor: Cursor<'a>,
    /// Of the last header.
    table: &'a str,
    entries: Vec<Entry>,
    /// The number of entries before the last header.
    section: usize,
}

impl Lines<'_> {
    fn line(&mut self) -> Result<(), Mistake> {
        self.cursor.skip_blanks();
        let begin = self.cursor.at;
        if self.cursor.take("[[") {
            self.header(begin, RawValue::Account, "]]")?;
        } else if self.cursor.take("[") {
            self.header(begin, RawValue::Table, "]")?;
        } else if !self.cursor.rest().starts_with(['#', '\r', '\n']) && !self.cursor.is_at_end() {
            self.key()?;
        }
        self.cursor.end_line()
    }

    fn header(&mut self, begin: usize, kind: RawValue, end: &str) -> Result<(), Mistake> {
        let at = self.cursor.at;
        let name = self.cursor.name()?;
        if !self.cursor.take(end) {
            return self
                .cursor
                .fail(format!("the header of a table ends in {end}"));
        }
        if kind == RawValue::Account && name != "account" {
            let text = format!("only account is an array of tables; write [{name}]");
            return fail(at, text);
        }
        let is_same = |entry: &&Entry| entry.path == name;
        let earlier = self.entries.iter().find(is_same);
        if earlier.is_some_and(|entry| entry.value != kind || kind == RawValue::Table) {
            return fail(at, format!("duplicate table {name}"));
        }
        self.section = self.entries.len();
        self.table = name;
        self.push(name.to_owned(), at, kind, begin);
        Ok(())
    }

    fn key(&mut self) -> Result<(), Mistake> {
        let mut path = self.table.to_owned();
        loop {
            let at = self.cursor.at;
            let name = self.cursor.name()?;
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(name);
            let is_table = self.cursor.take(".");
            let mut section = self.entries.iter().skip(self.section);
            let earlier = section.find(|entry| entry.path == path);
            match earlier {
                None => {}
                Some(table) if is_table && table.value == RawValue::Table => continue,
                Some(_) => return fail(at, format!("duplicate key {path}")),
            }
            if is_table {
                self.push(path.clone(), at, RawValue::Table, at);
                continue;
            }
            self.cursor.skip_blanks();
            if !self.cursor.take("=") {
                return self.cursor.fail("write KEY = VALUE".to_owned());
            }
            self.cursor.skip_blanks();
            let begin = self.cursor.at;
            let value = self.cursor.value()?;
            self.push(path, at, value, begin);
            return Ok(());
        }
    }

    /// The value ends here.
    fn push(&mut self, path: String, at: usize, value: RawValue, begin: usize) {
        self.entries.push(Entry {
            path,
            at,
            value,
            span: begin..self.cursor.at,
        });
    }
}

/// A position in the text.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn is_at_end(&self) -> bool {
        self.rest().is_empty()
    }

    fn fail<T>(&self, text: String) -> Result<T, Mistake> {
        fail(self.at, text)
    }

    /// Consumes the token, if it is next.
    fn take(&mut self, token: &str) -> bool {
        let is_next = self.rest().starts_with(token);
        self.at += if is_next { token.len() } else { 0 };
        is_next
    }

    /// Consumes the longest run of these characters.
    fn run(&mut self, is_in: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !is_in(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or("")
    }

    fn skip_blanks(&mut self) {
        self.run(|c| matches!(c, ' ' | '\t'));
    }

    fn name(&mut self) -> Result<&'a str, Mistake> {
        let name = self.run(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if name.is_empty() {
            return self.fail("write a name here, in letters and hyphens".to_owned());
        }
        Ok(name)
    }

    /// The rest of a line without a key: a comment, and the line end.
    fn end_line(&mut self) -> Result<(), Mistake> {
        self.skip_blanks();
        if self.take("#") {
            self.run(is_printed);
        }
        if self.is_at_end() || self.take("\n") || self.take("\r\n") {
            return Ok(());
        }
        self.fail(format!("the line should end here; {WHOLE_TOML}"))
    }

    fn value(&mut self) -> Result<RawValue, Mistake> {
        if !self.take("[") {
            return self.scalar();
        }
        let mut list = Vec::new();
        loop {
            self.skip_lines()?;
            if self.take("]") {
                return Ok(RawValue::List(list));
            }
            list.push(self.scalar()?);
            self.skip_lines()?;
            if !self.take(",") && !self.rest().starts_with(']') {
                return self.fail("unclosed array; write a comma or ]".to_owned());
            }
        }
    }

    /// Within an array, lines may end.
    fn skip_lines(&mut self) -> Result<(), Mistake> {
        self.skip_blanks();
        while self.rest().starts_with(['#', '\r', '\n']) {
            self.end_line()?;
            self.skip_blanks();
        }
        Ok(())
    }

    fn scalar(&mut self) -> Result<RawValue, Mistake> {
        for quote in ["\"\"\"", "'''"] {
            if self.rest().starts_with(quote) {
                return self.fail(format!("write a string of one line; {WHOLE_TOML}"));
            }
        }
        if self.take("'") {
            let text = self.run(|c| c != '\'' && is_printed(c));
            return self.end_string(text.to_owned(), "'");
        }
        if self.take("\"") {
            let text = self.escaped()?;
            return self.end_string(text, "\"");
        }
        let is_bare =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '+' | '.' | '-');
        let begin = self.at;
        let text = self.run(is_bare);
        if text.is_empty() {
            return self.fail("a value is missing".to_owned());
        }
        number(text).map_or_else(|| fail(begin, format!("{text} is not a number")), Ok)
    }

    fn end_string(&mut self, text: String, quote: &str) -> Result<RawValue, Mistake> {
        if self.take(quote) {
            return Ok(RawValue::Text(text));
        }
        self.fail(format!("unclosed string; write {quote}"))
    }

    /// The text of a string up to the quote.
    fn escaped(&mut self) -> Result<String, Mistake> {
        let mut text = String::new();
        loop {
            text.push_str(self.run(|c| !matches!(c, '"' | '\\') && is_printed(c)));
            let at = self.at;
            if !self.take("\\") {
                return Ok(text);
            }
            let escape = self.rest().chars().next();
            text.push(match escape {
                Some(c @ ('"' | '\\')) => c,
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                _ => {
                    return fail(
                        at,
                        "unknown escape; \\\", \\\\, \\n, \\r and \\t are known".to_owned(),
                    );
                }
            });
            self.at += 1;
        }
    }
}

/// What may stand in comments and strings.
fn is_printed(c: char) -> bool {
    c == '\t' || !(c.is_ascii_control())
}

/// Text without quotes; a number loses the underscores between its digits.
fn number(text: &str) -> Option<RawValue> {
    if !text.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
        return Some(RawValue::Bare(text.to_owned()));
    }
    let is_written = text.split('_').all(|digits| !digits.is_empty());
    let is_octal = text.len() > 1 && text.starts_with('0');
    let digits = text.replace('_', "");
    (is_written && !is_octal).then_some(RawValue::Bare(digits))
}

fn fail<T>(at: usize, text: String) -> Result<T, Mistake> {
    Err(Mistake { at, text })
}
