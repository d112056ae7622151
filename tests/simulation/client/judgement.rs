//! Each reply to a guest beside the [model](super::session_model) of its session.

use std::net::SocketAddr;
use std::time::Duration;

use super::conversation::{Answer, Awaited, Kind};
use super::guest::Guest;
use super::habits::Login;
use super::reply_facts::Reply;
use super::session_model::{Circumstances, Who};
use crate::weather::Weather;
use crate::world::{Outcome, World};

impl Guest {
    /// When the server's system had everything that was said, if it has.
    fn delivered(&self, world: &World) -> Option<Duration> {
        let is_sent = self.unsent.is_empty() && !self.cover.has_unsent();
        let facts = world.delivered(self.control.filter(|_| is_sent)?);
        let is_there = facts.server.landed == facts.client.written;
        let last = facts.server.last_landing.filter(|_| is_there);
        last.map(|moment| moment.at)
    }

    fn circumstances<'a>(&'a self, world: &World) -> Circumstances<'a> {
        Circumstances {
            place: &self.place,
            now: world.now,
            struck: world.struck(),
            aborts: false,
            has_ended: self.half_closed.is_some(),
            delivered: self.delivered(world),
        }
    }

    /// A final reply: its code is one of those that the rules have, and its text says what is so.
    pub(super) fn check_answer(&mut self, answer: &Answer, world: &mut World) {
        let (said, code) = (&answer.said, answer.code);
        let around = Circumstances {
            aborts: answer.aborts,
            ..self.circumstances(world)
        };
        let expected = self.model.expected(said, &around);
        let reply = Reply {
            code,
            text: &answer.text,
            whole: &answer.whole,
        };
        let mut fault = None;
        if !expected.contains(&code) {
            fault = Some(format!("not one of {expected:?}"));
        } else if let Some(fact) = self.model.missing_fact(said, reply, &around) {
            fault = Some(format!("it should say: {fact}"));
        } else if said.kind == Kind::Stat && !self.place.control_only {
            let peer = SocketAddr::new(self.habits.ip, 40_000);
            let missing = self
                .model
                .missing_status(peer, answer.is_aside, &answer.whole);
            fault = missing.map(|fact| format!("it should say: {fact}"));
        }
        if said.kind == Kind::Pass {
            self.note_login(said.since, code, world);
        }
        let around = Circumstances {
            aborts: answer.aborts,
            ..self.circumstances(world)
        };
        let mut next = self.model.clone();
        next.follow(said, code, &around);
        if let Some(fault) = fault {
            let text = &answer.text;
            let model = &self.model;
            let fault = format!("{code} {text} to {said:?}: {fault}; {model:?}");
            self.complain(&fault, world);
        }
        self.model = next;
    }

    /// A login that may fail is said: it counts for its address.
    pub(super) fn note_attempt(&self, kind: Kind, world: &mut World) {
        let is_anonymous = self.habits.login == Login::Anonymous;
        if let Some(id) = self.control.filter(|_| is_anonymous) {
            match kind {
                Kind::Pass => world.asks_for_seat(id),
                kind if gives_up_login(kind) => world.gives_up_seat(id),
                _ => {}
            }
        }
        if let Some(id) = self
            .control
            .filter(|_| kind == Kind::Pass && self.may_fail())
        {
            world.gate.tries(self.habits.ip, id, world.now);
        }
    }

    /// Whether a login of this guest can be refused.
    fn may_fail(&self) -> bool {
        let login = self.habits.login;
        login == Login::Wrong || self.place.permissions_of(login).is_none() || self.may_lose()
    }

    /// How it went; a refusal comes late, and how late follows from how many have failed.
    fn note_login(&self, said: Duration, code: u16, world: &mut World) {
        let Some(id) = self.control else {
            return;
        };
        let (ip, now) = (self.habits.ip, world.now);
        if code == 230 && self.model.who == Who::Named(Login::Anonymous) {
            world.has_seat(id, said);
        }
        let is_failure = code == 530 && matches!(self.model.who, Who::Named(_));
        let outcome = if is_failure {
            Outcome::Failed(now)
        } else {
            Outcome::None
        };
        let (least, most) = world.gate.failures(ip, said, now);
        world.gate.hears(ip, id, said, outcome, now);
        let took = now.saturating_sub(said);
        if is_failure {
            let penalty = self.place.timings.penalty;
            let longest = self.place.longest_penalty;
            let least = (penalty * least.max(self.model.failed_logins + 1)).min(longest);
            if took < least {
                self.complain(&format!("refused after {took:?}, and not {least:?}"), world);
            }
            let begun = said.max(self.model.heard);
            let latest = (penalty * most).min(longest) + Weather::PROMPTLY;
            let took = now.saturating_sub(begun);
            if self.place.weather.is_prompt() && took > latest {
                self.complain(&format!("refused only after {took:?}"), world);
            }
        }
    }

    /// A 150.
    pub(super) fn check_beginning_of(&self, said: &Awaited, text: &str, world: &mut World) {
        let around = self.circumstances(world);
        let opening = self.model.opening(said, &around);
        let fault = if opening.may_begin {
            let missing = self.model.missing_of_beginning(said, text, &around);
            missing.map(|fact| format!("it should say: {fact}"))
        } else {
            Some(format!("not one of {:?}", opening.refusals))
        };
        if let Some(fault) = fault {
            let model = &self.model;
            self.complain(
                &format!("150 {text} to {said:?}: {fault}; {model:?}"),
                world,
            );
        }
    }

    /// A 421 after the greeting.
    pub(super) fn check_reason(&self, text: &str, world: &mut World) {
        if !self.conversation.greeted || self.place.control_only {
            return;
        }
        let head = self.conversation.awaited.front();
        let login = head.filter(|head| head.kind == Kind::Pass);
        if let (Some(said), Some(id)) = (login.map(|head| head.since), self.control) {
            let (ip, now) = (self.habits.ip, world.now);
            // Workers that do not get on say the same when the client has been idle, and so does a stop.
            let is_idle = now.saturating_sub(said) >= self.place.timings.idle;
            let is_stuck = is_idle && !self.place.weather.is_prompt();
            let is_ban = text.starts_with("Service not available") && !is_stuck;
            if is_ban && !world.gate.may_be_banned(ip, said, now) && !self.place.stops {
                self.complain("its login meets a ban, and too few have failed", world);
            }
            if text.starts_with("Too many sessions") {
                world.has_no_seat(id, said);
            }
            // Of others it is not known whether it has failed.
            if text.starts_with("Too many failed logins") {
                world.gate.hears(ip, id, said, Outcome::Failed(now), now);
            } else if is_ban && !self.place.stops {
                world.gate.hears(ip, id, said, Outcome::Banned, now);
            }
        }
        let around = self.circumstances(world);
        let awaited = self.conversation.awaited.iter();
        if let Some(fault) = self.model.fault_of_farewell(text, awaited, &around) {
            let model = &self.model;
            self.complain(&format!("421 {text}: {fault}; {model:?}"), world);
        }
    }
}

/// Whether nobody is logged in any more when it has been executed.
const fn gives_up_login(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::User | Kind::Rein | Kind::Quit | Kind::Auth | Kind::AuthPrivate | Kind::AuthAndMore
    )
}
