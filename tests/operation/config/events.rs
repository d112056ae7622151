//! Transfer logs, and the receivers of events: the command and the socket.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::OFlags;

use crate::config::world::World;
use crate::support::{DEADLINE, Server, mioftpd, uninterrupted, until};

/// The content of a file, once it contains `what`.
fn file_with(path: &Path, what: &str) -> String {
    until(what, || {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.contains(what).then_some(text)
    })
}

/// `log.syslog`
#[test]
#[cfg(feature = "daemon")]
fn syslog_key_sends_the_log_to_a_socket() {
    let world = World::new();
    let daemon = UnixDatagram::bind(world.path("log")).unwrap();
    daemon.set_read_timeout(Some(DEADLINE)).unwrap();
    world.write("[log]\nsyslog = \"log\"");
    let file = world.file();
    let mut server = mioftpd(["--config", file.to_str().unwrap()]);
    let mut server = server.stderr(Stdio::piped()).spawn().unwrap();
    let mut buffer = [0; 4096];
    let serving = until("the line", || {
        let count = uninterrupted(|| daemon.recv(&mut buffer)).unwrap();
        let line = String::from_utf8_lossy(&buffer[..count]).into_owned();
        line.contains("Start serving at").then_some(line)
    });
    assert!(serving.starts_with("<94>mioftpd["), "{serving}");
    server.kill().unwrap();
    assert_eq!(server.wait_with_output().unwrap().stderr, b"");
    // The usual socket, and none.
    for (value, shown) in [("true", true), ("false", false)] {
        world.write(&format!("[log]\nsyslog = {value}"));
        let output = world.run(&["--check"]);
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.contains("syslog = \"/dev/log\""), shown, "{text}");
    }
    world.write("[log]\nsyslog = 7");
    let message = String::from_utf8(world.run(&["--check"]).stderr).unwrap();
    assert!(
        message.contains("log.syslog: invalid value 7; write true, false, or the path"),
        "{message}"
    );
}

/// `log.transfers`
#[test]
fn transfers_are_logged_as_xferlog() {
    let world = World::new();
    fs::create_dir(world.path("logs")).unwrap();
    let server = world.start("[log]\ntransfers = \"logs/xferlog\"");
    server.login().retrieve("f");
    let line = file_with(&world.path("logs/xferlog"), " /f ");
    assert!(line.contains(" 7 /f b _ o a "), "{line}");
}

/// `log.transfers-json`
#[test]
fn transfers_are_logged_as_json() {
    let world = World::new();
    fs::create_dir(world.path("logs")).unwrap();
    let server = world.start("[log]\ntransfers-json = \"logs/json\"");
    server.login().retrieve("f");
    file_with(&world.path("logs/json"), "\"path\":\"/f\"");
}

/// `log.audit-json`
#[test]
fn changes_and_refusals_are_logged_as_json() {
    let world = World::new();
    fs::create_dir(world.path("logs")).unwrap();
    let server = world.start("[log]\naudit-json = \"logs/json\"");
    server.login().command("MKD /made", 257);
    let line = file_with(&world.path("logs/json"), "\"path\":\"/made\"");
    assert!(line.contains("\"verb\":\"MKD\""), "{line}");
}

/// A server with a shell script as event command; `record` appends a line to the file `recorded`.
fn with_script(world: &World, script: &str, more: &str) -> Server {
    let record = format!(
        "record() {{ echo \"$*\" >> '{}'; }}",
        world.path("recorded").display()
    );
    fs::write(world.path("script"), format!("{record}\n{script}\n")).unwrap();
    let script = world.path("script");
    let script = script.display();
    world.start(&format!(
        "[events]\ncommand = [\"/bin/sh\", \"{script}\"]\n{more}"
    ))
}

/// `events.command`
#[test]
fn event_command_runs_for_uploads() {
    let world = World::new();
    let server = with_script(&world, "record $MIOFTPD_VERB $MIOFTPD_PATH", "");
    server.login().store("new", b"content");
    assert_eq!(file_with(&world.path("recorded"), "/new"), "STOR /new\n");
}

#[test]
fn event_command_runs_outside_the_sandbox() {
    let world = World::new();
    let status = "grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status";
    let server = with_script(&world, &format!("record $({status}) $LD_PRELOAD $PWD"), "");
    let own = fs::read_to_string(format!("/proc/{}/status", server.process_id())).unwrap();
    let is_confined = cfg!(feature = "sandbox").then_some("NoNewPrivs:\t1");
    assert!(
        own.contains(is_confined.unwrap_or("NoNewPrivs:\t0")),
        "{own}"
    );
    server.login().store("new", b"content");
    let recorded = file_with(&world.path("recorded"), "\n");
    assert_eq!(recorded, "NoNewPrivs: 0 Seccomp: 0 /\n");
}

#[test]
fn event_helper_exits_with_the_server() {
    let world = World::new();
    let server = with_script(&world, "record $PPID", "");
    let id = server.process_id();
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
    let helper = format!("/proc/{}", children.trim());
    // Between fork and exec it has the name of the server.
    until("its name", || {
        let name = fs::read_to_string(format!("{helper}/cmdline")).unwrap();
        name.starts_with("mioftpd: event helper\0").then_some(())
    });
    drop(server);
    until("its end", || (!Path::new(&helper).exists()).then_some(()));
}

/// `events.socket`
#[test]
fn event_socket_receives_uploads() {
    let world = World::new();
    let socket = UnixDatagram::bind(world.path("socket")).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let server = world.start("[events]\nsocket = \"socket\"");
    server.login().store("new", b"content");
    let mut line = [0; 4096];
    let length = uninterrupted(|| socket.recv(&mut line)).unwrap();
    let line = String::from_utf8_lossy(&line[..length]);
    assert!(line.contains("/new"), "{line}");
}

/// `events.digest`
#[test]
fn event_contains_digest() {
    let world = World::new();
    if !cfg!(feature = "digests") {
        world.write("[events]\ndigest = true");
        return assert_eq!(world.run(&[]).status.code(), Some(2));
    }
    let server = with_script(&world, "record is $MIOFTPD_SHA256", "digest = true");
    server.login().store("new", b"content");
    let recorded = file_with(&world.path("recorded"), "is ");
    assert!(
        recorded.starts_with("is ed7002b439e9ac845f22357d822bac14"),
        "{recorded}"
    );
}

/// Creates a FIFO that blocks a reader until there is a writer.
fn make_pipe(world: &World) {
    let made = Command::new("mkfifo").arg(world.path("pipe")).status();
    assert!(made.unwrap().success());
}

/// `events.at-once`
#[test]
fn running_event_commands_are_limited() {
    let script = |world: &World| {
        format!(
            "record begin; read x < '{}'; record end",
            world.path("pipe").display()
        )
    };
    let recorded = |most: usize| {
        let world = World::new();
        make_pipe(&world);
        let server = with_script(&world, &script(&world), &format!("at-once = {most}"));
        let mut control = server.login();
        control.store("one", b"");
        control.store("two", b"");
        let first = "begin\n".repeat(most);
        file_with(&world.path("recorded"), &first);
        until("both ends", || {
            // Releases a script that blocks on the FIFO; the open fails if none does yet.
            let pipe = OpenOptions::new()
                .write(true)
                .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
                .open(world.path("pipe"));
            if let Ok(mut pipe) = pipe {
                let _ = pipe.write_all(b"go\n");
            }
            let recorded = fs::read_to_string(world.path("recorded")).unwrap();
            (recorded.matches("end").count() == 2).then_some(recorded)
        })
    };
    assert_eq!(recorded(1), "begin\nend\nbegin\nend\n");
    assert_eq!(recorded(2), "begin\nbegin\nend\nend\n");
}

/// `events.time`
#[test]
fn event_command_is_killed_after_its_time() {
    let world = World::new();
    make_pipe(&world);
    let script = format!(
        "record begin; read x < '{}'; record end",
        world.path("pipe").display()
    );
    let server = with_script(&world, &script, "at-once = 1\ntime = \"300ms\"");
    let mut control = server.login();
    control.store("one", b"");
    control.store("two", b"");
    // The second begins only if the first is killed.
    let recorded = file_with(&world.path("recorded"), "begin\nbegin\n");
    assert_eq!(recorded, "begin\nbegin\n");
}
