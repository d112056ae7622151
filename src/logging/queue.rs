//! The bounded queue between the threads that log and the one that prints.
//!
//! Each class of records has room of its own, so a flood of routine lines never takes the place of
//! a failed login. Lines leave in the order in which they came, except that a class whose room is
//! half full comes first. What does not fit is counted by class. The lock is held to move one
//! record, never while one is formatted or printed.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use log::Level;

use crate::limits::{LOG_AUDIT_RECORDS, LOG_LOSS_EVERY, LOG_RECORDS, LOG_SECURITY_RECORDS};
use crate::observe::target;

/// What a record is about; the order is that of their importance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Logins, bans, refused addresses, failures of TLS.
    Security,
    /// What was changed, transferred or refused.
    Audit,
    /// Everything else.
    Routine,
}

impl Class {
    const ALL: [Self; 3] = [Self::Security, Self::Audit, Self::Routine];

    /// The class of a record, and what is printed as its target.
    pub(super) fn of(target: &str) -> (Self, Option<&'static str>) {
        match target {
            target::SECURITY => (Self::Security, Some(target::SECURITY)),
            target::AUDIT => (Self::Audit, Some(target::AUDIT)),
            _ => (Self::Routine, None),
        }
    }

    const fn room(self) -> usize {
        match self {
            Self::Security => LOG_SECURITY_RECORDS,
            Self::Audit => LOG_AUDIT_RECORDS,
            Self::Routine => LOG_RECORDS,
        }
    }

    /// As a loss is reported.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::Audit => "audit",
            Self::Routine => "routine",
        }
    }
}

/// A record on its way to the thread that prints it.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) level: Level,
    pub(super) target: &'static str,
    pub(super) text: String,
}

/// What the printing thread does next.
#[derive(Debug)]
pub(super) enum Next {
    Print(Line),
    /// So many lines of a class did not fit.
    ReportLoss(Class, u64),
    /// Everything has been printed, and nothing will come any more.
    End,
}

/// Records that wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    grown: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: [Waiting; Class::ALL.len()],
    /// Numbers the lines of all classes in the order in which they came.
    next_number: u64,
    /// The printing thread sleeps: only then it has to be woken, which is a system call.
    printer_sleeps: bool,
    ended: bool,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<(u64, Line)>,
    lost: u64,
    /// Lines taken since a loss was last reported.
    taken: usize,
}

impl Queue {
    /// Leaves a line if its class has room. Never waits for the printing.
    pub(super) fn leave(&self, class: Class, line: Line) {
        let mut state = self.lock();
        let number = state.next_number;
        let Some(waiting) = state.waiting.get_mut(class as usize) else {
            return;
        };
        if waiting.lines.len() >= class.room() {
            waiting.lost += 1;
            return;
        }
        waiting.lines.push_back((number, line));
        state.next_number += 1;
        self.wake(state);
    }

    /// No more lines will come.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        self.wake(state);
    }

    /// The next thing to print; waits for it.
    pub(super) fn take(&self) -> Next {
        let mut state = self.lock();
        loop {
            if let Some(next) = state.next() {
                return next;
            }
            if state.ended {
                return Next::End;
            }
            state.printer_sleeps = true;
            state = self
                .grown
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let sleeps = std::mem::take(&mut state.printer_sleeps);
        drop(state);
        if sleeps {
            self.grown.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next(&mut self) -> Option<Next> {
        for (waiting, class) in self.waiting.iter_mut().zip(Class::ALL) {
            if waiting.is_loss_due() {
                waiting.taken = 0;
                return Some(Next::ReportLoss(class, std::mem::take(&mut waiting.lost)));
            }
        }
        let classes = self.waiting.iter_mut().zip(Class::ALL);
        let first = classes.filter(|(waiting, _)| !waiting.lines.is_empty());
        let (waiting, _) = first.min_by_key(|(waiting, class)| waiting.rank(*class))?;
        waiting.taken += 1;
        waiting.lines.pop_front().map(|(_, line)| Next::Print(line))
    }
}

impl Waiting {
    /// At once where nothing waits; in the middle of a flood now and then.
    fn is_loss_due(&self) -> bool {
        self.lost > 0 && (self.lines.is_empty() || self.taken >= LOG_LOSS_EVERY)
    }

    /// Which class comes next: the lowest rank.
    fn rank(&self, class: Class) -> (bool, u64) {
        let is_pressed = class != Class::Routine && self.lines.len() > class.room() / 2;
        let number = self.lines.front().map_or(u64::MAX, |(number, _)| *number);
        (!is_pressed, number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: String) -> Line {
        Line {
            level: Level::Info,
            target: "mioftpd",
            text,
        }
    }

    fn texts(queue: &Queue) -> Vec<String> {
        queue.end();
        let mut texts = Vec::new();
        loop {
            match queue.take() {
                Next::Print(line) => texts.push(line.text),
                Next::ReportLoss(class, lost) => texts.push(format!("{} {lost}", class.name())),
                Next::End => return texts,
            }
        }
    }

    #[test]
    fn lines_of_different_classes_keep_their_order() {
        let queue = Queue::default();
        for (class, text) in [
            (Class::Routine, "a"),
            (Class::Security, "b"),
            (Class::Audit, "c"),
            (Class::Routine, "d"),
        ] {
            queue.leave(class, line(text.into()));
        }
        assert_eq!(texts(&queue), ["a", "b", "c", "d"]);
    }

    #[test]
    fn a_flood_of_routine_lines_takes_no_room_of_another_class() {
        let queue = Queue::default();
        for number in 0..2 * LOG_RECORDS {
            queue.leave(Class::Routine, line(format!("r{number}")));
        }
        for number in 0..LOG_SECURITY_RECORDS {
            queue.leave(Class::Security, line(format!("s{number}")));
        }
        let texts = texts(&queue);
        let security = texts.iter().filter(|text| text.starts_with('s'));
        assert_eq!(security.count(), LOG_SECURITY_RECORDS);
        // A class that is half full does not wait behind an older flood of another.
        let first: Vec<_> = texts.iter().take(LOG_SECURITY_RECORDS / 2).collect();
        assert!(first.iter().all(|text| text.starts_with('s')), "{first:?}");
        let lost = texts
            .iter()
            .filter_map(|text| text.strip_prefix("routine "));
        let lost = lost.map(|count| count.parse::<usize>().unwrap());
        assert_eq!(lost.sum::<usize>(), LOG_RECORDS);
    }

    #[test]
    fn a_loss_is_reported_during_a_flood_that_does_not_end() {
        let queue = Queue::default();
        let mut reports = 0;
        for number in 0..LOG_RECORDS + 4 * LOG_LOSS_EVERY {
            queue.leave(Class::Routine, line(format!("a{number}")));
            queue.leave(Class::Routine, line(format!("b{number}")));
            if let Next::ReportLoss(class, lost) = queue.take() {
                assert!(class == Class::Routine && lost > 0);
                reports += 1;
            }
        }
        assert!((2..10).contains(&reports), "{reports}");
    }
}
