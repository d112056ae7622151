//! Converts file names for clients without UTF-8 (RFC 2640): one fallback charset per server.
//!
//! Names on disk are assumed to be UTF-8. With a charset, a received name that is not valid UTF-8 is
//! decoded from it, and names are encoded in it for a client that has not sent `OPTS UTF8 ON`. A name
//! that cannot be converted passes unchanged. The tables of `encoding_rs` are large: without the Cargo
//! feature `charset`, [`Charset`] is uninhabited and the compiler removes the code.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// A charset of old clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charset(imp::Tables);

/// The charset is unknown or unsuitable, or this build has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownCharset;

impl fmt::Display for UnknownCharset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the charset is unknown or unsuitable, or this build has none")
    }
}

impl std::error::Error for UnknownCharset {}

impl Charset {
    /// Its name in the WHATWG Encoding Standard.
    pub fn name(self) -> &'static str {
        imp::name(self.0)
    }

    /// Converts a name from the client to UTF-8, unless it is UTF-8 already.
    pub fn decode(self, name: &[u8]) -> Cow<'_, [u8]> {
        if std::str::from_utf8(name).is_ok() {
            return Cow::Borrowed(name);
        }
        imp::decode(self.0, name).unwrap_or(Cow::Borrowed(name))
    }

    /// Converts a name on disk to this charset.
    pub fn encode(self, name: &[u8]) -> Cow<'_, [u8]> {
        let text = std::str::from_utf8(name).ok();
        text.and_then(|text| imp::encode(self.0, text))
            .unwrap_or(Cow::Borrowed(name))
    }
}

impl FromStr for Charset {
    type Err = UnknownCharset;

    /// A label of the WHATWG Encoding Standard, such as `gbk`, `windows-1252` or `shift_jis`.
    fn from_str(label: &str) -> Result<Self, UnknownCharset> {
        imp::find(label).map(Self).ok_or(UnknownCharset)
    }
}

/// Whether this build has charsets.
pub const IS_BUILT_IN: bool = cfg!(feature = "charset");

#[cfg(feature = "charset")]
mod imp {
    use std::borrow::Cow;

    pub(super) type Tables = &'static encoding_rs::Encoding;

    pub(super) fn find(label: &str) -> Option<Tables> {
        let tables = encoding_rs::Encoding::for_label(label.as_bytes())?;
        // In UTF-16 every name would contain NUL bytes.
        tables.is_ascii_compatible().then_some(tables)
    }

    pub(super) fn name(tables: Tables) -> &'static str {
        tables.name()
    }

    pub(super) fn decode(tables: Tables, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        let text = tables.decode_without_bom_handling_and_without_replacement(name)?;
        Some(match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        })
    }

    pub(super) fn encode(tables: Tables, text: &str) -> Option<Cow<'_, [u8]>> {
        let (bytes, _, had_unmappable) = tables.encode(text);
        (!had_unmappable).then_some(bytes)
    }
}

#[cfg(not(feature = "charset"))]
mod imp {
    use std::borrow::Cow;

    /// Uninhabited.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) enum Tables {}

    pub(super) const fn find(_: &str) -> Option<Tables> {
        None
    }

    pub(super) const fn name(tables: Tables) -> &'static str {
        match tables {}
    }

    pub(super) const fn decode(tables: Tables, _: &[u8]) -> Option<Cow<'_, [u8]>> {
        match tables {}
    }

    pub(super) const fn encode(tables: Tables, _: &str) -> Option<Cow<'_, [u8]>> {
        match tables {}
    }
}

#[cfg(feature = "charset")]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_converted_and_utf8_is_unchanged() {
        let gbk: Charset = "gbk".parse().unwrap();
        let name = "\u{4e2d}\u{6587}";
        assert_eq!(gbk.encode(name.as_bytes()).as_ref(), b"\xd6\xd0\xce\xc4");
        assert_eq!(gbk.decode(b"\xd6\xd0\xce\xc4").as_ref(), name.as_bytes());
        assert_eq!(gbk.decode(name.as_bytes()).as_ref(), name.as_bytes());
    }

    #[test]
    fn inconvertible_names_are_unchanged() {
        let latin: Charset = "windows-1252".parse().unwrap();
        let name = "\u{4e2d}".as_bytes();
        assert_eq!(latin.encode(name).as_ref(), name);
        assert_eq!(latin.encode(b"\xff\xfe").as_ref(), b"\xff\xfe");
        let shift_jis: Charset = "shift_jis".parse().unwrap();
        assert_eq!(shift_jis.decode(b"\xff\xff").as_ref(), b"\xff\xff");
    }

    #[test]
    fn unknown_and_unsuitable_charsets_are_rejected() {
        for label in ["utf-16le", "klingon", ""] {
            assert_eq!(label.parse::<Charset>(), Err(UnknownCharset), "{label}");
        }
    }
}
