//! Dialogues with servers, as text: what the client sends is compared with `C:` lines, and `S:` lines are
//! given to it.
//!
//! In between, `-> word` is what it demands. No socket is involved.

use std::net::SocketAddr;
use std::sync::Arc;

use super::exchange::{DataMode, Demand, Exchange, Request};
use super::*;
use crate::bench::url::Protection;

fn plan(login: Login) -> Arc<LoginPlan> {
    secured_plan(login, Protection::Clear, false)
}

fn secured_plan(login: Login, protection: Protection, protects_data: bool) -> Arc<LoginPlan> {
    Arc::new(LoginPlan {
        protection,
        protects_data,
        is_binary: protects_data,
        login,
        user: b"ann".to_vec(),
        password: b"secret".to_vec(),
    })
}

/// Feeds the `S:` lines of a dialogue, and returns the dialogue as it was.
fn dialogue(
    text: &str,
    mut reply: impl FnMut(&ServerReply<'_>, &mut Vec<u8>) -> String,
    mut out: Vec<u8>,
) -> String {
    let mut found = String::new();
    let sent = |out: &mut Vec<u8>, found: &mut String| {
        for line in String::from_utf8(std::mem::take(out)).unwrap().lines() {
            found.extend(["C: ", line, "\n"]);
        }
    };
    sent(&mut out, &mut found);
    for line in text.lines().filter_map(|line| line.strip_prefix("S: ")) {
        found.extend(["S: ", line, "\n"]);
        let line = format!("{line}\r\n");
        let mut reader = ReplyReader::default();
        let parsed = reader.next(&mut line.as_bytes()).unwrap().unwrap().code;
        let parsed = ServerReply {
            code: parsed,
            lines: line.as_bytes(),
        };
        let demand = reply(&parsed, &mut out);
        sent(&mut out, &mut found);
        if !demand.is_empty() {
            found.extend(["-> ", &demand, "\n"]);
        }
    }
    found
}

fn login(plan: &Arc<LoginPlan>, text: &str) {
    let mut session = ClientSession::new(Arc::clone(plan));
    let mut out = Vec::new();
    if session.connected() == Step::Secure {
        assert_eq!(session.secured(&mut out), Step::Wait);
    }
    let found = dialogue(
        text,
        |reply, out| match session.reply(reply, out) {
            Ok(Step::Wait) => String::new(),
            Ok(Step::Secure) => format!("Secure {:?}", session.secured(out)),
            Ok(step) => format!("{step:?}"),
            Err(refusal) => format!("{refusal}"),
        },
        out,
    );
    assert_eq!(found, text);
}

#[test]
fn login_with_tls() {
    let rest = "C: PBSZ 0\nS: 200 ok\nC: PROT P\nS: 200 ok\nC: USER ann\nS: 331 ?\nC: PASS secret\n\
        S: 230 in\nC: TYPE I\nS: 200 ok\n-> Ready\n";
    let explicit = secured_plan(Login::Yes, Protection::Explicit, true);
    let found = "S: 220 hello\nC: AUTH TLS\nS: 234 go\nC: PBSZ 0\n-> Secure Wait\n";
    login(&explicit, &rest.replacen("C: PBSZ 0\n", found, 1));
    let implicit = secured_plan(Login::Yes, Protection::Implicit, true);
    login(&implicit, &format!("S: 220 hello\n{rest}"));
    login(
        &secured_plan(Login::No, Protection::Explicit, false),
        "S: 220 hello\nC: AUTH TLS\nS: 234 go\n-> Secure Ready\n",
    );
    login(
        &explicit,
        "S: 220 hello\nC: AUTH TLS\nS: 502 no\n-> AUTH TLS was answered '502 no'\n",
    );
}

#[test]
fn login_in_the_clear() {
    login(
        &plan(Login::Yes),
        "S: 120 wait\nS: 220 hello\nC: USER ann\nS: 331 password?\nC: PASS secret\nS: 230 in\n-> Ready\n\
         S: 421 bye\n-> nothing that was sent was answered '421 bye'\n",
    );
}

#[test]
fn server_without_accounts_is_used_without_login() {
    let text = "S: 220 hello\nC: USER ann\nS: 502 Command not implemented.\n-> ";
    login(&plan(Login::IfThere), &format!("{text}Ready\n"));
    login(
        &plan(Login::Yes),
        &format!("{text}USER was answered '502 Command not implemented.'\n"),
    );
    // A wrong name is something else.
    login(
        &plan(Login::IfThere),
        "S: 220 hello\nC: USER ann\nS: 530 no\n-> USER was answered '530 no'\n",
    );
}

#[test]
fn refusals_name_the_command_and_never_the_password() {
    for text in [
        "S: 421 full\n-> the connection was answered '421 full'\n",
        "S: 220 hello\nC: USER ann\nS: 331 ?\nC: PASS secret\nS: 530 no\n-> PASS was answered '530 no'\n",
    ] {
        login(&plan(Login::Yes), text);
    }
}

fn transfer(mode: DataMode, listening: Option<&str>, text: &str) {
    let mut out = Vec::new();
    let request = Request {
        verb: "RETR",
        path: b"a b".as_slice().into(),
    };
    let listening = listening.map(|text| text.parse::<SocketAddr>().unwrap());
    let mut exchange = Exchange::begin(request, mode, listening, &mut out);
    let found = dialogue(
        text,
        |reply, out| match exchange.reply(reply, out) {
            Ok(Demand::Wait) => String::new(),
            Ok(Demand::Move) => format!("Move {:?}", exchange.data_ended()),
            Ok(demand) => format!("{demand:?}"),
            Err(refusal) => format!("{refusal}"),
        },
        out,
    );
    assert_eq!(found, text);
}

#[test]
fn passive_transfers() {
    transfer(
        DataMode::ExtendedPassive,
        None,
        "C: EPSV\nS: 229 Entering (|||6275|)\nC: RETR a b\n-> Connect(6275)\nS: 150 opening\n-> Move Wait\n\
         S: 226 done\n-> Complete\n",
    );
    // EPSV is not known, and the final reply comes without a preliminary one.
    transfer(
        DataMode::ExtendedPassive,
        None,
        "C: EPSV\nS: 500 what?\nC: PASV\nS: 227 Entering (127,0,0,1,24,131).\nC: RETR a b\n\
         -> Connect(6275)\nS: 226 done\n-> Move Complete\n",
    );
    transfer(
        DataMode::Passive,
        None,
        "C: PASV\nS: 227 =127,0,0,1,24,131\nC: RETR a b\n-> Connect(6275)\nS: 550 no such file\n\
         -> RETR was answered '550 no such file'\n",
    );
}

#[test]
fn active_transfers() {
    transfer(
        DataMode::Active,
        Some("127.0.0.1:6275"),
        "C: PORT 127,0,0,1,24,131\nS: 200 ok\nC: RETR a b\nS: 150 opening\n-> Move Wait\nS: 226 done\n\
         -> Complete\n",
    );
    transfer(
        DataMode::Active,
        Some("[::1]:6275"),
        "C: EPRT |2|::1|6275|\nS: 500 no\n-> PORT was answered '500 no'\n",
    );
}

#[test]
fn wrong_addresses_are_refused() {
    for reply in [
        "(|||0|)",
        "(|||65536|)",
        "(||6275|)",
        "6275",
        "(|||",
        "(|1|127.0.0.1|6275|)",
    ] {
        transfer(
            DataMode::ExtendedPassive,
            None,
            &format!("C: EPSV\nS: 229 x {reply}\n-> EPSV was answered '229 x {reply}'\n"),
        );
    }
    for reply in ["(127,0,0,1,0,0)", "(1,2,3)", "none"] {
        transfer(
            DataMode::Passive,
            None,
            &format!("C: PASV\nS: 227 {reply}\n-> PASV was answered '227 {reply}'\n"),
        );
    }
}
