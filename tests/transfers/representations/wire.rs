//! A client's codecs for files on the wire (RFC 959 §3.1 to §3.4): simple, independent of the server's,
//! and with different choices where the RFC allows several encodings.

use mioftpd::internals::protocol::deflate::{Deflater, Inflated, Inflater, Level};

/// A combination of TYPE, STRU and MODE.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    /// A, E or I.
    pub(crate) data_type: char,
    /// F or R.
    pub(crate) structure: char,
    /// S, B, C or Z.
    pub(crate) mode: char,
}

/// Bytes, and whether they end a record.
type Record = (Vec<u8>, bool);

const MODES: &str = if cfg!(feature = "mode-z") {
    "SBCZ"
} else {
    "SBC"
};

impl Form {
    /// TYPE I and STRU F in this MODE.
    pub(crate) fn image(mode: char) -> Self {
        Self {
            data_type: 'I',
            structure: 'F',
            mode,
        }
    }

    /// All combinations that the server supports.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for mode in MODES.chars() {
            for (data_type, structure) in
                [('I', 'F'), ('A', 'F'), ('A', 'R'), ('E', 'F'), ('E', 'R')]
            {
                all.push(Self {
                    data_type,
                    structure,
                    mode,
                });
            }
        }
        all
    }

    /// The commands that select it.
    pub(crate) fn commands(self) -> [String; 3] {
        [
            format!("TYPE {}", self.data_type),
            format!("STRU {}", self.structure),
            format!("MODE {}", self.mode),
        ]
    }

    /// Encodes a file for the wire.
    pub(crate) fn to_wire(self, file: &[u8]) -> Vec<u8> {
        let records: Vec<Record> = match self.structure {
            'F' => vec![(self.text_to_wire(file), false)],
            _ => lines(file)
                .map(|(line, has_end)| (self.text_to_wire(line), has_end))
                .collect(),
        };
        match self.mode {
            'S' => self.to_stream(&records),
            'B' => to_blocks(&records),
            'C' => to_compressed(&records),
            _ => to_zlib(&self.to_stream(&records)),
        }
    }

    /// Decodes a file from the wire; panics if it is malformed or has no end.
    pub(crate) fn to_file(self, wire: &[u8]) -> Vec<u8> {
        let records = match self.mode {
            'S' => self.of_stream(wire),
            'B' => of_blocks(wire, &mut |_, _| {}),
            'C' => of_compressed(wire, self.filler()),
            _ => self.of_stream(&of_zlib(wire)),
        };
        let mut file = Vec::new();
        let mut text = Vec::new();
        for (bytes, has_end) in records {
            text.extend(bytes);
            if has_end {
                file.extend(self.text_to_file(&std::mem::take(&mut text)));
                file.push(b'\n');
            }
        }
        file.extend(self.text_to_file(&text));
        file
    }

    fn text_to_wire(self, text: &[u8]) -> Vec<u8> {
        let mut wire = Vec::new();
        match (self.data_type, self.structure) {
            ('A', 'F') => {
                for (line, has_end) in lines(text) {
                    wire.extend_from_slice(line);
                    wire.extend_from_slice(if has_end { b"\r\n" } else { b"" });
                }
            }
            ('E', _) => mioftpd::internals::protocol::ebcdic::encode(text, &mut wire),
            _ => wire.extend_from_slice(text),
        }
        wire
    }

    fn text_to_file(self, text: &[u8]) -> Vec<u8> {
        let mut file = Vec::new();
        match (self.data_type, self.structure) {
            ('A', 'F') => {
                for (line, has_end) in lines(text) {
                    file.extend_from_slice(if has_end {
                        line.strip_suffix(b"\r")
                            .expect("a line that ends in LF alone")
                    } else {
                        line
                    });
                    file.extend_from_slice(if has_end { b"\n" } else { b"" });
                }
            }
            ('E', _) => mioftpd::internals::protocol::ebcdic::decode(text, &mut file),
            _ => file.extend_from_slice(text),
        }
        file
    }

    fn filler(self) -> u8 {
        match self.data_type {
            'I' => 0,
            'A' => 0x20,
            _ => 0x40,
        }
    }

    fn to_stream(self, records: &[Record]) -> Vec<u8> {
        if self.structure == 'F' {
            return records
                .iter()
                .flat_map(|(bytes, _)| bytes.clone())
                .collect();
        }
        let mut wire = Vec::new();
        for (number, (bytes, has_end)) in records.iter().enumerate() {
            for &byte in bytes {
                wire.push(byte);
                wire.extend((byte == 0xff).then_some(byte));
            }
            let is_last = number + 1 == records.len();
            let code = u8::from(*has_end) + 2 * u8::from(is_last);
            if code != 0 {
                wire.extend([0xff, code]);
            }
        }
        if records.is_empty() {
            wire.extend_from_slice(&[0xff, 2]);
        }
        wire
    }

    fn of_stream(self, wire: &[u8]) -> Vec<Record> {
        if self.structure == 'F' {
            return vec![(wire.to_vec(), false)];
        }
        let (mut records, mut record, mut bytes) = (Vec::new(), Vec::new(), wire.iter());
        loop {
            match bytes.next().expect("no end") {
                0xff => match bytes.next().expect("no code") {
                    1 => records.push((std::mem::take(&mut record), true)),
                    2 => break,
                    0xff => record.push(0xff),
                    code => panic!("code {code}"),
                },
                byte => record.push(*byte),
            }
        }
        assert_eq!(bytes.next(), None, "bytes after the end");
        records.push((record, false));
        records
    }
}

fn lines(text: &[u8]) -> impl Iterator<Item = (&[u8], bool)> {
    let lines = text.split_inclusive(|&byte| byte == b'\n');
    lines.map(|line| match line.strip_suffix(b"\n") {
        Some(line) => (line, true),
        None => (line, false),
    })
}

/// Small blocks, with the ends in the descriptors of data blocks.
fn to_blocks(records: &[Record]) -> Vec<u8> {
    let mut wire = Vec::new();
    for (number, (bytes, has_end)) in records.iter().enumerate() {
        let mut left = bytes.len();
        let empty: [&[u8]; 1] = [b""];
        let blocks = bytes
            .chunks(1000)
            .chain(empty.into_iter().take(usize::from(left == 0)));
        for block in blocks {
            left -= block.len();
            let last_of_file = left == 0 && number + 1 == records.len();
            let end = u8::from(left == 0 && *has_end) * 128 + u8::from(last_of_file) * 64;
            wire.extend(block_of(end, block));
        }
    }
    if records.is_empty() {
        wire.extend(block_of(64, b""));
    }
    wire
}

/// One block.
pub(crate) fn block_of(descriptor: u8, bytes: &[u8]) -> Vec<u8> {
    let count = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    [&[descriptor], &count[..], bytes].concat()
}

/// Decodes blocks; `marker` is called with each restart marker and its offset in the data.
pub(crate) fn of_blocks(mut wire: &[u8], marker: &mut dyn FnMut(&[u8], usize)) -> Vec<Record> {
    let (mut records, mut record, mut total) = (Vec::new(), Vec::new(), 0);
    loop {
        let count = usize::from(u16::from_be_bytes([wire[1], wire[2]]));
        let (descriptor, bytes) = (wire[0], &wire[3..3 + count]);
        wire = &wire[3 + count..];
        if descriptor == 16 {
            marker(bytes, total);
            continue;
        }
        assert_eq!(descriptor & 0x3f, 0);
        total += count;
        record.extend_from_slice(bytes);
        if descriptor & 128 != 0 {
            records.push((std::mem::take(&mut record), true));
        }
        if descriptor & 64 != 0 {
            break;
        }
    }
    assert!(wire.is_empty(), "bytes after the end");
    records.push((record, false));
    records
}

/// Only runs, never literals or filler; the descriptor of an end is before the last string.
fn to_compressed(records: &[Record]) -> Vec<u8> {
    let mut wire = Vec::new();
    for (number, (bytes, has_end)) in records.iter().enumerate() {
        let runs = bytes.chunk_by(|a, b| a == b).flat_map(|run| run.chunks(63));
        let mut strings: Vec<_> = runs.map(|run| [0x80 | run.len() as u8, run[0]]).collect();
        let last = strings.pop().unwrap_or([0x80, 0]);
        let is_last = number + 1 == records.len();
        let end = u8::from(*has_end) * 128 + u8::from(is_last) * 64;
        wire.extend(strings.concat());
        if end != 0 {
            wire.extend([0, end]);
        }
        wire.extend_from_slice(&last);
    }
    if records.is_empty() {
        wire.extend_from_slice(&[0, 64]);
    }
    wire
}

fn of_compressed(wire: &[u8], filler: u8) -> Vec<Record> {
    let (mut records, mut record, mut descriptor, mut at) = (Vec::new(), Vec::new(), 0, 0);
    loop {
        let lead = wire[at];
        at += 1;
        match lead {
            0 if wire[at] == 16 => {
                at += 2 + usize::from(wire[at + 1]);
                continue;
            }
            0 => {
                descriptor = wire[at];
                at += 1;
                continue;
            }
            1..=0x7f => {
                record.extend_from_slice(&wire[at..at + usize::from(lead)]);
                at += usize::from(lead);
            }
            0x80..=0xbf => {
                record.extend(std::iter::repeat_n(wire[at], usize::from(lead & 0x3f)));
                at += 1;
            }
            _ => record.extend(std::iter::repeat_n(filler, usize::from(lead & 0x3f))),
        }
        if descriptor & 128 != 0 {
            records.push((std::mem::take(&mut record), true));
        }
        if descriptor & 64 != 0 {
            break;
        }
        descriptor = 0;
    }
    assert_eq!(at, wire.len(), "bytes after the end");
    records.push((record, false));
    records
}

/// The server's own encoder: there is no simpler one.
pub(crate) fn to_zlib(bytes: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    let mut deflater = Deflater::new(Level::DEFAULT.unwrap());
    deflater.deflate(bytes, &mut wire).unwrap();
    deflater.finish(&mut wire).unwrap();
    wire
}

fn of_zlib(mut wire: &[u8]) -> Vec<u8> {
    let mut inflater = Inflater::new(Level::DEFAULT.unwrap());
    let mut out = Vec::new();
    loop {
        let (bytes, progress) = inflater.inflate(&mut wire).unwrap();
        out.extend_from_slice(bytes);
        match progress {
            Inflated::Full => {}
            Inflated::NeedsInput => panic!("no end"),
            Inflated::Ended => break,
        }
    }
    assert!(wire.is_empty(), "bytes after the end");
    out
}
