//! What a client of files does, and in which order.
//!
//! Plain data: kinds of jobs, the order of a script, and the names of the files. It must not know how a job
//! is done.

/// One thing that is done and measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Job {
    Noop,
    Retr,
    Stor,
    Append,
    List,
    Mlsd,
    Delete,
}

/// Which files are fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The one in the URL.
    Given,
    /// One for all clients, which the first of them puts there before the measurement.
    Shared,
    /// What the same client has put there.
    Own,
}

/// The jobs of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Script {
    pub(super) order: Order,
    /// With their weights.
    pub(super) jobs: Vec<(Job, u32)>,
    pub(super) source: Source,
}

/// In which order jobs follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// As they are listed, and again.
    Cycle,
    /// At random, by weight.
    Random,
}

impl Job {
    /// How it is called in options and results.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Noop => "noop",
            Self::Retr => "retr",
            Self::Stor => "stor",
            Self::Append => "append",
            Self::List => "list",
            Self::Mlsd => "mlsd",
            Self::Delete => "delete",
        }
    }

    /// The command.
    pub(super) const fn verb(self) -> &'static str {
        match self {
            Self::Noop => "NOOP",
            Self::Retr => "RETR",
            Self::Stor => "STOR",
            Self::Append => "APPE",
            Self::List => "LIST",
            Self::Mlsd => "MLSD",
            Self::Delete => "DELE",
        }
    }

    /// Whether bytes go to the server.
    pub(super) const fn is_upload(self) -> bool {
        matches!(self, Self::Stor | Self::Append)
    }

    /// Whether it has a data connection.
    pub(super) const fn is_transfer(self) -> bool {
        !matches!(self, Self::Noop | Self::Delete)
    }

    /// The jobs that a mix may have.
    pub(super) fn of_mix(name: &str) -> Option<Self> {
        [
            Self::Noop,
            Self::Retr,
            Self::Stor,
            Self::Append,
            Self::List,
            Self::Mlsd,
        ]
        .into_iter()
        .find(|job| job.name() == name)
    }
}

impl Script {
    /// One after the other.
    pub(super) fn cycle(jobs: &[Job], source: Source) -> Self {
        Self {
            order: Order::Cycle,
            jobs: jobs.iter().map(|job| (*job, 1)).collect(),
            source,
        }
    }

    /// Whether a file for all clients has to be there.
    pub(super) fn needs_shared(&self) -> bool {
        self.source == Source::Shared && self.jobs.iter().any(|(job, _)| *job == Job::Retr)
    }

    /// The index of the job number `turn`; `random` is any number.
    pub(super) fn pick(&self, turn: usize, random: u64) -> usize {
        match self.order {
            Order::Cycle => turn % self.jobs.len().max(1),
            Order::Random => {
                let all: u64 = self.jobs.iter().map(|(_, weight)| u64::from(*weight)).sum();
                let mut left = random % all.max(1);
                let found = self.jobs.iter().position(|(_, weight)| {
                    let is_it = left < u64::from(*weight);
                    left = left.saturating_sub(u64::from(*weight));
                    is_it
                });
                found.unwrap_or(0)
            }
        }
    }
}

/// `retr:3,stor:1`; without a number 1.
///
/// # Errors
/// The part that is wrong.
pub(super) fn mix(text: &str) -> Result<Script, &str> {
    let part = |part| {
        let (name, weight) = match str::split_once(part, ':') {
            Some((name, weight)) => (name, weight.parse().map_err(|_| part)?),
            None => (part, 1),
        };
        let job = Job::of_mix(name).ok_or(part)?;
        if !(1..=1000).contains(&weight) {
            return Err(part);
        }
        Ok((job, weight))
    };
    Ok(Script {
        order: Order::Random,
        jobs: text.split(',').map(part).collect::<Result<_, _>>()?,
        source: Source::Shared,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixes_are_read() {
        let script = mix("retr:3,stor").unwrap();
        assert_eq!(script.jobs, [(Job::Retr, 3), (Job::Stor, 1)]);
        assert!(script.needs_shared());
        for wrong in ["", "retr:0", "retr:x", "dele", "retr:1001"] {
            assert_eq!(mix(&format!("noop,{wrong}")), Err(wrong), "{wrong}");
        }
    }

    #[test]
    fn order_follows_list_or_weights() {
        let script = Script::cycle(&[Job::Stor, Job::Retr, Job::Delete], Source::Own);
        let picked: Vec<_> = (0..5).map(|turn| script.pick(turn, 9)).collect();
        assert_eq!(picked, [0, 1, 2, 0, 1]);
        assert!(!script.needs_shared());
        let script = mix("retr:3,stor:1,list:2").unwrap();
        let picked: Vec<_> = (0..7).map(|random| script.pick(0, random)).collect();
        assert_eq!(picked, [0, 0, 0, 1, 2, 2, 0]);
    }
}
