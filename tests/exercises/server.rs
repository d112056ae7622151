//! Exercises one to four: changes of the server, seen over a socket.

use std::time::{Duration, Instant};

use crate::support::{Control, Server, Starter};

fn client() -> (Server, Control) {
    let server = Starter::default().serving(|_| {}).start();
    let control = Control::login(server.address());
    (server, control)
}

#[test]
#[ignore = "exercise 1: add a command"]
fn exercise_01_echo_repeats_its_argument() {
    let (server, mut control) = client();
    control.send("ECHO hello, world");
    assert_eq!(control.line(), "200 hello, world");
    control.send("echo  two  spaces ");
    assert_eq!(control.line(), "200  two  spaces ");
    control.command("ECHO", 501);
    let help = control.command("HELP", 214);
    assert!(help.lines.iter().any(|line| line.contains("ECHO")));
    let mut other = Control::connect(server.address());
    other.command("ECHO x", 530);
}

#[test]
#[ignore = "exercise 2: add a subcommand of SITE"]
fn exercise_02_site_time_tells_the_time() {
    let (_server, mut control) = client();
    let reply = control.command("SITE TIME", 200);
    // As MDTM has it: YYYYMMDDHHMMSS.
    let digits = reply.text().bytes().filter(u8::is_ascii_digit).count();
    assert_eq!((reply.text().len(), digits), (14, 14), "{reply:?}");
    assert!(reply.text() > "20260101000000", "{reply:?}");
    let help = control.command("SITE HELP", 214);
    assert!(help.lines.iter().any(|line| line.contains("SITE TIME")));
}

#[test]
#[ignore = "exercise 3: let a session remember something"]
fn exercise_03_stat_counts_the_commands_of_the_session() {
    let (server, mut control) = client();
    // USER, PASS and TYPE came before.
    for count in [4, 5] {
        let stat = control.command("STAT", 211);
        let line = format!("Commands: {count}");
        assert!(stat.lines.iter().any(|one| one.trim() == line), "{stat:?}");
    }
    let mut other = Control::connect(server.address());
    let stat = other.command("STAT", 211);
    assert!(
        stat.lines.iter().any(|one| one.trim() == "Commands: 1"),
        "{stat:?}"
    );
}

#[test]
#[ignore = "exercise 4: wait without sleeping"]
fn exercise_04_unknown_command_delays_the_next_one_of_its_client_only() {
    let (server, mut control) = client();
    let mut other = Control::login(server.address());
    let begun = Instant::now();
    control.send_raw(b"XYZZY\r\nNOOP\r\n");
    control.expect(500);
    // Others are served meanwhile: the delay is a deadline, and no sleep.
    other.command("NOOP", 200);
    assert!(!control.has_reply(Duration::from_millis(1)));
    control.expect(200);
    assert!(begun.elapsed() >= Duration::from_millis(500));
}
