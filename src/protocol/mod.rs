//! The text of FTP, and nothing else: lines, commands, replies, addresses, paths, listings.
//!
//! Pure: bytes in, values out, and back. No sockets, no files, no clock, and no import from
//! another layer; so it can be read, and tested, on its own. RFC 959, 1123 §4.1, 2428, 3659.
//!
//! In the order of one command's way through it:
//!
//! - [`proxy_header`] is what a proxy puts in front of all others;
//! - [`line`](mod@line) finds the lines in what a client sends, and `telnet` cleans them;
//! - [`command`] tells what a line asks for, by `command_table`; [`path`], [`host_port`],
//!   [`byte_range`] and [`quoted`] what its argument means, and [`one_host`] where a data connection
//!   can go at all;
//! - [`reply`] is the answer, with the wording of RFC 959 in `standard_replies`;
//! - [`entry`] is what is told of a file: for people by [`listing`], for programs by
//!   [`facts`], with [`date`] and [`zone`] for its time and [`glob`] for patterns of names;
//! - [`permissions`] say what may be done to it, and [`cidr`] from which addresses somebody comes;
//! - [`ascii`] converts the bytes of a file in TYPE A, [`ebcdic`] in TYPE E; [`records`] marks
//!   records in MODE S, [`block`] is MODE B, [`run_length`] MODE C, with [`framing`] in
//!   common; [`deflate`], where it is compiled in, is MODE Z;
//! - [`visible`] makes bytes safe to show, [`charset`] names readable for old clients.

pub mod ascii;
pub mod block;
pub mod byte_range;
pub mod charset;
pub mod cidr;
pub mod command;
mod command_table;
pub mod date;
mod decimal;
#[cfg_attr(not(feature = "mode-z"), path = "no_deflate.rs")]
pub mod deflate;
pub mod ebcdic;
pub mod entry;
pub mod facts;
pub mod framing;
pub mod glob;
pub mod host_port;
pub mod line;
pub mod listing;
pub mod one_host;
pub mod path;
pub mod permissions;
pub mod proxy_header;
pub mod quoted;
pub mod records;
pub mod reply;
pub mod run_length;
mod standard_replies;
mod telnet;
pub mod visible;
mod waiting_line;
pub mod zone;
