//! Pages for operators, in addition to the README.
//!
//! For readers of the code there is the [book](crate::book). This module has no code. Each page is a Markdown
//! file in this directory. It includes the files that an operator installs; tests use the same files.
//!
//! - [`accounts`]: users, permissions, password hashes, PAM, limits of an account.
//! - [`boards`]: profiles, features and memory for small boards, and a drop box for cameras.
//! - [`systemd`]: a service unit, socket activation, the watchdog.
//! - [`init`]: in the background, inetd, syslog, and scripts for systems without systemd.
//! - [`fail2ban`]: a filter and a jail for failed logins.
//! - [`logrotate`]: rotation of the server's log files.
//! - [`devices`]: exceptions for cameras, scanners and old clients.
//! - [`doctor`]: what will hurt on this host, before and while the server runs.
//! - [`latency`]: how to measure it, with `mioftpd bench`, and what the numbers say.
//! - [`limits`]: what the server cannot do, and why.
//! - [`trace`]: what the event loop does, for Perfetto, and a log of what is slow.
//! - [`performance`]: where the time of a command and of a transfer goes.
//! - [`probe`]: what is wrong with an FTP server as its clients see it, any server.
//! - [`proxy`]: `HAProxy` and other TCP proxies in front of the server.
//! - [`status`]: what the server does, as a page, for Prometheus, and in a shell.

#[doc = include_str!("accounts.md")]
pub mod accounts {}

#[doc = include_str!("boards.md")]
#[doc = "```toml"]
#[doc = include_str!("camera.toml")]
#[doc = "```"]
pub mod boards {}

#[doc = include_str!("devices.md")]
pub mod devices {}

#[doc = include_str!("doctor.md")]
pub mod doctor {}

#[doc = include_str!("fail2ban.md")]
#[doc = "```text"]
#[doc = include_str!("fail2ban.conf")]
#[doc = "```"]
#[doc = "The jail:"]
#[doc = "```text"]
#[doc = include_str!("jail.conf")]
#[doc = "```"]
pub mod fail2ban {}

#[doc = include_str!("init.md")]
#[doc = "The init script, for BusyBox init and others:"]
#[doc = "```text"]
#[doc = include_str!("init/sysv.sh")]
#[doc = "```"]
#[doc = "OpenWrt's procd:"]
#[doc = "```text"]
#[doc = include_str!("init/procd.sh")]
#[doc = "```"]
#[doc = "runit:"]
#[doc = "```text"]
#[doc = include_str!("init/runit.sh")]
#[doc = "```"]
#[doc = "s6:"]
#[doc = "```text"]
#[doc = include_str!("init/s6.sh")]
#[doc = "```"]
#[doc = "A package of Buildroot in an external tree named `DEVICE`, `package/mioftpd/Config.in`:"]
#[doc = "```text"]
#[doc = include_str!("init/Config.in")]
#[doc = "```"]
#[doc = "and `package/mioftpd/mioftpd.mk`:"]
#[doc = "```text"]
#[doc = include_str!("init/buildroot.mk")]
#[doc = "```"]
#[doc = "A package of OpenWrt, `package/mioftpd/Makefile`:"]
#[doc = "```text"]
#[doc = include_str!("init/openwrt.mk")]
#[doc = "```"]
pub mod init {}

#[doc = include_str!("latency.md")]
pub mod latency {}

#[doc = include_str!("limits.md")]
pub mod limits {}

#[doc = include_str!("logrotate.md")]
#[doc = "```text"]
#[doc = include_str!("logrotate.conf")]
#[doc = "```"]
pub mod logrotate {}

#[doc = include_str!("performance.md")]
pub mod performance {}

#[doc = include_str!("probe.md")]
pub mod probe {}

#[doc = include_str!("proxy.md")]
pub mod proxy {}

#[doc = include_str!("status.md")]
#[doc = "```yaml"]
#[doc = include_str!("status/alerts.yml")]
#[doc = "```"]
pub mod status {}

#[doc = include_str!("systemd.md")]
pub mod systemd {}

#[doc = include_str!("trace.md")]
#[doc = "# The picture"]
#[doc = include_str!("trace.svg")]
pub mod trace {}
