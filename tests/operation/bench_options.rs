//! The command line of the latency benchmark, whose file is included: what it cannot mean is refused.
//!
//! The names of rows and peers are arguments, so these tests have their own.

#[path = "../../benches/latency/options.rs"]
#[allow(dead_code, reason = "the benchmark uses all of it")]
mod options;

use options::{Options, Request};

const ROWS: [&str; 2] = ["noop", "small-retr"];
const PEERS: [&str; 2] = ["vsftpd", "proftpd"];

/// The message, or the options.
fn measured(arguments: &str) -> Result<Options, String> {
    let arguments = arguments.split_whitespace().chain(["--bench"]);
    match options::parse(arguments.map(Into::into)) {
        Ok(Request::Measure(options)) => match options.mistake(&ROWS, &PEERS) {
            None => Ok(options),
            Some(mistake) => Err(mistake),
        },
        Ok(_) => Err("no measurement".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn rounds_and_names_that_mean_nothing_are_refused() {
    for (arguments, message) in [
        (
            "--rounds 0",
            "--rounds: invalid value '0'; use a number from 1",
        ),
        ("--rounds x", "--rounds: invalid value 'x'"),
        ("--rounds -1", "--rounds: invalid value '-1'"),
        (
            "--peers foo",
            "--peers: there is no peer 'foo'; use some of vsftpd, proftpd, or none",
        ),
        ("--peers vsftpd,,proftpd", "there is no peer ''"),
        ("--peers vsftpd --peers foo", "there is no peer 'foo'"),
        (
            "noop foo",
            "no row has 'foo' in its name; the rows are noop, small-retr",
        ),
        ("--bogus", "invalid option '--bogus'"),
    ] {
        let error = measured(arguments).err().unwrap_or_default();
        assert!(error.contains(message), "{arguments}: {error}");
    }
}

#[test]
fn known_names_are_accepted() {
    let options = measured("retr --rounds 1 --peers proftpd").ok().unwrap();
    assert_eq!(options.rounds, 1);
    assert_eq!(PEERS.map(|peer| options.admits(peer)), [false, true]);
    assert_eq!(ROWS.map(|row| options.selects(row, true)), [false, true]);
    let none = measured("--peers none").ok().unwrap();
    assert_eq!(PEERS.map(|peer| none.admits(peer)), [false, false]);
    let all = measured("").ok().unwrap();
    assert_eq!(PEERS.map(|peer| all.admits(peer)), [true, true]);
}
