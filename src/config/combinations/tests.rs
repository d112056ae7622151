//! Each row of the tables matches its own sample, and does not match without any part of it.

#![cfg(all(feature = "config", feature = "tls"))]

use std::collections::BTreeSet;
use std::fs;

use super::*;
use crate::auth::Permissions;
use crate::config::{ConfigDraft, file};
use samples::{ACCOUNT, ANN, DIRECTORY, HASHED_ACCOUNT, READER, SAMPLES, WRITER};

mod samples;

/// The index of a row in all tables, and its message.
type Found = (usize, String);

fn is_option(line: &str) -> bool {
    line.starts_with("--") || line.starts_with("MIOFTPD")
}

/// The rows that match these lines and options.
fn found(lines: &[&str]) -> Vec<Found> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config");
    fs::write(directory.path().join("secret"), "secret").unwrap();
    let (options, keys): (Vec<&str>, Vec<&str>) = lines.iter().partition(|line| is_option(line));
    fs::write(&path, keys.join("\n")).unwrap();
    let read = file::read(&path);
    let mut draft: ConfigDraft = read.unwrap_or_else(|error| panic!("{error}: {keys:?}"));
    for option in options {
        draft.config.origins.set_by_option(option, option);
    }
    let whole = Facts {
        config: &draft.config,
        tls: &draft.tls,
        account: None,
    };
    let of_account = |account| Facts {
        account: Some(account),
        ..whole
    };
    let accounts = draft.config.accounts.iter();
    let accounts: Vec<_> = accounts.map(|one| of_account(one)).collect();
    let rows = all().enumerate();
    rows.flat_map(|(index, row)| {
        let facts = if index < ROWS.len() {
            &[whole][..]
        } else {
            &accounts
        };
        let found = facts.iter().filter_map(|facts| row.find(facts));
        found.map(|text| (index, text)).collect::<Vec<_>>()
    })
    .collect()
}

fn all() -> impl Iterator<Item = &'static Row> {
    ROWS.iter().chain(ACCOUNT_ROWS)
}

/// Whether a row cannot match in this build, which has TLS and no PAM.
fn is_impossible(row: &Row) -> bool {
    row.terms[0].file.starts_with("a build") || row.when.file == "account.pam"
}

/// Whether a row is for a key that applies to files and logins.
fn is_unserved(row: &Row) -> bool {
    row.relation == Relation::NoEffectWithout && row.terms[0].file.starts_with("directory")
}

#[test]
fn each_row_matches_its_sample_and_no_part_of_it() {
    let mut matched = BTreeSet::new();
    for sample in SAMPLES {
        let (message, own) = (sample.message, sample.own);
        if sample.base.contains(&HASHED_ACCOUNT) && !crate::auth::IS_BUILT_IN {
            continue;
        }
        let lines = [sample.base, own].concat();
        let all = found(&lines);
        let is_expected = |(_, text): &&Found| text.contains(message);
        let Some((row, text)) = all.iter().find(is_expected) else {
            panic!("{message}: {lines:?} has only {all:?}");
        };
        assert!(!text.contains('\n') && text.contains(": "), "{text}");
        matched.insert(*row);
        // Options also override the accounts of the file, which is another row.
        if !lines.iter().any(|line| is_option(line)) {
            assert_eq!(all.len(), 1, "{message}: {all:?}");
        }
        let is_silent = |lines: &[&str]| found(lines).iter().all(|(index, _)| index != row);
        for without in own {
            let rest: Vec<_> = lines
                .iter()
                .copied()
                .filter(|line| line != without)
                .collect();
            assert!(is_silent(&rest), "{message}: matches without {without}");
        }
        if let Some(cure) = sample.cure {
            let cured = [&lines[..], &[cure]].concat();
            assert!(is_silent(&cured), "{message}: matches with {cure}");
        }
    }
    let rows = all().enumerate();
    let missing = rows.filter(|(index, row)| {
        !matched.contains(index) && !is_unserved(row) && !is_impossible(row)
    });
    let missing: Vec<_> = missing
        .map(|(_, row)| (row.when.key(), row.reason))
        .collect();
    assert!(missing.is_empty(), "rows without a sample: {missing:?}");
}

/// The TOML tables of the keys in these lines.
fn tables(lines: &[&'static str]) -> BTreeSet<&'static str> {
    let keys = lines.iter().filter_map(|line| line.split_once(" = "));
    keys.map(|(key, _)| key.split('.').next().unwrap_or(key))
        .collect()
}

#[test]
fn rows_do_not_depend_on_keys_of_other_rows() {
    let is_file = |own: &[&str]| !own.iter().any(|line| is_option(line));
    let with_base = SAMPLES.iter().filter(|sample| sample.base == WRITER);
    let samples: Vec<_> = with_base.filter(|sample| is_file(sample.own)).collect();
    let mut pairs = 0;
    for (index, one) in samples.iter().enumerate() {
        for other in samples.iter().take(index) {
            let (own, others) = (tables(one.own), tables(other.own));
            if !own.is_disjoint(&others) {
                continue;
            }
            let rows = |lines: &[&str]| -> BTreeSet<usize> {
                found(lines).into_iter().map(|(index, _)| index).collect()
            };
            let apart = [one, other].map(|sample| rows(&[sample.base, sample.own].concat()));
            let together = rows(&[one.base, one.own, other.own].concat());
            let expected: BTreeSet<_> = apart.into_iter().flatten().collect();
            assert_eq!(together, expected, "{:?} {:?}", one.own, other.own);
            pairs += 1;
        }
    }
    assert!(pairs > 100, "{pairs}");
}

/// All combinations of a name and secrets.
#[test]
fn account_has_exactly_the_secret_of_its_name() {
    const KEYS: [&str; 4] = [
        "account.password",
        "account.password-file",
        "account.shadow",
        "account.pam",
    ];
    let mut matched = BTreeSet::new();
    for name in ["anonymous", "FTP", "*", "ann", "**"] {
        for mask in 0_u8..16 {
            let account = Account::new(name, crate::auth::Secret::AnyPassword, Permissions::READ);
            let mut config = Config::default();
            let set: Vec<_> = (0..4).filter(|bit| mask & (1 << bit) != 0).collect();
            for index in &set {
                let name = Some(name.as_bytes());
                config.origins.set_at(name, KEYS[*index], (1, 1));
            }
            let is_valid = match name {
                "anonymous" | "FTP" => set.is_empty(),
                "*" => set == [3],
                _ => set.len() == 1,
            };
            let found = mistake_of_secret(&config, &account);
            assert_eq!(found.is_none(), is_valid, "{name} {set:?}: {found:?}");
            let facts = Facts {
                config: &config,
                tls: &TlsDraft::default(),
                account: Some(&account),
            };
            let rows = SECRET_ROWS.iter().enumerate();
            matched.extend(rows.filter_map(|(index, row)| row.find(&facts).map(|_| index)));
        }
    }
    assert_eq!(matched.len(), SECRET_ROWS.len(), "{matched:?}");
}

#[test]
fn file_keys_have_no_effect_without_a_directory() {
    for row in ROWS.iter().filter(|row| is_unserved(row)) {
        let key = row.when.key();
        let (table, name) = key.split_once('.').unwrap_or(("", key));
        let mut section = "";
        let line = file::EXAMPLE.lines().find(|line| {
            section = line
                .strip_prefix('[')
                .map_or(section, |rest| rest.trim_matches(['[', ']']));
            section == table && line.starts_with(&format!("{name} = "))
        });
        // The example has it commented out, as it needs a Cargo feature.
        let Some(line) = line else {
            assert_eq!(key, "charset");
            continue;
        };
        let line = line.replacen(name, key, 1);
        let note = format!("{key} has no effect without directory");
        let is_noted = |lines: &[&str]| found(lines).iter().any(|(_, text)| text.contains(&note));
        assert!(is_noted(&[&line]), "{key}");
        assert!(!is_noted(&[DIRECTORY, ACCOUNT, &line]), "{key}");
    }
}

#[test]
fn usual_configurations_have_no_notes() {
    for lines in [WRITER, READER, ANN, &[]] {
        assert_eq!(found(lines), [], "{lines:?}");
    }
}
