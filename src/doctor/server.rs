//! What answers at an address of the configuration: the greeting, if it is an FTP server.
//!
//! Then the server is probed from inside, as `mioftpd probe` does from anywhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use super::report::{Level, Report};
use crate::probe::{Insight, Severity, look_at};
use crate::timed_read::read_within;

const TOPIC: &str = "probe";

/// How long to wait for the connection, and for the greeting.
const PATIENCE: Duration = Duration::from_secs(2);

/// The most that is read of a greeting.
const GREETING_BYTES: usize = 512;

/// What a probe finds on the server at this address.
pub(super) fn probed(report: &mut Report, address: SocketAddr) {
    match look_at(reachable(address)) {
        Err(why) => report.add(Level::Warning, TOPIC, format!("{address}: {why}"), ""),
        Ok(insights) if insights.is_empty() => {
            report.ok(
                TOPIC,
                format!("{address}: clients meet nothing that is wrong"),
            );
        }
        Ok(insights) => {
            for Insight {
                severity,
                text,
                remedy,
            } in insights
            {
                let level = match severity {
                    Severity::Note => Level::Note,
                    Severity::Warning => Level::Warning,
                    Severity::Error => Level::Error,
                };
                report.add(level, TOPIC, format!("{address}: {text}"), remedy);
            }
        }
    }
}

/// A clause with the first line of the greeting, or with its lack.
pub(super) fn greeting(address: SocketAddr) -> String {
    match first_line(reachable(address)) {
        Some(line) => format!("; it answers \"{}\"", line.trim_end().escape_debug()),
        None => "; no greeting of an FTP server came".to_owned(),
    }
}

/// The address at which a server that listens at this one is reached from this host.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn first_line(address: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    let is_line = |bytes: &[u8]| bytes.contains(&b'\n');
    let bytes = read_within(&mut stream, PATIENCE, GREETING_BYTES, is_line).ok()?;
    let line = bytes
        .split(|&byte| byte == b'\n')
        .next()
        .unwrap_or_default();
    let line = String::from_utf8_lossy(line).into_owned();
    line.starts_with(|first: char| first.is_ascii_digit())
        .then_some(line)
}
