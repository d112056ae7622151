//! Who may log in, and what they may do then.
//!
//! [`Accounts`] is everybody whom the server knows; [`Account`] is what one of them may do, from
//! where and until when; [`Secret`] what proves that it is they. A password that has to be hashed
//! takes long: [`Accounts::check`] gives a [`Verification`] then, to be run where one may wait.
//! [`Throttle`] remembers which addresses have failed to log in. Nothing here knows sessions: it
//! says how many failures there were, and delaying the answer is theirs.

mod account;
mod accounts;
mod address_table;
mod denial;
#[cfg_attr(not(feature = "hashed-passwords"), path = "no_hash.rs")]
mod hash;
#[cfg_attr(not(feature = "pam"), path = "no_pam.rs")]
pub(crate) mod pam;
mod password;
mod revocation;
mod secret;
mod service;
mod throttle;
mod token_bucket;
mod verification;

pub use account::{Account, EVERYBODY, is_anonymous};
pub use accounts::{Accounts, AuthenticatedUser, Check};
pub use address_table::ClientPrefix;
pub use denial::{Denial, Refusal};
pub use hash::{IS_BUILT_IN, hash_password};
pub use password::{Credentials, Password};
pub use revocation::{ProvenBy, Revocation, RevokedSessions};
pub use secret::{BadHash, Secret};
pub use service::{BadService, Service};
pub use throttle::{Penalty, Throttle, Unwelcome};
pub use token_bucket::{Counted, TokenBucket};
pub use verification::{Verification, Verified};

pub use crate::protocol::cidr::{Cidr, CidrError};
pub use crate::protocol::permissions::{Permissions, UnknownPermission};
