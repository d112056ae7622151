//! The rows for keys of the server: directories, accounts and TLS.
//!
//! Data only: [`Row::find`] evaluates it, and `tests/samples.rs` has a sample for each row. Errors are
//! reported in the order of the rows.

use super::Row;
#[allow(clippy::wildcard_imports, reason = "the vocabulary of this table")]
use super::terms::*;

pub(super) const ROWS: &[Row] = &[
    // Options for accounts.
    Row::needs(WRITABLE, &[DIRECTORY], WITHOUT_DIRECTORY),
    Row::needs(USER, &[DIRECTORY], WITHOUT_DIRECTORY),
    Row::needs(ANONYMOUS_OPTION, &[DIRECTORY], WITHOUT_DIRECTORY),
    Row::needs(PASSWORD_FILE, &[USER], "it is the password of that account"),
    Row::needs(
        FXP_OPTION,
        &[USER],
        "it applies to that account; accounts in a file have account.allow-fxp",
    ),
    Row::needs(WRITABLE, &[ANONYMOUS], "it applies to anonymous clients"),
    Row::needs(
        USER,
        &[PASSWORD_FILE, PASSWORD_VARIABLE],
        "an account other than anonymous needs a password",
    ),
    Row::overridden_by(
        PASSWORD_VARIABLE,
        &[PASSWORD_FILE],
        "the file is read instead",
    ),
    Row::no_effect_without(
        PASSWORD_VARIABLE,
        &[USER],
        "it is the password of that account",
    ),
    Row::overridden_by(
        ACCOUNTS_SET,
        &[USER, ANONYMOUS_OPTION, WRITABLE],
        "accounts of the command line replace those of the file",
    ),
    // Directory and accounts.
    Row::needs(SERVED, &[ACCOUNT], "no client could log in"),
    Row::needs(ACCOUNTS_SET, &[DIRECTORY], WITHOUT_DIRECTORY),
    Row::no_effect_without(SERVED, &[ENABLED], "no client can log in"),
    Row::needs(
        GREETING,
        &[DIRECTORY],
        "without a directory the greeting is fixed",
    ),
    Row::needs(PAM, &[WORKERS], "a call to PAM blocks"),
    Row::discouraged_with(
        NO_WORKERS,
        &[HASHED],
        "each verification of a password would block all clients",
    ),
    // TLS.
    Row::needs(TLS, &[TLS_IN_BUILD], "this build has no TLS"),
    Row::needs(STATE, &[SELF_SIGNED], "it keeps the generated certificate"),
    Row::needs(
        NAMES,
        &[SELF_SIGNED],
        "they are the names of the generated certificate",
    ),
    Row::conflicts(
        SELF_SIGNED,
        &[CERTIFICATE_AND_KEY],
        "the server has one certificate, either from files or generated",
    ),
    Row::needs(
        CERTIFICATE,
        &[KEY],
        "a certificate is unusable without its private key",
    ),
    Row::needs(
        KEY,
        &[CERTIFICATE],
        "a key is unusable without its certificate",
    ),
    Row::needs(
        TLS,
        &[CERTIFICATE_AND_KEY, SELF_SIGNED],
        "TLS needs a server certificate",
    ),
    Row::needs(
        CLIENT_REQUIRED,
        &[AUTHORITY],
        "no client certificate could be verified",
    ),
    Row::needs(
        CLIENT_LOGIN,
        &[AUTHORITY],
        "no client certificate could be verified",
    ),
    Row::needs(
        CLIENT_REQUIRED,
        &[REQUIRE_CONTROL],
        "a client could log in without TLS, by its password and without a certificate",
    ),
    Row::needs(
        REQUIRE_LOGIN,
        &[NEEDS_PASSWORD],
        "it does not apply to anonymous logins; write \"control\" to require TLS for those too",
    ),
    Row::needs(TLS, &[DIRECTORY], "TLS protects logins and files"),
    Row::no_effect_without(
        AUTHORITY,
        &[CLIENT_REQUIRED, CLIENT_LOGIN],
        "a client certificate would be verified and not used",
    ),
    Row::no_effect_without(
        CLIENT_LOGIN,
        &[PERSONAL],
        "anonymous clients need no password",
    ),
];

const WITHOUT_DIRECTORY: &str = "without a directory only NOOP and QUIT are answered";

/// Keys that apply to files and logins.
macro_rules! unserved {
    ($($key:literal $(, $option:literal)?;)*) => {
        &[$(Row::no_effect_without(set!($key $(, $option)?), &[DIRECTORY], WITHOUT_DIRECTORY)),*]
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
