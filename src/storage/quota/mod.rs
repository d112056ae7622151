//! Quotas: a storage that refuses to grow beyond the limits of its account, and what is known of the usage.
//!
//! [`QuotaStorage`] wraps another storage and charges a [`TreeUsage`], whose arithmetic is a ledger's; a
//! [`UsageCounter`] counts the files again, since other programs change them too. Only with the Cargo feature
//! `quotas`; nothing here knows accounts.

mod counter;
mod ledger;
mod metered;
mod tally;
mod usage;

pub use counter::UsageCounter;
pub use ledger::Quota;
pub use metered::QuotaStorage;
pub use usage::TreeUsage;
