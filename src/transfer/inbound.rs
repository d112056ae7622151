//! STOR, STOU and APPE: the data connection's bytes into a file.
//!
//! The end of the connection is the end of the file (MODE S), so a clean end is only
//! [`Verdict::Received`]: whether the client meant it is decided by whoever also sees the
//! control connection, before [`Inbound::commit`]. Dropped without one, a temporary file is
//! removed. RFC 959 §3.4.1.

use std::io;

use super::{Failure, Interest, Representation, Scratch, Verdict};
use crate::net::Stream;
use crate::protocol::ascii::Decoder;
use crate::storage::{File, Result, Wait};

pub(super) struct Inbound {
    file: Box<dyn File>,
    offset: u64,
    decoder: Option<Decoder>,
}

impl Inbound {
    pub(super) fn new(file: Box<dyn File>, representation: Representation, offset: u64) -> Self {
        Self {
            file,
            offset,
            decoder: (representation == Representation::Ascii).then(Decoder::new),
        }
    }

    pub(super) fn slice(
        &mut self,
        stream: &mut dyn Stream,
        budget: usize,
        wait: Wait,
        scratch: &mut Scratch,
        moved: &mut u64,
    ) -> Verdict {
        if wait == Wait::Never {
            return Verdict::WouldWait;
        }
        let enough = *moved + budget as u64;
        while *moved < enough {
            match stream.read(&mut scratch.chunk) {
                Ok(0) => return self.end(scratch),
                Ok(count) => {
                    *moved += count as u64;
                    if let Err(error) = self.write(count, scratch) {
                        return Verdict::Failed(Failure::Storage(error));
                    }
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Verdict::Waiting(Interest::Readable),
                    io::ErrorKind::Interrupted => {}
                    _ => return Verdict::Failed(Failure::Connection),
                },
            }
        }
        Verdict::Again
    }

    /// The last byte is in the file; now put the file in its place.
    pub(super) fn commit(&mut self) -> Result<()> {
        self.file.commit()
    }

    fn write(&mut self, count: usize, scratch: &mut Scratch) -> Result<()> {
        let received = scratch.chunk.get(..count).unwrap_or_default();
        let Some(decoder) = &mut self.decoder else {
            return self.append(received);
        };
        scratch.converted.clear();
        decoder.decode(received, &mut scratch.converted);
        self.append(&scratch.converted)
    }

    fn end(&mut self, scratch: &mut Scratch) -> Verdict {
        if let Some(decoder) = &mut self.decoder {
            scratch.converted.clear();
            decoder.finish(&mut scratch.converted);
            if let Err(error) = self.append(&scratch.converted) {
                return Verdict::Failed(Failure::Storage(error));
            }
        }
        Verdict::Received
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.file.write_at(bytes, self.offset)?;
        self.offset += bytes.len() as u64;
        Ok(())
    }
}
