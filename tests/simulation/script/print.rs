//! A scenario is printed.

use std::fmt::Write as _;
use std::time::Duration;

use mioftpd::auth::Permissions;

use super::weather::uncalm;
use crate::client::{Command, Group, Habits, Kind, Manner};
use crate::reload::{Reload, Taken};
use crate::scenario::{ClientPlan, Scenario, Stop};
use crate::world::ClientPort;

/// Its script.
pub(crate) fn print(scenario: &Scenario) -> String {
    let mut lines = vec![
        format!("seed {}", scenario.seed),
        format!("chance {:x}", scenario.chance),
        format!("inspection {:x}", scenario.inspection),
    ];
    let weather = uncalm(&scenario.weather).into_iter();
    lines.extend(weather.map(|(key, number, _)| format!("weather {key} {number}")));
    lines.extend(scenario.stop.map(stop));
    lines.extend(scenario.reload.as_ref().map(reload));
    if let Some(stranger) = scenario.stranger {
        lines.push(format!(
            "stranger {} {:x}",
            stranger.number, stranger.chance
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
    let taken = match reload.taken {
        Taken::Nothing => "Nothing".to_owned(),
        Taken::Address(ip) => format!("Address {ip}"),
        Taken::Account(login, how) => format!("Account {login:?} {how:?}"),
        Taken::Rights(login, left) => {
            let left = if left == Permissions::NONE {
                "none"
            } else {
                "read"
            };
            format!("Rights {login:?} {left}")
        }
    };
    format!(
        "reload {}{again} {:?} {taken}",
        micros(reload.at),
        reload.sessions
    )
}

fn client(plan: &ClientPlan) -> Vec<String> {
    let mut lines = vec![
        format!("\nclient {}", plan.number),
        format!("  chance {:x}", plan.chance),
    ];
    if !plan.after.is_zero() {
        lines.push(format!("  after {}", micros(plan.after)));
    }
    let usual = habits(&Habits::plain(plan.number));
    let own = habits(&plan.habits).into_iter().zip(usual);
    let own = own.filter(|(own, usual)| own != usual);
    lines.extend(own.map(|(own, _)| format!("  {own}")));
    match &plan.groups {
        None => lines.push(format!("  groups {}", plan.habits.groups)),
        Some(groups) => lines.extend(groups.iter().flat_map(group)),
    }
    lines
}

/// All of them but the number of groups, each on a line.
fn habits(habits: &Habits) -> [String; 16] {
    let Habits {
        part,
        ip,
        preamble,
        think,
        pipelines,
        groups: _,
        interrupts,
        login,
        farewell,
        hurries,
        mean,
        secrecy,
        opening,
        resumes,
        announces,
        guesses,
        // Of inspectors, which no script has.
        walks: _,
        first_port,
    } = habits;
    [
        format!("part {part:?}"),
        format!("ip {ip}"),
        format!("preamble {preamble:?}"),
        format!("think {}", micros(*think)),
        format!("pipelines {pipelines}"),
        format!("interrupts {}", interrupts.0),
        format!("login {login:?}"),
        format!("farewell {farewell:?}"),
        format!("hurries {hurries}"),
        format!("mean {mean}"),
        format!("secrecy {secrecy:?}"),
        format!("opening {opening:?}"),
        format!("resumes {resumes}"),
        format!("announces {announces}"),
        format!("guesses {guesses}"),
        format!("ports {first_port}"),
    ]
}

fn group(group: &Group) -> Vec<String> {
    let mut head = "  group".to_owned();
    if let Some(chance) = group.chance {
        write!(head, " {chance:x}").expect("memory");
    }
    let mut lines = vec![head];
    if group.manner != Manner::Prompt {
        lines.push(format!("    manner {:?}", group.manner));
    }
    lines.extend(group.commands.iter().map(command));
    lines
}

fn command(command: &Command) -> String {
    let verb = if command.urgent { "urge" } else { "say" };
    let (text, verb) = match command.bytes.strip_suffix(b"\r\n") {
        Some(text) => (text, verb),
        None => (&command.bytes[..], "say-raw"),
    };
    let text = if command.kind == Kind::TooLong {
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
