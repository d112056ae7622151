//! The maximum number of connections: the configured one, reduced by the process's descriptors, by the
//! configured memory and by that of the process. Computed at the start and after a reload.

use std::thread::available_parallelism;

use rustix::process::{Resource, getrlimit};

use crate::config::Config;
use crate::limits::{
    CHUNK_BYTES, CONNECTIONS, ConnectionLimit, DESCRIPTORS_PER_CONNECTION, DESCRIPTORS_RESERVED,
    EVENTS_QUEUED, HANDSHAKE_WORKERS, LOGIN_WORKERS, LimitCause, MemoryProfile, ONE_WORKER_BELOW,
    RECORDS_QUEUED, WORKER_CHUNK_BYTES, connections_within, worst_case_bytes,
};
use crate::metrics::TraceSettings;
use crate::process_memory::ProcessMemory;
use crate::session::ServerMode;

/// The loop, the log, a reload, the sweeper, and those of records.
const OTHER_THREADS: usize = 6;

/// What the process had at its start to plan with.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Capacity {
    memory: ProcessMemory,
}

impl Capacity {
    /// Blocking. To be measured before the server takes memory.
    pub(crate) fn measure() -> Self {
        Self {
            memory: ProcessMemory::measure(),
        }
    }

    /// The memory for clients, if it is limited, and by what.
    fn memory(self, config: &Config) -> Option<(u64, LimitCause)> {
        let configured = config.max_memory.map(|bytes| (bytes, LimitCause::Memory));
        let threads = config.workers + HANDSHAKE_WORKERS + LOGIN_WORKERS + OTHER_THREADS;
        let process = self.memory.for_threads(threads);
        let process = process.map(|bytes| (bytes, LimitCause::Process));
        let trace = if config.may_trace() {
            TraceSettings::LIMITED_BYTES
        } else {
            0
        };
        let least = configured
            .into_iter()
            .chain(process)
            .min_by_key(|(bytes, _)| *bytes);
        least.map(|(bytes, cause)| (bytes.saturating_sub(trace), cause))
    }

    /// What the memory of a server with this configuration depends on. Where memory is limited, workers have
    /// small buffers, and one thread computes handshakes; where there is little, one worker has to do.
    pub(crate) fn profile(self, config: &Config, mode: ServerMode) -> MemoryProfile {
        let memory = self.memory(config).map(|(bytes, _)| bytes);
        let workers = match (mode, memory) {
            // Its only jobs are TLS handshakes.
            (ServerMode::ControlOnly, _) => usize::from(config.tls.is_some()),
            (ServerMode::Serving, Some(bytes)) if bytes < ONE_WORKER_BELOW => config.workers.min(1),
            (ServerMode::Serving, _) => config.workers,
        };
        let (worker_chunk, handshake_workers) = match memory {
            Some(_) => (CHUNK_BYTES, 1),
            None => (WORKER_CHUNK_BYTES, handshake_workers()),
        };
        MemoryProfile {
            worker_chunk,
            workers,
            tls: config.tls.is_some(),
            handshake_workers,
            records: records(config),
            verification: config.accounts.costliest().map_or(0, |(_, bytes)| bytes),
        }
    }

    /// The maximum, and the limit that determines it; warns if a chosen number of connections is too high
    /// for the descriptors. It is never 0.
    pub(crate) fn connections(
        self,
        config: &Config,
        mode: ServerMode,
        profile: MemoryProfile,
    ) -> ConnectionLimit {
        let descriptors = descriptors_left(getrlimit(Resource::Nofile).current);
        let descriptors = descriptors.saturating_sub(config.status.descriptors());
        let (connections, bound) = self.most(config, within(descriptors, mode), profile);
        let used = connections.saturating_mul(DESCRIPTORS_PER_CONNECTION);
        ConnectionLimit {
            connections,
            bound,
            listeners: descriptors.saturating_sub(used).max(1),
        }
    }

    /// The maximum where descriptors allow `most`, and what determines it.
    fn most(self, config: &Config, most: usize, profile: MemoryProfile) -> (usize, LimitCause) {
        let wanted = config.connections;
        let limit = if most < wanted {
            let bound = LimitCause::Files;
            if is_chosen(config) {
                log::warn!("Limited to {most} instead of {wanted} connections by {bound}");
            }
            (most, bound)
        } else {
            (wanted, LimitCause::Number)
        };
        let Some((bytes, bound)) = self.memory(config) else {
            return limit;
        };
        let connections = connections_within(bytes, profile, limit.0);
        if connections == limit.0 {
            return limit;
        }
        if connections == 0 {
            let (left, least) = (bytes / 1024, worst_case_bytes(1, profile).div_ceil(1024));
            log::warn!(
                "{bound} leaves {left} KiB, but one connection can take {least} KiB: one is allowed"
            );
        }
        (connections.max(1), bound)
    }
}

/// The threads that compute TLS handshakes where memory is not limited: one for each processor. They start
/// with the first handshake, and a reload may add TLS.
fn handshake_workers() -> usize {
    // Reading the quotas of control groups, as this does, is 12 KiB of program.
    if cfg!(feature = "tls") {
        available_parallelism().map_or(1, |all| all.get().min(HANDSHAKE_WORKERS))
    } else {
        1
    }
}

/// The records that may be queued for the threads that are configured.
fn records(config: &Config) -> usize {
    let logged = if config.transfer_logs.is_empty() {
        0
    } else {
        RECORDS_QUEUED
    };
    let events = &config.events;
    let notified = if events.command.is_empty() && events.socket.is_none() {
        0
    } else {
        EVENTS_QUEUED
    };
    logged + notified
}

/// Whether the operator, or a host program, has chosen the number of connections.
pub(crate) fn is_chosen(config: &Config) -> bool {
    config.connections != CONNECTIONS || config.origins.is_set(None, "limits.connections")
}

/// Logs the most memory that they can take.
pub(crate) fn log(connections: usize, profile: MemoryProfile) {
    let mebibytes = worst_case_bytes(connections, profile).div_ceil(1024 * 1024);
    let plural = if connections == 1 { "" } else { "s" };
    log::info!("Up to {connections} connection{plural}, which can take {mebibytes} MiB of memory");
}

/// Of `limit` descriptors (`None`: no limit), those for connections and passive listeners.
fn descriptors_left(limit: Option<u64>) -> usize {
    // A limit beyond `usize`, on a 32-bit system, is as good as none.
    let limit = limit.and_then(|limit| usize::try_from(limit).ok());
    limit.map_or(usize::MAX, |limit| {
        limit.saturating_sub(DESCRIPTORS_RESERVED)
    })
}

/// The connections that fit into so many descriptors, each with a passive listener; at least one.
fn within(descriptors: usize, mode: ServerMode) -> usize {
    let each = match mode {
        ServerMode::ControlOnly => 1,
        ServerMode::Serving => DESCRIPTORS_PER_CONNECTION + 1,
    };
    (descriptors / each).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::StatusAddress;

    fn of_process(data: Option<u64>) -> Capacity {
        let addresses = None;
        Capacity {
            memory: ProcessMemory { addresses, data },
        }
    }

    fn profile(config: &Config, memory: Option<u64>) -> MemoryProfile {
        of_process(memory).profile(config, ServerMode::Serving)
    }

    #[test]
    fn limited_memory_makes_small_buffers_and_little_of_it_one_worker() {
        let mut config = Config::default();
        for (memory, workers, expected, chunk) in [
            (None, 2, 2, WORKER_CHUNK_BYTES),
            (Some(1 << 40), 2, 2, CHUNK_BYTES),
            (Some(ONE_WORKER_BELOW), 2, 2, CHUNK_BYTES),
            (Some(ONE_WORKER_BELOW - 1), 2, 1, CHUNK_BYTES),
            (Some(0), 0, 0, CHUNK_BYTES),
        ] {
            config.workers = workers;
            config.max_memory = memory;
            let by_key = profile(&config, None);
            config.max_memory = None;
            for profile in [by_key, profile(&config, memory)] {
                assert_eq!(
                    (profile.workers, profile.worker_chunk),
                    (expected, chunk),
                    "{memory:?}"
                );
            }
        }
    }

    #[test]
    fn memory_of_a_trace_is_set_aside_where_one_may_be_recorded() {
        let mut config = Config {
            max_memory: Some(32 * 1024 * 1024),
            ..Config::default()
        };
        let left = |config: &Config| Capacity::default().memory(config).unwrap().0;
        let all = left(&config);
        config.status.listen = vec![StatusAddress::Tcp(([127, 0, 0, 1], 1).into())];
        assert_eq!(left(&config), all);
        config.status.listen = vec![StatusAddress::Unix("/s".into())];
        assert_eq!(left(&config), all - TraceSettings::LIMITED_BYTES);
        config.status.listen = Vec::new();
        config.trace = Some("/t".into());
        assert_eq!(left(&config), all - TraceSettings::LIMITED_BYTES);
    }

    #[test]
    fn only_configured_records_are_counted() {
        let mut config = Config::default();
        assert_eq!(records(&config), 0);
        config.events.socket = Some("/run/socket".into());
        assert_eq!(records(&config), EVENTS_QUEUED);
        let (file, format) = ("/log".into(), crate::observe::TransferLogFormat::Json);
        config.transfer_logs = vec![crate::observe::TransferLog { file, format }];
        assert_eq!(records(&config), EVENTS_QUEUED + RECORDS_QUEUED);
    }

    #[test]
    fn connections_within_descriptors_is_exact() {
        let reserved = DESCRIPTORS_RESERVED as u64;
        for (limit, mode, expected) in [
            (
                None,
                ServerMode::Serving,
                usize::MAX / (DESCRIPTORS_PER_CONNECTION + 1),
            ),
            (Some(0), ServerMode::Serving, 1),
            (Some(reserved + 9), ServerMode::Serving, 1),
            (Some(reserved + 10), ServerMode::Serving, 2),
            (Some(reserved + 11), ServerMode::Serving, 2),
            (Some(reserved + 9), ServerMode::ControlOnly, 9),
        ] {
            assert_eq!(within(descriptors_left(limit), mode), expected, "{limit:?}");
        }
    }

    #[test]
    fn memory_limits_connections_to_at_least_one() {
        let mut config = Config::default();
        let mode = ServerMode::ControlOnly;
        let profile = profile(&config, None);
        config.connections = 10;
        for (bytes, expected) in [
            (u64::MAX, 10),
            (worst_case_bytes(10, profile) as u64, 10),
            (worst_case_bytes(10, profile) as u64 - 1, 9),
            (worst_case_bytes(1, profile) as u64, 1),
            (0, 1),
        ] {
            for (configured, left, cause) in [
                (Some(bytes), None, LimitCause::Memory),
                (None, Some(bytes), LimitCause::Process),
                (Some(bytes), Some(u64::MAX), LimitCause::Memory),
                (Some(u64::MAX), Some(bytes), LimitCause::Process),
            ] {
                config.max_memory = configured;
                let limit = of_process(left).connections(&config, mode, profile);
                assert_eq!(limit.connections, expected, "{bytes}");
                let bound = if expected == 10 {
                    LimitCause::Number
                } else {
                    cause
                };
                assert_eq!(limit.bound, bound, "{bytes}");
            }
        }
    }
}
