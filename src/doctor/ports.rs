//! The ports: whether a program has them already, which, and whether that is this server.
//!
//! It looks for the socket in `/proc/net` and for its process in `/proc/PID/fd`, of which an ordinary user
//! sees only its own processes.

use std::fs;
use std::net::SocketAddr;

use super::proc_net::listening;
use super::report::{Level, Report};
use super::server::{greeting, probed};
use crate::config::{Config, StatusAddress, overlap};
use crate::server::in_use;

const TOPIC: &str = "port";

/// A process.
struct Process {
    id: String,
    name: String,
}

pub(super) fn examine(report: &mut Report, config: &Config) {
    let used = in_use(config);
    if used.is_empty() {
        report.ok(TOPIC, "the addresses to listen at are free");
    }
    for (address, note) in used {
        match address {
            StatusAddress::Tcp(address) => {
                if examine_one(report, config, address) == Holder::ThisServer {
                    probed(report, address);
                }
            }
            StatusAddress::Unix(_) => report.add(Level::Note, TOPIC, note, ""),
        }
    }
}

/// Who has a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    /// A server of this kind, at a port for FTP.
    ThisServer,
    Other,
}

fn examine_one(report: &mut Report, config: &Config, address: SocketAddr) -> Holder {
    let is_plain = config.plain_listen().contains(&address);
    let answer = if is_plain {
        greeting(address)
    } else {
        String::new()
    };
    let Some(process) = inode_at(address).and_then(owner) else {
        let text = format!(
            "{address} is in use; this user cannot see by which program, so this may be the server \
                itself{answer}"
        );
        report.add(
            Level::Warning,
            TOPIC,
            text,
            format!(
                "run this as root, or ss -ltnp 'sport = :{}'",
                address.port()
            ),
        );
        return Holder::Other;
    };
    let Process { id, name } = process;
    let text = format!("{address} is in use by {name} (pid {id}){answer}");
    if name == "mioftpd" {
        let text = format!("{text}: this server runs already");
        report.add(Level::Note, TOPIC, text, "");
        if is_plain {
            return Holder::ThisServer;
        }
    } else {
        let remedy = format!("stop {name}, or change listen (--listen) to another port");
        report.add(Level::Error, TOPIC, text, remedy);
    }
    Holder::Other
}

/// The inode of the socket that keeps others from listening at this address.
fn inode_at(address: SocketAddr) -> Option<u64> {
    let texts = ["/proc/net/tcp", "/proc/net/tcp6"].map(fs::read_to_string);
    let texts = texts.into_iter().flatten();
    texts
        .flat_map(|text| listening(&text).collect::<Vec<_>>())
        .find(|one| {
            // A socket of IPv6 at all addresses may be one of IPv4 too; the other way round it is not.
            let ip = one.address.ip();
            let dual = ip.is_ipv6() && ip.is_unspecified() && one.address.port() == address.port();
            dual || overlap(one.address, address)
        })
        .map(|one| one.inode)
}

/// A process that has the socket open, among those that this user may see.
fn owner(inode: u64) -> Option<Process> {
    let link = format!("socket:[{inode}]");
    let all = fs::read_dir("/proc").ok()?.flatten();
    let has_it = |path: &std::path::Path| {
        let open = fs::read_dir(path.join("fd"))
            .into_iter()
            .flatten()
            .flatten();
        let mut open = open.filter_map(|entry| fs::read_link(entry.path()).ok());
        open.any(|target| target.as_os_str() == link.as_str())
    };
    let is_process = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    let mut processes = all.filter_map(|entry| {
        let id = entry.file_name().into_string().ok()?;
        is_process(&id).then_some((id, entry.path()))
    });
    let (id, path) = processes.find(|(_, path)| has_it(path))?;
    let name = fs::read_to_string(path.join("comm")).unwrap_or_default();
    let name = name.trim().escape_default().to_string();
    Some(Process { id, name })
}
