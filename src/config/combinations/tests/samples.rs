//! A configuration for each row of the table: what makes it fire, and what cures it.

/// Lines of a file that is served; a sample adds its own.
pub(super) const WRITER: &[&str] = &[
    DIRECTORY,
    "account = [{ name = 'anonymous', permissions = 'all' }]",
];
pub(super) const READER: &[&str] = &[DIRECTORY, "account = [{ name = 'anonymous' }]"];
pub(super) const ANN: &[&str] = &[
    DIRECTORY,
    "account = [{ name = 'ann', password-file = 'secret', permissions = 'all' }]",
];
pub(super) const DIRECTORY: &str = "directory = '/srv/files'";
pub(super) const ACCOUNT: &str = "account = [{ name = 'anonymous', permissions = 'all' }]";
pub(super) const SELF_SIGNED: &str = "tls.self-signed = true";
pub(super) const AUTHORITY: &str = "tls.client-authority = 'ca'";

/// A combination of which one row has something to say.
pub(super) struct Sample {
    /// What the message has.
    pub(super) said: &'static str,
    pub(super) base: &'static [&'static str],
    /// Without one of these the row is silent; an option begins with a dash, or is a variable.
    pub(super) own: &'static [&'static str],
    /// With this it is, too; empty: nothing cures it.
    pub(super) cure: &'static str,
}

pub(super) const fn sample(
    said: &'static str,
    base: &'static [&'static str],
    own: &'static [&'static str],
    cure: &'static str,
) -> Sample {
    Sample {
        said,
        base,
        own,
        cure,
    }
}

pub(super) const SAMPLES: &[Sample] = &[
    sample("--writable needs", &[], &["--writable"], DIRECTORY),
    sample(
        "--user NAME needs a DIR",
        &["MIOFTPD_PASSWORD"],
        &["--user"],
        DIRECTORY,
    ),
    sample("--anonymous needs", &[], &["--anonymous"], DIRECTORY),
    sample(
        "--password-file FILE needs --user",
        WRITER,
        &["--password-file"],
        "--user",
    ),
    sample(
        "or the variable MIOFTPD_PASSWORD",
        READER,
        &["--user"],
        "MIOFTPD_PASSWORD",
    ),
    sample("--writable needs --anonymous", ANN, &["--writable"], ""),
    sample(
        "the variable MIOFTPD_PASSWORD is overridden",
        &[DIRECTORY, ACCOUNT, "--user"],
        &["MIOFTPD_PASSWORD", "--password-file"],
        "",
    ),
    sample(
        "MIOFTPD_PASSWORD has no effect without --user",
        ANN,
        &["MIOFTPD_PASSWORD"],
        "--user",
    ),
    sample(
        ":2:1: account is overridden by --anonymous",
        WRITER,
        &["--anonymous"],
        "",
    ),
    sample(
        ":1:1: directory needs an account",
        &[],
        &[DIRECTORY],
        ACCOUNT,
    ),
    sample(":1:1: account needs directory", &[], &[ACCOUNT], DIRECTORY),
    sample(
        ":1:1: greeting needs directory",
        &[],
        &["greeting = 'hello'"],
        DIRECTORY,
    ),
    sample(
        ":3:1: workers = 0 should not be used with a hashed",
        HASHED,
        &["workers = 0"],
        "",
    ),
    sample("tls needs directory", &[], &[SELF_SIGNED], DIRECTORY),
    sample(
        ":3:5: tls.state-directory needs tls.self-signed = true",
        WRITER,
        &["tls.state-directory = 's'"],
        SELF_SIGNED,
    ),
    sample(
        ":3:5: tls.names needs tls.self-signed = true",
        WRITER,
        &["tls.names = 'n'"],
        SELF_SIGNED,
    ),
    sample(
        "tls.self-signed = true excludes tls.certificate and tls.key",
        WRITER,
        &[SELF_SIGNED, "tls.certificate = 'c'\ntls.key = 'k'"],
        "",
    ),
    sample(
        "tls.certificate = \"FILE\" needs",
        WRITER,
        &["tls.certificate = 'c'"],
        "tls.key = 'k'",
    ),
    sample(
        "tls.key = \"FILE\" needs",
        WRITER,
        &["tls.key = 'k'"],
        "tls.certificate = 'c'",
    ),
    sample(
        "tls needs tls.certificate and",
        WRITER,
        &["tls.listen = '[::1]:990'"],
        SELF_SIGNED,
    ),
    sample(
        "tls.client-required = true needs tls.client-authority",
        WRITER,
        &["tls.client-required = true"],
        AUTHORITY,
    ),
    sample(
        "tls.client-login = true needs tls.client-authority",
        ANN,
        &["tls.client-login = true"],
        AUTHORITY,
    ),
    sample(
        ":3:5: tls.client-required = true needs tls.require = \"control\" or \"data\"",
        ANN,
        &["tls.client-required = true"],
        "tls.require = 'control'",
    ),
    sample(
        ":3:5: tls.client-required = true needs tls.require = \"control\" or \"data\"",
        ANN,
        &["tls.client-required = true\ntls.require = 'login'"],
        "",
    ),
    sample(
        "tls.require = \"login\" needs an account with a password",
        WRITER,
        &["tls.require = 'login'"],
        "",
    ),
    sample(
        "tls.client-authority = \"FILE\" has no effect without tls.client-required = true, or",
        ANN,
        &[AUTHORITY],
        "tls.client-login = true",
    ),
    sample(
        "tls.client-login = true has no effect without an account",
        WRITER,
        &["tls.client-login = true"],
        "",
    ),
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
        "log.transfers-json excludes the same file",
        WRITER,
        &["log.transfers = 'l'", "log.transfers-json = 'l'"],
        "",
    ),
    sample(
        "listen excludes",
        WRITER,
        &["listen = ['[::1]:21', '[::]:21']"],
        "",
    ),
    sample(
        "tls.listen excludes",
        WRITER,
        &["tls.listen = '[::1]:21'", "listen = '[::]:21'"],
        "",
    ),
    sample(
        "addresses.allow excludes",
        WRITER,
        &[
            "addresses.allow = ['10.1.0.0/16', '10.2.0.0/16']",
            "addresses.deny = '10.0.0.0/8'",
        ],
        "",
    ),
    sample(
        "addresses.deny excludes",
        WRITER,
        &["addresses.deny = ['0.0.0.0/0', '::/0']"],
        "",
    ),
    sample(
        "addresses.proxies with 0.0.0.0/0 or ::/0 excludes",
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
        "timings.penalty excludes throttling.longest-penalty = 0",
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
        WRITER,
        &["tls.key = '/srv/files/d/key'"],
        "",
    ),
    sample(
        "tls.state-directory should not be used with a directory",
        WRITER,
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

pub(super) const HASHED: &[&str] = &[DIRECTORY, HASHED_ACCOUNT];
pub(super) const HASHED_ACCOUNT: &str = "account = [{ name = 'ann', permissions = 'all', \
     password = '$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW' }]";
