//! How a file looks on the wire: TYPE, STRU and MODE as plain data (RFC 959 §3.1, §3.3, §3.4).
//!
//! A session agrees on it, a plan carries it. Which of the combinations are served, where a
//! transfer can be taken up again and what STAT calls it all is said here; how bytes are
//! converted is the matter of [`encoder`](super::encoder) and [`decoder`](super::decoder).

use std::fmt;

use crate::protocol::deflate::Level;

/// TYPE, STRU and MODE; at first those that RFC 959 §5.1 makes the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Representation {
    /// TYPE.
    pub data_type: DataType,
    /// STRU.
    pub structure: Structure,
    /// MODE.
    pub mode: Mode,
}

/// What a byte of the wire means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataType {
    /// TYPE I and L 8: itself.
    Image,
    /// TYPE A: text, whose lines end in CR LF.
    Ascii(FormatControl),
    /// TYPE E: text in EBCDIC (code page 037), whose lines end in NL.
    Ebcdic(FormatControl),
}

impl Default for DataType {
    fn default() -> Self {
        Self::Ascii(FormatControl::NonPrint)
    }
}

/// How the text would be printed. A file is stored and sent the same with any of them: what
/// they mean is in its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FormatControl {
    /// N: not at all.
    #[default]
    NonPrint,
    /// T: with CR, LF, NL, VT and FF in it.
    Telnet,
    /// C: the first character of a line moves the paper (ASA).
    CarriageControl,
}

/// What a file consists of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Structure {
    /// STRU F: of bytes.
    #[default]
    File,
    /// STRU R: of records, which are lines in the file. A last line without its end is a last
    /// record without its end.
    Record,
}

/// How the bytes are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// MODE S: as they are.
    #[default]
    Stream,
    /// MODE B: in blocks.
    Block,
    /// MODE C: with repetitions told by their number.
    Compressed,
    /// MODE Z: compressed by deflate, at this level.
    Deflate(Level),
}

impl Representation {
    /// Whether it can be served: records are lines of text, so of what is no text there is no
    /// telling where one ends.
    pub const fn is_served(self) -> bool {
        !matches!(
            (self.data_type, self.structure),
            (DataType::Image, Structure::Record)
        )
    }

    /// Whether the wire is the file.
    pub const fn is_verbatim(self) -> bool {
        matches!(
            (self.data_type, self.structure, self.mode),
            (DataType::Image, Structure::File, Mode::Stream)
        )
    }

    /// Whether REST can take RETR to where the wire broke off: by markers, or because each byte
    /// is its own. In converted text without markers nobody can know where that is.
    pub const fn can_restart(self) -> bool {
        self.has_markers() || matches!(self.data_type, DataType::Image)
    }

    /// Whether it takes so long to convert that the loop must not.
    pub const fn is_slow(self) -> bool {
        !matches!(self.mode, Mode::Stream | Mode::Block | Mode::Compressed)
    }

    /// Whether the MODE has restart markers (RFC 959 §3.5).
    pub const fn has_markers(self) -> bool {
        matches!(self.mode, Mode::Block | Mode::Compressed)
    }
}

impl DataType {
    /// What the 150 calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Image => "BINARY",
            Self::Ascii(_) => "ASCII",
            Self::Ebcdic(_) => "EBCDIC",
        }
    }
}

/// As STAT has it.
impl fmt::Display for Representation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.data_type {
            DataType::Image => f.write_str("TYPE: Image")?,
            DataType::Ascii(format) => write!(f, "TYPE: ASCII {format}")?,
            DataType::Ebcdic(format) => write!(f, "TYPE: EBCDIC {format}")?,
        }
        f.write_str(match self.structure {
            Structure::File => "; STRU: File",
            Structure::Record => "; STRU: Record",
        })?;
        match self.mode {
            Mode::Stream => f.write_str("; MODE: Stream"),
            Mode::Block => f.write_str("; MODE: Block"),
            Mode::Compressed => f.write_str("; MODE: Compressed"),
            Mode::Deflate(level) => write!(f, "; MODE: Deflate, level {level}"),
        }
    }
}

impl fmt::Display for FormatControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NonPrint => "Non-print",
            Self::Telnet => "Telnet",
            Self::CarriageControl => "Carriage control",
        })
    }
}
