//! Parsers and formatters of FTP: lines, commands, replies, addresses, paths, listings, file formats.
//!
//! Pure: bytes in, values out, and back. No sockets, no files, no clock, and no import from
//! another layer, so it can be read and tested on its own. RFC 959, 1123 §4.1, 2428, 3659.
//!
//! In the order in which a command passes through:
//!
//! - [`proxy_header`] parses the PROXY protocol header that precedes everything else;
//! - [`line`](mod@line) splits the received bytes into lines; `telnet` removes Telnet sequences;
//! - [`command`] parses a line into a request, by `command_table`; [`path`], [`host_port`],
//!   [`byte_range`] and [`quoted`] parse its argument; [`unicast`] tells whether an address is
//!   a legal target of a data connection;
//! - [`reply`] formats replies, with the wording of RFC 959 in `standard_replies`;
//! - [`entry`] is the metadata of a file, which [`listing`] formats for LIST and NLST and [`facts`]
//!   for MLST and MLSD, with [`date`] and [`zone`] for its time and [`glob`] for name patterns;
//! - [`permissions`] is the set of rights of an account, [`cidr`] a network of client addresses;
//! - [`ascii`] converts file content in TYPE A, [`ebcdic`] in TYPE E; [`records`] is STRU R in
//!   MODE S, [`block`] MODE B, [`run_length`] MODE C, with [`framing`] in common; [`deflate`],
//!   if compiled in, is MODE Z;
//! - [`visible`] escapes bytes for logs and messages, [`json_text`] for JSON; [`charset`] converts names
//!   for old clients.

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
pub mod json_text;
pub mod line;
pub mod listing;
pub mod path;
mod pending_line;
pub mod permissions;
pub mod proxy_header;
pub mod quoted;
pub mod records;
pub mod reply;
pub mod run_length;
pub mod seconds;
mod standard_replies;
mod telnet;
pub mod unicast;
pub mod visible;
pub mod zone;
