//! Warnings about a valid configuration: passwords sent in the clear, secrets readable by every user
//! of the host, files that the `run-as` user cannot open.
//!
//! One line each, with the remedy; logged at a start and after a reload, and printed by `--check`.
//! Blocking: it reads file metadata, so it must not be called on the event loop.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use super::{closed_accounts, tls};
use crate::auth::Account;
use crate::config::{Config, TlsConfig, directory_of};
use crate::sandbox::RunAs;
use crate::session::TlsRequired;

/// Entries of a directory that are examined in search of a writable subdirectory.
const ENTRIES: usize = 256;

pub(super) fn log(config: &Config, addresses: &[SocketAddr], now: i64) {
    for warning in warnings(config, addresses, now) {
        log::warn!("{warning}");
    }
}

/// All warnings for this configuration; `addresses` are those without implicit TLS, and `now` is in seconds
/// since 1970.
pub(super) fn warnings(config: &Config, addresses: &[SocketAddr], now: i64) -> Vec<String> {
    if config.root.is_none() {
        return Vec::new();
    }
    let mut found: Vec<String> = plaintext_passwords(config, addresses).into_iter().collect();
    let secrets = secrets(config);
    let exposed = secrets.iter().filter(|(_, path)| is_world_readable(path));
    found.extend(exposed.map(|(what, path)| {
        let path = path.display();
        format!("Every user of this host can read the {what} {path}; chmod o-r it")
    }));
    for (seen, root) in config.roots() {
        let may_write = config.accounts.may_write(seen);
        found.extend(inaccessible_root(root, may_write, config.run_as.as_ref()));
    }
    let run_as = config.run_as.as_ref();
    found.extend(run_as.and_then(|user| not_reloadable(config, user)));
    found.extend(not_rotatable(config));
    found.extend(closed_accounts::warnings(config, now));
    found
}

/// Loopback traffic cannot be intercepted. An explicit `tls.require` is the operator's decision.
fn plaintext_passwords(config: &Config, addresses: &[SocketAddr]) -> Option<String> {
    let has_password = |account: &Account| account.enabled && account.is_personal();
    let is_explicit = config.origins.is_set(None, "tls.require");
    let is_loopback = |address: &SocketAddr| address.ip().to_canonical().is_loopback();
    if is_explicit
        || addresses.iter().all(is_loopback)
        || !config.accounts.iter().any(|account| has_password(account))
    {
        return None;
    }
    let text = match &config.tls {
        Some(tls) if tls.policy.require != TlsRequired::Nothing => return None,
        Some(_) => {
            "Passwords may go in the clear: set tls.require (--tls-require) to \"login\", or to \"none\" \
             if that is intended"
        }
        None => tls::PLAINTEXT_PASSWORDS,
    };
    Some(text.to_owned())
}

/// Files that only the server should be able to read, with what they contain.
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
    let key = config.tls.iter().filter_map(|tls| Some(tls.own_files()?.1));
    let mut secrets: Vec<_> = sources.chain(key.map(|key| ("private key", key))).collect();
    secrets.dedup();
    secrets
}

/// Checks the file's mode and the search permission of every directory above it.
fn is_world_readable(path: &Path) -> bool {
    let allows = |path: &Path, bit| fs::metadata(path).is_ok_and(|found| found.mode() & bit != 0);
    let Ok(path) = path.canonicalize() else {
        return false;
    };
    allows(&path, 0o4) && path.ancestors().skip(1).all(|above| allows(above, 0o1))
}

/// A served directory that the server cannot list, or cannot write to although an account may.
/// A writable subdirectory is enough: a read-only root with one is a usual set-up.
fn inaccessible_root(root: &Path, may_write: bool, run_as: Option<&RunAs>) -> Option<String> {
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
    let has_writable_directory = || {
        let entries = fs::read_dir(root).into_iter().flatten().take(ENTRIES);
        let mut directories = entries.flatten().filter(|entry| entry.path().is_dir());
        directories.any(|entry| may(&entry.path(), true))
    };
    let action = if !may(root, false) {
        "list"
    } else if may_write && !may(root, true) && !has_writable_directory() {
        "write to"
    } else {
        return None;
    };
    let (user, shown) = (shown_user(run_as), root.display());
    let stopped = run_as.and_then(|user| user.stopped_at(root));
    let why = match stopped.as_deref().map(Path::display) {
        Some(above) => format!("it may not pass through {above}; chmod a+x {above}"),
        None => "its permissions do not allow it; chown or chmod it".to_owned(),
    };
    Some(format!("{user} cannot {action} {shown}: {why}"))
}

fn shown_user(run_as: Option<&RunAs>) -> String {
    run_as.map_or_else(|| "this user".to_owned(), ToString::to_string)
}

/// Logs that cannot be created again after a rotation. Pipes and devices are not rotated.
fn not_rotatable(config: &Config) -> Vec<String> {
    let run_as = config.run_as.as_ref();
    let may = |directory: &Path| match run_as {
        Some(user) => user.may_create_in(directory) != Some(false),
        None => {
            !directory.is_dir()
                || rustix::fs::access(directory, Access::WRITE_OK | Access::EXEC_OK).is_ok()
        }
    };
    let is_rotated = |path: &Path| path.is_file() || !path.exists();
    let logs = config.transfer_logs.iter().map(|log| log.file.as_path());
    let mut stuck: Vec<(PathBuf, Vec<String>)> = Vec::new();
    for file in logs.filter(|path| is_rotated(path)) {
        let (directory, file) = (directory_of(file), file.display().to_string());
        if may(&directory) {
            continue;
        }
        match stuck.iter_mut().find(|(one, _)| *one == directory) {
            Some((_, files)) => files.push(file),
            None => stuck.push((directory, vec![file])),
        }
    }
    let warning = |(directory, files): (PathBuf, Vec<String>)| {
        let (user, directory, files) = (shown_user(run_as), directory.display(), files.join(", "));
        format!(
            "{user} cannot create files in {directory}, so SIGHUP cannot open {files} again after a \
             rename; chown or chmod the directory, or have logrotate create the file"
        )
    };
    stuck.into_iter().map(warning).collect()
}

/// Files that a reload opens again, and that the `run-as` user cannot open.
fn not_reloadable(config: &Config, user: &RunAs) -> Option<String> {
    let tls = config.tls.iter();
    let own = tls.clone().filter_map(TlsConfig::own_files);
    let own = own.flat_map(|(certificate, key)| [certificate, key]);
    let authority = tls.filter_map(|tls| Some(tls.clients.as_ref()?.file.clone()));
    let read = config.sources.iter().cloned().chain(own).chain(authority);
    let mut denied: Vec<_> = read
        .filter(|path| user.may_use(path, false) == Some(false))
        .collect();
    let logs = config.transfer_logs.iter().map(|log| log.file.clone());
    denied.extend(logs.filter(|path| user.may_use(path, true) == Some(false)));
    denied.sort_unstable();
    denied.dedup();
    let shown: Vec<_> = denied
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    (!shown.is_empty()).then(|| {
        let shown = shown.join(", ");
        format!(
            "{user} cannot open {shown} again, so SIGHUP fails; chown or chmod it, or restart instead"
        )
    })
}
