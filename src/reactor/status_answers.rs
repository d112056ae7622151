//! The answers of the status service: what is known of the loop and its sessions, and what an operator may
//! have done.
//!
//! It makes plain data of the reactor's state, which `status` formats. Sockets and turns are the service's.

use super::Reactor;
use super::connection::Connection;
use crate::auth::Revocation;
use crate::clock::Instant;
use crate::event_loop::Key;
use crate::limits::status::{PATH_SHOWN, SESSIONS_LISTED, SESSIONS_ON_PAGE, SNAPSHOT_TIME};
use crate::observe::Verb;
use crate::session::{Overview, TransferOverview};
use crate::status::openmetrics;
use crate::status::response::{JSON, Response, StatusCode, TEXT};
use crate::status::sessions::{self, SessionList, SessionRow, TransferRow};
use crate::status::{Call, PAGE_POLICY, page, stats, times};

/// The counters as they were shown last, for a client that asks again at once.
pub(super) struct Snapshot {
    call: Call,
    made: Instant,
    response: Response,
}

/// What a call comes to.
pub(super) enum Answer {
    Ready(Response, Afterwards),
    /// The response is made by a thread, until then at the latest.
    Deferred(Instant),
}

/// What is to be done once the response is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Afterwards {
    Nothing,
    Drain,
    Reload,
}

impl Reactor {
    pub(super) fn answer(&mut self, client: Key, call: Call) -> Answer {
        let now = self.context.now;
        if let Some(snapshot) = self.status.snapshot.as_ref()
            && snapshot.call == call
            && now - snapshot.made < SNAPSHOT_TIME
        {
            return Answer::Ready(snapshot.response.clone(), Afterwards::Nothing);
        }
        let is_counted = matches!(call, Call::Metrics(_) | Call::Stats);
        let answer = self.make(client, call.clone());
        if is_counted && let Answer::Ready(response, _) = &answer {
            self.status.snapshot = Some(Snapshot {
                call,
                made: now,
                response: response.clone(),
            });
        }
        answer
    }

    fn make(&mut self, client: Key, call: Call) -> Answer {
        let response = match call {
            Call::Page => Response {
                fields: PAGE_POLICY,
                ..Response::ok("text/html; charset=utf-8", self.page())
            },
            Call::Metrics(format) => {
                let text = openmetrics::text(&self.families(), &self.status.about, format);
                Response::ok(format.media_type(), text.into_bytes())
            }
            Call::Stats => Response::ok(JSON, self.stats().into_bytes()),
            Call::Sessions => {
                let sessions = self.sessions(SESSIONS_LISTED);
                Response::ok(JSON, sessions::json(&sessions).into_bytes())
            }
            Call::SessionTable => {
                let sessions = self.sessions(SESSIONS_LISTED);
                Response::ok(TEXT, sessions::table(&sessions).into_bytes())
            }
            Call::Updates if self.status.has_room_for_reader() => {
                Response::ok("text/event-stream", self.update())
            }
            Call::Updates => {
                let text = "503 Service Unavailable: too many clients are sent updates";
                Response::plain(StatusCode::Unavailable, text)
            }
            Call::EndSession(id) => self.end_session(&id),
            Call::Drain if self.is_stopping() => {
                Response::plain(StatusCode::Accepted, "The server is stopping already")
            }
            Call::Drain => {
                let text =
                    "The server accepts no connections and stops once its transfers have ended";
                let response = Response::plain(StatusCode::Accepted, text);
                return Answer::Ready(response, Afterwards::Drain);
            }
            Call::Reload => {
                let text = "The configuration is read again; the log has the result";
                let response = Response::plain(StatusCode::Accepted, text);
                return Answer::Ready(response, Afterwards::Reload);
            }
            Call::Trace(trace) => return self.record_for(client, trace),
        };
        Answer::Ready(response, Afterwards::Nothing)
    }

    pub(super) fn act(&mut self, afterwards: Afterwards) {
        match afterwards {
            Afterwards::Nothing => {}
            Afterwards::Drain if self.is_stopping() => {}
            Afterwards::Drain => {
                log::info!("The operator stops the server (status socket)");
                self.stop();
            }
            Afterwards::Reload => self.reload_requested = true,
        }
    }

    fn page(&self) -> Vec<u8> {
        let sessions = self.sessions(SESSIONS_ON_PAGE);
        page(
            &self.families(),
            &sessions,
            &self.status.about,
            self.context.unix_time,
        )
    }

    /// An event of a stream (HTML Standard, "Server-sent events"): counters, histograms, the
    /// phases of the loop and sessions.
    pub(super) fn update(&self) -> Vec<u8> {
        let sessions = sessions::json(&self.sessions(SESSIONS_ON_PAGE));
        let (stats, phases) = (self.stats(), times(self.context.phases.shown()));
        format!("data: {{\"stats\":{stats},\"phases\":{phases},\"sessions\":{sessions}}}\n\n")
            .into_bytes()
    }

    fn stats(&self) -> String {
        let (families, now) = (self.families(), self.context.unix_time);
        stats(&families, &self.status.about, now, self.is_stopping())
    }

    fn sessions(&self, most: usize) -> SessionList {
        let known = || self.connections.iter().filter(|one| one.is_known());
        let listed: Vec<_> = known().take(most).map(|one| self.row(one)).collect();
        SessionList {
            left_out: known().count() - listed.len(),
            listed,
        }
    }

    fn row(&self, connection: &Connection) -> SessionRow {
        let (now, unix_time) = (self.context.now, self.context.unix_time);
        let session = &connection.session;
        let lasted = connection.since.lasted(now);
        let seconds = i64::try_from(lasted.as_secs()).unwrap_or(i64::MAX);
        let Overview {
            word,
            command,
            transfer,
        } = session.overview(now);
        let settings = &self.context.policy.settings;
        let idle = session
            .idle_for(&connection.deadlines, settings, now)
            .filter(|_| session.accepts_command());
        SessionRow {
            id: id_of(connection.key()),
            peer: connection.peer(),
            account: session.account_name().map(<[u8]>::to_vec),
            secured: session.secured_word(),
            since: unix_time.saturating_sub(seconds),
            lasted,
            idle: idle.unwrap_or_default().min(lasted),
            activity: word,
            command,
            transfer: transfer.map(transfer_row),
        }
    }

    fn end_session(&mut self, id: &str) -> Response {
        let key = key_of(id).filter(|key| {
            let connection = self.connections.get_mut(*key);
            connection.is_some_and(|one| one.is_known() && !one.session.is_closing())
        });
        let Some(key) = key else {
            let text = "404 Not Found: there is no session with this id";
            return Response::plain(StatusCode::NotFound, text);
        };
        self.tell(key, |connection, context| {
            connection.revoke(Revocation::Operator, context);
        });
        Response::plain(StatusCode::Ok, "The session is ended")
    }
}

fn transfer_row(transfer: TransferOverview<'_>) -> TransferRow {
    let TransferOverview {
        file,
        bytes,
        lasted,
        size,
    } = transfer;
    let direction = match file {
        None => "listing",
        Some((Verb::Retrieve, _)) => "download",
        Some(_) => "upload",
    };
    TransferRow {
        direction,
        path: file.map(|(_, path)| end_of(path.to_bytes())),
        bytes,
        lasted,
        size,
    }
}

/// The end of a long path, which says more than its beginning: a client can make it long.
fn end_of(path: Vec<u8>) -> Vec<u8> {
    let cut = path.len().saturating_sub(PATH_SHOWN);
    match path.get(cut..) {
        Some(end) if cut > 0 => [b"...", end].concat(),
        _ => path,
    }
}

fn id_of(key: Key) -> String {
    format!("{:x}", key.to_bits())
}

fn key_of(id: &str) -> Option<Key> {
    // `from_str_radix` takes a sign.
    let is_hex = id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let bits = usize::from_str_radix(id, 16).ok().filter(|_| is_hex)?;
    Some(Key::from_bits(bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn end_of_a_long_path_is_shown() {
        assert_eq!(end_of(b"/a/b".to_vec()), b"/a/b");
        let long = [vec![b'd'; PATH_SHOWN], b"/file".to_vec()].concat();
        let shown = end_of(long);
        assert_eq!(shown.len(), PATH_SHOWN + 3);
        assert!(shown.starts_with(b"...ddd") && shown.ends_with(b"/file"));
    }
}
