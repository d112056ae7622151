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
    server.wait_for_log("Connections by state");
    let log = server.log();
    for line in [
        "Connections: 2 (2 of them open), commands: ",
        "Transfers that have ended: download complete 1, upload complete 1, upload aborted 1",
        "Lines received: ",
        ", NOOP 8, ",
        "data clear 7, ",
        "data clear 5",
        "Logins: ok 1",
        "From the line of a command to its reply: p50 ",
        "From the line of a command to the first byte of its file or listing: p50 ",
        "Turns of connections: p50 ",
        "How late a turn or a deadline came: p50 ",
        "Iterations of the event loop, without their sleep: p50 ",
    ] {
        assert!(log.contains(line), "{line}: {log}");
    }
    // Each command has a time.
    let (_, executed) = log.split_once("of them open), commands: ").unwrap();
    let executed: usize = executed.lines().next().unwrap().parse().unwrap();
    assert!(executed > commands.len(), "{log}");
    let (_, times) = log
        .split_once("From the line of a command to its reply")
        .unwrap();
    let times = times.lines().next().unwrap();
    assert!(times.ends_with(&format!("({executed})")), "{log}");

    other.close();
    control.close();
    server.terminate();
    assert!(server.wait().success());
    let log = server.log();
    assert!(log.contains("Connections: 2 (0 of them open)"), "{log}");
    assert_eq!(log.matches("Connections by state").count(), 2, "{log}");
}
