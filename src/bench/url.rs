//! The URL of the server that is measured (RFC 1738 §3.2): `ftp://`, `ftpes://` and `ftps://`.
//!
//! Text only: names are looked up elsewhere. What becomes part of a command must not end it, so a decoded CR,
//! LF or NUL is refused. An error never repeats the password.

use std::fmt;
use std::net::Ipv6Addr;

/// How the control connection is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Protection {
    /// Not at all.
    #[default]
    Clear,
    /// By AUTH TLS (RFC 4217).
    Explicit,
    /// By TLS from the first byte on.
    Implicit,
}

/// A URL, decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ServerUrl {
    /// From the scheme.
    pub(crate) protection: Protection,
    /// The name of the user.
    pub(crate) user: Option<Vec<u8>>,
    /// The password.
    pub(crate) password: Option<Vec<u8>>,
    /// A name or an address, without brackets.
    pub(crate) host: String,
    /// The port, or that of the scheme.
    pub(crate) port: u16,
    /// The path without its first slash, relative to the directory of the login.
    pub(crate) path: Vec<u8>,
}

/// Why a text is not such a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UrlError {
    /// None of the three schemes.
    Scheme,
    /// The host is missing, or is not an address in its brackets.
    Host,
    /// The port is not a number from 1 to 65535.
    Port,
    /// A `%` without two hexadecimal digits.
    Percent,
    /// A CR, LF or NUL.
    Control,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => {
                "it has none of the schemes ftp://, ftpes:// (AUTH TLS) and ftps:// (implicit TLS)"
            }
            Self::Host => "it has no host; write a name, an IPv4 address or [an IPv6 address]",
            Self::Port => "its port is not a number from 1 to 65535",
            Self::Percent => "a % in it has no two hexadecimal digits; write %25 for a %",
            Self::Control => "it has a CR, LF or NUL, which would end a command",
        })
    }
}

impl ServerUrl {
    /// Parses `scheme://[user[:password]@]host[:port][/path]`.
    pub(crate) fn parse(text: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
        let (protection, port) = match scheme.to_ascii_lowercase().as_str() {
            "ftp" => (Protection::Clear, 21),
            "ftpes" => (Protection::Explicit, 21),
            "ftps" => (Protection::Implicit, 990),
            _ => return Err(UrlError::Scheme),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        // A password may contain an `@` that is not encoded.
        let (login, place) = match authority.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, authority),
        };
        let (user, password) = match login.map(|login| login.split_once(':').ok_or(login)) {
            Some(Ok((user, password))) => (Some(decode(user)?), Some(decode(password)?)),
            Some(Err(user)) => (Some(decode(user)?), None),
            None => (None, None),
        };
        let (host, written_port) = split_port(place)?;
        let port = match written_port {
            None => port,
            Some(text) => number(text).ok_or(UrlError::Port)?,
        };
        Ok(Self {
            protection,
            user,
            password,
            host: host.to_owned(),
            port,
            path: decode(path)?,
        })
    }
}

/// `host`, `host:port`, `[address]` and `[address]:port`.
fn split_port(place: &str) -> Result<(&str, Option<&str>), UrlError> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (address, after) = rest.split_once(']').ok_or(UrlError::Host)?;
            address.parse::<Ipv6Addr>().map_err(|_| UrlError::Host)?;
            let port = match after {
                "" => None,
                after => Some(after.strip_prefix(':').ok_or(UrlError::Port)?),
            };
            (address, port)
        }
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    if host.is_empty() {
        return Err(UrlError::Host);
    }
    Ok((host, port))
}

fn number(text: &str) -> Option<u16> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| is_number && *port > 0)
}

/// Decodes `%41`, and refuses what would end a command.
fn decode(text: &str) -> Result<Vec<u8>, UrlError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.as_bytes();
    while let [first, rest @ ..] = bytes {
        let (byte, after) = match (first, rest) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                let (high, low) = digit(high).zip(digit(low)).ok_or(UrlError::Percent)?;
                let byte = u8::try_from(high * 16 + low).map_err(|_| UrlError::Percent)?;
                (byte, after)
            }
            (b'%', _) => return Err(UrlError::Percent),
            (byte, after) => (*byte, after),
        };
        if matches!(byte, b'\r' | b'\n' | 0) {
            return Err(UrlError::Control);
        }
        decoded.push(byte);
        bytes = after;
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> ServerUrl {
        ServerUrl::parse(text).unwrap()
    }

    #[test]
    fn schemes_choose_protection_and_port() {
        for (text, protection, port) in [
            ("ftp://h", Protection::Clear, 21),
            ("FTPES://h/", Protection::Explicit, 21),
            ("ftps://h", Protection::Implicit, 990),
            ("ftps://h:2121", Protection::Implicit, 2121),
        ] {
            let url = parsed(text);
            assert_eq!((url.protection, url.port), (protection, port), "{text}");
            assert_eq!((url.host.as_str(), url.path), ("h", vec![]), "{text}");
        }
    }

    #[test]
    fn parts_are_decoded() {
        let url = parsed("ftp://ann%40b:p%3a@ss:x@[::1]:2121/dir/a%20b%ff");
        assert_eq!(url.user.unwrap(), b"ann@b");
        assert_eq!(url.password.unwrap(), b"p:@ss:x");
        assert_eq!((url.host.as_str(), url.port), ("::1", 2121));
        assert_eq!(url.path, b"dir/a b\xff");
        let url = parsed("ftp://ann@h//etc");
        assert_eq!((url.user.unwrap(), url.password), (b"ann".to_vec(), None));
        assert_eq!(url.path, b"/etc");
    }

    #[test]
    fn wrong_urls_are_refused() {
        for (text, error) in [
            ("", UrlError::Scheme),
            ("127.0.0.1", UrlError::Scheme),
            ("http://h", UrlError::Scheme),
            ("ftp://", UrlError::Host),
            ("ftp://u@:21", UrlError::Host),
            ("ftp://[::1", UrlError::Host),
            ("ftp://[h]", UrlError::Host),
            ("ftp://[::1]21", UrlError::Port),
            ("ftp://h:0", UrlError::Port),
            ("ftp://h:65536", UrlError::Port),
            ("ftp://h:+21", UrlError::Port),
            ("ftp://h:", UrlError::Port),
            ("ftp://h/%", UrlError::Percent),
            ("ftp://h/%4", UrlError::Percent),
            ("ftp://h/%+1", UrlError::Percent),
            ("ftp://h/%0d%0aDELE%20x", UrlError::Control),
            ("ftp://a%00@h", UrlError::Control),
        ] {
            assert_eq!(ServerUrl::parse(text), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn encoded_path_is_decoded(path in proptest::collection::vec(1..=255_u8, 0..40)) {
            let path: Vec<u8> = path.into_iter().filter(|byte| !b"\r\n".contains(byte)).collect();
            let encoded: Vec<_> = path.iter().map(|byte| format!("%{byte:02x}")).collect();
            let encoded = encoded.concat();
            prop_assert_eq!(parsed(&format!("ftp://h/{encoded}")).path, path);
        }

        #[test]
        fn garbage_is_an_error_or_a_url(text in "(ftp://)?[a-z:@/%\\[\\]0-9]{0,30}") {
            let _ = ServerUrl::parse(&text);
        }
    }
}
