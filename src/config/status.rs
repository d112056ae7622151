//! The keys of `[status]`: where the status service listens, and who may connect.
//!
//! Plain data, also in a build without the service, which then refuses to listen.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::limits::status::{LOCAL_RESERVE, REFUSED_CONNECTIONS, STATUS_CONNECTIONS};

/// What begins the notation of a Unix socket.
const UNIX: &str = "unix:";

/// Where the status service listens, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusConfig {
    /// Its addresses. Empty: there is no service.
    pub listen: Vec<StatusAddress>,
    /// Whether an address may be one that other hosts reach.
    pub public: bool,
    /// Names of this host by which clients over TCP may call it, besides `localhost` and addresses.
    pub hosts: Vec<String>,
    /// The most connections at once.
    pub connections: usize,
    /// The permission bits of its Unix sockets.
    pub mode: SocketMode,
    /// The group of its Unix sockets, by name or number. `None`: that of the process.
    pub group: Option<String>,
}

impl Default for StatusConfig {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            public: false,
            hosts: Vec::new(),
            connections: STATUS_CONNECTIONS,
            mode: SocketMode::OWNER,
            group: None,
        }
    }
}

impl StatusConfig {
    /// Its addresses of TCP.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.listen.iter().filter_map(|address| match address {
            StatusAddress::Tcp(address) => Some(*address),
            StatusAddress::Unix(_) => None,
        })
    }

    /// The descriptors that it may use.
    pub(crate) const fn descriptors(&self) -> usize {
        match self.listen.len() {
            0 => 0,
            listeners => listeners + self.connections + LOCAL_RESERVE + REFUSED_CONNECTIONS,
        }
    }

    /// The paths of its Unix sockets.
    pub fn sockets(&self) -> impl Iterator<Item = &Path> {
        self.listen.iter().filter_map(|address| match address {
            StatusAddress::Tcp(_) => None,
            StatusAddress::Unix(path) => Some(path.as_path()),
        })
    }
}

/// An address of the status service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusAddress {
    /// An address of TCP.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl StatusAddress {
    /// Whether other hosts may reach it.
    pub(crate) fn is_remote(&self) -> bool {
        matches!(self, Self::Tcp(address) if !address.ip().to_canonical().is_loopback())
    }
}

impl fmt::Display for StatusAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

/// The most bytes of the path of a Unix socket: `sun_path` of unix(7), with its NUL.
const PATH_BYTES: usize = 107;

/// Why a text is no address of the status service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadStatusAddress {
    /// It is neither an address with a port nor `unix:` and an absolute path.
    Neither,
    /// The path has so many bytes, which are more than the kernel takes.
    TooLong(usize),
}

impl fmt::Display for BadStatusAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Neither => f.write_str("it is neither an address with a port nor a Unix socket"),
            Self::TooLong(bytes) => write!(
                f,
                "the path of this Unix socket has {bytes} bytes; write one of at most {PATH_BYTES}, such as \
                 \"unix:/run/mioftpd/status.sock\""
            ),
        }
    }
}

impl FromStr for StatusAddress {
    type Err = BadStatusAddress;

    fn from_str(text: &str) -> Result<Self, BadStatusAddress> {
        let Some(path) = text.strip_prefix(UNIX).map(PathBuf::from) else {
            let address = text.parse().map(Self::Tcp);
            return address.map_err(|_| BadStatusAddress::Neither);
        };
        // It names the same socket wherever the program is started.
        if !path.is_absolute() || path.file_name().is_none() {
            return Err(BadStatusAddress::Neither);
        }
        match path.as_os_str().len() {
            bytes if bytes > PATH_BYTES => Err(BadStatusAddress::TooLong(bytes)),
            _ => Ok(Self::Unix(path)),
        }
    }
}

/// Permission bits, 0 to 0o777.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketMode(u16);

impl SocketMode {
    /// Only the owner and root may connect.
    pub const OWNER: Self = Self(0o600);

    /// The bits.
    pub fn bits(self) -> u32 {
        self.0.into()
    }
}

impl fmt::Display for SocketMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

/// The text is not an octal number of permission bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSocketMode;

impl FromStr for SocketMode {
    type Err = BadSocketMode;

    fn from_str(text: &str) -> Result<Self, BadSocketMode> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let bits = u16::from_str_radix(text, 8).or(Err(BadSocketMode))?;
        let bits = Some(bits).filter(|bits| digits && *bits <= 0o777);
        bits.map(Self).ok_or(BadSocketMode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_of_tcp_or_absolute_paths() {
        for (text, is_remote) in [
            ("127.0.0.1:9121", false),
            ("[::1]:9121", false),
            ("[::ffff:127.0.0.1]:9121", false),
            ("unix:/run/mioftpd/status.sock", false),
            ("0.0.0.0:9121", true),
            ("[::]:9121", true),
            ("192.0.2.1:9121", true),
        ] {
            let address: StatusAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
            assert_eq!(address.is_remote(), is_remote, "{text}");
        }
        for text in [
            "",
            "9121",
            "localhost:9121",
            "unix:",
            "unix:status.sock",
            "unix:/",
            "/run/s",
        ] {
            assert_eq!(
                text.parse::<StatusAddress>(),
                Err(BadStatusAddress::Neither),
                "{text}"
            );
        }
        let path = |bytes: usize| format!("unix:/{}", "x".repeat(bytes - 1));
        assert!(path(107).parse::<StatusAddress>().is_ok());
        let too_long = path(108).parse::<StatusAddress>();
        assert_eq!(too_long, Err(BadStatusAddress::TooLong(108)));
    }

    #[test]
    fn mode_is_octal() {
        for (text, bits) in [("0600", 0o600), ("660", 0o660), ("0", 0), ("777", 0o777)] {
            let mode: SocketMode = text.parse().unwrap();
            assert_eq!(mode.bits(), bits);
        }
        assert_eq!(SocketMode::OWNER.to_string(), "0600");
        for text in ["", "1000", "8", "rw", "+600", "-1"] {
            assert_eq!(text.parse::<SocketMode>(), Err(BadSocketMode), "{text}");
        }
    }
}
