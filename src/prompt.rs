//! A new password, read where it is not seen: from a terminal twice and without echo, or else one
//! line of what is piped in.
//!
//! It owns the terminal's settings for as long as it reads, and puts them back whatever comes: the
//! keys that would end the program (Ctrl-C and its like) are text meanwhile, and so end it here.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;

use mioftpd::auth::Password;
use rustix::termios::{LocalModes, OptionalActions, Termios, isatty, tcgetattr, tcsetattr};

/// The longest password that a login could send anyway.
const LINE_MAX: usize = 4096;

/// Asks for a password on standard input.
pub(crate) fn new_password() -> io::Result<Password> {
    // Not by way of the standard library's buffer, which nobody overwrites.
    let mut input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    if !isatty(&input) {
        return read_line(&mut input).and_then(check);
    }
    let (first, second) = {
        let silence = Silence::begin(io::stdin())?;
        let first = ask("Password: ", &mut input)?;
        let second = ask("Again: ", &mut input)?;
        drop(silence);
        (first, second)
    };
    if first != second {
        return Err(io::Error::other("these were two passwords"));
    }
    check(first)
}

fn ask(what: &str, input: &mut impl Read) -> io::Result<Password> {
    // Standard output may be the file that the hash goes into.
    let mut terminal = io::stderr();
    write!(terminal, "{what}")?;
    let line = read_line(input);
    writeln!(terminal)?;
    line
}

fn check(password: Password) -> io::Result<Password> {
    let bytes = password.as_bytes();
    if bytes.is_empty() {
        return Err(io::Error::other("the password is empty"));
    }
    if bytes.iter().any(u8::is_ascii_control) {
        return Err(io::Error::other("a password has no control characters"));
    }
    Ok(password)
}

/// A byte at a time, for what is behind the line is not for here.
fn read_line(input: &mut impl Read) -> io::Result<Password> {
    // Never moved to a larger place, which would leave a copy behind.
    let mut line = Vec::with_capacity(LINE_MAX);
    let mut byte = [0];
    while input.read(&mut byte)? == 1 && byte != *b"\n" {
        if line.len() == LINE_MAX {
            return Err(io::Error::other("the password is too long"));
        }
        line.extend(byte);
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(Password::new(line))
}

/// A terminal that shows nothing of what is typed.
struct Silence<T: AsFd> {
    terminal: T,
    before: Termios,
}

impl<T: AsFd> Silence<T> {
    fn begin(terminal: T) -> io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut silent = before.clone();
        silent.local_modes -= LocalModes::ECHO | LocalModes::ISIG;
        tcsetattr(&terminal, OptionalActions::Flush, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl<T: AsFd> Drop for Silence<T> {
    fn drop(&mut self) {
        // There is nobody to tell, and nothing else to do.
        let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
    }
}
