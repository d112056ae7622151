//! Checks each reply against the [model](super::session_model) of its session.

use std::net::SocketAddr;
use std::time::Duration;

use super::conversation::{CommandKind, FinalReply, PendingCommand};
use super::ftp_client::FtpClient;
use super::login_state::LoginState;
use super::profile::Login;
use super::reply_facts::ReplyText;
use super::session_model::ReplyContext;
use crate::fault_plan::FaultPlan;
use crate::world::{LoginOutcome, World};

impl FtpClient {
    /// When the server's kernel had received all that was sent, if it has.
    fn facts_of(&self, world: &World) -> Option<Duration> {
        let is_sent = !self.control.has_unsent();
        let facts = world.facts_of(self.control.id().filter(|_| is_sent)?);
        let is_there = facts.server.delivered == facts.client.written;
        let last = facts.server.last_delivery.filter(|_| is_there);
        last.map(|moment| moment.at)
    }

    fn reply_context<'a>(&'a self, world: &World) -> ReplyContext<'a> {
        ReplyContext {
            config: &self.config,
            now: world.now,
            last_faults: world.last_faults(),
            aborts: false,
            has_ended: self.control.half_closed().is_some(),
            facts_of: self.facts_of(world),
        }
    }

    /// Checks a final reply: a legal code, and the facts in its text.
    pub(super) fn check_answer(&mut self, answer: &FinalReply, world: &mut World) {
        let (command, code) = (&answer.command, answer.code);
        let context = ReplyContext {
            aborts: answer.aborts,
            ..self.reply_context(world)
        };
        let expected = self.model.expected(command, &context);
        let reply = ReplyText {
            code,
            text: &answer.text,
            whole: &answer.whole,
        };
        let mut violation = None;
        if !expected.contains(&code) {
            violation = Some(format!("not one of {expected:?}"));
        } else if let Some(fact) = self.model.missing_fact(command, reply, &context) {
            violation = Some(format!("it should say: {fact}"));
        } else if command.kind == CommandKind::Stat && !self.config.control_only {
            let peer = SocketAddr::new(self.profile.ip, 40_000);
            let missing = self
                .model
                .missing_status(peer, answer.is_aside, &answer.whole);
            violation = missing.map(|fact| format!("it should say: {fact}"));
        }
        if command.kind == CommandKind::Pass {
            self.note_login(command.since, code, world);
        }
        let mut next = self.model.clone();
        next.follow(command, code, &context);
        if let Some(violation) = violation {
            let text = &answer.text;
            let model = &self.model;
            let violation = format!("{code} {text} to {command:?}: {violation}; {model:?}");
            self.report(&violation, world);
        }
        self.model = next;
    }

    /// A login is sent: a failure counts for its address.
    pub(super) fn note_login_sent(&self, kind: CommandKind, world: &mut World) {
        let is_anonymous = self.profile.login == Login::Anonymous;
        if let Some(id) = self.control.id().filter(|_| is_anonymous) {
            match kind {
                CommandKind::Pass => world.slot_requested(id),
                kind if ends_login(kind) => world.slot_released(id),
                _ => {}
            }
        }
        if let Some(id) = self
            .control
            .id()
            .filter(|_| kind == CommandKind::Pass && self.may_fail())
        {
            world.admission.login_sent(self.profile.ip, id, world.now);
        }
    }

    /// Whether a login of this client can be refused.
    fn may_fail(&self) -> bool {
        let login = self.profile.login;
        login == Login::Wrong
            || self.config.permissions_of(login).is_none()
            || self.may_be_revoked()
    }

    /// Checks the result of a login: a refusal is delayed according to the number of failures.
    fn note_login(&self, sent_at: Duration, code: u16, world: &mut World) {
        let Some(id) = self.control.id() else {
            return;
        };
        let (ip, now) = (self.profile.ip, world.now);
        if code == 230 && self.model.login_state() == LoginState::UserSent(Login::Anonymous) {
            world.slot_granted(id, sent_at);
        }
        let is_failure = code == 530 && matches!(self.model.login_state(), LoginState::UserSent(_));
        let outcome = if is_failure {
            LoginOutcome::Failed(now)
        } else {
            LoginOutcome::None
        };
        let (least, most) = world.admission.failures(ip, sent_at, now);
        world
            .admission
            .login_answered(ip, id, sent_at, outcome, now);
        let took = now.saturating_sub(sent_at);
        if is_failure {
            let penalty = self.config.timings.penalty;
            let longest = self.config.longest_penalty;
            let least = (penalty * least.max(self.model.failed_logins() + 1)).min(longest);
            if took < least {
                self.report(&format!("refused after {took:?}, and not {least:?}"), world);
            }
            let begun = sent_at.max(self.model.answered_at());
            let latest = (penalty * most).min(longest) + FaultPlan::PROMPT_LIMIT;
            let took = now.saturating_sub(begun);
            if self.config.fault_plan.is_prompt() && took > latest {
                self.report(&format!("login refused late, after {took:?}"), world);
            }
        }
    }

    /// Checks a 150.
    pub(super) fn check_preliminary(
        &self,
        command: &PendingCommand,
        text: &str,
        world: &mut World,
    ) {
        let context = self.reply_context(world);
        let transfer_start = self.model.transfer_start(command, &context);
        let violation = if transfer_start.may_begin {
            let missing = self.model.missing_of_beginning(command, text, &context);
            missing.map(|fact| format!("it should say: {fact}"))
        } else {
            Some(format!("not one of {:?}", transfer_start.refusals))
        };
        if let Some(violation) = violation {
            let model = &self.model;
            let violation = format!("150 {text} to {command:?}: {violation}; {model:?}");
            self.report(&violation, world);
        }
    }

    /// Checks a 421 after the greeting.
    pub(super) fn check_service_closing(&self, text: &str, world: &mut World) {
        if !self.conversation.was_greeted() || self.config.control_only {
            return;
        }
        let head = self.conversation.pending().next();
        let login = head.filter(|head| head.kind == CommandKind::Pass);
        if let (Some(sent_at), Some(id)) = (login.map(|head| head.since), self.control.id()) {
            let (ip, now) = (self.profile.ip, world.now);
            // Hanging workers and a stop give the same text.
            let is_idle = now.saturating_sub(sent_at) >= self.config.timings.idle;
            let is_stuck = is_idle && !self.config.fault_plan.is_prompt();
            let is_ban = text.starts_with("Service not available") && !is_stuck;
            if is_ban && !world.admission.may_be_banned(ip, sent_at, now) && !self.config.stops {
                self.report(
                    "its login is refused by a ban after too few failures",
                    world,
                );
            }
            if text.starts_with("Too many sessions") {
                world.slot_refused(id, sent_at);
            }
            // With other texts the result of the login is unknown.
            if text.starts_with("Too many failed logins") {
                world
                    .admission
                    .login_answered(ip, id, sent_at, LoginOutcome::Failed(now), now);
            } else if is_ban && !self.config.stops {
                world
                    .admission
                    .login_answered(ip, id, sent_at, LoginOutcome::Banned, now);
            }
        }
        let context = self.reply_context(world);
        let pending = self.conversation.pending();
        if let Some(violation) = self.model.closing_reply_violation(text, pending, &context) {
            let model = &self.model;
            self.report(&format!("421 {text}: {violation}; {model:?}"), world);
        }
    }
}

/// Whether the command ends the login.
const fn ends_login(kind: CommandKind) -> bool {
    matches!(
        kind,
        CommandKind::User
            | CommandKind::Rein
            | CommandKind::Quit
            | CommandKind::Auth
            | CommandKind::AuthPrivate
            | CommandKind::AuthAndMore
    )
}
