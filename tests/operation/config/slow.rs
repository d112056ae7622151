//! The slow log: what it has of commands, turns and jobs, and what a flood of them adds.

use super::world::World;
use crate::support::until;

/// `log.slow`
#[test]
fn slow_commands_are_logged_with_their_phases() {
    let world = World::new();
    // No command is as fast.
    let server = world.start("[log]\nslow = \"1us\"");
    let mut control = server.login();
    control.command("SIZE f", 213);
    let log = server.wait_for_log(": SIZE took ");
    let line = log.lines().find(|line| line.contains(": SIZE took "));
    let line = line.unwrap();
    let peer = control.local().to_string();
    for part in ["WARN", &peer, " in turns"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(!line.contains("SIZE f"), "{line}");
    // Hundreds are counted.
    for _ in 0..300 {
        control.command("NOOP", 200);
    }
    let lines = server.log().matches("Slow (log.slow): ").count();
    assert!(lines < 100, "{lines}");
    until("the count", || {
        control.command("NOOP", 200);
        let more = " more were slow since the last line of these";
        server.log().contains(more).then_some(())
    });
}

#[test]
fn quick_commands_and_long_transfers_are_not_logged() {
    let world = World::new();
    let server = world.start("[log]\nslow = \"10m\"");
    assert_eq!(server.login().retrieve("f"), b"content");
    assert!(!server.log().contains("Slow"), "{}", server.log());
}

#[test]
#[cfg(feature = "hashed-passwords")]
fn time_on_workers_is_a_phase_of_its_command() {
    let world = World::new();
    let server = world.start(
        "[log]\nslow = \"1us\"\n[[account]]\nname = \"ann\"\npermissions = \"read\"\n\
        password = \"$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$\
        WHwbVkQ5XzAMaltcqwxy+X9v0VxYTVTjS9BRTrowawM\"",
    );
    let mut control = server.connect();
    control.log_in("ann", "secret");
    let log = server.wait_for_log(": PASS took ");
    let line = log.lines().find(|line| line.contains(": PASS took "));
    let line = line.unwrap();
    for part in [" in turns, ", " until a worker had it, ", " on workers"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(!log.contains("secret"), "{log}");
}
