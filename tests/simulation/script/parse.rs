//! Parses a script.

use std::time::Duration;

use mioftpd::Permissions;

use super::fault_plan;
use super::words::Word;
use crate::client::{Behaviour, Command, CommandKind, Group, Profile};
use crate::fault_plan::FaultPlan;
use crate::reload::{Reload, Revocation};
use crate::rng::Odds;
use crate::scenario::{ClientPlan, PortStealerPlan, Scenario, Stop};
use crate::world::ClientPort;

type Result<T> = std::result::Result<T, String>;

/// The scenario of a script, or the first line that is invalid.
pub(crate) fn parse(text: &str) -> Result<Scenario> {
    let mut scenario = Scenario {
        seed: 0,
        rng_state: 0,
        inspection: 0,
        fault_plan: FaultPlan::NONE,
        clients: Vec::new(),
        port_stealer: None,
        stop: None,
        reload: None,
    };
    let mut has_seed = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        has_seed |= key == "seed";
        let applied = match scenario.clients.last_mut() {
            Some(client) if key != "client" => take_of_client(client, key, value),
            _ => take(&mut scenario, key, value),
        };
        applied.map_err(|error| format!("line {}: {line}: {error}", number + 1))?;
    }
    // Everything else has a default; without a seed the file is empty or no script.
    if has_seed {
        Ok(scenario)
    } else {
        Err("no seed, so no script".to_owned())
    }
}

fn take(scenario: &mut Scenario, key: &str, value: &str) -> Result<()> {
    let words: Vec<_> = value.split(' ').collect();
    match (key, &words[..]) {
        ("seed", [seed]) => scenario.seed = number(seed)?,
        ("rng", [rng]) => scenario.rng_state = state(rng)?,
        ("inspection", [seed]) => scenario.inspection = state(seed)?,
        ("fault", [key, value]) => {
            if !fault_plan::set(&mut scenario.fault_plan, key, number(value)?) {
                return Err("no such entry of the fault plan".to_owned());
            }
        }
        ("port-stealer", [client, seed]) => {
            scenario.port_stealer = Some(PortStealerPlan {
                number: number(client)? as usize,
                rng_state: state(seed)?,
            });
        }
        ("stop", [first, rest @ ..]) => {
            scenario.stop = Some(Stop {
                first: time(first)?,
                second: again(rest)?.0,
            });
        }
        ("reload", [at, rest @ ..]) => scenario.reload = Some(reload(time(at)?, rest)?),
        ("client", [client]) => {
            let client = number(client)? as usize;
            scenario.clients.push(ClientPlan {
                number: client,
                profile: Profile::plain(client),
                rng_state: 0,
                after: Duration::ZERO,
                groups: Some(Vec::new()),
            });
        }
        _ => return Err("not an entry of a script".to_owned()),
    }
    Ok(())
}

fn again<'a, 'b>(words: &'b [&'a str]) -> Result<(Option<Duration>, &'b [&'a str])> {
    match words {
        ["again", after, rest @ ..] => Ok((Some(time(after)?), rest)),
        rest => Ok((None, rest)),
    }
}

fn reload(at: Duration, words: &[&str]) -> Result<Reload> {
    let (again, words) = again(words)?;
    let [sessions, words @ ..] = words else {
        return Err("Keep or End, for the sessions".to_owned());
    };
    let revocation = match words {
        ["Nothing"] => Revocation::Nothing,
        ["Address", ip] => Revocation::Address(ip.parse().map_err(|_| "not an address")?),
        ["Account", login, how] => {
            Revocation::Account(Word::from_word(login)?, Word::from_word(how)?)
        }
        ["Rights", login, "none"] => Revocation::Rights(Word::from_word(login)?, Permissions::NONE),
        ["Rights", login, "read"] => Revocation::Rights(Word::from_word(login)?, Permissions::READ),
        _ => return Err("Nothing, Address, Account or Rights".to_owned()),
    };
    Ok(Reload {
        at,
        again,
        revocation,
        sessions: Word::from_word(sessions)?,
    })
}

fn take_of_client(client: &mut ClientPlan, key: &str, value: &str) -> Result<()> {
    let profile = &mut client.profile;
    match key {
        "after" => client.after = time(value)?,
        "rng" => client.rng_state = state(value)?,
        "role" => profile.role = Word::from_word(value)?,
        "ip" => profile.ip = value.parse().map_err(|_| "not an address")?,
        "proxy-header" => profile.proxy_header = Word::from_word(value)?,
        "think" => profile.think_time = time(value)?,
        "interrupts" => profile.interrupts = Odds(number(value)? as usize),
        "login" => profile.login = Word::from_word(value)?,
        "disconnect" => profile.disconnect = Word::from_word(value)?,
        "tls" => profile.tls_mode = Word::from_word(value)?,
        "tls-start" => profile.tls_start = Word::from_word(value)?,
        "pipelines" => profile.pipelines = switch(value)?,
        "leaves-early" => profile.leaves_early = switch(value)?,
        "misbehaves" => profile.misbehaves = switch(value)?,
        "resumes" => profile.resumes = switch(value)?,
        "sends-close-notify" => profile.sends_close_notify = switch(value)?,
        "only-logs-in" => profile.only_logs_in = switch(value)?,
        "ports" => profile.first_port = number(value)? as u16,
        "groups" => {
            profile.groups = number(value)? as usize;
            client.groups = None;
        }
        "group" => client.groups.get_or_insert_default().push(Group {
            rng_state: (!value.is_empty()).then(|| state(value)).transpose()?,
            behaviour: Behaviour::Prompt,
            commands: Vec::new(),
        }),
        _ => {
            let groups = client.groups.as_mut();
            let group = groups.and_then(|groups| groups.last_mut());
            return take_of_group(group.ok_or("not in a group")?, client.number, key, value);
        }
    }
    Ok(())
}

fn take_of_group(group: &mut Group, client: usize, key: &str, value: &str) -> Result<()> {
    if key == "behaviour" {
        group.behaviour = Word::from_word(value)?;
        return Ok(());
    }
    if matches!(key, "send" | "send-raw" | "send-urgent") {
        group.commands.push(command(key, value)?);
        return Ok(());
    }
    let command = group.commands.last_mut().ok_or("no command before it")?;
    let words: Vec<_> = value.split(' ').collect();
    match (key, &words[..]) {
        ("contents", [label, length]) => {
            command.contents = Some((number(label)?, number(length)? as usize));
        }
        ("port", [at, port]) => {
            let port = match *port {
                "open" => Some(ClientPort::Open(client)),
                "hole" => Some(ClientPort::Hole),
                "closed" => None,
                _ => return Err("open, hole or closed".to_owned()),
            };
            command.port = Some((at.parse().map_err(|_| "not an address and a port")?, port));
        }
        _ => return Err("not an entry of a client".to_owned()),
    }
    Ok(())
}

fn command(verb: &str, value: &str) -> Result<Command> {
    let (kind, text) = value.split_once(' ').unwrap_or((value, ""));
    let kind = CommandKind::from_word(kind)?;
    let mut bytes = match kind {
        CommandKind::TooLong => vec![b'x'; number(text)? as usize],
        _ => unescaped(text)?,
    };
    if verb != "send-raw" {
        bytes.extend_from_slice(b"\r\n");
    }
    Ok(Command {
        kind,
        bytes,
        urgent: verb == "send-urgent",
        contents: None,
        port: None,
    })
}

/// The reverse of `escape_ascii`.
fn unescaped(text: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let mut letters = behind.chars();
        let byte = match letters.next() {
            Some('r') => b'\r',
            Some('n') => b'\n',
            Some('t') => b'\t',
            Some('x') => {
                let digits = behind.get(1..3).ok_or("two digits behind \\x")?;
                letters.nth(1);
                u8::from_str_radix(digits, 16).map_err(|_| "not hexadecimal")?
            }
            Some(letter @ ('\\' | '\'' | '"')) => letter as u8,
            _ => return Err("not an escape".to_owned()),
        };
        bytes.push(byte);
        rest = letters.as_str();
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

fn number(text: &str) -> Result<u64> {
    text.parse().map_err(|_| "not a number".to_owned())
}

fn state(text: &str) -> Result<u64> {
    u64::from_str_radix(text, 16).map_err(|_| "not hexadecimal".to_owned())
}

fn switch(text: &str) -> Result<bool> {
    text.parse().map_err(|_| "true or false".to_owned())
}

fn time(text: &str) -> Result<Duration> {
    number(text).map(Duration::from_micros)
}
