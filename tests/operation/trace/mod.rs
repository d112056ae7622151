//! `--trace`: the file is a trace that a viewer accepts, and has what the server did, without secrets.

pub(crate) mod format;

use std::fs;
use std::path::Path;

use rustix::process::{Resource, Rlimit};

use crate::support::{Control, Server, Starter};
use format::Trace;

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
    let trace = Trace::read(&file);
    let commands = trace.on(&format!("{address} commands"));
    let verbs: Vec<_> = commands
        .iter()
        .filter(|name| name.parse::<u16>().is_err())
        .collect();
    assert_eq!(verbs[..2], [&"USER", &"PASS"]);
    assert_eq!(commands.iter().filter(|name| **name == "RETR").count(), 4);
    assert_eq!(commands.iter().filter(|name| **name == "LIST").count(), 1);
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
    assert!(trace.whole_jobs() > 5 && trace.on("storage 1").contains(&"slice"));
    for track in trace.names.values() {
        let (kind, of) = track.split_once(' ').unwrap();
        assert!(
            track == "event loop"
                || ["storage", "login"].contains(&kind) && of.parse::<u8>().is_ok()
                || kind == address && ["commands", "turns"].contains(&of),
            "{track}"
        );
    }
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
    let trace = Trace::read(&file);
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
    let trace = Trace::read(&file);
    assert_eq!(trace.on(&format!("{address} commands")), ["NOOP", "421"]);
}

#[test]
fn trace_that_cannot_be_written_fails_the_start_and_the_check() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing");
    for (file, why) in [
        (
            missing.join("trace.json"),
            format!("there is no directory {}; create it", missing.display()),
        ),
        (
            directory.path().to_owned(),
            "it exists, and is no regular file".to_owned(),
        ),
    ] {
        for arguments in [&["--listen", "127.0.0.1:0"][..], &["--check"]] {
            if arguments == ["--check"] && !cfg!(feature = "config") {
                continue;
            }
            let mut program = crate::support::mioftpd(arguments);
            let output = program.arg("--trace").arg(&file).output().unwrap();
            let all = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert_eq!(output.status.code(), Some(1), "{all}");
            let message = format!("--trace: cannot write {}: {why}", file.display());
            assert!(all.contains(&message), "{all}");
            assert!(!all.contains("Start serving"), "{all}");
        }
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

/// Ends the server, which fails for this reason.
fn fail_at_the_end(mut server: Server, why: &str) {
    server.terminate();
    assert_eq!(server.wait().code(), Some(1));
    let error = server.wait_for_log("mioftpd: --trace: cannot write");
    assert!(error.contains(why), "{error}");
    assert!(server.log().contains("ERROR"), "{}", server.log());
}

#[test]
fn trace_whose_directory_vanishes_fails_the_exit() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("trace.json");
    let server = start(&file, &[]);
    visit(&server);
    directory.close().unwrap();
    fail_at_the_end(server, "there is no directory");
}

#[test]
fn trace_that_does_not_fit_fails_the_exit_and_keeps_the_one_before() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("trace.json");
    let server = start(&file, &[]);
    server.ask_for_summary();
    server.wait_for_log("Wrote the trace");
    let before = fs::read_to_string(&file).unwrap();
    visit(&server);
    let limit = Rlimit {
        current: Some(4096),
        maximum: Some(4096),
    };
    server.set_limit(Resource::Fsize, limit);
    fail_at_the_end(server, "File too large");
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}
