//! Exercise twelve: a second protocol, over real sockets.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::stubs::chat;
use crate::support::DEADLINE;

/// What is said until another one has entered.
const PING: &str = "ping\n";

struct Person(BufReader<TcpStream>);

impl Person {
    fn join(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        Self(BufReader::new(stream))
    }

    fn say(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// The next line that is not a [`PING`].
    fn hear(&mut self) -> String {
        loop {
            let mut line = String::new();
            let count = self.0.read_line(&mut line).unwrap();
            assert!(count > 0, "the chat has closed the connection");
            if line != PING {
                return line;
            }
        }
    }

    /// Waits until the chat has accepted this one too: it hears what another says.
    fn await_entry(&mut self, other: &mut Self) {
        let set = |stream: &TcpStream, time| stream.set_read_timeout(Some(time)).unwrap();
        set(self.0.get_ref(), Duration::from_millis(20));
        let mut line = String::new();
        while line != PING {
            other.say(PING);
            match self.0.read_line(&mut line) {
                Ok(count) => assert!(count > 0, "the chat has closed the connection"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        set(self.0.get_ref(), DEADLINE);
    }

    /// Whether the server has closed.
    fn is_closed(&mut self) -> bool {
        match self.0.read(&mut [0; 1024]) {
            Ok(count) => count == 0,
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        }
    }
}

#[test]
#[ignore = "exercise 12: a second protocol"]
fn exercise_12_chat_delivers_lines_to_all_others() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || chat::serve(listener));
    let [mut ann, mut ben, mut cid] = [(); 3].map(|()| Person::join(address));
    ben.await_entry(&mut ann);
    cid.await_entry(&mut ann);
    ann.await_entry(&mut ben);
    ben.say("half a ");
    cid.say("first\n");
    assert_eq!(ann.hear(), "first\n");
    ben.say("line\nand another\n");
    for one in [&mut ann, &mut cid] {
        assert_eq!(one.hear(), "half a line\n");
        assert_eq!(one.hear(), "and another\n");
    }
    assert_eq!(ben.hear(), "first\n");
    drop(ben);

    // One that never reads delays nobody.
    let mut silent = Person::join(address);
    silent.await_entry(&mut ann);
    let line = format!("{}\n", "x".repeat(500));
    for _ in 0..20_000 {
        ann.say(&line);
        assert_eq!(cid.hear(), line);
    }

    // One with a line that is too long is closed, and no one else.
    let mut dan = Person::join(address);
    dan.await_entry(&mut ann);
    dan.say(&"x".repeat(600));
    while !dan.is_closed() {}
    ann.say("still there\n");
    assert_eq!(cid.hear(), "still there\n");
}
