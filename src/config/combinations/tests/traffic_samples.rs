//! A sample for each row about events, logs, addresses, ports, limits, time-outs and storage.

use super::samples::{ACCOUNT, DIRECTORY, READER, SELF_SIGNED, Sample, WRITER, WRITER_TLS, sample};

pub(super) const TRAFFIC_SAMPLES: &[Sample] = &[
    sample(
        "events.digest = true has no",
        WRITER,
        &["events.digest = true"],
        "events.socket = 's'",
    ),
    sample(
        "events.at-once has no",
        WRITER,
        &["events.at-once = 1"],
        "events.command = '/c'",
    ),
    sample(
        "events.time has no",
        WRITER,
        &["events.time = 1"],
        "events.command = '/c'",
    ),
    sample(
        "log.transfers-json cannot be used with the same file",
        WRITER,
        &["log.transfers = 'l'", "log.transfers-json = 'l'"],
        "",
    ),
    sample(
        "listen cannot be used with overlapping addresses ([::1]:21 and [::]:21)",
        WRITER,
        &["listen = ['[::1]:21', '[::]:21']"],
        "",
    ),
    sample(
        "overlapping addresses in tls.listen and listen ([::]:21 and [::1]:21)",
        WRITER_TLS,
        &["tls.listen = '[::1]:21'", "listen = '[::]:21'"],
        "",
    ),
    sample(
        "listen cannot be used with an address that is not unicast (224.0.0.1:21)",
        WRITER,
        &["listen = ['127.0.0.1:21', '224.0.0.1:21']"],
        "",
    ),
    sample(
        "tls.listen cannot be used with an address that is not unicast ([ff02::1]:990)",
        WRITER_TLS,
        &["tls.listen = ['[ff02::1]:990']"],
        "",
    ),
    sample(
        "passive.address should not be used with an address of 127.0.0.0/8",
        WRITER,
        &["passive.address = '127.0.0.1'"],
        "",
    ),
    sample(
        "addresses.allow cannot be used",
        WRITER,
        &[
            "addresses.allow = ['10.1.0.0/16', '10.2.0.0/16']",
            "addresses.deny = '10.0.0.0/8'",
        ],
        "",
    ),
    sample(
        "addresses.deny cannot be used",
        WRITER,
        &["addresses.deny = ['0.0.0.0/0', '::/0']"],
        "",
    ),
    sample(
        "addresses.deny is overridden by addresses.allow",
        WRITER,
        &[
            "addresses.deny = '192.0.2.0/24'",
            "addresses.allow = '10.0.0.0/8'",
        ],
        "",
    ),
    sample(
        "passive.address is overridden by passive.address-by-network",
        WRITER,
        &[
            "passive.address = '192.0.2.1'",
            "passive.address-by-network = '0.0.0.0/0 192.0.2.2'",
        ],
        "",
    ),
    sample(
        "addresses.proxies with 0.0.0.0/0 or ::/0 cannot be used",
        WRITER,
        &[
            "addresses.proxies = '0.0.0.0/0'",
            "addresses.allow = '10.0.0.0/8'",
        ],
        "",
    ),
    sample(
        "passive.address-for-private = true has no effect",
        WRITER,
        &["passive.address-for-private = true"],
        "passive.address = '192.0.2.1'",
    ),
    sample(
        "passive.ports is overridden by listen",
        WRITER,
        &["passive.ports = '20-30'", "listen = '[::]:21'"],
        "",
    ),
    sample(
        "passive.address-by-network is overridden by an earlier",
        WRITER,
        &["passive.address-by-network = ['10.0.0.0/8 10.0.0.1', '10.1.0.0/16 10.1.0.1']"],
        "",
    ),
    sample(
        "limits.connections is overridden by fewer passive.ports",
        WRITER,
        &["limits.connections = 100", "passive.ports = '50000-50098'"],
        "",
    ),
    sample(
        "limits.connections-per-address is overridden",
        WRITER,
        &[
            "limits.connections-per-address = 9",
            "limits.connections = 8",
        ],
        "",
    ),
    sample(
        "connection-burst is overridden",
        WRITER,
        &[
            "throttling.connection-burst = 9",
            "throttling.connection-interval = 0",
        ],
        "",
    ),
    sample(
        "command-burst is overridden",
        WRITER,
        &[
            "throttling.command-burst = 9",
            "throttling.command-interval = 0",
        ],
        "",
    ),
    sample(
        "timings.penalty cannot be used with throttling.longest-penalty = 0",
        WRITER,
        &["timings.penalty = 1", "throttling.longest-penalty = 0"],
        "",
    ),
    sample(
        "timings.penalty is overridden by timings.login",
        WRITER,
        &["timings.penalty = 3", "timings.login = 2"],
        "",
    ),
    sample(
        "storage.durability has no",
        READER,
        &["storage.durability = 'fsync'"],
        "",
    ),
    sample(
        "storage.free-space-floor has no",
        READER,
        &["storage.free-space-floor = 1"],
        "",
    ),
    sample(
        "storage.remove-unfinished has no",
        READER,
        &["storage.remove-unfinished = true"],
        "",
    ),
    sample(
        "active.from-default-port = true is overridden by listen",
        WRITER,
        &[
            "active.from-default-port = true",
            "listen = ['127.0.0.1:2120', '127.0.0.1:2121']",
        ],
        "",
    ),
    sample(
        "active.from-default-port = true should not be used with passive.ports",
        WRITER,
        &[
            "active.from-default-port = true",
            "listen = '127.0.0.1:2121'",
            "passive.ports = '1000-2120'",
        ],
        "",
    ),
    sample(
        "tls.unclean-uploads has no effect without an account",
        &[DIRECTORY, "account = [{ name = 'anonymous' }]", SELF_SIGNED],
        &["tls.unclean-uploads = '10.0.0.0/8'"],
        "",
    ),
    sample(
        "tls.unclean-uploads should not be used with 0.0.0.0/0",
        WRITER_TLS,
        &["tls.unclean-uploads = ['10.0.0.0/8', '::/0']"],
        "",
    ),
    sample(
        "tls.unclean-uploads is overridden by addresses.allow",
        WRITER_TLS,
        &[
            "tls.unclean-uploads = '10.0.0.0/8'",
            "addresses.allow = '192.168.0.0/16'",
        ],
        "",
    ),
    sample(
        "storage.recount has no",
        WRITER,
        &["storage.recount = 1"],
        "",
    ),
    sample(
        "events.command has no effect without an",
        READER,
        &["events.command = '/c'"],
        "",
    ),
    sample(
        "events.socket has no effect without an",
        READER,
        &["events.socket = 's'"],
        "",
    ),
    sample(
        "umask has no effect without an",
        READER,
        &["umask = '077'"],
        "",
    ),
    sample(
        "allow-combine = true has no",
        READER,
        &["allow-combine = true"],
        "",
    ),
    sample(
        "tls.key = \"FILE\" should not be used with a directory that contains it",
        &[DIRECTORY, ACCOUNT, "tls.certificate = '/etc/c'"],
        &["tls.key = '/srv/files/d/key'"],
        "",
    ),
    sample(
        "tls.state-directory should not be used with a directory",
        WRITER_TLS,
        &["tls.state-directory = '/srv/files'"],
        "",
    ),
    sample(
        "or a password file, should not be used with",
        &[ACCOUNT],
        &["directory = '.'"],
        "",
    ),
    sample(
        "a transfer log should not be used",
        WRITER,
        &["log.transfers = '/srv/files/log'"],
        "",
    ),
];
