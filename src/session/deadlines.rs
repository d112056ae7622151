//! What a connection is waiting for, and until when: a fixed table, one place each.
//!
//! No callbacks: who owns the table asks for the earliest, sleeps, and then takes what is
//! due. Time comes in as an argument.

use std::time::{Duration, Instant};

/// Something that must have happened by some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// A login.
    Login,
    /// The account has not expired; looked at again, for the wall clock may have been set.
    Expiry,
    /// The next command; not during a transfer.
    Idle,
    /// The answer to a failed login may be said; or the next command executed, of who is not
    /// logged in and was too quick.
    Penalty,
    /// The client has come to its passive listener, where no transfer waits for it yet.
    Arrival,
    /// The data connection of a transfer stands.
    DataConnect,
    /// The next byte of a transfer has moved; not while the server itself works on it.
    DataStall,
    /// A transfer that has moved what it might may go on; not a limit, and nobody's fault.
    Resume,
    /// The client has read some of its replies.
    ReplyStall,
    /// The TLS handshake of the control connection is over; before that, and never at the same
    /// time, a proxy has said for whom it has connected.
    Handshake,
    /// A proxy has said for whom a data connection is.
    DataProxyHeader,
    /// The client has closed its side after the last reply.
    Linger,
}

const COUNT: usize = Deadline::COUNT;

const ALL: [Deadline; COUNT] = Deadline::ALL;

impl Deadline {
    /// How many there are.
    pub const COUNT: usize = 12;

    /// All, in the order in which those that are due at once are taken.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Login,
        Self::Expiry,
        Self::Idle,
        Self::Penalty,
        Self::Arrival,
        Self::DataConnect,
        Self::DataStall,
        Self::Resume,
        Self::ReplyStall,
        Self::Handshake,
        Self::DataProxyHeader,
        Self::Linger,
    ];
}

/// What is left of a client's time, while it stands still.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left(Option<(Deadline, Duration)>);

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

    /// Stops the clock of a transfer, which has one at a time.
    pub fn hold(&mut self, now: Instant) -> Left {
        let mut of_transfer = [Deadline::DataConnect, Deadline::DataStall].into_iter();
        Left(of_transfer.find_map(|deadline| {
            let at = self.place(deadline).take()?;
            Some((deadline, at.saturating_duration_since(now)))
        }))
    }

    /// It goes on with what was left, if anything stood still.
    pub fn go_on(&mut self, left: Left, now: Instant) {
        if let Left(Some((deadline, left))) = left {
            self.set(deadline, now + left);
        }
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
            expiry,
            idle,
            penalty,
            arrival,
            connect,
            stall,
            resume,
            reply,
            handshake,
            preamble,
            linger,
        ] = &mut self.0;
        match deadline {
            Deadline::Login => login,
            Deadline::Expiry => expiry,
            Deadline::Idle => idle,
            Deadline::Penalty => penalty,
            Deadline::Arrival => arrival,
            Deadline::DataConnect => connect,
            Deadline::DataStall => stall,
            Deadline::Resume => resume,
            Deadline::ReplyStall => reply,
            Deadline::Handshake => handshake,
            Deadline::DataProxyHeader => preamble,
            Deadline::Linger => linger,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn what_stood_still_goes_on_with_what_was_left() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let much_later = start + second * 1000;
        for deadline in [Deadline::DataConnect, Deadline::DataStall] {
            let mut deadlines = Deadlines::new();
            deadlines.set(deadline, start + second * 3);
            deadlines.set(Deadline::Resume, much_later);
            let left = deadlines.hold(start + second);
            assert_eq!(deadlines.next(), Some(much_later));
            deadlines.go_on(left, much_later);
            assert!(deadlines.is_set(deadline));
            deadlines.clear(Deadline::Resume);
            assert_eq!(deadlines.next(), Some(much_later + second * 2));
        }
        let mut deadlines = Deadlines::new();
        let left = deadlines.hold(start);
        deadlines.go_on(left, start);
        assert_eq!(deadlines.next(), None);
    }
}
