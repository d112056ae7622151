//! All faults that the probe knows: severity, id, why it matters and to which clients, what to change, and
//! the key of this server's configuration that changes it.
//!
//! Tables only. A check adds a fault with what it has seen; the guide lists the same ids.

mod control;
mod data;
mod files;
mod security;

pub(super) use control::*;
pub(super) use data::*;
pub(super) use files::*;
pub(super) use security::*;

/// Defines a constant for each fault, and `ALL` of a table for the tests.
macro_rules! faults {
    ($($name:ident = $severity:ident $id:literal, $why:literal, $change:literal $(, $key:literal)?;)*) => {
        use $crate::probe::finding::Fault;
        $(
            #[cfg_attr(not(feature = "tls"), allow(dead_code, reason = "of certificates"))]
            pub(in crate::probe) const $name: Fault = Fault::$severity($id, $why, $change)$(.key($key))?;
        )*
        #[cfg(test)]
        pub(super) const TABLE: &[Fault] = &[$($name),*];
    };
}
use faults;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{control, data, files, security};

    /// Each fault once, each key known to the configuration, and each id in the guide.
    #[test]
    fn ids_are_unique_and_documented_and_keys_exist() {
        let keys = include_str!("../../config/file/keys.rs");
        let guide = include_str!("../../guide/probe.md");
        let mut ids = BTreeSet::new();
        for fault in [control::TABLE, data::TABLE, files::TABLE, security::TABLE].concat() {
            assert!(ids.insert(fault.id()), "{}: twice", fault.id());
            let row = format!("| `{}` | {} |", fault.id(), fault.severity().word());
            assert!(guide.contains(&row), "the guide lacks {row}");
            if let Some(key) = fault.configuration_key() {
                assert!(keys.contains(&format!("    \"{key}\"")), "no key {key}");
            }
        }
        let (_, rows) = guide.split_once("\n# The findings\n").unwrap();
        assert_eq!(rows.matches("\n| `").count(), ids.len());
    }
}
