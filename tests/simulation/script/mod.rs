//! A scenario as text: what a shrunk seed is printed as, and what is kept as a regression test.
//!
//! One entry a line; a `#` begins a comment. Entries of a client stand behind its `client NUMBER`,
//! commands of a group behind their `group`. Times are in microseconds; a `chance` is the state of a
//! random generator, in hexadecimal. What is not said is calm weather, no signal, and an orderly client.
//!
//! A script says in so many words who comes, when, what is said, and what goes wrong how often. It
//! still depends on the following: the `seed` gives the server's accounts, times, limits and TLS;
//! each `chance` decides when exactly something happens, and what a client says in the middle of a
//! transfer, or over a data connection that a refusal has left. When what is drawn there changes,
//! the script is another interleaving of the same commands.

pub(crate) mod fault_plan;
mod parse;
mod print;
#[cfg(test)]
mod tests;
mod words;

pub(crate) use parse::parse;
pub(crate) use print::print;
