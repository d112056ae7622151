//! Requests of HTTP/1.1, from bytes that come in any pieces (RFC 9112).
//!
//! It owns what is a request that can be answered, and the status of one that cannot. The result depends on
//! the bytes alone and not on how they were divided. It must not know what is served, nor who may ask.

use std::net::{IpAddr, Ipv6Addr};
use std::str;

use httparse::{EMPTY_HEADER, Header};

use super::response::StatusCode;
use crate::limits::status::{BODY_BYTES, HEAD_BYTES, HEADER_FIELDS};

/// What a request asks to be done with its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// To send it.
    Get,
    /// To send its header only.
    Head,
    /// To do what it names.
    Post,
    /// To remove it.
    Delete,
    /// One of RFC 9110 that nothing here allows.
    Other,
}

/// What caused a request, as browsers say (Fetch Standard).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initiator {
    /// A page of this service, a person, or a program that is no browser.
    Own,
    /// A link of another site, to a page that takes the place of it.
    Link,
    /// Anything else of another site.
    OtherSite,
}

/// A complete request. What it borrows is in the bytes that were parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpRequest<'a> {
    /// What to do.
    pub method: Method,
    /// Of the target, without its query.
    pub path: &'a str,
    /// What follows its question mark; empty without one.
    pub query: &'a str,
    /// The host that the client connected to, as it says; none in HTTP/1.0.
    pub host: Option<&'a str>,
    /// The media types that it accepts.
    pub accept: &'a str,
    /// What caused it.
    pub initiator: Initiator,
    /// Whether the connection may have another request.
    pub keeps_alive: bool,
    /// Whether it is of HTTP/1.0, where connections are closed unless both sides say otherwise.
    pub is_old: bool,
    /// The bytes of the request, its body included.
    pub length: usize,
}

/// The first request of the bytes that a client has sent; `None` if it is incomplete.
///
/// # Errors
/// The status of the response, after which the connection is closed.
pub fn parse(input: &[u8]) -> Result<Option<HttpRequest<'_>>, StatusCode> {
    let mut fields = [EMPTY_HEADER; HEADER_FIELDS];
    let mut head = httparse::Request::new(&mut fields);
    let room = input.get(..HEAD_BYTES).unwrap_or(input);
    let length = match head.parse(room) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if room.len() < HEAD_BYTES => return Ok(None),
        Ok(httparse::Status::Partial) if head.path.is_none() => return Err(StatusCode::UriTooLong),
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Err(StatusCode::HeaderTooLarge);
        }
        Err(httparse::Error::Version) => return Err(StatusCode::VersionNotSupported),
        Err(_) => return Err(StatusCode::BadRequest),
    };
    let is_old = head.version == Some(0);
    let method = method(head.method.unwrap_or_default())?;
    let (authority, path, query) = split_target(head.path.unwrap_or_default())?;
    if path == "*" && method != Method::Other {
        return Err(StatusCode::BadRequest);
    }
    let fields = Fields::read(head.headers)?;
    if fields.authority.is_none() && !is_old {
        return Err(StatusCode::BadRequest);
    }
    let authority = authority.or(fields.authority);
    let host = authority
        .map(|authority| host_of(authority).ok_or(StatusCode::BadRequest))
        .transpose()?;
    let length = length + fields.body_bytes()?;
    // The whole of it is skipped before the next request.
    Ok((input.len() >= length).then_some(HttpRequest {
        method,
        path,
        query,
        host,
        accept: fields.accept,
        initiator: fields.initiator(),
        keeps_alive: fields.keeps_alive(is_old),
        is_old,
        length,
    }))
}

fn method(name: &str) -> Result<Method, StatusCode> {
    Ok(match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "DELETE" => Method::Delete,
        "PUT" | "PATCH" | "OPTIONS" | "TRACE" | "CONNECT" => Method::Other,
        _ => return Err(StatusCode::NotImplemented),
    })
}

/// The authority, if the target has one, the path, or `*` for the server itself, and the query. RFC 9112
/// §3.2.
fn split_target(target: &str) -> Result<(Option<&str>, &str, &str), StatusCode> {
    let (authority, path) = match target.strip_prefix("http://") {
        Some(rest) => {
            let at = rest.find(['/', '?']).unwrap_or(rest.len());
            let (authority, path) = rest.split_at(at);
            (Some(authority), if path.is_empty() { "/" } else { path })
        }
        None => (None, target),
    };
    if !path.starts_with(['/', '?']) && target != "*" {
        return Err(StatusCode::BadRequest);
    }
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    Ok((authority, if path.is_empty() { "/" } else { path }, query))
}

/// The fields of a header that have a meaning here.
#[allow(clippy::struct_excessive_bools, reason = "each is a field of its own")]
#[derive(Default)]
struct Fields<'a> {
    authority: Option<&'a str>,
    length: Option<&'a [u8]>,
    is_chunked: bool,
    expects: bool,
    closes: bool,
    stays: bool,
    accept: &'a str,
    origin: Option<&'a [u8]>,
    site: Option<&'a [u8]>,
    mode: Option<&'a [u8]>,
    destination: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    fn read(header: &[Header<'a>]) -> Result<Self, StatusCode> {
        let mut fields = Self::default();
        for Header { name, value } in header {
            let is = |one: &str| name.eq_ignore_ascii_case(one);
            let text = str::from_utf8(value).unwrap_or_default();
            if is("Host") {
                set_once(&mut fields.authority, text)?;
            } else if is("Content-Length") {
                set_once(&mut fields.length, *value)?;
            } else if is("Transfer-Encoding") {
                fields.is_chunked = true;
            } else if is("Expect") {
                fields.expects = true;
            } else if is("Connection") {
                let has = |option: &str| {
                    let mut options = text.split(',').map(str::trim);
                    options.any(|one| one.eq_ignore_ascii_case(option))
                };
                fields.closes |= has("close");
                fields.stays |= has("keep-alive");
            } else if is("Accept") {
                fields.accept = text;
            } else if is("Origin") {
                set_once(&mut fields.origin, *value)?;
            } else if is("Sec-Fetch-Site") {
                set_once(&mut fields.site, *value)?;
            } else if is("Sec-Fetch-Mode") {
                set_once(&mut fields.mode, *value)?;
            } else if is("Sec-Fetch-Dest") {
                set_once(&mut fields.destination, *value)?;
            }
        }
        Ok(fields)
    }

    fn body_bytes(&self) -> Result<usize, StatusCode> {
        if self.is_chunked {
            // With a length as well, two servers could disagree on where the request ends.
            return Err(match self.length {
                Some(_) => StatusCode::BadRequest,
                None => StatusCode::NotImplemented,
            });
        }
        let Some(digits) = self.length else {
            return Ok(0);
        };
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(StatusCode::BadRequest);
        }
        let length = str::from_utf8(digits)
            .ok()
            .and_then(|text| text.parse().ok());
        let length = length.filter(|length| *length <= BODY_BYTES);
        let length = length.ok_or(StatusCode::ContentTooLarge)?;
        if self.expects {
            return Err(StatusCode::ExpectationFailed);
        }
        Ok(length)
    }

    const fn keeps_alive(&self, is_old: bool) -> bool {
        !self.closes && (self.stays || !is_old)
    }

    /// Browsers send `Sec-Fetch-Site`, and `Origin` where a request may change something.
    fn initiator(&self) -> Initiator {
        let is_foreign = |origin: &[u8]| {
            let text = str::from_utf8(origin).unwrap_or_default();
            let from = text.split_once("://").map(|(_, authority)| authority);
            let (from, here) = (from.unwrap_or_default(), self.authority.unwrap_or_default());
            from.is_empty() || !from.eq_ignore_ascii_case(here)
        };
        match (self.origin, self.site) {
            (Some(origin), _) if is_foreign(origin) => Initiator::OtherSite,
            (_, None | Some(b"same-origin" | b"none")) => Initiator::Own,
            (None, _)
                if self.mode == Some(b"navigate") && self.destination == Some(b"document") =>
            {
                Initiator::Link
            }
            _ => Initiator::OtherSite,
        }
    }
}

/// Two fields of one name leave open which of them counts.
fn set_once<T>(field: &mut Option<T>, value: T) -> Result<(), StatusCode> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err(StatusCode::BadRequest),
    }
}

/// The host of an authority, without brackets and port; `None`: it is not of the form `host[:port]` (RFC 9110
/// §7.2, RFC 3986 §3.2.2).
pub fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = if let Some(bracketed) = authority.strip_prefix('[') {
        let (host, port) = bracketed.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        (host, port)
    } else {
        let is_allowed =
            |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&byte);
        let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
        let is_name = !host.is_empty() && host.bytes().all(is_allowed);
        (is_name.then_some(host)?, port)
    };
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_port = port.strip_prefix(':').map_or(port.is_empty(), is_number);
    is_port.then_some(host)
}

/// Whether the name cannot be one that another site has pointed at this host (DNS rebinding): an address,
/// `localhost` or one of these names.
pub fn is_own_host(host: &str, names: &[String]) -> bool {
    let mut own = names.iter().map(String::as_str).chain(["localhost"]);
    host.parse::<IpAddr>().is_ok() || own.any(|name| name.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests;
