//! Runs the event command for an upload: without a shell (no command injection), with the facts of the upload
//! in environment variables.
//!
//! The program inherits nothing else: not the server's environment (passwords, the notify socket of
//! systemd), no file descriptors. After its time-out it is killed with its process group. [`run`] blocks.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use rustix::fs::{Access, access};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::cause::{cause, of_path};
use crate::observe::record::TransferRecord;
use crate::protocol::seconds::Seconds;

/// `PATH` of the program where the server has none.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The longest interval between two polls of whether the program has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
pub(super) const PREFIX: &str = "MIOFTPD_";

/// Environment variables: names and values.
pub(super) type Variables = Vec<(String, OsString)>;

/// The facts of an upload that become variables.
pub(super) struct UploadFacts<'a> {
    pub(super) record: &'a TransferRecord,
    /// The path of the file on this host, if it is known.
    pub(super) file: Option<&'a OsStr>,
    /// SHA-256 in hexadecimal, if configured.
    pub(super) digest: Option<&'a str>,
}

#[derive(Debug)]
pub(super) enum CommandEnd {
    Exited(ExitStatus),
    /// It was killed at its time-out.
    TimedOut,
}

/// Checks at start-up that the program exists and may be executed.
pub(super) fn check(program: &Path) -> Result<(), String> {
    let shown = program.display();
    if !program.is_absolute() {
        return Err(format!("events.command: {shown} is not an absolute path"));
    }
    let cannot = |why: &dyn fmt::Display| format!("events.command: {shown} cannot be run: {why}");
    let kind = fs::metadata(program)
        .map_err(|error| cannot(&of_path(&error, program, Access::EXEC_OK)))?;
    if !kind.is_file() {
        return Err(cannot(&"it is not a file; name a program"));
    }
    access(program, Access::EXEC_OK).map_err(|error| match error {
        Errno::ACCESS => cannot(&"it may not be executed; try chmod +x"),
        error => cannot(&cause(&error)),
    })
}

pub(super) fn has_seccomp_filter() -> bool {
    // Without /proc the filter is unknown, and taken for absent.
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mode = status
        .lines()
        .find_map(|line| line.strip_prefix("Seccomp:"));
    mode.is_some_and(|mode| mode.trim() == "2")
}

/// Runs the program and blocks until it ends; kills it after `time`.
pub(super) fn run(
    argv: &[OsString],
    variables: &Variables,
    time: Duration,
) -> io::Result<CommandEnd> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .env(
            "PATH",
            std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into()),
        )
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .process_group(0);
    let cannot = |error| io::Error::other(of_path(&error, Path::new(program), Access::EXEC_OK));
    wait(command.spawn().map_err(cannot)?, time)
}

impl UploadFacts<'_> {
    pub(super) fn variables(&self) -> Variables {
        let record = self.record;
        let bytes = |bytes: &[u8]| OsStr::from_bytes(bytes).to_owned();
        let secured = if record.secured { "yes" } else { "no" };
        let seconds = format!("{:.3}", Seconds(record.took));
        let all: [(&str, Option<OsString>); 10] = [
            ("VERB", Some(record.verb.name().into())),
            ("PATH", Some(bytes(&record.path.to_bytes()))),
            ("BYTES", Some(record.bytes.to_string().into())),
            ("SECONDS", Some(seconds.into())),
            ("OUTCOME", Some(record.outcome.word().into())),
            ("ACCOUNT", Some(bytes(&record.account))),
            ("PEER", Some(record.peer.ip().to_string().into())),
            ("TLS", Some(secured.into())),
            ("FILE", self.file.map(OsStr::to_owned)),
            ("SHA256", self.digest.map(OsString::from)),
        ];
        let present = all.into_iter();
        let present = present.filter_map(|(name, value)| Some((format!("{PREFIX}{name}"), value?)));
        present.collect()
    }
}

/// Polls with back-off, so that a short program is noticed soon. It adds up its sleeps and reads no clock.
fn wait(mut child: Child, time: Duration) -> io::Result<CommandEnd> {
    let mut waited = Duration::ZERO;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(CommandEnd::Exited(status));
        }
        if waited >= time {
            break;
        }
        thread::sleep(pause);
        waited += pause;
        pause = (pause * 2).min(POLL_INTERVAL);
    }
    // Fails only if the process group has ended by now.
    let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
    child.wait()?;
    Ok(CommandEnd::TimedOut)
}

#[cfg(test)]
mod tests {
    use super::super::test_records::upload;
    use super::*;
    use std::fs;

    const TIME: Duration = Duration::from_secs(20);

    fn variables(record: &TransferRecord) -> Variables {
        let (file, digest) = (None, None);
        let facts = UploadFacts {
            record,
            file,
            digest,
        };
        facts.variables()
    }

    fn shell(script: &str) -> Vec<OsString> {
        ["/bin/sh", "-c", script].map(OsString::from).to_vec()
    }

    #[test]
    fn file_names_are_not_executed() {
        let directory = tempfile::tempdir().unwrap();
        let output = directory.path().join("output");
        let script = format!("printf %s \"$MIOFTPD_PATH\" > {}", output.display());
        for name in [
            "/a b",
            "/;touch x",
            "/$(touch x)",
            "/`touch x`",
            "/'\"\\",
            "/-n",
        ] {
            let variables = variables(&upload(name));
            let ended = run(&shell(&script), &variables, TIME).unwrap();
            assert!(
                matches!(ended, CommandEnd::Exited(status) if status.success()),
                "{ended:?}"
            );
            assert_eq!(fs::read_to_string(&output).unwrap(), name);
        }
    }

    #[test]
    fn program_gets_its_variables_and_no_others() {
        let directory = tempfile::tempdir().unwrap();
        let output = directory.path().join("output");
        let record = upload("/x");
        let facts = UploadFacts {
            record: &record,
            file: Some(OsStr::new("/srv/x")),
            digest: Some("00ff"),
        };
        let script = format!("env > {}", output.display());
        run(&shell(&script), &facts.variables(), TIME).unwrap();
        let text = fs::read_to_string(&output).unwrap();
        for line in [
            "MIOFTPD_VERB=STOR",
            "MIOFTPD_PATH=/x",
            "MIOFTPD_FILE=/srv/x",
            "MIOFTPD_BYTES=1234",
            "MIOFTPD_SECONDS=1.500",
            "MIOFTPD_OUTCOME=complete",
            "MIOFTPD_ACCOUNT=ann",
            "MIOFTPD_PEER=192.0.2.7",
            "MIOFTPD_TLS=no",
            "MIOFTPD_SHA256=00ff",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in {text}");
        }
        // Cargo sets it in the environment of this test.
        assert!(!text.contains("CARGO_MANIFEST_DIR"), "{text}");
    }

    #[test]
    fn timed_out_program_is_killed_with_its_children() {
        let directory = tempfile::tempdir().unwrap();
        let pid = directory.path().join("pid");
        let script = format!("sleep 1000 & echo $! > {}; wait", pid.display());
        let time = Duration::from_millis(300);
        let ended = run(&shell(&script), &variables(&upload("/x")), time).unwrap();
        assert!(matches!(ended, CommandEnd::TimedOut));
        // On a slow machine it may be killed before it has written the file.
        let Ok(pid) = fs::read_to_string(&pid).unwrap_or_default().trim().parse() else {
            return;
        };
        let pid = Pid::from_raw(pid).unwrap();
        let end = crate::clock::Instant::now() + TIME;
        while is_alive(pid) {
            assert!(crate::clock::Instant::now() < end, "{pid:?} is still alive");
            thread::yield_now();
        }
    }

    /// Zombies are not alive.
    fn is_alive(pid: Pid) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    }

    #[test]
    fn program_that_cannot_run_names_the_cause() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let shown = file.path().display();
        let error_of = |program: &Path| {
            let error = run(&[program.into()], &Vec::new(), TIME).unwrap_err();
            error.to_string()
        };
        let missing = error_of(&file.path().with_extension("none"));
        assert_eq!(missing, "No such file or directory");
        let denied = error_of(file.path());
        let expected = format!(" may not run {shown}; try chown or chmod");
        assert!(
            denied.starts_with("Permission denied: user ") && denied.ends_with(&expected),
            "{denied}"
        );
    }

    #[test]
    fn check_rejects_programs_that_cannot_run() {
        assert!(check(Path::new("/bin/sh")).is_ok());
        assert!(check(Path::new("sh")).is_err());
        assert!(check(Path::new("/dev/null/missing")).is_err());
        assert!(check(Path::new("/etc/passwd")).is_err());
    }
}
