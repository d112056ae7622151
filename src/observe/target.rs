//! The targets of log records that have room of their own on the way to the log, so that a flood of
//! routine lines cannot take their place. Everything else is logged under the path of its module.
//!
//! They are printed as they are here, and filters match them: changing one breaks those.

/// Logins that failed and succeeded, bans, refused addresses, failures of TLS.
pub const SECURITY: &str = "mioftpd::security";

/// What was changed, transferred or refused.
pub const AUDIT: &str = "mioftpd::audit";
