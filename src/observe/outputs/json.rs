//! Records as lines of JSON (RFC 8259), for the transfer log, the audit log and upload events.
//!
//! JSON is text and file names are bytes: a name that is not UTF-8 is written lossily, and a second field
//! has its bytes in hexadecimal. Control characters and line separators are escaped.

use std::fmt::Write as _;

use crate::observe::audit::AuditRecord;
use crate::observe::record::TransferRecord;
use crate::protocol::date::rfc3339;
use crate::protocol::json_text::JsonText;
use crate::protocol::seconds::Seconds;

/// The line of a transfer, with its LF. `digest` is the SHA-256 in hexadecimal.
pub(super) fn line(record: &TransferRecord, digest: Option<&str>) -> String {
    let mut line = String::with_capacity(256);
    let peer = record.peer;
    let _ = write!(
        line,
        "{{\"time\":\"{}\",\"peer\":\"{peer}\"",
        rfc3339(record.ended)
    );
    push_name(&mut line, "account", &record.account);
    let _ = write!(line, ",\"verb\":\"{}\"", record.verb.name());
    push_name(&mut line, "path", &record.path.to_bytes());
    let _ = write!(
        line,
        ",\"bytes\":{},\"seconds\":{:.3},\"outcome\":\"{}\",\"tls\":{}",
        record.bytes,
        Seconds(record.took),
        record.outcome.word(),
        record.secured
    );
    if let Some(digest) = digest {
        let _ = write!(line, ",\"sha256\":\"{digest}\"");
    }
    line.push_str("}\n");
    line
}

/// The line of an audit record, with its LF.
pub(super) fn audit_line(record: &AuditRecord) -> String {
    let mut line = String::with_capacity(256);
    let (time, peer) = (rfc3339(record.time), record.peer);
    let _ = write!(line, "{{\"time\":\"{time}\",\"peer\":\"{peer}\"");
    push_name(&mut line, "account", &record.account);
    let _ = write!(line, ",\"verb\":\"{}\"", record.verb);
    for (key, path) in [("path", &record.path), ("to", &record.to)] {
        if let Some(path) = path {
            push_name(&mut line, key, &path.to_bytes());
        }
    }
    let _ = write!(line, ",\"code\":{}", record.code);
    if !record.reason.is_empty() {
        push_name(&mut line, "reason", &record.reason);
    }
    if record.unsent {
        line.push_str(",\"unsent\":true");
    }
    if let Some((bytes, took)) = record.moved {
        let seconds = Seconds(took);
        let _ = write!(line, ",\"bytes\":{bytes},\"seconds\":{seconds:.3}");
    }
    if record.concerns_operator {
        line.push_str(",\"for_operator\":true");
    }
    if record.left_out > 0 {
        let _ = write!(line, ",\"left_out\":{}", record.left_out);
    }
    line.push_str("}\n");
    line
}

fn push_name(line: &mut String, key: &str, name: &[u8]) {
    let _ = write!(line, ",\"{key}\":{}", JsonText(name));
    if str::from_utf8(name).is_err() {
        let _ = write!(line, ",\"{key}_hex\":\"{}\"", hex(name));
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::super::test_records::upload;
    use super::*;
    use crate::observe::record::Outcome;
    use crate::protocol::path::VirtualPath;
    use proptest::prelude::*;
    use serde_json::Value;
    use std::time::Duration;

    #[test]
    fn transfer_fields_are_in_order() {
        let mut record = upload("/in/a \"file\"");
        assert_eq!(
            line(&record, Some("00ff")),
            "{\"time\":\"2023-11-14T22:13:20Z\",\"peer\":\"192.0.2.7:4711\",\"account\":\"ann\",\
             \"verb\":\"STOR\",\"path\":\"/in/a \\\"file\\\"\",\"bytes\":1234,\"seconds\":1.500,\
             \"outcome\":\"complete\",\"tls\":false,\"sha256\":\"00ff\"}\n"
        );
        record.outcome = Outcome::Incomplete("stalled");
        record.secured = true;
        record.peer = "[2001:db8::1]:9".parse().unwrap();
        let parsed: Value = serde_json::from_str(&line(&record, None)).unwrap();
        assert_eq!(parsed["outcome"], "stalled");
        assert_eq!(parsed["tls"], true);
        assert_eq!(parsed["peer"], "[2001:db8::1]:9");
        assert!(parsed.get("sha256").is_none());
    }

    #[test]
    fn audit_fields_are_in_order() {
        let mut record = AuditRecord {
            time: 1_700_000_000,
            peer: "192.0.2.7:4711".parse().unwrap(),
            account: b"ann".as_slice().into(),
            verb: "RNTO",
            path: VirtualPath::root().join(b"a").ok(),
            to: VirtualPath::root().join(b"b \"c\"").ok(),
            code: 550,
            reason: b"Permission denied.".as_slice().into(),
            unsent: true,
            moved: None,
            concerns_operator: true,
            left_out: 3,
        };
        assert_eq!(
            audit_line(&record),
            "{\"time\":\"2023-11-14T22:13:20Z\",\"peer\":\"192.0.2.7:4711\",\"account\":\"ann\",\
             \"verb\":\"RNTO\",\"path\":\"/a\",\"to\":\"/b \\\"c\\\"\",\"code\":550,\
             \"reason\":\"Permission denied.\",\"unsent\":true,\"for_operator\":true,\"left_out\":3}\n"
        );
        assert_eq!(
            record.to_string(),
            "192.0.2.7:4711: \"ann\" RNTO 550 Permission denied. (not sent) \
             (3 refusals before it left out) \"/a\" -> \"/b \\\"c\\\"\""
        );
        record = AuditRecord {
            verb: "STOR",
            to: None,
            code: 226,
            reason: Box::default(),
            unsent: false,
            moved: Some((7, Duration::from_millis(1500))),
            concerns_operator: false,
            left_out: 0,
            ..record
        };
        assert!(audit_line(&record).ends_with(
            "\"verb\":\"STOR\",\"path\":\"/a\",\"code\":226,\"bytes\":7,\"seconds\":1.500}\n"
        ));
    }

    /// The bytes of a name field, from its hexadecimal twin if there is one.
    fn bytes_of(parsed: &Value, key: &str) -> Vec<u8> {
        match parsed.get(format!("{key}_hex")) {
            None => parsed[key].as_str().unwrap().as_bytes().to_vec(),
            Some(hex) => {
                let digits = hex.as_str().unwrap().as_bytes();
                let pair = |pair: &[u8]| std::str::from_utf8(pair).unwrap().to_owned();
                let pairs = digits.chunks(2).map(pair);
                pairs.map(|p| u8::from_str_radix(&p, 16).unwrap()).collect()
            }
        }
    }

    proptest! {
        /// Any name is on one line, and can be restored byte for byte.
        #[test]
        fn any_name_survives_json(
            name in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..40),
                "\\PC{0,20}|.{0,20}".prop_map(String::into_bytes),
            ],
            account in proptest::collection::vec(any::<u8>(), 0..20),
        ) {
            let mut record = upload("/x");
            let name: Vec<u8> = name.into_iter().filter(|b| !b"\r\n\0".contains(b)).collect();
            record.path = record.path.join(&name).unwrap();
            record.account = account.clone().into();
            let line = line(&record, None);
            prop_assert_eq!(line.lines().count(), 1);
            prop_assert!(line.trim_end_matches('\n').chars().all(|c| !c.is_control()));
            let parsed: Value = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(bytes_of(&parsed, "path"), record.path.to_bytes());
            prop_assert_eq!(bytes_of(&parsed, "account"), account);
        }
    }
}
