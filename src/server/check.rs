//! What would go wrong at a start, found without one: nothing is listened at, nothing is written,
//! and a server that runs is not disturbed.
//!
//! It opens files and directories, so it is never called on the loop.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, sockopt};

use super::listening::{in_the_clear, lacks_ipv6};
use super::{Error, account_storage, mode, opening, tls, warnings, workers};
use crate::capacity;
use crate::cause::{self, cause};
use crate::config::{Certificate, Config, TlsConfig, overlap};
use crate::limits::Room;
use crate::net::tls::kept_files;
use crate::observe;
use crate::sandbox::RunAs;
use crate::storage::Disk;

/// Where PAM looks for services (pam.d(5)).
const PAM_DIRECTORIES: [&str; 3] = ["/etc/pam.d", "/usr/lib/pam.d", "/usr/share/pam.d"];

/// What an operator should know of a configuration before it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The server would not start.
    Failure(String),
    /// It would, and something may be other than what is meant.
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

/// All that is found; `now` is in seconds since 1970.
pub fn check(config: &Config, now: i64) -> Vec<Finding> {
    let notes = config.mistakes().into_iter().chain(config.notes());
    let unserved = opening::unserved(config).map(str::to_owned);
    let notes = unserved.into_iter().chain(notes);
    let mut findings: Vec<_> = notes.map(Finding::Note).collect();
    for (seen, root) in config.roots() {
        if let Err(error) = Disk::open_root(root) {
            let error = Error::Root(
                root.to_owned(),
                account_storage::key_of(config, seen),
                error,
            );
            findings.push(Finding::Failure(error.to_string()));
        }
    }
    let warnings = warnings::warnings(config, &in_the_clear(config, &[]));
    findings.extend(warnings.into_iter().map(Finding::Note));
    if let Some(tls) = &config.tls {
        findings.extend(look_at_tls(tls, now));
    }
    let listened = Listened::by(config);
    findings.extend(look_at_addresses(&listened));
    if config.active_from_default_port {
        findings.extend(look_at_default_ports(&listened));
    }
    let logs = config.transfer_logs.iter();
    findings.extend(logs.filter_map(|log| look_at_log(&log.file)));
    let events = config.events.check();
    findings.extend(events.err().map(Finding::Failure));
    findings.extend(config.events.socket.as_deref().and_then(look_at_socket));
    if let Some(Err(error)) = config.run_as.as_ref().map(RunAs::check) {
        findings.push(Finding::Failure(error.to_string()));
    } else if config.run_as.is_some() && !rustix::process::geteuid().is_root() {
        let text = "who starts this is not root, and cannot run it as another user";
        findings.push(Finding::Note(text.to_owned()));
    }
    findings.extend(look_at_services(config));
    let equipment = capacity::equipment(config, workers(config));
    let wanted = config.connections;
    let Room { connections, bound } = capacity::connections(config, mode(config), equipment);
    if connections < wanted {
        let text =
            format!("there is room for {connections} connections and not for {wanted}, by {bound}");
        findings.push(Finding::Note(text));
    }
    findings
}

fn look_at_tls(config: &TlsConfig, now: i64) -> Vec<Finding> {
    let mut findings: Vec<_> = tls::look_at_names(config)
        .map(Finding::Note)
        .into_iter()
        .collect();
    let mut config = config.clone();
    if let Certificate::SelfSigned { state, names } = &config.certificate {
        let files = state.as_deref().map(kept_files);
        let kept = files.filter(|(certificate, _)| certificate.exists());
        if let (None, Some(directory)) = (&kept, state) {
            findings.extend(look_at_state(directory));
        }
        config.certificate = match kept {
            Some((certificate, key)) => Certificate::Files { certificate, key },
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
                .map(|what| format!("The certificate {what}"));
            let notes = acceptor.warning(now).into_iter().chain(misuse);
            findings.extend(notes.map(Finding::Note));
        }
        Err(error) => findings.push(Finding::Failure(error.to_string())),
    }
    findings
}

/// Whether a certificate can be kept there; a directory that is missing is made.
fn look_at_state(directory: &Path) -> Option<Finding> {
    let existing = directory.ancestors().find(|path| path.exists());
    let here = existing.map_or_else(|| PathBuf::from("."), Path::to_owned);
    let shown = directory.display();
    if !here.is_dir() {
        let text = format!("cannot keep a certificate in {shown}: it is no directory");
        return Some(Finding::Failure(text));
    }
    let error = rustix::fs::access(&here, Access::WRITE_OK | Access::EXEC_OK).err()?;
    let error = cause::of_path(&error.into(), &here, Access::WRITE_OK);
    let text = format!("cannot keep a certificate in {shown}: {error}");
    Some(Finding::Failure(text))
}

/// Whether it can be written to; one that is missing is made, in a directory that is there.
fn look_at_log(file: &Path) -> Option<Finding> {
    let failure = |error: Errno| {
        let error = observe::Error::Log(file.to_owned(), error.into());
        Some(Finding::Failure(error.to_string()))
    };
    if file.is_dir() {
        return failure(Errno::ISDIR);
    }
    if file.exists() {
        // It tells of sockets, and of pipes that no program reads, and changes nothing.
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::NONBLOCK | OFlags::CLOEXEC;
        return failure(rustix::fs::open(file, flags, Mode::empty()).err()?);
    }
    let parent = file.parent().filter(|parent| *parent != Path::new(""));
    let parent = parent.unwrap_or_else(|| Path::new("."));
    let wanted = Access::WRITE_OK | Access::EXEC_OK;
    failure(rustix::fs::access(parent, wanted).err()?)
}

/// Whether there is a socket, where the server does not make it.
fn look_at_socket(path: &Path) -> Option<Finding> {
    let shown = path.display();
    let error = std::fs::metadata(path).err()?;
    let text = format!("events.socket: {shown} is not there yet: {}", cause(&error));
    Some(Finding::Note(text))
}

/// Whether PAM has what it is asked by: where not, its service `other` denies everybody.
fn look_at_services(config: &Config) -> Vec<Finding> {
    let services = config.accounts.services();
    let missing = services.filter(|service| {
        let mut places = PAM_DIRECTORIES.iter();
        !places.any(|place| Path::new(place).join(service).exists())
    });
    let [first, ..] = PAM_DIRECTORIES;
    let note = |service| format!("PAM knows no service {service}: there is no {first}/{service}");
    missing
        .map(|service| Finding::Note(note(service)))
        .collect()
}

/// Where a server would listen.
struct Listened {
    addresses: Vec<SocketAddr>,
    /// Whether it is told none.
    is_default: bool,
}

impl Listened {
    fn by(config: &Config) -> Self {
        let secure = config.tls.as_ref().map_or(&[][..], |tls| &tls.listen);
        let plain = in_the_clear(config, &[]);
        Self {
            addresses: plain.iter().chain(secure).copied().collect(),
            is_default: config.listen.is_empty(),
        }
    }
}

fn look_at_addresses(listened: &Listened) -> Vec<Finding> {
    let Listened {
        addresses: all,
        is_default,
    } = listened;
    let mut findings = Vec::new();
    for (index, &address) in all.iter().enumerate() {
        let earlier = all.iter().take(index);
        if let Some(other) = earlier.into_iter().find(|one| overlap(**one, address)) {
            let text = format!("cannot listen at {address} and at {other}");
            findings.push(Finding::Failure(text));
            continue;
        }
        match try_bind(address) {
            Ok(()) => {}
            Err(Errno::ADDRINUSE) => {
                let text = format!("{address} is in use, perhaps by a server that runs already");
                findings.push(Finding::Note(text));
            }
            Err(error) if *is_default && address.is_ipv6() && lacks_ipv6(&error.into()) => {}
            Err(error) => {
                let error = Error::Listen(address, error.into());
                findings.push(Finding::Failure(error.to_string()));
            }
        }
    }
    findings
}

/// Whether data connections can come from the ports before those that are listened at.
fn look_at_default_ports(listened: &Listened) -> Vec<Finding> {
    let mut findings = Vec::new();
    for address in &listened.addresses {
        let port = address.port().saturating_sub(1);
        if port == 0 {
            continue;
        }
        let why = match try_bind(SocketAddr::new(address.ip(), port)) {
            Err(Errno::ADDRINUSE) => "another program listens there",
            Err(Errno::ACCESS) => {
                "it needs a start as root or with CAP_NET_BIND_SERVICE, which is kept then"
            }
            // Anything else is of the address, and said of that.
            Ok(()) | Err(_) => continue,
        };
        let text = format!(
            "active.from-default-port: port {port} cannot be taken: {why}; data connections will come \
             from another port"
        );
        findings.push(Finding::Note(text));
    }
    findings
}

/// Takes the address and lets it go, without being seen there: nothing listens.
fn try_bind(address: SocketAddr) -> rustix::io::Result<()> {
    let family = if address.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let socket = rustix::net::socket(family, SocketType::STREAM, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    rustix::net::bind(&socket, &address)
}
