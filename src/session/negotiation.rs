//! HOST, CSID, LANG and PRET: negotiation before the login or before a transfer. RFC 7151, RFC 2640 §4,
//! draft-peterson-streamlined-ftp-command-extensions; PRET as distributed FTP servers define it.
//!
//! The server has one virtual host and one language, so none of these commands changes any state. They
//! are answered because some clients do not continue without a positive reply.

use super::attributes::split_word;
use super::login::Login;
use super::{Context, Session};
use crate::protocol::command;
use crate::protocol::reply::Reply;

impl Session {
    /// HOST is allowed before the login only, since it may select the set of accounts (RFC 7151 §3.1).
    pub(super) fn host(&self, name: &[u8], cx: &mut Context<'_>) {
        cx.reply(&match &self.login {
            Login::LoggedIn { .. } => Reply::fixed(503, "HOST comes before the login."),
            _ if is_host(name) => cx.settings.greeting_reply(),
            _ => Reply::fixed(501, "HOST takes a name or an address in brackets."),
        });
    }

    /// Accepts the default, and English with any subtag (RFC 2640 §4.1).
    pub(super) fn language(tag: &[u8], cx: &mut Context<'_>) {
        let mut parts = tag.split(|&b| b == b'-');
        // `split` yields at least one item.
        let primary = parts.next().unwrap_or_default();
        cx.reply(&if tag.is_empty() || primary.eq_ignore_ascii_case(b"EN") {
            Reply::fixed(200, "Replies are in English.")
        } else {
            Reply::fixed(504, "Replies are in English only.")
        });
    }

    pub(super) fn identify(cx: &mut Context<'_>) {
        let version = env!("CARGO_PKG_VERSION");
        let text = format!("Name=mioftpd; Version={version}; OS=Linux; CaseSensitive=1; DirSep=/;");
        cx.reply(&Reply::new(200, text));
    }

    /// PRET names the transfer that follows PASV; this server needs no such hint. FEAT does not list it,
    /// because clients that find it there send it before each transfer.
    pub(super) fn announce_transfer(argument: &[u8], cx: &mut Context<'_>) {
        let (verb, _) = split_word(argument);
        let is_transfer = command::lookup(verb).is_some_and(|row| row.command.is_transfer());
        cx.reply(&if is_transfer {
            Reply::ok()
        } else {
            Reply::fixed(501, "PRET takes the transfer command that will follow.")
        });
    }
}

/// Whether this is a domain name or an address literal. RFC 7151 §3.1 allows no port and no space.
fn is_host(name: &[u8]) -> bool {
    match name {
        [b'[', address @ .., b']'] => {
            let text = std::str::from_utf8(address);
            text.is_ok_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok())
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
    fn host_accepts_names_and_bracketed_addresses() {
        for name in ["ftp.example.com", "localhost", "a.b.", "[::1]", "192.0.2.1"] {
            assert!(is_host(name.as_bytes()), "{name}");
        }
        for name in ["a b", "a..b", "host:21", "[::1", "[x]", "::1", "."] {
            assert!(!is_host(name.as_bytes()), "{name}");
        }
    }
}
