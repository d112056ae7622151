//! One transfer of a client: its exchange of commands, its data connection, and the bytes.
//!
//! It owns the data connection and moves a bounded number of bytes in a turn. The loop tells it what its
//! sockets are ready for. It must not know why the transfer is made.

use std::io;
use std::net::SocketAddr;

use super::client::{DataMode, Demand, Exchange, Request, ServerReply};
use super::content::{Check, Content, Difference};
use super::link::Link;
use super::shared::Shared;
use super::tls::ClientTls;
use super::trouble::Trouble;
use crate::event_loop::{Key, Readiness, Token};
use crate::net::{Listener, Registration};

/// Reads or writes of a turn.
const STEPS: usize = 8;

/// The roles of a transfer's sockets; that of a control connection is 0.
const DATA: usize = 1;
const LISTENER: usize = 2;

/// Where a client is.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) key: Key,
    /// The local address, with any port.
    pub(super) from: SocketAddr,
    pub(super) server: SocketAddr,
    /// If data connections are secured.
    pub(super) tls: Option<ClientTls>,
}

/// The bytes of a transfer.
#[derive(Debug)]
pub(super) enum Payload {
    /// To the server; so many are sent.
    Up(Content, u64),
    /// From the server; so many are received.
    Down(Option<Check>, u64),
}

/// ```text
///   None ──passive──▶ Connecting ─▶ Securing ─▶ Open ──all is taken──▶ Flushing ──sent──▶ Ending ─▶ Ended
///     └──active──▶ Listening ──accepted──▲        └──the server's end, failure───────────────────────▲
/// ```
enum Data {
    None,
    Listening(Box<dyn Listener>, bool),
    Connecting(Link),
    Securing(Link),
    Open(Link),
    Flushing(Link),
    /// What the server says until its end is read: a close before would be a reset.
    Ending(Link),
    Ended,
}

/// A transfer that goes on.
pub(super) struct Transfer {
    exchange: Exchange,
    data: Data,
    payload: Payload,
    outcome: Outcome,
}

/// ```text
///   Open ──final reply and end of data──▶ Complete
///     ├──other content──▶ Differs ──final reply and end of data──▶ Spoiled
///     └──failure of the data connection──▶ Broken ──final reply──▶ Spoiled
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Open,
    /// It is counted if the server calls the transfer complete.
    Differs(Difference),
    /// It is counted, and the reply that ends the transfer has not come.
    Broken,
    Complete,
    /// It is over, and nothing to be measured.
    Spoiled,
}

impl Transfer {
    /// Appends its first command.
    pub(super) fn begin(
        request: Request,
        mode: DataMode,
        payload: Payload,
        place: &Place,
        shared: &mut Shared,
        out: &mut Vec<u8>,
    ) -> Result<Self, Trouble> {
        let mut listening = None;
        let mut data = Data::None;
        if mode == DataMode::Active {
            let token = Token::new(place.key, LISTENER);
            let listener = shared.network.listen(place.from, token);
            let listener = listener.map_err(Trouble::Data)?;
            listening = Some(listener.local_address());
            data = Data::Listening(listener, false);
        }
        Ok(Self {
            exchange: Exchange::begin(request, mode, listening, out),
            data,
            payload,
            outcome: Outcome::Open,
        })
    }

    /// How data connections are made, as this server takes it.
    pub(super) const fn mode(&self) -> DataMode {
        self.exchange.mode()
    }

    /// What it has come to.
    pub(super) const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// What has moved.
    pub(super) const fn payload(&self) -> &Payload {
        &self.payload
    }

    /// An event of one of its sockets.
    pub(super) const fn set_ready(&mut self, role: usize, readiness: Readiness) {
        match &mut self.data {
            Data::Listening(_, is_ready) => *is_ready |= role == LISTENER,
            Data::Connecting(link)
            | Data::Securing(link)
            | Data::Open(link)
            | Data::Flushing(link)
            | Data::Ending(link) => {
                if role == DATA {
                    link.ready.set(readiness);
                }
            }
            Data::None | Data::Ended => {}
        }
    }

    /// Whether a turn would find something to do.
    pub(super) fn wants_turn(&self) -> bool {
        match &self.data {
            Data::None | Data::Ended => false,
            Data::Listening(_, is_ready) => *is_ready,
            Data::Connecting(link) | Data::Flushing(link) => link.ready.writable,
            // As curl and Python's ftplib do: some servers take what comes before for an error.
            Data::Securing(link) => self.exchange.is_moving() && link.wants_handshake(),
            Data::Open(link) if self.is_upload() => {
                link.ready.writable && self.exchange.is_moving()
            }
            Data::Open(link) => link.ready.readable,
            // A server that has confirmed all need not end its side first.
            Data::Ending(link) => link.ready.readable || self.exchange.has_final_reply(),
        }
    }

    const fn is_upload(&self) -> bool {
        matches!(self.payload, Payload::Up(..))
    }

    /// A reply has come.
    ///
    /// # Errors
    /// It is refused, or the data connection failed.
    pub(super) fn reply(
        &mut self,
        reply: &ServerReply<'_>,
        place: &Place,
        shared: &mut Shared,
        out: &mut Vec<u8>,
    ) -> Result<(), Trouble> {
        let demand = self.exchange.reply(reply, out);
        match demand.map_err(Trouble::Refused)? {
            Demand::Wait | Demand::Move => {}
            Demand::Connect(port) => {
                let to = SocketAddr::new(place.server.ip(), port);
                let token = Token::new(place.key, DATA);
                let stream = shared.network.connect(place.from, to, token);
                let stream = stream.and_then(|mut stream| {
                    stream.register(Registration::Both)?;
                    Ok(stream)
                });
                self.data = Data::Connecting(Link::new(stream.map_err(Trouble::Data)?));
            }
            Demand::Complete => self.end(shared),
        }
        Ok(())
    }

    /// Goes on with the data connection. Returns how many bytes have moved. A failure of an open one is
    /// counted, and the reply to it awaited.
    ///
    /// # Errors
    /// There is no data connection.
    pub(super) fn turn(&mut self, place: &Place, shared: &mut Shared) -> Result<u64, Trouble> {
        let before = self.moved();
        for _ in 0..STEPS {
            if !self.wants_turn() {
                break;
            }
            let data = std::mem::replace(&mut self.data, Data::Ended);
            self.data = match data {
                Data::None | Data::Ended => data,
                Data::Listening(listener, _) => accept(listener, place)?,
                Data::Connecting(mut link) => {
                    if link.connect().map_err(Trouble::Data)? {
                        connected(link, place)?
                    } else {
                        Data::Connecting(link)
                    }
                }
                Data::Securing(link) => {
                    secured(self.use_link(Data::Securing(link), shared), place)?
                }
                data => self.use_link(data, shared),
            };
            if matches!(self.data, Data::Ended) && self.exchange.data_ended() == Demand::Complete {
                self.end(shared);
            }
        }
        Ok(self.moved() - before)
    }

    fn use_link(&mut self, data: Data, shared: &mut Shared) -> Data {
        let done = match data {
            Data::Securing(mut link) => link.handshake().map(|is_done| {
                if is_done {
                    Data::Open(link)
                } else {
                    Data::Securing(link)
                }
            }),
            Data::Open(link) if self.is_upload() => self.send(link, shared),
            Data::Open(link) => self.receive(link, shared),
            Data::Flushing(link) => flush(link),
            Data::Ending(link) => Ok(read_to_end(link, shared)),
            data => Ok(data),
        };
        done.unwrap_or_else(|error| {
            let trouble = Trouble::Data(error);
            shared.failed(&trouble);
            self.outcome = Outcome::Broken;
            Data::Ended
        })
    }

    fn end(&mut self, shared: &mut Shared) {
        self.outcome = match self.outcome {
            Outcome::Open | Outcome::Complete => Outcome::Complete,
            Outcome::Broken | Outcome::Spoiled => Outcome::Spoiled,
            Outcome::Differs(difference) => {
                let name = String::from_utf8_lossy(self.exchange.path()).into_owned();
                shared.failed(&Trouble::Content(name, difference));
                Outcome::Spoiled
            }
        };
    }

    const fn moved(&self) -> u64 {
        match self.payload {
            Payload::Up(_, sent) => sent,
            Payload::Down(_, received) => received,
        }
    }

    fn send(&mut self, mut link: Link, shared: &Shared) -> io::Result<Data> {
        let Payload::Up(content, sent) = &mut self.payload else {
            return Ok(Data::Open(link));
        };
        let bytes = content.part(*sent, &shared.block);
        *sent += link.write(bytes)? as u64;
        if *sent < content.size {
            return Ok(Data::Open(link));
        }
        link.announce_end();
        Ok(Data::Flushing(link))
    }

    /// Of a file with other bytes the rest is only received.
    fn receive(&mut self, mut link: Link, shared: &mut Shared) -> io::Result<Data> {
        let Payload::Down(check, received) = &mut self.payload else {
            return Ok(Data::Open(link));
        };
        let Some(count) = link.read(&mut shared.buffer)? else {
            return Ok(Data::Open(link));
        };
        *received += count as u64;
        let compared = check.as_mut().map_or(Ok(()), |check| {
            let bytes = shared.buffer.get(..count).unwrap_or_default();
            match count {
                0 => check.end(),
                _ => check.compare(bytes, &shared.block),
            }
        });
        if let Err(difference) = compared {
            *check = None;
            self.outcome = Outcome::Differs(difference);
        }
        // What goes on behind its end may have none.
        let is_endless = matches!(self.outcome, Outcome::Differs(Difference::Long { .. }));
        Ok(if count == 0 || is_endless {
            Data::Ended
        } else {
            Data::Open(link)
        })
    }
}

/// The certificate of a data connection is verified too, if it has not resumed a session.
fn secured(data: Data, place: &Place) -> Result<Data, Trouble> {
    let distrust = place.tls.as_ref().and_then(ClientTls::distrust);
    match (&data, distrust) {
        (Data::Open(_), Some(why)) => Err(Trouble::Tls(why)),
        _ => Ok(data),
    }
}

/// Sends what TLS holds, then ends this side.
fn flush(mut link: Link) -> io::Result<Data> {
    if !link.flush()? {
        return Ok(Data::Flushing(link));
    }
    link.half_close()?;
    Ok(Data::Ending(link))
}

/// There may be sessions of TLS to read, and then the end.
fn read_to_end(mut link: Link, shared: &mut Shared) -> Data {
    if !link.ready.readable {
        return Data::Ended;
    }
    match link.read(&mut shared.buffer) {
        Ok(None | Some(1..)) => Data::Ending(link),
        // All is sent, and the final reply tells whether it has arrived.
        Ok(Some(0)) | Err(_) => Data::Ended,
    }
}

fn accept(mut listener: Box<dyn Listener>, place: &Place) -> Result<Data, Trouble> {
    match listener.accept(Token::new(place.key, DATA)) {
        Ok((mut stream, _)) => {
            let registered = stream.register(Registration::Both);
            registered.map_err(Trouble::Data)?;
            connected(Link::new(stream), place)
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Ok(Data::Listening(listener, false))
        }
        Err(error) => Err(Trouble::Data(error)),
    }
}

/// TLS comes next, if there is any.
fn connected(mut link: Link, place: &Place) -> Result<Data, Trouble> {
    match &place.tls {
        None => Ok(Data::Open(link)),
        Some(tls) => {
            link.secure(tls.begin().map_err(Trouble::Tls)?);
            Ok(Data::Securing(link))
        }
    }
}
