//! What is the same for as long as the program runs: its version, its Cargo features and when it started.
//!
//! It reads no clock.

/// The program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Its version.
    pub version: &'static str,
    /// The Cargo features that it was built with.
    pub features: Vec<&'static str>,
    /// When it started, in seconds since 1970.
    pub started: i64,
}

impl About {
    /// This program, which started then.
    pub fn this_program(started: i64) -> Self {
        let features = [
            ("bench", cfg!(feature = "bench")),
            ("charset", cfg!(feature = "charset")),
            ("config", cfg!(feature = "config")),
            ("daemon", cfg!(feature = "daemon")),
            ("digests", cfg!(feature = "digests")),
            ("hashed-passwords", cfg!(feature = "hashed-passwords")),
            ("mode-z", cfg!(feature = "mode-z")),
            ("pam", cfg!(feature = "pam")),
            ("quotas", cfg!(feature = "quotas")),
            ("records", cfg!(feature = "records")),
            ("resolver", cfg!(feature = "resolver")),
            ("sandbox", cfg!(feature = "sandbox")),
            ("settings", cfg!(feature = "settings")),
            ("status", cfg!(feature = "status")),
            ("systemd", cfg!(feature = "systemd")),
            ("tls", cfg!(feature = "tls")),
        ];
        let features = features.into_iter().filter(|(_, is_in)| *is_in);
        Self {
            version: env!("CARGO_PKG_VERSION"),
            features: features.map(|(name, _)| name).collect(),
            started,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// All features of the package are known, whichever this build has.
    #[test]
    fn features_are_those_of_the_package() {
        let manifest = include_str!("../../Cargo.toml");
        let section = manifest.split("[features]\n").nth(1).unwrap();
        let lines = section.split("\n[").next().unwrap().lines();
        let names = lines.filter_map(|line| line.split_once(" = ["));
        let names: BTreeSet<_> = names
            .map(|(name, _)| name)
            .filter(|n| *n != "default")
            .collect();
        let source = include_str!("about.rs");
        let known: BTreeSet<_> = names
            .iter()
            .copied()
            .filter(|name| source.contains(&format!("(\"{name}\", cfg!(feature = \"{name}\"))")))
            .collect();
        assert_eq!(known, names);
        let built_in = About::this_program(0).features;
        assert!(built_in.contains(&"status") && built_in.is_sorted());
    }
}
