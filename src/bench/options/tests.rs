//! The options of a run: defaults, values, and what is said of wrong ones.

use super::super::client::Login;
use super::super::help::HELP;
use super::super::plan::{Lane, Plan, Workload};
use super::*;

fn lane(workload: Workload, connections: usize) -> Lane {
    Lane {
        workload,
        connections,
    }
}

fn parsed(text: &str) -> Result<Plan, String> {
    let arguments = text.split_whitespace().map(OsString::from);
    let arguments: Vec<_> = ["bench".into()].into_iter().chain(arguments).collect();
    match parse(&arguments)?.unwrap() {
        Bench::Measure(measurement) => Ok(measurement.0.plans[0].clone()),
        Bench::Help | Bench::Compare(_) => panic!("no measurement"),
    }
}

#[test]
fn options_are_read_and_have_defaults() {
    let plan = parsed("ftp://ann:secret@127.0.0.1:2121").unwrap();
    assert_eq!((plan.lanes, plan.depth), (vec![lane(Workload::Noop, 1)], 1));
    assert_eq!(plan.amount, Amount::Time(Duration::from_secs(10)));
    assert_eq!(
        (plan.login.login, plan.login.user),
        (Login::Yes, b"ann".to_vec())
    );
    let plan = parsed(
        "ftp://h --rate 2.5 --poisson --connections 50000 --depth 8 --count 7 --warmup 0s --ramp 2m \
         --timeout 500ms --seed 9 --json --hdr f --pid 3 --user bob --i-may-load-this-host",
    )
    .unwrap();
    assert_eq!(
        (plan.lanes, plan.arrivals),
        (vec![lane(Workload::Rate(2.5), 50_000)], Arrivals::Poisson)
    );
    assert_eq!(
        (plan.amount, plan.ramp),
        (Amount::Commands(7), Duration::from_secs(120))
    );
    assert_eq!(
        (plan.format, plan.pid, plan.seed),
        (Format::Json, Some(3), 9)
    );
    assert_eq!(plan.login.user, b"bob");
    assert!(parse(&["./bench".into()]).unwrap().is_none());
    assert!(parse(&[]).unwrap().is_none());
}

const WRONG: &[(&str, &str)] = &[
    ("", "bench needs the URL of a server"),
    ("ftp://h x", "unexpected argument \"x\""),
    (
        "http://ann:secret@h",
        "bench: the URL is wrong: it has none of the schemes",
    ),
    (
        "ftp://h --size 1T",
        "--size: invalid value '1T'; use bytes, such as",
    ),
    ("ftp://h --size 2000G", "--size: invalid value '2000G'"),
    ("ftp://h --tls --ca /none", "--ca: /none: "),
    (
        "ftp://h --workload handshake",
        "--workload handshake needs TLS",
    ),
    (
        "ftp://h --beside retr:0",
        "--beside: invalid value 'retr:0'",
    ),
    ("ftp://h --beside x", "--beside: invalid value 'x'"),
    ("ftp://h --mix retr", "--mix is for --workload mixed only"),
    (
        "ftp://h --workload mixed --mix x:1",
        "--mix: invalid value 'x:1'",
    ),
    (
        "ftp://h --workload append --verify",
        "--verify is for files that come back",
    ),
    (
        "ftp://h/f --workload retr --verify",
        "--verify is for files that come back",
    ),
    ("ftps://h --tls", "--tls is for ftp://"),
    ("ftp://h --plot f.png", "--plot: invalid value 'f.png'; use"),
    (
        "ftp://h --duration 0s",
        "--duration: invalid value '0s'; use a time above zero",
    ),
    ("ftp://h --timeout 0s", "--timeout: invalid value '0s'"),
    ("ftp://h --rounds 0", "--rounds: invalid value '0'"),
    (
        "ftp://h --rounds 2 --pid 3",
        "--hdr and --pid are for one round",
    ),
    ("ftp://h --floor --workload retr", "--floor is for noop"),
    ("ftp://h --against x", "bench: the URL is wrong"),
    ("--compare a", "--compare needs two files"),
    ("--compare a b c", "--compare needs two files"),
    ("ftp://h --insecure", "--insecure and --ca need TLS"),
    (
        "ftp://h --depth 0",
        "--depth: invalid value '0'; use a number from 1 to 1024",
    ),
    (
        "ftp://h --connections x",
        "--connections: invalid value 'x'; use a number from 1 to 50000",
    ),
    (
        "ftp://h --duration 10",
        "--duration: invalid value '10'; use a time such as 500ms",
    ),
    ("ftp://h --duration 25h", "--duration: invalid value '25h'"),
    (
        "ftp://h --rate 0",
        "--rate: invalid value '0'; use commands per second",
    ),
    ("ftp://h --rate NaN", "--rate: invalid value 'NaN'"),
    ("ftp://h --workload rate", "--workload rate needs --rate"),
    (
        "ftp://h --workload idle --rate 1",
        "--rate is for --workload rate only",
    ),
    (
        "ftp://h --workload x",
        "--workload: invalid value 'x'; use noop, rate, idle",
    ),
    (
        "ftp://h --nonsense",
        "bench: unknown option --nonsense; bench --help lists",
    ),
    ("ftp://h --hdr", "missing argument for option '--hdr'"),
    (
        "ftp://h --pid x",
        "--pid: invalid value 'x'; use the number of a process",
    ),
];

#[test]
fn wrong_options_are_named_with_the_remedy() {
    for (text, expected) in WRONG {
        let error = parsed(text).unwrap_err();
        assert!(error.starts_with(*expected), "{text}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
    let error = line("a\nDELE x".into(), "user").unwrap_err();
    assert!(
        error.starts_with("--user: it has a CR, LF or NUL"),
        "{error}"
    );
}

#[test]
fn files_and_tls_are_read() {
    let plan = parsed(
        "ftp://h/dir --workload small --size 64k --verify --active --connections 3 \
         --beside noop --beside list:2 --seed 4",
    )
    .unwrap();
    assert_eq!(
        plan.rows(),
        ["small stor", "small retr", "small delete", "noop", "list"]
    );
    assert_eq!((plan.connections(), plan.first_row(1)), (6, 3));
    assert_eq!(plan.files.size, 65536);
    assert_eq!(plan.files.directory, b"dir/");
    assert!(plan.files.verifies && plan.login.is_binary && plan.tls.is_none());
    let plan = parsed("ftp://h --workload stor --verify").unwrap();
    assert_eq!(plan.rows(), ["stor stor", "stor retr"]);
    let plan = parsed("ftp://h/a/b --workload retr").unwrap();
    assert!(plan.rows() == ["retr"] && plan.files.path == b"a/b");
}

#[cfg(feature = "tls")]
#[test]
fn tls_is_asked_for_by_scheme_or_option() {
    for text in [
        "ftpes://h --insecure",
        "ftps://h --insecure",
        "ftp://h --tls --insecure",
    ] {
        let plan = parsed(text).unwrap();
        assert!(plan.tls.is_some() && !plan.login.protects_data, "{text}");
    }
    let plan = parsed("ftpes://h --workload retr --insecure").unwrap();
    assert!(plan.login.protects_data);
}

#[test]
fn help_names_each_option() {
    for option in [
        "against",
        "rounds",
        "floor",
        "compare",
        "plot",
        "workload",
        "mix",
        "beside",
        "connections",
        "depth",
        "rate",
        "poisson",
        "duration",
        "count",
        "warmup",
        "ramp",
        "timeout",
        "size",
        "verify",
        "active",
        "passive",
        "tls",
        "insecure",
        "ca",
        "user",
        "password",
        "seed",
        "json",
        "csv",
        "hdr",
        "pid",
        "i-may-load-this-host",
    ] {
        assert!(HELP.contains(&format!("--{option}")), "{option}");
    }
}
