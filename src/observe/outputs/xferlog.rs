//! The xferlog format of wu-ftpd, xferlog(5), which log analysers of FTP servers read: fourteen fields
//! separated by spaces, the first of which is a date with four spaces of its own.
//!
//! The format has no escapes. White space and control characters in names become underscores, as in
//! wu-ftpd, so that no name can forge a field or a line; two names may then look alike. Times are in UTC.

use super::timestamp::ctime;
use crate::observe::record::TransferRecord;

/// The line of a transfer, with its LF.
pub(super) fn line(record: &TransferRecord) -> Vec<u8> {
    let mut line = ctime(record.ended).into_bytes();
    // At least one, as in wu-ftpd: log analysers divide by it.
    let seconds = record.took.as_secs().max(1);
    let (ip, bytes) = (record.peer.ip(), record.bytes);
    line.extend_from_slice(format!(" {seconds} {ip} {bytes} ").as_bytes());
    push_name(&mut line, &record.path.to_bytes());
    let kind = if record.text { 'a' } else { 'b' };
    let action = if record.compressed { 'C' } else { '_' };
    let direction = if record.is_upload() { 'i' } else { 'o' };
    let access = if record.anonymous { 'a' } else { 'r' };
    line.extend_from_slice(format!(" {kind} {action} {direction} {access} ").as_bytes());
    push_name(&mut line, &record.account);
    let status = if record.is_complete() { 'c' } else { 'i' };
    // Service; authentication method (0: no RFC 1413 lookup) and user (`*`: unknown); completion status.
    line.extend_from_slice(format!(" ftp 0 * {status}\n").as_bytes());
    line
}

/// Writes a name as one field. Bytes that are not UTF-8 are kept, as the reader may know their encoding.
fn push_name(line: &mut Vec<u8>, name: &[u8]) {
    if name.is_empty() {
        return line.push(b'_');
    }
    for chunk in name.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_whitespace() || character.is_control() {
                line.push(b'_');
            } else {
                line.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        line.extend_from_slice(chunk.invalid());
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_records::upload;
    use super::*;
    use crate::observe::record::{Outcome, Verb};
    use proptest::prelude::*;

    #[test]
    fn fields_match_xferlog_for_both_directions() {
        let mut record = upload("/in/a file");
        assert_eq!(
            line(&record),
            b"Tue Nov 14 22:13:20 2023 1 192.0.2.7 1234 /in/a_file b _ i r ann ftp 0 * c\n"
        );
        record.verb = Verb::Retrieve;
        record.outcome = Outcome::Incomplete("cut");
        record.anonymous = true;
        record.account = b"ftp".as_slice().into();
        record.text = true;
        record.compressed = true;
        record.took = std::time::Duration::from_secs(90);
        record.peer = "[2001:db8::1]:9".parse().unwrap();
        assert_eq!(
            line(&record),
            b"Tue Nov 14 22:13:20 2023 90 2001:db8::1 1234 /in/a_file a C o a ftp ftp 0 * i\n"
        );
    }

    proptest! {
        /// Any names give one line of eighteen words.
        #[test]
        fn no_name_can_forge_a_field(
            name in proptest::collection::vec(any::<u8>(), 0..40),
            account in proptest::collection::vec(any::<u8>(), 0..20),
        ) {
            let mut record = upload("/x");
            let name: Vec<u8> = name.into_iter().filter(|b| !b"\r\n\0".contains(b)).collect();
            record.path = record.path.join(&name).unwrap();
            record.account = account.into();
            let line = line(&record);
            let text = String::from_utf8_lossy(&line);
            prop_assert_eq!(text.lines().count(), 1);
            prop_assert!(text.ends_with(" c\n"));
            let words: Vec<_> = text.trim_end_matches('\n').split(' ').collect();
            prop_assert_eq!(words.len(), 18);
            prop_assert_eq!(text.split_whitespace().count(), 18);
            prop_assert_eq!(&words[14..], &["ftp", "0", "*", "c"]);
        }
    }
}
