//! The rows for keys of the server.
//!
//! Data only: [`Row::find`] evaluates it, and `tests/samples.rs` has a sample for each row. Errors are
//! reported in the order of the rows.

#[allow(clippy::wildcard_imports, reason = "the vocabulary of this table")]
use super::terms::*;
use super::{Relation, Row, Term};

/// `WHEN, ... Relation [TERM, ...], REASON;` is a [`Row`] for each `WHEN`: a [`Term`], or a key, which holds
/// if it is set.
macro_rules! rows {
    ($($($when:tt),+ $relation:ident $terms:tt, $reason:expr;)*) => {
        &[$($(Row {
            when: $crate::config::combinations::rows::rows!(@when $when),
            relation: Relation::$relation,
            terms: &$terms,
            reason: $reason,
        }),+),*]
    };
    (@when $key:literal) => { Term::set($key) };
    (@when $term:ident) => { $term };
}
pub(super) use rows;

const WITHOUT_DIRECTORY: &str = "without a directory only NOOP and QUIT are answered";
const NO_LIMIT: &str = "an interval of zero disables the limit";
const NOT_VERIFIED: &str = "no client certificate could be verified";

pub(super) const ROWS: &[Row] = rows! {
    // Options for accounts.
    WRITABLE, USER, ANONYMOUS_OPTION Needs [DIRECTORY], WITHOUT_DIRECTORY;
    PASSWORD_FILE Needs [USER], "it is the password of that account";
    FXP_OPTION Needs [USER],
        "it applies to that account; accounts in a file have account.allow-fxp";
    WRITABLE Needs [ANONYMOUS], "it applies to anonymous clients";
    USER Needs [PASSWORD_FILE, PASSWORD_VARIABLE],
        "an account other than anonymous needs a password";
    PASSWORD_VARIABLE OverriddenBy [PASSWORD_FILE], "the file is read instead";
    PASSWORD_VARIABLE NoEffectWithout [USER], "it is the password of that account";
    "account" OverriddenBy [USER, ANONYMOUS_OPTION, WRITABLE],
        "accounts of the command line replace those of the file";

    TRACE_NAMES Needs [TRACE], "they are recorded there";
    INETD ConflictsWith [DAEMON, PID_FILE],
        "inetd starts a process for each connection, and waits for it";

    // Directory and accounts.
    SERVED Needs [ACCOUNT], "no client could log in";
    "account" Needs [DIRECTORY], WITHOUT_DIRECTORY;
    SERVED NoEffectWithout [ENABLED], "no client can log in";
    GREETING Needs [DIRECTORY], "without a directory the greeting is fixed";
    PAM Needs [WORKERS], "a call to PAM blocks";
    NO_WORKERS DiscouragedWith [HASHED], "each verification of a password would block all clients";

    // TLS.
    TLS Needs [TLS_IN_BUILD], "this build has no TLS";
    STATE Needs [SELF_SIGNED], "it keeps the generated certificate";
    NAMES Needs [SELF_SIGNED], "they are the names of the generated certificate";
    SELF_SIGNED ConflictsWith [CERTIFICATE_AND_KEY],
        "the server has one certificate, either from files or generated";
    CERTIFICATE Needs [KEY], "a certificate is unusable without its private key";
    KEY Needs [CERTIFICATE], "a key is unusable without its certificate";
    TLS Needs [CERTIFICATE_AND_KEY, SELF_SIGNED], "TLS needs a server certificate";
    CLIENT_REQUIRED, CLIENT_LOGIN Needs [AUTHORITY], NOT_VERIFIED;
    CLIENT_REQUIRED Needs [REQUIRE_CONTROL],
        "a client could log in without TLS, by its password and without a certificate";
    REQUIRE_LOGIN Needs [NEEDS_PASSWORD],
        "it does not apply to anonymous logins; write \"control\" to require TLS for those too";
    TLS Needs [DIRECTORY], "TLS protects logins and files";
    AUTHORITY NoEffectWithout [CLIENT_REQUIRED, CLIENT_LOGIN],
        "a client certificate would be verified and not used";
    CLIENT_LOGIN NoEffectWithout [PERSONAL], "anonymous clients need no password";

    // Events and logs.
    DIGEST NoEffectWithout [COMMAND, SOCKET], "only events report it";
    "events.at-once" NoEffectWithout [COMMAND], "it limits the number of running commands";
    "events.time" NoEffectWithout [COMMAND], "it limits the run time of the command";
    "log.transfers-json" ConflictsWith [SAME_LOG], "the file would mix two formats";

    // Addresses and ports.
    LISTEN ConflictsWith [LISTEN_OVERLAPS], "one process cannot bind both";
    TLS_LISTEN ConflictsWith [TLS_LISTEN_OVERLAPS], "one process cannot bind both";
    LISTEN ConflictsWith [LISTEN_NOT_UNICAST], "no client can connect to it";
    TLS_LISTEN ConflictsWith [TLS_LISTEN_NOT_UNICAST], "no client can connect to it";
    "passive.address" DiscouragedWith [PASSIVE_LOOPBACK],
        "only clients on this host can connect to it";
    ALLOW ConflictsWith [DENY_ALL], "no client could connect";
    DENY ConflictsWith [DENY_EVERYWHERE], "no client could connect";
    DENY OverriddenBy [DENY_NONE_ALLOWED], "those clients are not allowed anyway";
    PROXIES_EVERYWHERE ConflictsWith [ALLOW, DENY], "any client could claim another address";
    PASSIVE_FOR_PRIVATE NoEffectWithout [PASSIVE_ADDRESS],
        "it selects the clients that get that address";
    "passive.ports" OverriddenBy [LISTEN_IN_PASSIVE],
        "that port is not available for data connections";
    DEFAULT_DATA_PORT OverriddenBy [DEFAULT_DATA_PORT_LISTENED],
        "a port with a listener cannot be the source of a connection";
    DEFAULT_DATA_PORT DiscouragedWith [DEFAULT_DATA_PORT_PASSIVE],
        "while a passive listener uses that port, active data connections come from another one";
    "passive.address-by-network" OverriddenBy [PASSIVE_NETWORK_COVERED],
        "the first network that contains the client applies";
    "passive.address" OverriddenBy [PASSIVE_EVERYWHERE], "PASV is for IPv4 only";
    UNCLEAN_UPLOADS DiscouragedWith [UNCLEAN_EVERYWHERE],
        "a truncated upload of any client would count as complete";
    UNCLEAN_UPLOADS OverriddenBy [UNCLEAN_NOT_ALLOWED], "those clients may not connect";

    // The status service.
    STATUS_LISTEN ConflictsWith [STATUS_OVERLAPS, STATUS_TWICE], "one process cannot bind both";
    STATUS_REMOTE Needs [STATUS_PUBLIC],
        "whoever connects there sees the names of accounts, files and clients";
    "status.hosts", "status.connections", "status.mode", "status.group", STATUS_PUBLIC
        NoEffectWithout [STATUS_LISTEN], "there is no status service";

    // Limits and time-outs.
    "limits.connections-per-address" OverriddenBy [FEWER_CONNECTIONS],
        "that is the limit of all addresses together";
    "throttling.connection-burst" OverriddenBy [NO_CONNECTION_INTERVAL], NO_LIMIT;
    "throttling.command-burst" OverriddenBy [NO_COMMAND_INTERVAL], NO_LIMIT;
    PENALTY ConflictsWith [NO_LONGEST_PENALTY], "failed logins would not be delayed";
    "timings.penalty" OverriddenBy [SHORT_LOGIN],
        "the login time-out ends before the delay of a failed login";

    // Storage.
    "storage.durability", "storage.free-space-floor", "storage.replace", "storage.remove-unfinished",
        UNCLEAN_UPLOADS, COMMAND, SOCKET, "umask", COMBINE NoEffectWithout [WRITER], "nothing is stored";
    "storage.recount" NoEffectWithout [QUOTA], "only directories with a quota are counted";
    REOPEN DiscouragedWith [BELOW_SLASH],
        "the sandbox then allows the server every file; serve a directory further down";

    // Secrets and logs below a served directory.
    KEY DiscouragedWith [KEY_SERVED], "clients may read the private key";
    STATE DiscouragedWith [STATE_SERVED], "clients may read the private key";
    SOURCES DiscouragedWith [SOURCES_SERVED], "clients may read it";
    LOGS DiscouragedWith [LOGS_SERVED], "clients may read or change it";

    // Keys that apply to files and logins.
    "workers", "umask", "time-zone", "time-fractions", "charset", "allow-combine", "log.transfers",
        "log.transfers-json", "events.command", "events.socket", "active.from-default-port",
        "passive.ports", "passive.address", "passive.address-by-network", "throttling.failures",
        "throttling.window", "throttling.ban", "throttling.longest-penalty", "timings.penalty",
        "timings.data-connect", "timings.data-stall", "storage.durability",
        "storage.free-space-floor", "storage.replace", "storage.remove-unfinished",
        "storage.recount", "storage.reopen"
        NoEffectWithout [DIRECTORY], WITHOUT_DIRECTORY;
};
