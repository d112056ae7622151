//! Opens the sockets of the status service, before the process drops its privileges, and checks beforehand
//! whether it could.
//!
//! What is served there is the reactor's.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt as _;

use rustix::fs::{Access, access};

use super::Error;
use crate::cause;
use crate::config::{Config, StatusAddress, directory_of};
use crate::net::LocalAccess;
use crate::reactor::{Reactor, StatusPolicy};
use crate::sandbox::group_id;

/// Whether this build has the service.
pub(super) const IS_BUILT_IN: bool = true;

/// Why another file is in the way, and what to do.
const NO_SOCKET: &str = "the file there is no socket: move it away or name another path";

/// Why a start could not listen at a Unix socket of this configuration.
pub(super) fn failures(config: &Config) -> Vec<String> {
    let group = config.status.group.as_deref().map(group_id);
    let unknown = group
        .and_then(Result::err)
        .map(|why| format!("status.group: {why}"));
    let sockets = config.status.sockets().filter_map(|path| {
        let (shown, directory) = (path.display(), directory_of(path));
        let why = match fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => NO_SOCKET.to_owned(),
            _ => {
                let wanted = Access::WRITE_OK | Access::EXEC_OK;
                let error = access(&directory, wanted).err()?;
                cause::of_path(&error.into(), &directory, wanted)
            }
        };
        Some(format!(
            "cannot listen at unix:{shown} (status.listen): {why}"
        ))
    });
    sockets.chain(unknown).collect()
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
