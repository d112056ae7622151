//! The table for keys of the whole server that are about what is served, to whom, and about TLS. Mistakes
//! are said in this order.

use super::Row;
#[allow(clippy::wildcard_imports, reason = "they are the words of this table")]
use super::terms::*;

pub(super) const ROWS: &[Row] = &[
    // What was typed about accounts.
    Row::needs(WRITABLE, &[DIRECTORY], "only NOOP and QUIT are answered"),
    Row::needs(USER, &[DIRECTORY], "only NOOP and QUIT are answered"),
    Row::needs(
        ANONYMOUS_OPTION,
        &[DIRECTORY],
        "only NOOP and QUIT are answered",
    ),
    Row::needs(PASSWORD_FILE, &[USER], "it is the password of that account"),
    Row::needs(
        FXP_OPTION,
        &[USER],
        "it is for that account; others have account.allow-fxp in a file",
    ),
    Row::needs(
        WRITABLE,
        &[ANONYMOUS],
        "it is what anonymous clients may do",
    ),
    Row::needs(
        USER,
        &[PASSWORD_FILE, PASSWORD_VARIABLE],
        "an account other than anonymous has a password",
    ),
    Row::idle_beside(
        PASSWORD_VARIABLE,
        &[PASSWORD_FILE],
        "the file is read instead",
    ),
    Row::idle_without(
        PASSWORD_VARIABLE,
        &[USER],
        "it is the password of that account",
    ),
    Row::idle_beside(
        ACCOUNTS_SET,
        &[USER, ANONYMOUS_OPTION, WRITABLE],
        "accounts of the command line replace those of the file",
    ),
    // What is served, and to whom.
    Row::needs(SERVED, &[ACCOUNT], "no client could log in"),
    Row::needs(
        ACCOUNTS_SET,
        &[DIRECTORY],
        "without one only NOOP and QUIT are answered",
    ),
    Row::idle_without(SERVED, &[ENABLED], "no client can log in"),
    Row::needs(GREETING, &[DIRECTORY], "without one the words are fixed"),
    Row::needs(PAM, &[WORKERS], "PAM makes its callers wait"),
    Row::unwise_beside(
        NO_WORKERS,
        &[HASHED],
        "each verification of a password keeps all clients waiting",
    ),
    // TLS.
    Row::needs(TLS, &[TLS_IN_BUILD], "this one has no TLS"),
    Row::needs(
        STATE,
        &[SELF_SIGNED],
        "it keeps the certificate that is made here",
    ),
    Row::needs(
        NAMES,
        &[SELF_SIGNED],
        "they are those of the certificate that is made here",
    ),
    Row::excludes(
        SELF_SIGNED,
        &[CERTIFICATE_AND_KEY],
        "there is one certificate, of files or made here",
    ),
    Row::needs(
        CERTIFICATE,
        &[KEY],
        "a certificate is of no use without its private key",
    ),
    Row::needs(
        KEY,
        &[CERTIFICATE],
        "a key is of no use without its certificate",
    ),
    Row::needs(
        TLS,
        &[CERTIFICATE_AND_KEY, SELF_SIGNED],
        "the server has to prove itself",
    ),
    Row::needs(
        CLIENT_REQUIRED,
        &[AUTHORITY],
        "no certificate of a client could be verified",
    ),
    Row::needs(
        CLIENT_LOGIN,
        &[AUTHORITY],
        "no certificate of a client could be verified",
    ),
    Row::needs(
        CLIENT_REQUIRED,
        &[REQUIRE_CONTROL],
        "without TLS a client shows no certificate, and logs in by its password",
    ),
    Row::needs(
        REQUIRE_LOGIN,
        &[NEEDS_PASSWORD],
        "it refuses no login of anonymous clients; write \"control\" to refuse those too",
    ),
    Row::needs(TLS, &[DIRECTORY], "TLS is for logins and files"),
    Row::idle_without(
        AUTHORITY,
        &[CLIENT_REQUIRED, CLIENT_LOGIN],
        "clients may show a certificate, and nothing depends on it",
    ),
    Row::idle_without(
        CLIENT_LOGIN,
        &[PERSONAL],
        "anonymous clients need no password",
    ),
];

const WITHOUT_FILES: &str = "without one only NOOP and QUIT are answered";

/// Keys that are about files and logins.
macro_rules! unserved {
    ($($key:literal $(, $option:literal)?;)*) => {
        &[$(Row::idle_without(set!($key $(, $option)?), &[DIRECTORY], WITHOUT_FILES)),*]
    };
}

pub(super) const UNSERVED: &[Row] = unserved! {
    "workers", "--workers";
    "umask", "--umask";
    "time-zone", "--time-zone";
    "time-fractions";
    "charset", "--charset";
    "allow-combine", "--allow-combine";
    "log.transfers";
    "log.transfers-json";
    "events.command";
    "events.socket";
    "active.from-default-port";
    "passive.ports", "--passive-ports";
    "passive.address", "--passive-address";
    "passive.address-by-network";
    "throttling.failures";
    "throttling.window";
    "throttling.ban";
    "throttling.longest-penalty";
    "timings.penalty";
    "timings.data-connect";
    "timings.data-stall";
    "storage.durability";
    "storage.free-space-floor";
    "storage.remove-unfinished";
    "storage.recount";
};
