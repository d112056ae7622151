//! Data connections of a session, and what passes over them.
//!
//! One data connection at a time; the control connection waits meanwhile.

use std::io::{self, Read as _, Write as _};
use std::sync::atomic::Ordering;

use rustix::event::{PollFd, PollFlags, poll};

use super::Lie;
use super::data::{Way, allowed_port};
use super::session::Session;
use super::wire::Wire;

impl Session {
    pub(super) fn negotiate(&mut self, verb: &str, argument: &[u8]) -> io::Result<String> {
        let fault = self.shared.lie;
        let text = String::from_utf8_lossy(argument).into_owned();
        if self.is_extended_only && verb != "EPSV" && fault != Lie::IgnoresEpsvAll {
            return Ok("501 After EPSV ALL only EPSV.".to_owned());
        }
        Ok(match (verb, text.as_str()) {
            ("EPSV", "ALL") => {
                self.is_extended_only = true;
                self.shared.is_last.store(true, Ordering::Relaxed);
                "200 Ok.".to_owned()
            }
            ("EPSV", "" | "1") => {
                let (way, port) = Way::listen(&self.shared)?;
                self.way = Some(way);
                format!("229 Extended (|||{port}|)")
            }
            ("PASV", _) if fault == Lie::OverIpv6 => "522 Use EPSV.".to_owned(),
            ("PASV", _) => {
                let (way, port) = Way::listen(&self.shared)?;
                self.way = Some(way);
                let [high, low] = port.to_be_bytes();
                let [a, b, c, d] = match fault {
                    Lie::PasvAddress(address) => address,
                    _ => [127, 0, 0, 1],
                };
                let numbers = format!("{a},{b},{c},{d},{high},{low}");
                match fault {
                    Lie::NoParentheses => format!("227 Passive {numbers}"),
                    _ => format!("227 Passive ({numbers})"),
                }
            }
            ("PORT", _) => match allowed_port(argument, fault, self.client) {
                Some(address) => {
                    self.way = Some(Way::Active(address));
                    "200 Ok.".to_owned()
                }
                None => "501 Not there.".to_owned(),
            },
            ("PBSZ", _) => "200 Ok.".to_owned(),
            ("PROT", "P") => {
                self.is_protected = fault != Lie::ClearWithProtP;
                "200 Ok.".to_owned()
            }
            ("PROT", "C") if fault == Lie::AllowsProtC => {
                self.is_protected = false;
                "200 Ok.".to_owned()
            }
            ("PROT", "") => "501 What?".to_owned(),
            ("PROT", _) => "534 No.".to_owned(),
            _ => "522 Use (1)".to_owned(),
        })
    }

    pub(super) fn transfer(&mut self, verb: &str, argument: &[u8]) -> io::Result<String> {
        let fault = self.shared.lie;
        let path = argument.strip_prefix(b"/").unwrap_or(argument).to_vec();
        let rest = match fault {
            Lie::KeepsRest => self.rest,
            _ => std::mem::take(&mut self.rest),
        };
        let is_upload = matches!(verb, "STOR" | "APPE");
        let content = match verb {
            "RETR" => {
                let found = self
                    .store()
                    .files
                    .get(&path)
                    .map(|found| found.bytes.clone());
                match found {
                    None if fault == Lie::SendsMissingFiles => Vec::new(),
                    None => return Ok("550 No such file.".to_owned()),
                    Some(bytes) => self.download(bytes, rest),
                }
            }
            _ if is_upload => Vec::new(),
            _ => self.store().listing(verb, &path),
        };
        let Some(way) = self.way.take() else {
            return Ok("425 PASV first.".to_owned());
        };
        self.send("150 Here it comes.\r\n")?;
        let Ok(mut data) = way.connect(fault, self.client) else {
            return Ok("425 No data connection.".to_owned());
        };
        if self.is_protected {
            if self.has_more(&data)? {
                return Ok("426 Aborted.".to_owned());
            }
            let Ok((secured, is_resumed)) = data.secured(&self.shared.tls) else {
                return Ok("425 No TLS.".to_owned());
            };
            data = secured;
            if !is_resumed && !matches!(fault, Lie::Unbound | Lie::NeverResumes) {
                return Ok("425 Another session.".to_owned());
            }
        }
        if is_upload {
            return Ok(self.upload(verb, &path, rest, data));
        }
        let is_notified = fault != Lie::NoCloseNotify;
        let sent = data
            .write_all(&content)
            .and_then(|()| data.end(is_notified));
        Ok(match sent {
            Ok(()) => "226 Done.".to_owned(),
            Err(_) => "426 Cut.".to_owned(),
        })
    }

    /// Waits until the client begins its handshake; whether it says something else first.
    fn has_more(&mut self, data: &Wire) -> io::Result<bool> {
        if self.unread.contains(&b'\n') {
            return Ok(true);
        }
        let control = self.wire()?.socket();
        let mut sockets = [
            PollFd::new(control, PollFlags::IN),
            PollFd::new(data.socket(), PollFlags::IN),
        ];
        poll(&mut sockets, None)?;
        let [control, data] = sockets.map(|socket| !socket.revents().is_empty());
        Ok(control && !data)
    }

    /// What RETR sends.
    fn download(&self, mut bytes: Vec<u8>, rest: usize) -> Vec<u8> {
        let fault = self.shared.lie;
        let number = self.shared.downloads.fetch_add(1, Ordering::Relaxed);
        if fault == Lie::Flips && number > 0 {
            bytes[0] ^= 1;
        }
        if fault != Lie::IgnoresRest {
            bytes.drain(..rest.min(bytes.len()));
        }
        match fault {
            _ if self.type_code != b'A' => bytes,
            Lie::NoAscii => bytes,
            Lie::WrongAscii => bytes
                .into_iter()
                .map(|byte| if byte == b'\n' { b'\r' } else { byte })
                .collect(),
            _ => bytes
                .split(|&byte| byte == b'\n')
                .collect::<Vec<_>>()
                .join(&b"\r\n"[..]),
        }
    }

    fn upload(&self, verb: &str, path: &[u8], rest: usize, mut data: Wire) -> String {
        let fault = self.shared.lie;
        let mut received = Vec::new();
        let is_cut = data.read_to_end(&mut received).is_err();
        if is_cut && fault != Lie::TrustsResets {
            return "426 Cut.".to_owned();
        }
        let mut store = self.store();
        let path = store.stored_name(path);
        let old = store
            .files
            .get(&path)
            .map(|old| old.bytes.clone())
            .unwrap_or_default();
        let is_append = verb == "APPE" && fault != Lie::AppendReplaces;
        let begin = match fault {
            _ if is_append => old.len(),
            Lie::RestAppends if rest > 0 => rest + 1,
            _ => rest.min(old.len()),
        };
        let mut bytes = old.clone();
        bytes.resize(begin, 0);
        bytes.extend(received);
        if fault == Lie::NeverTruncates && bytes.len() < old.len() {
            bytes.extend_from_slice(&old[bytes.len()..]);
        }
        store.put(&path, bytes);
        "226 Stored.".to_owned()
    }
}
