//! The rows for the secret of an account: a hash, a password file, a shadow file or a PAM service. They are
//! evaluated for each account of the file, before its password file is read.
//!
//! An account without a secret would accept any password, so each account has exactly the one that its
//! name requires.

use super::rows::rows;
use super::terms::terms;
use super::{Relation, Row, Term};
use crate::auth::{Account, is_anonymous};

terms! {
    HASH: "account.password = \"HASH\"";
    FILE: "account.password-file = \"FILE\"";
    SHADOW: "account.shadow = \"FILE\"";
    PAM: "account.pam = \"SERVICE\"";
    ANONYMOUS: "an anonymous name", |f| f.account(|account| is_anonymous(&account.name));
    WILDCARD: "account.name = \"*\"", |f| f.account(Account::is_catch_all);
    OTHER: "account.name",
        |f| f.account(|account| !is_anonymous(&account.name) && !account.is_catch_all());
}

const USERS_OF_PAM: &str = "this account stands for all users of PAM";

pub(super) const SECRET_ROWS: &[Row] = rows! {
    HASH, FILE, SHADOW, PAM ConflictsWith [ANONYMOUS], "an anonymous account accepts any password";
    HASH, FILE, SHADOW ConflictsWith [WILDCARD], USERS_OF_PAM;
    WILDCARD Needs [PAM], USERS_OF_PAM;
    HASH ConflictsWith [FILE, SHADOW, PAM], "an account has one of them";
    FILE ConflictsWith [SHADOW, PAM], "an account has one of them";
    SHADOW ConflictsWith [PAM], "an account has one of them";
    OTHER Needs [HASH, FILE, SHADOW, PAM], "only an anonymous account needs no password";
};
