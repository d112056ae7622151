//! The rows for keys of accounts; each is evaluated for each account.
//!
//! Data only: [`Row::find`] evaluates it, and `tests/samples.rs` has a sample for each row.

use super::rows::rows;
use super::terms::{TLS, allows_none, denies_all, terms};
use super::{Facts, Relation, Row, Term};
use crate::auth::Permissions;
use crate::net::DataSession;
use crate::session::TlsRequired;

terms! {
    MAY_STORE: "a permission to store", may_store;
    MAY_RETRIEVE: "the permission to retrieve", |f| may(f, Permissions::RETRIEVE);
    MAY_TRANSFER: "a permission to retrieve or store",
        |f| may(f, Permissions::RETRIEVE) || may_store(f);
    MAY_CREATE: "a permission to create",
        |f| may(f, Permissions::CREATE) || may(f, Permissions::MAKE_DIRECTORIES);
    FXP: "account.allow-fxp = true", |f| f.account(|account| account.allow_fxp);
    UNCLEAN: "account.unclean-uploads = true", |f| f.account(|account| account.unclean_uploads);
    NO_PASSWORD: "an account without a password", |f| f.account(|account| !account.is_personal());
    SAME_SESSION: "tls.require = \"data\" and tls.data-session = \"require\""
        | "--tls-require data and --tls-data-session require",
        |f| f.tls.policy.require == TlsRequired::Data && f.tls.data_session == DataSession::Require;
    FEWER_CONNECTIONS: "fewer limits.connections", |f| f.account(|account| {
        account.sessions.is_some_and(|sessions| sessions as usize > f.config.connections)
    });
    NOT_ALLOWED: "addresses.allow, which contains none of them", |f| f.account(|account| {
        !account.addresses.is_empty() && allows_none(f, &account.addresses)
    });
    DENIED: "addresses.deny, which contains all of them",
        |f| f.account(|account| denies_all(f, &account.addresses));
}

fn may(f: &Facts<'_>, permission: Permissions) -> bool {
    f.account(|account| account.permissions.contains(permission))
}

fn may_store(f: &Facts<'_>) -> bool {
    let stores = Permissions::CREATE | Permissions::OVERWRITE | Permissions::APPEND;
    f.account(|account| account.permissions.intersects(stores))
}

pub(super) const ACCOUNT_ROWS: &[Row] = rows! {
    "account.quota-bytes", "account.quota-files"
        NoEffectWithout [MAY_STORE], "it limits what the account stores";
    "account.rate-up" NoEffectWithout [MAY_STORE], "it applies to uploads";
    "account.rate-down" NoEffectWithout [MAY_RETRIEVE], "it applies to downloads";
    "account.umask" NoEffectWithout [MAY_CREATE], "it applies to new files and directories";
    UNCLEAN NoEffectWithout [MAY_STORE], "it applies to uploads";
    UNCLEAN NoEffectWithout [TLS], "it applies to uploads over TLS";
    FXP NoEffectWithout [MAY_TRANSFER], "it applies to transfers between servers";
    FXP DiscouragedWith [NO_PASSWORD], "any client could make this server connect to other hosts";
    FXP OverriddenBy [SAME_SESSION],
        "no other server can resume the TLS session of the control connection";
    "account.sessions" OverriddenBy [FEWER_CONNECTIONS],
        "that is the limit of all accounts together";
    "account.addresses" ConflictsWith [NOT_ALLOWED, DENIED],
        "the account could not log in from any address";
};
