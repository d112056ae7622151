//! The sandbox from outside: what /proc reports of a confined server, and that the server works.
//! `inside` tests what a confined process can do.
//!
//! Tests that need root (switching to another user), a newer kernel or the Cargo feature `sandbox`
//! are skipped with a message where these are missing.

mod accounts;
#[cfg(feature = "config")]
mod default_port;
mod inside;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use crate::support::{Server, Starter, use_common_umask};
use mioftpd::sandbox::{self, SandboxPlan};
use mioftpd::{Account, Permissions, Secret};

/// The value of a line of /proc/PID/status.
fn status(server: &Server, name: &str) -> String {
    let path = format!("/proc/{}/status", server.process_id());
    let text = fs::read_to_string(path).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let value = line.unwrap_or_else(|| panic!("no {name} in {text}"));
    value.trim_start_matches(':').trim().to_owned()
}

/// Whether this build filters system calls.
const FILTERS: bool = cfg!(all(
    feature = "sandbox",
    any(
        target_arch = "x86_64",
        target_arch = "aarch64",
        target_arch = "riscv64"
    )
));

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn server_is_confined_by_default() {
    for arguments in [vec!["--workers", "0"], vec!["--workers", "2"]] {
        let mut starter = Starter::default();
        for argument in arguments {
            starter = starter.argument(argument);
        }
        let server = starter.serving(|_| ()).start();
        server.connect().command("NOOP", 200);
        assert_eq!(status(&server, "NoNewPrivs"), "1");
        assert_eq!(status(&server, "Seccomp"), if FILTERS { "2" } else { "0" });
        for set in ["CapInh", "CapAmb"] {
            assert_eq!(status(&server, set), "0000000000000000", "{set}");
        }
        if !is_root() {
            assert_eq!(status(&server, "CapEff"), "0000000000000000");
        }
        let line = server.wait_for_log("Sandbox: ");
        assert!(line.contains("no new privileges"), "{line}");
        if !FILTERS {
            server.wait_for_log("Sandbox: system calls are not filtered");
        }
    }
}

#[test]
fn all_threads_are_confined() {
    let server = Server::writable(|_| ());
    server.login().command("MKD d", 257);
    let tasks = fs::read_dir(format!("/proc/{}/task", server.process_id())).unwrap();
    // The sweeper thread may exist, and may end during the test.
    let texts =
        tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("status")).ok());
    let texts: Vec<String> = texts.collect();
    assert!(texts.len() >= 3, "the event loop, the log, a worker");
    for text in texts {
        assert!(text.contains("NoNewPrivs:\t1"), "{text}");
        assert_eq!(text.contains("Seccomp:\t2"), FILTERS, "{text}");
    }
}

#[test]
fn no_sandbox_option_disables_all_measures() {
    let server = Starter::default()
        .argument("--no-sandbox")
        .serving(|_| ())
        .start();
    server.connect().command("NOOP", 200);
    // Measures inherited from a container stay in force.
    for name in ["NoNewPrivs", "Seccomp", "CapEff"] {
        let own = fs::read_to_string("/proc/self/status").unwrap();
        let own = own.lines().find_map(|line| line.strip_prefix(name));
        let own = own.unwrap().trim_start_matches(':').trim();
        assert_eq!(status(&server, name), own, "{name}");
    }
    server.wait_for_log("Sandbox: none");
}

/// A user and a group without names.
const OTHER_USER: &str = "54321:54322";

fn as_other_user(starter: Starter) -> Server {
    use_common_umask();
    let starter = starter.argument("--run-as").argument(OTHER_USER);
    let starter = starter.argument("--writable").serving(|root| {
        fs::write(root.join("f"), "content").unwrap();
        fs::write(root.join("secret"), "").unwrap();
        fs::set_permissions(root.join("secret"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::set_permissions(root, fs::Permissions::from_mode(0o777)).unwrap();
    });
    starter.start()
}

#[test]
fn root_switches_to_the_run_as_user() {
    if !is_root() {
        return eprintln!("skipped: only root can switch to another user");
    }
    for starter in [
        Starter::default(),
        Starter::default().argument("--no-sandbox"),
    ] {
        let server = as_other_user(starter);
        let mut control = server.login();
        assert_eq!(control.retrieve("f"), b"content");
        control.passive();
        control.command("RETR secret", 550);
        control.command("MKD d", 257);
        let made = fs::metadata(server.file("d")).unwrap();
        assert_eq!((made.uid(), made.gid()), (54321, 54322));
        let four = |id| [id; 4].join("\t");
        assert_eq!(status(&server, "Uid"), four("54321"));
        assert_eq!(status(&server, "Gid"), four("54322"));
        assert_eq!(status(&server, "Groups"), "54322");
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(status(&server, set), "0000000000000000", "{set}");
        }
    }
    let server = as_other_user(Starter::default());
    assert_eq!(status(&server, "CapBnd"), "0000000000000000");
}

#[test]
fn run_as_user_can_bind_low_passive_ports() {
    if !is_root() {
        return eprintln!("skipped: only root can switch to another user");
    }
    let starter = Starter::default().argument("--passive-ports");
    let server = as_other_user(starter.argument("700-1023"));
    assert_eq!(server.login().retrieve("f"), b"content");
    assert_eq!(status(&server, "CapEff"), "0000000000000400");
}

#[test]
fn run_as_is_refused_for_root_and_without_root() {
    let refused = |user: &str| {
        let arguments = ["--listen", "127.0.0.1:0", "--run-as", user];
        let output = crate::support::mioftpd(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{user}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(refused("0:0").contains("'0' is root"));
    assert!(refused("no such user").contains("/etc/passwd"));
    if !is_root() {
        assert!(
            refused(OTHER_USER)
                .contains("switching users needs root, or CAP_SETUID and CAP_SETGID")
        );
    }
}

#[test]
fn all_commands_work_in_the_sandbox() {
    for workers in ["0", "2"] {
        let starter = Starter::default().argument("--writable");
        let starter = starter.argument("--workers").argument(workers);
        let server = starter
            .serving(|root| {
                fs::create_dir(root.join("a")).unwrap();
                fs::create_dir(root.join("b")).unwrap();
                fs::write(root.join("f"), "content").unwrap();
                std::os::unix::fs::symlink("f", root.join("a/link")).unwrap();
            })
            .start();
        let mut control = server.login();
        assert_eq!(control.retrieve("f"), b"content");
        let large = vec![7; 3_000_000];
        for command in ["STOR new", "STOR new", "APPE new", "STOU u"] {
            let data = control.passive();
            control.command(command, 150);
            data.send(&large);
            control.expect(226);
        }
        assert_eq!(control.retrieve("new").len(), 6_000_000);
        // Renames between directories need a Landlock right of their own.
        for (from, to) in [("new", "a/new"), ("a/link", "b/link"), ("a", "b/a")] {
            control.command(&format!("RNFR {from}"), 350);
            control.command(&format!("RNTO {to}"), 250);
        }
        for command in ["LIST -R", "MLSD", "NLST *"] {
            let data = control.passive();
            control.command(command, 150);
            assert!(!data.receive().is_empty(), "{command}");
            control.expect(226);
        }
        control.command("SITE CHMOD 600 f", 200);
        control.command("MFMT 20200101000000 f", 213);
        control.command("AVBL", 213);
        control.command("ALLO 10", 200);
        control.command("STAT b", 213);
        if cfg!(feature = "digests") {
            control.command("HASH f", 213);
        }
        for command in ["DELE f", "DELE b/link", "DELE b/a/new", "RMD b/a"] {
            control.command(command, 250);
        }
        let active = crate::support::DataChannel::eprt(&mut control);
        control.command("NLST", 150);
        active.receive();
        control.expect(226);
    }
}

#[test]
fn plan_makes_only_writable_roots_writable() {
    let plan = |config: &mioftpd::Config| {
        let plan = config.plan();
        (plan.readable.len(), plan.writable.len())
    };
    let mut config = mioftpd::Config::default();
    assert_eq!(plan(&config), (0, 0));
    config.root = Some("/srv".into());
    assert_eq!(plan(&config), (1, 0));
    config.accounts.add(Account::anonymous(Permissions::ALL));
    assert_eq!(plan(&config), (0, 1));

    let at = |name: &str, root: &str, permissions| {
        let mut account = Account::new(name, Secret::AnyPassword, permissions);
        account.root = Some(root.into());
        account
    };
    config.accounts.extend([
        at("ann", "/srv/ours", Permissions::READ),
        at("bob", "/srv/ours", Permissions::UPLOAD_ONLY),
        at("eve", "/srv/theirs", Permissions::READ),
    ]);
    let plan = config.plan();
    assert_eq!(plan.readable, [Path::new("/srv/theirs")]);
    assert_eq!(plan.writable, [Path::new("/srv"), Path::new("/srv/ours")]);
}

#[test]
fn plan_allows_names_only_for_a_host_name() {
    let plan = |host: &str| {
        mioftpd::Config {
            passive_address: Some(host.parse().unwrap()),
            ..mioftpd::Config::default()
        }
        .plan()
    };
    let numbered = plan("192.0.2.7");
    assert!(
        !numbered.names && numbered.readable.is_empty(),
        "{numbered:?}"
    );
    let named = plan("ftp.example.com");
    assert!(named.names, "{named:?}");
    let mut expected = sandbox::resolver_paths();
    expected.sort();
    assert_eq!(named.readable, expected);
}

#[test]
fn identity_switch_is_refused_with_other_threads() {
    if !is_root() {
        return eprintln!("skipped: only root can switch to another user");
    }
    let plan = SandboxPlan {
        run_as: Some(OTHER_USER.parse().unwrap()),
        ..SandboxPlan::default()
    };
    // The test harness has other threads.
    let error = sandbox::enforce(&plan).unwrap_err();
    let is_threads = matches!(error.reason, sandbox::Reason::Threads(_));
    assert!(
        is_threads && error.run_as.to_string() == OTHER_USER,
        "{error}"
    );
    assert!(is_root());
}
