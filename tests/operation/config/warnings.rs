//! Warnings about a valid configuration: `--check` prints a note, a start and a reload log the same text.
//! An explicit key suppresses the warning.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use crate::config::reloading::{READ, change};
use crate::config::world::{World, text};
use crate::support::{Server, mioftpd};

/// An account with a password file, and a listen address that is not loopback.
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

/// The notes of `--check` for a valid configuration.
fn notes_of(world: &World, configuration: &str) -> String {
    world.write(configuration);
    let output = world.run(&["--check"]);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{configuration}: {message}");
    message
}

#[test]
fn clear_text_passwords_are_warned_of_unless_loopback() {
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
        // An explicit "none" suppresses the warning.
        (format!("{EVERYWHERE}{ANN}[tls]\nrequire = \"none\""), false),
    ] {
        let message = notes_of(&world, &configuration);
        let note = "note: Passwords go in the clear: there is no TLS. Set tls.certificate or ";
        assert_eq!(
            message.contains(note),
            is_warned,
            "{configuration}: {message}"
        );
        assert_eq!(message.is_empty(), !is_warned, "{configuration}: {message}");
    }
}

#[test]
#[cfg(feature = "tls")]
fn optional_tls_is_warned_of() {
    let world = world();
    let tls = |more: &str| format!("{EVERYWHERE}{ANN}[tls]\nself-signed = true\n{more}");
    let may = "note: Passwords may go in the clear: set tls.require (--tls-require) to \"login\"";
    assert!(notes_of(&world, &tls("")).starts_with(&format!("mioftpd: {may}")));
    for decided in ["none", "login", "control", "data"] {
        assert_eq!(
            notes_of(&world, &tls(&format!("require = {decided:?}"))),
            ""
        );
    }
    // With implicit TLS only, no password is in clear text.
    let implicit = tls("listen = \"0.0.0.0:0\"").replace("\"0.0.0.0:0\"\n[[", "[]\n[[");
    assert_eq!(notes_of(&world, &implicit), "");
}

/// The first command of the README.
#[test]
fn anonymous_only_server_has_no_warning() {
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
fn missing_directory_is_noted_and_logged() {
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
    assert!(!notes_of(&world, "").contains(UNSERVED));
}

#[test]
fn warnings_apply_to_options_too() {
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

/// Whether other users can reach the directory: a private temporary directory prevents it.
fn is_public(world: &World) -> bool {
    let mut above = world.path("root");
    let mut may = true;
    while above.pop() {
        may &= fs::metadata(&above).unwrap().mode() & 0o1 != 0;
    }
    may
}

#[test]
fn world_readable_password_file_is_warned_of() {
    let world = world();
    allow(&world, "", 0o755);
    if !is_public(&world) {
        return eprintln!("skipped: temporary files are private here");
    }
    let message = "note: Every user of this host can read the password file ";
    for (directory, file, is_warned) in [
        (0o755, 0o604, true),
        (0o711, 0o644, true),
        (0o755, 0o640, false),
        (0o700, 0o644, false),
    ] {
        allow(&world, "", directory);
        allow(&world, "secret", file);
        let notes = notes_of(&world, ANN);
        assert_eq!(notes.contains(message), is_warned, "{notes}");
        assert_eq!(
            notes.contains("/secret; chmod o-r it"),
            is_warned,
            "{notes}"
        );
    }
}

#[test]
#[cfg(feature = "hashed-passwords")]
fn world_readable_configuration_with_hashes_is_warned_of() {
    let world = World::new();
    allow(&world, "", 0o755);
    if !is_public(&world) {
        return eprintln!("skipped: temporary files are private here");
    }
    let hash = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";
    let with_hash = format!("[[account]]\nname = \"ann\"\npassword = \"{hash}\"");
    let message = "can read the configuration with the hashes of passwords ";
    assert!(notes_of(&world, &with_hash).contains(message));
    assert_eq!(notes_of(&world, ""), "");
}

#[test]
#[cfg(feature = "tls")]
fn world_readable_private_key_is_warned_of_at_reload() {
    let world = World::new();
    allow(&world, "", 0o755);
    if !is_public(&world) {
        return eprintln!("skipped: temporary files are private here");
    }
    crate::config::tls::make_files(&world);
    let files = "[tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n";
    let message = "Every user of this host can read the private key ";
    allow(&world, "key.pem", 0o600);
    assert_eq!(notes_of(&world, files), "");
    let server = world.start(files);
    assert!(!server.log().contains(message));
    allow(&world, "key.pem", 0o644);
    assert!(notes_of(&world, files).contains(message));
    change(&world, &server, files, READ);
    let line = server.wait_for_log(message);
    assert!(line.contains("WARN"), "{line}");
    world.start(files).wait_for_log(message);
}

#[test]
fn files_unreadable_after_run_as_are_warned_of() {
    let world = World::new();
    for place in ["", "root"] {
        allow(&world, place, 0o777);
    }
    if !is_public(&world) {
        return eprintln!("skipped: temporary files are private here");
    }
    let text = "run-as = \"54321:54322\"\n";
    let message = "54321:54322 cannot open ";
    assert!(!notes_of(&world, text).contains(message));
    fs::write(world.path("secret"), "a secret\n").unwrap();
    allow(&world, "secret", 0o600);
    fs::write(world.path("log"), "").unwrap();
    allow(&world, "log", 0o644);
    let notes = notes_of(&world, &format!("{text}[log]\ntransfers = \"log\"\n{ANN}"));
    let line = notes.lines().find(|line| line.contains(message)).unwrap();
    assert!(
        line.contains("/log, ") && line.contains("/secret again"),
        "{line}"
    );
    assert!(
        line.ends_with("chown or chmod it, or restart instead"),
        "{line}"
    );
}

/// logrotate(8) renames logs, and a reload creates them again.
#[test]
fn log_directory_unwritable_after_run_as_is_warned_of() {
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
        let message = "54321:54322 cannot create files in ";
        for is_there in [false, true] {
            allow(&world, "logs", 0o755);
            let notes = notes_of(&world, &configuration);
            let line = notes.lines().find(|line| line.contains(message));
            let line = line.unwrap_or_default();
            assert!(line.contains("/logs, so SIGHUP cannot open /"), "{notes}");
            assert!(
                line.contains(&format!("/logs/{key} again after a rename")),
                "{notes}"
            );
            allow(&world, "logs", 0o733);
            let notes = notes_of(&world, &configuration);
            assert!(!notes.contains(message), "{notes}");
            if !is_there {
                fs::write(world.path(format!("logs/{key}")), "").unwrap();
                allow(&world, &format!("logs/{key}"), 0o666);
            }
        }
    }
    // A device is not rotated.
    let device = format!("{run_as}[log]\ntransfers = \"/dev/null\"\n");
    assert!(!notes_of(&world, &device).contains("cannot create files"));
}

/// The start changes the owner of the files that it creates.
#[test]
#[cfg(feature = "tls")]
fn files_created_at_start_are_reopened_after_run_as() {
    let world = World::new();
    for place in ["", "root"] {
        allow(&world, place, 0o777);
    }
    if !rustix::process::geteuid().is_root() {
        return eprintln!("skipped: only root can switch to another user");
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
fn unwritable_upload_directory_is_warned_of() {
    let world = World::new();
    allow(&world, "", 0o755);
    if !is_public(&world) {
        return eprintln!("skipped: temporary files are private here");
    }
    let text = "run-as = \"54321:54322\"\n";
    let message = "note: 54321:54322 cannot write to ";
    let read_only = "[[account]]\nname = \"anonymous\"\npermissions = \"read\"\n";
    allow(&world, "root", 0o755);
    assert!(notes_of(&world, text).contains(message));
    assert!(!notes_of(&world, &format!("{text}{read_only}")).contains(message));
    // A writable subdirectory is enough.
    fs::create_dir(world.path("root/incoming")).unwrap();
    allow(&world, "root/incoming", 0o777);
    assert!(!notes_of(&world, text).contains(message));
    // The directory above that is in the way is named.
    allow(&world, "", 0o700);
    let notes = notes_of(&world, text);
    let above = format!(
        "it may not pass through {}; chmod a+x",
        canonical(&world).display()
    );
    assert!(notes.contains(&above), "{notes}");
}

fn canonical(world: &World) -> std::path::PathBuf {
    fs::canonicalize(world.path("")).unwrap()
}

#[test]
fn start_logs_the_warnings_of_check() {
    let world = world();
    let server = world.start(&format!("listen = \"0.0.0.0:0\"\n{ANN}"));
    let line = server.wait_for_log("Passwords go in the clear: there is no TLS. ");
    assert!(line.contains("WARN"), "{line}");
    assert_eq!(server.log().matches("in the clear").count(), 1);
}
