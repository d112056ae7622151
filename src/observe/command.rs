//! A program that is run for an upload: without a shell, so that no name is ever a command; what
//! it should know is in environment variables.
//!
//! It has nothing else of ours: no password that came in a variable, no descriptor, no way to
//! speak to the service manager in our name. One that takes too long is killed with all that it
//! has started. The calls here wait; they are for a thread of its own.

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

use super::record::TransferRecord;
use crate::cause::{cause, of_path};

/// Where a program looks for others that was told nothing else.
const USUAL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The longest sleep between two looks at whether a program has ended.
const LOOK: Duration = Duration::from_millis(100);

/// What the names of all variables begin with.
pub(super) const PREFIX: &str = "MIOFTPD_";

/// What a program is told: names and values.
pub(super) type Variables = Vec<(String, OsString)>;

/// What there is to tell, beside the record.
pub(super) struct Facts<'a> {
    pub(super) record: &'a TransferRecord,
    /// The file's name for this host, where there is one.
    pub(super) file: Option<&'a OsStr>,
    /// SHA-256 in hexadecimal, where it was asked for.
    pub(super) digest: Option<&'a str>,
}

/// How a program ended.
#[derive(Debug)]
pub(super) enum Ended {
    By(ExitStatus),
    /// It took too long, and was killed.
    Killed,
}

/// Whether there is such a program, or why not.
pub(super) fn check(program: &Path) -> Result<(), String> {
    let shown = program.display();
    if !program.is_absolute() {
        return Err(format!("events.command: {shown} is not an absolute path"));
    }
    let cannot = |why: &dyn fmt::Display| format!("events.command: {shown} cannot be run: {why}");
    let kind = fs::metadata(program)
        .map_err(|error| cannot(&of_path(&error, program, Access::EXEC_OK)))?;
    if !kind.is_file() {
        return Err(cannot(&"it is no file; name a program"));
    }
    access(program, Access::EXEC_OK).map_err(|error| match error {
        Errno::ACCESS => cannot(&"it may not be executed; try chmod +x"),
        error => cannot(&cause(&error)),
    })
}

/// Whether a filter (seccomp) decides which system calls this process may make.
pub(super) fn is_filtered() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mode = status
        .lines()
        .find_map(|line| line.strip_prefix("Seccomp:"));
    mode.is_some_and(|mode| mode.trim() == "2")
}

/// Runs it and waits for its end.
pub(super) fn run(argv: &[OsString], variables: &Variables, time: Duration) -> io::Result<Ended> {
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
            std::env::var_os("PATH").unwrap_or_else(|| USUAL_PATH.into()),
        )
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .process_group(0);
    let cannot = |error| io::Error::other(of_path(&error, Path::new(program), Access::EXEC_OK));
    wait(command.spawn().map_err(cannot)?, time)
}

impl Facts<'_> {
    /// As a program gets them.
    pub(super) fn variables(&self) -> Variables {
        let record = self.record;
        let bytes = |bytes: &[u8]| OsStr::from_bytes(bytes).to_owned();
        let secured = if record.secured { "yes" } else { "no" };
        let seconds = format!("{:.3}", record.took.as_secs_f64());
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
        let known = all.into_iter();
        let known = known.filter_map(|(name, value)| Some((format!("{PREFIX}{name}"), value?)));
        known.collect()
    }
}

/// The sleeps are counted, so no clock is needed; a program that ends at once is noticed at once.
fn wait(mut child: Child, time: Duration) -> io::Result<Ended> {
    let mut waited = Duration::ZERO;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Ended::By(status));
        }
        if waited >= time {
            break;
        }
        thread::sleep(pause);
        waited += pause;
        pause = (pause * 2).min(LOOK);
    }
    // Where the group is gone, so is the program: that is what is wanted.
    let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
    child.wait()?;
    Ok(Ended::Killed)
}

#[cfg(test)]
mod tests {
    use super::super::examples::upload;
    use super::*;
    use std::fs;

    const TIME: Duration = Duration::from_secs(20);

    fn shell(script: &str) -> Vec<OsString> {
        ["/bin/sh", "-c", script].map(OsString::from).to_vec()
    }

    #[test]
    fn names_are_told_and_not_executed() {
        let directory = tempfile::tempdir().unwrap();
        let told = directory.path().join("told");
        let script = format!("printf %s \"$MIOFTPD_PATH\" > {}", told.display());
        for name in [
            "/a b",
            "/;touch x",
            "/$(touch x)",
            "/`touch x`",
            "/'\"\\",
            "/-n",
        ] {
            let mut record = upload("/x");
            record.path = record.path.join(name.as_bytes()).unwrap();
            let facts = Facts {
                record: &record,
                file: None,
                digest: None,
            };
            let ended = run(&shell(&script), &facts.variables(), TIME).unwrap();
            assert!(
                matches!(ended, Ended::By(status) if status.success()),
                "{ended:?}"
            );
            assert_eq!(fs::read_to_string(&told).unwrap(), name);
        }
    }

    #[test]
    fn it_is_told_what_there_is_to_know_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let told = directory.path().join("told");
        let record = upload("/x");
        let facts = Facts {
            record: &record,
            file: Some(OsStr::new("/srv/x")),
            digest: Some("00ff"),
        };
        let script = format!("env > {}", told.display());
        run(&shell(&script), &facts.variables(), TIME).unwrap();
        let text = fs::read_to_string(&told).unwrap();
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
        // Cargo sets it for this test; the program does not have it from us.
        assert!(!text.contains("CARGO_MANIFEST_DIR"), "{text}");
    }

    #[test]
    fn one_that_takes_too_long_is_killed_with_its_children() {
        let directory = tempfile::tempdir().unwrap();
        let pid = directory.path().join("pid");
        let record = upload("/x");
        let facts = Facts {
            record: &record,
            file: None,
            digest: None,
        };
        let script = format!("sleep 1000 & echo $! > {}; wait", pid.display());
        let ended = run(
            &shell(&script),
            &facts.variables(),
            Duration::from_millis(300),
        )
        .unwrap();
        assert!(matches!(ended, Ended::Killed));
        // A slow machine may have killed it before it could say whom it has started.
        let Ok(pid) = fs::read_to_string(&pid).unwrap_or_default().trim().parse() else {
            return;
        };
        let pid = Pid::from_raw(pid).unwrap();
        let end = std::time::Instant::now() + TIME;
        while is_alive(pid) {
            assert!(std::time::Instant::now() < end, "{pid:?} lives on");
            thread::yield_now();
        }
    }

    /// Dead ones that nobody has asked after do not count.
    fn is_alive(pid: Pid) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    }

    #[test]
    fn what_cannot_be_run_says_why() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let shown = file.path().display();
        let said = |program: &Path| {
            let error = run(&[program.into()], &Vec::new(), TIME).unwrap_err();
            error.to_string()
        };
        let missing = said(&file.path().with_extension("none"));
        assert_eq!(missing, "No such file or directory");
        let denied = said(file.path());
        let expected = format!(" may not run {shown}; try chown or chmod");
        assert!(
            denied.starts_with("Permission denied: user ") && denied.ends_with(&expected),
            "{denied}"
        );
    }

    #[test]
    fn what_cannot_be_run_is_known_at_the_start() {
        assert!(check(Path::new("/bin/sh")).is_ok());
        assert!(check(Path::new("sh")).is_err());
        assert!(check(Path::new("/dev/null/missing")).is_err());
        assert!(check(Path::new("/etc/passwd")).is_err());
    }
}
