//! Dialogues with servers, as text: what the client sends is compared with `C:` lines, and `S:` lines are
//! given to it.
//!
//! In between, `-> word` is what it demands. No socket is involved.

use std::sync::Arc;

use super::*;

fn plan(login: Login) -> Arc<LoginPlan> {
    Arc::new(LoginPlan {
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
    let found = dialogue(
        text,
        |reply, out| match session.reply(reply, out) {
            Ok(Step::Wait) => String::new(),
            Ok(step) => format!("{step:?}"),
            Err(refusal) => format!("{refusal}"),
        },
        Vec::new(),
    );
    assert_eq!(found, text);
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
