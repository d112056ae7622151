//! Each reply to a guest beside the [model](super::session_model) of its session.

use std::net::SocketAddr;
use std::time::Duration;

use super::conversation::{Answer, Awaited, Kind};
use super::guest::Guest;
use super::reply_facts::Reply;
use super::session_model::Circumstances;
use crate::world::World;

impl Guest {
    /// When the server's system had everything that was said, if it has.
    fn delivered(&self, world: &World) -> Option<Duration> {
        let is_sent = self.unsent.is_empty() && !self.cover.has_unsent();
        let landed = world.landed(self.control.filter(|_| is_sent)?);
        landed.filter(|&at| at <= world.now)
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

    /// A 150.
    pub(super) fn check_beginning_of(&self, said: &Awaited, text: &str, world: &mut World) {
        let around = self.circumstances(world);
        let opening = self.model.opening(said, &around);
        let fault = if !opening.may_begin {
            Some(format!("not one of {:?}", opening.refusals))
        } else {
            let missing = self.model.missing_of_beginning(said, text, &around);
            missing.map(|fact| format!("it should say: {fact}"))
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
        let around = self.circumstances(world);
        let awaited = self.conversation.awaited.iter();
        if let Some(fault) = self.model.fault_of_farewell(text, awaited, &around) {
            let model = &self.model;
            self.complain(&format!("421 {text}: {fault}; {model:?}"), world);
        }
    }
}
