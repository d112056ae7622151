//! The file format: JSON of Chrome's Trace Event Format, which Perfetto opens.
//!
//! It writes events as they come; that those of a track come in order is the caller's part. Times are in
//! microseconds, with the nanoseconds as a fraction. No slice is empty: Perfetto would take its end before
//! its beginning, so it lasts a nanosecond. It must not know what the events are.

use std::collections::HashMap;
use std::fmt::{self, Arguments, Display};
use std::io::{self, Write};

use crate::protocol::json_text::JsonText;

/// A line of the viewer: the numbers of a process and of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Track {
    pub(super) process: u32,
    pub(super) thread: u32,
}

/// Writes a file.
pub(super) struct Chrome<W> {
    to: W,
    separator: &'static str,
    /// The latest event of each track, and the latest beginning.
    times: HashMap<Track, (u64, u64)>,
}

/// Nanoseconds since the beginning, as the format has them.
pub(super) struct Micros(pub(super) u64);

impl Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

impl<W: Write> Chrome<W> {
    pub(super) fn begin(mut to: W) -> io::Result<Self> {
        write!(to, "{{\"displayTimeUnit\":\"ns\",\"traceEvents\":[")?;
        Ok(Self {
            to,
            separator: "\n",
            times: HashMap::new(),
        })
    }

    /// An event of a phase (`B`, `E` and so on), with further members, which begin with a comma.
    pub(super) fn event(
        &mut self,
        phase: char,
        on: Track,
        at: u64,
        more: Arguments<'_>,
    ) -> io::Result<()> {
        let (separator, at) = (self.separator, Micros(self.in_order(phase, on, at)));
        self.separator = ",\n";
        let Track { process, thread } = on;
        write!(
            self.to,
            "{separator}{{\"ph\":\"{phase}\",\"pid\":{process},\"tid\":{thread},\"ts\":{at}{more}}}"
        )
    }

    /// The time at which an event is written.
    fn in_order(&mut self, phase: char, on: Track, at: u64) -> u64 {
        if phase == 'M' {
            return at;
        }
        let (latest, begun) = self.times.entry(on).or_default();
        *latest = at.max(*latest);
        match phase {
            'B' => *begun = *latest,
            'E' => *latest = (*latest).max(*begun + 1),
            _ => {}
        }
        *latest
    }

    /// Names a track, and places it by its number.
    pub(super) fn name(&mut self, track: Track, name: &str) -> io::Result<()> {
        let (name, place) = (JsonText(name.as_bytes()), track.thread);
        let named = format_args!(",\"name\":\"thread_name\",\"args\":{{\"name\":{name}}}");
        self.event('M', track, 0, named)?;
        let placed =
            format_args!(",\"name\":\"thread_sort_index\",\"args\":{{\"sort_index\":{place}}}");
        self.event('M', track, 0, placed)
    }

    /// Names a process.
    pub(super) fn name_process(&mut self, process: u32, name: &str) -> io::Result<()> {
        let (track, name) = (Track { process, thread: 0 }, JsonText(name.as_bytes()));
        let named = format_args!(",\"name\":\"process_name\",\"args\":{{\"name\":{name}}}");
        self.event('M', track, 0, named)
    }

    /// The end of an arrow between tracks is bound to the slice around it.
    pub(super) fn arrow(&mut self, phase: char, on: Track, at: u64, id: u64) -> io::Result<()> {
        let bound = if phase == 'f' { ",\"bp\":\"e\"" } else { "" };
        let more = format_args!(",\"name\":\"job\",\"cat\":\"job\",\"id\":{id}{bound}");
        self.event(phase, on, at, more)
    }

    pub(super) fn end(mut self) -> io::Result<()> {
        write!(self.to, "\n]}}\n")?;
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_microseconds_with_a_fraction() {
        for (nanoseconds, shown) in [(0, "0.000"), (1, "0.001"), (1_234_567, "1234.567")] {
            assert_eq!(Micros(nanoseconds).to_string(), shown);
        }
    }

    #[test]
    fn strings_are_escaped() {
        assert_eq!(
            JsonText("a\"b\\c\n\u{e9}".as_bytes()).to_string(),
            r#""a\"b\\c\u000aé""#
        );
    }
}
