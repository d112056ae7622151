//! A client of HTTP for the tests, over TCP and Unix sockets.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::Value;

use crate::support::{DEADLINE, Server};

/// The addresses of the status service over TCP, from the log.
pub(crate) fn listening(server: &Server) -> Vec<SocketAddr> {
    let line = server.wait_for_log("Serving the status at ");
    let (_, list) = line.split_once("Serving the status at ").unwrap();
    list.split(", ")
        .filter_map(|one| one.parse().ok())
        .collect()
}

trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

/// A connection to the status service.
pub(crate) struct Http {
    wire: Box<dyn Wire>,
    unread: Vec<u8>,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    #[allow(dead_code, reason = "for the message of a failed assertion")]
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Http {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        Self::over(Box::new(stream))
    }

    pub(crate) fn local(path: &Path) -> Self {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Self::over(Box::new(stream))
    }

    fn over(wire: Box<dyn Wire>) -> Self {
        let unread = Vec::new();
        Self { wire, unread }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.wire.write_all(bytes).unwrap();
    }

    /// The next bytes; none at the end of the connection, or if it was reset.
    pub(crate) fn more(&mut self) -> usize {
        let mut buffer = [0; 4096];
        let count = match self.wire.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => 0,
            Err(error) => panic!("{error}: {}", String::from_utf8_lossy(&self.unread)),
        };
        self.unread.extend_from_slice(&buffer[..count]);
        count
    }

    /// The bytes up to the end of this text, and with it.
    pub(crate) fn until(&mut self, text: &str) -> String {
        loop {
            let found = self
                .unread
                .windows(text.len())
                .position(|one| one == text.as_bytes());
            if let Some(at) = found {
                let bytes = self.unread.drain(..at + text.len()).collect();
                return String::from_utf8(bytes).unwrap();
            }
            assert!(self.more() > 0, "an end before {text:?}");
        }
    }

    /// The next response, whose body has a length.
    pub(crate) fn answer(&mut self) -> Answer {
        let head = self.until("\r\n\r\n");
        let code = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head.split("Content-Length: ").nth(1).unwrap();
        let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
        while self.unread.len() < length {
            assert!(self.more() > 0, "a body was cut: {head}");
        }
        let body = String::from_utf8(self.unread.drain(..length).collect()).unwrap();
        Answer { code, head, body }
    }

    pub(crate) fn request(&mut self, first: &str) -> Answer {
        self.send(format!("{first} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
        self.answer()
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        let answer = self.request(&format!("GET {path}"));
        assert_eq!(answer.code, 200, "{answer:?}");
        answer
    }

    /// Reads to the end, and returns all of it.
    pub(crate) fn rest(mut self) -> String {
        while self.more() > 0 {}
        String::from_utf8_lossy(&self.unread).into_owned()
    }
}
