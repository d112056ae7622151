//! The server's process as the kernel shows it: signals, threads, descriptors, memory and limits.
//!
//! What is read of `/proc` needs a server that is [observable](super::Starter::observable).

use std::fs;

use rustix::process::{Resource, Rlimit, Signal, kill_process, prlimit};

use super::{Server, until};

impl Server {
    /// Sends SIGTERM.
    pub fn terminate(&self) {
        kill_process(self.pid(), Signal::TERM).unwrap();
    }

    /// Sends SIGHUP.
    pub fn hang_up(&self) {
        kill_process(self.pid(), Signal::HUP).unwrap();
    }

    /// Sends SIGUSR1.
    pub fn ask_for_summary(&self) {
        kill_process(self.pid(), Signal::USR1).unwrap();
    }

    /// Sends SIGSTOP: the process stops until [`resume`](Self::resume).
    pub fn pause(&self) {
        kill_process(self.pid(), Signal::STOP).unwrap();
    }

    /// Sends SIGCONT.
    pub fn resume(&self) {
        kill_process(self.pid(), Signal::CONT).unwrap();
    }

    /// Whether the process has a thread of this name.
    pub fn has_thread(&self, name: &str) -> bool {
        self.threads().iter().any(|thread| thread == name)
    }

    /// The names of all threads but the first. One that has just started still has the name of the process.
    fn threads(&self) -> Vec<String> {
        let tasks = fs::read_dir(self.proc("task")).unwrap().flatten();
        let first = self.process_id().to_string();
        let others = tasks.filter(|task| *task.file_name() != *first);
        // One that has just ended has no file any more.
        let names = others.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
        names.map(|name| name.trim_end().to_owned()).collect()
    }

    /// The number of open descriptors, once the sweep of the start is over: it has directories open.
    pub fn descriptors(&self) -> usize {
        let unnamed = fs::read_to_string(self.proc("comm")).unwrap();
        until("the sweep to end", || {
            let threads = self.threads();
            let mut names = threads.iter().map(String::as_str);
            (!names.any(|name| name == "sweeper" || name == unnamed.trim_end())).then_some(())
        });
        fs::read_dir(self.proc("fd")).unwrap().count()
    }

    /// The resident memory in KiB.
    pub fn resident(&self) -> u64 {
        self.status_number("VmRSS:")
    }

    /// What counts towards `RLIMIT_DATA`.
    pub fn data_bytes(&self) -> u64 {
        self.status_number("VmData:") * 1024
    }

    /// What counts towards `RLIMIT_AS`.
    pub fn address_space(&self) -> u64 {
        self.status_number("VmSize:") * 1024
    }

    fn status_number(&self, name: &str) -> u64 {
        let status = fs::read_to_string(self.proc("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.unwrap().trim().trim_end_matches(" kB");
        number.parse().unwrap()
    }

    /// Sets a resource limit of the process.
    pub fn set_limit(&self, resource: Resource, limit: Rlimit) {
        prlimit(Some(self.pid()), resource, limit).unwrap();
    }

    fn proc(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.process_id())
    }
}
