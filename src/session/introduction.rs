//! HOST, CLNT, CSID, LANG, PRET: what client and server tell each other before they work.
//! RFC 7151, RFC 2640 §4, the CSID draft (draft-peterson-streamlined-ftp-command-extensions), and
//! PRET as distributed servers know it.
//!
//! One server is one host and speaks one language, so nothing that is said here changes what
//! follows; clients that ask want a civil answer.

use super::login::Login;
use super::{Context, Session};
use crate::protocol::command;
use crate::protocol::reply::Reply;

impl Session {
    /// Before the login only, because it could choose among accounts (RFC 7151 §3.1).
    pub(super) fn host(&self, name: &[u8], cx: &mut Context<'_>) {
        cx.reply(&match &self.login {
            Login::LoggedIn(..) => Reply::fixed(503, "HOST comes before the login."),
            _ if is_host(name) => cx.settings.welcome(),
            _ => Reply::fixed(501, "HOST takes a name or an address in brackets."),
        });
    }

    /// English is what replies are in; any of its kinds will do (RFC 2640 §4.1).
    pub(super) fn language(tag: &[u8], cx: &mut Context<'_>) {
        let mut parts = tag.split(|&b| b == b'-');
        let primary = parts.next().unwrap_or_default();
        cx.reply(&if tag.is_empty() || primary.eq_ignore_ascii_case(b"EN") {
            Reply::fixed(200, "Replies are in English.")
        } else {
            Reply::fixed(504, "Replies are in English only.")
        });
    }

    pub(super) fn client_and_server(cx: &mut Context<'_>) {
        let version = env!("CARGO_PKG_VERSION");
        let text = format!("Name=mioftpd; Version={version}; OS=Linux; CaseSensitive=1; DirSep=/;");
        cx.reply(&Reply::new(200, text));
    }

    /// Which transfer will follow PASV; here each can be made from everywhere. Not in FEAT, because
    /// clients that find it there ask before each transfer.
    pub(super) fn announce(argument: &[u8], cx: &mut Context<'_>) {
        let verb = argument.split(|&b| b == b' ').next().unwrap_or_default();
        let is_transfer = command::lookup(verb).is_some_and(|row| row.command.is_transfer());
        cx.reply(&if is_transfer {
            Reply::ok()
        } else {
            Reply::fixed(501, "PRET takes the transfer command that will follow.")
        });
    }
}

/// A domain name, or an address literal: RFC 7151 §3.1 leaves out ports and spaces.
fn is_host(name: &[u8]) -> bool {
    match name {
        [b'[', address @ .., b']'] => {
            let text = std::str::from_utf8(address).unwrap_or_default();
            text.parse::<std::net::Ipv6Addr>().is_ok()
        }
        name => {
            let is_label = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            let mut labels = name
                .strip_suffix(b".")
                .unwrap_or(name)
                .split(|&b| b == b'.');
            labels.all(|label| !label.is_empty() && label.iter().all(is_label))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_host;

    #[test]
    fn hosts_are_names_and_bracketed_addresses() {
        for name in ["ftp.example.com", "localhost", "a.b.", "[::1]", "192.0.2.1"] {
            assert!(is_host(name.as_bytes()), "{name}");
        }
        for name in ["a b", "a..b", "host:21", "[::1", "[x]", "::1", "."] {
            assert!(!is_host(name.as_bytes()), "{name}");
        }
    }
}
