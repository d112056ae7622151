//! LIST, NLST and MLSD: sends directory entries over the data connection.
//!
//! Entries are read, formatted and sent as the connection accepts them, so that memory use does not
//! depend on the size of the directory. Lines end in CRLF in every TYPE (RFC 1123 §4.1.2.7); only the
//! MODE applies. RFC 959 §4.1.3, RFC 3659 §7.

use std::borrow::Cow;
use std::sync::Arc;

use super::encoder::WireEncoder;
use super::representation::Mode;
use super::walk::{Next, Walk};
use super::{Interest, Scratch, Sent, SliceOutcome, TransferFailure, send};
use crate::limits::{LISTING_BYTES, LISTING_ENTRIES, REPLY_SORTED_BYTES};
use crate::net::Stream;
use crate::protocol::charset::Charset;
use crate::protocol::facts::{self, FactFormat};
use crate::protocol::framing::Malformed;
use crate::protocol::path::PATH_MAX;
use crate::protocol::zone::Zone;
use crate::protocol::{glob, listing};
use crate::storage::{Entry, Error, Result, Storage, VirtualPath};

/// The longest line: a path, or a name with its facts.
const LINE_BYTES: usize = PATH_MAX + 1024;

/// The format of a listing's entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// LIST: as `ls -l`.
    Long {
        /// The time of the command in seconds since 1970; old dates are shown with the year.
        now: i64,
        /// The time zone of the dates.
        zone: Zone,
    },
    /// NLST: names that RETR accepts.
    Names,
    /// MLSD: the selected facts.
    Facts(FactFormat),
}

/// A listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The directory, or the one file.
    pub path: VirtualPath,
    /// The last part of the path, if it has wildcards. It is a pattern only if no entry has this path.
    pub pattern: Option<Vec<u8>>,
    /// The path as the client wrote it, or empty. NLST puts it before each name, so that RETR accepts
    /// the result in the current directory.
    pub prefix: Vec<u8>,
    /// The character set for names, for a client without UTF-8.
    pub charset: Option<Charset>,
    /// Whether to list subdirectories too (`LIST -R`).
    pub recursive: bool,
    /// The format of the entries.
    pub format: Format,
}

pub(super) struct ListingSender {
    walk: Walk,
    listing: Listing,
    /// `None` in MODE S, and after the end-of-file mark.
    framing: Option<Box<WireEncoder>>,
    /// Formatted bytes that the connection has not taken.
    unsent: Vec<u8>,
}

impl ListingSender {
    /// Opens the listing, sorted if that takes no more than `room` bytes. A permit is needed for
    /// [`SORTED_BYTES`](crate::limits::SORTED_BYTES).
    pub(super) fn open(
        storage: &Arc<dyn Storage>,
        mut listing: Listing,
        room: usize,
        mode: Mode,
    ) -> Result<Self> {
        listing.resolve_pattern(storage.as_ref());
        let walk = match listing.walk(storage, room) {
            Ok(walk) => {
                if listing.prefix.last().is_some_and(|&b| b != b'/') {
                    listing.prefix.push(b'/');
                }
                walk
            }
            Err(Error::NotDirectory) if listing.accepts_file() && !listing.has_trailing_slash() => {
                listing.prefix_with_directory();
                Walk::of(storage.entry(&listing.path)?)
            }
            Err(error) => return Err(error),
        };
        Ok(Self {
            walk,
            listing,
            framing: WireEncoder::for_listing(mode).map(Box::new),
            unsent: Vec::new(),
        })
    }

    pub(super) fn slice(
        &mut self,
        stream: &mut dyn Stream,
        scratch: &mut Scratch,
        moved: &mut u64,
    ) -> SliceOutcome {
        let framed = self.unsent.len();
        let more = match self.print(LISTING_BYTES) {
            Ok(more) => more,
            Err(error) => return SliceOutcome::Failed(TransferFailure::Storage(error)),
        };
        if self.frame(framed, more, scratch).is_err() {
            return SliceOutcome::Failed(TransferFailure::Malformed);
        }
        match send(stream, &self.unsent, moved) {
            Sent::All => self.unsent.clear(),
            Sent::Part(sent) => {
                self.unsent.drain(..sent);
                return SliceOutcome::Waiting(Interest::Writable);
            }
            Sent::Failed => return SliceOutcome::Failed(TransferFailure::Connection),
        }
        match (more, self.walk.is_complete()) {
            (true, _) => SliceOutcome::Again,
            (false, true) => SliceOutcome::Done,
            (false, false) => SliceOutcome::Failed(TransferFailure::Bounded),
        }
    }

    /// Frames the unsent bytes after the first `from`, which are framed already, and the end of the
    /// file after the last.
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

    /// Makes room for the longest line, so that lack of memory ends the listing and not the process.
    fn make_room(&mut self) -> Result<()> {
        if self.unsent.capacity() - self.unsent.len() >= LINE_BYTES {
            return Ok(());
        }
        let room = self.unsent.try_reserve_exact(LISTING_BYTES + LINE_BYTES);
        room.map_err(|_| Error::Exhausted)
    }

    /// Formats entries until `enough` bytes are unsent, and returns whether there are more. The number
    /// of entries is bounded too, since a pattern may match none.
    fn print(&mut self, enough: usize) -> Result<bool> {
        for _ in 0..LISTING_ENTRIES {
            if self.unsent.len() >= enough {
                break;
            }
            self.make_room()?;
            match self.walk.next(|name| self.listing.selects(name))? {
                Next::Entry(entry) => self.listing.print(entry, &mut self.unsent),
                Next::Directory(path) => self.listing.print_header(&path, &mut self.unsent),
                Next::Nothing => {}
                Next::End => return Ok(false),
            }
        }
        Ok(true)
    }
}

impl Listing {
    /// Formats the listing for a reply, up to the line that exceeds `limit` bytes. Returns the lines,
    /// and whether they are complete. Waits for the disk.
    pub fn describe(self, storage: &Arc<dyn Storage>, limit: usize) -> Result<(Vec<u8>, bool)> {
        let mut listed = ListingSender::open(storage, self, REPLY_SORTED_BYTES, Mode::Stream)?;
        let mut more = true;
        while more && listed.unsent.len() < limit {
            more = listed.print(limit)?;
        }
        Ok((listed.unsent, !more))
    }

    /// Drops the pattern if an entry has this name: a name may contain wildcards.
    fn resolve_pattern(&mut self, storage: &dyn Storage) {
        if self.pattern.is_some() && storage.entry(&self.path).is_ok() {
            self.pattern = None;
        }
        if self.pattern.is_some() {
            self.path = self.path.parent();
            self.prefix_with_directory();
        }
    }

    /// Cuts the prefix behind its last slash.
    fn prefix_with_directory(&mut self) {
        let slash = self.prefix.iter().rposition(|&b| b == b'/');
        self.prefix.truncate(slash.map_or(0, |slash| slash + 1));
    }

    fn walk(&self, storage: &Arc<dyn Storage>, room: usize) -> Result<Walk> {
        let walk = if self.recursive {
            Walk::open_recursive(storage, &self.path)?
        } else {
            Walk::open(storage.as_ref(), &self.path, room)?
        };
        Ok(match self.format {
            Format::Facts(format) if format.facts.includes_perm() => walk.include_permissions(),
            Format::Facts(_) | Format::Long { .. } => walk,
            Format::Names => walk.only_names(),
        })
    }

    /// As `ls -R`: an empty line, and the directory relative to the listed one.
    fn print_header(&self, path: &VirtualPath, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\r\n.");
        for part in path.parts().skip(self.path.parts().count()) {
            out.push(b'/');
            listing::write_shown_name(out, &self.in_charset(part));
        }
        out.extend_from_slice(b":\r\n");
    }

    fn in_charset<'n>(&self, name: &'n [u8]) -> Cow<'n, [u8]> {
        self.charset
            .map_or(Cow::Borrowed(name), |charset| charset.encode(name))
    }

    /// Whether the path ends in a slash, which allows only directories (POSIX).
    fn has_trailing_slash(&self) -> bool {
        self.prefix.ends_with(b"/")
    }

    /// Whether the path may be a file: in LIST and NLST without a pattern, not in MLSD
    /// (RFC 3659 §7.1).
    const fn accepts_file(&self) -> bool {
        !matches!(self.format, Format::Facts(_)) && self.pattern.is_none()
    }

    /// Whether the pattern matches, if there is one.
    fn selects(&self, name: &[u8]) -> bool {
        let pattern = self.pattern.as_ref();
        pattern.is_none_or(|pattern| glob::matches(pattern, name))
    }

    /// Formats one entry as a line.
    pub(crate) fn print(&self, entry: &Entry, out: &mut Vec<u8>) {
        match self.format {
            Format::Long { now, zone } => {
                listing::write_ls_line(out, entry, now, zone, |name| self.in_charset(name));
            }
            Format::Facts(format) => {
                facts::write_mlsx_line(out, format, entry);
            }
            Format::Names => {
                let start = out.len();
                out.extend_from_slice(&self.prefix);
                if !listing::write_name_line(out, &self.in_charset(&entry.name)) {
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
    use crate::net::testing::FakeStream;
    use crate::storage::{Memory, Wait};
    use crate::transfer::{Direction, Plan, Representation, Transfer};

    /// An NLST of the root.
    fn names() -> Listing {
        Listing {
            path: VirtualPath::root(),
            pattern: None,
            prefix: Vec::new(),
            charset: None,
            recursive: false,
            format: Format::Names,
        }
    }

    #[test]
    fn bounded_listing_ends_orderly_and_fails() {
        for (depth, outcome) in [
            (DIRECTORY_DEPTH, SliceOutcome::Done),
            (
                DIRECTORY_DEPTH + 1,
                SliceOutcome::Failed(TransferFailure::Bounded),
            ),
        ] {
            let deep = format!("/{}f", "d/".repeat(depth));
            let storage: Arc<dyn Storage> = Arc::new(Memory::new().with_file(&deep, b""));
            let listing = Listing {
                recursive: true,
                ..names()
            };
            let plan = Plan {
                direction: Direction::List(listing),
                representation: Representation::default(),
                rate: None,
            };
            let (source, _) = plan.open(&mut None, &storage, Wait::Allowed).unwrap();
            let stream = FakeStream {
                blocks_shutdown: true,
                ..FakeStream::default()
            };
            let mut transfer = Transfer::new(Channel::clear(Box::new(stream)), source);
            let mut scratch = Scratch::new(1024);
            let mut outcomes =
                std::iter::repeat_with(|| transfer.slice(1024, Wait::Allowed, &mut scratch));
            let first = outcomes.find(|outcome| *outcome != SliceOutcome::Again);
            assert_eq!(first, Some(SliceOutcome::Waiting(Interest::Writable)));
            assert_eq!(outcomes.next(), Some(outcome), "{depth}");
        }
    }

    /// Programs take each line of NLST for a name: a part of a name could make them delete another file.
    #[test]
    fn name_with_line_break_is_omitted_from_nlst() {
        let memory = Memory::new().with_file("/d/f", b"");
        let mut entry = memory
            .entry(&VirtualPath::root().join(b"d/f").unwrap())
            .unwrap();
        let listing = Listing {
            prefix: b"d/".to_vec(),
            ..names()
        };
        for (name, line) in [(&b"f"[..], &b"d/f\r\n"[..]), (b"f\ng", b""), (b"\rf", b"")] {
            entry.name = name.to_vec();
            let mut out = b"before\r\n".to_vec();
            listing.print(&entry, &mut out);
            assert_eq!(out, [b"before\r\n", line].concat(), "{name:?}");
        }
    }

    #[test]
    fn description_ends_after_the_line_that_exceeds_the_limit() {
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
            let (text, is_complete) = names().describe(&storage, limit).unwrap();
            assert_eq!((text.len(), is_complete), (bytes, is_all), "{limit}");
        }
    }
}
