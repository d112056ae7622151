//! When faults have struck the server last: a client is to excuse nothing by the weather that did not
//! happen to the server since it has asked.

use std::time::Duration;

use super::World;
use super::listeners::FIRST_PORT;

/// The last time of each; `None`: never.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Struck {
    /// The device failed, or a call of the storage panicked.
    pub(crate) device: Option<Duration>,
    /// The device was full.
    pub(crate) full: Option<Duration>,
    /// Files were being counted.
    pub(crate) uncounted: Option<Duration>,
    /// A quota was exceeded.
    pub(crate) quota: Option<Duration>,
    /// There was no descriptor.
    pub(crate) descriptor: Option<Duration>,
    /// A passive port was in use.
    pub(crate) port: Option<Duration>,
}

/// What can strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blow {
    Device,
    Full,
    Uncounted,
    Quota,
    Descriptor,
}

impl World {
    pub(crate) fn struck(&self) -> Struck {
        let is_passive = |port: u16| port >= FIRST_PORT;
        let in_use = self
            .posts
            .values()
            .any(|post| is_passive(post.address.port()));
        Struck {
            port: if in_use {
                Some(self.now)
            } else {
                self.struck.port
            },
            ..self.struck
        }
    }

    /// Something strikes now.
    pub(crate) fn strike(&mut self, blow: Blow) {
        let now = Some(self.now);
        match blow {
            Blow::Device => self.struck.device = now,
            Blow::Full => self.struck.full = now,
            Blow::Uncounted => self.struck.uncounted = now,
            Blow::Quota => self.struck.quota = now,
            Blow::Descriptor => self.struck.descriptor = now,
        }
    }

    /// A listener of the server's is closed.
    pub(super) fn note_closed_port(&mut self, port: u16) {
        if port >= FIRST_PORT {
            self.struck.port = Some(self.now);
        }
    }
}
