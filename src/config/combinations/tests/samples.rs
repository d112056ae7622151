//! A sample for each row: a configuration that it matches, and a line that cures it.
//!
//! The lines are of a file, each with its whole key; a line that is an option is given on the command line.

/// A configuration that one row matches.
pub(super) struct Sample {
    /// A part of the message.
    pub(super) message: &'static str,
    pub(super) base: &'static [&'static str],
    /// Without any of these the row does not match. An option begins with a dash; a variable is an option.
    pub(super) own: &'static [&'static str],
    /// With this line the row does not match either.
    pub(super) cure: Option<&'static str>,
}

/// `MESSAGE: BASE, OWN, CURE;` for each [`Sample`].
macro_rules! samples {
    ($($message:literal: $base:tt, $own:tt $(, $cure:expr)?;)*) => {
        &[$(Sample {
            message: $message,
            base: samples!(@base $base),
            own: &$own,
            cure: [$(Some($cure),)? None][0],
        }),*]
    };
    (@base $base:ident) => { $base };
    (@base $base:tt) => { &$base };
}

/// An account with these keys.
macro_rules! account {
    ($keys:literal) => {
        concat!("account = [{ name = 'anonymous', ", $keys, " }]")
    };
}
macro_rules! ann {
    ($keys:literal) => {
        concat!(
            "account = [{ name = 'ann', password-file = 'secret', ",
            $keys,
            " }]"
        )
    };
}

pub(super) const DIRECTORY: &str = "directory = '/srv/files'";
pub(super) const ACCOUNT: &str = account!("permissions = 'all'");
const READING_ACCOUNT: &str = "account = [{ name = 'anonymous' }]";
const ANN_ACCOUNT: &str = ann!("permissions = 'all'");
pub(super) const HASHED_ACCOUNT: &str = "account = [{ name = 'ann', permissions = 'all', \
     password = '$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW' }]";
const SELF_SIGNED: &str = "tls.self-signed = true";
const AUTHORITY: &str = "tls.client-authority = 'ca'";
const FILES: &str = "tls.certificate = '/etc/c'\ntls.key = '/etc/k'";

pub(super) const WRITER: &[&str] = &[DIRECTORY, ACCOUNT];
pub(super) const READER: &[&str] = &[DIRECTORY, READING_ACCOUNT];
pub(super) const ANN: &[&str] = &[DIRECTORY, ANN_ACCOUNT];
const HASHED: &[&str] = &[DIRECTORY, HASHED_ACCOUNT];
const WRITER_TLS: &[&str] = &[DIRECTORY, ACCOUNT, SELF_SIGNED];
const WRITER_FILES: &[&str] = &[DIRECTORY, ACCOUNT, FILES];
const ANN_TLS: &[&str] = &[DIRECTORY, ANN_ACCOUNT, SELF_SIGNED];
const ANN_AUTHORITY: &[&str] = &[DIRECTORY, ANN_ACCOUNT, SELF_SIGNED, AUTHORITY];

pub(super) const SAMPLES: &[Sample] = samples! {
    "--writable needs": [], ["--writable"], DIRECTORY;
    "--user NAME needs a DIR": ["MIOFTPD_PASSWORD"], ["--user"], DIRECTORY;
    "--anonymous needs": [], ["--anonymous"], DIRECTORY;
    "--password-file FILE needs --user": WRITER, ["--password-file"], "--user";
    "--allow-fxp needs --user": WRITER, ["--allow-fxp"], "--user";
    "or the variable MIOFTPD_PASSWORD": READER, ["--user"], "MIOFTPD_PASSWORD";
    "--writable needs --anonymous": ANN, ["--writable"];
    "the variable MIOFTPD_PASSWORD is overridden": [DIRECTORY, ACCOUNT, "--user"],
        ["MIOFTPD_PASSWORD", "--password-file"];
    "MIOFTPD_PASSWORD has no effect without --user": ANN, ["MIOFTPD_PASSWORD"], "--user";
    ":2:1: account is overridden by --anonymous": WRITER, ["--anonymous"];
    ":1:1: directory needs an account": [], [DIRECTORY], ACCOUNT;
    ":1:1: account needs directory": [], [ACCOUNT], DIRECTORY;
    ":1:1: greeting needs directory": [], ["greeting = 'hello'"], DIRECTORY;
    ":3:1: workers = 0 should not be used with a hashed": HASHED, ["workers = 0"];
    "tls needs directory": [], [SELF_SIGNED], DIRECTORY;
    ":5:5: tls.state-directory needs tls.self-signed = true": WRITER_FILES,
        ["tls.state-directory = 's'"], SELF_SIGNED;
    ":5:5: tls.names needs tls.self-signed = true": WRITER_FILES, ["tls.names = 'n'"], SELF_SIGNED;
    "tls.self-signed = true cannot be used with tls.certificate and tls.key": WRITER,
        [SELF_SIGNED, "tls.certificate = 'c'\ntls.key = 'k'"];
    "tls.certificate = \"FILE\" needs": WRITER, ["tls.certificate = 'c'"], "tls.key = 'k'";
    "tls.key = \"FILE\" needs": WRITER, ["tls.key = 'k'"], "tls.certificate = 'c'";
    "tls needs tls.certificate and": WRITER, ["tls.listen = '[::1]:990'"], SELF_SIGNED;
    "tls.client-required = true needs tls.client-authority":
        [DIRECTORY, ACCOUNT, SELF_SIGNED, "tls.require = 'data'"], ["tls.client-required = true"],
        AUTHORITY;
    "tls.client-login = true needs tls.client-authority": ANN_TLS, ["tls.client-login = true"],
        AUTHORITY;
    ":5:5: tls.client-required = true needs tls.require = \"control\" or \"data\"": ANN_AUTHORITY,
        ["tls.client-required = true"], "tls.require = 'control'";
    ":5:5: tls.client-required = true needs tls.require = \"control\" or \"data\"": ANN_AUTHORITY,
        ["tls.client-required = true\ntls.require = 'login'"];
    "tls.require = \"login\" needs an account with a password": WRITER_TLS,
        ["tls.require = 'login'"];
    "tls.client-authority = \"FILE\" has no effect without tls.client-required = true, or":
        ANN_TLS, [AUTHORITY], "tls.client-login = true";
    "tls.client-login = true has no effect without an account":
        [DIRECTORY, ACCOUNT, SELF_SIGNED, AUTHORITY], ["tls.client-login = true"];
    "directory has no effect without an account that is enabled": [],
        [DIRECTORY, account!("enabled = false")];
    "events.digest = true has no": WRITER, ["events.digest = true"], "events.socket = 's'";
    "events.at-once has no": WRITER, ["events.at-once = 1"], "events.command = '/c'";
    "events.time has no": WRITER, ["events.time = 1"], "events.command = '/c'";
    "log.transfers-json cannot be used with the same file": WRITER,
        ["log.transfers = 'l'", "log.transfers-json = 'l'"];
    "listen cannot be used with overlapping addresses ([::1]:21 and [::]:21)": WRITER,
        ["listen = ['[::1]:21', '[::]:21']"];
    "overlapping addresses in tls.listen and listen ([::]:21 and [::1]:21)": WRITER_TLS,
        ["tls.listen = '[::1]:21'", "listen = '[::]:21'"];
    "listen cannot be used with an address that is not unicast (224.0.0.1:21)": WRITER,
        ["listen = ['127.0.0.1:21', '224.0.0.1:21']"];
    "tls.listen cannot be used with an address that is not unicast ([ff02::1]:990)": WRITER_TLS,
        ["tls.listen = ['[ff02::1]:990']"];
    "status.listen cannot be used with overlapping addresses there, in listen or in tls.listen \
        ([::1]:21 and [::1]:21)": WRITER, ["status.listen = ['[::1]:21', '[::1]:21']"];
    "status.listen cannot be used with overlapping addresses there, in listen or in tls.listen \
        ([::]:21 and [::1]:21)": WRITER, ["status.listen = '[::1]:21'", "listen = '[::]:21'"];
    "status.listen cannot be used with the same Unix socket twice": WRITER,
        ["status.listen = ['unix:/s', 'unix:/t', 'unix://s']"];
    "status.listen with an address of the network needs status.public = true": WRITER,
        ["status.listen = ['127.0.0.1:1', '0.0.0.0:2']"], "status.public = true";
    "status.hosts has no effect without status.listen": WRITER, ["status.hosts = ['a']"],
        "status.listen = '127.0.0.1:1'";
    "status.connections has no effect without status.listen": WRITER, ["status.connections = 1"],
        "status.listen = '127.0.0.1:1'";
    "status.mode has no effect without status.listen": WRITER, ["status.mode = '660'"],
        "status.listen = '127.0.0.1:1'";
    "status.group has no effect without status.listen": WRITER, ["status.group = 'adm'"],
        "status.listen = '127.0.0.1:1'";
    "status.public = true has no effect without status.listen": WRITER, ["status.public = true"],
        "status.listen = '127.0.0.1:1'";
    "passive.address should not be used with an address of 127.0.0.0/8": WRITER,
        ["passive.address = '127.0.0.1'"];
    "addresses.allow cannot be used": WRITER,
        ["addresses.allow = ['10.1.0.0/16', '10.2.0.0/16']", "addresses.deny = '10.0.0.0/8'"];
    "addresses.deny cannot be used": WRITER, ["addresses.deny = ['0.0.0.0/0', '::/0']"];
    "addresses.deny is overridden by addresses.allow": WRITER,
        ["addresses.deny = '192.0.2.0/24'", "addresses.allow = '10.0.0.0/8'"];
    "passive.address is overridden by passive.address-by-network": WRITER,
        ["passive.address = '192.0.2.1'", "passive.address-by-network = '0.0.0.0/0 192.0.2.2'"];
    "addresses.proxies with 0.0.0.0/0 or ::/0 cannot be used": WRITER,
        ["addresses.proxies = '0.0.0.0/0'", "addresses.allow = '10.0.0.0/8'"];
    "passive.address-for-private = true has no effect": WRITER,
        ["passive.address-for-private = true"], "passive.address = '192.0.2.1'";
    "passive.ports is overridden by listen": WRITER,
        ["passive.ports = '20-30'", "listen = '[::]:21'"];
    "passive.address-by-network is overridden by an earlier": WRITER,
        ["passive.address-by-network = ['10.0.0.0/8 10.0.0.1', '10.1.0.0/16 10.1.0.1']"];
    "limits.connections-per-address is overridden": WRITER,
        ["limits.connections-per-address = 9", "limits.connections = 8"];
    "connection-burst is overridden": WRITER,
        ["throttling.connection-burst = 9", "throttling.connection-interval = 0"];
    "command-burst is overridden": WRITER,
        ["throttling.command-burst = 9", "throttling.command-interval = 0"];
    "timings.penalty cannot be used with throttling.longest-penalty = 0": WRITER,
        ["timings.penalty = 1", "throttling.longest-penalty = 0"];
    "timings.penalty is overridden by timings.login": WRITER,
        ["timings.penalty = 3", "timings.login = 2"];
    "storage.durability has no": READER, ["storage.durability = 'fsync'"];
    "storage.free-space-floor has no": READER, ["storage.free-space-floor = 1"];
    "--trace-names needs --trace FILE": WRITER, ["--trace-names"], "--trace";
    "--inetd cannot be used with --daemon": WRITER, ["--inetd", "--daemon"];
    "--inetd cannot be used with --pid-file": WRITER, ["--inetd", "--pid-file"];
    "storage.replace has no": READER, ["storage.replace = 'in-place'"];
    "storage.remove-unfinished has no": READER, ["storage.remove-unfinished = true"];
    "active.from-default-port = true is overridden by listen": WRITER,
        ["active.from-default-port = true", "listen = ['127.0.0.1:2120', '127.0.0.1:2121']"];
    "active.from-default-port = true should not be used with passive.ports": WRITER,
        ["active.from-default-port = true", "listen = '127.0.0.1:2121'",
            "passive.ports = '1000-2120'"];
    "tls.unclean-uploads has no effect without an account":
        [DIRECTORY, READING_ACCOUNT, SELF_SIGNED],
        ["tls.unclean-uploads = '10.0.0.0/8'"];
    "tls.unclean-uploads should not be used with 0.0.0.0/0": WRITER_TLS,
        ["tls.unclean-uploads = ['10.0.0.0/8', '::/0']"];
    "tls.unclean-uploads is overridden by addresses.allow": WRITER_TLS,
        ["tls.unclean-uploads = '10.0.0.0/8'", "addresses.allow = '192.168.0.0/16'"];
    "storage.recount has no": WRITER, ["storage.recount = 1"];
    "storage.reopen = true should not be used with a directory that is directly below": [ACCOUNT],
        ["directory = '/none'", "storage.reopen = true"], "sandbox = false";
    "events.command has no effect without an": READER, ["events.command = '/c'"];
    "events.socket has no effect without an": READER, ["events.socket = 's'"];
    "umask has no effect without an": READER, ["umask = '077'"];
    "allow-combine = true has no": READER, ["allow-combine = true"];
    "tls.key = \"FILE\" should not be used with a directory that contains it":
        [DIRECTORY, ACCOUNT, "tls.certificate = '/etc/c'"], ["tls.key = '/srv/files/d/key'"];
    "tls.state-directory should not be used with a directory": WRITER_TLS,
        ["tls.state-directory = '/srv/files'"];
    "or a password file, should not be used with": [ACCOUNT], ["directory = '.'"];
    "a transfer log should not be used": WRITER, ["log.transfers = '/srv/files/log'"];
    "account.quota-bytes of anonymous has no": [DIRECTORY], [account!("quota-bytes = 1")];
    "account.quota-files of anonymous has no": [DIRECTORY], [account!("quota-files = 1")];
    "account.rate-up of anonymous has no": [DIRECTORY], [account!("rate-up = 1")];
    "account.rate-down of anonymous has no": [DIRECTORY],
        [account!("permissions = 'create', rate-down = 1")];
    "account.umask of anonymous has no": [DIRECTORY], [account!("umask = '077'")];
    "account.unclean-uploads = true of anonymous has no effect without a permission":
        [DIRECTORY, SELF_SIGNED], [account!("unclean-uploads = true")];
    "account.unclean-uploads = true of anonymous has no effect without tls": [DIRECTORY],
        [account!("permissions = 'write', unclean-uploads = true")], SELF_SIGNED;
    "account.allow-fxp = true of ann has no effect without": [DIRECTORY],
        [ann!("permissions = 'list', allow-fxp = true")];
    "account.allow-fxp = true of anonymous should not be used": [DIRECTORY],
        [account!("allow-fxp = true")];
    "account.allow-fxp = true of ann is overridden":
        [DIRECTORY, ann!("allow-fxp = true"), SELF_SIGNED],
        ["tls.require = 'data'", "tls.data-session = 'require'"];
    ":2:34: account.sessions of anonymous is overridden": [DIRECTORY],
        [account!("sessions = 3"), "limits.connections = 2"];
    "account.addresses of anonymous cannot be used with addresses.allow": [DIRECTORY],
        [account!("addresses = '10.0.0.0/8'"), "addresses.allow = '192.168.0.0/16'"];
    "account.addresses of anonymous cannot be used with addresses.deny": [DIRECTORY],
        [account!("addresses = '10.1.0.0/16'"), "addresses.deny = '10.0.0.0/8'"];
};
