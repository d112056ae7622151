//! Reads a new password: from a terminal twice and without echo, or one line from a pipe.
//!
//! It changes the terminal settings while it reads, and restores them on every return. ISIG is off
//! too: Ctrl-C would end the program without restoring them, so it is read as a control character, which
//! is refused.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;

use mioftpd::Password;
use rustix::termios::{LocalModes, OptionalActions, Termios, isatty, tcgetattr, tcsetattr};

/// Bytes; the limit of a command line, so a login could not send a longer one.
const LINE_MAX: usize = 4096;

/// Reads a password from standard input.
pub(crate) fn new_password() -> io::Result<Password> {
    // Unbuffered: the buffer of `Stdin` would keep a copy of the password.
    let mut input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    if !isatty(&input) {
        return read_line(&mut input).and_then(check);
    }
    let (first, second) = {
        let echo_off = EchoOff::begin(io::stdin())?;
        let first = ask("Password: ", &mut input)?;
        let second = ask("Again: ", &mut input)?;
        drop(echo_off);
        (first, second)
    };
    if first != second {
        return Err(io::Error::other("the two passwords differ; try again"));
    }
    check(first)
}

fn ask(prompt: &str, input: &mut impl Read) -> io::Result<Password> {
    // Standard output may be redirected to the file of the hash.
    let mut terminal = io::stderr();
    write!(terminal, "{prompt}")?;
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
        return Err(io::Error::other("the password has a control character"));
    }
    Ok(password)
}

/// Reads one byte at a time, so that input after the line is not consumed.
fn read_line(input: &mut impl Read) -> io::Result<Password> {
    // Never reallocated, which would leave a copy of the password in freed memory.
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

/// A terminal without echo and signal keys, until it is dropped.
struct EchoOff<T: AsFd> {
    terminal: T,
    before: Termios,
}

impl<T: AsFd> EchoOff<T> {
    fn begin(terminal: T) -> io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut changed = before.clone();
        changed.local_modes -= LocalModes::ECHO | LocalModes::ISIG;
        tcsetattr(&terminal, OptionalActions::Flush, &changed)?;
        Ok(Self { terminal, before })
    }
}

impl<T: AsFd> Drop for EchoOff<T> {
    fn drop(&mut self) {
        // A failure means that the terminal is gone.
        let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
    }
}
