//! Accounts of the system: PAM is asked, in a process beside the server.
//!
//! It is the real PAM with a configuration of the test's own, which Debian's `libpam-wrapper` puts in
//! the place of the system's, and with modules of the system that run the test's scripts. Where
//! these are not installed only the rest is tested; `MIOFTPD_REQUIRE_CLIENTS` makes that a failure.

#![cfg(all(feature = "pam", feature = "config"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use support::{Control, Server, Starter, binary, connect_from, mioftpd, until};
use tempfile::TempDir;

/// Who has which password; whoever is called slow waits for somebody to open the other end.
const ASKED_FOR_A_PASSWORD: &str = r#"#!/bin/sh
password=$(tr -d '\000')
echo "$PAM_SERVICE $PAM_USER $PAM_RHOST $PAM_TTY" >> asked
case $PAM_USER:$password in
    ann:secret | bob:secret | closed:secret | root:secret) exit 0 ;;
    slow:*) : < gate ;;
    broken:*) kill -9 $PPID ;;
esac
exit 1
"#;

const ASKED_FOR_AN_ACCOUNT: &str = "#!/bin/sh\n[ \"$PAM_USER\" != closed ]\n";

const BOTH: &str = r#"
[[account]]
name = "ann"
pam = "mioftpd-test"
permissions = "all"

[[account]]
name = "*"
pam = "mioftpd-test"

[[account]]
name = "anonymous"
"#;

/// More logins than there are threads that wait for PAM.
const CROWD: usize = 12;

/// The library that has PAM read its configuration elsewhere, and where modules are.
fn installed() -> Option<(PathBuf, PathBuf)> {
    let folders = fs::read_dir("/usr/lib").ok()?;
    let folders = folders.filter_map(|entry| Some(entry.ok()?.path()));
    let found = folders.into_iter().find_map(|folder| {
        let (wrapper, module) = (
            folder.join("libpam_wrapper.so"),
            folder.join("security/pam_exec.so"),
        );
        (wrapper.exists() && module.exists()).then_some((wrapper, module))
    });
    let required = std::env::var_os("MIOFTPD_REQUIRE_CLIENTS").is_some();
    assert!(
        found.is_some() || !required,
        "libpam-wrapper is not installed"
    );
    if found.is_none() {
        eprintln!("libpam-wrapper is not installed: not tested");
    }
    found
}

/// A directory with all that PAM and the server are told.
struct World {
    directory: TempDir,
    wrapper: PathBuf,
}

impl World {
    fn new() -> Option<Self> {
        let (wrapper, module) = installed()?;
        let directory = tempfile::tempdir().unwrap();
        let world = Self { directory, wrapper };
        world.script("password", ASKED_FOR_A_PASSWORD);
        world.script("account", ASKED_FOR_AN_ACCOUNT);
        mknodat(
            CWD,
            world.path("gate"),
            FileType::Fifo,
            Mode::RUSR | Mode::WUSR,
            0,
        )
        .unwrap();
        let line = |kind: &str, options: &str, script: &str| {
            let (module, script) = (module.display(), world.path(script));
            format!(
                "{kind} required {module} quiet {options} {}\n",
                script.display()
            )
        };
        let service = line("auth", "expose_authtok", "password") + &line("account", "", "account");
        fs::create_dir(world.path("services")).unwrap();
        for name in ["mioftpd-test", "other"] {
            fs::write(world.path("services").join(name), &service).unwrap();
        }
        fs::create_dir(world.path("root")).unwrap();
        fs::write(world.path("root/f"), "content").unwrap();
        Some(world)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// PAM runs it in another directory than this.
    fn script(&self, name: &str, text: &str) {
        let here = format!("#!/bin/sh\ncd {}\n", self.directory.path().display());
        let path = self.path(name);
        fs::write(&path, text.replacen("#!/bin/sh\n", &here, 1)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn write(&self, accounts: &str) -> PathBuf {
        let root = self.path("root");
        let root = root.display();
        let text = format!(
            "directory = \"{root}\"\nlisten = [\"127.0.0.1:0\"]\n{accounts}\n\
             [timings]\npenalty = \"1ms\"\n"
        );
        let file = self.path("config.toml");
        fs::write(&file, text).unwrap();
        file
    }

    fn start(&self, accounts: &str) -> Server {
        let file = self.write(accounts).into_os_string();
        Starter::default()
            .program([binary(), "--config".into(), file])
            .variable("LD_PRELOAD", self.wrapper.to_str().unwrap())
            .variable("PAM_WRAPPER", "1")
            .variable(
                "PAM_WRAPPER_SERVICE_DIR",
                self.path("services").to_str().unwrap(),
            )
            .start()
    }

    /// What PAM was asked, a line each.
    fn asked(&self) -> String {
        fs::read_to_string(self.path("asked")).unwrap_or_default()
    }
}

fn begin(server: &Server, name: &str) -> Control {
    let mut control = server.connect();
    control.command(&format!("USER {name}"), 331);
    control
}

fn is_refused(server: &Server, name: &str, password: &str) {
    begin(server, name).command(&format!("PASS {password}"), 530);
}

/// The child of the server's that asks PAM.
fn helper(server: &Server) -> Pid {
    let id = server.process_id();
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
    let child = children.split_whitespace().next().unwrap();
    let name = fs::read_to_string(format!("/proc/{child}/cmdline")).unwrap();
    assert_eq!(name.trim_end_matches('\0'), "mioftpd: PAM helper");
    Pid::from_raw(child.parse().unwrap()).unwrap()
}

fn waits_for_the_end_of(process: Pid) {
    let path = format!("/proc/{}", process.as_raw_nonzero());
    until("its end", || (!Path::new(&path).exists()).then_some(()));
}

#[test]
fn pam_says_who_may_log_in() {
    let Some(world) = World::new() else { return };
    let server = world.start(BOTH);
    let stream = connect_from(Ipv4Addr::new(127, 0, 0, 9), server.address()).unwrap();
    let mut ann = Control::over(stream);
    ann.expect(220);
    ann.log_in("ann", "secret");
    ann.command("MKD hers", 257);
    let mut bob = server.connect();
    bob.log_in("bob", "secret");
    bob.command("MKD his", 550);
    assert_eq!(bob.retrieve("f"), b"content");
    drop(server.login());
    assert_eq!(
        world.asked(),
        "mioftpd-test ann 127.0.0.9 ftp\nmioftpd-test bob 127.0.0.1 ftp\n"
    );
    assert!(!server.log().contains("secret"), "{}", server.log());
}

#[test]
fn who_is_not_let_in_sounds_like_everybody_else() {
    let Some(world) = World::new() else { return };
    let server = world.start(BOTH);
    let longest = "p".repeat(600);
    for (name, password) in [
        ("ann", "Secret"),
        ("ann", ""),
        ("ann", &longest),
        ("eve", "secret"),
        ("*", "secret"),
        ("closed", "secret"),
        ("root", "secret"),
        ("broken", "secret"),
    ] {
        is_refused(&server, name, password);
    }
    let said = server.wait_for_log("refuses closed");
    assert!(said.contains("PAM (mioftpd-test)"), "{said}");
    server.wait_for_log("Cannot ask PAM (mioftpd-test) about broken: no answer came");
    // About root, and with what nobody can have as a password, it is asked for the time alone.
    assert!(!world.asked().contains(" root "), "{}", world.asked());
    assert_eq!(world.asked().matches(" mioftpd-nobody ").count(), 2);
}

/// A failure takes as long as it does with PAM, whoever it is.
#[cfg(feature = "hashed-passwords")]
#[test]
fn whatever_login_fails_asks_pam() {
    let Some(world) = World::new() else { return };
    let hash = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";
    fs::write(world.path("password-of-dan"), "plain\n").unwrap();
    let server = world.start(&format!(
        "[[account]]\nname = \"ann\"\npam = \"mioftpd-test\"\n\
         [[account]]\nname = \"carl\"\npassword = \"{hash}\"\n\
         [[account]]\nname = \"dan\"\npassword-file = \"password-of-dan\"\n"
    ));
    server.connect().log_in("carl", "secret");
    server.connect().log_in("dan", "plain");
    assert_eq!(world.asked(), "");
    for (count, name) in ["carl", "dan", "eve", "anonymous"].iter().enumerate() {
        is_refused(&server, name, "wrong");
        let asked = "mioftpd-test mioftpd-nobody 127.0.0.1 ftp\n".repeat(count + 1);
        assert_eq!(world.asked(), asked, "{name}");
    }
}

#[test]
fn nobody_else_waits_for_pam() {
    let Some(world) = World::new() else { return };
    let server = world.start(BOTH);
    let mut crowd: Vec<Control> = (0..CROWD).map(|_| begin(&server, "slow")).collect();
    for control in &mut crowd {
        control.send("PASS x");
    }
    until("PAM to be asked", || {
        world.asked().contains("slow").then_some(())
    });
    let mut other = server.login();
    for _ in 0..10 {
        other.command("NOOP", 200);
        assert_eq!(other.retrieve("f"), b"content");
    }
    let has_waited = |control: &Control| !control.has_reply(Duration::from_millis(1));
    assert!(crowd.iter().all(has_waited));
    // Open for both, it never makes anybody wait again.
    let gate = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(world.path("gate"));
    for control in &mut crowd {
        control.expect(530);
    }
    drop(gate);
    drop(begin(&server, "bob"));
    server.connect().log_in("bob", "secret");
}

#[test]
fn what_asks_pam_has_its_rights_still_and_ends_with_the_server() {
    let Some(world) = World::new() else { return };
    let server = world.start(BOTH);
    let helper = helper(&server);
    let status = fs::read_to_string(format!("/proc/{}/status", helper.as_raw_nonzero())).unwrap();
    assert!(status.contains("NoNewPrivs:\t0"), "{status}");
    server.connect().log_in("bob", "secret");
    // It outlives what is meant for the server, and what is meant for others.
    kill_process(helper, Signal::HUP).unwrap();
    server.hang_up();
    server.wait_for_log("The configuration was read again");
    server.connect().log_in("bob", "secret");
    drop(server);
    waits_for_the_end_of(helper);
}

#[test]
fn a_reload_ends_sessions_whose_name_or_service_is_another() {
    let Some(world) = World::new() else { return };
    let server = world.start(BOTH);
    let (mut bob, mut ann) = (server.connect(), server.connect());
    bob.log_in("bob", "secret");
    ann.log_in("ann", "secret");
    let reload = |accounts: &str, ended: &mut Control, why: &str| {
        world.write(accounts);
        server.hang_up();
        let said = ended.expect(421);
        let expected = format!("Session ended: {why}, closing control connection.");
        assert_eq!(said.text(), expected);
    };
    let closed = "[[account]]\nname = \"bob\"\npam = \"mioftpd-test\"\nenabled = false\n";
    let with_bob = format!("{BOTH}\n{closed}");
    reload(&with_bob, &mut bob, "the name has another account");
    ann.command("NOOP", 200);
    let other = with_bob.replace("mioftpd-test", "other");
    reload(&other, &mut ann, "the password has changed");
    server.connect().log_in("ann", "secret");
}

#[test]
fn without_its_monitor_others_are_served() {
    let Some(world) = World::new() else { return };
    let server = world.start(BOTH);
    kill_process(helper(&server), Signal::KILL).unwrap();
    // The first may still have come to it.
    until("it to be missed", || {
        is_refused(&server, "bob", "secret");
        let said = "the process for that is gone; a restart brings it back";
        server.log().contains(said).then_some(())
    });
    drop(server.login());
}

#[test]
fn a_monitor_that_can_start_nothing_is_there_when_it_can_again() {
    let Some(world) = World::new() else { return };
    let server = world.start(BOTH);
    let helper = helper(&server);
    server.connect().log_in("bob", "secret");
    let limited = |files| Rlimit {
        current: Some(files),
        maximum: Some(1024),
    };
    let before = prlimit(Some(helper), Resource::Nofile, limited(3)).unwrap();
    is_refused(&server, "bob", "secret");
    server.wait_for_log("about bob: no answer came");
    let files = before.current.unwrap().min(1024);
    prlimit(Some(helper), Resource::Nofile, limited(files)).unwrap();
    server.connect().log_in("bob", "secret");
}

#[test]
fn the_first_account_of_the_system_is_for_the_next_start() {
    let Some(world) = World::new() else { return };
    let server = world.start("[[account]]\nname = \"anonymous\"\n");
    world.write(BOTH);
    server.hang_up();
    let said = server.wait_for_log("The old configuration stays");
    assert!(said.contains("account.pam"), "{said}");
    drop(server.login());
    is_refused(&server, "bob", "secret");
}

#[test]
fn it_takes_threads_and_a_service() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.toml");
    let account = "[[account]]\nname = \"ann\"\npam = \"mioftpd-no-such-service\"\n";
    let run = |more: &str| {
        fs::write(
            &file,
            format!("directory = \".\"\nlisten = [\"127.0.0.1:0\"]\n{more}\n{account}"),
        )
        .unwrap();
        let output = mioftpd(["--check".as_ref(), "--config".as_ref(), file.as_os_str()])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said)
    };
    let (code, said) = run("");
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("no /etc/pam.d/mioftpd-no-such-service"),
        "{said}"
    );
    let (code, said) = run("workers = 0");
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("account.pam needs workers = 1 or more"),
        "{said}"
    );
}
