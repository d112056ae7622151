//! The maximum number of connections: the configured one, reduced by the process's descriptors and
//! by the configured memory. Computed at the start and after a reload.

use std::thread::available_parallelism;

use rustix::process::{Resource, getrlimit};

use crate::config::Config;
use crate::limits::{
    CHUNK_BYTES, CONNECTIONS, ConnectionLimit, DESCRIPTORS_PER_CONNECTION, DESCRIPTORS_RESERVED,
    EVENTS_QUEUED, HANDSHAKE_WORKERS, LimitCause, MemoryProfile, ONE_WORKER_BELOW, RECORDS_QUEUED,
    WORKER_CHUNK_BYTES, connections_within, worst_case_bytes,
};
use crate::session::ServerMode;

/// The scratch buffer of a worker, in bytes: small where memory is.
const fn worker_chunk(config: &Config) -> usize {
    match config.max_memory {
        Some(_) => CHUNK_BYTES,
        None => WORKER_CHUNK_BYTES,
    }
}

/// The threads that compute TLS handshakes: one for each processor, but a single one where memory is small.
/// They start with the first handshake, and a reload may add TLS.
fn handshake_workers(config: &Config) -> usize {
    match config.max_memory {
        // Reading the quotas of control groups, as this does, is 12 KiB of program.
        None if cfg!(feature = "tls") => {
            available_parallelism().map_or(1, |all| all.get().min(HANDSHAKE_WORKERS))
        }
        _ => 1,
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

/// The worker threads for storage.
pub(crate) fn storage_workers(config: &Config) -> usize {
    match config.max_memory {
        Some(bytes) if bytes < ONE_WORKER_BELOW => config.workers.min(1),
        _ => config.workers,
    }
}

pub(crate) fn memory_profile(config: &Config, workers: usize) -> MemoryProfile {
    MemoryProfile {
        worker_chunk: worker_chunk(config),
        workers,
        tls: config.tls.is_some(),
        handshake_workers: handshake_workers(config),
        records: records(config),
        verification: config.accounts.costliest().map_or(0, |(_, bytes)| bytes),
    }
}

/// Whether the operator, or a host program, has chosen the number of connections.
pub(crate) fn is_chosen(config: &Config) -> bool {
    config.connections != CONNECTIONS || config.origins.is_set(None, "limits.connections")
}

/// The maximum, and the limit that determines it; warns if a chosen number of connections is too high
/// for the descriptors. It is never 0.
pub(crate) fn connections(
    config: &Config,
    mode: ServerMode,
    profile: MemoryProfile,
) -> ConnectionLimit {
    let wanted = config.connections;
    let most = within_descriptors(getrlimit(Resource::Nofile).current, mode);
    let mut limit = ConnectionLimit::from(wanted);
    if most < wanted {
        let (connections, bound) = (most, LimitCause::Files);
        if is_chosen(config) {
            log::warn!("Limited to {most} connections instead of {wanted} by {bound}");
        }
        limit = ConnectionLimit { connections, bound };
    }
    let Some(bytes) = config.max_memory else {
        return limit;
    };
    let connections = connections_within(bytes, profile, limit.connections);
    if connections == limit.connections {
        return limit;
    }
    if connections == 0 {
        let least = worst_case_bytes(1, profile);
        log::warn!(
            "limits.memory is {bytes}, but one connection can take {least} bytes: one is allowed"
        );
    }
    let (connections, bound) = (connections.max(1), LimitCause::Memory);
    ConnectionLimit { connections, bound }
}

/// Logs the most memory that they can take.
pub(crate) fn log(connections: usize, profile: MemoryProfile) {
    let bytes = worst_case_bytes(connections, profile);
    log::info!(
        "Up to {connections} connections, which can take {} MiB of memory",
        bytes.div_ceil(1024 * 1024)
    );
}

/// The connections that fit into `limit` descriptors (`None`: no limit), at least one.
fn within_descriptors(limit: Option<u64>, mode: ServerMode) -> usize {
    let each = match mode {
        ServerMode::ControlOnly => 1,
        ServerMode::Serving => DESCRIPTORS_PER_CONNECTION,
    };
    // A limit beyond `usize`, on a 32-bit system, is as good as none.
    let limit = limit.and_then(|limit| usize::try_from(limit).ok());
    let left = limit.map_or(usize::MAX, |limit| {
        limit.saturating_sub(DESCRIPTORS_RESERVED)
    });
    (left / each).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_have_small_buffers_where_memory_is_limited() {
        let chunk = |max_memory| {
            worker_chunk(&Config {
                max_memory,
                ..Config::default()
            })
        };
        assert_eq!(chunk(None), WORKER_CHUNK_BYTES);
        assert_eq!(chunk(Some(1 << 40)), CHUNK_BYTES);
    }

    #[test]
    fn little_memory_has_one_worker() {
        let mut config = Config::default();
        for (memory, workers, expected) in [
            (None, 2, 2),
            (Some(ONE_WORKER_BELOW), 2, 2),
            (Some(ONE_WORKER_BELOW - 1), 2, 1),
            (Some(0), 0, 0),
        ] {
            (config.max_memory, config.workers) = (memory, workers);
            assert_eq!(storage_workers(&config), expected, "{memory:?}");
        }
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
                usize::MAX / DESCRIPTORS_PER_CONNECTION,
            ),
            (Some(0), ServerMode::Serving, 1),
            (Some(reserved + 7), ServerMode::Serving, 1),
            (Some(reserved + 8), ServerMode::Serving, 2),
            (Some(reserved + 9), ServerMode::Serving, 2),
            (Some(reserved + 9), ServerMode::ControlOnly, 9),
        ] {
            assert_eq!(within_descriptors(limit, mode), expected, "{limit:?}");
        }
    }

    #[test]
    fn memory_limits_connections_to_at_least_one() {
        let mut config = Config::default();
        let profile = memory_profile(&config, 2);
        let connections =
            |config: &Config| connections(config, ServerMode::ControlOnly, profile).connections;
        config.connections = 10;
        assert_eq!(connections(&config), 10);
        for (bytes, expected) in [
            (worst_case_bytes(10, profile), 10),
            (worst_case_bytes(10, profile) - 1, 9),
            (worst_case_bytes(1, profile), 1),
            (0, 1),
        ] {
            config.max_memory = Some(bytes as u64);
            assert_eq!(connections(&config), expected, "{bytes}");
        }
    }
}
