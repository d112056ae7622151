//! The summary in the log: at SIGUSR1, and at the end.

use std::fs;

use crate::support::{Control, Server, end_connection};

#[test]
fn summary_counts_what_was_served() {
    let mut server = Server::writable(|root| fs::write(root.join("f"), "content").unwrap());
    let mut control = server.login();
    control.retrieve("f");
    control.store("new", b"12345");
    let data = control.passive();
    control.command("STOR cut", 150);
    let data = data.stream();
    control.send("ABOR");
    control.expect(426);
    control.expect(226);
    end_connection(data);
    let commands = ["NOOP"; 8];
    for command in commands {
        control.command(command, 200);
    }
    let other = Control::connect(server.address());
    server.ask_for_summary();
    server.wait_for_log("Asleep for ");
    let log = server.log();
    for line in [
        "2 connections (2 of them open), 0 refused, ",
        "1 complete downloads and 0 others, of 7 bytes together",
        "1 complete uploads and 1 others, of 5 bytes together",
        "Commands, from the line to the reply: p50 ",
        "Turns of connections: p50 ",
        "Lateness of turns and deadlines: p50 ",
        "Iterations of the event loop: p50 ",
    ] {
        assert!(log.contains(line), "{line}: {log}");
    }
    // Each command has a time.
    let (_, executed) = log.split_once("0 refused, ").unwrap();
    let (executed, _) = executed.split_once(" commands").unwrap();
    let executed: usize = executed.parse().unwrap();
    assert!(executed > commands.len(), "{log}");
    let (_, times) = log.split_once("Commands, from the line").unwrap();
    let times = times.lines().next().unwrap();
    assert!(times.ends_with(&format!("({executed})")), "{log}");

    other.close();
    control.close();
    server.terminate();
    assert!(server.wait().success());
    let log = server.log();
    assert!(log.contains("2 connections (0 of them open)"), "{log}");
    assert_eq!(log.matches("Asleep for ").count(), 2, "{log}");
}
