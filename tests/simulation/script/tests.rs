//! A script reproduces its run, and the kept scripts pass.

use std::fs;
use std::path::Path;

use super::{parse, print};
use crate::attempt::{record_panics, replayed};
use crate::run::{record, replay};
use crate::scenario::Scenario;
use crate::watchdog::{Run, Watchdog, script_again};

#[test]
fn script_replay_equals_recorded_run() {
    record_panics();
    for seed in 0..60 {
        let (recorded, scenario) = record(seed);
        let script = print(&scenario);
        let read = parse(&script).expect("a script");
        assert_eq!(read, scenario, "seed {seed}: {script}");
        assert_eq!(recorded, replay(&read, true), "seed {seed}");
    }
}

/// The scripts that failed once, or the one in `MIOFTPD_SCRIPT`.
#[test]
fn kept_scripts_pass() {
    let watchdog = Watchdog::start();
    let outcome_of = |path: &Path, tracing| {
        let named = Run::Script(path.to_owned());
        replayed(&watchdog, named, &scenario_from(path), tracing)
    };
    if let Some(path) = std::env::var_os("MIOFTPD_SCRIPT") {
        let outcome = outcome_of(Path::new(&path), true);
        println!("{}", outcome.trace.join("\n"));
        assert!(outcome.violations.is_empty(), "{:#?}", outcome.violations);
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/simulation/scripts");
    for entry in fs::read_dir(folder).expect("the scripts") {
        let path = entry.expect("a script").path();
        let violations = outcome_of(&path, false).violations;
        let again = script_again(&path);
        assert!(violations.is_empty(), "{violations:#?}\n{again}");
    }
}

#[test]
fn script_without_seed_is_rejected() {
    assert!(parse("# Nothing.\n").is_err_and(|error| error.contains("no seed")));
    assert!(parse("rng 0\n").is_err_and(|error| error.contains("no seed")));
    assert!(parse("seed 0\n").is_ok());
}

fn scenario_from(path: &Path) -> Scenario {
    let text = fs::read_to_string(path).map_err(|error| error.to_string());
    let read = text.and_then(|text| parse(&text));
    read.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
