//! The representation of a file on the wire: TYPE, STRU and MODE (RFC 959 §3.1, §3.3, §3.4).
//!
//! Plain data, set by the session and carried by a plan. It decides which combinations are supported
//! and which transfers can be resumed, and formats itself for STAT. The conversions are in
//! `encoder` and `decoder`.

use std::fmt;

use crate::protocol::deflate::Level;

/// TYPE, STRU and MODE; the default is that of RFC 959 §5.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Representation {
    /// TYPE.
    pub data_type: DataType,
    /// STRU.
    pub structure: Structure,
    /// MODE.
    pub mode: Mode,
}

/// The data type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataType {
    /// TYPE I and L 8: unconverted bytes.
    Image,
    /// TYPE A: text with lines that end in CR LF.
    Ascii(FormatControl),
    /// TYPE E: text in EBCDIC (code page 037) with lines that end in NL.
    Ebcdic(FormatControl),
}

impl Default for DataType {
    fn default() -> Self {
        Self::Ascii(FormatControl::NonPrint)
    }
}

/// The vertical format control for printing. It does not change how a file is stored or sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FormatControl {
    /// N: no format control.
    #[default]
    NonPrint,
    /// T: CR, LF, NL, VT and FF in the text.
    Telnet,
    /// C: the first character of each line controls the paper (ASA).
    CarriageControl,
}

/// The file structure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Structure {
    /// STRU F: a sequence of bytes.
    #[default]
    File,
    /// STRU R: records, stored as lines. A last line without a newline is a last record without an
    /// end of record.
    Record,
}

/// The transmission mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// MODE S: a plain stream.
    #[default]
    Stream,
    /// MODE B: blocks.
    Block,
    /// MODE C: run-length encoding.
    Compressed,
    /// MODE Z: deflate at this level.
    Deflate(Level),
}

impl Representation {
    /// Whether the combination is supported: records are lines of text, so a binary file has none.
    pub const fn is_served(self) -> bool {
        !matches!(
            (self.data_type, self.structure),
            (DataType::Image, Structure::Record)
        )
    }

    /// Whether the bytes on the wire are those of the file.
    pub const fn is_verbatim(self) -> bool {
        matches!(
            (self.data_type, self.structure, self.mode),
            (DataType::Image, Structure::File, Mode::Stream)
        )
    }

    /// Whether REST can resume a RETR: with markers, or in TYPE I, where file offsets are known. The
    /// length of converted text does not tell the offset in the file.
    pub const fn can_restart(self) -> bool {
        self.has_markers() || matches!(self.data_type, DataType::Image)
    }

    /// Whether conversion is too slow for the event loop.
    pub const fn is_slow(self) -> bool {
        !matches!(self.mode, Mode::Stream | Mode::Block | Mode::Compressed)
    }

    /// Whether the MODE has restart markers (RFC 959 §3.5).
    pub const fn has_markers(self) -> bool {
        matches!(self.mode, Mode::Block | Mode::Compressed)
    }
}

impl DataType {
    /// The name in the 150 reply.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Image => "BINARY",
            Self::Ascii(_) => "ASCII",
            Self::Ebcdic(_) => "EBCDIC",
        }
    }
}

/// The form in the STAT reply.
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
