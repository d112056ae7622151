//! The time-outs.
//!
//! Each is a deadline of one connection; the session or the reactor decides what happens when it
//! expires. A host program or a simulator may set others.

use std::time::Duration;

/// The time-outs of a connection.
#[derive(Clone, Debug)]
pub struct Timings {
    /// From the greeting to a login.
    pub login: Duration,
    /// Between two commands. RFC 1123 §4.1.3.2 asks for at least five minutes.
    pub idle: Duration,
    /// The delay of the reply to a failed login, multiplied by the number of failures so far.
    pub penalty: Duration,
    /// From PASV to the client's data connection, or to the transfer command; and from the 150 to the
    /// established data connection, including its TLS handshake.
    pub data_connect: Duration,
    /// From the 234, or with implicit TLS from the connection, to the end of the TLS handshake; and
    /// for the PROXY header. It is paused while a worker computes the server's part.
    pub handshake: Duration,
    /// Between two bytes of a transfer. It is paused while the server works, such as reading from a
    /// slow disk or committing an upload.
    pub data_stall: Duration,
    /// How long a command that writes waits for the first count of a quota. Clients wait fifteen
    /// seconds or more for a reply.
    pub count: Duration,
    /// Until the client reads the next byte of pending replies.
    pub reply_stall: Duration,
    /// From the last reply until the client closes, before the server drops the connection.
    pub linger: Duration,
    /// From SIGTERM until transfers in progress are cut.
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
    fn idle_timeout_is_at_least_five_minutes() {
        assert!(Timings::default().idle >= Duration::from_secs(300));
    }
}
