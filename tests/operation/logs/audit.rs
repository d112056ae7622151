//! The audit log: one line for each command that changed something or was refused, as text and JSON.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::logs::world::World;
use crate::support::{Server, until};

const AUDITED: &str = "[log]\naudit-json = \"logs/audit.json\"\n";
const SEPARATE: &str = " [mioftpd::audit] ";

fn started(world: &World, more: &str) -> Server {
    fs::create_dir(world.path("logs")).unwrap();
    world.start(&format!("{AUDITED}{more}"))
}

/// Waits for at least `count` records.
fn records(world: &World, count: usize) -> Vec<Value> {
    until("the records", || {
        let text = fs::read_to_string(world.path("logs/audit.json")).unwrap_or_default();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        let records: Vec<_> = lines.collect();
        (records.len() >= count).then_some(records)
    })
}

/// The audit lines about a client, without time and address.
fn audited(server: &Server, client: &str) -> Vec<String> {
    let log = server.log();
    let lines = log.lines().filter_map(|line| line.split_once(SEPARATE));
    let prefix = format!("{client}: ");
    lines
        .filter_map(|(_, text)| text.strip_prefix(&prefix).map(str::to_owned))
        .collect()
}

#[test]
fn each_change_and_refusal_is_one_audit_line() {
    let world = World::new();
    let server = started(&world, "");
    let mut control = server.login();
    for (line, code) in [
        ("NOOP", 200),
        ("PWD", 257),
        ("MKD d", 257),
        ("CWD d", 250),
        ("MKD e", 257),
        ("RNFR e", 350),
        ("RNTO ../g", 250),
        ("RNTO x", 503),
        ("DELE no", 550),
        ("DELE ../f", 250),
        ("SITE CHMOD 755 /g", 200),
        ("MFMT 20200101000000 /g", 213),
        ("MDTM 20200101000000 /g", 213),
        ("RMD /g", 250),
        ("CWD /no", 550),
        ("TYPE X", 501),
        ("SIZE /no", 550),
    ] {
        control.command(line, code);
    }
    control.store("/d/up", b"1234567");
    control.retrieve("/d/up");
    let client = control.local().to_string();
    control.command("QUIT", 221);
    server.wait_for_log(&format!("{client} disconnected"));
    let expected = [
        "\"anonymous\" MKD 257 \"/d\"",
        "\"anonymous\" MKD 257 \"/d/e\"",
        "\"anonymous\" RNTO 250 \"/d/e\" -> \"/g\"",
        "\"anonymous\" DELE 550 No such file or directory. \"/d/no\"",
        "\"anonymous\" DELE 250 \"/f\"",
        "\"anonymous\" SITE CHMOD 200 \"/g\"",
        "\"anonymous\" MFMT 213 \"/g\"",
        "\"anonymous\" MDTM 213 \"/g\"",
        "\"anonymous\" RMD 250 \"/g\"",
        "\"anonymous\" CWD 550 No such file or directory. \"/no\"",
        "\"anonymous\" SIZE 550 No such file or directory. \"/no\"",
    ];
    let lines = audited(&server, &client);
    let (plain, transfers) = lines.split_at(expected.len());
    assert_eq!(plain, expected);
    assert_eq!(transfers.len(), 2, "{transfers:?}");
    for (line, verb) in transfers.iter().zip(["STOR", "RETR"]) {
        let begins = line.starts_with(&format!("\"anonymous\" {verb} 226 (7 bytes, "));
        assert!(begins && line.ends_with(" s) \"/d/up\""), "{line}");
    }
    let records = records(&world, lines.len());
    assert_eq!(records.len(), lines.len());
    let rename = &records[2];
    assert_eq!(
        (&rename["verb"], &rename["path"]),
        (&"RNTO".into(), &"/d/e".into())
    );
    assert_eq!(
        (&rename["to"], &rename["code"]),
        (&"/g".into(), &250.into())
    );
    assert_eq!(records[3]["reason"], "No such file or directory.");
    assert_eq!(records[11]["bytes"], 7);
}

#[test]
fn transfer_that_a_second_signal_ends_is_recorded_without_a_reply() {
    let world = World::new();
    let server = started(&world, "");
    let mut control = server.login();
    let data = control.passive();
    control.command("STOR up", 150);
    let process = Pid::from_raw(server.process_id().try_into().unwrap()).unwrap();
    kill_process(process, Signal::TERM).unwrap();
    server.wait_for_log("Stopping");
    kill_process(process, Signal::TERM).unwrap();
    control.expect_end();
    drop(data);
    server.wait_for_log("STOR 426 Server is stopping; transfer aborted. (not sent) (0 bytes, ");
    assert_eq!(records(&world, 1)[0]["unsent"], true);
}

/// A record must not be older than the file that it reports.
#[test]
fn record_times_are_not_before_modification_times() {
    let world = World::new();
    let server = started(&world, "transfers-json = \"logs/transfers.json\"\n");
    let mut control = server.login();
    let mut written = Vec::new();
    // Continue into the next second, for which the server may have a stale clock.
    while written.first() == written.last() || written.len() < 2 {
        control.store("f", b"x");
        let reply = control.command("MDTM f", 213);
        written.push(reply.text().get(..14).unwrap().to_owned());
    }
    let records = records(&world, written.len());
    assert_eq!(records.len(), written.len());
    let transfers = until("the transfers", || {
        let text = fs::read_to_string(world.path("logs/transfers.json")).unwrap_or_default();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        let transfers: Vec<Value> = lines.collect();
        (transfers.len() >= written.len()).then_some(transfers)
    });
    for (written, records) in written.iter().zip(records.iter().zip(&transfers)) {
        for record in <[&Value; 2]>::from(records) {
            let time = record["time"].as_str().unwrap();
            let digits: String = time.chars().filter(char::is_ascii_digit).collect();
            assert!(digits >= *written, "{time} is before {written}");
        }
    }
}

/// A missing permission of the account concerns the client only: level INFO. A refusal by the system,
/// or a full quota, concerns the operator: level WARN.
#[test]
fn refusals_caused_by_the_system_are_warnings() {
    let world = World::new();
    fs::write(world.path("secret"), "right").unwrap();
    fs::create_dir(world.path("root/closed")).unwrap();
    fs::write(world.path("root/closed/f"), "x").unwrap();
    fs::set_permissions(world.path("root/closed"), Permissions::from_mode(0o555)).unwrap();
    fs::set_permissions(world.path("root"), Permissions::from_mode(0o777)).unwrap();
    let account = |name: &str, what: &str| {
        format!("[[account]]\nname = \"{name}\"\npassword-file = \"secret\"\n{what}\n")
    };
    let accounts = [
        account("reader", "permissions = \"read\""),
        account("writer", "permissions = \"all\"\nquota-bytes = \"1KiB\""),
    ];
    // Root ignores permissions, so a server started by root has to switch.
    let is_root = rustix::process::geteuid().is_root();
    let run_as = if is_root {
        "run-as = \"54321:54322\"\n"
    } else {
        ""
    };
    fs::create_dir(world.path("logs")).unwrap();
    fs::set_permissions(world.path("logs"), Permissions::from_mode(0o777)).unwrap();
    let server = world.start(&format!("{run_as}{AUDITED}{}", accounts.concat()));
    let mut reader = server.connect();
    reader.log_in("reader", "right");
    reader.command("DELE f", 550);
    reader.command("MKD x", 550);
    let mut writer = server.connect();
    writer.log_in("writer", "right");
    let data = writer.passive();
    writer.command("STOR big", 150);
    data.send(&[0; 10_000]);
    writer.expect(552);
    writer.command("DELE closed/f", 550);
    let expected = [
        ("INFO", "\"reader\" DELE 550 Permission denied. \"/f\""),
        ("INFO", "\"reader\" MKD 550 Permission denied. \"/x\""),
        ("WARN", "\"writer\" STOR 552 Quota exceeded. ("),
        (
            "WARN",
            "\"writer\" DELE 550 Permission denied. \"/closed/f\"",
        ),
    ];
    for (level, text) in expected {
        let line = server.wait_for_log(text);
        assert!(line.contains(&format!(" {level} ")), "{line}");
    }
    let path = world.path("root/closed");
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn refusals_are_rate_limited_and_changes_are_not() {
    let world = World::new();
    let server = started(&world, "");
    let mut control = server.login();
    let client = control.local().to_string();
    control.send_raw("DELE no\r\n".repeat(5000).as_bytes());
    control.send("MKD d");
    for _ in 0..5000 {
        control.expect(550);
    }
    control.expect(257);
    std::thread::sleep(Duration::from_millis(1500));
    control.command("DELE no", 550);
    control.command("QUIT", 221);
    server.wait_for_log(&format!("{client} disconnected"));
    let lines = audited(&server, &client);
    assert!(lines.iter().any(|line| line.ends_with("MKD 257 \"/d\"")));
    assert!((200..500).contains(&lines.len()), "{}", lines.len());
    let records = records(&world, lines.len());
    let single = records.len() - 1;
    let left_out = records
        .iter()
        .filter_map(|record| record["left_out"].as_u64());
    assert_eq!(left_out.sum::<u64>() + single as u64, 5001);
}
