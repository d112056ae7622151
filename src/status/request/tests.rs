//! Tests of the parser: requests as clients send them, what is not HTTP, and any division of both.

use proptest::prelude::*;

use super::*;

const GET: &str = "GET /metrics HTTP/1.1\r\nHost: localhost:9121\r\n";

fn parsed(text: &str) -> Result<Option<HttpRequest<'_>>, StatusCode> {
    parse(text.as_bytes())
}

#[track_caller]
fn complete(text: &str) -> HttpRequest<'_> {
    parsed(text).unwrap().unwrap()
}

#[test]
fn request_of_a_browser_is_parsed() {
    let text = "GET /metrics?name=x HTTP/1.1\r\nHost: [::1]:9121\r\nConnection: keep-alive\r\n\
                Accept: text/html,*/*;q=0.8\r\nSec-Fetch-Site: none\r\n\r\n";
    assert_eq!(
        complete(text),
        HttpRequest {
            method: Method::Get,
            path: "/metrics",
            query: "name=x",
            host: Some("::1"),
            accept: "text/html,*/*;q=0.8",
            initiator: Initiator::Own,
            keeps_alive: true,
            is_old: false,
            length: text.len(),
        }
    );
}

/// Of several requests in the bytes, the first.
#[test]
fn pipelined_request_ends_with_its_body() {
    let body = "POST /drain HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody";
    let text = format!("{body}{GET}\r\n");
    assert_eq!(complete(&text).length, body.len());
    assert_eq!(parsed(&text[..body.len() - 1]), Ok(None));
    // Empty lines before a request are skipped (RFC 9112 §2.2).
    let text = format!("\r\n{GET}\r\n");
    assert_eq!(complete(&text).length, text.len());
}

#[test]
fn connection_is_kept_as_the_version_and_the_client_say() {
    for (text, is_kept) in [
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", true),
        (
            "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            false,
        ),
        (
            "GET / HTTP/1.1\r\nHost: x\r\nConnection: TE, Close\r\n\r\n",
            false,
        ),
        ("GET / HTTP/1.0\r\n\r\n", false),
        ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true),
    ] {
        assert_eq!(complete(text).keeps_alive, is_kept, "{text}");
    }
}

#[test]
fn target_may_have_the_authority() {
    for (target, host, path, query) in [
        ("http://here:1/a/b?c", "here", "/a/b", "c"),
        ("http://here", "here", "/", ""),
        ("http://here?q?", "here", "/", "q?"),
        ("*", "x", "*", ""),
        ("/?", "x", "/", ""),
    ] {
        let text = format!("OPTIONS {target} HTTP/1.1\r\nHost: x\r\n\r\n");
        let request = complete(&text);
        assert_eq!(request.host, Some(host));
        assert_eq!((request.path, request.query), (path, query));
        assert_eq!(request.method, Method::Other);
    }
}

#[test]
fn invalid_requests_have_their_status() {
    let long = "x".repeat(HEAD_BYTES);
    let many = "A: b\r\n".repeat(HEADER_FIELDS + 1);
    let with = |field: &str| format!("{GET}{field}\r\n\r\n");
    for (text, status) in [
        ("\u{16}\u{3}\u{1}\u{2}\0".to_owned(), StatusCode::BadRequest),
        (
            "GET / FTP/1.1\r\n".to_owned(),
            StatusCode::VersionNotSupported,
        ),
        (
            "GET / HTTP/2.0\r\n\r\n".to_owned(),
            StatusCode::VersionNotSupported,
        ),
        ("USER ann\r\n".to_owned(), StatusCode::BadRequest),
        (
            "BREW / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
            StatusCode::NotImplemented,
        ),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), StatusCode::BadRequest),
        (
            "GET * HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
            StatusCode::BadRequest,
        ),
        (
            "OPTIONS *x HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
            StatusCode::BadRequest,
        ),
        (
            "GET metrics HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
            StatusCode::BadRequest,
        ),
        (
            "GET / HTTP/1.1\r\nHost:\r\n\r\n".to_owned(),
            StatusCode::BadRequest,
        ),
        (with("Host: y"), StatusCode::BadRequest),
        (with("no colon"), StatusCode::BadRequest),
        (
            with("Content-Length: 1\r\nContent-Length: 1"),
            StatusCode::BadRequest,
        ),
        (with("Content-Length: -1"), StatusCode::BadRequest),
        (with("Content-Length: +1"), StatusCode::BadRequest),
        (with("Content-Length: 1025"), StatusCode::ContentTooLarge),
        (
            with("Content-Length: 99999999999999999999"),
            StatusCode::ContentTooLarge,
        ),
        (
            with("Transfer-Encoding: chunked"),
            StatusCode::NotImplemented,
        ),
        (
            with("Transfer-Encoding: chunked\r\nContent-Length: 1"),
            StatusCode::BadRequest,
        ),
        (
            with("Expect: 100-continue\r\nContent-Length: 1"),
            StatusCode::ExpectationFailed,
        ),
        (format!("GET /{long}"), StatusCode::UriTooLong),
        (format!("{GET}A: {long}"), StatusCode::HeaderTooLarge),
        (format!("{GET}{many}\r\n"), StatusCode::HeaderTooLarge),
    ] {
        assert_eq!(parsed(&text), Err(status), "{text:?}");
    }
}

#[test]
fn fields_that_guard_are_unambiguous() {
    for repeated in [
        "Host: localhost:9121",
        "Origin: http://localhost:9121",
        "sec-fetch-site: none",
        "Sec-Fetch-Mode: navigate",
        "Sec-Fetch-Dest: document",
    ] {
        let text = format!("{GET}{repeated}\r\n{repeated}\r\n\r\n");
        assert_eq!(parsed(&text), Err(StatusCode::BadRequest), "{repeated}");
    }
    for target in ["http://a@localhost/", "http://[::1]evil.com/", "http:///"] {
        let text = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(parsed(&text), Err(StatusCode::BadRequest), "{target}");
    }
}

#[test]
fn request_of_another_site_is_recognized() {
    const LINK: &str = "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Site";
    for (field, initiator) in [
        ("Origin: http://localhost:9121", Initiator::Own),
        ("Origin: https://LOCALHOST:9121", Initiator::Own),
        ("Origin: http://localhost", Initiator::OtherSite),
        ("Origin: http://example.com", Initiator::OtherSite),
        ("Origin: null", Initiator::OtherSite),
        ("Sec-Fetch-Site: same-origin", Initiator::Own),
        ("Sec-Fetch-Site: none", Initiator::Own),
        ("Sec-Fetch-Site: same-site", Initiator::OtherSite),
        ("Sec-Fetch-Site: cross-site", Initiator::OtherSite),
        (&format!("{LINK}: cross-site"), Initiator::Link),
        (&format!("{LINK}: same-site"), Initiator::Link),
        (&format!("{LINK}: none"), Initiator::Own),
    ] {
        let text = format!("{GET}{field}\r\n\r\n");
        assert_eq!(complete(&text).initiator, initiator, "{field}");
    }
}

/// A name that another site can point here is not one of this host's.
#[test]
fn own_hosts_are_addresses_and_listed_names() {
    let names = ["ftp.example.org".to_owned()];
    for (authority, is_own) in [
        ("127.0.0.1:9121", true),
        ("[::1]:9121", true),
        ("192.0.2.7", true),
        ("192.0.2.7:", true),
        ("localhost", true),
        ("LOCALHOST:9121", true),
        ("FTP.example.org:9121", true),
        ("example.org", false),
        ("localhost.example.org", false),
        ("127.0.0.1.example.org", false),
        ("%2Frun%2Fstatus.sock", false),
    ] {
        let host = host_of(authority).unwrap();
        assert_eq!(is_own_host(host, &names), is_own, "{authority}");
    }
}

#[test]
fn authority_is_a_host_and_a_port() {
    for authority in [
        "",
        ":9121",
        "::1",
        "[::1",
        "::1]",
        "[]",
        "[127.0.0.1]",
        "[localhost]",
        "[::1]evil.com",
        "[::1]:x",
        "[::1]@evil.com",
        "127.0.0.1:80@evil.com",
        "127.0.0.1:80:80",
        "localhost:+80",
        "localhost@evil.com",
        "ann:secret@localhost",
        "localhost/evil.com",
        "localhost?",
        "localhost#",
        "localhost\\evil.com",
        "local host",
        "localhost, evil.com",
        "lo\u{e9}",
    ] {
        assert_eq!(host_of(authority), None, "{authority}");
    }
}

/// The requests in the bytes, which are read in such pieces, and the error behind them.
fn all(input: &[u8], pieces: &[usize]) -> (Vec<(Method, String, usize)>, Option<StatusCode>) {
    let (mut buffer, mut found) = (Vec::new(), Vec::new());
    let mut rest = input;
    let mut pieces = pieces.iter().cycle();
    loop {
        match parse(&buffer) {
            Err(status) => return (found, Some(status)),
            Ok(Some(request)) => {
                let length = request.length;
                found.push((request.method, request.path.to_owned(), length));
                buffer.drain(..length);
            }
            Ok(None) if rest.is_empty() => return (found, None),
            Ok(None) => {
                let (piece, after) = rest.split_at((*pieces.next().unwrap()).min(rest.len()));
                buffer.extend_from_slice(piece);
                rest = after;
            }
        }
    }
}

fn lines() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        4 => Just(GET.to_owned()),
        2 => Just("\r\n".to_owned()),
        1 => Just("\n".to_owned()),
        1 => Just("GET / HTTP/1.0\r\n".to_owned()),
        1 => Just("DELETE http://a/b HTTP/1.1\r\n".to_owned()),
        1 => (0..2000_usize).prop_map(|length| format!("Content-Length: {length}\r\n")),
        1 => (0..9000_usize).prop_map(|length| format!("A: {}\r\n", "x".repeat(length))),
        1 => Just("Transfer-Encoding: chunked\r\n".to_owned()),
        1 => "[ -~\\r\\n]{0,20}",
    ];
    proptest::collection::vec(line, 0..8).prop_map(|lines| lines.concat().into_bytes())
}

proptest! {
    #[test]
    fn any_division_of_the_bytes_has_the_same_requests(
        input in lines(),
        pieces in proptest::collection::vec(1..40_usize, 1..5),
    ) {
        prop_assert_eq!(all(&input, &pieces), all(&input, &[input.len().max(1)]));
    }

    #[test]
    fn any_bytes_are_parsed_without_a_panic(input in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&input);
    }
}
