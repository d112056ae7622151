//! `--check`: predicts what a start would fail at or warn about.
//!
//! It neither listens nor writes, and does not disturb a running server. Blocking: it opens files
//! and directories, so it must not be called on the event loop.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, sockopt};

use super::listening::{is_optional, lacks_ipv6, plaintext_addresses};
use super::{Error, account_storage, features, mode, opening, status, tls, trace_file, warnings};
use crate::capacity::{Capacity, is_chosen};
use crate::cause::{self, cause};
use crate::config::{Certificate, Config, StatusAddress, TlsConfig, directory_of, overlap};
use crate::hash_memory::HashMemory;
use crate::limits::ConnectionLimit;
use crate::net::tls::certificate_files;
use crate::observe;
use crate::sandbox::RunAs;
use crate::storage::Disk;

/// The directories where PAM searches for service files (pam.d(5)).
const PAM_DIRECTORIES: [&str; 3] = ["/etc/pam.d", "/usr/lib/pam.d", "/usr/share/pam.d"];

/// A problem of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The server would not start.
    Failure(String),
    /// The server would start, but may not behave as intended.
    Note(String),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failure(text) => f.write_str(text),
            Self::Note(text) => write!(f, "note: {text}"),
        }
    }
}

/// All findings; `now` is in seconds since 1970.
pub fn check(config: &Config, now: i64) -> Vec<Finding> {
    let mut findings = check_settings(config, now);
    findings.extend(
        in_use(config)
            .into_iter()
            .map(|(_, text)| Finding::Note(text)),
    );
    findings
}

/// The addresses at which something listens already, with a note about each.
pub(crate) fn in_use(config: &Config) -> Vec<(StatusAddress, String)> {
    let addresses = tcp_addresses(config);
    let used = addresses.iter().enumerate().filter(|(index, address)| {
        let mut earlier = addresses.iter().take(*index);
        !earlier.any(|other| overlap(*other, **address))
            && try_bind(**address) == Err(Errno::ADDRINUSE)
    });
    let note = |address: SocketAddr| {
        let key = key_of(config, address);
        let origin = config.origins.prefix(None, key);
        format!(
            "{origin}{key}: {address} is in use: unless that is by the server to be restarted, a \
             start fails; ss -ltnp names the program: stop it, or use another port"
        )
    };
    let used = used.map(|(_, &address)| (StatusAddress::Tcp(address), note(address)));
    used.chain(status::in_use(config)).collect()
}

/// Whatever has a TCP listener of its own.
fn tcp_addresses(config: &Config) -> Vec<SocketAddr> {
    let mut addresses = plaintext_addresses(config, &[]);
    addresses.extend(config.tls_listen());
    addresses.extend(config.status.addresses());
    addresses
}

/// All findings but those about addresses in use.
pub(crate) fn check_settings(config: &Config, now: i64) -> Vec<Finding> {
    let notes = config.mistakes().into_iter().chain(config.notes());
    let no_directory = opening::note_without_directory(config).map(str::to_owned);
    let notes = no_directory.into_iter().chain(notes);
    let mut findings: Vec<_> = notes.map(Finding::Note).collect();
    findings.extend(features::check(config).err().map(Finding::Failure));
    for (own, root) in config.roots() {
        if let Err(error) = Disk::open_root(root) {
            let error = Error::Root(root.to_owned(), account_storage::key_of(config, own), error);
            findings.push(Finding::Failure(error.to_string()));
        }
    }
    let warnings = warnings::warnings(config, &plaintext_addresses(config, &[]), now);
    findings.extend(warnings.into_iter().map(Finding::Note));
    if let Some(tls) = &config.tls {
        findings.extend(check_tls(tls, now));
    }
    let addresses = tcp_addresses(config);
    findings.extend(check_addresses(config, &addresses));
    findings.extend(status::check(config));
    let trace = trace_file::may_write(config).err();
    findings.extend(trace.map(|error| Finding::Failure(error.to_string())));
    if config.active_from_default_port {
        findings.extend(check_default_ports(&addresses));
    }
    let logs = config.transfer_logs.iter();
    findings.extend(logs.filter_map(|log| check_log(&log.file)));
    let events = config.events.check();
    findings.extend(events.err().map(Finding::Failure));
    for (key, path) in [
        ("events.socket", config.events.socket.as_deref()),
        ("log.syslog", config.syslog.path()),
    ] {
        findings.extend(path.and_then(|path| check_socket(key, path)));
    }
    if let Some(Err(error)) = config.run_as.as_ref().map(RunAs::check) {
        findings.push(Finding::Failure(error.to_string()));
    } else if config.run_as.is_some() && !rustix::process::geteuid().is_root() {
        let text = "run-as: this user is not root and cannot start the server as another user";
        findings.push(Finding::Note(text.to_owned()));
    }
    findings.extend(check_pam_services(config));
    let (mode, capacity) = (mode(config), Capacity::measure());
    let profile = capacity.profile(config, mode);
    let refusal = HashMemory::measure().refusal(config, profile);
    findings.extend(refusal.map(Finding::Failure));
    let wanted = config.connections;
    let ConnectionLimit {
        connections, bound, ..
    } = capacity.connections(config, mode, profile);
    if connections < wanted && is_chosen(config) {
        let text = format!("limited to {connections} instead of {wanted} connections by {bound}");
        findings.push(Finding::Note(text));
    }
    findings
}

fn check_tls(config: &TlsConfig, now: i64) -> Vec<Finding> {
    let names = tls::check_names(config).map(Finding::Note);
    let mut findings = Vec::from_iter(names);
    let mut config = config.clone();
    if let Certificate::SelfSigned { state, names } = &config.certificate {
        let files = state.as_deref().map(certificate_files);
        let stored = files.filter(|(certificate, _)| certificate.exists());
        if let (None, Some(directory)) = (&stored, state) {
            findings.extend(check_state_directory(directory));
        }
        config.certificate = match stored {
            Some((certificate, key)) => Certificate::Files { certificate, key },
            // Created in memory only.
            None => Certificate::SelfSigned {
                state: None,
                names: names.clone(),
            },
        };
    }
    match tls::load(&config, None, now) {
        Ok(acceptor) => {
            let misuse = acceptor
                .misuse()
                .map(|problem| format!("The certificate {problem}"));
            let notes = acceptor.warning(now).into_iter().chain(misuse);
            findings.extend(notes.map(Finding::Note));
        }
        Err(error) => findings.push(Finding::Failure(error)),
    }
    findings
}

/// Checks that a certificate can be stored in this directory, which a start creates if it is missing.
fn check_state_directory(directory: &Path) -> Option<Finding> {
    let existing = directory.ancestors().find(|path| path.exists());
    let existing = existing.map_or_else(|| PathBuf::from("."), Path::to_owned);
    let shown = directory.display();
    if !existing.is_dir() {
        let blocking = existing.display();
        let text = format!("cannot keep a certificate in {shown}: {blocking} is not a directory");
        return Some(Finding::Failure(text));
    }
    let error = rustix::fs::access(&existing, Access::WRITE_OK | Access::EXEC_OK).err()?;
    let error = cause::of_path(&error.into(), &existing, Access::WRITE_OK);
    let text = format!("cannot keep a certificate in {shown}: {error}");
    Some(Finding::Failure(text))
}

/// Checks that a log can be opened for writing, or created in an existing directory.
fn check_log(file: &Path) -> Option<Finding> {
    let failure = |error: Errno| {
        let error = observe::RecordsError::Log(file.to_owned(), error.into());
        Some(Finding::Failure(error.to_string()))
    };
    if file.is_dir() {
        return failure(Errno::ISDIR);
    }
    if file.exists() {
        // Fails for sockets and for pipes without a reader, without side effects.
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::NONBLOCK | OFlags::CLOEXEC;
        return failure(rustix::fs::open(file, flags, Mode::empty()).err()?);
    }
    let wanted = Access::WRITE_OK | Access::EXEC_OK;
    failure(rustix::fs::access(directory_of(file), wanted).err()?)
}

/// The operator's program creates this socket, perhaps after the server has started: only a note.
fn check_socket(key: &str, path: &Path) -> Option<Finding> {
    let shown = path.display();
    let error = std::fs::metadata(path).err()?;
    let text = format!("{key}: {shown} is not there yet: {}", cause(&error));
    Some(Finding::Note(text))
}

/// A PAM service without a file falls back to `other`, which usually denies every login.
fn check_pam_services(config: &Config) -> Vec<Finding> {
    let services = config.accounts.services();
    let missing = services.filter(|service| {
        let mut directories = PAM_DIRECTORIES.iter();
        !directories.any(|directory| Path::new(directory).join(service).exists())
    });
    let [first, ..] = PAM_DIRECTORIES;
    let note =
        |service| format!("PAM service {service} is not configured: there is no {first}/{service}");
    missing
        .map(|service| Finding::Note(note(service)))
        .collect()
}

/// The key that has this address.
fn key_of(config: &Config, address: SocketAddr) -> &'static str {
    if config.tls_listen().contains(&address) {
        "tls.listen"
    } else if config.status.addresses().any(|one| one == address) {
        "status.listen"
    } else {
        "listen"
    }
}

fn check_addresses(config: &Config, all: &[SocketAddr]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, &address) in all.iter().enumerate() {
        let origin = config.origins.prefix(None, key_of(config, address));
        let mut earlier = all.iter().take(index);
        if let Some(other) = earlier.find(|one| overlap(**one, address)) {
            let text = format!("{origin}cannot listen at both {address} and {other}: they overlap");
            findings.push(Finding::Failure(text));
            continue;
        }
        match try_bind(address) {
            // A check of the configuration of the running server must not fail: `in_use` reports it.
            Ok(()) | Err(Errno::ADDRINUSE) => {}
            Err(error) if is_optional(config, address) && lacks_ipv6(&error.into()) => {}
            Err(error) => {
                let error = Error::Listen(address, error.into());
                findings.push(Finding::Failure(format!("{origin}{error}")));
            }
        }
    }
    findings
}

/// Checks that active data connections can use the port below each control port (RFC 959 §3.2).
fn check_default_ports(all: &[SocketAddr]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for address in all {
        let port = address.port().saturating_sub(1);
        if port == 0 {
            continue;
        }
        let why = match try_bind(SocketAddr::new(address.ip(), port)) {
            Err(Errno::ADDRINUSE) => "another program listens there",
            Err(Errno::ACCESS) => {
                "it needs a start as root or with CAP_NET_BIND_SERVICE, which the server then keeps"
            }
            // Any other error is about the address, and `check_addresses` reports it.
            Ok(()) | Err(_) => continue,
        };
        let text = format!(
            "active.from-default-port: port {port} cannot be bound: {why}; data connections will come \
             from another port"
        );
        findings.push(Finding::Note(text));
    }
    findings
}

/// Binds the address and closes the socket without listening: no client can connect in between.
fn try_bind(address: SocketAddr) -> rustix::io::Result<()> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = rustix::net::socket(family, SocketType::STREAM, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    rustix::net::bind(&socket, &address)
}
