//! The page as it is sent: its hashes, its size, its tables and what clients can put into them.

use std::time::Duration;

use rustls::SupportedCipherSuite;
use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;

use super::super::openmetrics::tests::{about, families};
use super::super::sessions::TransferRow;
use super::*;

fn session(account: &[u8], transfer: Option<TransferRow>) -> SessionRow {
    SessionRow {
        id: "1".to_owned(),
        peer: "127.0.0.1:40000".parse().unwrap(),
        account: Some(account.to_vec()),
        secured: "none",
        since: 1_700_000_000,
        lasted: Duration::from_secs(3725),
        idle: Duration::from_secs(60),
        activity: "idle",
        command: transfer.is_some().then_some("RETR"),
        transfer,
    }
}

fn page_with(listed: Vec<SessionRow>, left_out: usize) -> String {
    let sessions = SessionList { listed, left_out };
    String::from_utf8(page(&families(), &sessions, &about(), 1_700_000_060)).unwrap()
}

/// As a source expression of a Content Security Policy.
fn hash(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let SupportedCipherSuite::Tls13(suite) = TLS13_AES_128_GCM_SHA256 else {
        unreachable!("a suite of TLS 1.3");
    };
    let hash = suite.common.hash_provider.hash(text.as_bytes());
    let mut base64 = String::new();
    for group in hash.as_ref().chunks(3) {
        let mut three = [0; 3];
        three[..group.len()].copy_from_slice(group);
        let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for place in 0..=group.len() {
            let digit = bits >> (18 - 6 * place) & 63;
            base64.push(char::from(DIGITS[digit as usize]));
        }
    }
    format!("'sha256-{base64}='")
}

#[test]
fn policy_has_the_hashes_of_style_and_script() {
    for (source, text) in [("style-src", STYLE), ("script-src", SCRIPT)] {
        let line = format!("{source} {};", hash(text));
        assert!(
            PAGE_POLICY.contains(&line),
            "the policy needs: {line}\n{PAGE_POLICY}"
        );
    }
    assert!(!PAGE_POLICY.contains("unsafe"));
}

#[test]
fn page_is_small_and_complete_in_itself() {
    let page = page_with(Vec::new(), 0);
    assert!(page.len() < 60 * 1024, "{} bytes", page.len());
    assert!(page.contains(&format!("<style>{STYLE}</style>")));
    assert!(page.contains(&format!("<script>{SCRIPT}</script>")));
    // A style or a handler in a tag has no hash, and a name that the server does not know stays in the page.
    let filled = page.replace(STYLE, "").replace(SCRIPT, "");
    for left in [" style=", " onclick=", "@", " src=", "http-equiv"] {
        assert!(!filled.contains(left), "{left}: {filled}");
    }
    let foreign = page.matches("http").count();
    assert_eq!(foreign, page.matches("http://www.w3.org/2000/svg").count());
}

#[test]
fn tables_are_filled_without_javascript() {
    let transfer = TransferRow {
        direction: "download",
        path: Some(b"/a.iso".to_vec()),
        bytes: 1536,
        lasted: Duration::from_secs(1),
        size: Some(3072),
    };
    let page = page_with(
        vec![session(b"ann", Some(transfer)), session(b"bob", None)],
        3,
    );
    for part in [
        "Up 1 min, since 2023-11-14T22:13:20Z",
        "5, 2 shown",
        "<tr><th scope=\"row\">127.0.0.1:40000<td>ann<td>none<td>1 h 2 min<td>1 min<td>RETR<td>\
         <progress max=\"100\" value=\"50\" aria-label=\"Transferred\"></progress>50 %<td>1.5 KiB/s\
         <td>/a.iso",
        "<td>idle<td><td><td>",
        "<tr><th scope=\"row\">What it is: disk<td>4<td>1.5 µs<td>1.0 s<td>1.0 s<td>1.0 s",
        "<caption>Totals</caption><tbody><tr><th scope=\"row\">What it is<td>7",
        "<table id=\"of-transfer_bytes\"><caption>What it is</caption><tbody>\
         <tr><th scope=\"row\">up<td>1 B<tr><th scope=\"row\">down<td>2 B</tbody></table>",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
}

#[test]
fn names_of_clients_are_text() {
    let name = b"<script>alert(\"&\")</script>\x1b\xff";
    let page = page_with(vec![session(name, None)], 0);
    let escaped = "&lt;script&gt;alert(&quot;&amp;&quot;)&lt;/script&gt;\u{fffd}\u{fffd}<td>";
    assert!(page.contains(escaped), "{page}");
    assert_eq!(page.matches("<script>").count(), 1);
}

#[test]
fn amounts_have_at_most_three_digits_and_a_unit() {
    let scaled = |amount, units: &Units| Scaled(amount, units).to_string();
    for (amount, bytes, time) in [
        (0, "0 B", "0 ns"),
        (999, "999 B", "999 ns"),
        (1000, "1000 B", "1.0 µs"),
        (1024, "1.0 KiB", "1.0 µs"),
        (10_240, "10 KiB", "10 µs"),
        (999_999, "976 KiB", "999 µs"),
        (9_999_999_999, "9.3 GiB", "9.9 s"),
    ] {
        let shown = (scaled(amount, &BYTES), scaled(amount, &TIMES));
        assert_eq!(shown, (bytes.to_owned(), time.to_owned()));
    }
    assert!(scaled(u64::MAX, &BYTES).ends_with(" TiB"));
    let grouped = [0, 999, 1000, 1_002_003].map(|number| Grouped(number).to_string());
    assert_eq!(grouped, ["0", "999", "1,000", "1,002,003"]);
    let lasted = [0, 59, 60, 3599, 3600].map(|seconds| Lasted(seconds).to_string());
    assert_eq!(lasted, ["0 s", "59 s", "1 min", "59 min", "1 h 0 min"]);
}
