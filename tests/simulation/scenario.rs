//! Everything that decides a run, as plain data: drawn from a seed, or parsed from a script.
//!
//! The rest follows from the seed in either case: accounts, time-outs, limits and TLS.

use std::time::Duration;

use crate::client::{Client, FtpClient, Group, Profile, RunConfig};
use crate::crowds::crowd;
use crate::fault_plan::FaultPlan;
use crate::reload::Reload;
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scenario {
    /// Determines the server's settings.
    pub(crate) seed: u64,
    /// Random state of the network, the disk and the workers.
    pub(crate) rng_state: u64,
    /// Random state of the inspection.
    pub(crate) inspection: u64,
    pub(crate) fault_plan: FaultPlan,
    /// Ordered by number.
    pub(crate) clients: Vec<ClientPlan>,
    pub(crate) port_stealer: Option<PortStealerPlan>,
    pub(crate) stop: Option<Stop>,
    pub(crate) reload: Option<Reload>,
}

/// An FTP client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientPlan {
    /// Determines the client's address and file names.
    pub(crate) number: usize,
    pub(crate) profile: Profile,
    pub(crate) rng_state: u64,
    /// When it connects.
    pub(crate) after: Duration,
    /// Its commands; `None`: drawn as they are sent.
    pub(crate) groups: Option<Vec<Group>>,
}

/// A client that connects to the passive ports of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PortStealerPlan {
    pub(crate) number: usize,
    pub(crate) rng_state: u64,
}

/// Stop signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) first: Duration,
    /// A second signal after this time.
    pub(crate) second: Option<Duration>,
}

impl Scenario {
    /// Draws a scenario for a server that is set up.
    pub(crate) fn draw(seed: u64, rng_state: u64, rng: &mut Rng, config: &RunConfig) -> Self {
        let most = rng.pick(&[2, 4, 8]);
        // All at once, or one after the other, so that slots are reused.
        let within = Duration::from_secs(rng.pick(&[3, 3, 60, 2_000]));
        let mut clients = Vec::new();
        for number in 0..rng.within(1, most) {
            let profile = Profile::draw(rng, number);
            clients.push(ClientPlan::draw(number, profile, within, rng, config));
        }
        if rng.one_in(2) {
            let number = clients.len();
            let profile = Profile::probe(rng, number);
            let within = Duration::from_secs(3);
            clients.push(ClientPlan::draw(number, profile, within, rng, config));
        }
        clients.extend(crowd(clients.len(), rng.aside(), config));
        let number = clients.len();
        let port_stealer = rng.one_in(3).then(|| PortStealerPlan {
            number,
            rng_state: rng.fork().state(),
        });
        let stop = config.stops.then(|| Stop::draw(rng));
        Self {
            seed,
            rng_state,
            inspection: rng.state(),
            fault_plan: config.fault_plan.clone(),
            clients,
            port_stealer,
            stop,
            reload: config.reload,
        }
    }

    /// The scenario with the commands that its run recorded.
    pub(crate) fn with_groups_of(mut self, clients: &[Client]) -> Self {
        for plan in &mut self.clients {
            if let Some(groups) = clients.get(plan.number).and_then(Client::recorded) {
                plan.profile.groups = 0;
                plan.groups = Some(groups);
            }
        }
        self
    }
}

impl ClientPlan {
    pub(crate) fn draw(
        number: usize,
        mut profile: Profile,
        within: Duration,
        rng: &mut Rng,
        config: &RunConfig,
    ) -> Self {
        if config.tls.is_some() {
            profile = profile.with_tls(rng);
        }
        Self {
            number,
            profile,
            rng_state: rng.fork().state(),
            after: rng.time(within),
            groups: None,
        }
    }

    pub(crate) fn ftp_client(&self, config: &RunConfig) -> FtpClient {
        let (rng, profile) = (Rng::new(self.rng_state), self.profile.clone());
        FtpClient::new(self.number, profile, rng, config.clone())
    }
}

impl Stop {
    /// Without the second signal.
    pub(crate) fn once(self) -> Self {
        Self {
            second: None,
            ..self
        }
    }

    fn draw(rng: &mut Rng) -> Self {
        let most = rng.pick(&[100, 2_000, 60_000]);
        let first = rng.time(Duration::from_millis(most));
        let is_repeated = rng.one_in(3);
        Self {
            first,
            second: is_repeated.then(|| rng.time(Duration::from_secs(10))),
        }
    }
}
