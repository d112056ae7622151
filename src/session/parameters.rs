//! TYPE, STRU, MODE and OPTS MODE Z: the representation of files on the data connection; and the restart
//! markers of a transfer. RFC 959 §3.1 to §3.5 and §4.1.2, draft-preston-ftpext-deflate §3.4.
//!
//! Declined with 504: STRU P, since no current system has page files; a byte size other than 8 in TYPE L;
//! STRU R with TYPE I. The last is checked by the transfer command, since TYPE and STRU are set one after
//! the other.

use super::{Context, Session};
use crate::protocol::deflate::Level;
use crate::protocol::reply::Reply;
use crate::transfer::{DataType, FormatControl, Mark, Mode, Structure};

const TYPES: &str = "TYPE is A or E (N, T or C), I or L 8.";
const STRUCTURES: &str = "STRU is F or R.";
const MODES: &str = if cfg!(feature = "mode-z") {
    "MODE is S, B, C or Z."
} else {
    "MODE is S, B or C."
};

enum ParameterValue<T> {
    Served(T),
    /// Known to the RFCs, and not supported: 504.
    Declined,
    /// Not known: 501.
    Unknown,
}

impl Session {
    pub(super) fn set_type(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        if let Some(data_type) = served_or_refused(parse_type(argument), TYPES, cx) {
            self.params.representation.data_type = data_type;
        }
    }

    pub(super) fn set_structure(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        let structure = match argument {
            b"F" | b"f" => ParameterValue::Served(Structure::File),
            b"R" | b"r" => ParameterValue::Served(Structure::Record),
            b"P" | b"p" => ParameterValue::Declined,
            _ => ParameterValue::Unknown,
        };
        if let Some(structure) = served_or_refused(structure, STRUCTURES, cx) {
            self.params.representation.structure = structure;
        }
    }

    pub(super) fn set_mode(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        let mode = match argument {
            b"S" | b"s" => ParameterValue::Served(Mode::Stream),
            b"B" | b"b" => ParameterValue::Served(Mode::Block),
            b"C" | b"c" => ParameterValue::Served(Mode::Compressed),
            b"Z" | b"z" => match self.params.level {
                Some(level) => ParameterValue::Served(Mode::Deflate(level)),
                None => ParameterValue::Declined,
            },
            _ => ParameterValue::Unknown,
        };
        if let Some(mode) = served_or_refused(mode, MODES, cx) {
            self.params.representation.mode = mode;
        }
    }

    /// `OPTS MODE Z LEVEL 9`. Applies at once if MODE Z is set, otherwise to the next MODE Z.
    pub(super) fn mode_options(&mut self, value: &[u8], cx: &mut Context<'_>) {
        let mut words = value.split(|&b| b == b' ');
        let level = match (words.next(), words.next(), words.next(), words.next()) {
            (Some(b"Z" | b"z"), Some(word), Some(level), None)
                if word.eq_ignore_ascii_case(b"LEVEL") =>
            {
                Level::parse(level)
            }
            _ => None,
        };
        let Some(level) = level else {
            let text = if self.params.level.is_some() {
                "OPTS MODE Z LEVEL 0 to 9."
            } else {
                "No such option."
            };
            return cx.reply(&Reply::fixed(501, text));
        };
        self.params.level = Some(level);
        if let Mode::Deflate(current) = &mut self.params.representation.mode {
            *current = level;
        }
        cx.reply(&Reply::new(200, format!("MODE Z LEVEL set to {level}.")));
    }

    /// Whether a file can be transferred with the present TYPE and STRU; replies 504 if not.
    pub(super) fn can_represent(&self, cx: &mut Context<'_>) -> bool {
        let served = self.params.representation.is_served();
        if !served {
            let text = "STRU R is for text: use TYPE A or E, or STRU F.";
            cx.reply(&Reply::fixed(504, text));
        }
        served
    }

    /// Acknowledges a restart marker of an upload. RFC 959 §4.2.2 fixes the text.
    pub(super) fn marked(&self, mark: &Mark, cx: &mut Context<'_>) {
        // Backpressure: without an acknowledgement the client cannot use this marker, and loses nothing
        // else.
        if self.is_transferring() && !cx.outbox.is_full() {
            let mut text = b"MARK ".to_vec();
            text.extend_from_slice(&mark.marker);
            text.extend_from_slice(format!(" = {}", mark.offset).as_bytes());
            cx.reply(&Reply::new(110, text));
        }
    }
}

/// Replies to a parameter command, and returns the value if it is supported.
fn served_or_refused<T>(
    parameter: ParameterValue<T>,
    help: &'static str,
    cx: &mut Context<'_>,
) -> Option<T> {
    let (reply, value) = match parameter {
        ParameterValue::Served(value) => (Reply::ok(), Some(value)),
        ParameterValue::Declined => (Reply::fixed(504, help), None),
        ParameterValue::Unknown => (Reply::fixed(501, help), None),
    };
    cx.reply(&reply);
    value
}

fn parse_type(argument: &[u8]) -> ParameterValue<DataType> {
    let argument = argument.to_ascii_uppercase();
    let data_type = match argument.as_slice() {
        b"I" | b"L 8" | b"L8" => DataType::Image,
        [b'L', b' ', size @ ..] | [b'L', size @ ..] if is_number(size) => {
            return ParameterValue::Declined;
        }
        [letter @ (b'A' | b'E'), format @ ..] => {
            let format = match format {
                b"" | b" N" => FormatControl::NonPrint,
                b" T" => FormatControl::Telnet,
                b" C" => FormatControl::CarriageControl,
                _ => return ParameterValue::Unknown,
            };
            if *letter == b'A' {
                DataType::Ascii(format)
            } else {
                DataType::Ebcdic(format)
            }
        }
        _ => return ParameterValue::Unknown,
    };
    ParameterValue::Served(data_type)
}

fn is_number(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}
