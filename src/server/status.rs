//! Opens the sockets of the status service, before the process drops its privileges, and checks beforehand
//! whether it could.
//!
//! What is served there is the reactor's.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use rustix::fs::{Access, access};

use super::{Error, Finding};
use crate::cause;
use crate::config::{Config, StatusAddress, directory_of};
use crate::net::{LocalAccess, local::is_served};
use crate::reactor::{Reactor, StatusPolicy};
use crate::sandbox::group_id;

/// Whether this build has the service.
pub(super) const IS_BUILT_IN: bool = true;

/// Why another file is in the way, and what to do.
const NO_SOCKET: &str = "the file there is no socket: move it away or name another path";

/// What `--check` finds about the Unix sockets of this configuration.
pub(super) fn check(config: &Config) -> Vec<Finding> {
    let group = config.status.group.as_deref().map(group_id);
    let unknown = group
        .and_then(Result::err)
        .map(|why| Finding::Failure(format!("status.group: {why}")));
    let sockets = config.status.sockets().filter_map(check_socket);
    sockets.chain(unknown).collect()
}

/// The sockets at which a server listens already, with a note about each.
pub(super) fn in_use(config: &Config) -> Vec<(StatusAddress, String)> {
    let is_socket =
        |path: &Path| fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    let sockets = config.status.sockets();
    let served = sockets.filter(|path| is_socket(path) && is_served(path));
    let note = |path: &Path| {
        let text = format!(
            "status.listen: unix:{} is in use: unless that is by the server to be restarted, a start \
             fails; stop the other one or name another path",
            path.display()
        );
        (StatusAddress::Unix(path.to_owned()), text)
    };
    served.map(note).collect()
}

fn check_socket(path: &Path) -> Option<Finding> {
    let (shown, directory) = (path.display(), directory_of(path));
    let failure = |why: &str| {
        let text = format!("cannot listen at unix:{shown} (status.listen): {why}");
        Some(Finding::Failure(text))
    };
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => failure(NO_SOCKET),
        // A check of the configuration of the running server must not fail: `in_use` reports it.
        Ok(_) if is_served(path) => None,
        _ => {
            let wanted = Access::WRITE_OK | Access::EXEC_OK;
            let error = access(&directory, wanted).err()?;
            failure(&cause::of_path(&error.into(), &directory, wanted))
        }
    }
}

/// Listens at the configured addresses, and logs them.
pub(super) fn open(reactor: &mut Reactor, config: &Config) -> Result<(), Error> {
    let status = &config.status;
    if status.listen.is_empty() {
        return Ok(());
    }
    let group = status.group.as_deref().map(group_id).transpose();
    let group = group.map_err(|why| Error::Status(format!("status.group: {why}")))?;
    let access = LocalAccess {
        mode: status.mode.bits(),
        group,
    };
    let mut shown = Vec::new();
    for address in &status.listen {
        let opened = match address {
            StatusAddress::Tcp(address) => reactor.serve_status(*address).map(StatusAddress::Tcp),
            StatusAddress::Unix(path) => {
                let opened = reactor.serve_status_locally(path, access);
                opened.map(|()| address.clone())
            }
        };
        let opened = opened.map_err(|error| {
            let why = reason(address, &error);
            Error::Status(format!("cannot listen at {address} (status.listen): {why}"))
        })?;
        shown.push(opened.to_string());
    }
    reactor.set_status_policy(StatusPolicy {
        connections: status.connections,
        hosts: status.hosts.clone(),
    });
    log::info!("Serving the status at {}", shown.join(", "));
    Ok(())
}

fn reason(address: &StatusAddress, error: &io::Error) -> String {
    match (address, error.kind()) {
        (StatusAddress::Tcp(address), _) => {
            let port = format_args!("port {}", address.port());
            cause::of_listening(error, &port)
        }
        (StatusAddress::Unix(_), io::ErrorKind::AlreadyExists) => NO_SOCKET.to_owned(),
        (StatusAddress::Unix(_), io::ErrorKind::AddrInUse) => {
            "another server listens there or is starting: stop it or name another path".to_owned()
        }
        (StatusAddress::Unix(path), _) => {
            let wanted = Access::WRITE_OK | Access::EXEC_OK;
            cause::of_path(error, &directory_of(path), wanted)
        }
    }
}
