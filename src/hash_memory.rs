//! The memory that this machine has for password hashes, and the refusal of accounts whose hash needs more.
//!
//! A hash of argon2id or yescrypt takes megabytes for each login, also for one with a wrong name. On a board
//! without them a single PASS would end the server, so such an account is refused at the start and at a
//! reload. One hash is computed at a time. Blocking: it reads files of `/proc` and `/sys`.

use std::fs;
use std::path::Path;

use crate::auth::{Account, HashScheme};
use crate::config::{Config, Words};
use crate::limits::{HASHES_OF_AVAILABLE, MemoryProfile, worst_case_bytes};
use crate::process_memory::{ProcessMemory, bytes_in};

/// The files with the limit of a control group, by version, and the folders of the groups.
const GROUP_LIMITS: [(&str, &str); 2] = [
    ("/sys/fs/cgroup", "memory.max"),
    ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
];

/// The memory for hashes, as it was at the start: the sandbox hides these files afterwards.
#[derive(Clone, Copy, Debug)]
pub struct HashMemory {
    /// Bytes that are available to the server.
    available: u64,
    /// What has these bytes.
    source: &'static str,
}

impl HashMemory {
    /// Reads how much memory is available: in the machine, in the control groups of the process, and what
    /// its resource limits (`ulimit -v` and `-d`) leave.
    pub fn measure() -> Self {
        let machine = fs::read_to_string("/proc/meminfo").ok();
        let machine = machine
            .and_then(|text| bytes_in(&text, "MemAvailable:"))
            .unwrap_or_else(|| {
                // Without /proc: what is free and what is in caches cannot be told apart.
                let system = rustix::system::sysinfo();
                bytes_of(system.totalram, system.mem_unit) / 2
            });
        let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let process = ProcessMemory::measure().for_threads(0);
        let sources = [
            (machine, "this machine has available"),
            (
                group_limits(&groups).min().unwrap_or(u64::MAX),
                "its control group allows",
            ),
            (
                process.unwrap_or(u64::MAX),
                "the limits of the process (ulimit -v and -d) leave",
            ),
        ];
        let [first, ..] = sources;
        let (available, source) =
            sources.into_iter().fold(
                first,
                |least, other| {
                    if other.0 < least.0 { other } else { least }
                },
            );
        Self { available, source }
    }

    /// The bytes that a hash may take: not all that is available, as the cache of programs in use counts as
    /// such.
    pub const fn for_a_hash(self) -> u64 {
        let (part, of) = HASHES_OF_AVAILABLE;
        self.available / of * part
    }

    /// Why the accounts cannot be served: the hash of one takes more memory than `limits.memory` allows, or
    /// than is available.
    pub(crate) fn refusal(self, config: &Config, profile: MemoryProfile) -> Option<String> {
        let (account, bytes) = config.accounts.costliest()?;
        let hash = mebibytes(bytes as u64);
        let crypt = HashScheme::Sha512Crypt.word().unwrap_or_default();
        let what = format!("{}takes {hash} for each login", subject(config, account));
        if bytes as u64 > self.for_a_hash() {
            let (here, most) = (mebibytes(self.available), mebibytes(self.for_a_hash()));
            let source = self.source;
            return Some(format!(
                "{what}, and of the {here} that {source}, hashes may take {most}; make one that fits \
                 with mioftpd --hash-password, here, or with --hash-password={crypt}"
            ));
        }
        let limit = config.max_memory?;
        let least = worst_case_bytes(1, profile) as u64;
        (least > limit).then(|| {
            let (limit, least) = (mebibytes(limit), mebibytes(least));
            format!(
                "{what}, and limits.memory is {limit}, where one connection with it can take {least}; \
                 raise limits.memory, or make a hash with mioftpd --hash-password={crypt}"
            )
        })
    }
}

/// `POSITION: the password hash of "ann" `.
fn subject(config: &Config, account: &Account) -> String {
    let (origins, name) = (&config.origins, Some(account.name.as_slice()));
    let keys = [
        "account.password",
        "account.password-file",
        "account.shadow",
    ];
    let set = keys
        .into_iter()
        .map(|key| origins.prefix(name, key))
        .find(|prefix| !prefix.is_empty());
    let name = String::from_utf8_lossy(&account.name);
    format!("{}the password hash of {name:?} ", set.unwrap_or_default())
}

/// C's `unsigned long` has 32 or 64 bits.
fn bytes_of(units: impl Into<u64>, unit: u32) -> u64 {
    units.into().saturating_mul(unit.into())
}

/// Rounded up, so that it never looks like less than it is.
fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1024 * 1024))
}

/// The limits of the control groups that the process is in, and of those above. `groups` is that of
/// cgroups(7); in a container a path may be that of the host, and only the last folder above it is there.
fn group_limits(groups: &str) -> impl Iterator<Item = u64> {
    let paths = groups.lines().filter_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        let is_memory = controllers.is_empty() || controllers.split(',').any(|one| one == "memory");
        is_memory.then(|| path.trim_start_matches('/'))
    });
    paths.flat_map(|path| {
        let above = Path::new(path).ancestors();
        above.flat_map(|group| {
            let limits = GROUP_LIMITS.iter();
            limits.filter_map(move |(root, name)| {
                let file = Path::new(root).join(group).join(name);
                fs::read_to_string(file).ok()?.trim().parse().ok()
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Permissions, Secret};
    use crate::capacity::Capacity;
    use crate::session::ServerMode;

    const MIB: u64 = 1024 * 1024;
    const END: &str = "t=1,p=1$c2FsdHNhbHRzYWx0$WHwbVkQ5XzAMaltcqwxy+X9v0VxYTVTjS9BRTrowawM";

    fn config(max_memory: Option<u64>) -> Config {
        let account = |name: &str, kib: u32| {
            let secret = Secret::hashed(format!("$argon2id$v=19$m={kib},{END}")).unwrap();
            Account::new(name, secret, Permissions::READ)
        };
        let accounts = [account("bob", 8), account("ann", 19_456)];
        Config {
            accounts: accounts.into_iter().collect(),
            max_memory,
            ..Config::default()
        }
    }

    fn profile(config: &Config) -> MemoryProfile {
        Capacity::default().profile(config, ServerMode::Serving)
    }

    fn refusal(available: u64, max_memory: Option<u64>) -> Option<String> {
        let config = config(max_memory);
        let source = "this machine has available";
        HashMemory { available, source }.refusal(&config, profile(&config))
    }

    #[test]
    fn hash_that_the_machine_has_no_memory_for_is_refused() {
        let enough = (19 * MIB).div_ceil(HASHES_OF_AVAILABLE.0) * HASHES_OF_AVAILABLE.1;
        assert_eq!(refusal(enough, None), None);
        let why = refusal(enough - HASHES_OF_AVAILABLE.1, None).unwrap();
        assert!(
            why.starts_with("the password hash of \"ann\" takes 19 MiB"),
            "{why}"
        );
        assert!(
            why.contains("29 MiB that this machine has available, hashes may"),
            "{why}"
        );
        assert!(
            why.ends_with("or with --hash-password=sha512-crypt"),
            "{why}"
        );
    }

    #[test]
    fn hash_that_limits_memory_has_no_room_for_is_refused() {
        let least = worst_case_bytes(1, profile(&config(Some(u64::MAX)))) as u64;
        assert_eq!(refusal(u64::MAX, Some(least)), None);
        let why = refusal(u64::MAX, Some(least - 1)).unwrap();
        assert!(why.contains("limits.memory is"), "{why}");
    }

    #[test]
    fn accounts_without_costly_hashes_are_never_refused() {
        let (available, source) = (0, "");
        let none = HashMemory { available, source };
        let config = Config::default();
        assert_eq!(none.refusal(&config, profile(&config)), None);
    }

    #[test]
    fn available_memory_is_read() {
        assert!(HashMemory::measure().for_a_hash() > 0);
    }
}
