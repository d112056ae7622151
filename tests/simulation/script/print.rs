//! Prints a scenario as a script.

use std::fmt::Write as _;
use std::time::Duration;

use mioftpd::Permissions;

use super::fault_plan::differing;
use crate::client::{Behaviour, Command, CommandKind, Group, Profile};
use crate::reload::{Reload, Revocation};
use crate::scenario::{ClientPlan, Scenario, Stop};
use crate::world::ClientPort;

pub(crate) fn print(scenario: &Scenario) -> String {
    let mut lines = vec![
        format!("seed {}", scenario.seed),
        format!("rng {:x}", scenario.rng_state),
        format!("inspection {:x}", scenario.inspection),
    ];
    let fault_plan = differing(&scenario.fault_plan).into_iter();
    lines.extend(fault_plan.map(|(key, number, _)| format!("fault {key} {number}")));
    lines.extend(scenario.stop.map(stop));
    lines.extend(scenario.reload.as_ref().map(reload));
    if let Some(port_stealer) = scenario.port_stealer {
        lines.push(format!(
            "port-stealer {} {:x}",
            port_stealer.number, port_stealer.rng_state
        ));
    }
    lines.extend(scenario.clients.iter().flat_map(client));
    lines.join("\n") + "\n"
}

fn stop(stop: Stop) -> String {
    let again = stop.second.map(again).unwrap_or_default();
    format!("stop {}{again}", micros(stop.first))
}

fn again(after: Duration) -> String {
    format!(" again {}", micros(after))
}

fn reload(reload: &Reload) -> String {
    let again = reload.again.map(again).unwrap_or_default();
    let revocation = match reload.revocation {
        Revocation::Nothing => "Nothing".to_owned(),
        Revocation::Address(ip) => format!("Address {ip}"),
        Revocation::Account(login, how) => format!("Account {login:?} {how:?}"),
        Revocation::Rights(login, left) => {
            let left = if left == Permissions::NONE {
                "none"
            } else {
                "read"
            };
            format!("Rights {login:?} {left}")
        }
    };
    format!(
        "reload {}{again} {:?} {revocation}",
        micros(reload.at),
        reload.sessions
    )
}

fn client(plan: &ClientPlan) -> Vec<String> {
    let mut lines = vec![
        format!("\nclient {}", plan.number),
        format!("  rng {:x}", plan.rng_state),
    ];
    if !plan.after.is_zero() {
        lines.push(format!("  after {}", micros(plan.after)));
    }
    let usual = profile(&Profile::plain(plan.number));
    let own = profile(&plan.profile).into_iter().zip(usual);
    let own = own.filter(|(own, usual)| own != usual);
    lines.extend(own.map(|(own, _)| format!("  {own}")));
    match &plan.groups {
        None => lines.push(format!("  groups {}", plan.profile.groups)),
        Some(groups) => lines.extend(groups.iter().flat_map(group)),
    }
    lines
}

/// All fields except `groups`, one a line.
fn profile(profile: &Profile) -> [String; 16] {
    let Profile {
        role,
        ip,
        proxy_header,
        think_time,
        pipelines,
        groups: _,
        interrupts,
        login,
        disconnect,
        leaves_early,
        misbehaves,
        tls_mode,
        tls_start,
        resumes,
        sends_close_notify,
        only_logs_in,
        // Only inspectors have it, which no script contains.
        walks: _,
        first_port,
    } = profile;
    [
        format!("role {role:?}"),
        format!("ip {ip}"),
        format!("proxy-header {proxy_header:?}"),
        format!("think {}", micros(*think_time)),
        format!("pipelines {pipelines}"),
        format!("interrupts {}", interrupts.0),
        format!("login {login:?}"),
        format!("disconnect {disconnect:?}"),
        format!("leaves-early {leaves_early}"),
        format!("misbehaves {misbehaves}"),
        format!("tls {tls_mode:?}"),
        format!("tls-start {tls_start:?}"),
        format!("resumes {resumes}"),
        format!("sends-close-notify {sends_close_notify}"),
        format!("only-logs-in {only_logs_in}"),
        format!("ports {first_port}"),
    ]
}

fn group(group: &Group) -> Vec<String> {
    let mut head = "  group".to_owned();
    if let Some(rng_state) = group.rng_state {
        write!(head, " {rng_state:x}").expect("memory");
    }
    let mut lines = vec![head];
    if group.behaviour != Behaviour::Prompt {
        lines.push(format!("    behaviour {:?}", group.behaviour));
    }
    lines.extend(group.commands.iter().map(command));
    lines
}

fn command(command: &Command) -> String {
    let verb = if command.urgent {
        "send-urgent"
    } else {
        "send"
    };
    let (text, verb) = match command.bytes.strip_suffix(b"\r\n") {
        Some(text) => (text, verb),
        None => (&command.bytes[..], "send-raw"),
    };
    let text = if command.kind == CommandKind::TooLong {
        text.len().to_string()
    } else {
        text.escape_ascii().to_string()
    };
    let mut line = format!("    {verb} {:?} {text}", command.kind);
    if let Some((number, length)) = command.contents {
        write!(line, "\n    contents {number} {length}").expect("memory");
    }
    if let Some((at, port)) = command.port {
        let port = match port {
            Some(ClientPort::Open(_)) => "open",
            Some(ClientPort::Hole) => "hole",
            None => "closed",
        };
        write!(line, "\n    port {at} {port}").expect("memory");
    }
    line
}

fn micros(time: Duration) -> u128 {
    time.as_micros()
}
