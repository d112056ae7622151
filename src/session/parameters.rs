//! TYPE, STRU, MODE and OPTS MODE Z: how the next file will look on the wire; and the restart
//! markers of one that is under way. RFC 959 §3.1 to §3.5 and §4.1.2,
//! draft-preston-ftpext-deflate §3.4.
//!
//! Declined, with 504: STRU P, because pages with a number each are files of systems that are
//! gone; a byte size other than 8 in TYPE L; records in TYPE I, which is said when there is a
//! file to transfer, because TYPE and STRU come one after the other.

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

/// What a parameter command's argument came to.
enum Parameter<T> {
    Served(T),
    /// The RFCs know it, and this server declines.
    Declined,
    Unknown,
}

impl Session {
    pub(super) fn set_type(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        if let Some(data_type) = agreed(parse_type(argument), TYPES, cx) {
            self.channel.representation.data_type = data_type;
        }
    }

    pub(super) fn set_structure(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        let structure = match argument {
            b"F" | b"f" => Parameter::Served(Structure::File),
            b"R" | b"r" => Parameter::Served(Structure::Record),
            b"P" | b"p" => Parameter::Declined,
            _ => Parameter::Unknown,
        };
        if let Some(structure) = agreed(structure, STRUCTURES, cx) {
            self.channel.representation.structure = structure;
        }
    }

    pub(super) fn set_mode(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        let mode = match argument {
            b"S" | b"s" => Parameter::Served(Mode::Stream),
            b"B" | b"b" => Parameter::Served(Mode::Block),
            b"C" | b"c" => Parameter::Served(Mode::Compressed),
            b"Z" | b"z" => match self.channel.level {
                Some(level) => Parameter::Served(Mode::Deflate(level)),
                None => Parameter::Declined,
            },
            _ => Parameter::Unknown,
        };
        if let Some(mode) = agreed(mode, MODES, cx) {
            self.channel.representation.mode = mode;
        }
    }

    /// `OPTS MODE Z LEVEL 9`: for this mode, if it is the one that is set, and for the next.
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
            let text = if self.channel.level.is_some() {
                "OPTS MODE Z LEVEL 0 to 9."
            } else {
                "No such option."
            };
            return cx.reply(&Reply::fixed(501, text));
        };
        self.channel.level = Some(level);
        if let Mode::Deflate(current) = &mut self.channel.representation.mode {
            *current = level;
        }
        cx.reply(&Reply::new(200, format!("MODE Z LEVEL set to {level}.")));
    }

    /// Whether a file can be transferred in what TYPE and STRU are now, or the 504 is said.
    pub(super) fn can_represent(&self, cx: &mut Context<'_>) -> bool {
        let served = self.channel.representation.is_served();
        if !served {
            let text = "STRU R is for text: use TYPE A or E, or STRU F.";
            cx.reply(&Reply::fixed(504, text));
        }
        served
    }

    /// An upload has come to a restart marker. The text is fixed by RFC 959 §4.2.2.
    pub(super) fn marked(&self, mark: &Mark, cx: &mut Context<'_>) {
        // Who does not read its replies does not get more of them; a marker that is not
        // acknowledged is one that the client cannot use, and nothing else.
        if self.is_transferring() && !cx.outbox.is_full() {
            let mut text = b"MARK ".to_vec();
            text.extend_from_slice(&mark.theirs);
            text.extend_from_slice(format!(" = {}", mark.ours).as_bytes());
            cx.reply(&Reply::new(110, text));
        }
    }
}

/// Says what came of a parameter command; its value where there is one.
fn agreed<T>(parameter: Parameter<T>, help: &'static str, cx: &mut Context<'_>) -> Option<T> {
    let (reply, value) = match parameter {
        Parameter::Served(value) => (Reply::ok(), Some(value)),
        Parameter::Declined => (Reply::fixed(504, help), None),
        Parameter::Unknown => (Reply::fixed(501, help), None),
    };
    cx.reply(&reply);
    value
}

fn parse_type(argument: &[u8]) -> Parameter<DataType> {
    let argument = argument.to_ascii_uppercase();
    let data_type = match argument.as_slice() {
        b"I" | b"L 8" | b"L8" => DataType::Image,
        [b'L', b' ', size @ ..] | [b'L', size @ ..] if is_number(size) => {
            return Parameter::Declined;
        }
        [letter @ (b'A' | b'E'), format @ ..] => {
            let format = match format {
                b"" | b" N" => FormatControl::NonPrint,
                b" T" => FormatControl::Telnet,
                b" C" => FormatControl::CarriageControl,
                _ => return Parameter::Unknown,
            };
            if *letter == b'A' {
                DataType::Ascii(format)
            } else {
                DataType::Ebcdic(format)
            }
        }
        _ => return Parameter::Unknown,
    };
    Parameter::Served(data_type)
}

fn is_number(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}
