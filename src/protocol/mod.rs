//! The text of FTP, and nothing else: lines, commands, replies, addresses, paths, listings.
//!
//! Pure: bytes in, values out, and back. No sockets, no files, no clock, and no import from
//! another layer; so it can be read, and tested, on its own. RFC 959, 1123 §4.1, 2428, 3659.

pub mod ascii;
pub mod command;
pub mod date;
pub mod entry;
pub mod host_port;
pub mod line;
pub mod listing;
pub mod path;
pub mod reply;
