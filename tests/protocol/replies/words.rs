//! The text of each refusal, and its interpretation by client programs.
//!
//! Every row is a session of its own: commands that succeed, then one that is refused.

use std::fs;

use super::readers::Meaning::{self, *};
use crate::support::{Server, Starter, epsv_port};

/// The commands, of which the last is refused; the refusal; its meaning.
type Row = (&'static [&'static str], &'static str, Meaning);

/// Refusals with all permissions. `f` is a file, `d` an empty directory, `full` a directory with a file.
const REFUSED: &[Row] = &[
    (&["MKD d"], "550 Directory already exists", AlreadyExists),
    (
        &["MKD full/"],
        "550 Directory already exists",
        AlreadyExists,
    ),
    (&["MKD /"], "550 Directory already exists", AlreadyExists),
    (&["MKD link"], "550 Directory already exists", AlreadyExists),
    (&["MKD f"], "550 File already exists.", Never),
    (&["MKD dangling"], "550 File already exists.", Never),
    (&["MKD no/x"], NO_SUCH, NoFile),
    (&["MKD f/x"], "550 Not a directory.", Never),
    (&["RETR no"], NO_SUCH, NoFile),
    (&["RETR no/x"], NO_SUCH, NoFile),
    (&["RETR f/x"], NO_SUCH, NoFile),
    (&["RETR d"], NO_FILE, NoFile),
    (&["RETR /"], NO_FILE, NoFile),
    (&["REST 1", "RETR no"], NO_SUCH, NoFile),
    (
        &["REST 99", "RETR f"],
        "554 REST is beyond the end of the file.",
        Never,
    ),
    (&["STOR no/x"], NO_SUCH, NoFile),
    (&["STOR d"], NO_FILE, NoFile),
    (&["STOR f/x"], "550 Not a directory.", Never),
    (&["REST 1", "STOR no"], NO_SUCH, NoFile),
    (&["APPE d"], NO_FILE, NoFile),
    (&["APPE no/x"], NO_SUCH, NoFile),
    (&["STOU no/x"], NO_SUCH, NoFile),
    (&["LIST no"], NO_SUCH, NoFile),
    (&["LIST -la no"], NO_SUCH, NoFile),
    (&["NLST no"], NO_SUCH, NoFile),
    (&["MLSD no"], NO_SUCH, NoFile),
    (&["STAT no"], NO_SUCH, NoFile),
    (&["SIZE no"], NO_SUCH, NoFile),
    (&["SIZE d"], NO_FILE, NoFile),
    (&["TYPE A", "SIZE no"], NO_SUCH, NoFile),
    (&["TYPE A", "SIZE d"], NO_FILE, NoFile),
    (
        &["TYPE A", "SIZE large"],
        "550 SIZE not allowed in ASCII mode for a file so large.",
        UseBinary,
    ),
    (&["MDTM no"], NO_SUCH, NoFile),
    (&["MLST no"], NO_SUCH, NoFile),
    (&["MFMT 20200101000000 no"], NO_SUCH, NoFile),
    (&["MFF UNIX.mode=644; no"], NO_SUCH, NoFile),
    (&["SITE CHMOD 644 no"], NO_SUCH, NoFile),
    (&["SITE UTIME 20200101000000 no"], NO_SUCH, NoFile),
    (&["DSIZ no"], NO_SUCH, NoFile),
    (&["CWD no"], NO_SUCH, NoFile),
    (&["CWD f"], "550 Not a directory.", Never),
    (&["DELE no"], NO_SUCH, NoFile),
    (&["DELE d"], "550 Is a directory.", Never),
    (&["RMD no"], NO_SUCH, NoFile),
    (&["RMD f"], "550 Not a directory.", Never),
    (&["RMD full"], "550 Directory not empty.", Never),
    (&["RMD /"], "550 Permission denied.", Never),
    (&["RNFR no"], NO_SUCH, NoFile),
    (&["RNFR f", "RNTO no/x"], NO_SUCH, NoFile),
    (
        &["RNFR f", "RNTO d"],
        "553 File already exists, and is not replaced.",
        Never,
    ),
    (
        &["SITE CHMOD 4755 f"],
        "504 Only modes up to 0777 can be set.",
        Declined,
    ),
    (
        &["MFF UNIX.mode=4755; f"],
        "504 Only Modify, and UNIX.mode up to 0777, can be set.",
        Declined,
    ),
    (&["SITE NONSENSE"], "500 Unknown SITE command.", Unknown),
    (
        &["NONSENSE"],
        "500 Syntax error, command unrecognized.",
        Unknown,
    ),
    (&["SMNT x"], "502 Command not implemented.", Unknown),
];

const NO_SUCH: &str = "550 No such file or directory.";
const NO_FILE: &str = "550 Not a regular file.";

/// Commands that a read-only server refuses.
const READ_ONLY: &[&str] = &[
    "STOR f",
    "STOR new",
    "APPE f",
    "STOU",
    "DELE f",
    "MKD new",
    "MKD d",
    "RMD d",
    "RNFR f",
    "MFMT 20200101000000 f",
    "SITE CHMOD 644 f",
];

/// Sends the commands, and returns the reply to the last.
fn refusal(server: &Server, commands: &[&str]) -> String {
    let mut control = server.login();
    epsv_port(&mut control);
    let (last, before) = commands.split_last().unwrap();
    for line in before {
        control.send(line);
        control.expect_one_of(&[200, 250, 350]);
    }
    control.send(last);
    let reply = control.reply();
    assert_eq!(reply.lines.len(), 1, "{reply:?}");
    reply.lines.concat()
}

fn check(server: &Server, (commands, expected, meaning): Row) -> Vec<String> {
    let line = refusal(server, commands);
    let readers = meaning.readers().iter();
    let wrong = readers.filter(|(_, interprets)| !interprets(&line));
    let mut faults: Vec<_> = wrong
        .map(|(reader, _)| {
            format!("{commands:?}: {reader} does not interpret {line:?} as {meaning:?}")
        })
        .collect();
    if line != expected {
        faults.push(format!("{commands:?}: {line:?} instead of {expected:?}"));
    }
    faults
}

fn fill(root: &std::path::Path) {
    fs::create_dir(root.join("d")).unwrap();
    fs::create_dir(root.join("full")).unwrap();
    fs::write(root.join("full/x"), "x").unwrap();
    fs::write(root.join("f"), "content").unwrap();
    let large = fs::File::create(root.join("large")).unwrap();
    large.set_len(1 << 30).unwrap();
    std::os::unix::fs::symlink("d", root.join("link")).unwrap();
    std::os::unix::fs::symlink("nowhere", root.join("dangling")).unwrap();
}

#[test]
fn refusals_are_understood_by_clients() {
    let server = Server::writable(fill);
    let faults: Vec<_> = REFUSED
        .iter()
        .flat_map(|row| check(&server, *row))
        .collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn denied_is_distinguished_from_not_found() {
    let server = Server::read_only(fill);
    let rows = READ_ONLY.iter().map(std::slice::from_ref);
    let faults: Vec<_> = rows
        .flat_map(|line| check(&server, (line, "550 Permission denied.", Never)))
        .collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn wrong_password_is_distinguished_from_busy() {
    let server = Starter::default()
        .argument("--user")
        .argument("ann")
        .variable("MIOFTPD_PASSWORD", "secret")
        .serving(|_| {})
        .start();
    let mut control = server.connect();
    control.command("USER ann", 331);
    let reply = control.command("PASS wrong", 530);
    for (reader, interprets) in WrongLogin.readers() {
        assert!(interprets(&reply.lines[0]), "{reader}: {reply:?}");
    }
}

#[test]
fn missing_data_connection_is_retriable() {
    let server = Server::read_only(fill);
    let mut control = server.login();
    let reply = control.command("RETR f", 425);
    for (reader, interprets) in Transient.readers() {
        assert!(interprets(&reply.lines[0]), "{reader}: {reply:?}");
    }
}

#[test]
#[cfg(feature = "tls")]
fn clear_transfer_is_522() {
    use crate::support::{Control, tls::TlsClient};

    let server = Starter::default()
        .argument("--writable")
        .argument("--tls-self-signed")
        .argument("--tls-require")
        .argument("data")
        .serving(fill)
        .start();
    let mut control = Control::secured(server.address(), &TlsClient::new());
    control.log_in("anonymous", "x");
    for command in ["RETR f", "STOR new", "LIST"] {
        epsv_port(&mut control);
        let reply = control.command(command, 522);
        for (reader, interprets) in Protect.readers() {
            assert!(interprets(&reply.lines[0]), "{reader}: {reply:?}");
        }
    }
}
