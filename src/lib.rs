//! mioftpd: an FTP server on a hand-written readiness reactor.

pub mod auth;
pub mod config;
pub mod limits;
pub mod logging;
pub mod net;
pub mod protocol;
pub mod reactor;
pub mod session;
pub mod storage;
pub mod transfer;
pub mod workers;

mod server;

pub use config::Config;
pub use server::{Error, Handle, Server};
