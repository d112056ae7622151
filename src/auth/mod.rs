//! Who may log in, and what they may do then.
//!
//! [`Accounts`] is everybody whom the server knows; [`Account`] is what one of them may do, from
//! where and until when; [`Secret`] what proves that it is they. A password that has to be hashed
//! takes long: [`Accounts::check`] gives a [`Verification`] then, to be run where one may wait.
//! Nothing here knows sessions: counting failures and delaying the answer is theirs.

mod account;
mod accounts;
mod cidr;
#[cfg_attr(not(feature = "hashed-passwords"), path = "no_hash.rs")]
mod hash;
mod password;
mod secret;

pub use account::{Account, is_anonymous};
pub use accounts::{Accounts, Check, Denial, Guest, Verification};
pub use cidr::{Cidr, NotCidr};
pub use hash::{IS_BUILT_IN, hash_password};
pub use password::{Credentials, Password};
pub use secret::{BadHash, Secret};

pub use crate::protocol::permissions::{Permissions, UnknownPermission};
