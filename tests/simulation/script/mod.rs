//! Scenarios as text: printed for a shrunk seed, and kept as regression tests.
//!
//! One entry a line; `#` starts a comment. Entries of a client follow its `client NUMBER`, commands follow
//! their `group`. Times are in microseconds; `rng` is the state of a random generator, in hexadecimal.
//! Defaults: no faults, no signal, a well-behaved client.
//!
//! A script states which clients connect, when, their commands, and the probability of each fault. It still
//! depends on two things: `seed` gives the server's accounts, time-outs, limits and TLS; each `rng` decides
//! exact timing, and the commands of a client during a transfer or on a kept data connection. A change to
//! those draws makes the script another interleaving of the same commands.

pub(crate) mod fault_plan;
mod parse;
mod print;
#[cfg(test)]
mod tests;
mod words;

pub(crate) use parse::parse;
pub(crate) use print::print;
