//! LIST, NLST and MLSD: a directory's entries onto the data connection.
//!
//! Entries are read, printed and sent as the connection takes them, so that a directory of
//! any size costs the same memory. Its lines end in CRLF whatever the TYPE (RFC 1123
//! §4.1.2.7); only the MODE changes how they are sent. RFC 959 §4.1.3, RFC 3659 §7.

use std::borrow::Cow;
use std::sync::Arc;

use super::encoder::Encoder;
use super::walk::{Next, Walk};
use super::{
    Failure, Format, Interest, Listing, Representation, Scratch, Sent, SliceOutcome, send,
};
use crate::limits::{LISTING_BYTES, LISTING_ENTRIES};
use crate::net::Stream;
use crate::protocol::facts::{self, EntryRole};
use crate::protocol::framing::Malformed;
use crate::protocol::{glob, listing};
use crate::storage::{Entry, Error, Result, Storage, VirtualPath, Wait};

pub(super) struct Listed {
    walk: Walk,
    listing: Listing,
    /// Where the MODE is not S; gone when the end is said.
    framing: Option<Box<Encoder>>,
    /// Printed, and not taken yet by the connection.
    unsent: Vec<u8>,
}

impl Listed {
    /// It is only `sorted` where there is a place to gather it.
    pub(super) fn open(
        storage: &Arc<dyn Storage>,
        mut listing: Listing,
        sorted: bool,
    ) -> Result<Self> {
        listing.tell_pattern_from_name(storage.as_ref());
        let walk = match listing.walk(storage, sorted) {
            Ok(walk) => {
                if listing.prefix.last().is_some_and(|&b| b != b'/') {
                    listing.prefix.push(b'/');
                }
                walk
            }
            Err(Error::NotDirectory)
                if listing.may_be_a_file() && !listing.is_said_to_be_a_directory() =>
            {
                listing.prefix_with_directory();
                Walk::of(storage.entry(&listing.path)?)
            }
            Err(error) => return Err(error),
        };
        Ok(Self {
            walk,
            listing,
            framing: None,
            unsent: Vec::new(),
        })
    }

    /// To be sent in the representation's MODE.
    pub(super) fn framed(self, representation: Representation) -> Self {
        Self {
            framing: Encoder::for_listing(representation).map(Box::new),
            ..self
        }
    }

    pub(super) fn slice(
        &mut self,
        stream: &mut dyn Stream,
        wait: Wait,
        scratch: &mut Scratch,
        moved: &mut u64,
    ) -> SliceOutcome {
        if wait == Wait::Never {
            return SliceOutcome::WouldWait;
        }
        let sent_later = self.unsent.len();
        let more = match self.print(LISTING_BYTES) {
            Ok(more) => more,
            Err(error) => return SliceOutcome::Failed(Failure::Storage(error)),
        };
        if self.frame(sent_later, more, scratch).is_err() {
            return SliceOutcome::Failed(Failure::Malformed);
        }
        match send(stream, &self.unsent, moved) {
            Sent::All => self.unsent.clear(),
            Sent::Part(sent) => {
                self.unsent.drain(..sent);
                return SliceOutcome::Waiting(Interest::Writable);
            }
            Sent::Failed => return SliceOutcome::Failed(Failure::Connection),
        }
        match (more, self.walk.is_complete()) {
            (true, _) => SliceOutcome::Again,
            (false, true) => SliceOutcome::Done,
            (false, false) => SliceOutcome::Failed(Failure::Bounded),
        }
    }

    /// Frames what was printed behind the first `from` bytes, and the end behind the last.
    fn frame(
        &mut self,
        from: usize,
        more: bool,
        scratch: &mut Scratch,
    ) -> std::result::Result<(), Malformed> {
        let Some(framing) = &mut self.framing else {
            return Ok(());
        };
        let Scratch {
            text, converted, ..
        } = scratch;
        converted.clear();
        converted.extend(self.unsent.drain(from..));
        framing.encode(converted, text, &mut self.unsent)?;
        if !more {
            framing.finish(&mut self.unsent)?;
            self.framing = None;
        }
        Ok(())
    }

    /// Prints some entries, at most until there are `enough` bytes to send. Whether there
    /// are more. Entries are counted too, since a pattern may leave them all out.
    fn print(&mut self, enough: usize) -> Result<bool> {
        for _ in 0..LISTING_ENTRIES {
            if self.unsent.len() >= enough {
                break;
            }
            match self.walk.next()? {
                Next::Entry(entry) => self.listing.print(&entry, &mut self.unsent),
                Next::Directory(path) => self.listing.print_header(&path, &mut self.unsent),
                Next::Nothing => {}
                Next::End => return Ok(false),
            }
        }
        Ok(true)
    }
}

impl Listing {
    /// The whole listing as lines for a reply, cut off behind the line that passes `limit`
    /// bytes; whether that is all of it. Waits for the disk.
    pub fn describe(self, storage: &Arc<dyn Storage>, limit: usize) -> Result<(Vec<u8>, bool)> {
        let mut listed = Listed::open(storage, self, true)?;
        let mut more = true;
        while more && listed.unsent.len() < limit {
            more = listed.print(limit)?;
        }
        Ok((listed.unsent, !more))
    }

    /// What is there as it is written is meant: names may look like patterns.
    fn tell_pattern_from_name(&mut self, storage: &dyn Storage) {
        if self.pattern.is_some() && storage.entry(&self.path).is_ok() {
            self.pattern = None;
        }
        if self.pattern.is_some() {
            self.path = self.path.parent();
            self.prefix_with_directory();
        }
    }

    /// What stands before the last part, and that is what each name gets.
    fn prefix_with_directory(&mut self) {
        let slash = self.prefix.iter().rposition(|&b| b == b'/');
        self.prefix.truncate(slash.map_or(0, |slash| slash + 1));
    }

    fn walk(&self, storage: &Arc<dyn Storage>, sorted: bool) -> Result<Walk> {
        let walk = if self.recursive {
            Walk::open_recursive(storage, &self.path)?
        } else if sorted {
            Walk::open(storage.as_ref(), &self.path)?
        } else {
            Walk::open_unsorted(storage.as_ref(), &self.path)?
        };
        Ok(match self.format {
            Format::Facts(format) if format.facts.tells_permissions() => walk.tell_allowed(),
            _ => walk,
        })
    }

    /// As `ls -R` does: an empty line, and the directory as seen from where it began.
    fn print_header(&self, path: &VirtualPath, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\r\n.");
        for part in path.parts().skip(self.path.parts().count()) {
            out.push(b'/');
            listing::write_shown_name(out, &self.shown(part));
        }
        out.extend_from_slice(b":\r\n");
    }

    fn shown<'n>(&self, name: &'n [u8]) -> Cow<'n, [u8]> {
        self.charset
            .map_or(Cow::Borrowed(name), |charset| charset.encode(name))
    }

    /// As POSIX has it, a slash at the end is only for directories.
    fn is_said_to_be_a_directory(&self) -> bool {
        self.prefix.ends_with(b"/")
    }

    /// LIST and NLST name a file itself; MLSD is for directories (RFC 3659 §7.1), and a
    /// pattern is looked for in one.
    const fn may_be_a_file(&self) -> bool {
        !matches!(self.format, Format::Facts(_)) && self.pattern.is_none()
    }

    /// Prints one entry as its line, unless the pattern leaves it out.
    pub(crate) fn print(&self, entry: &Entry, out: &mut Vec<u8>) {
        if let Some(pattern) = &self.pattern
            && !glob::matches(pattern, &entry.name)
        {
            return;
        }
        match self.format {
            Format::Long { now, zone } => {
                listing::write_ls_line(out, entry, now, zone, |name| self.shown(name));
            }
            Format::Facts(format) => {
                facts::write_mlsx_line(out, format, entry, EntryRole::Entry);
            }
            Format::Names => {
                let start = out.len();
                out.extend_from_slice(&self.prefix);
                if !listing::write_name_line(out, &self.shown(&entry.name)) {
                    out.truncate(start);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::DIRECTORY_DEPTH;
    use crate::net::Channel;
    use crate::storage::{File, Memory};
    use crate::transfer::{Direction, Plan, Transfer};
    use std::io;
    use std::net::SocketAddr;

    /// Takes everything, and its end only when it is told a second time; a reset is none.
    struct Slow(u32);

    impl Stream for Slow {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::WouldBlock.into())
        }

        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn send_file(&mut self, _: &dyn File, _: u64, count: usize) -> io::Result<usize> {
            Ok(count)
        }

        fn connected(&mut self) -> io::Result<()> {
            Ok(())
        }

        fn local_address(&self) -> io::Result<SocketAddr> {
            Err(io::ErrorKind::NotConnected.into())
        }

        fn shutdown(&mut self) -> io::Result<()> {
            self.0 += 1;
            if self.0 == 1 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok(())
        }

        fn reset_on_close(&mut self) {
            panic!("what was sent would be lost");
        }
    }

    #[test]
    fn what_came_to_its_bounds_ends_in_order_and_is_not_done() {
        for (depth, outcome) in [
            (DIRECTORY_DEPTH, SliceOutcome::Done),
            (DIRECTORY_DEPTH + 1, SliceOutcome::Failed(Failure::Bounded)),
        ] {
            let deep = format!("/{}f", "d/".repeat(depth));
            let storage: Arc<dyn Storage> = Arc::new(Memory::new().with_file(&deep, b""));
            let listing = Listing {
                path: VirtualPath::root(),
                pattern: None,
                prefix: Vec::new(),
                charset: None,
                recursive: true,
                format: Format::Names,
            };
            let plan = Plan {
                direction: Direction::List(listing),
                representation: Representation::default(),
                rate: None,
            };
            let (source, _) = plan.open(&mut None, &storage, Wait::Allowed).unwrap();
            let mut transfer = Transfer::new(Channel::clear(Box::new(Slow(0))), source);
            let mut scratch = Scratch::new(1024);
            let mut verdicts =
                std::iter::repeat_with(|| transfer.slice(1024, Wait::Allowed, &mut scratch));
            let first = verdicts.find(|outcome| *outcome != SliceOutcome::Again);
            assert_eq!(first, Some(SliceOutcome::Waiting(Interest::Writable)));
            assert_eq!(verdicts.next(), Some(outcome), "{depth}");
        }
    }

    /// Programs take each line of NLST for a name: half of one, or a directory in its place, would
    /// have them delete another.
    #[test]
    fn a_name_that_breaks_its_line_is_no_line_of_a_list_of_names() {
        let memory = Memory::new().with_file("/d/f", b"");
        let mut entry = memory
            .entry(&VirtualPath::root().join(b"d/f").unwrap())
            .unwrap();
        let listing = Listing {
            path: VirtualPath::root(),
            pattern: None,
            prefix: b"d/".to_vec(),
            charset: None,
            recursive: false,
            format: Format::Names,
        };
        for (name, line) in [(&b"f"[..], &b"d/f\r\n"[..]), (b"f\ng", b""), (b"\rf", b"")] {
            entry.name = name.to_vec();
            let mut out = b"before\r\n".to_vec();
            listing.print(&entry, &mut out);
            assert_eq!(out, [b"before\r\n", line].concat(), "{name:?}");
        }
    }

    #[test]
    fn a_description_ends_behind_the_line_that_passes_its_limit() {
        let name = |number| format!("/file-{number:03}");
        let memory = (0..500).fold(Memory::new(), |memory, number| {
            memory.with_file(&name(number), b"")
        });
        let storage: Arc<dyn Storage> = Arc::new(memory);
        let line = name(0).len() + 1;
        let all = 500 * line;
        for (limit, bytes, is_all) in [
            (1, line, false),
            (line, line, false),
            (300 * line + 1, 301 * line, false),
            (all + 1, all, true),
        ] {
            let listing = Listing {
                path: VirtualPath::root(),
                pattern: None,
                prefix: Vec::new(),
                charset: None,
                recursive: false,
                format: Format::Names,
            };
            let (text, told_all) = listing.describe(&storage, limit).unwrap();
            assert_eq!((text.len(), told_all), (bytes, is_all), "{limit}");
        }
    }
}
