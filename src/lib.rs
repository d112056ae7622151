//! mioftpd: an FTP server on a hand-written readiness reactor.

pub mod net;
pub mod protocol;
pub mod storage;
