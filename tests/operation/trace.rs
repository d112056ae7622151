//! `--trace`: the file is a trace that a viewer accepts, and has what the server did, without secrets.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{Control, Server, Starter};

/// A track: a process and a thread.
type Track = (u64, u64);

/// A trace whose form has been checked.
struct Trace {
    text: String,
    /// The names of tracks.
    names: BTreeMap<Track, String>,
    /// The names of what happened on a track, in its order.
    events: BTreeMap<Track, Vec<String>>,
    jobs: usize,
    /// Arrows, by the tracks of their ends.
    arrows: BTreeSet<(Track, Track)>,
}

/// Reads a file strictly: what a viewer would repair or ignore fails.
fn read(file: &Path) -> Trace {
    let text = fs::read_to_string(file).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    let (mut names, mut events) = (BTreeMap::new(), BTreeMap::<Track, Vec<String>>::new());
    let (mut open, mut last) = (BTreeMap::<Track, Vec<String>>::new(), BTreeMap::new());
    let (mut ends, mut jobs) = (BTreeMap::<u64, [Option<Track>; 2]>::new(), 0);
    for event in json["traceEvents"].as_array().unwrap() {
        let number = |key: &str| event[key].as_u64().unwrap();
        let track = (number("pid"), number("tid"));
        let phase = event["ph"].as_str().unwrap();
        let name = event["name"].as_str();
        if phase == "M" {
            let name = event["args"]["name"].as_str();
            names.extend(name.map(|name| (track, name.to_owned())));
            continue;
        }
        let at = event["ts"].as_f64().unwrap();
        let before = last.insert(track, at).unwrap_or(0.0);
        assert!(before <= at, "{event} is before {before}");
        let stack = open.entry(track).or_default();
        let shown = events.entry(track).or_default();
        match phase {
            "B" => stack.push(name.unwrap().to_owned()),
            "E" => assert!(stack.pop().is_some(), "{event} ends nothing"),
            "i" => assert_eq!(event["s"], "t"),
            "X" => {
                assert!(event["dur"].as_f64().unwrap() >= 0.0);
                jobs += 1;
            }
            "s" | "f" => {
                let end = &mut ends.entry(number("id")).or_default()[usize::from(phase == "f")];
                assert_eq!(end.replace(track), None, "{event} is there twice");
                assert_eq!(event["bp"] == "e", phase == "f");
                continue;
            }
            other => panic!("a phase {other}"),
        }
        shown.extend(name.map(str::to_owned));
    }
    assert!(open.values().all(Vec::is_empty), "not ended: {open:?}");
    for track in events.keys() {
        assert!(names.contains_key(track), "{track:?} has no name");
    }
    let both = |(id, [from, to]): (u64, [Option<Track>; 2])| {
        (
            from.unwrap_or_else(|| panic!("{id}")),
            to.unwrap_or_else(|| panic!("{id}")),
        )
    };
    let arrows = ends.into_iter().map(both).collect();
    Trace {
        text,
        names,
        events,
        jobs,
        arrows,
    }
}

impl Trace {
    fn on(&self, name: &str) -> Vec<&str> {
        let track = self.names.iter().find(|(_, named)| *named == name);
        let (track, _) = track.unwrap_or_else(|| panic!("{name}: {:?}", self.names));
        self.events[track].iter().map(String::as_str).collect()
    }

    /// The track of the event loop, and whether there are arrows from it to workers and back.
    fn has_arrows(&self) -> bool {
        let is_loop = |track: &Track| self.names[track] == "event loop";
        let there = self
            .arrows
            .iter()
            .any(|(from, to)| is_loop(from) && !is_loop(to));
        there
            && self
                .arrows
                .iter()
                .any(|(from, to)| !is_loop(from) && is_loop(to))
    }
}

/// The words that clients send, and which are in no trace unless names are.
const SECRET: &str = "open-sesame";
const NAME: &str = "long-name-of-a-file";

fn start(file: &Path, options: &[&str]) -> Server {
    let secret = tempfile::NamedTempFile::new().unwrap();
    fs::write(secret.path(), format!("{SECRET}\n")).unwrap();
    let content = vec![b'x'; 300_000];
    let mut starter = Starter::default()
        .serving(|root| fs::write(root.join(NAME), content).unwrap())
        .argument("--trace")
        .argument(file)
        .argument("--user")
        .argument("ann")
        .argument("--password-file")
        .argument(secret.path());
    for option in options {
        starter = starter.argument(option);
    }
    starter.start()
}

fn visit(server: &Server) -> String {
    let mut control = Control::connect(server.address());
    let address = control.local().to_string();
    control.command("USER ann", 331);
    control.command(&format!("PASS {SECRET}"), 230);
    for _ in 0..4 {
        assert_eq!(control.retrieve(NAME).len(), 300_000);
    }
    let data = control.passive();
    control.command("LIST", 150);
    let listing = String::from_utf8(data.receive()).unwrap();
    assert!(listing.contains(NAME));
    control.expect(226);
    control.command("QUIT", 221);
    address
}

#[test]
fn trace_has_commands_jobs_and_arrows() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("trace.json");
    let mut server = start(&file, &[]);
    let address = visit(&server);
    server.terminate();
    assert!(server.wait().success());
    let trace = read(&file);
    let commands = trace.on(&format!("{address} commands"));
    let verbs: Vec<_> = commands
        .iter()
        .filter(|name| name.parse::<u16>().is_err())
        .collect();
    assert_eq!(verbs[..2], [&"USER", &"PASS"]);
    assert_eq!(commands.iter().filter(|name| **name == "RETR").count(), 4);
    assert_eq!(commands.iter().filter(|name| **name == "150").count(), 5);
    assert_eq!(*verbs.last().unwrap(), &"QUIT");
    assert_eq!(commands[0], "220");
    let turns = trace.on(&format!("{address} turns"));
    for name in [
        "greeting",
        "control",
        "data",
        "completion",
        "verify",
        "open",
        "listen",
    ] {
        assert!(turns.contains(&name), "{name}: {turns:?}");
    }
    assert!(turns.contains(&"control: readable") || turns.contains(&"control: readable, writable"));
    assert!(turns.last().unwrap().starts_with("closed: "), "{turns:?}");
    let of_loop = trace.on("event loop");
    for name in ["poll", "iteration", "control", "listen socket ready"] {
        assert!(of_loop.contains(&name), "{name}");
    }
    assert!(trace.jobs > 0 && trace.on("storage 1").contains(&"slice"));
    assert!(trace.has_arrows());
    for word in [SECRET, NAME, "ann\""] {
        assert!(!trace.text.contains(word), "{word}");
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn names_are_recorded_by_option_and_passwords_never() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("trace.json");
    let mut server = start(&file, &["--trace-names"]);
    let address = visit(&server);
    let mut other = Control::connect(server.address());
    other.send(&format!("PAS {SECRET}"));
    other.expect(500);
    server.ask_for_summary();
    server.wait_for_log("Wrote the trace");
    let trace = read(&file);
    let commands = trace.on(&format!("{address} commands"));
    assert!(commands.contains(&&*format!("RETR {NAME}")), "{commands:?}");
    assert!(commands.contains(&"USER ann") && commands.contains(&"PASS"));
    assert!(!trace.text.contains(SECRET));
    // The next one begins with the connection that is open.
    other.command("NOOP", 200);
    let address = other.local();
    server.terminate();
    other.expect(421);
    other.close();
    assert!(server.wait().success());
    let trace = read(&file);
    assert_eq!(trace.on(&format!("{address} commands")), ["NOOP", "421"]);
}

#[test]
fn trace_that_cannot_be_written_fails_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("missing").join("trace.json");
    let output = crate::support::mioftpd(["--listen", "127.0.0.1:0", "--trace"])
        .arg(&file)
        .output()
        .unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("Cannot write the trace"), "{message}");
}
