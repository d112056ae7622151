//! A configuration as a file would say it, for people to read.
//!
//! Every key is there, also where its value is the default; one without a value is a comment.
//! Passwords are not shown.

use log::LevelFilter;

use super::accounts;
use super::draft::Draft;
use super::keys::{KEYS, When};
use crate::config::Config;

/// What is in force, as TOML.
pub fn show(config: &Config, log: LevelFilter) -> String {
    let draft = Draft::of(config, log);
    let mut text = String::new();
    let mut shown_table = "";
    for key in KEYS {
        let (table, name) = key.path.split_once('.').unwrap_or(("", key.path));
        if table == "tls" && config.tls.is_none() {
            continue;
        }
        if table != shown_table {
            text.extend(["\n[", table, "]\n"]);
            shown_table = table;
        }
        match (key.show)(&draft) {
            Some(value) => text.extend([name, " = ", &value, "\n"]),
            None => text.extend(["# ", name, " is not set\n"]),
        }
    }
    text.push_str(&accounts::show(&config.accounts));
    text
}

/// The keys of `new` that say something else than `old`, and cannot change while a server runs.
pub fn differing_until_the_next_start(old: &Config, new: &Config) -> Vec<&'static str> {
    let [old, new] = [old, new].map(|config| Draft::of(config, LevelFilter::Info));
    let fixed = KEYS.iter().filter(|key| key.when == When::Start);
    let differing = fixed.filter(|key| (key.show)(&old) != (key.show)(&new));
    differing.map(|key| key.path).collect()
}
