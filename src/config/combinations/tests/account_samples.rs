//! A sample for each row for keys of accounts.

use super::samples::{DIRECTORY, SELF_SIGNED, Sample, sample};

/// An anonymous account with these keys.
macro_rules! account {
    ($more:literal) => {
        concat!("account = [{ name = 'anonymous', ", $more, " }]")
    };
}
pub(super) const ACCOUNT_SAMPLES: &[Sample] = &[
    sample(
        "account.quota-bytes of anonymous has no",
        &[DIRECTORY],
        &[account!("quota-bytes = 1")],
        "",
    ),
    sample(
        "account.quota-files of anonymous has no",
        &[DIRECTORY],
        &[account!("quota-files = 1")],
        "",
    ),
    sample(
        "account.rate-up of anonymous has no",
        &[DIRECTORY],
        &[account!("rate-up = 1")],
        "",
    ),
    sample(
        "account.rate-down of anonymous has no",
        &[DIRECTORY],
        &[account!("permissions = 'create', rate-down = 1")],
        "",
    ),
    sample(
        "account.umask of anonymous has no",
        &[DIRECTORY],
        &[account!("umask = '077'")],
        "",
    ),
    sample(
        "account.unclean-uploads = true of anonymous has no effect without a permission",
        &[DIRECTORY, SELF_SIGNED],
        &[account!("unclean-uploads = true")],
        "",
    ),
    sample(
        "account.unclean-uploads = true of anonymous has no effect without tls",
        &[DIRECTORY],
        &[account!("permissions = 'write', unclean-uploads = true")],
        SELF_SIGNED,
    ),
    sample(
        "account.allow-fxp = true of ann has no effect without",
        &[DIRECTORY],
        &[
            "account = [{ name = 'ann', password-file = 'secret', permissions = 'list', allow-fxp = true }]",
        ],
        "",
    ),
    sample(
        "account.allow-fxp = true of anonymous should not be used",
        &[DIRECTORY],
        &[account!("allow-fxp = true")],
        "",
    ),
    sample(
        "account.allow-fxp = true of ann is overridden",
        &[
            DIRECTORY,
            "account = [{ name = 'ann', password-file = 'secret', allow-fxp = true }]",
            SELF_SIGNED,
        ],
        &["tls.require = 'data'", "tls.data-session = 'require'"],
        "",
    ),
    sample(
        ":2:34: account.sessions of anonymous is overridden",
        &[DIRECTORY],
        &[account!("sessions = 3"), "limits.connections = 2"],
        "",
    ),
    sample(
        "account.addresses of anonymous cannot be used with addresses.allow",
        &[DIRECTORY],
        &[
            account!("addresses = '10.0.0.0/8'"),
            "addresses.allow = '192.168.0.0/16'",
        ],
        "",
    ),
    sample(
        "account.addresses of anonymous cannot be used with addresses.deny",
        &[DIRECTORY],
        &[
            account!("addresses = '10.1.0.0/16'"),
            "addresses.deny = '10.0.0.0/8'",
        ],
        "",
    ),
];
