//! What works and is not as it should be: passwords that go in the clear, secrets that every user of
//! the host can read, files that the server cannot reach as the user that it becomes.
//!
//! One line each, with the remedy. They are said at a start, after a reload, and by `--check`. It looks
//! at files, so it is never called on the loop.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use crate::auth::Account;
use crate::config::{Certificate, Config, TlsConfig, directory_of};
use crate::net::tls::kept_files;
use crate::sandbox::RunAs;
use crate::session::TlsRequired;

/// Entries of a directory among which one is looked for that may be written to.
const ENTRIES: usize = 256;

/// Says them.
pub(super) fn log(config: &Config, addresses: &[SocketAddr]) {
    for warning in warnings(config, addresses) {
        log::warn!("{warning}");
    }
}

/// All of a server that listens at these addresses in the clear.
pub(super) fn warnings(config: &Config, addresses: &[SocketAddr]) -> Vec<String> {
    if config.root.is_none() {
        return Vec::new();
    }
    let mut found: Vec<String> = in_the_clear(config, addresses).into_iter().collect();
    let secrets = secrets(config);
    let exposed = secrets.iter().filter(|(_, path)| is_open_to_all(path));
    found.extend(exposed.map(|(what, path)| {
        let path = path.display();
        format!("Every user of this host can read the {what} {path}; chmod o-r it")
    }));
    for (seen, root) in config.roots() {
        let may_write = config.accounts.may_write(seen);
        found.extend(out_of_reach(root, may_write, config.run_as.as_ref()));
    }
    found.extend(config.run_as.as_ref().and_then(|user| lost(config, user)));
    found.extend(without_rotation(config));
    found
}

/// Where only this host connects nobody listens in. Who has written `tls.require` has decided.
fn in_the_clear(config: &Config, addresses: &[SocketAddr]) -> Option<String> {
    let has_password = |account: &Account| account.enabled && account.is_personal();
    let is_decided = config.origins.is_set(None, "tls.require");
    let is_near = |address: &SocketAddr| address.ip().to_canonical().is_loopback();
    if is_decided
        || addresses.iter().all(is_near)
        || !config.accounts.iter().any(|account| has_password(account))
    {
        return None;
    }
    let text = match &config.tls {
        Some(tls) if tls.policy.require != TlsRequired::Nothing => return None,
        Some(_) => {
            "Passwords may go in the clear: set tls.require (--tls-require) to \"login\", or to \"none\" \
             if that is meant"
        }
        None => {
            "Passwords go in the clear: there is no TLS. Set tls.certificate or tls.self-signed \
             (--tls-self-signed), and tls.require to \"login\"; or tls.require (--tls-require) to \
             \"none\" if that is meant"
        }
    };
    Some(text.to_owned())
}

/// What only the server should read.
fn secrets(config: &Config) -> Vec<(&'static str, PathBuf)> {
    let accounts = &mut config.accounts.iter();
    let has_hash = accounts.any(|account| {
        let name = Some(account.name.as_slice());
        config.origins.is_set(name, "account.password")
    });
    let sources = config.sources.iter().filter_map(|path| {
        let is_configuration = Some(path.as_path()) == config.origins.file();
        match (is_configuration, has_hash) {
            (false, _) => Some(("password file", path.clone())),
            (true, true) => Some(("configuration with the hashes of passwords", path.clone())),
            (true, false) => None,
        }
    });
    let key = config.tls.iter().filter_map(|tls| Some(own_files(tls)?.1));
    let mut secrets: Vec<_> = sources.chain(key.map(|key| ("private key", key))).collect();
    secrets.dedup();
    secrets
}

/// The server's certificate and key, where they are in files.
fn own_files(tls: &TlsConfig) -> Option<(PathBuf, PathBuf)> {
    match &tls.certificate {
        Certificate::Files { certificate, key } => Some((certificate.clone(), key.clone())),
        Certificate::SelfSigned { state, .. } => Some(kept_files(state.as_deref()?)),
    }
}

/// By its permissions and those of the directories on the way to it.
fn is_open_to_all(path: &Path) -> bool {
    let allows = |path: &Path, bit| fs::metadata(path).is_ok_and(|found| found.mode() & bit != 0);
    let Ok(path) = path.canonicalize() else {
        return false;
    };
    allows(&path, 0o4) && path.ancestors().skip(1).all(|above| allows(above, 0o1))
}

/// A directory that is served and cannot be listed or, where accounts may, written to. Where
/// something in it can be written, the directory itself is meant to stay as it is.
fn out_of_reach(root: &Path, may_write: bool, run_as: Option<&RunAs>) -> Option<String> {
    if !root.is_dir() {
        return None;
    }
    let may = |path: &Path, to_write: bool| {
        if let Some(user) = run_as {
            return user.may_reach(path, to_write) != Some(false);
        }
        let writing = if to_write {
            Access::WRITE_OK
        } else {
            Access::EXISTS
        };
        rustix::fs::access(path, Access::READ_OK | Access::EXEC_OK | writing).is_ok()
    };
    let may_below = || {
        let entries = fs::read_dir(root).into_iter().flatten().take(ENTRIES);
        let mut below = entries.flatten().filter(|one| one.path().is_dir());
        below.any(|one| may(&one.path(), true))
    };
    let what = if !may(root, false) {
        "list"
    } else if may_write && !may(root, true) && !may_below() {
        "write to"
    } else {
        return None;
    };
    let (user, root) = (shown_user(run_as), root.display());
    Some(format!(
        "{user} cannot {what} {root}, by its permissions; chown or chmod it"
    ))
}

fn shown_user(run_as: Option<&RunAs>) -> String {
    run_as.map_or_else(|| "this user".to_owned(), ToString::to_string)
}

/// Logs that cannot be made anew when they were renamed. What is no file of a disk is not rotated.
fn without_rotation(config: &Config) -> Vec<String> {
    let run_as = config.run_as.as_ref();
    let may = |directory: &Path| match run_as {
        Some(user) => user.may_make_in(directory) != Some(false),
        None => {
            !directory.is_dir()
                || rustix::fs::access(directory, Access::WRITE_OK | Access::EXEC_OK).is_ok()
        }
    };
    let is_rotated = |path: &Path| path.is_file() || !path.exists();
    let logs = config.transfer_logs.iter().map(|log| log.file.as_path());
    let mut stuck: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    for file in logs.filter(|path| is_rotated(path)) {
        let directory = directory_of(file);
        if !may(&directory) {
            let files = stuck.entry(directory).or_default();
            files.push(file.display().to_string());
        }
    }
    let warning = |(directory, files): (PathBuf, Vec<String>)| {
        let (user, directory, files) = (shown_user(run_as), directory.display(), files.join(", "));
        format!(
            "{user} cannot make files in {directory}, so SIGHUP cannot open {files} again after a \
             rename; chown or chmod the directory, or have logrotate create the file"
        )
    };
    stuck.into_iter().map(warning).collect()
}

/// What a reload reads or writes again, as a user who cannot.
fn lost(config: &Config, user: &RunAs) -> Option<String> {
    let tls = config.tls.iter();
    let own = tls.clone().filter_map(own_files);
    let own = own.flat_map(|(certificate, key)| [certificate, key]);
    let authority = tls.filter_map(|tls| Some(tls.clients.as_ref()?.file.clone()));
    let read = config.sources.iter().cloned().chain(own).chain(authority);
    let mut lost: Vec<_> = read
        .filter(|path| user.may_use(path, false) == Some(false))
        .collect();
    let logs = config.transfer_logs.iter().map(|log| log.file.clone());
    lost.extend(logs.filter(|path| user.may_use(path, true) == Some(false)));
    lost.sort_unstable();
    lost.dedup();
    let shown: Vec<_> = lost.iter().map(|path| path.display().to_string()).collect();
    (!shown.is_empty()).then(|| {
        let shown = shown.join(", ");
        format!("{user} cannot open {shown} again, so SIGHUP fails; chown or chmod it, or restart instead")
    })
}
