//! `--check`: it reports what would fail at a start, and changes nothing.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use crate::config::world::{World, text};
use crate::support::{Server, free_ports, mioftpd, until};

/// The exit code and the messages.
fn check(world: &World) -> (i32, String) {
    let output = world.run(&["--check"]);
    (output.status.code().unwrap(), text(&output.stderr))
}

#[test]
fn valid_configuration_is_printed_and_exits_0() {
    let world = World::new();
    fs::write(world.path("secret"), "a secret\n").unwrap();
    fs::set_permissions(world.path("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    world.write(
        "[timings]\nidle = 90\n[[account]]\nname = \"ann\"\npassword-file = \"secret\"\n\
         permissions = \"all\"",
    );
    let output = world.run(&["--check"]);
    let (shown, message) = (text(&output.stdout), text(&output.stderr));
    assert_eq!((output.status.code(), message.as_str()), (Some(0), ""));
    for line in [
        "idle = \"90s\"",
        "login = \"1m\"",
        "name = \"ann\"",
        "workers = 2",
    ] {
        assert!(shown.contains(line), "no {line} in\n{shown}");
    }
    assert!(!shown.contains("a secret"), "{shown}");
}

#[test]
fn check_works_without_a_file() {
    let output = mioftpd(["--check", "--listen", "127.0.0.1:0"])
        .output()
        .unwrap();
    assert!(output.status.success());
    assert!(text(&output.stdout).contains("listen = [\"127.0.0.1:0\"]"));
}

#[test]
fn failing_start_is_reported_and_exits_1() {
    let world = World::new();
    fs::write(world.path("file"), "").unwrap();
    fs::write(world.path("secret"), "a secret").unwrap();
    for (text, message) in [
        ("directory = \"missing\"", "missing: No such file"),
        (
            "[[account]]\nname = \"carl\"\npassword-file = \"secret\"\ndirectory = \"missing\"",
            "missing (account.directory of \"carl\"): No such file",
        ),
        ("directory = \"file\"", "Not a directory"),
        (
            "listen = \"192.0.2.1:2121\"",
            "cannot listen at 192.0.2.1:2121",
        ),
        (
            "run-as = \"no-such-user\"",
            "cannot run as no-such-user (run-as): no user 'no-such-user'",
        ),
        ("run-as = \"0\"", "is root"),
        ("[log]\ntransfers = \"none/log\"", "cannot open the log"),
        ("[log]\ntransfers = \"root\"", "root: Is a directory"),
        (
            "[events]\ncommand = [\"/no/program\"]",
            "/no/program cannot be run: No such file",
        ),
        (
            "[[account]]\nname = \"ftp\"\ndirectory = \"none\"",
            "none (account.directory of \"ftp\"): No such file",
        ),
    ] {
        world.write(text);
        let (code, found) = check(&world);
        assert_eq!(code, 1, "{text}: {found}");
        assert!(found.contains(message), "{text}: {found}");
        // A start fails too.
        assert!(!world.run(&[]).status.success(), "{text}");
    }
}

#[test]
#[cfg(feature = "tls")]
fn unusable_certificate_exits_1() {
    let world = World::new();
    crate::config::tls::make_files(&world);
    let files = "[tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n";
    world.write(files);
    assert_eq!(check(&world), (0, String::new()));
    world.write(&format!("{files}client-authority = \"key.pem\""));
    assert_eq!(check(&world).0, 1);
    fs::copy(world.path("cert.pem"), world.path("kept.pem")).unwrap();
    crate::config::tls::make_files(&world);
    fs::rename(world.path("kept.pem"), world.path("cert.pem")).unwrap();
    world.write(files);
    let (code, message) = check(&world);
    assert!(code == 1 && message.contains(".pem"), "{code} {message}");
    fs::remove_file(world.path("key.pem")).unwrap();
    let (code, message) = check(&world);
    assert!(code == 1 && message.contains("key.pem"), "{code} {message}");
}

/// `openssl req -x509` creates such a certificate.
#[test]
#[cfg(feature = "tls")]
fn ca_certificate_is_a_note() {
    let world = World::new();
    let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    let made = params.self_signed(&key).unwrap();
    fs::write(world.path("both.pem"), made.pem() + &key.serialize_pem()).unwrap();
    fs::set_permissions(world.path("both.pem"), fs::Permissions::from_mode(0o600)).unwrap();
    world.write("[tls]\ncertificate = \"both.pem\"\nkey = \"both.pem\"\n");
    let (code, message) = check(&world);
    assert_eq!(code, 0, "{message}");
    assert!(
        message.contains("note: The certificate is a CA certificate (CA:TRUE)"),
        "{message}"
    );
}

#[test]
#[cfg(feature = "tls")]
fn check_creates_no_files() {
    let world = World::new();
    let text = "[tls]\nself-signed = true\nstate-directory = ";
    world.write(&format!("{text}\"state\""));
    assert_eq!(check(&world), (0, String::new()));
    assert!(!world.path("state").exists());
    world.write(&format!("{text}\"config.toml/state\""));
    let (code, message) = check(&world);
    assert!(
        code == 1 && message.contains("cannot keep a certificate"),
        "{code} {message}"
    );
}

#[test]
fn running_server_is_a_note_and_keeps_running() {
    let world = World::new();
    let server: Server = world.start("");
    let mut control = server.login();
    world.write(&format!("listen = \"{}\"", server.address()));
    let (code, message) = check(&world);
    let in_use = format!("config.toml:2:1: listen: {} is in use", server.address());
    assert!(message.contains("mioftpd: note: "), "{message}");
    assert!(code == 0 && message.contains(&in_use), "{code} {message}");
    control.command("NOOP", 200);
    server.login();
    // The same for a port of another program.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    world.write(&format!("listen = \"{}\"", listener.local_addr().unwrap()));
    assert_eq!(check(&world).0, 0);
    // An address that this host does not have.
    world.write("workers = 1\nlisten = \"192.0.2.1:2121\"");
    let (code, message) = check(&world);
    let cannot = "config.toml:3:1: cannot listen at 192.0.2.1:2121: ";
    assert!(code == 1 && message.contains(cannot), "{code} {message}");
}

#[test]
fn unavailable_default_data_port_is_a_note() {
    let world = World::new();
    let port = free_ports();
    let taken = TcpListener::bind(("127.0.0.8", port)).unwrap();
    let address = format!("127.0.0.8:{}", port + 1);
    let text = format!("listen = \"{address}\"\n[active]\nfrom-default-port");
    let note = format!(
        "note: active.from-default-port: port {port} cannot be bound: another program listens there"
    );
    world.write(&format!("{text} = true"));
    let (code, message) = check(&world);
    assert!(code == 0 && message.contains(&note), "{code} {message}");
    world.write(&format!("{text} = false"));
    assert_eq!(check(&world), (0, String::new()));
    drop(taken);
    world.write(&format!("{text} = true"));
    // A child process of a concurrent test inherits the socket until its `exec`.
    until("the port to be free", || {
        (check(&world) == (0, String::new())).then_some(())
    });
    // A privileged port.
    world.write("listen = \"127.0.0.8:1024\"\n[active]\nfrom-default-port = true");
    let (code, message) = check(&world);
    let note = "port 1023 cannot be bound: it needs a start as root";
    let first = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    let is_low = first.map_or(true, |first| first.trim() == "1024");
    let is_refused = is_low && !rustix::process::geteuid().is_root();
    assert!(
        code == 0 && message.contains(note) == is_refused,
        "{code} {message}"
    );
}

#[test]
fn directory_unreachable_for_run_as_user_is_a_note() {
    let world = World::new();
    let may = |place: &str, mode| {
        fs::set_permissions(world.path(place), fs::Permissions::from_mode(mode)).unwrap();
    };
    world.write("run-as = \"54321:54322\"");
    for (outer, inner, is_noted) in [
        (0o755, 0o777, false),
        (0o755, 0o755, true),
        (0o700, 0o777, true),
        (0o711, 0o707, false),
    ] {
        may("", outer);
        may("root", inner);
        let (code, message) = check(&world);
        let is_found = ["list", "write to"]
            .iter()
            .any(|what| message.contains(&format!("note: 54321:54322 cannot {what} ")));
        assert_eq!((code, is_found), (0, is_noted), "{message}");
    }
}

#[test]
fn unwritable_directory_is_a_note() {
    if rustix::process::geteuid().is_root() {
        return eprintln!("skipped: root can write everywhere");
    }
    let world = World::new();
    let root = world.path("root");
    fs::set_permissions(&root, fs::Permissions::from_mode(0o555)).unwrap();
    world.write("");
    let (code, message) = check(&world);
    assert!(
        code == 0 && message.contains("note: this user cannot"),
        "{code} {message}"
    );
}
