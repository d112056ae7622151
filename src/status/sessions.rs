//! The list of sessions, as JSON and as a table for people.
//!
//! A snapshot of plain data, bounded in its length; it has the number of the sessions that it leaves out.
//! Names come from clients, so each format escapes them.

use std::fmt::{self, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use super::json::list;
use crate::protocol::date::rfc3339;
use crate::protocol::json_text::JsonText;
use crate::protocol::seconds::Seconds;
use crate::protocol::visible::Visible;

/// Sessions at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionList {
    /// Those that are listed.
    pub listed: Vec<SessionRow>,
    /// How many there are besides.
    pub left_out: usize,
}

/// What is shown of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Names it until it ends; never that of another one.
    pub id: String,
    /// The client.
    pub peer: SocketAddr,
    /// The account, once it is logged in.
    pub account: Option<Vec<u8>>,
    /// The connections that use TLS: `none`, `control`, `data` or `both`.
    pub secured: &'static str,
    /// When it began, in seconds since 1970.
    pub since: i64,
    /// The time since then.
    pub lasted: Duration,
    /// The time since its last command; zero while one is in progress.
    pub idle: Duration,
    /// What it does, in a word or two.
    pub activity: &'static str,
    /// The command in progress.
    pub command: Option<&'static str>,
    /// The transfer in progress.
    pub transfer: Option<TransferRow>,
}

/// What is shown of a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferRow {
    /// `download`, `upload` or `listing`.
    pub direction: &'static str,
    /// The file; none for a listing.
    pub path: Option<Vec<u8>>,
    /// Bytes so far.
    pub bytes: u64,
    /// The time since its data connection was made.
    pub lasted: Duration,
    /// The bytes of the whole, if that is known.
    pub size: Option<u64>,
}

impl TransferRow {
    /// Bytes per second.
    pub(super) fn rate(&self) -> u64 {
        let milliseconds = self.lasted.as_millis().max(1);
        u64::try_from(u128::from(self.bytes) * 1000 / milliseconds).unwrap_or(u64::MAX)
    }

    /// The part of the whole, if that is known.
    pub(super) fn per_cent(&self) -> Option<u64> {
        let size = self.size.filter(|size| *size > 0)?;
        let share = u128::from(self.bytes) * 100 / u128::from(size);
        Some(u64::try_from(share).map_or(100, |share| share.min(100)))
    }
}

/// The list as an object: `{"sessions":[…],"left_out":0}`.
pub fn json(sessions: &SessionList) -> String {
    let mut out = String::from("{\"sessions\":[");
    // Writing to memory does not fail.
    let _ = list(&mut out, &sessions.listed, write_json);
    let _ = write!(out, "],\"left_out\":{}}}", sessions.left_out);
    out
}

fn write_json(out: &mut String, session: &SessionRow) -> fmt::Result {
    let SessionRow {
        id, peer, secured, ..
    } = session;
    write!(out, "{{\"id\":\"{id}\",\"peer\":\"{peer}\",\"account\":")?;
    match &session.account {
        Some(account) => write!(out, "{}", JsonText(account))?,
        None => out.push_str("null"),
    }
    write!(
        out,
        ",\"secured\":\"{secured}\",\"since\":\"{}\",\"seconds\":{:.3},\"idle_seconds\":{:.3},\
         \"activity\":\"{}\",\"command\":",
        rfc3339(session.since),
        Seconds(session.lasted),
        Seconds(session.idle),
        session.activity
    )?;
    match session.command {
        Some(command) => write!(out, "\"{command}\"")?,
        None => out.push_str("null"),
    }
    out.push_str(",\"transfer\":");
    match &session.transfer {
        Some(transfer) => write_transfer(out, transfer)?,
        None => out.push_str("null"),
    }
    out.push('}');
    Ok(())
}

fn write_transfer(out: &mut String, transfer: &TransferRow) -> fmt::Result {
    write!(out, "{{\"direction\":\"{}\",\"path\":", transfer.direction)?;
    match &transfer.path {
        Some(path) => write!(out, "{}", JsonText(path))?,
        None => out.push_str("null"),
    }
    write!(
        out,
        ",\"bytes\":{},\"seconds\":{:.3},\"bytes_per_second\":{}",
        transfer.bytes,
        Seconds(transfer.lasted),
        transfer.rate()
    )?;
    for (name, number) in [("size", transfer.size), ("per_cent", transfer.per_cent())] {
        match number {
            Some(number) => write!(out, ",\"{name}\":{number}")?,
            None => write!(out, ",\"{name}\":null")?,
        }
    }
    out.push('}');
    Ok(())
}

/// The list as a table, a line for each session.
pub fn table(sessions: &SessionList) -> String {
    let head = [
        "ID", "CLIENT", "ACCOUNT", "TLS", "SINCE", "IDLE", "ACTIVITY",
    ];
    let rows = std::iter::once(head.map(str::to_owned)).chain(sessions.listed.iter().map(row));
    let rows: Vec<_> = rows.collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..head.len()).map(width).collect();
    let mut out = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            // Writing to memory does not fail.
            let _ = write!(line, "{cell:width$}  ");
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    if sessions.left_out > 0 {
        let _ = writeln!(out, "and {} more", sessions.left_out);
    }
    out
}

fn row(session: &SessionRow) -> [String; 7] {
    let account = session.account.as_deref();
    [
        session.id.clone(),
        session.peer.to_string(),
        account.map_or_else(|| "-".to_owned(), |name| Visible(name).to_string()),
        session.secured.to_owned(),
        rfc3339(session.since),
        format!("{}s", session.idle.as_secs()),
        activity(session),
    ]
}

fn activity(session: &SessionRow) -> String {
    let mut text = session.command.unwrap_or(session.activity).to_owned();
    if let Some(transfer) = &session.transfer {
        // Writing to memory does not fail.
        if let Some(path) = &transfer.path {
            let _ = write!(text, " {}", Visible(path));
        }
        let _ = write!(text, " {} bytes", transfer.bytes);
        if let Some(per_cent) = transfer.per_cent() {
            let _ = write!(text, " ({per_cent}%)");
        }
        let _ = write!(text, ", {} bytes/s", transfer.rate());
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json as expected};

    use super::*;

    fn sessions() -> SessionList {
        let session = || SessionRow {
            id: "1".to_owned(),
            peer: "127.0.0.1:40000".parse().unwrap(),
            account: None,
            secured: "none",
            since: 1_700_000_000,
            lasted: Duration::from_millis(61_500),
            idle: Duration::from_secs(60),
            activity: "idle",
            command: None,
            transfer: None,
        };
        let busy = SessionRow {
            id: "1000001".to_owned(),
            account: Some(b"an\"n\n".to_vec()),
            secured: "both",
            idle: Duration::ZERO,
            activity: "transferring",
            command: Some("RETR"),
            transfer: Some(TransferRow {
                direction: "download",
                path: Some(b"/a\xff b".to_vec()),
                bytes: 500,
                lasted: Duration::from_millis(250),
                size: Some(1000),
            }),
            ..session()
        };
        SessionList {
            listed: vec![session(), busy],
            left_out: 3,
        }
    }

    #[test]
    fn json_has_all_of_a_session() {
        let parsed: Value = serde_json::from_str(&json(&sessions())).unwrap();
        let idle = expected!({
            "id": "1", "peer": "127.0.0.1:40000", "account": null, "secured": "none",
            "since": "2023-11-14T22:13:20Z", "seconds": 61.5, "idle_seconds": 60.0,
            "activity": "idle", "command": null, "transfer": null,
        });
        assert_eq!(parsed["sessions"][0], idle);
        assert_eq!(parsed["sessions"][1]["account"], "an\"n\n");
        assert_eq!(
            parsed["sessions"][1]["transfer"],
            expected!({
                "direction": "download", "path": "/a\u{fffd} b", "bytes": 500, "seconds": 0.25,
                "bytes_per_second": 2000, "size": 1000, "per_cent": 50,
            })
        );
        assert_eq!(parsed["left_out"], 3);
    }

    #[test]
    fn table_is_aligned_and_escaped() {
        let table = table(&sessions());
        let lines: Vec<_> = table.lines().collect();
        let [head, idle, busy, rest] = lines.as_slice() else {
            panic!("{table}");
        };
        assert_eq!(head.find("ACTIVITY"), idle.find("idle"));
        assert!(idle.contains("127.0.0.1:40000  -"), "{table}");
        assert!(busy.contains("an\"n\\u{a}"), "{table}");
        assert!(
            busy.ends_with("RETR /a\\xff b 500 bytes (50%), 2000 bytes/s"),
            "{table}"
        );
        assert_eq!(*rest, "and 3 more");
    }

    #[test]
    fn share_of_a_transfer_is_bounded() {
        let transfer = |bytes, size| TransferRow {
            direction: "upload",
            path: None,
            bytes,
            lasted: Duration::ZERO,
            size,
        };
        assert_eq!(transfer(0, Some(0)).per_cent(), None);
        assert_eq!(transfer(5, None).per_cent(), None);
        assert_eq!(transfer(u64::MAX, Some(1)).per_cent(), Some(100));
        assert_eq!(transfer(u64::MAX, None).rate(), u64::MAX);
    }
}
