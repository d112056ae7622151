//! A sample for each row: a configuration that it matches, and a key that cures it.

/// The base of a configuration; a sample adds its own lines.
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
pub(super) const WRITER_TLS: &[&str] = &[DIRECTORY, ACCOUNT, SELF_SIGNED];
const ANN_TLS: &[&str] = &[DIRECTORY, ANN_ACCOUNT, SELF_SIGNED];
const ANN_AUTHORITY: &[&str] = &[DIRECTORY, ANN_ACCOUNT, SELF_SIGNED, AUTHORITY];
const WRITER_FILES: &[&str] = &[DIRECTORY, ACCOUNT, FILES];
const FILES: &str = "tls.certificate = '/etc/c'\ntls.key = '/etc/k'";
const ANN_ACCOUNT: &str =
    "account = [{ name = 'ann', password-file = 'secret', permissions = 'all' }]";
pub(super) const SELF_SIGNED: &str = "tls.self-signed = true";
pub(super) const AUTHORITY: &str = "tls.client-authority = 'ca'";

/// A configuration that one row matches.
pub(super) struct Sample {
    /// A part of the message.
    pub(super) message: &'static str,
    pub(super) base: &'static [&'static str],
    /// Without any of these the row does not match. An option begins with a dash; a variable is an option.
    pub(super) own: &'static [&'static str],
    /// With this line the row does not match either; empty: no line cures it.
    pub(super) cure: &'static str,
}

pub(super) const fn sample(
    message: &'static str,
    base: &'static [&'static str],
    own: &'static [&'static str],
    cure: &'static str,
) -> Sample {
    Sample {
        message,
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
        "--allow-fxp needs --user",
        WRITER,
        &["--allow-fxp"],
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
        ":5:5: tls.state-directory needs tls.self-signed = true",
        WRITER_FILES,
        &["tls.state-directory = 's'"],
        SELF_SIGNED,
    ),
    sample(
        ":5:5: tls.names needs tls.self-signed = true",
        WRITER_FILES,
        &["tls.names = 'n'"],
        SELF_SIGNED,
    ),
    sample(
        "tls.self-signed = true cannot be used with tls.certificate and tls.key",
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
        &[DIRECTORY, ACCOUNT, SELF_SIGNED, "tls.require = 'data'"],
        &["tls.client-required = true"],
        AUTHORITY,
    ),
    sample(
        "tls.client-login = true needs tls.client-authority",
        ANN_TLS,
        &["tls.client-login = true"],
        AUTHORITY,
    ),
    sample(
        ":5:5: tls.client-required = true needs tls.require = \"control\" or \"data\"",
        ANN_AUTHORITY,
        &["tls.client-required = true"],
        "tls.require = 'control'",
    ),
    sample(
        ":5:5: tls.client-required = true needs tls.require = \"control\" or \"data\"",
        ANN_AUTHORITY,
        &["tls.client-required = true\ntls.require = 'login'"],
        "",
    ),
    sample(
        "tls.require = \"login\" needs an account with a password",
        WRITER_TLS,
        &["tls.require = 'login'"],
        "",
    ),
    sample(
        "tls.client-authority = \"FILE\" has no effect without tls.client-required = true, or",
        ANN_TLS,
        &[AUTHORITY],
        "tls.client-login = true",
    ),
    sample(
        "tls.client-login = true has no effect without an account",
        &[DIRECTORY, ACCOUNT, SELF_SIGNED, AUTHORITY],
        &["tls.client-login = true"],
        "",
    ),
    sample(
        "directory has no effect without an account that is enabled",
        &[],
        &[
            DIRECTORY,
            "account = [{ name = 'anonymous', enabled = false }]",
        ],
        "",
    ),
];

pub(super) const HASHED: &[&str] = &[DIRECTORY, HASHED_ACCOUNT];
pub(super) const HASHED_ACCOUNT: &str = "account = [{ name = 'ann', permissions = 'all', \
     password = '$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW' }]";
