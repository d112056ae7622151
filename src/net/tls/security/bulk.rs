//! Reading from TLS where much is to come: an upload.
//!
//! rustls asks the socket for 4 KiB at a time, five times for a record. Here the kernel is asked
//! once for as much as there is room for, and rustls is given that. Nothing stays behind but
//! what rustls itself keeps of a record that is not whole, so that nobody has to ask a second
//! place whether there is more.

use std::io;

use super::{Security, UNKNOWN};
use crate::limits::{TLS_READS_PER_CALL, TLS_RECORD_BYTES};
use crate::net::Stream;

impl Security {
    /// As [`read`](Self::read), with one call to the kernel where rustls would make one for every
    /// 4 KiB. The end of the buffer takes what comes, and the rest what that is decrypted to: it
    /// begins a record's length earlier, and so never overtakes what is still to be decrypted.
    pub(super) fn read_in_bulk(
        &mut self,
        socket: &mut dyn Stream,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        for _ in 0..TLS_READS_PER_CALL {
            self.unfinished = false;
            // Plaintext of an earlier call, or the end.
            match self.drain_plaintext(buffer) {
                Ok(None) => {}
                Ok(Some(count)) => return Ok(count),
                Err(error) => return self.read_failed(error),
            }
            let room = buffer.get_mut(TLS_RECORD_BYTES..).unwrap_or_default();
            let requested = room.len();
            let received = socket.read(room)?;
            let count = self.decrypt_in_place(buffer, received)?;
            if count > 0 {
                self.unfinished = received == requested;
                return Ok(count);
            }
        }
        self.unfinished = true;
        Err(io::ErrorKind::Interrupted.into())
    }

    /// Decrypts the `received` bytes at `TLS_RECORD_BYTES` of the buffer into its beginning.
    fn decrypt_in_place(&mut self, buffer: &mut [u8], received: usize) -> io::Result<usize> {
        let mut count = 0;
        let mut at = TLS_RECORD_BYTES;
        let end = at + received;
        self.place.follow(buffer.get(at..end).unwrap_or_default());
        while let Some((plain, wire)) = buffer.split_at_mut_checked(at) {
            let mut wire = wire.get(..end - at).unwrap_or_default();
            let taken = self.tls.read_tls(&mut wire)?;
            self.ended |= taken == 0;
            at += taken;
            self.decrypt(UNKNOWN)?;
            match self.drain_plaintext(plain.get_mut(count..).unwrap_or_default()) {
                Ok(more) => count += more.unwrap_or(0),
                Err(error) if count == 0 => return self.read_failed(error),
                Err(_) => break,
            }
            if at == end || self.ended {
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
    use crate::net::tls::{Acceptor, ClientCertificates, SelfSigned};
    use crate::storage::File;
    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::crypto::ring::default_provider;
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};
    use std::collections::VecDeque;
    use std::io::{Read as _, Write as _};
    use std::net::SocketAddr;
    use std::sync::Arc;

    /// A socket in memory, whose peer's bytes come in pieces of its own size.
    #[derive(Default)]
    struct Pipe {
        incoming: VecDeque<u8>,
        outgoing: Vec<u8>,
        /// The most that one read gives.
        piece: usize,
        reads: usize,
        is_ended: bool,
    }

    impl Stream for Pipe {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.reads += 1;
            let count = buffer.len().min(self.piece).min(self.incoming.len());
            if count == 0 && !self.is_ended {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.incoming.read_exact(&mut buffer[..count])?;
            Ok(count)
        }

        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.outgoing.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn send_file(&mut self, _: &dyn File, _: u64, _: usize) -> io::Result<usize> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn connected(&mut self) -> io::Result<()> {
            Ok(())
        }

        fn local_address(&self) -> io::Result<SocketAddr> {
            Err(io::ErrorKind::NotConnected.into())
        }

        fn shutdown(&mut self) -> io::Result<()> {
            Ok(())
        }

        fn reset_on_close(&mut self) {}
    }

    /// Believes whatever it is shown: who the server is is not the question here.
    #[derive(Debug)]
    struct Anybody;

    impl ServerCertVerifier for Anybody {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, rustls::Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            let algorithms = default_provider().signature_verification_algorithms;
            algorithms.supported_schemes()
        }
    }

    /// Both ends, behind their handshake.
    fn pair() -> (ClientConnection, Security, Pipe) {
        let credentials = SelfSigned::make(&["localhost".to_owned()], 0).unwrap();
        let clients = ClientCertificates::Off.verifier();
        let acceptor = Acceptor::new(&credentials, clients, DataSession::Off).unwrap();
        let (mut server, _) = acceptor.control().unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody))
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
        client.set_buffer_limit(None);
        let mut pipe = Pipe {
            piece: usize::MAX,
            ..Pipe::default()
        };
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

    fn say(client: &mut ClientConnection, pipe: &mut Pipe, bytes: &[u8]) {
        client.writer().write_all(bytes).unwrap();
        while client.wants_write() {
            client.write_tls(&mut pipe.incoming).unwrap();
        }
    }

    /// Reads with buffers of these sizes in turn, until there is nothing or the end.
    fn read_all(
        server: &mut Security,
        pipe: &mut Pipe,
        sizes: &[usize],
    ) -> (Vec<u8>, io::Result<usize>) {
        let mut all = Vec::new();
        for size in sizes.iter().cycle() {
            let mut buffer = vec![0; *size];
            match server.read(pipe, &mut buffer) {
                Ok(count) if count > 0 => {
                    all.extend_from_slice(&buffer[..count]);
                    assert!(all.len() <= 1 << 20, "more comes than was sent");
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                last => return (all, last),
            }
        }
        unreachable!("the sizes are a cycle")
    }

    #[test]
    fn everything_comes_however_it_is_cut() {
        let bytes = pattern(150_000);
        for piece in [1, 5, 4096, 18_000, 47_099, usize::MAX] {
            for record in [7, 1000, 16_384] {
                for sizes in [&[CHUNK_BYTES][..], &[CHUNK_BYTES, 100], &[1, CHUNK_BYTES]] {
                    let (mut client, mut server, mut pipe) = pair();
                    pipe.piece = piece;
                    let length = (record * 100).min(bytes.len());
                    for part in bytes[..length].chunks(record) {
                        say(&mut client, &mut pipe, part);
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
    fn the_kernel_is_asked_for_much_at_once() {
        let (mut client, mut server, mut pipe) = pair();
        assert!(server.protocol().starts_with("TLSv1_3 TLS13_"));
        let bytes = pattern(1 << 20);
        say(&mut client, &mut pipe, &bytes);
        pipe.reads = 0;
        let (all, _) = read_all(&mut server, &mut pipe, &[CHUNK_BYTES]);
        assert!(all == bytes);
        assert!(pipe.reads < 30, "{}", pipe.reads);
    }

    #[test]
    fn an_end_that_was_not_announced_is_an_error_behind_what_came_unless_it_is_allowed() {
        for (record, cut) in [(1000, 0), (16_384, 1)] {
            for sizes in [&[CHUNK_BYTES][..], &[700], &[1, CHUNK_BYTES]] {
                for is_allowed in [false, true] {
                    let (mut client, mut server, mut pipe) = pair();
                    if is_allowed {
                        server.allow_unclean_end();
                    }
                    let bytes = pattern(record);
                    say(&mut client, &mut pipe, &bytes);
                    say(&mut client, &mut pipe, &bytes);
                    pipe.incoming.truncate(pipe.incoming.len() - cut);
                    pipe.is_ended = true;
                    let (all, last) = read_all(&mut server, &mut pipe, sizes);
                    assert_eq!(all.len(), record * if cut == 0 { 2 } else { 1 });
                    // Behind a part of a record something is missing for certain.
                    let is_between = cut == 0;
                    assert_eq!(server.has_unclean_end(), is_between && is_allowed);
                    assert_eq!(server.has_wrong_end(), is_between && !is_allowed);
                    assert_eq!(server.is_within_record(), !is_between);
                    match last {
                        Ok(count) => assert!(count == 0 && server.has_unclean_end()),
                        Err(error) => {
                            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
                            assert!(!server.has_unclean_end());
                        }
                    }
                    assert!(server.has_unread());
                }
            }
        }
    }

    /// A record may be longer than TLS takes at once.
    #[test]
    fn what_is_behind_the_end_of_tls_is_left_in_the_clear() {
        let (mut client, mut server, mut pipe) = pair();
        say(&mut client, &mut pipe, &pattern(16_000));
        client.send_close_notify();
        client.write_tls(&mut pipe.incoming).unwrap();
        pipe.incoming.extend(b"NOOP\r\n");
        assert_eq!(server.end(&mut pipe).unwrap(), None);
        assert_eq!(pipe.incoming, b"NOOP\r\n");
    }

    #[test]
    fn what_is_behind_the_end_or_forged_is_not_read() {
        let (mut client, mut server, mut pipe) = pair();
        say(&mut client, &mut pipe, b"all");
        client.send_close_notify();
        client.write_tls(&mut pipe.incoming).unwrap();
        pipe.incoming.extend(b"more");
        let (all, last) = read_all(&mut server, &mut pipe, &[CHUNK_BYTES]);
        assert_eq!((all.as_slice(), last.unwrap()), (&b"all"[..], 0));

        let (mut client, mut server, mut pipe) = pair();
        say(&mut client, &mut pipe, b"all");
        *pipe.incoming.back_mut().unwrap() ^= 1;
        let (all, last) = read_all(&mut server, &mut pipe, &[CHUNK_BYTES]);
        assert_eq!(last.unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert!(all.is_empty() && server.take_remark().is_some());
    }
}
