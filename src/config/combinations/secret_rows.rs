//! The table for what proves who logs in to an account: it is asked of each account that the file has,
//! before its password is read.
//!
//! Without such a proof an account would be let in by any password, so each has the one that its name
//! asks for, and no other.

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
const ANONYMOUS: Term = term("account.name", "a name of anonymous clients", "", |f| {
    f.account(|account| is_anonymous(&account.name))
});
const EVERYBODY: Term = term("account.name", "account.name = \"*\"", "", |f| {
    f.account(Account::is_everybody)
});
const OTHER: Term = term("account.name", "account.name", "", |f| {
    f.account(|account| !is_anonymous(&account.name) && !account.is_everybody())
});
const TAKES_ANY: &str = "anonymous clients are let in by any password";
const ASKS_PAM: &str = "it is for all users whom PAM lets in";
const ONE_PROOF: &str = "an account has one of them";

pub(super) const SECRET_ROWS: &[Row] = &[
    Row::excludes(HASH, &[ANONYMOUS], TAKES_ANY),
    Row::excludes(FILE, &[ANONYMOUS], TAKES_ANY),
    Row::excludes(PAM, &[ANONYMOUS], TAKES_ANY),
    Row::excludes(HASH, &[EVERYBODY], ASKS_PAM),
    Row::excludes(FILE, &[EVERYBODY], ASKS_PAM),
    Row::needs(EVERYBODY, &[PAM], ASKS_PAM),
    Row::excludes(HASH, &[FILE, PAM], ONE_PROOF),
    Row::excludes(FILE, &[PAM], ONE_PROOF),
    Row::needs(
        OTHER,
        &[HASH, FILE, PAM],
        "only anonymous clients log in without a proof",
    ),
];
