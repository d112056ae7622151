//! The metrics as Prometheus reads them, and the guide's rules and dashboard, which name no others.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::Stdio;

use crate::config::world::World;
use crate::status::client::{Http, listening};
use crate::support::{Server, installed, until};

const RULES: &str = include_str!("../../../src/guide/status/alerts.yml");
const DASHBOARD: &str = include_str!("../../../src/guide/status/dashboard.json");
const PAGE: &str = include_str!("../../../src/guide/status.md");

fn start(world: &World) -> Server {
    world.start("[status]\nlisten = \"127.0.0.1:0\"")
}

fn metrics(server: &Server, accept: &str) -> String {
    let mut http = Http::connect(listening(server)[0]);
    let text = format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n");
    http.send(text.as_bytes());
    let answer = http.answer();
    assert_eq!(answer.code, 200);
    answer.body
}

/// The value of a sample, with its labels as they are written.
fn value(text: &str, name: &str) -> f64 {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
        .parse()
        .unwrap()
}

#[test]
fn counters_follow_what_happens() {
    let world = World::new();
    let server = start(&world);
    let before = metrics(&server, "*/*");
    let mut control = server.login();
    control.retrieve("f");
    // The counters of a moment ago may be shown again.
    let after = until("the commands", || {
        let after = metrics(&server, "*/*");
        let name = "mioftpd_command_seconds_count";
        (value(&after, name) - value(&before, name) >= 4.0).then_some(after)
    });
    let grown = |name: &str| value(&after, name) - value(&before, name);
    assert!(
        (grown("mioftpd_connections_total") - 1.0).abs() < 0.5,
        "{after}"
    );
    assert!(grown("mioftpd_turn_seconds_count") >= 4.0, "{after}");
    assert!(grown("mioftpd_asleep_seconds_total") > 0.0, "{after}");
    assert!(value(&after, "mioftpd_start_time_seconds") > 1.7e9);
}

#[test]
fn promtool_accepts_metrics_and_rules() {
    let world = World::new();
    let server = start(&world);
    let mut control = server.login();
    control.retrieve("f");
    if let Some(mut promtool) = installed("promtool") {
        let promtool = promtool.args(["check", "metrics"]).stdin(Stdio::piped());
        let promtool = promtool.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = promtool.spawn().unwrap();
        let text = metrics(&server, "text/plain");
        child
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(
            output.stderr.is_empty() && output.stdout.is_empty(),
            "{output:?}"
        );
    }
    if let Some(mut promtool) = installed("promtool") {
        let path = world.path("alerts.yml");
        std::fs::write(&path, RULES).unwrap();
        let output = promtool
            .args(["check", "rules"])
            .arg(path)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(
            String::from_utf8_lossy(&output.stdout).contains("3 rules found"),
            "{output:?}"
        );
    }
}

#[test]
fn openmetrics_is_what_prometheus_asks_for() {
    let world = World::new();
    let server = start(&world);
    let accept = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;\
                  version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    let text = metrics(&server, accept);
    assert!(text.ends_with("# EOF\n"), "{text}");
    assert!(
        text.contains("\n# UNIT mioftpd_command_seconds seconds\n"),
        "{text}"
    );
    // Each family once, and each sample below its own.
    let mut families = BTreeSet::new();
    let mut family = "";
    for line in text.lines() {
        match line.strip_prefix("# TYPE ") {
            Some(rest) => {
                family = rest.split(' ').next().unwrap();
                assert!(families.insert(family), "{family} is there twice");
            }
            None => assert!(
                line.contains(family) || line == "# EOF",
                "{line} below {family}"
            ),
        }
    }
}

/// The names that begin with that of the program.
fn names(text: &str) -> BTreeSet<&str> {
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit();
    let found = text.match_indices("mioftpd_").map(|(at, _)| {
        let rest = &text[at..];
        &rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())]
    });
    found.collect()
}

#[test]
fn rules_dashboard_and_page_name_what_exists() {
    let world = World::new();
    let server = start(&world);
    let mut control = server.login();
    control.retrieve("f");
    let text = metrics(&server, "*/*");
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let existing: BTreeSet<_> = samples
        .map(|line| line.split(['{', ' ']).next().unwrap())
        .collect();
    let families = names(&text);
    for (what, named) in [("rules", RULES), ("dashboard", DASHBOARD), ("page", PAGE)] {
        let named = names(named);
        assert!(what == "page" || named.len() >= 3, "{named:?}");
        let is_known = |name: &&&str| existing.contains(**name) || families.contains(**name);
        let unknown: Vec<_> = named.iter().filter(|name| !is_known(name)).collect();
        let unknown: Vec<_> = unknown
            .into_iter()
            .filter(|name| **name != "mioftpd_")
            .collect();
        assert!(
            unknown.is_empty(),
            "the {what} has {unknown:?}; there are {existing:?}"
        );
    }
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    assert!(dashboard["panels"].as_array().unwrap().len() >= 8);
}
