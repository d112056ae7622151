//! What works and is not as it should be: `--check` notes it, a start and a reload warn of it in the
//! same words, and what is meant is not warned of.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use crate::reloading::{READ, change};
use crate::support::{Server, mioftpd};
use crate::world::{World, text};

/// An account with a password in a file, and an address where others than this host may connect.
const ANN: &str =
    "[[account]]\nname = \"ann\"\npermissions = \"all\"\npassword-file = \"secret\"\n";
const EVERYWHERE: &str = "listen = \"0.0.0.0:0\"\n";

fn world() -> World {
    let world = World::new();
    fs::write(world.path("secret"), "a secret\n").unwrap();
    allow(&world, "secret", 0o600);
    world
}

fn allow(world: &World, name: &str, mode: u32) {
    fs::set_permissions(world.path(name), Permissions::from_mode(mode)).unwrap();
}

/// What `--check` says of this configuration, which is good.
fn noted(world: &World, configuration: &str) -> String {
    world.write(configuration);
    let output = world.run(&["--check"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{configuration}: {said}");
    said
}

#[test]
fn passwords_in_the_clear_are_warned_of_where_others_can_listen_in() {
    let world = world();
    for (configuration, is_warned) in [
        (format!("{EVERYWHERE}{ANN}"), true),
        (
            format!("listen = [\"127.0.0.1:0\", \"0.0.0.0:0\"]\n{ANN}"),
            true,
        ),
        (
            format!("{EVERYWHERE}{ANN}enabled = false\n[[account]]\nname = \"anonymous\""),
            false,
        ),
        (
            format!("listen = [\"127.0.0.1:0\", \"127.0.0.2:0\"]\n{ANN}"),
            false,
        ),
        (EVERYWHERE.to_owned(), false),
        // It is said that this is meant.
        (format!("{EVERYWHERE}{ANN}[tls]\nrequire = \"none\""), false),
    ] {
        let said = noted(&world, &configuration);
        let note = "note: Passwords go in the clear: there is no TLS. Set tls.certificate or ";
        assert_eq!(said.contains(note), is_warned, "{configuration}: {said}");
        assert_eq!(said.is_empty(), !is_warned, "{configuration}: {said}");
    }
}

#[test]
#[cfg(feature = "tls")]
fn tls_that_is_not_required_is_warned_of() {
    let world = world();
    let tls = |more: &str| format!("{EVERYWHERE}{ANN}[tls]\nself-signed = true\n{more}");
    let may = "note: Passwords may go in the clear: set tls.require (--tls-require) to \"login\"";
    assert!(noted(&world, &tls("")).starts_with(&format!("mioftpd: {may}")));
    for decided in ["none", "login", "control", "data"] {
        assert_eq!(noted(&world, &tls(&format!("require = {decided:?}"))), "");
    }
    // Where TLS begins at once nothing is in the clear.
    let implicit = tls("listen = \"0.0.0.0:0\"").replace("\"0.0.0.0:0\"\n[[", "[]\n[[");
    assert_eq!(noted(&world, &implicit), "");
}

/// It is the first that the README shows.
#[test]
fn a_directory_for_anonymous_clients_is_no_reason_to_warn() {
    let world = World::new();
    let root = world.path("root").display().to_string();
    for more in [&[][..], &["--writable"]] {
        let arguments = [&["--check", "--listen", "0.0.0.0:0", &root], more].concat();
        let output = mioftpd(arguments).output().unwrap();
        assert_eq!(text(&output.stderr), "");
    }
}

const UNSERVED: &str = "No directory is set: nothing is served, only the control channel answers";

#[test]
fn a_server_without_a_directory_says_so() {
    let world = World::new();
    fs::write(world.path("empty"), "").unwrap();
    let empty = world.path("empty").display().to_string();
    let by_file = ["--config", &empty];
    for arguments in [&["--listen", "127.0.0.1:0"][..], &by_file] {
        let output = mioftpd([&["--check"], arguments].concat())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let notes = text(&output.stderr);
        let notes = notes.lines().filter(|line| line.contains("directory"));
        assert_eq!(
            notes.collect::<Vec<_>>(),
            [format!("mioftpd: note: {UNSERVED}")]
        );
    }
    let server = Server::control_only();
    let line = server.wait_for_log(UNSERVED);
    assert!(line.contains("INFO"), "{line}");
    let server = world.start("");
    server.wait_for_log("Sandbox: ");
    assert!(!server.log().contains(UNSERVED), "{}", server.log());
    assert!(!noted(&world, "").contains(UNSERVED));
}

#[test]
fn options_are_warned_of_and_decide_too() {
    let world = world();
    let (root, secret) = (world.path("root"), world.path("secret"));
    let (root, secret) = (root.to_str().unwrap(), secret.to_str().unwrap());
    let check = |more: &[&str]| {
        let own = [
            "--check",
            "-l",
            "0.0.0.0:0",
            "-u",
            "ann",
            "--password-file",
            secret,
            root,
        ];
        let output = mioftpd([&own, more].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        text(&output.stderr)
    };
    assert!(check(&[]).contains("note: Passwords go in the clear"));
    assert_eq!(check(&["--tls-require", "none"]), "");
}

/// Whether every user can reach what is in there: where temporary files are private they cannot.
fn is_public(world: &World) -> bool {
    let mut above = world.path("root");
    let mut may = true;
    while above.pop() {
        may &= fs::metadata(&above).unwrap().mode() & 0o1 != 0;
    }
    may
}

#[test]
fn secrets_that_others_can_read_are_warned_of() {
    let world = world();
    allow(&world, "", 0o755);
    if !is_public(&world) {
        return eprintln!("skipped: temporary files are private here");
    }
    let said = "note: Every user of this host can read the password file ";
    for (directory, file, is_warned) in [
        (0o755, 0o604, true),
        (0o711, 0o644, true),
        (0o755, 0o640, false),
        (0o700, 0o644, false),
    ] {
        allow(&world, "", directory);
        allow(&world, "secret", file);
        let noted = noted(&world, ANN);
        assert_eq!(noted.contains(said), is_warned, "{noted}");
        assert_eq!(
            noted.contains("/secret; chmod o-r it"),
            is_warned,
            "{noted}"
        );
    }
}

#[test]
#[cfg(feature = "hashed-passwords")]
fn a_configuration_with_hashes_is_a_secret_too() {
    let world = World::new();
    allow(&world, "", 0o755);
    if !is_public(&world) {
        return eprintln!("skipped: temporary files are private here");
    }
    let hash = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";
    let with_hash = format!("[[account]]\nname = \"ann\"\npassword = \"{hash}\"");
    let said = "can read the configuration with the hashes of passwords ";
    assert!(noted(&world, &with_hash).contains(said));
    assert_eq!(noted(&world, ""), "");
}

#[test]
#[cfg(feature = "tls")]
fn a_key_that_others_can_read_is_warned_of_at_every_reload() {
    let world = World::new();
    allow(&world, "", 0o755);
    if !is_public(&world) {
        return eprintln!("skipped: temporary files are private here");
    }
    crate::tls::make_files(&world);
    let files = "[tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n";
    let said = "Every user of this host can read the private key ";
    allow(&world, "key.pem", 0o600);
    assert_eq!(noted(&world, files), "");
    let server = world.start(files);
    assert!(!server.log().contains(said));
    allow(&world, "key.pem", 0o644);
    assert!(noted(&world, files).contains(said));
    change(&world, &server, files, READ);
    let line = server.wait_for_log(said);
    assert!(line.contains("WARN"), "{line}");
    world.start(files).wait_for_log(said);
}

#[test]
fn what_a_reload_cannot_read_as_another_user_is_warned_of() {
    let world = World::new();
    for place in ["", "root"] {
        allow(&world, place, 0o777);
    }
    if !is_public(&world) {
        return eprintln!("skipped: temporary files are private here");
    }
    let text = "run-as = \"54321:54322\"\n";
    let said = "54321:54322 cannot open ";
    assert!(!noted(&world, text).contains(said));
    fs::write(world.path("secret"), "a secret\n").unwrap();
    allow(&world, "secret", 0o600);
    fs::write(world.path("log"), "").unwrap();
    allow(&world, "log", 0o644);
    let noted = noted(&world, &format!("{text}[log]\ntransfers = \"log\"\n{ANN}"));
    let line = noted.lines().find(|line| line.contains(said)).unwrap();
    assert!(
        line.contains("/log, ") && line.contains("/secret again"),
        "{line}"
    );
    assert!(
        line.ends_with("chown or chmod it, or restart instead"),
        "{line}"
    );
}

/// logrotate(8) renames them, and a reload makes them anew.
#[test]
fn a_log_whose_directory_is_closed_to_another_user_is_warned_of() {
    let world = World::new();
    for place in ["", "root"] {
        allow(&world, place, 0o777);
    }
    if !is_public(&world) {
        return eprintln!("skipped: temporary files are private here");
    }
    fs::create_dir(world.path("logs")).unwrap();
    let run_as = "run-as = \"54321:54322\"\n";
    for key in ["transfers", "transfers-json", "audit-json"] {
        let configuration = format!("{run_as}[log]\n{key} = \"logs/{key}\"\n");
        let said = "54321:54322 cannot create files in ";
        for is_there in [false, true] {
            allow(&world, "logs", 0o755);
            let noted = noted(&world, &configuration);
            let line = noted.lines().find(|line| line.contains(said));
            let line = line.unwrap_or_default();
            assert!(line.contains("/logs, so SIGHUP cannot open /"), "{noted}");
            assert!(
                line.contains(&format!("/logs/{key} again after a rename")),
                "{noted}"
            );
            allow(&world, "logs", 0o733);
            let noted = self::noted(&world, &configuration);
            assert!(!noted.contains(said), "{noted}");
            if !is_there {
                fs::write(world.path(format!("logs/{key}")), "").unwrap();
                allow(&world, &format!("logs/{key}"), 0o666);
            }
        }
    }
    // A device is not renamed.
    let device = format!("{run_as}[log]\ntransfers = \"/dev/null\"\n");
    assert!(!noted(&world, &device).contains("cannot create files"));
}

/// What is made at the start becomes that user's.
#[test]
#[cfg(feature = "tls")]
fn what_a_start_makes_can_be_opened_again() {
    let world = World::new();
    for place in ["", "root"] {
        allow(&world, place, 0o777);
    }
    if !rustix::process::geteuid().is_root() {
        return eprintln!("skipped: only root can become somebody else");
    }
    let text = "run-as = \"54321:54322\"\n[log]\ntransfers = \"log\"\n[tls]\nself-signed = true\n\
                state-directory = \"state\"\n";
    for _ in 0..2 {
        let server = world.start(text);
        server.wait_for_log("Sandbox: ");
        assert!(!server.log().contains("cannot open"), "{}", server.log());
        change(&world, &server, text, READ);
        assert!(!server.log().contains("ERROR"), "{}", server.log());
    }
}

#[test]
fn a_directory_in_which_nothing_can_be_written_is_warned_of() {
    let world = World::new();
    allow(&world, "", 0o755);
    if !is_public(&world) {
        return eprintln!("skipped: temporary files are private here");
    }
    let text = "run-as = \"54321:54322\"\n";
    let said = "note: 54321:54322 cannot write to ";
    let read_only = "[[account]]\nname = \"anonymous\"\npermissions = \"read\"\n";
    allow(&world, "root", 0o755);
    assert!(noted(&world, text).contains(said));
    assert!(!noted(&world, &format!("{text}{read_only}")).contains(said));
    // Only what is below is for uploads.
    fs::create_dir(world.path("root/incoming")).unwrap();
    allow(&world, "root/incoming", 0o777);
    assert!(!noted(&world, text).contains(said));
}

#[test]
fn a_start_warns_as_a_check_does() {
    let world = world();
    let server = world.start(&format!("listen = \"0.0.0.0:0\"\n{ANN}"));
    let line = server.wait_for_log("Passwords go in the clear: there is no TLS. ");
    assert!(line.contains("WARN"), "{line}");
    assert_eq!(server.log().matches("in the clear").count(), 1);
}
