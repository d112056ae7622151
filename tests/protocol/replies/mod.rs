//! Replies as client programs parse them: the wording of refusals, and names that clients send back.
//!
//! `readers` has the matching rules of the clients, `words` the refusals, `names` the names.

mod names;
mod readers;
mod words;
