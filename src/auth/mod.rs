//! Authentication: accounts, their secrets, and the limits on failed logins.
//!
//! The account table is [`Accounts`]; an [`Account`] holds rights, limits and conditions of login; a
//! [`Secret`] is what a password is checked against. [`Accounts::check`] verifies credentials and returns a
//! [`Verification`] where that blocks (a hash, PAM), to be run on a worker thread. [`Throttle`] counts failed
//! logins and connections per client address. No code here knows sessions: it reports the number of
//! failures, and the session delays its reply.

mod account;
mod accounts;
mod address_table;
#[cfg(feature = "hashed-passwords")]
mod argon2id;
mod denial;
#[cfg_attr(not(feature = "hashed-passwords"), path = "no_hash.rs")]
mod hash;
mod hash_error;
#[cfg_attr(not(feature = "pam"), path = "no_pam.rs")]
pub(crate) mod pam;
mod password;
mod revocation;
mod secret;
mod service;
mod throttle;
mod token_bucket;
mod verification;

pub use account::{Account, CATCH_ALL, is_anonymous};
pub use accounts::{Accounts, AuthenticatedUser, Check};
pub use address_table::ClientPrefix;
pub use denial::{Denial, LoginFailure};
pub use hash::{IS_BUILT_IN, hash_bytes, hash_password, hash_within};
pub use hash_error::{HashError, HashScheme, USUAL_HASH_BYTES};
pub use password::{LoginCredentials, Password};
#[cfg(test)]
pub(crate) use revocation::EVERY_REVOCATION;
pub use revocation::{ProvenBy, Revocation, RevokedSessions};
pub use secret::Secret;
pub use service::{PamService, ServiceNameError};
pub use throttle::{Penalty, Throttle, ThrottleError};
pub use token_bucket::{LogRateLimiter, TokenBucket};
pub use verification::{Verification, Verified};

pub use crate::protocol::cidr::{Cidr, CidrError};
pub use crate::protocol::permissions::{Permissions, UnknownPermission};
