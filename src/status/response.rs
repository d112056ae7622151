//! Responses of HTTP/1.1 (RFC 9110): status, header, and body.
//!
//! A response is made as a whole in memory, or by a thread that counts it first, so its length is known
//! before its first byte is sent; only a stream of events has no length, and ends with the connection.
//! It must not know what the bodies say.

use std::io::Write as _;

use crate::protocol::date::http_date;

/// The status of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusCode {
    /// 200.
    Ok,
    /// 202: it was begun.
    Accepted,
    /// 400: not HTTP, or ambiguous.
    BadRequest,
    /// 403: not from there, or not over TCP.
    Forbidden,
    /// 404.
    NotFound,
    /// 405.
    MethodNotAllowed,
    /// 408: the request did not come in time.
    RequestTimeout,
    /// 409: not beside what is being done.
    Conflict,
    /// 413: a body that nothing here needs.
    ContentTooLarge,
    /// 414.
    UriTooLong,
    /// 417: the client waits for an answer before it sends the body, which nothing here needs.
    ExpectationFailed,
    /// 421: the name of the host is not one of this server's.
    Misdirected,
    /// 431.
    HeaderTooLarge,
    /// 501: a method or a transfer coding that is unknown here.
    NotImplemented,
    /// 503: too many connections or readers.
    Unavailable,
    /// 505.
    VersionNotSupported,
}

impl StatusCode {
    /// The code, and the reason.
    pub const fn line(self) -> (u16, &'static str) {
        match self {
            Self::Ok => (200, "OK"),
            Self::Accepted => (202, "Accepted"),
            Self::BadRequest => (400, "Bad Request"),
            Self::Forbidden => (403, "Forbidden"),
            Self::NotFound => (404, "Not Found"),
            Self::MethodNotAllowed => (405, "Method Not Allowed"),
            Self::RequestTimeout => (408, "Request Timeout"),
            Self::Conflict => (409, "Conflict"),
            Self::ContentTooLarge => (413, "Content Too Large"),
            Self::UriTooLong => (414, "URI Too Long"),
            Self::ExpectationFailed => (417, "Expectation Failed"),
            Self::Misdirected => (421, "Misdirected Request"),
            Self::HeaderTooLarge => (431, "Request Header Fields Too Large"),
            Self::NotImplemented => (501, "Not Implemented"),
            Self::Unavailable => (503, "Service Unavailable"),
            Self::VersionNotSupported => (505, "HTTP Version Not Supported"),
        }
    }
}

/// A response before it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Its status.
    pub status: StatusCode,
    /// The media type of the body.
    pub media_type: &'static str,
    /// Further lines of the header, each with its line end.
    pub fields: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

/// The media type of sentences.
pub const TEXT: &str = "text/plain; charset=utf-8";
/// The media type of JSON.
pub const JSON: &str = "application/json";

/// How the body of a response ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// By its length.
    Whole,
    /// By its length, and it is not sent.
    HeadOnly,
    /// With the connection.
    Stream,
    /// As that of a stream, and it is not sent.
    HeadOfStream,
}

impl Response {
    /// A response with a body.
    pub const fn ok(media_type: &'static str, body: Vec<u8>) -> Self {
        Self {
            status: StatusCode::Ok,
            media_type,
            fields: "",
            body,
        }
    }

    /// A status, and a sentence for a person who reads it.
    pub fn plain(status: StatusCode, text: &str) -> Self {
        Self {
            status,
            media_type: TEXT,
            fields: "",
            body: format!("{text}\n").into_bytes(),
        }
    }

    /// As [`plain`](Self::plain), with the code and the reason.
    pub fn of(status: StatusCode) -> Self {
        let (code, reason) = status.line();
        Self::plain(status, &format!("{code} {reason}"))
    }

    /// Appends the response.
    pub fn write(self, out: &mut Vec<u8>, unix_time: i64, framing: Framing, keeps_alive: bool) {
        let has_length = matches!(framing, Framing::Whole | Framing::HeadOnly);
        let length = has_length.then_some(self.body.len());
        self.write_head(out, unix_time, length, keeps_alive);
        if matches!(framing, Framing::Whole | Framing::Stream) {
            out.extend_from_slice(&self.body);
        }
    }

    /// Appends all but the body; `None` for `length`: it ends with the connection.
    pub fn write_head(
        &self,
        out: &mut Vec<u8>,
        unix_time: i64,
        length: Option<usize>,
        keeps_alive: bool,
    ) {
        let (code, reason) = self.status.line();
        let connection = if keeps_alive { "keep-alive" } else { "close" };
        // Writing to memory does not fail.
        let _ = write!(
            out,
            "HTTP/1.1 {code} {reason}\r\nDate: {}\r\nContent-Type: {}\r\nCache-Control: no-store\r\n\
             X-Content-Type-Options: nosniff\r\nConnection: {connection}\r\n{}",
            http_date(unix_time),
            self.media_type,
            self.fields
        );
        if let Some(length) = length {
            let _ = write!(out, "Content-Length: {length}\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(framing: Framing, keeps_alive: bool) -> String {
        let response = Response {
            fields: "Allow: GET, HEAD\r\n",
            ..Response::of(StatusCode::MethodNotAllowed)
        };
        let mut out = Vec::new();
        response.write(&mut out, 784_111_777, framing, keeps_alive);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn response_has_its_length_unless_it_is_a_stream() {
        let head = "HTTP/1.1 405 Method Not Allowed\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
                    Content-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\n\
                    X-Content-Type-Options: nosniff\r\nConnection: close\r\nAllow: GET, HEAD\r\n";
        let body = "405 Method Not Allowed\n";
        let whole = format!("{head}Content-Length: 23\r\n\r\n");
        assert_eq!(written(Framing::Whole, false), whole.clone() + body);
        assert_eq!(written(Framing::HeadOnly, false), whole);
        assert_eq!(written(Framing::Stream, false), format!("{head}\r\n{body}"));
        assert_eq!(written(Framing::HeadOfStream, false), format!("{head}\r\n"));
        assert!(written(Framing::Whole, true).contains("\r\nConnection: keep-alive\r\n"));
    }
}
