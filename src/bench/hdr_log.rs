//! The times of each second as a log of `HdrHistogram`, with V2 histograms: for its own tools.
//!
//! All times are in nanoseconds. Each second is written when it is over, so a long run needs no more memory
//! than a short one. It must not know what was measured.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{
    IntervalLogWriterBuilder, IntervalLogWriterError, Tag,
};

/// A log that is being written.
pub(super) struct HdrLog<W: Write> {
    to: W,
    serializer: V2DeflateSerializer,
}

impl HdrLog<BufWriter<File>> {
    /// Creates the file, or empties it.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        Self::begin(BufWriter::new(File::create(path)?))
    }
}

impl<W: Write> HdrLog<W> {
    fn begin(mut to: W) -> io::Result<Self> {
        to.write_all(
            b"#[mioftpd bench, times in nanoseconds]\n#[Histogram log format version 1.3]\n",
        )?;
        Ok(Self {
            to,
            serializer: V2DeflateSerializer::new(),
        })
    }

    /// Adds the times of an interval that began so long after the start; a tag has neither space nor comma.
    pub(super) fn add(
        &mut self,
        begin: Duration,
        length: Duration,
        times: &Histogram<u64>,
        tag: Option<&str>,
    ) -> io::Result<()> {
        let tag = tag.and_then(Tag::new);
        let builder = IntervalLogWriterBuilder::new();
        let mut log = builder.begin_log_with(&mut self.to, &mut self.serializer)?;
        let written = log.write_histogram(times, begin, length, tag);
        written.map_err(|error| match error {
            IntervalLogWriterError::IoError(error) => error,
            error @ IntervalLogWriterError::SerializeError(_) => {
                io::Error::other(error.to_string())
            }
        })
    }

    /// Writes what is buffered.
    pub(super) fn end(mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    #[test]
    fn log_is_read_back_by_its_library() {
        let mut times = Histogram::<u64>::new(3).unwrap();
        let mut bytes = Vec::new();
        let mut log = HdrLog::begin(&mut bytes).unwrap();
        for second in 0..3 {
            times.record(1000 + second).unwrap();
            let begin = Duration::from_secs(second);
            log.add(begin, Duration::from_secs(1), &times, None)
                .unwrap();
        }
        log.end().unwrap();
        let intervals = IntervalLogIterator::new(&bytes).filter_map(|entry| match entry.unwrap() {
            LogEntry::Interval(interval) => Some(interval),
            _ => None,
        });
        let counts = intervals.map(|interval| {
            let text = interval.encoded_histogram();
            let compressed = base64_decoded(text);
            let read = Deserializer::new().deserialize::<u64, _>(&mut compressed.as_slice());
            (interval.start_timestamp().as_secs(), read.unwrap().len())
        });
        assert_eq!(counts.collect::<Vec<_>>(), [(0, 1), (1, 2), (2, 3)]);
    }

    fn base64_decoded(text: &str) -> Vec<u8> {
        const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let digits = text.chars().filter_map(|digit| DIGITS.find(digit));
        let (mut bytes, mut bits, mut count) = (Vec::new(), 0, 0);
        for digit in digits {
            (bits, count) = (bits << 6 | digit, count + 6);
            if count >= 8 {
                count -= 8;
                bytes.push(u8::try_from(bits >> count & 0xff).unwrap());
            }
        }
        bytes
    }
}
