//! The rows for keys of accounts; each is evaluated for each account.
//!
//! Data only: [`Row::find`] evaluates it, and `tests/account_samples.rs` has a sample for each row.

use super::terms::{TLS, set, term};
use super::{Facts, Row, Term};
use crate::auth::Permissions;
use crate::net::DataSession;
use crate::session::TlsRequired;

const MAY_STORE: Term = term("account.permissions", "a permission to store", "", |f| {
    let stores = [
        Permissions::CREATE,
        Permissions::OVERWRITE,
        Permissions::APPEND,
    ];
    stores.into_iter().any(|one| may(f, one))
});

const MAY_TRANSFER: Term = term(
    "account.permissions",
    "a permission to retrieve or store",
    "",
    |f| may(f, Permissions::RETRIEVE) || (MAY_STORE.holds)(f),
);

const FXP: Term = term("account.allow-fxp", "account.allow-fxp = true", "", |f| {
    f.account(|account| account.allow_fxp)
});

const UNCLEAN: Term = term(
    "account.unclean-uploads",
    "account.unclean-uploads = true",
    "",
    |f| f.account(|account| account.unclean_uploads),
);

fn may(f: &Facts<'_>, permission: Permissions) -> bool {
    f.account(|account| account.permissions.contains(permission))
}

pub(super) const ACCOUNT_ROWS: &[Row] = &[
    Row::no_effect_without(
        set!("account.quota-bytes"),
        &[MAY_STORE],
        "it limits what the account stores",
    ),
    Row::no_effect_without(
        set!("account.quota-files"),
        &[MAY_STORE],
        "it limits what the account stores",
    ),
    Row::no_effect_without(
        set!("account.rate-up"),
        &[MAY_STORE],
        "it applies to uploads",
    ),
    Row::no_effect_without(
        set!("account.rate-down"),
        &[term(
            "account.permissions",
            "the permission to retrieve",
            "",
            |f| may(f, Permissions::RETRIEVE),
        )],
        "it applies to downloads",
    ),
    Row::no_effect_without(
        set!("account.umask"),
        &[term(
            "account.permissions",
            "a permission to create",
            "",
            |f| may(f, Permissions::CREATE) || may(f, Permissions::MAKE_DIRECTORIES),
        )],
        "it applies to new files and directories",
    ),
    Row::no_effect_without(UNCLEAN, &[MAY_STORE], "it applies to uploads"),
    Row::no_effect_without(UNCLEAN, &[TLS], "it applies to uploads over TLS"),
    Row::no_effect_without(
        FXP,
        &[MAY_TRANSFER],
        "it applies to transfers between servers",
    ),
    Row::discouraged_with(
        FXP,
        &[term("", "an account without a password", "", |f| {
            f.account(|account| !account.is_personal())
        })],
        "any client could make this server connect to other hosts",
    ),
    Row::overridden_by(
        FXP,
        &[term(
            "tls.data-session",
            "tls.require = \"data\" and tls.data-session = \"require\"",
            "--tls-require data and --tls-data-session require",
            |f| {
                f.tls.policy.require == TlsRequired::Data
                    && f.tls.data_session == DataSession::Require
            },
        )],
        "no other server can resume the TLS session of the control connection",
    ),
    Row::overridden_by(
        set!("account.sessions"),
        &[term(
            "limits.connections",
            "fewer limits.connections",
            "",
            |f| {
                // A host program may set more than a u32.
                let most = u32::try_from(f.config.connections).unwrap_or(u32::MAX);
                f.account(|account| account.sessions.is_some_and(|sessions| sessions > most))
            },
        )],
        "that is the limit of all accounts together",
    ),
    Row::conflicts(
        set!("account.addresses"),
        &[
            term(
                "addresses.allow",
                "addresses.allow, which contains none of them",
                "",
                |f| {
                    let allow = &f.config.addresses.allow;
                    !allow.is_empty()
                        && f.account(|account| {
                            let mut own = account.addresses.iter();
                            !account.addresses.is_empty()
                                && !own.any(|own| allow.iter().any(|one| one.overlaps(own)))
                        })
                },
            ),
            term(
                "addresses.deny",
                "addresses.deny, which contains all of them",
                "",
                |f| {
                    let deny = &f.config.addresses.deny;
                    f.account(|account| {
                        let mut own = account.addresses.iter();
                        !account.addresses.is_empty()
                            && own.all(|own| deny.iter().any(|one| one.covers(own)))
                    })
                },
            ),
        ],
        "the account could not log in from any address",
    ),
];
