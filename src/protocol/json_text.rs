//! A string of JSON (RFC 8259 §7), for logs, the status service and traces.
//!
//! Bytes that are not UTF-8 are replaced by U+FFFD; what [`visible`](super::visible) would escape is escaped,
//! so that no name can end a line or turn the direction of what follows. It must not know what has names.

use std::fmt::{self, Write as _};

use super::visible::is_printable;

/// Displays bytes as a string, with its quotes.
#[derive(Clone, Copy, Debug)]
pub struct JsonText<'a>(pub &'a [u8]);

impl fmt::Display for JsonText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in String::from_utf8_lossy(self.0).chars() {
            match character {
                '"' | '\\' => write!(f, "\\{character}")?,
                // All of these are below U+10000, so four digits are enough.
                _ if !is_printable(character) => write!(f, "\\u{:04x}", u32::from(character))?,
                _ => f.write_char(character)?,
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_a_string(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let text = JsonText(&bytes).to_string();
            prop_assert!(text.chars().all(|c| !c.is_control()));
            let parsed: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(parsed, String::from_utf8_lossy(&bytes).into_owned());
        }
    }
}
