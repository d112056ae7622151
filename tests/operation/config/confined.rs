//! Reloads inside the sandbox: renewed files are read, and paths outside the sandbox are logged.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use rustix::process::geteuid;

use crate::config::reloading::{READ, change};
use crate::config::world::World;
use crate::support::until;

#[test]
fn paths_outside_the_sandbox_are_logged_at_reload() {
    let world = World::new();
    let anonymous = |more: &str| format!("[[account]]\nname = \"anonymous\"\n{more}");
    let server = world.start(&anonymous("permissions = \"read\""));
    change(&world, &server, &anonymous("permissions = \"all\""), READ);
    let message = server.wait_for_log("Until the next start nothing in ");
    assert!(
        message.contains("root can be changed: the sandbox was set up without it"),
        "{message}"
    );
    let other = tempfile::tempdir().unwrap();
    let directory = format!("directory = \"{}\"", other.path().display());
    change(&world, &server, &anonymous(&directory), READ);
    server.wait_for_log(&format!("{} cannot be read", other.path().display()));
}

/// The directory of the configuration file is readable, so that a reload finds a renamed file; so are its
/// subdirectories, with absolute and relative paths.
#[test]
fn directory_beside_the_file_is_readable_and_not_writable() {
    for is_relative in [false, true] {
        let world = World::new();
        fs::create_dir(world.path("newdir")).unwrap();
        fs::write(world.path("newdir/new"), "content").unwrap();
        let anonymous =
            |more: &str| format!("[[account]]\nname = \"anonymous\"\npermissions = {more}\n");
        let first = anonymous("\"read\"");
        let server = if is_relative {
            world.start_beside(&first)
        } else {
            world.start(&first)
        };
        let more = anonymous("\"read\"\ndirectory = \"newdir\"");
        change(&world, &server, &more, READ);
        assert!(
            !server.log().contains("Until the next start"),
            "{}",
            server.log()
        );
        server.login().retrieve("new");
        let more = anonymous("\"all\"\ndirectory = \"newdir\"");
        change(&world, &server, &more, READ);
        let message = server.wait_for_log("Until the next start nothing in ");
        assert!(message.contains("newdir can be changed: "), "{message}");
        assert!(!server.log().contains("cannot be read"), "{}", server.log());
    }
}

/// As with certbot: a renewal replaces symbolic links to files in another directory.
#[cfg(feature = "tls")]
#[test]
fn renewed_certificate_is_read_through_symlinks() {
    use std::os::unix::fs::symlink;

    use crate::config::secure::Secure;

    let world = World::new();
    let (live, archive) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let renew = |number: u32| {
        let certificate = crate::config::tls::make_files(&world);
        for name in ["cert", "key"] {
            let file = archive.path().join(format!("{name}{number}.pem"));
            fs::rename(world.path(format!("{name}.pem")), &file).unwrap();
            symlink(file, live.path().join("new")).unwrap();
            let link = live.path().join(format!("{name}.pem"));
            fs::rename(live.path().join("new"), link).unwrap();
        }
        certificate
    };
    let text = format!(
        "[tls]\ncertificate = \"{0}/cert.pem\"\nkey = \"{0}/key.pem\"",
        live.path().display()
    );
    let first = renew(1);
    let server = world.start(&text);
    assert_eq!(Secure::auth(&server, None).certificate(), first);
    let second = renew(2);
    change(&world, &server, &text, "The certificate was read again");
    assert_eq!(Secure::auth(&server, None).certificate(), second);
}

#[test]
fn log_created_as_root_is_reopened_as_run_as_user() {
    if !geteuid().is_root() {
        return eprintln!("skipped: only root can switch to another user");
    }
    let world = World::new();
    for place in ["", "root"] {
        fs::set_permissions(world.path(place), fs::Permissions::from_mode(0o777)).unwrap();
    }
    let text = "run-as = \"54321:54322\"\n[log]\ntransfers = \"xferlog\"\n";
    let server = world.start(text);
    server.login().retrieve("f");
    change(&world, &server, text, READ);
    server.login().store("new", b"content");
    until("the log", || {
        let log = fs::read_to_string(world.path("xferlog")).unwrap();
        (log.lines().count() == 2).then_some(())
    });
    assert!(!server.log().contains("ERROR"), "{}", server.log());
}
