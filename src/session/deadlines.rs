//! The deadlines of one connection: a slot for each [`Deadline`], of which an idle session has only one.
//!
//! There are no callbacks: the event loop asks for the earliest deadline, sleeps until then, and takes
//! those that are due. The table reads no clock; each call is given the time.

use std::time::Duration;

use crate::clock::Instant;

/// A condition with a time limit, or a time to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// The client must be logged in.
    Login,
    /// The account may have expired: check it again. Re-armed, since the wall clock can be set.
    Expiry,
    /// The client must send a command. Not set during a transfer.
    Idle,
    /// The delayed reply to a failed login is due; or, before a login, the next command may be executed
    /// (rate limit).
    Penalty,
    /// The client must connect to its passive port, or there must be a port for it. Set while no transfer
    /// waits for the connection.
    Arrival,
    /// The data connection of a transfer must be established.
    DataConnect,
    /// A transfer must move another byte. Paused while a worker owns the transfer.
    DataStall,
    /// The rate limiter has tokens again: the transfer goes on. A wait of the server, not a time limit.
    Resume,
    /// The client must read some of its replies.
    ReplyStall,
    /// The client must do its part of the TLS handshake of the control connection: paused while a worker
    /// computes the server's, or will. Or, before that and never at the same time, the proxy must send its
    /// header.
    Handshake,
    /// The client must close its side of the control connection, after the last reply.
    Linger,
}

impl Deadline {
    /// The number of deadlines.
    pub const COUNT: usize = Self::ALL.len();

    /// All, in the order of their discriminants. Those that are due at once expire in this order.
    pub const ALL: [Self; Self::Linger as usize + 1] = [
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
        Self::Linger,
    ];
}

/// A deadline that is paused while the server works, and the time that it had left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PausedTimeout(Option<(Deadline, Duration)>);

/// The deadlines of one connection; by default none is set.
#[derive(Debug, Default)]
pub struct Deadlines {
    idle: Option<Instant>,
    /// Indexed by [`Deadline`]; `None` while no other than [`Deadline::Idle`] is set.
    others: Option<Box<[Option<Instant>; Deadline::COUNT]>>,
}

impl Deadlines {
    /// The size of the table, for the total memory of a connection.
    #[cfg(test)]
    pub(crate) const BOXED_BYTES: usize = size_of::<[Option<Instant>; Deadline::COUNT]>();

    /// Sets a deadline, or moves it.
    pub fn set(&mut self, deadline: Deadline, at: Instant) {
        if deadline == Deadline::Idle {
            self.idle = Some(at);
        } else if let Some(slot) = self
            .others
            .get_or_insert_default()
            .get_mut(deadline as usize)
        {
            *slot = Some(at);
        }
    }

    /// Moves a deadline forward that is set and later.
    pub fn hasten(&mut self, deadline: Deadline, at: Instant) {
        if self.get(deadline).is_some_and(|set| set > at) {
            self.set(deadline, at);
        }
    }

    /// Clears a deadline.
    pub fn clear(&mut self, deadline: Deadline) {
        if deadline == Deadline::Idle {
            self.idle = None;
        } else if let Some(others) = &mut self.others
            && let Some(slot) = others.get_mut(deadline as usize)
        {
            *slot = None;
            if others.iter().all(Option::is_none) {
                self.others = None;
            }
        }
    }

    /// Clears all deadlines.
    pub fn clear_all(&mut self) {
        *self = Self::default();
    }

    /// Pauses the time-out of a transfer or of a handshake. At most one of the three is set at a time.
    pub fn pause(&mut self, now: Instant) -> PausedTimeout {
        let of_work = [
            Deadline::DataConnect,
            Deadline::DataStall,
            Deadline::Handshake,
        ];
        PausedTimeout(of_work.into_iter().find_map(|deadline| {
            let at = self.get(deadline)?;
            self.clear(deadline);
            Some((deadline, at - now))
        }))
    }

    /// Resumes a paused time-out with the time that it had left.
    pub fn resume(&mut self, left: PausedTimeout, now: Instant) {
        if let PausedTimeout(Some((deadline, left))) = left {
            self.set(deadline, now + left);
        }
    }

    /// Whether a deadline is set.
    pub fn is_set(&self, deadline: Deadline) -> bool {
        self.get(deadline).is_some()
    }

    /// The earliest deadline.
    pub fn next(&self) -> Option<Instant> {
        let others = self.others.iter().flat_map(|others| others.iter());
        others.chain([&self.idle]).copied().flatten().min()
    }

    /// Clears and returns a deadline that is due.
    pub fn take_due(&mut self, now: Instant) -> Option<Deadline> {
        let is_due = |&deadline: &Deadline| self.get(deadline).is_some_and(|at| at <= now);
        let deadline = Deadline::ALL.into_iter().find(is_due)?;
        self.clear(deadline);
        Some(deadline)
    }

    pub(super) fn get(&self, deadline: Deadline) -> Option<Instant> {
        match deadline {
            Deadline::Idle => self.idle,
            other => *self.others.as_ref()?.get(other as usize)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_deadlines_are_listed_by_discriminant() {
        for (index, deadline) in Deadline::ALL.into_iter().enumerate() {
            assert_eq!(deadline as usize, index);
        }
    }

    #[test]
    fn due_deadlines_are_taken_once_and_in_order() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut deadlines = Deadlines::default();
        for (steps, deadline) in (1..).zip(Deadline::ALL.into_iter().rev()) {
            deadlines.set(deadline, start + second * steps);
        }
        assert_eq!(deadlines.next(), Some(start + second));
        assert_eq!(deadlines.take_due(start), None);
        let mut taken = Vec::new();
        let end = start + second * u32::try_from(Deadline::COUNT).unwrap();
        while let Some(deadline) = deadlines.take_due(end) {
            taken.push(deadline);
        }
        assert_eq!(taken, Deadline::ALL);
        assert_eq!(deadlines.next(), None);
    }

    #[test]
    fn idle_session_has_no_table() {
        let now = Instant::now();
        let mut deadlines = Deadlines::default();
        deadlines.set(Deadline::Login, now);
        deadlines.set(Deadline::Idle, now);
        deadlines.clear(Deadline::Login);
        assert!(deadlines.others.is_none() && deadlines.is_set(Deadline::Idle));
        deadlines.clear(Deadline::Linger);
        assert_eq!(deadlines.take_due(now), Some(Deadline::Idle));
        assert_eq!(deadlines.next(), None);
    }

    #[test]
    fn paused_time_out_resumes_with_time_left() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let much_later = start + second * 1000;
        let of_work = [
            Deadline::DataConnect,
            Deadline::DataStall,
            Deadline::Handshake,
        ];
        for deadline in of_work {
            let mut deadlines = Deadlines::default();
            deadlines.set(deadline, start + second * 3);
            deadlines.set(Deadline::Resume, much_later);
            let left = deadlines.pause(start + second);
            assert_eq!(deadlines.next(), Some(much_later));
            deadlines.resume(left, much_later);
            assert!(deadlines.is_set(deadline));
            deadlines.clear(Deadline::Resume);
            assert_eq!(deadlines.next(), Some(much_later + second * 2));
        }
        let mut deadlines = Deadlines::default();
        let left = deadlines.pause(start);
        deadlines.resume(left, start);
        assert_eq!(deadlines.next(), None);
    }
}
