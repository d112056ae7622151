//! Names for clients that are older than UTF-8 (RFC 2640): a fallback charset, one for a server.
//!
//! Names are bytes, and the disk's are taken to be UTF-8. With a charset, a name from a client
//! that is not UTF-8 is converted from it, and names go out in it to a client that has not said
//! `OPTS UTF8 ON`. What cannot be converted passes as it is. The tables are those of `encoding_rs`,
//! and large: without the Cargo feature `charset` there is no [`Charset`] to be had, and the code
//! for it vanishes.

use std::borrow::Cow;
use std::str::FromStr;

/// A charset that old clients use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charset(imp::Tables);

/// No charset has this name, or this build has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownCharset;

impl Charset {
    /// Its name in the WHATWG Encoding Standard.
    pub fn name(self) -> &'static str {
        imp::name(self.0)
    }

    /// A name as the client wrote it, as it is on the disk.
    pub fn decode(self, name: &[u8]) -> Cow<'_, [u8]> {
        if std::str::from_utf8(name).is_ok() {
            return Cow::Borrowed(name);
        }
        imp::decode(self.0, name).unwrap_or(Cow::Borrowed(name))
    }

    /// A name as it is on the disk, for a client of this charset.
    pub fn encode(self, name: &[u8]) -> Cow<'_, [u8]> {
        let text = std::str::from_utf8(name).ok();
        text.and_then(|text| imp::encode(self.0, text))
            .unwrap_or(Cow::Borrowed(name))
    }
}

impl FromStr for Charset {
    type Err = UnknownCharset;

    /// A label of the WHATWG Encoding Standard, as in `gbk`, `windows-1252`, `shift_jis`.
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
        // A name must not hold a NUL, as all of them do in UTF-16.
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

    /// Of which there is no value.
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
    fn names_are_converted_both_ways_and_utf8_is_left_alone() {
        let gbk: Charset = "gbk".parse().unwrap();
        let name = "\u{4e2d}\u{6587}";
        assert_eq!(gbk.encode(name.as_bytes()).as_ref(), b"\xd6\xd0\xce\xc4");
        assert_eq!(gbk.decode(b"\xd6\xd0\xce\xc4").as_ref(), name.as_bytes());
        assert_eq!(gbk.decode(name.as_bytes()).as_ref(), name.as_bytes());
    }

    #[test]
    fn what_cannot_be_converted_passes() {
        let latin: Charset = "windows-1252".parse().unwrap();
        let name = "\u{4e2d}".as_bytes();
        assert_eq!(latin.encode(name).as_ref(), name);
        assert_eq!(latin.encode(b"\xff\xfe").as_ref(), b"\xff\xfe");
        let shift_jis: Charset = "shift_jis".parse().unwrap();
        assert_eq!(shift_jis.decode(b"\xff\xff").as_ref(), b"\xff\xff");
    }

    #[test]
    fn unknown_and_unfit_charsets_are_refused() {
        for label in ["utf-16le", "klingon", ""] {
            assert_eq!(label.parse::<Charset>(), Err(UnknownCharset), "{label}");
        }
    }
}
