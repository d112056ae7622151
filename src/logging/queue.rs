//! The bounded queue between the threads that log and the log thread.
//!
//! Each class of records has its own capacity, so a flood of routine lines never displaces a failed
//! login. Lines are printed in the order of their arrival, except that a class that is more than half
//! full takes precedence. Lines beyond the capacity are dropped and counted per class. The lock is
//! held to move one record, never while one is formatted or printed.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use log::Level;

use crate::limits::{LOG_AUDIT_RECORDS, LOG_LOSS_EVERY, LOG_RECORDS, LOG_SECURITY_RECORDS};
use crate::observe::target;

/// The classes of records, the most important first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordClass {
    /// Logins, bans, refused addresses, TLS failures.
    Security,
    /// Changes, transfers and refused commands.
    Audit,
    /// Everything else.
    Routine,
}

impl RecordClass {
    const ALL: [Self; 3] = [Self::Security, Self::Audit, Self::Routine];

    /// The class of a record, and the target to print; `None`: the module path.
    pub(super) fn of(target: &str) -> (Self, Option<&'static str>) {
        match target {
            target::SECURITY => (Self::Security, Some(target::SECURITY)),
            target::AUDIT => (Self::Audit, Some(target::AUDIT)),
            _ => (Self::Routine, None),
        }
    }

    const fn capacity(self) -> usize {
        match self {
            Self::Security => LOG_SECURITY_RECORDS,
            Self::Audit => LOG_AUDIT_RECORDS,
            Self::Routine => LOG_RECORDS,
        }
    }

    /// The name in reports of lost lines.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::Audit => "audit",
            Self::Routine => "routine",
        }
    }
}

/// A formatted record.
#[derive(Debug)]
pub(super) struct LogLine {
    pub(super) level: Level,
    pub(super) target: &'static str,
    pub(super) text: String,
}

/// The next action of the log thread.
#[derive(Debug)]
pub(super) enum PrintAction {
    Print(LogLine),
    /// So many lines of a class were dropped since the last report.
    ReportLoss(RecordClass, u64),
    /// The queue is closed and empty.
    End,
}

#[derive(Debug, Default)]
pub(super) struct LogQueue {
    state: Mutex<LogState>,
    grown: Condvar,
}

#[derive(Debug, Default)]
struct LogState {
    /// Indexed by [`RecordClass`].
    classes: [ClassQueue; RecordClass::ALL.len()],
    /// Numbers the lines of all classes in the order of their arrival.
    next_number: u64,
    /// Whether the log thread has to be woken, which is a system call.
    printer_sleeps: bool,
    ended: bool,
}

#[derive(Debug, Default)]
struct ClassQueue {
    lines: VecDeque<(u64, LogLine)>,
    /// Lines dropped since the last report.
    lost: u64,
    /// Lines taken since the last report.
    taken: usize,
}

impl LogQueue {
    /// Queues a line, or counts it as lost if its class is full. Never blocks on the output.
    pub(super) fn push(&self, class: RecordClass, line: LogLine) {
        let mut state = self.lock();
        let number = state.next_number;
        let Some(queue) = state.classes.get_mut(class as usize) else {
            debug_assert!(false, "there is a queue for each class");
            return;
        };
        if queue.lines.len() >= class.capacity() {
            queue.lost += 1;
            return;
        }
        queue.lines.push_back((number, line));
        state.next_number += 1;
        self.wake(state);
    }

    /// Closes the queue: after the lines in it, [`take`](Self::take) returns [`PrintAction::End`].
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        self.wake(state);
    }

    /// The next action; blocks until there is one.
    pub(super) fn take(&self) -> PrintAction {
        let mut state = self.lock();
        loop {
            if let Some(next) = state.next() {
                return next;
            }
            if state.ended {
                return PrintAction::End;
            }
            state.printer_sleeps = true;
            state = self
                .grown
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn wake(&self, mut state: MutexGuard<'_, LogState>) {
        let sleeps = std::mem::take(&mut state.printer_sleeps);
        drop(state);
        if sleeps {
            self.grown.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, LogState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogState {
    fn next(&mut self) -> Option<PrintAction> {
        for (queue, class) in self.classes.iter_mut().zip(RecordClass::ALL) {
            if queue.is_loss_due() {
                queue.taken = 0;
                return Some(PrintAction::ReportLoss(
                    class,
                    std::mem::take(&mut queue.lost),
                ));
            }
        }
        let classes = self.classes.iter_mut().zip(RecordClass::ALL);
        let with_lines = classes.filter(|(queue, _)| !queue.lines.is_empty());
        let (queue, _) = with_lines.min_by_key(|(queue, class)| queue.rank(*class))?;
        queue.taken += 1;
        queue
            .lines
            .pop_front()
            .map(|(_, line)| PrintAction::Print(line))
    }
}

impl ClassQueue {
    /// At the end of a flood, and during one after every [`LOG_LOSS_EVERY`] lines.
    fn is_loss_due(&self) -> bool {
        self.lost > 0 && (self.lines.is_empty() || self.taken >= LOG_LOSS_EVERY)
    }

    /// The class with the lowest rank is printed next.
    fn rank(&self, class: RecordClass) -> (bool, u64) {
        let is_urgent = class != RecordClass::Routine && self.lines.len() > class.capacity() / 2;
        let number = self.lines.front().map_or(u64::MAX, |(number, _)| *number);
        (!is_urgent, number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: String) -> LogLine {
        LogLine {
            level: Level::Info,
            target: "mioftpd",
            text,
        }
    }

    fn texts(queue: &LogQueue) -> Vec<String> {
        queue.end();
        let mut texts = Vec::new();
        loop {
            match queue.take() {
                PrintAction::Print(line) => texts.push(line.text),
                PrintAction::ReportLoss(class, lost) => {
                    texts.push(format!("{} {lost}", class.name()));
                }
                PrintAction::End => return texts,
            }
        }
    }

    #[test]
    fn lines_of_all_classes_keep_their_order() {
        let queue = LogQueue::default();
        for (class, text) in [
            (RecordClass::Routine, "a"),
            (RecordClass::Security, "b"),
            (RecordClass::Audit, "c"),
            (RecordClass::Routine, "d"),
        ] {
            queue.push(class, line(text.into()));
        }
        assert_eq!(texts(&queue), ["a", "b", "c", "d"]);
    }

    #[test]
    fn a_flood_of_routine_lines_displaces_no_other_class() {
        let queue = LogQueue::default();
        for number in 0..2 * LOG_RECORDS {
            queue.push(RecordClass::Routine, line(format!("r{number}")));
        }
        for number in 0..LOG_SECURITY_RECORDS {
            queue.push(RecordClass::Security, line(format!("s{number}")));
        }
        let texts = texts(&queue);
        let security = texts.iter().filter(|text| text.starts_with('s'));
        assert_eq!(security.count(), LOG_SECURITY_RECORDS);
        // A class that is more than half full precedes an older flood of another.
        let first: Vec<_> = texts.iter().take(LOG_SECURITY_RECORDS / 2).collect();
        assert!(first.iter().all(|text| text.starts_with('s')), "{first:?}");
        let lost = texts
            .iter()
            .filter_map(|text| text.strip_prefix("routine "));
        let lost = lost.map(|count| count.parse::<usize>().unwrap());
        assert_eq!(lost.sum::<usize>(), LOG_RECORDS);
    }

    #[test]
    fn lost_lines_are_reported_during_a_flood() {
        let queue = LogQueue::default();
        let mut reports = 0;
        for number in 0..LOG_RECORDS + 4 * LOG_LOSS_EVERY {
            queue.push(RecordClass::Routine, line(format!("a{number}")));
            queue.push(RecordClass::Routine, line(format!("b{number}")));
            if let PrintAction::ReportLoss(class, lost) = queue.take() {
                assert!(class == RecordClass::Routine && lost > 0);
                reports += 1;
            }
        }
        assert!((2..10).contains(&reports), "{reports}");
    }
}
