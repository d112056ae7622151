//! Options override the file, and the file overrides the defaults; exit codes for an invalid or missing
//! file.

use std::fs;

use crate::config::world::{World, text};
use crate::support::{Starter, mioftpd};

/// The effective settings, as printed by `--check`.
fn effective(world: &World, arguments: &[&str]) -> String {
    let output = world.run(&[&["--check"], arguments].concat());
    text(&output.stdout)
}

#[test]
fn options_override_the_file() {
    let world = World::new();
    fs::write(world.path("secret"), "a secret\n").unwrap();
    fs::create_dir(world.path("other")).unwrap();
    world.write(
        "workers = 3\ntime-zone = \"+01:00\"\numask = \"077\"\nrun-as = \"1:1\"\n\
         [log]\nlevel = \"warn\"\n[passive]\nports = \"5000-5001\"\naddress = \"203.0.113.7\"\n",
    );
    let secret = world.path("secret");
    let other = world.path("other");
    let secret = secret.to_str().unwrap();
    for (arguments, line) in [
        (&[][..], "workers = 3"),
        (&["--workers", "5"], "workers = 5"),
        (&["--busy-poll", "50us"], "busy-poll = \"50us\""),
        (&["--busy-poll", "1s"], "busy-poll = \"1s\""),
        (&["--time-zone", "+02:00"], "time-zone = \"+02:00\""),
        (&["--umask", "027"], "umask = \"027\""),
        (&["--run-as", "2:2"], "run-as = \"2:2\""),
        (&["--no-sandbox"], "sandbox = false"),
        (&["--log", "debug"], "level = \"debug\""),
        (&["--passive-ports", "6000-6001"], "ports = \"6000-6001\""),
        (
            &["--passive-address", "192.0.2.1"],
            "address = \"192.0.2.1\"",
        ),
        (&["--listen", "127.0.0.9:0"], "listen = [\"127.0.0.9:0\"]"),
        (&["--allow-combine"], "allow-combine = true"),
        (&["-u", "bob", "--password-file", secret], "name = \"bob\""),
        (
            &["-u", "bob", "--password-file", secret, "--allow-fxp"],
            "allow-fxp = true",
        ),
        (
            &["-u", "bob", "--password-file", secret],
            "allow-fxp = false",
        ),
        (&["--anonymous"], "permissions = \"list retrieve\""),
        (&["--writable"], "permissions = \"list retrieve create"),
        (&[other.to_str().unwrap()], "/other\""),
    ] {
        let shown = effective(&world, arguments);
        assert!(shown.contains(line), "{arguments:?}: no {line} in\n{shown}");
    }
    assert!(!effective(&world, &["-u", "bob", "--password-file", secret]).contains("anonymous"));
}

#[test]
#[cfg(feature = "tls")]
fn tls_options_override_the_file() {
    let world = World::new();
    crate::config::tls::make_files(&world);
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| world.path(name));
    let [cert, key] = [&cert, &key].map(|path| path.to_str().unwrap());
    fs::write(world.path("secret"), "a secret\n").unwrap();
    world.write(
        "[tls]\nself-signed = true\nrequire = \"login\"\nlisten = \"127.0.0.1:0\"\n\
         [[account]]\nname = \"ann\"\npassword-file = \"secret\"\n",
    );
    for (arguments, line) in [
        (&[][..], "require = \"login\""),
        (&["--tls-require", "data"], "require = \"data\""),
        (&["--tls-data-session", "off"], "data-session = \"off\""),
        (
            &["--tls-listen", "127.0.0.9:0"],
            "listen = [\"127.0.0.9:0\"]",
        ),
        (&["--tls-allow-ccc"], "allow-clear = true"),
        (&["--tls-cert", cert, "--tls-key", key], "/cert.pem\""),
        (
            &["--state-dir", "/nowhere"],
            "state-directory = \"/nowhere\"",
        ),
        (&["--tls-client-ca", cert], "client-authority = "),
        (
            &[
                "--tls-client-ca",
                cert,
                "--tls-client-required",
                "--tls-require",
                "control",
            ],
            "client-required = true",
        ),
        (
            &["--tls-client-ca", cert, "--tls-client-login"],
            "client-login = true",
        ),
    ] {
        let shown = effective(&world, arguments);
        assert!(shown.contains(line), "{arguments:?}: no {line} in\n{shown}");
        assert!(arguments.contains(&"--tls-require") || shown.contains("require = \"login\""));
    }
}

#[test]
fn directory_can_be_given_by_option_only() {
    let world = World::new();
    let account = "[[account]]\nname = \"anonymous\"\n";
    fs::write(world.file(), format!("[timings]\nidle = \"5m\"\n{account}")).unwrap();
    let starter = Starter::default().argument("-c").argument(world.file());
    let server = starter.serving(|_| ()).start();
    let reply = server.login().command("SITE IDLE", 200);
    assert!(reply.text().contains("300 seconds"), "{reply:?}");
}

#[test]
fn invalid_file_exits_2_and_unreadable_file_exits_1() {
    let world = World::new();
    for check in [&[][..], &["--check"]] {
        world.write("[timings]\nidle = \"soon\"");
        let output = world.run(check);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(output.stdout.is_empty());
        assert!(
            message.contains("config.toml:4:8: timings.idle: invalid value \"soon\"; write a time"),
            "{message}"
        );

        fs::remove_file(world.file()).unwrap();
        let output = world.run(check);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("config.toml: No such file"));
    }
    let output = mioftpd(["--config"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
#[cfg(feature = "tls")]
fn tls_without_a_directory_exits_2() {
    let world = World::new();
    let account = "[[account]]\nname = \"anonymous\"\n";
    fs::write(
        world.file(),
        format!("[tls]\nself-signed = true\n{account}"),
    )
    .unwrap();
    let output = world.run(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("directory"));
}
