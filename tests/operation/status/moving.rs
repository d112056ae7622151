//! A scripted session moves each metric, by as much as it should.
//!
//! A counter that stands while its thing happens is worse than none. So is a new family that nobody tries:
//! the last test fails for one.

use std::collections::BTreeMap;
use std::fs;

use crate::config::world::World;
use crate::status::client::{Http, listening};
use crate::support::tls::TlsClient;
use crate::support::{Control, Server, end_connection, until};

/// `secret` by bcrypt, at the lowest cost.
const HASH: &str = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";

/// Families that show what is only there for an instant, or is a fault of the loop: unit tests try them.
const UNTRIED: [&str; 3] = ["timers_early_total", "turns_waiting", "jobs_outstanding"];

/// Samples by their names with labels, as they are written.
struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    fn read(server: &Server) -> Self {
        let mut http = Http::connect(listening(server)[0]);
        // The server keeps one answer for a moment: after another one this is new.
        http.get("/stats");
        http.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n");
        let body = http.answer().body;
        let samples = body.lines().filter(|line| !line.starts_with('#'));
        let sample = |line: &str| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let name = name.strip_prefix("mioftpd_").unwrap();
            (name.to_owned(), value.parse().unwrap())
        };
        Self(samples.map(sample).collect())
    }

    fn get(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or(0.0)
    }
}

/// What a test has tried.
struct Trial<'a> {
    server: &'a Server,
    before: Metrics,
}

impl<'a> Trial<'a> {
    fn new(server: &'a Server) -> Self {
        let before = Metrics::read(server);
        Self { server, before }
    }

    /// Each of these has grown by so much.
    #[track_caller]
    fn grew(&self, samples: &[(&str, f64)]) {
        let after = Metrics::read(self.server);
        for (name, by) in samples {
            let grown = after.get(name) - self.before.get(name);
            assert!((grown - by).abs() < 1e-9, "{name} has grown by {grown}");
        }
    }

    /// Each of these has grown.
    #[track_caller]
    fn moved(&self, samples: &[&str]) {
        let after = Metrics::read(self.server);
        for name in samples {
            assert!(after.get(name) > self.before.get(name), "{name} stands");
        }
    }
}

fn start(keys: &str) -> (World, Server) {
    let world = World::new();
    fs::write(world.path("root/seven"), "content").unwrap();
    let text = format!(
        "[status]\nlisten = \"127.0.0.1:0\"\n[tls]\nself-signed = true\n\
         [timings]\npenalty = \"1ms\"\n{keys}\n\
         [[account]]\nname = \"anonymous\"\npermissions = \"all\"\n\
         [[account]]\nname = \"ann\"\npassword = \"{HASH}\"\n"
    );
    let server = world.start(&text);
    (world, server)
}

#[test]
fn session_in_the_clear_moves_its_counters() {
    let (_world, server) = start("");
    let trial = Trial::new(&server);
    let mut control = server.login();
    assert_eq!(control.retrieve("seven"), b"content");
    control.store("five", b"12345");
    control.command("NOOP", 200);
    control.command("NOPE", 500);
    control.command("SIZE none", 550);
    trial.grew(&[
        ("connections_total", 1.0),
        ("logins_total{result=\"ok\"}", 1.0),
        ("commands_total{verb=\"NOOP\"}", 1.0),
        ("commands_total{verb=\"RETR\"}", 1.0),
        ("commands_total{verb=\"STOR\"}", 1.0),
        ("commands_total{verb=\"none\"}", 1.0),
        ("replies_total{class=\"1xx\"}", 2.0),
        ("replies_total{class=\"3xx\"}", 1.0),
        ("replies_total{class=\"5xx\"}", 2.0),
        (
            "transfers_total{direction=\"download\",result=\"complete\"}",
            1.0,
        ),
        (
            "transfers_total{direction=\"upload\",result=\"complete\"}",
            1.0,
        ),
        (DOWN, 7.0),
        (UP, 5.0),
        ("first_byte_seconds_count", 1.0),
        ("login_seconds_count", 1.0),
    ]);
    trial.moved(&[
        "login_seconds_sum",
        "first_byte_seconds_sum",
        "replies_total{class=\"2xx\"}",
        "bytes_total{direction=\"sent\",channel=\"control\",security=\"clear\"}",
        "bytes_total{direction=\"received\",channel=\"control\",security=\"clear\"}",
        "command_seconds_count",
        "command_seconds_sum",
        "turn_seconds_count",
        "lag_seconds_count",
        "iteration_seconds_count",
        "asleep_seconds_total",
        "awake_seconds_total",
        "events_total",
        "polls_with_work_total",
        "turns_total{kind=\"control\"}",
        "turns_total{kind=\"data\"}",
        "jobs_total{pool=\"storage\"}",
        "job_wait_seconds_count{pool=\"storage\"}",
        "job_run_seconds_count{pool=\"storage\"}",
        "completions_total",
        "memory_bytes{of=\"open connections\"}",
        "timers_armed",
    ]);
}

const DOWN: &str = "bytes_total{direction=\"sent\",channel=\"data\",security=\"clear\"}";
const UP: &str = "bytes_total{direction=\"received\",channel=\"data\",security=\"clear\"}";

#[test]
fn secured_session_moves_its_counters() {
    let (_world, server) = start("");
    let trial = Trial::new(&server);
    let mut control = server.private(&TlsClient::new());
    control.retrieve("seven");
    control.store("five", b"12345");
    trial.grew(&[
        ("handshake_seconds_count", 1.0),
        (&DOWN.replace("clear", "secured"), 7.0),
        (&UP.replace("clear", "secured"), 5.0),
        (DOWN, 0.0),
        ("sessions{state=\"secured\"}", 1.0),
    ]);
    trial.moved(&[
        "bytes_total{direction=\"sent\",channel=\"control\",security=\"secured\"}",
        "bytes_total{direction=\"received\",channel=\"control\",security=\"secured\"}",
        "jobs_total{pool=\"tls\"}",
        "job_run_seconds_count{pool=\"tls\"}",
        "handshake_seconds_sum",
    ]);
}

#[test]
fn logins_by_a_hash_are_counted_by_result() {
    let (_world, server) = start("");
    let trial = Trial::new(&server);
    let mut control = server.connect();
    control.command("USER ann", 331);
    control.command("PASS wrong", 530);
    control.log_in("ann", "secret");
    trial.grew(&[
        ("logins_total{result=\"wrong credentials\"}", 1.0),
        ("logins_total{result=\"ok\"}", 1.0),
        ("jobs_total{pool=\"login\"}", 2.0),
        ("job_run_seconds_count{pool=\"login\"}", 2.0),
        ("deadlines_total{deadline=\"penalty\"}", 1.0),
        ("sessions{state=\"logged in\"}", 1.0),
        ("log_records_dropped_total{class=\"routine\"}", 0.0),
    ]);
    trial.moved(&["login_seconds_sum", "job_run_seconds_sum{pool=\"login\"}"]);
}

#[test]
fn refusals_and_ends_are_counted_by_reason() {
    let (_world, server) = start("[limits]\nconnections-per-address = 2");
    let trial = Trial::new(&server);
    let (mut one, other) = (server.login(), server.login());
    Control::silent(server.address()).expect(421);
    one.command("QUIT", 221);
    one.expect_end();
    drop(one);
    other.close();
    let ended = || {
        let after = Metrics::read(&server);
        let closed = |reason: &str| after.get(&format!("closed_total{{reason=\"{reason}\"}}"));
        closed("finished") + closed("client left") >= 2.0
    };
    until("the ends of both sessions", || ended().then_some(()));
    trial.grew(&[("refused_total{reason=\"full for address\"}", 1.0)]);
    trial.moved(&["closed_total{reason=\"finished\"}"]);
}

/// While a client does not read: the gauges, and the counters as they grow.
#[test]
fn transfer_in_progress_is_seen() {
    let (world, server) = start("");
    let size = 64 << 20;
    fs::File::create(world.path("root/large"))
        .and_then(|file| file.set_len(size))
        .unwrap();
    let trial = Trial::new(&server);
    let mut control = server.login();
    let data = control.passive();
    control.command("RETR large", 150);
    let mut data = data.stream();
    until("the first bytes", || {
        (Metrics::read(&server).get(DOWN) > 0.0).then_some(())
    });
    trial.grew(&[
        ("sessions{state=\"open\"}", 1.0),
        ("sessions{state=\"transferring\"}", 1.0),
        ("sockets{of=\"client\"}", 2.0),
        (
            "transfers_total{direction=\"download\",result=\"complete\"}",
            0.0,
        ),
    ]);
    let most = Metrics::read(&server);
    assert!(most.get("sessions{state=\"most\"}") > 0.0 && most.get("permits{state=\"all\"}") > 0.0);
    assert!(most.get("sockets{of=\"passive\"}") > 0.0 && most.get("sockets{of=\"listen\"}") > 0.0);
    let count = std::io::copy(&mut data, &mut std::io::sink()).unwrap();
    assert_eq!(count, size);
    control.expect(226);
    let exact = f64::from(u32::try_from(size).unwrap());
    trial.grew(&[
        (DOWN, exact),
        ("sessions{state=\"transferring\"}", 0.0),
        ("sockets{of=\"client\"}", 1.0),
        ("rate_bytes_per_second_count", 1.0),
    ]);
    // A drain can be watched.
    let data = control.passive();
    control.command("STOR slow", 150);
    let data = data.stream();
    server.terminate();
    until("the drain", || {
        (Metrics::read(&server).get("draining") > 0.5).then_some(())
    });
    end_connection(data);
    control.expect(226);
}

#[test]
fn every_family_is_tried() {
    let (_world, server) = start("");
    let tried = include_str!("moving.rs");
    let families = Metrics::read(&server).0.into_keys().map(|name| {
        let end = name.find('{').unwrap_or(name.len());
        let family = &name[..end];
        let mut of_histogram = ["_bucket", "_sum"].into_iter();
        let end = of_histogram.find_map(|end| family.strip_suffix(end));
        end.map_or_else(|| family.to_owned(), |family| format!("{family}_count"))
    });
    for family in families {
        let is_of_the_program = ["build_info", "start_time_seconds"].contains(&family.as_str());
        let name = format!("\"{family}");
        assert!(
            is_of_the_program || tried.contains(&name) || UNTRIED.contains(&family.as_str()),
            "{family} is not tried"
        );
    }
}
