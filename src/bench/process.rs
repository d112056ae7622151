//! What the process of the server used meanwhile (`--pid`): processor, memory, switches, descriptors. See
//! proc(5).
//!
//! Text becomes numbers here; a file that is not there, or belongs to another user, is an error in words.

use std::fs;
use std::time::Duration;

/// The unit of times in /proc/PID/stat: a hundredth of a second on all architectures that Linux keeps.
const TICK: Duration = Duration::from_millis(10);

/// The state of a process at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// In user mode.
    pub(super) user: Duration,
    /// In the kernel, for it.
    pub(super) system: Duration,
    /// Resident memory in KiB, and the most that it had.
    pub(super) memory: [u64; 2],
    /// Context switches: voluntary, and others.
    pub(super) switches: [u64; 2],
    pub(super) descriptors: u64,
}

impl Usage {
    /// Of this process, now.
    ///
    /// # Errors
    /// In words.
    pub(super) fn of(pid: u32) -> Result<Self, String> {
        let read = |file: &str| {
            let path = format!("/proc/{pid}/{file}");
            fs::read_to_string(&path).map_err(|error| format!("--pid {pid}: {path}: {error}"))
        };
        let unknown = || format!("--pid {pid}: /proc/{pid}/stat is not as proc(5) says");
        let mut usage = Self::parse(&read("stat")?, &read("status")?).ok_or_else(unknown)?;
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd"));
        // Of another user's process they are not known.
        usage.descriptors = descriptors.map_or(0, |all| all.count() as u64);
        Ok(usage)
    }

    fn parse(stat: &str, status: &str) -> Option<Self> {
        // The name of the program may have blanks and parentheses.
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<_> = fields.split_ascii_whitespace().collect();
        let time = |index: usize| {
            let ticks: u32 = fields.get(index)?.parse().ok()?;
            Some(TICK * ticks)
        };
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_ascii_whitespace().next()?.parse().ok()
        };
        Some(Self {
            user: time(11)?,
            system: time(12)?,
            memory: [number("VmRSS:").unwrap_or(0), number("VmHWM:").unwrap_or(0)],
            switches: [
                number("voluntary_ctxt_switches:").unwrap_or(0),
                number("nonvoluntary_ctxt_switches:").unwrap_or(0),
            ],
            descriptors: 0,
        })
    }

    /// What was used since then; memory and descriptors are those of now.
    pub(super) const fn since(self, before: Self) -> Self {
        Self {
            user: self.user.saturating_sub(before.user),
            system: self.system.saturating_sub(before.system),
            memory: self.memory,
            switches: [
                self.switches[0].saturating_sub(before.switches[0]),
                self.switches[1].saturating_sub(before.switches[1]),
            ],
            descriptors: self.descriptors,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "7 (a) b)) S 1 7 7 0 -1 4194304 1 0 0 0 250 150 0 0 20 0 1 0 9 9 9";

    #[test]
    fn files_of_proc_are_read() {
        let status = "Name:\ta\nVmHWM:\t  900 kB\nVmRSS:\t  800 kB\nvoluntary_ctxt_switches:\t12\n\
                      nonvoluntary_ctxt_switches:\t3\n";
        let usage = Usage::parse(STAT, status).unwrap();
        let expected = Usage {
            user: Duration::from_millis(2500),
            system: Duration::from_millis(1500),
            memory: [800, 900],
            switches: [12, 3],
            descriptors: 0,
        };
        assert_eq!(usage, expected);
        let before = Usage {
            user: Duration::from_secs(1),
            switches: [2, 3],
            ..Usage::default()
        };
        let since = usage.since(before);
        assert_eq!(since.user, Duration::from_millis(1500));
        assert_eq!((since.switches, since.memory), ([10, 0], [800, 900]));
    }

    #[test]
    fn text_of_another_form_is_no_usage() {
        for stat in ["", "7 a S 1", "7 (a) S 1", &STAT.replace("250", "x")] {
            assert_eq!(Usage::parse(stat, ""), None, "{stat}");
        }
        let own = Usage::of(std::process::id()).unwrap();
        assert!(own.memory[0] > 0 && own.descriptors > 2);
        let error = Usage::of(u32::MAX).unwrap_err();
        assert!(error.starts_with("--pid 4294967295: /proc/"), "{error}");
    }
}
