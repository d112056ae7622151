//! Log targets with a queue of their own in the logger, so that a flood of routine messages does not displace
//! theirs. All other messages have the path of their module as the target.
//!
//! The targets are in the log lines, and filters such as that of fail2ban match them: do not change them.

/// Failed and successful logins, bans, refused addresses, TLS failures.
pub const SECURITY: &str = "mioftpd::security";

/// Changes, transfers and refused commands.
pub const AUDIT: &str = "mioftpd::audit";
