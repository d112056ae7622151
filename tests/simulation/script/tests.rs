//! Scripts are the runs that they were, and those that are kept keep the promises.

use std::fs;
use std::path::Path;

use super::{parse, print};
use crate::attempt::{record_panics, replayed};
use crate::run::{record, replay};
use crate::scenario::Scenario;
use crate::watchdog::{Run, Watchdog, script_again};

/// What a run was is written down, read again, and is the same run.
#[test]
fn a_script_is_the_same_run_as_its_seed() {
    record_panics();
    for seed in 0..60 {
        let (recorded, scenario) = record(seed);
        let script = print(&scenario);
        let read = parse(&script).expect("a script");
        assert_eq!(read, scenario, "seed {seed}: {script}");
        assert_eq!(recorded, replay(&read, true), "seed {seed}");
    }
}

/// Scripts that have failed once; or the one that is asked for.
#[test]
fn kept_scripts_keep_the_promises() {
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

/// What is no script is not taken for one in which nothing happens.
#[test]
fn a_script_says_of_which_seed_it_is() {
    assert!(parse("# Nothing.\n").is_err_and(|error| error.contains("no seed")));
    assert!(parse("rng 0\n").is_err_and(|error| error.contains("no seed")));
    assert!(parse("seed 0\n").is_ok());
}

fn scenario_from(path: &Path) -> Scenario {
    let text = fs::read_to_string(path).map_err(|error| error.to_string());
    let read = text.and_then(|text| parse(&text));
    read.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
