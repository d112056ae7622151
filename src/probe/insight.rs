//! A probe for another part of the program: of the server at an address of this host, as any client meets it.
//!
//! It logs in as anonymous, if the server has that, and accepts any certificate: others examine it. It must
//! not know who asks.

use std::net::SocketAddr;
use std::time::Duration;

use super::finding::Severity;
use super::options::Options;
use super::probe;
use super::target::Target;
use crate::bench::url::ServerUrl;

/// What this server may take for each call.
const TIME_OUT: Duration = Duration::from_secs(3);

/// What all checks may take, but for the last of them.
const MAX_TIME: Duration = Duration::from_secs(60);

/// Without anonymous logins the checks behind a login are not made, which is no fault.
const OF_LOGIN: &str = "login";

/// A finding, in words.
pub(crate) struct Insight {
    pub(crate) severity: Severity,
    pub(crate) text: String,
    pub(crate) remedy: String,
}

/// What is wrong with the server, the worst first.
///
/// # Errors
/// In words, if there is no FTP server.
pub(crate) fn look_at(address: SocketAddr) -> Result<Vec<Insight>, String> {
    let options = Options {
        url: ServerUrl {
            host: address.ip().to_string(),
            port: address.port(),
            ..ServerUrl::default()
        },
        user: b"anonymous".to_vec(),
        password: b"doctor@localhost".to_vec(),
        is_insecure: true,
        ca: None,
        write: None,
        is_active: false,
        idle: None,
        timeout: TIME_OUT,
        max_time: MAX_TIME,
        is_json: false,
    };
    let report = probe(&Target::new(&options)?)?;
    let findings = report.sorted().into_iter();
    let findings = findings.filter(|finding| finding.id != OF_LOGIN);
    Ok(findings
        .map(|finding| {
            let key = finding
                .key
                .map_or_else(String::new, |key| format!(" Key: {key}."));
            Insight {
                severity: finding.severity,
                text: format!("{} [{}]", finding.what, finding.id),
                remedy: format!("{}{key}", finding.change),
            }
        })
        .collect())
}
