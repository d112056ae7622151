//! Checks that this build has the Cargo features that a configuration needs.
//!
//! Nothing that the operator has configured is left out silently. TLS, PAM and hashed passwords check for
//! themselves, where their files and hashes are read.

use super::{counters, status, trace_file};
use crate::config::Config;
use crate::net::LOOKS_UP_NAMES;
use crate::observe;

/// The feature that is missing; the first one, if there are several.
pub(super) fn check(config: &Config) -> Result<(), String> {
    let limited = |keys: &[Option<u64>]| keys.iter().any(Option::is_some);
    let mut accounts = config.accounts.iter();
    let needs = [
        (
            observe::IS_BUILT_IN || config.transfer_logs.is_empty(),
            "log.xferlog, log.transfer-json and log.audit-json: this build writes no records",
            "records",
        ),
        (
            observe::IS_BUILT_IN || !config.events.is_configured(),
            "events: this build sends no events of uploads",
            "records",
        ),
        (
            trace_file::IS_BUILT_IN || config.trace.is_none(),
            "trace: this build records no trace",
            "status",
        ),
        (
            trace_file::IS_BUILT_IN || config.slow.is_none(),
            "log.slow: this build takes no times",
            "status",
        ),
        (
            LOOKS_UP_NAMES || !config.has_names(),
            "passive address: this build looks up no names; use an IPv4 address",
            "resolver",
        ),
        (
            counters::IS_BUILT_IN
                || !accounts.any(|account| limited(&[account.quota_bytes, account.quota_files])),
            "account.quota-bytes and account.quota-files: this build has no quotas",
            "quotas",
        ),
        (
            status::IS_BUILT_IN || config.status.listen.is_empty(),
            "status.listen: this build has no status service",
            "status",
        ),
    ];
    match needs.into_iter().find(|(is_met, ..)| !is_met) {
        Some((_, what, feature)) => Err(format!("{what}, or build it with --features {feature}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Account, Accounts};
    use crate::observe::{TransferLog, TransferLogFormat};

    /// In this build, whichever it is.
    #[track_caller]
    fn assert_needs(config: &Config, is_built_in: bool, feature: &str) {
        match check(config) {
            Ok(()) => assert!(is_built_in),
            Err(why) => {
                assert!(!is_built_in, "{why}");
                assert!(why.ends_with(&format!("--features {feature}")), "{why}");
            }
        }
    }

    #[test]
    fn each_setting_is_refused_without_its_feature() {
        assert_eq!(check(&Config::default()), Ok(()));
        let log = TransferLog {
            file: "/f".into(),
            format: TransferLogFormat::Json,
        };
        let logs = Config {
            transfer_logs: vec![log],
            ..Config::default()
        };
        assert_needs(&logs, cfg!(feature = "records"), "records");
        let mut events = Config::default();
        events.events.socket = Some("/s".into());
        assert_needs(&events, cfg!(feature = "records"), "records");
        let trace = Config {
            trace: Some("/f".into()),
            ..Config::default()
        };
        assert_needs(&trace, cfg!(feature = "status"), "status");
        let slow = Config {
            slow: Some(std::time::Duration::from_millis(5)),
            ..Config::default()
        };
        assert_needs(&slow, cfg!(feature = "status"), "status");
        let name = Config {
            passive_address: Some("ftp.example.com".parse().unwrap()),
            ..Config::default()
        };
        assert_needs(&name, cfg!(feature = "resolver"), "resolver");
        let mut status = Config::default();
        status.status.listen = vec!["127.0.0.1:0".parse().unwrap()];
        assert_needs(&status, cfg!(feature = "status"), "status");
        let mut account = Account::with_password("ann", "secret");
        account.quota_files = Some(1);
        let quota = Config {
            accounts: Accounts::new().with(account),
            ..Config::default()
        };
        assert_needs(&quota, cfg!(feature = "quotas"), "quotas");
    }
}
