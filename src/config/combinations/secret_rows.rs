//! The rows for the secret of an account: a hash, a password file or a PAM service. They are evaluated for
//! each account of the file, before its password file is read.
//!
//! An account without a secret would accept any password, so each account has exactly the one that its
//! name requires.

use super::terms::term;
use super::{Row, Term};
use crate::auth::{Account, is_anonymous};

const HASH: Term = term("account.password", "account.password = \"HASH\"", "", |f| {
    f.is_set("account.password")
});
const FILE: Term = term(
    "account.password-file",
    "account.password-file = \"FILE\"",
    "",
    |f| f.is_set("account.password-file"),
);
const PAM: Term = term("account.pam", "account.pam = \"SERVICE\"", "", |f| {
    f.is_set("account.pam")
});
const ANONYMOUS: Term = term("account.name", "an anonymous name", "", |f| {
    f.account(|account| is_anonymous(&account.name))
});
const WILDCARD: Term = term("account.name", "account.name = \"*\"", "", |f| {
    f.account(Account::is_catch_all)
});
const OTHER: Term = term("account.name", "account.name", "", |f| {
    f.account(|account| !is_anonymous(&account.name) && !account.is_catch_all())
});
const ACCEPTS_ANY: &str = "an anonymous account accepts any password";
const USERS_OF_PAM: &str = "this account stands for all users of PAM";
const ONE_SECRET: &str = "an account has one of them";

pub(super) const SECRET_ROWS: &[Row] = &[
    Row::conflicts(HASH, &[ANONYMOUS], ACCEPTS_ANY),
    Row::conflicts(FILE, &[ANONYMOUS], ACCEPTS_ANY),
    Row::conflicts(PAM, &[ANONYMOUS], ACCEPTS_ANY),
    Row::conflicts(HASH, &[WILDCARD], USERS_OF_PAM),
    Row::conflicts(FILE, &[WILDCARD], USERS_OF_PAM),
    Row::needs(WILDCARD, &[PAM], USERS_OF_PAM),
    Row::conflicts(HASH, &[FILE, PAM], ONE_SECRET),
    Row::conflicts(FILE, &[PAM], ONE_SECRET),
    Row::needs(
        OTHER,
        &[HASH, FILE, PAM],
        "only an anonymous account needs no password",
    ),
];
