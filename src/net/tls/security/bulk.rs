//! Reads from TLS with large buffers, for uploads.
//!
//! rustls reads 4 KiB from the socket at a time: five system calls for a full record. Here one system
//! call fills the buffer, and rustls decrypts from it in place. All received bytes are handed to
//! rustls, so that there is no second buffer to check for data.

use std::io;

use super::{Security, UNKNOWN};
use crate::limits::{TLS_READS_PER_CALL, TLS_RECORD_BYTES};
use crate::net::Stream;

impl Security {
    /// As [`read`](Self::read), with one system call for the whole buffer. The socket fills the buffer
    /// from `TLS_RECORD_BYTES` on, and plaintext is written from 0 on: one record behind, so that it
    /// never overwrites ciphertext that is not decrypted yet.
    pub(super) fn read_in_bulk(
        &mut self,
        socket: &mut dyn Stream,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        for _ in 0..TLS_READS_PER_CALL {
            self.more_pending = false;
            // Plaintext of an earlier call, or the end.
            match self.drain_plaintext(buffer) {
                Ok(None) => {}
                Ok(Some(count)) => return Ok(count),
                Err(error) => return self.read_failed(error),
            }
            debug_assert!(buffer.len() > TLS_RECORD_BYTES);
            let room = buffer.get_mut(TLS_RECORD_BYTES..).unwrap_or_default();
            let requested = room.len();
            let received = socket.read(room)?;
            let count = self.decrypt_in_place(buffer, received)?;
            if count > 0 {
                self.more_pending = received == requested;
                return Ok(count);
            }
        }
        self.more_pending = true;
        Err(io::ErrorKind::Interrupted.into())
    }

    /// Decrypts the `received` bytes at `TLS_RECORD_BYTES` of the buffer into its beginning.
    fn decrypt_in_place(&mut self, buffer: &mut [u8], received: usize) -> io::Result<usize> {
        let mut count = 0;
        let mut at = TLS_RECORD_BYTES;
        let end = at + received;
        debug_assert!(end <= buffer.len());
        self.position
            .advance(buffer.get(at..end).unwrap_or_default());
        while let Some((plain, wire)) = buffer.split_at_mut_checked(at) {
            debug_assert!(at <= end && count <= plain.len());
            let mut wire = wire.get(..end - at).unwrap_or_default();
            let taken = self.tls.read_tls(&mut wire)?;
            self.peer_closed |= taken == 0;
            at += taken;
            self.first_bytes = UNKNOWN;
            self.decrypt()?;
            match self.drain_plaintext(plain.get_mut(count..).unwrap_or_default()) {
                // None while a record is incomplete.
                Ok(more) => count += more.unwrap_or(0),
                Err(error) if count == 0 => return self.read_failed(error),
                Err(_) => break,
            }
            if at == end || self.peer_closed {
                break;
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::CHUNK_BYTES;
    use crate::net::DataSession;
    use crate::net::testing::FakeStream;
    use crate::net::tls::{Acceptor, ClientCertificates, SelfSigned};
    use rustls::crypto::ring::default_provider;
    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, ClientConnection, RootCertStore};
    use std::io::Write as _;
    use std::sync::Arc;
    use std::time::SystemTime;

    /// Both ends of a connection after the handshake.
    fn pair() -> (ClientConnection, Security, FakeStream) {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let credentials = SelfSigned::make(&["localhost".to_owned()], now.cast_signed()).unwrap();
        let mut roots = RootCertStore::empty();
        let chain = &credentials.certified_key().cert;
        roots.add(chain[0].clone()).unwrap();
        let clients = ClientCertificates::Off.verifier();
        let acceptor = Acceptor::new(&credentials, clients, DataSession::Off).unwrap();
        let (mut server, _) = acceptor.control().unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
        client.set_buffer_limit(None);
        let mut pipe = FakeStream::default();
        while client.is_handshaking() || server.is_handshaking() {
            while client.wants_write() {
                client.write_tls(&mut pipe.incoming).unwrap();
            }
            match server.handshake(&mut pipe) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => result.unwrap(),
            }
            let mut answer = pipe.outgoing.as_slice();
            while client.wants_read() && !answer.is_empty() {
                client.read_tls(&mut answer).unwrap();
                client.process_new_packets().unwrap();
            }
            pipe.outgoing.clear();
        }
        (client, server, pipe)
    }

    fn pattern(length: usize) -> Vec<u8> {
        (0..length)
            .map(|at| u8::try_from(at * 31 % 251).unwrap())
            .collect()
    }

    fn send(client: &mut ClientConnection, pipe: &mut FakeStream, bytes: &[u8]) {
        client.writer().write_all(bytes).unwrap();
        while client.wants_write() {
            client.write_tls(&mut pipe.incoming).unwrap();
        }
    }

    /// Reads with buffers of these sizes in turn, until the socket would block or ends.
    fn read_all(
        server: &mut Security,
        pipe: &mut FakeStream,
        sizes: &[usize],
    ) -> (Vec<u8>, io::Result<usize>) {
        let mut all = Vec::new();
        for size in sizes.iter().cycle() {
            let mut buffer = vec![0; *size];
            match server.read(pipe, &mut buffer) {
                Ok(count) if count > 0 => {
                    all.extend_from_slice(&buffer[..count]);
                    assert!(all.len() <= 1 << 20, "more was received than sent");
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                last => return (all, last),
            }
        }
        unreachable!("the sizes are a cycle")
    }

    #[test]
    fn all_bytes_arrive_for_any_split() {
        let bytes = pattern(150_000);
        for piece in [1, 5, 4096, 18_000, 47_099, usize::MAX] {
            for record in [7, 1000, 16_384] {
                for sizes in [&[CHUNK_BYTES][..], &[CHUNK_BYTES, 100], &[1, CHUNK_BYTES]] {
                    let (mut client, mut server, mut pipe) = pair();
                    pipe.piece = piece;
                    let length = (record * 100).min(bytes.len());
                    for part in bytes[..length].chunks(record) {
                        send(&mut client, &mut pipe, part);
                    }
                    let (all, last) = read_all(&mut server, &mut pipe, sizes);
                    assert!(all == bytes[..length], "{piece} {record} {sizes:?}");
                    assert_eq!(last.unwrap_err().kind(), io::ErrorKind::WouldBlock);
                    client.send_close_notify();
                    client.write_tls(&mut pipe.incoming).unwrap();
                    let (all, last) = read_all(&mut server, &mut pipe, sizes);
                    assert_eq!((all, last.unwrap()), (Vec::new(), 0));
                }
            }
        }
    }

    #[test]
    fn bulk_read_needs_few_system_calls() {
        let (mut client, mut server, mut pipe) = pair();
        assert!(server.protocol().starts_with("TLSv1_3 TLS13_"));
        let bytes = pattern(1 << 20);
        send(&mut client, &mut pipe, &bytes);
        pipe.reads = 0;
        let (all, _) = read_all(&mut server, &mut pipe, &[CHUNK_BYTES]);
        assert!(all == bytes);
        assert!(pipe.reads < 30, "{}", pipe.reads);
    }

    #[test]
    fn unannounced_end_is_an_error_unless_allowed() {
        for (record, cut) in [(1000, 0), (16_384, 1)] {
            for sizes in [&[CHUNK_BYTES][..], &[700], &[1, CHUNK_BYTES]] {
                for is_allowed in [false, true] {
                    let (mut client, mut server, mut pipe) = pair();
                    if is_allowed {
                        server.allow_unclean_end();
                    }
                    let bytes = pattern(record);
                    send(&mut client, &mut pipe, &bytes);
                    send(&mut client, &mut pipe, &bytes);
                    pipe.incoming.truncate(pipe.incoming.len() - cut);
                    pipe.end = Ok(0);
                    let (all, last) = read_all(&mut server, &mut pipe, sizes);
                    assert_eq!(all.len(), record * if cut == 0 { 2 } else { 1 });
                    // After a partial record data is certainly missing.
                    let is_between = cut == 0;
                    assert_eq!(server.has_accepted_unclean_end(), is_between && is_allowed);
                    assert_eq!(server.has_rejected_unclean_end(), is_between && !is_allowed);
                    assert_eq!(server.is_within_record(), !is_between);
                    match last {
                        Ok(count) => assert!(count == 0 && server.has_accepted_unclean_end()),
                        Err(error) => {
                            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
                            assert!(!server.has_accepted_unclean_end());
                        }
                    }
                    assert!(server.has_unread());
                }
            }
        }
    }

    /// rustls may need several reads for one record.
    #[test]
    fn unsecure_leaves_clear_text_unread() {
        let (mut client, mut server, mut pipe) = pair();
        send(&mut client, &mut pipe, &pattern(16_000));
        client.send_close_notify();
        client.write_tls(&mut pipe.incoming).unwrap();
        pipe.incoming.extend(b"NOOP\r\n");
        assert_eq!(server.unsecure(&mut pipe).unwrap(), None);
        assert_eq!(pipe.incoming, b"NOOP\r\n");
    }

    #[test]
    fn data_after_close_notify_or_forged_is_not_read() {
        let (mut client, mut server, mut pipe) = pair();
        send(&mut client, &mut pipe, b"all");
        client.send_close_notify();
        client.write_tls(&mut pipe.incoming).unwrap();
        pipe.incoming.extend(b"more");
        let (all, last) = read_all(&mut server, &mut pipe, &[CHUNK_BYTES]);
        assert_eq!((all.as_slice(), last.unwrap()), (&b"all"[..], 0));

        let (mut client, mut server, mut pipe) = pair();
        send(&mut client, &mut pipe, b"all");
        *pipe.incoming.back_mut().unwrap() ^= 1;
        let (all, last) = read_all(&mut server, &mut pipe, &[CHUNK_BYTES]);
        assert_eq!(last.unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert!(all.is_empty() && server.take_diagnostic().is_some());
    }
}
