//! Reads the whole of TOML, by the crate `toml`.
//!
//! A table is followed by its keys, in any order. It knows no key but `account`, an array of tables.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::entry::{Entry, RawValue};
use super::mistake::Mistake;

/// All keys of a file.
pub(super) fn entries(text: &str) -> Result<Vec<Entry>, Mistake> {
    let table = DeTable::parse(text).map_err(|error| Mistake {
        at: error.span().map_or(0, |span| span.start),
        text: error.message().to_owned(),
    })?;
    let mut entries = Vec::new();
    keys("", table.get_ref(), &mut entries);
    Ok(entries)
}

fn keys(prefix: &str, table: &DeTable<'_>, entries: &mut Vec<Entry>) {
    for (name, value) in table {
        let path = match prefix {
            "" => name.get_ref().to_string(),
            prefix => format!("{prefix}.{}", name.get_ref()),
        };
        let at = name.span().start;
        match value.get_ref() {
            DeValue::Array(all) if path == "account" => {
                for one in all {
                    account(at, one, entries);
                }
            }
            _ => push(&path, at, value, entries),
        }
    }
}

fn account(at: usize, one: &Spanned<DeValue<'_>>, entries: &mut Vec<Entry>) {
    let path = "account";
    let DeValue::Table(table) = one.get_ref() else {
        return push(path, at, one, entries);
    };
    entries.push(entry(path.to_owned(), at, RawValue::Account, one.span()));
    keys(path, table, entries);
}

/// A key, and those below it.
fn push(path: &str, at: usize, value: &Spanned<DeValue<'_>>, entries: &mut Vec<Entry>) {
    let raw = raw(value.get_ref());
    entries.push(entry(path.to_owned(), at, raw, value.span()));
    if let DeValue::Table(table) = value.get_ref() {
        keys(path, table, entries);
    }
}

const fn entry(path: String, at: usize, value: RawValue, span: Range<usize>) -> Entry {
    Entry {
        path,
        at,
        value,
        span,
    }
}

fn raw(value: &DeValue<'_>) -> RawValue {
    match value {
        DeValue::String(text) => RawValue::Text(text.to_string()),
        DeValue::Integer(integer) => RawValue::Bare(decimal(integer)),
        DeValue::Float(float) => RawValue::Bare(float.as_str().to_owned()),
        DeValue::Boolean(is_so) => RawValue::Bare(is_so.to_string()),
        DeValue::Datetime(datetime) => RawValue::Bare(datetime.to_string()),
        DeValue::Array(all) => RawValue::List(all.iter().map(|one| raw(one.get_ref())).collect()),
        DeValue::Table(_) => RawValue::Table,
    }
}

/// What is negative or too large for a number stays as it is written, and is none.
fn decimal(integer: &DeInteger<'_>) -> String {
    let written = integer.as_str();
    let number = u64::from_str_radix(written, integer.radix());
    number.map_or_else(|_| format!("-{written}"), |number| number.to_string())
}
