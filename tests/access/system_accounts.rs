//! PAM accounts, checked by the PAM helper process.
//!
//! The tests use the real PAM with `pam_exec`, which runs the test's scripts, and a configuration of
//! their own by means of Debian's `libpam-wrapper`. Where these are not installed most tests are
//! skipped, or fail if `MIOFTPD_REQUIRE_CLIENTS` is set.

#![cfg(all(feature = "pam", feature = "config"))]

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::support::{Control, Server, Starter, binary, connect_from, mioftpd, until};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tempfile::TempDir;

/// The password check. It logs its arguments to `asked`; the user `slow` blocks until the FIFO `gate`
/// is opened for writing, and `broken` kills the worker process.
const CHECK_PASSWORD: &str = r#"#!/bin/sh
password=$(tr -d '\000')
echo "$PAM_SERVICE $PAM_USER $PAM_RHOST $PAM_TTY" >> asked
case $PAM_USER:$password in
    ann:secret | bob:secret | closed:secret | root:secret) exit 0 ;;
    slow:*) : < gate ;;
    broken:*) kill -9 $PPID ;;
esac
exit 1
"#;
const CHECK_ACCOUNT: &str = "#!/bin/sh\n[ \"$PAM_USER\" != closed ]\n";

const ACCOUNTS: &str = r#"
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

/// The paths of `libpam_wrapper.so` and `pam_exec.so`.
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

/// A directory with the configuration of PAM and of the server.
struct World {
    directory: TempDir,
    wrapper: PathBuf,
    _alone: MutexGuard<'static, ()>,
}

/// One world at a time: two servers that start in one second would share the files of `pam_wrapper`.
static ALONE: Mutex<()> = Mutex::new(());

impl World {
    fn new() -> Option<Self> {
        let (wrapper, module) = installed()?;
        let directory = tempfile::tempdir().unwrap();
        let world = Self {
            directory,
            wrapper,
            _alone: ALONE.lock().unwrap_or_else(PoisonError::into_inner),
        };
        world.script("password", CHECK_PASSWORD);
        world.script("account", CHECK_ACCOUNT);
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

    /// Writes a script that changes to this directory first.
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

    /// The log of the password checks, one line each.
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

/// The server's PAM helper process.
fn helper(server: &Server) -> Pid {
    let id = server.process_id();
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
    let child = children.split_whitespace().next().unwrap();
    let name = fs::read_to_string(format!("/proc/{child}/cmdline")).unwrap();
    assert_eq!(name.trim_end_matches('\0'), "mioftpd: PAM helper");
    Pid::from_raw(child.parse().unwrap()).unwrap()
}

fn wait_for_exit(process: Pid) {
    let path = format!("/proc/{}", process.as_raw_nonzero());
    until("the exit", || (!Path::new(&path).exists()).then_some(()));
}

#[test]
fn pam_decides_logins() {
    let Some(world) = World::new() else { return };
    let server = world.start(ACCOUNTS);
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
fn all_rejected_pam_logins_get_the_same_reply() {
    let Some(world) = World::new() else { return };
    let server = world.start(ACCOUNTS);
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
    let line = server.wait_for_log("refuses closed");
    assert!(line.contains("PAM (mioftpd-test)"), "{line}");
    server.wait_for_log(
        "Cannot ask PAM (mioftpd-test) about broken: the worker process sent no answer",
    );
    // For root, and for impossible passwords, PAM checks a decoy user to take the same time.
    assert!(!world.asked().contains(" root "), "{}", world.asked());
    assert_eq!(world.asked().matches(" mioftpd-nobody ").count(), 2);
}

/// All failures take the same time, so that the account's kind is not revealed.
#[cfg(feature = "hashed-passwords")]
#[test]
fn every_failed_login_takes_a_pam_check() {
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
fn slow_pam_checks_block_no_other_client() {
    let Some(world) = World::new() else { return };
    let server = world.start(ACCOUNTS);
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
    let is_waiting = |control: &Control| !control.has_reply(Duration::from_millis(1));
    assert!(crowd.iter().all(is_waiting));
    // With both ends open the FIFO does not block.
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
fn pam_helper_keeps_privileges_and_exits_with_the_server() {
    let Some(world) = World::new() else { return };
    let server = world.start(ACCOUNTS);
    let helper = helper(&server);
    let status = fs::read_to_string(format!("/proc/{}/status", helper.as_raw_nonzero())).unwrap();
    assert!(status.contains("NoNewPrivs:\t0"), "{status}");
    server.connect().log_in("bob", "secret");
    // The helper ignores SIGHUP, and survives a reload.
    kill_process(helper, Signal::HUP).unwrap();
    server.hang_up();
    server.wait_for_log("The configuration was read again");
    server.connect().log_in("bob", "secret");
    drop(server);
    wait_for_exit(helper);
}

#[test]
fn reload_ends_sessions_of_changed_pam_accounts() {
    let Some(world) = World::new() else { return };
    let server = world.start(ACCOUNTS);
    let (mut bob, mut ann) = (server.connect(), server.connect());
    bob.log_in("bob", "secret");
    ann.log_in("ann", "secret");
    let reload = |accounts: &str, ended: &mut Control, why: &str| {
        world.write(accounts);
        server.hang_up();
        let reply = ended.expect(421);
        let expected = format!("Session ended: {why}, closing control connection.");
        assert_eq!(reply.text(), expected);
    };
    let closed = "[[account]]\nname = \"bob\"\npam = \"mioftpd-test\"\nenabled = false\n";
    let with_bob = format!("{ACCOUNTS}\n{closed}");
    reload(&with_bob, &mut bob, "the name has another account");
    ann.command("NOOP", 200);
    let other = with_bob.replace("mioftpd-test", "other");
    reload(&other, &mut ann, "the password has changed");
    server.connect().log_in("ann", "secret");
}

#[test]
fn killed_pam_helper_affects_only_pam_logins() {
    let Some(world) = World::new() else { return };
    let server = world.start(ACCOUNTS);
    kill_process(helper(&server), Signal::KILL).unwrap();
    // The first request may be sent before the process has exited.
    until("a log line about the helper", || {
        is_refused(&server, "bob", "secret");
        let line = "the helper process has exited; restart the server";
        server.log().contains(line).then_some(())
    });
    drop(server.login());
}

#[test]
fn pam_helper_recovers_from_a_lack_of_descriptors() {
    let Some(world) = World::new() else { return };
    let server = world.start(ACCOUNTS);
    let helper = helper(&server);
    server.connect().log_in("bob", "secret");
    let limited = |files| Rlimit {
        current: Some(files),
        maximum: Some(1024),
    };
    let before = prlimit(Some(helper), Resource::Nofile, limited(3)).unwrap();
    is_refused(&server, "bob", "secret");
    server.wait_for_log("about bob: the worker process sent no answer");
    let files = before.current.unwrap().min(1024);
    prlimit(Some(helper), Resource::Nofile, limited(files)).unwrap();
    server.connect().log_in("bob", "secret");
}

#[test]
fn reload_cannot_add_the_first_pam_account() {
    let Some(world) = World::new() else { return };
    let server = world.start("[[account]]\nname = \"anonymous\"\n");
    world.write(ACCOUNTS);
    server.hang_up();
    let line = server.wait_for_log("The old configuration stays");
    assert!(line.contains("account.pam"), "{line}");
    drop(server.login());
    is_refused(&server, "bob", "secret");
}

#[test]
fn check_requires_workers_and_notes_a_missing_service() {
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
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), errors)
    };
    let (code, errors) = run("");
    assert_eq!(code, Some(0), "{errors}");
    assert!(
        errors.contains("no /etc/pam.d/mioftpd-no-such-service"),
        "{errors}"
    );
    let (code, errors) = run("workers = 0");
    assert_eq!(code, Some(2), "{errors}");
    assert!(
        errors.contains("account.pam needs workers = 1 or more"),
        "{errors}"
    );
}
