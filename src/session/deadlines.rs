//! What a connection is waiting for, and until when: a fixed table, one place each.
//!
//! No callbacks: who owns the table asks for the earliest, sleeps, and then takes what is
//! due. Time comes in as an argument.

use std::time::Instant;

/// Something that must have happened by some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// A login.
    Login,
    /// The next command; not during a transfer.
    Idle,
    /// The answer to a failed login may be said; or the next command executed, of who is not
    /// logged in and was too quick.
    Penalty,
    /// The client has come to its passive listener, where no transfer waits for it yet.
    Arrival,
    /// The data connection of a transfer stands.
    DataConnect,
    /// The next byte of a transfer has moved.
    DataStall,
    /// A transfer that has moved what it might may go on; not a limit, and nobody's fault.
    Pace,
    /// The client has read some of its replies.
    ReplyStall,
    /// The TLS handshake of the control connection is over; before that, and never at the same
    /// time, a proxy has said for whom it has connected.
    Handshake,
    /// A proxy has said for whom a data connection is.
    DataPreamble,
    /// The client has closed its side after the last reply.
    Linger,
}

const COUNT: usize = 11;

const ALL: [Deadline; COUNT] = [
    Deadline::Login,
    Deadline::Idle,
    Deadline::Penalty,
    Deadline::Arrival,
    Deadline::DataConnect,
    Deadline::DataStall,
    Deadline::Pace,
    Deadline::ReplyStall,
    Deadline::Handshake,
    Deadline::DataPreamble,
    Deadline::Linger,
];

/// The deadlines of one connection.
#[derive(Debug, Default)]
pub struct Deadlines([Option<Instant>; COUNT]);

impl Deadlines {
    /// None is set.
    pub const fn new() -> Self {
        Self([None; COUNT])
    }

    /// Sets one, or moves it.
    pub fn set(&mut self, deadline: Deadline, at: Instant) {
        *self.place(deadline) = Some(at);
    }

    /// Takes one away.
    pub fn clear(&mut self, deadline: Deadline) {
        *self.place(deadline) = None;
    }

    /// Takes all away.
    pub fn clear_all(&mut self) {
        *self = Self::new();
    }

    /// Whether one is set.
    pub fn is_set(&self, deadline: Deadline) -> bool {
        self.0.get(deadline as usize).copied().flatten().is_some()
    }

    /// The earliest.
    pub fn next(&self) -> Option<Instant> {
        self.0.iter().copied().flatten().min()
    }

    /// Takes one that is due.
    pub fn take_due(&mut self, now: Instant) -> Option<Deadline> {
        let due = |deadline: &&Deadline| {
            let at = self.0.get(**deadline as usize).copied().flatten();
            at.is_some_and(|at| at <= now)
        };
        let deadline = *ALL.iter().find(due)?;
        self.clear(deadline);
        Some(deadline)
    }

    fn place(&mut self, deadline: Deadline) -> &mut Option<Instant> {
        let [
            login,
            idle,
            penalty,
            arrival,
            connect,
            stall,
            pace,
            reply,
            handshake,
            preamble,
            linger,
        ] = &mut self.0;
        match deadline {
            Deadline::Login => login,
            Deadline::Idle => idle,
            Deadline::Penalty => penalty,
            Deadline::Arrival => arrival,
            Deadline::DataConnect => connect,
            Deadline::DataStall => stall,
            Deadline::Pace => pace,
            Deadline::ReplyStall => reply,
            Deadline::Handshake => handshake,
            Deadline::DataPreamble => preamble,
            Deadline::Linger => linger,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_earliest_is_next_and_each_is_taken_once() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut deadlines = Deadlines::new();
        for (index, deadline) in ALL.into_iter().enumerate() {
            let steps = u32::try_from(COUNT - index).unwrap();
            deadlines.set(deadline, start + second * steps);
        }
        assert_eq!(deadlines.next(), Some(start + second));
        assert_eq!(deadlines.take_due(start), None);
        let mut taken = Vec::new();
        let end = start + second * u32::try_from(COUNT).unwrap();
        while let Some(deadline) = deadlines.take_due(end) {
            taken.push(deadline);
        }
        assert_eq!(taken, ALL);
        assert_eq!(deadlines.next(), None);
    }
}
