//! How long anybody may take.
//!
//! Each of these is a deadline of one connection, and what happens at its end is for the session or
//! the reactor to know. A host program may want others, and a simulator does.

use std::time::Duration;

/// How long anybody may take.
#[derive(Clone, Debug)]
pub struct Timings {
    /// From the greeting to a login.
    pub login: Duration,
    /// Between two commands. RFC 1123 §4.1.3.2 asks for at least five minutes.
    pub idle: Duration,
    /// A failed login is answered after this, times the number of failures so far.
    pub penalty: Duration,
    /// From a PASV to the client's connection, or its transfer; and from the 150 of a transfer to its data
    /// connection, secured if it is to be.
    pub data_connect: Duration,
    /// From the 234, or the connection, to the end of the TLS handshake; and for a proxy to say for
    /// whom it has connected.
    pub handshake: Duration,
    /// Between two bytes of a transfer, of what is up to the client: the server's own work, such as
    /// reading from a slow disk or putting an upload in its place, may take longer.
    pub data_stall: Duration,
    /// Of a command that writes, for the files that a quota is for to be counted. Clients wait fifteen
    /// seconds or more for a reply.
    pub count: Duration,
    /// With replies unread, until the client takes the next byte.
    pub reply_stall: Duration,
    /// From the last reply to the client's end, before the connection is dropped.
    pub linger: Duration,
    /// From SIGTERM, for transfers in progress to end.
    pub grace: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            login: Duration::from_secs(60),
            idle: Duration::from_secs(600),
            penalty: Duration::from_millis(500),
            data_connect: Duration::from_secs(30),
            handshake: Duration::from_secs(15),
            data_stall: Duration::from_secs(120),
            count: Duration::from_secs(10),
            reply_stall: Duration::from_secs(60),
            linger: Duration::from_secs(2),
            grace: Duration::from_secs(30),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_is_at_least_what_rfc_1123_asks_for() {
        assert!(Timings::default().idle >= Duration::from_secs(300));
    }
}
