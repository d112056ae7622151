//! What a request asks for, and whether it may: the table of paths, methods and places.
//!
//! It owns the check of the host (DNS rebinding) and of the origin. What is asked for is done elsewhere.

use std::time::Duration;

use super::openmetrics::TextFormat;
use super::request::{HttpRequest, Initiator, Method, is_own_host};
use super::response::{Response, StatusCode};
use crate::limits::status::{TRACE_SECONDS, TRACE_TIME};

/// What a permitted request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// The page for people.
    Page,
    /// Counters and histograms as text.
    Metrics(TextFormat),
    /// The same as JSON.
    Stats,
    /// The sessions as JSON.
    Sessions,
    /// The sessions as a table.
    SessionTable,
    /// Updates a few times a second, until the connection ends.
    Updates,
    /// End the session with this id.
    EndSession(String),
    /// Begin a graceful shutdown.
    Drain,
    /// Read the configuration again.
    Reload,
    /// Record what the loop does, and send that.
    Trace(TraceCall),
}

/// How a trace is to be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceCall {
    /// For so long.
    pub time: Duration,
    /// Whether with the arguments of commands.
    pub names: bool,
}

impl TraceCall {
    /// Of a query, such as `seconds=5&names=1`; `None` if something else is in it, or one of them twice.
    fn of_query(query: &str) -> Option<Self> {
        let (mut time, mut names) = (None, None);
        for setting in query.split('&').filter(|setting| !setting.is_empty()) {
            let is_new = match setting.split_once('=')? {
                ("seconds", number) => {
                    let seconds = number.parse().ok();
                    let seconds = seconds.filter(|seconds| TRACE_SECONDS.contains(seconds))?;
                    time.replace(Duration::from_secs(seconds)).is_none()
                }
                ("names", "0") => names.replace(false).is_none(),
                ("names", "1") => names.replace(true).is_none(),
                _ => false,
            };
            if !is_new {
                return None;
            }
        }
        Some(Self {
            time: time.unwrap_or(TRACE_TIME),
            names: names.unwrap_or(false),
        })
    }
}

/// From where a request came.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place<'a> {
    /// Over the Unix socket, whose file says who may connect.
    Local,
    /// Over TCP, to a host with one of these names or with an address.
    Network(&'a [String]),
}

/// To a query that asks for no trace.
const TRACE_QUERY: &str = "400 Bad Request: /trace takes seconds=N, from 1 to 60, and names=1";

const GET: &str = "Allow: GET, HEAD\r\n";
const POST: &str = "Allow: POST\r\n";
const DELETE: &str = "Allow: DELETE\r\n";
/// Of the server as a whole.
const ALL: &str = "Allow: GET, HEAD, POST, DELETE\r\n";

/// What the request asks for.
///
/// # Errors
/// The response that refuses it.
pub(super) fn route(request: &HttpRequest<'_>, place: Place<'_>) -> Result<Call, Response> {
    if let (Place::Network(names), Some(host)) = (place, request.host)
        && !is_own_host(host, names)
    {
        let text = "421 Misdirected Request: use an address, localhost, or a name of status.hosts";
        return Err(Response::plain(StatusCode::Misdirected, text));
    }
    // A link may lead to the page, which changes nothing and cannot be framed.
    let is_page = request.method == Method::Get && request.path == "/";
    let is_permitted = match request.initiator {
        Initiator::Own => true,
        Initiator::Link => is_page,
        Initiator::OtherSite => false,
    };
    if !is_permitted {
        let text = "403 Forbidden: another site caused this request";
        return Err(Response::plain(StatusCode::Forbidden, text));
    }
    let (call, method, allow) = match request.path {
        "/" => (Call::Page, Method::Get, GET),
        "/metrics" => {
            let format = TextFormat::accepted(request.accept);
            (Call::Metrics(format), Method::Get, GET)
        }
        "/stats" => (Call::Stats, Method::Get, GET),
        "/sessions" if request.accept.starts_with("text/plain") => {
            (Call::SessionTable, Method::Get, GET)
        }
        "/sessions" => (Call::Sessions, Method::Get, GET),
        "/events" => (Call::Updates, Method::Get, GET),
        "/drain" => (Call::Drain, Method::Post, POST),
        "/reload" => (Call::Reload, Method::Post, POST),
        "/trace" => match TraceCall::of_query(request.query) {
            Some(trace) => (Call::Trace(trace), Method::Post, POST),
            None => return Err(Response::plain(StatusCode::BadRequest, TRACE_QUERY)),
        },
        "*" => return Err(not_allowed(ALL)),
        path => match path.strip_prefix("/sessions/") {
            Some(id) => (Call::EndSession(id.to_owned()), Method::Delete, DELETE),
            None => return Err(Response::of(StatusCode::NotFound)),
        },
    };
    let is_allowed =
        request.method == method || method == Method::Get && request.method == Method::Head;
    if !is_allowed {
        return Err(not_allowed(allow));
    }
    if method != Method::Get && matches!(place, Place::Network(_)) {
        let text = "403 Forbidden: only over the Unix socket (status.listen)";
        return Err(Response::plain(StatusCode::Forbidden, text));
    }
    Ok(call)
}

fn not_allowed(allow: &'static str) -> Response {
    Response {
        fields: allow,
        ..Response::of(StatusCode::MethodNotAllowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::request::parse;

    fn asked(first: &str, place: Place<'_>) -> Result<Call, (u16, &'static str)> {
        let text = format!("{first} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let request = parse(text.as_bytes()).unwrap().unwrap();
        let refused = |response: Response| (response.status.line().0, response.fields);
        route(&request, place).map_err(refused)
    }

    #[test]
    fn each_path_has_its_method() {
        let end = || Call::EndSession("1f".to_owned());
        let trace = |seconds, names| {
            let time = Duration::from_secs(seconds);
            Call::Trace(TraceCall { time, names })
        };
        for (first, call) in [
            ("GET /", Call::Page),
            ("HEAD /", Call::Page),
            ("GET /metrics?x", Call::Metrics(TextFormat::Plain)),
            ("GET /stats", Call::Stats),
            ("GET /sessions", Call::Sessions),
            ("GET /events", Call::Updates),
            ("DELETE /sessions/1f", end()),
            ("POST /drain", Call::Drain),
            ("POST /reload", Call::Reload),
            ("POST /trace", trace(5, false)),
            ("POST /trace?seconds=60&names=1", trace(60, true)),
        ] {
            assert_eq!(asked(first, Place::Local), Ok(call.clone()));
            let over_tcp = asked(first, Place::Network(&[]));
            match call {
                Call::EndSession(_) | Call::Drain | Call::Reload | Call::Trace(_) => {
                    assert_eq!(over_tcp, Err((403, "")));
                }
                call => assert_eq!(over_tcp, Ok(call)),
            }
        }
        for (first, refused) in [
            ("GET /none", (404, "")),
            ("GET /metrics/", (404, "")),
            ("OPTIONS *", (405, ALL)),
            ("OPTIONS /none", (404, "")),
            ("POST /metrics", (405, GET)),
            ("OPTIONS /", (405, GET)),
            ("GET /drain", (405, POST)),
            ("HEAD /reload", (405, POST)),
            ("GET /trace", (405, POST)),
            ("POST /trace?seconds=0", (400, "")),
            ("POST /trace?seconds=61", (400, "")),
            ("POST /trace?seconds=", (400, "")),
            ("POST /trace?seconds=1&seconds=2", (400, "")),
            ("POST /trace?names=1&names=1", (400, "")),
            ("POST /trace?names", (400, "")),
            ("POST /trace?names=yes", (400, "")),
            ("POST /trace?second=5", (400, "")),
            ("GET /sessions/1f", (405, DELETE)),
        ] {
            assert_eq!(asked(first, Place::Local), Err(refused), "{first}");
        }
    }

    #[test]
    fn request_for_another_host_or_from_another_site_is_refused() {
        let code = |fields: &str, place| {
            let text = format!("GET / HTTP/1.1\r\n{fields}\r\n\r\n");
            let request = parse(text.as_bytes()).unwrap().unwrap();
            route(&request, place).map_err(|response| response.status.line().0)
        };
        let names = ["status.example".to_owned()];
        let network = Place::Network(&names);
        assert_eq!(code("Host: status.example:1", network), Ok(Call::Page));
        assert_eq!(code("Host: evil.example", network), Err(421));
        // A Unix socket has no name that another site could take.
        assert_eq!(code("Host: mioftpd", Place::Local), Ok(Call::Page));
        for place in [network, Place::Local] {
            let foreign = "Host: 127.0.0.1\r\nOrigin: http://evil.example";
            assert_eq!(code(foreign, place), Err(403));
        }
    }

    #[test]
    fn link_of_another_site_leads_to_the_page_only() {
        let link =
            "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document";
        let code = |first: &str, fields: &str| {
            let text = format!("{first} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n\r\n");
            let request = parse(text.as_bytes()).unwrap().unwrap();
            route(&request, Place::Local).map_err(|response| response.status.line().0)
        };
        assert_eq!(code("GET /", link), Ok(Call::Page));
        for first in [
            "HEAD /",
            "POST /",
            "GET /sessions",
            "GET /events",
            "POST /drain",
        ] {
            assert_eq!(code(first, link), Err(403), "{first}");
        }
        for fields in [
            link.replace("document", "iframe"),
            link.replace("navigate", "no-cors"),
            format!("{link}\r\nOrigin: http://evil.example"),
            format!("{link}\r\nOrigin: null"),
            "Sec-Fetch-Site: cross-site".to_owned(),
        ] {
            assert_eq!(code("GET /", &fields), Err(403), "{fields}");
        }
        let page = crate::status::PAGE_POLICY;
        assert!(page.contains("frame-ancestors 'none'"), "{page}");
    }
}
