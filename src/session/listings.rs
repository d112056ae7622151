//! LIST, NLST and MLSD: directories over a data connection. RFC 959 §4.1.3, RFC 3659 §7.
//!
//! Clients send options of `ls` and patterns in the argument of LIST. This file parses it into a
//! [`Listing`]; it reads no directory and formats no line.

use super::transfers::Purpose;
use super::{Context, Session};
use crate::auth::Permissions;
use crate::protocol::glob;
use crate::transfer::{Direction, Format, Listing};

impl Session {
    pub(super) fn list(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        let format = cx.long_format();
        self.prepare_listing(argument, format, cx);
    }

    pub(super) fn name_list(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        self.prepare_listing(argument, Format::Names, cx);
    }

    pub(super) fn machine_list(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        let Some(path) = self.permitted_path(Permissions::LIST, argument, cx) else {
            return;
        };
        // RFC 3659 §7.1: the argument is a name, never a pattern.
        let listing = Listing {
            path,
            pattern: None,
            prefix: Vec::new(),
            recursive: false,
            charset: None,
            format: Format::Facts(self.fact_format(cx)),
        };
        self.open_transfer(Purpose::MachineList, Direction::List(listing), cx);
    }

    /// LIST and NLST of a directory, a file, or a pattern in the last component. The storage decides
    /// which one it is.
    fn prepare_listing(&mut self, argument: &[u8], format: Format, cx: &mut Context<'_>) {
        if !self.may(Permissions::LIST, cx) {
            return;
        }
        let (options, argument) = split_options(argument);
        let recursive = options.contains(&b'R') && format != Format::Names;
        let Some(path) = self.path(argument, cx) else {
            return;
        };
        // `rsplit` yields at least one item.
        let last = argument.rsplit(|&b| b == b'/').next().unwrap_or_default();
        let pattern = glob::has_wildcard(last).then(|| path.name().to_vec());
        let listing = Listing {
            path,
            pattern,
            prefix: argument.to_vec(),
            recursive,
            charset: self.charset(cx),
            format,
        };
        self.open_transfer(Purpose::List, Direction::List(listing), cx);
    }
}

/// Splits leading options of `ls` from the path: `(options, path)`. Only `-R` has an effect; hidden names
/// are always listed.
pub(super) fn split_options(argument: &[u8]) -> (&[u8], &[u8]) {
    let mut rest = argument;
    while rest.starts_with(b"-") {
        // The last option may have nothing behind it, not even a space.
        let end = rest.iter().position(|&b| b == b' ').unwrap_or(rest.len());
        let (option, behind) = rest.split_at(end);
        rest = behind.strip_prefix(b" ").unwrap_or(behind);
        if option == b"--" {
            break;
        }
    }
    argument.split_at(argument.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use super::split_options;

    #[test]
    fn ls_options_are_split_from_path() {
        for (argument, options, rest) in [
            (&b""[..], &b""[..], &b""[..]),
            (b"-la", b"-la", b""),
            (b"-l -a dir", b"-l -a ", b"dir"),
            (b"-a  dir", b"-a ", b" dir"),
            (b"a -l", b"", b"a -l"),
            (b"-l -- -a", b"-l -- ", b"-a"),
        ] {
            assert_eq!(split_options(argument), (options, rest));
        }
    }
}
