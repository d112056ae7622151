//! How a client reacts to replies, and its data connection; each reply is passed to the oracles.

use std::net::SocketAddr;
use std::time::Duration;

use super::conversation::{CommandKind, FinalReply, ServerReply};
use super::data_connection::EofRule;
use super::ftp_client::{ClientState, FtpClient};
use super::profile::Role;
use super::proxy_header::ProxyHeader;
use super::transfer::{Behaviour, Transfer};
use crate::fault_plan::FaultPlan;
use crate::world::World;

/// When to connect to the passive port, and its address.
#[derive(Default)]
pub(super) struct DataDial(Option<(Duration, SocketAddr)>);

impl FtpClient {
    pub(super) fn receive_replies(&mut self, bytes: &[u8], world: &mut World) {
        match self.conversation.receive(bytes) {
            Ok(replies) => {
                let was_encrypted = self.control.is_encrypted();
                let count = replies.len();
                for (number, reply) in replies.into_iter().enumerate() {
                    world.note(|| format!("client {} receives {reply:?}", self.number));
                    self.react(reply, world);
                    let has_switched = self.control.is_encrypted() != was_encrypted;
                    let is_last = number + 1 == count && !self.conversation.has_clear_text();
                    if has_switched && !is_last {
                        self.report("clear text behind the 234", world);
                    }
                }
                if !was_encrypted {
                    self.pass_rest_to_tls(world);
                }
            }
            Err(violation) => self.report(&violation, world),
        }
    }

    fn react(&mut self, reply: ServerReply, world: &mut World) {
        match reply {
            ServerReply::Greeting => {
                if self.config.is_proxied && !self.profile.proxy_header.is_right() {
                    self.report("greeted, though the proxy header named no client", world);
                }
            }
            ServerReply::Preliminary(command, text) => {
                self.check_preliminary(&command, &text, world);
                if let Some(transfer) = &mut self.transfer {
                    transfer.begin();
                }
                self.check_name(&text, world);
            }
            ServerReply::ServiceClosing(text) => {
                self.check_closing_reply(&text, world);
                let is_owed = self.profile.role == Role::Inspector && self.transfer.is_some();
                if is_owed && !self.is_being_ended(world) {
                    self.report("421 during a transfer of an inspector", world);
                }
                self.enter(ClientState::Leaving);
            }
            ServerReply::Final(answer) => self.react_to_final(&answer, world),
        }
    }

    fn react_to_final(&mut self, answer: &FinalReply, world: &mut World) {
        let (kind, since, code) = (answer.command.kind, answer.command.since, answer.code);
        let text = answer.text.as_str();
        self.login_replies.follow(kind, code);
        self.check_latency(kind, since, world);
        self.check_answer(answer, world);
        self.check_rights(answer, world);
        self.check_record(answer, world);
        if self.control.follow(kind, code, world) {
            self.start_tls(world);
        }
        if matches!(kind, CommandKind::Passive | CommandKind::Port) {
            self.note_data_setup(code, text, world);
        }
        if answer.quits && text.starts_with("Control connection ended") {
            self.report(
                "QUIT was answered as if the control connection had ended",
                world,
            );
        }
        if kind.is_transfer() {
            self.check_disk(code, world);
            self.conclude(code, since, text, world);
        }
        if kind == CommandKind::Dele {
            self.file_model.removal_answered(code);
        }
        let pause = self.rng.time(self.profile.think_time);
        self.pacing.pause_until(world.now + pause);
    }

    /// The reply to PASV, EPSV, PORT or EPRT.
    fn note_data_setup(&mut self, code: u16, text: &str, world: &mut World) {
        if let Some(transfer) = &mut self.transfer {
            let tls = self.config.tls.as_ref();
            let networks = tls.map(|tls| &tls.policy.unclean_uploads);
            let eof_rule = match networks {
                Some(networks) if !networks.is_empty() => EofRule::FinSuffices,
                _ => EofRule::CloseNotify,
            };
            let tls_config = self.control.data_tls();
            transfer.arrange(tls_config, eof_rule, self.profile.misbehaves);
        }
        if code >= 400 {
            self.data_setup_failed(world);
        }
        if matches!(code, 227 | 229) {
            self.arrange_data_connection(text, world);
        }
    }

    /// Checks the name in the 150 to STOU (RFC 1123 §4.1.2.9), relative to the current directory.
    fn check_name(&self, text: &str, world: &mut World) {
        let Some(name) = text.strip_prefix("FILE: ") else {
            return;
        };
        let path = self.upload().map(|upload| upload.path.as_str());
        let way = path.and_then(|path| path.strip_suffix(name));
        if !way.is_some_and(|way| way.is_empty() || way.ends_with('/')) {
            self.report(&format!("{path:?} was stored as {name}"), world);
        }
    }

    /// Checks latency under plans with short delays: each reply follows soon after the previous one.
    /// Transfers are exempt, and logins, whose delay [`reply_oracle`](super::reply_oracle) checks. ABOR does
    /// not even wait for the transfer before it.
    fn check_latency(&self, kind: CommandKind, since: Duration, world: &mut World) {
        let is_probe = kind == CommandKind::Noop && self.profile.role == Role::Probe;
        let is_prompt = self.config.fault_plan.is_prompt();
        // Without a login there is nothing to abort, and replies are throttled.
        let is_abort = kind == CommandKind::Abor && is_prompt && self.login_replies.may_abort();
        let took = world.now.saturating_sub(since);
        if (is_abort || is_probe) && took > FaultPlan::PROMPT_LIMIT {
            self.report(&format!("{kind:?} was answered after {took:?}"), world);
        }
        let is_in_turn = is_prompt && !kind.is_transfer() && kind != CommandKind::Pass;
        let took = world
            .now
            .saturating_sub(since.max(self.model.answered_at()));
        // The only port may be taken for its address.
        let may_queue = self.config.has_range && kind == CommandKind::Passive;
        let queued = may_queue.then_some(self.config.timings.data_connect);
        if is_in_turn && took > FaultPlan::PROMPT_LIMIT + queued.unwrap_or_default() {
            self.report(&format!("{kind:?} was answered only after {took:?}"), world);
        }
    }

    fn arrange_data_connection(&mut self, text: &str, world: &World) {
        let Some(transfer) = self
            .transfer
            .as_ref()
            .filter(|transfer| transfer.behaviour() != Behaviour::NeverConnects)
        else {
            return;
        };
        let numbers: Vec<u16> = text
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|number| number.parse().ok())
            .collect();
        let port = match numbers[..] {
            [port] => port,
            [.., high, low] => high * 256 + low,
            [] => return,
        };
        let lag = if transfer.behaviour() == Behaviour::Slow {
            Duration::from_secs(4)
        } else {
            self.profile.think_time
        };
        let listen_address = self.config.listen_addresses[usize::from(self.profile.ip.is_ipv6())];
        let at = world.now + self.rng.time(lag);
        self.data_dial.0 = Some((at, SocketAddr::new(listen_address.ip(), port)));
    }

    /// Handles the final reply to a transfer command.
    fn conclude(&mut self, code: u16, since: Duration, text: &str, world: &mut World) {
        self.data_dial.0 = None;
        // After a half-close a transfer may go on and wait for its data connection, also one kept from a
        // refusal. The server must close only from now on.
        self.control.transfer_ended(world.now);
        self.check_ending(code, since, text, world);
        let Some(transfer) = &mut self.transfer else {
            return;
        };
        let was_begun = transfer.has_begun();
        self.check_upload(code, text, world);
        if !was_begun && self.reuses_connection(code, world) {
            return;
        }
        let Some(transfer) = &mut self.transfer else {
            return;
        };
        self.finished_transfers.add(transfer, code);
        transfer.conclude(code, world);
        let may_break = !world.panics.is_empty();
        let is_upload = transfer.payload().is_upload();
        if let Some(violation) = transfer.violation(may_break).filter(|_| is_upload) {
            self.report(&violation, world);
        }
    }

    fn check_upload(&mut self, code: u16, text: &str, world: &mut World) {
        let upload_facts = self.upload_facts();
        let transfer = self.transfer.as_mut();
        if let Some(upload) = transfer.and_then(Transfer::take_upload)
            && let Some(violation) = self.file_model.check_reply(
                &upload,
                code,
                text,
                &upload_facts,
                &self.config.memory,
                world,
            )
        {
            self.report(&violation, world);
        }
    }

    /// Moves the data connection.
    pub(super) fn move_data(&mut self, world: &mut World) {
        if let Some((at, to)) = self.data_dial.0 {
            if at > world.now {
                return self.wake_at(at, world);
            }
            self.data_dial.0 = None;
            let here = SocketAddr::new(self.profile.ip, 50_000);
            let from = self.config.seen_from(here);
            let id = if self.profile.role == Role::Inspector {
                world.dial_server_fault_free(self.number, from, to)
            } else {
                world.dial_server(self.number, from, to)
            };
            world.asked_for_port(id, self.model.data_setup_since());
            if let Some(transfer) = &mut self.transfer {
                let proxy_header = self.config.is_proxied.then(|| {
                    let proxy_header = self.rng.pick(&[ProxyHeader::V1, ProxyHeader::V2]);
                    proxy_header.bytes(here, to, &mut self.rng)
                });
                let proxy_header = proxy_header.unwrap_or_default();
                transfer.connection.dialled(id, proxy_header);
            }
        }
        let Some(transfer) = &mut self.transfer else {
            return;
        };
        let again = transfer.step(world, &mut self.rng);
        if transfer.is_over() {
            let violation = transfer.violation(!world.panics.is_empty());
            transfer.hang_up(world);
            self.transfer = None;
            if let Some(violation) = violation {
                self.report(&violation, world);
            }
        } else if let Some(after) = again {
            let at = world.now + after;
            self.wake_at(at, world);
        }
    }
}
