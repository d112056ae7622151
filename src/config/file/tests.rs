//! Parsing, printing and the errors of a configuration file.

use super::*;
use crate::config::Config;
use crate::config::fixed::{FIXED_KEYS, keep_fixed_keys};
use log::LevelFilter;

/// `TEXT: POSITION PART;`: the mistake in a text is at this position, and its message has this part.
macro_rules! assert_errors {
    ($($text:literal: $position:literal $part:literal;)*) => {
        for (text, position, part) in [$(($text, $position, $part)),*] {
            let error = error_of(text);
            assert!(error.starts_with(position), "{text}: {error}");
            assert!(error.contains(part), "{text}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    };
}

mod accounts;
mod line_reader;

/// The example, with a password file that exists.
fn example() -> (String, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let secret = directory.path().join("secret");
    std::fs::write(&secret, "a secret\n").unwrap();
    let text = EXAMPLE.replace("/etc/mioftpd/ann.password", secret.to_str().unwrap());
    assert_ne!(text, EXAMPLE);
    (text, directory)
}

/// The configuration, without validation of the combination.
fn parsed(text: &str) -> Config {
    let directory = Path::new("/etc/mioftpd");
    let draft = parse(text, directory);
    let draft = draft.unwrap_or_else(|error| panic!("{}: {}\n{text}", error.at, error.text));
    draft.assemble()
}

fn shown(text: &str) -> String {
    let log = parse(text, Path::new("/")).unwrap().log;
    show(&parsed(text), log.unwrap_or(LevelFilter::Info))
}

/// The line of the example that sets a key; it may be commented out with `#`.
fn line_of<'t>(text: &'t str, path: &str) -> &'t str {
    let (wanted, name) = path.split_once('.').unwrap_or(("", path));
    let mut table = "";
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix('[') {
            table = rest.trim_matches(['[', ']']);
        }
        let bare = line.strip_prefix('#').unwrap_or(line);
        let sets = |(other, _): (&str, &str)| other == name;
        if table == wanted && bare.split_once(" = ").is_some_and(sets) {
            return line;
        }
    }
    panic!("{path} is not in the example")
}

/// The lines that only one of the two texts has.
fn difference<'t>(one: &'t str, other: &'t str) -> Vec<&'t str> {
    let only = |one: &'t str, other: &'t str| {
        let is_in_other = |line: &&str| other.lines().any(|other| other == *line);
        one.lines().filter(move |line| !is_in_other(line))
    };
    only(one, other).chain(only(other, one)).collect()
}

#[test]
#[cfg(feature = "tls")]
fn every_example_value_is_effective_and_not_the_default() {
    const OWN: &str = "[tls]\nself-signed = true\n";
    let (example, _directory) = example();
    for key in KEYS {
        let line = line_of(&example, key.path);
        let (_, name) = key.path.split_once('.').unwrap_or(("", key.path));
        let (with, without) = match (key.path, line.strip_prefix('#')) {
            ("charset", _) if !crate::protocol::charset::IS_BUILT_IN => continue,
            // Without the key the configuration is invalid.
            ("tls.certificate" | "tls.key" | "tls.client-authority", _) => {
                let other = format!("{name} = \"another\"");
                (example.clone(), example.replace(line, &other))
            }
            ("sandbox", _) => ("sandbox = false".to_owned(), String::new()),
            ("tls.self-signed", _) => (OWN.to_owned(), String::new()),
            ("tls.state-directory" | "tls.names", Some(bare)) => {
                (format!("{OWN}{bare}\n"), OWN.to_owned())
            }
            (_, Some(bare)) => (example.replace(line, bare), example.clone()),
            (_, None) => (
                example.clone(),
                example.replacen(&format!("{line}\n"), "", 1),
            ),
        };
        let (with, without) = (shown(&with), shown(&without));
        let changed = difference(&with, &without);
        let about = |line: &&str| line.trim_start_matches("# ").starts_with(name);
        assert!(changed.iter().any(about), "{}: {changed:?}", key.path);
        // The first key of TLS adds the whole table.
        if key.path != "tls.self-signed" {
            assert_eq!(changed.len(), 2, "{}: {changed:?}", key.path);
        }
    }
}

#[test]
#[cfg(feature = "tls")]
fn printed_configuration_parses_to_the_same() {
    let (example, directory) = example();
    let password = format!("password-file = {:?}", directory.path().join("secret"));
    for text in [&example, "", "[tls]\nself-signed = true\n"] {
        let shown_once = shown(text);
        let readable = shown_once.replace("# password is not shown", &password);
        assert_eq!(shown(&readable), shown_once);
        assert!(!shown_once.contains("a secret"));
    }
}

#[test]
fn empty_file_has_the_defaults_and_no_account() {
    let nothing = Config {
        accounts: crate::auth::Accounts::new(),
        ..Config::default()
    };
    assert_eq!(shown(""), show(&nothing, LevelFilter::Info));
    assert!(parsed("[timings]").tls.is_none());
}

#[test]
fn values_are_accepted_in_all_notations() {
    let config = parsed;
    let seconds = std::time::Duration::from_secs;
    for text in [
        "idle = 90",
        "idle = \"90s\"",
        "idle = \"1m30s\"",
        "idle = 0x5a",
    ] {
        let timings = config(&format!("[timings]\n{text}")).timings;
        assert_eq!(timings.idle, seconds(90), "{text}");
    }
    for text in [
        "memory = 1048576",
        "memory = \"1MiB\"",
        "memory = 1_048_576",
    ] {
        assert_eq!(
            config(&format!("[limits]\n{text}")).max_memory,
            Some(1 << 20)
        );
    }
    for text in ["listen = \"[::1]:0\"", "listen = [\"[::1]:0\"]"] {
        assert_eq!(config(text).listen, ["[::1]:0".parse().unwrap()]);
    }
    let relative = config("directory = \"files\"").root.unwrap();
    assert_eq!(relative, Path::new("/etc/mioftpd/files"));
    assert_eq!(
        config("directory = \"/srv\"").root.unwrap(),
        Path::new("/srv")
    );
    assert_eq!(config("timings.idle = 7").timings.idle, seconds(7));
    assert_eq!(config("timings = { idle = 7 }").timings.idle, seconds(7));
}

/// The error message of an invalid file `f`.
fn error_of(text: &str) -> String {
    match parse(text, Path::new("/")) {
        Err(mistake) => mistake.of(Path::new("f"), text).to_string(),
        Ok(mut draft) => {
            draft.config.origins.set_file(Path::new("f"));
            draft.finish().expect_err(text)
        }
    }
}

#[test]
fn syntax_error_or_unknown_key_has_position_and_remedy() {
    assert_errors! {
        "a = [": "f:1:6" "unclosed";
        "\n\nworkers = ": "f:3:" "value";
        "workers = 1\nworkers = 2": "f:2:1" "duplicate";
        "workrs = 3": "f:1:1" "unknown key workrs; the top level has directory, listen";
        "[timings]\nidel = 3": "f:2:1" "timings.idel; [timings] has login, idle";
        "[nothing]": "f:1:2" "unknown key nothing";
        "timings = 3": "f:1:1" "timings is a table; write [timings]";
        "account = 3": "f:1:1" "[[account]]";
        "[account]": "f:1:2" "[[account]]";
        "allow-fxp = true":
            "f:1:1" "allow-fxp is a key of an account; write it below its [[account]]";
        "quota-bytes = 7": "f:1:1" "below its [[account]]";
        "[timings]\n\"é\" = 1\nidle = 0": "f:2:1" "timings.é";
    }
}

#[test]
fn invalid_value_has_position_and_remedy() {
    assert_errors! {
        "workers = \"x\"": "f:1:11" "workers: invalid value \"x\"; write a number";
        "workers = 65": "f:1:11" "invalid value 65; write a number from 0 to 64";
        "workers = -1": "f:1:11" "workers: invalid value -1";
        "workers = 1.5": "f:1:11" "write a number";
        "allow-combine = 1": "f:1:17" "1; write true or false";
        "directory = \"\"": "f:1:13" "a path";
        "listen = \"127.0.0.1\"": "f:1:10" "127.0.0.1:21000";
        "listen = [\"é\", 1]": "f:1:10" "write addresses";
        "time-zone = \"Mars\"": "f:1:13" "\"+02:00\"";
        "umask = \"888\"": "f:1:9" "octal";
        "run-as = \":ftp\"": "f:1:10" "\"USER:GROUP\"";
        "[log]\nlevel = \"loud\"": "f:2:9" "\"debug\"";
        "[passive]\nports = \"0-9\"": "f:2:9" "from 1 to 65535";
        "[passive]\nports = \"9-8\"": "f:2:9" "FIRST-LAST";
        "[passive]\naddress = \"::1\"": "f:2:11" "an IPv4 address";
        "[limits]\nconnections = 0": "f:2:15" "from 1";
        "[limits]\nmemory = \"64M\"": "f:2:10" "\"64MiB\"";
        "[addresses]\ndeny = \"10.1.0.0/8\"":
            "f:2:8" "host bits are set after the prefix; write 10.0.0.0/8";
        "[timings]\nidle = \"x\"":
            "f:2:8" "timings.idle: invalid value \"x\"; write a time such as";
        "[timings]\nidle = 0": "f:2:8" "invalid value 0; write a time above 0s, up to 3650d";
        "[timings]\nidle = \"4000d\"": "f:2:8" "3650d";
        "[storage]\ndurability = true": "f:2:14" "\"rename\"";
    }
}

#[test]
fn unusable_passive_address_is_refused() {
    assert_errors! {
        "[passive]\naddress = \"0.0.0.0\"":
            "f:2:11" "passive.address: no client can connect to 0.0.0.0";
        "[passive]\naddress-by-network = \"10.0.0.0/8 224.1.1.1\"":
            "f:2:22" "no client can connect to 224.1.1.1";
    }
}

#[test]
#[cfg(feature = "tls")]
fn error_in_combination_has_position() {
    assert_errors! {
        "[events]\ncommand = \"true\"": "f:2:1" "absolute path";
        "[tls]": "f:1:2" "needs tls.certificate and tls.key, or";
        "[tls]\nrequire = \"data\"": "f:1:2" "needs tls.certificate";
        "[tls]\nkey = \"k\"": "f:2:1" "needs tls.certificate";
        "[tls]\ncertificate = \"c\"": "f:2:1" "needs tls.key";
        "[tls]\nnames = [\"a\"]": "f:2:1" "tls.self-signed = true";
        "[tls]\nstate-directory = \"a\"": "f:2:1" "tls.self-signed = true";
        "[tls]\nself-signed = true\nclient-login = true": "f:3:1" "needs tls.client-authority";
    }
}

#[test]
fn first_of_several_errors_is_reported() {
    let error = error_of("[timings]\nidle = 0\n[addresses]\nallow = 1\n");
    assert!(error.starts_with("f:2:8: timings.idle"), "{error}");
}

#[test]
fn unreadable_invalid_or_overlong_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config");
    assert!(matches!(read(&path), Err(FileError::Unreadable(..))));
    std::fs::write(&path, b"workers = 1\n\xff").unwrap();
    let error = read(&path).unwrap_err().to_string();
    assert!(error.contains("config:2:1: invalid UTF-8"), "{error}");
    let length = usize::try_from(CONFIG_BYTES).unwrap();
    std::fs::write(&path, "#".repeat(length)).unwrap();
    assert!(read(&path).is_ok());
    std::fs::write(&path, "#".repeat(length + 1)).unwrap();
    assert!(read(&path).unwrap_err().to_string().contains("longer"));
}

#[test]
fn fixed_keys_are_kept_at_a_reload() {
    const BASE: &str = "tls.self-signed = true\n";
    let (example, _directory) = example();
    let old = parsed(BASE);
    for key in FIXED_KEYS {
        let line = line_of(&example, key.path).trim_start_matches('#');
        let (_, value) = line.split_once(" = ").unwrap();
        let mut new = parsed(&format!("{BASE}{} = {value}\n", key.path));
        assert_eq!(keep_fixed_keys(&old, &mut new), [key.path]);
        assert_eq!(show(&old, LevelFilter::Info), show(&new, LevelFilter::Info));
    }
    let mut new = parsed(&format!("{BASE}timings.idle = 1"));
    assert_eq!(keep_fixed_keys(&old, &mut new), [""; 0]);
    assert_ne!(new.timings.idle, old.timings.idle);
}
