//! Dispatches a command line to the method of its command. RFC 959 §5.3.
//!
//! The table of commands says which commands need a login and which need an argument, so that no method
//! checks this itself. A connection that speaks another protocol is closed. Permissions of the account are
//! the methods' own concern.

use log::Level;

use super::session_log::LineClass;
use super::{Context, Session, Settings, closing};
use crate::auth::Permissions;
use crate::file_task::Algorithm;
use crate::limits::LONG_LINES;
use crate::observe::target;
use crate::protocol::charset::Charset;
use crate::protocol::command::{self, Access, Argument, Command, ParseError, Request, Row};
use crate::protocol::path::VirtualPath;
use crate::protocol::reply::Reply;
use crate::protocol::visible::Visible;

impl Session {
    pub(super) fn line_too_long(&mut self, cx: &mut Context<'_>) {
        let text = format_args!("{}: Command line too long", self.peer);
        self.log
            .line(LineClass::Routine, self.peer, cx.now, Level::Warn, text);
        self.reset_sequence(cx);
        cx.counts.command(None, b"");
        cx.reply(&Reply::syntax_error());
        self.long_lines += 1;
        if self.long_lines >= LONG_LINES {
            self.close(&closing::too_many("over-long lines"), cx);
        }
    }

    pub(super) fn serve(&mut self, line: &[u8], cx: &mut Context<'_>) {
        if command::is_tls_hello(line) {
            let reason =
                "TLS ClientHello in clear text; the client must be set to explicit FTPS (AUTH TLS)";
            cx.counts.command(None, b"");
            return self.reject_protocol(reason, cx);
        }
        let request = Request::parse(line);
        match &request {
            Ok(request) => cx.counts.command(Some(request.command), request.argument),
            Err(_) => cx.counts.command(None, b""),
        }
        match request {
            Ok(request) => {
                self.log_line(line, cx);
                self.reset_sequence_before(request.command);
                self.dispatch(&request, cx);
                if request.command.is_transfer() && self.accepts_command() {
                    self.transfer_refused(cx);
                }
                self.note_refused_path(&request, cx);
            }
            Err(ParseError::Nul) => {
                self.reset_sequence(cx);
                cx.reply(&Reply::fixed(501, "NUL is not allowed."));
            }
            Err(ParseError::Unrecognized(verb)) => {
                if command::is_foreign(verb) {
                    return self.reject_protocol("not an FTP client", cx);
                }
                self.rename_from = None;
                self.params.clear_range();
                self.unrecognized(verb, cx);
            }
        }
    }

    /// A line that is not parsed may be any command, so it ends each sequence (REST, RNFR).
    fn reset_sequence(&mut self, cx: &mut Context<'_>) {
        self.rename_from = None;
        self.transfer_refused(cx);
    }

    /// Closes at the first line of another protocol: it may be a browser that was tricked into a
    /// cross-protocol request.
    fn reject_protocol(&mut self, reason: &str, cx: &mut Context<'_>) {
        log::warn!(target: target::SECURITY, "{}: Closed: {reason}", self.peer);
        self.close(&Reply::syntax_error(), cx);
    }

    pub(super) fn unrecognized(&mut self, verb: &[u8], cx: &mut Context<'_>) {
        let verb = Visible(redact_password(verb));
        let text = format_args!("{}: Command unrecognized: '{verb}'", self.peer);
        self.log
            .line(LineClass::Routine, self.peer, cx.now, Level::Warn, text);
        cx.reply(&Reply::syntax_error());
    }

    pub(super) fn log_line(&mut self, line: &[u8], cx: &Context<'_>) {
        if Level::Info > log::max_level() {
            return;
        }
        let line = Visible(redact_password(line));
        let text = format_args!("Sent by client {}: {line}", self.peer);
        self.log
            .line(LineClass::Routine, self.peer, cx.now, Level::Info, text);
    }

    fn dispatch(&mut self, request: &Request<'_>, cx: &mut Context<'_>) {
        if !self.is_transferring() {
            self.audit.begin(request.command);
        }
        let row = request.command.row();
        if row.access == Access::LoggedIn && !self.login.is_logged_in() {
            return cx.reply(&Reply::not_logged_in());
        }
        if !is_served(row, cx.settings) {
            return cx.reply(&Reply::not_implemented());
        }
        match row.argument {
            Argument::Required if request.argument.is_empty() => {
                return cx.reply(&Reply::fixed(501, "An argument is needed."));
            }
            Argument::None if !request.argument.is_empty() => {
                return cx.reply(&Reply::fixed(501, "No argument is allowed."));
            }
            _ => {}
        }
        self.run(request, cx);
    }

    /// Clears what this command may not follow: RNTO must follow RNFR directly, REST and RANG apply to
    /// the next transfer. A refused command counts as any other.
    fn reset_sequence_before(&mut self, command: Command) {
        if command != Command::Rnto {
            self.rename_from = None;
        }
        // Net::FTP sends HELP ALLO and ALLO between REST and its upload, other clients send PRET. An upload
        // from offset 0 instead would replace the file with its tail.
        let keeps_all = matches!(command, Command::Allo | Command::Help | Command::Pret);
        if keeps_all {
            return;
        }
        let precedes_transfer = matches!(
            command,
            Command::Retr
                | Command::Stor
                | Command::Appe
                | Command::Pasv
                | Command::Epsv
                | Command::Port
                | Command::Eprt
        );
        if !precedes_transfer {
            self.params.restart = 0;
        }
        // STOU keeps the range in order to refuse it.
        let keeps_range = matches!(command, Command::Hash | Command::Stou);
        if !precedes_transfer && !keeps_range {
            self.params.range = None;
        }
    }

    /// Login, TLS and information; the rest goes to `run_file_command`.
    fn run(&mut self, request: &Request<'_>, cx: &mut Context<'_>) {
        let argument = request.argument;
        match request.command {
            Command::User => self.user(argument, cx),
            Command::Pass => self.pass(argument, cx),
            Command::Acct => cx.reply(&Reply::superfluous()),
            Command::Rein => self.reinitialize(cx),
            Command::Quit => self.close(&Reply::connection_close(), cx),

            Command::Auth => self.authenticate(argument, cx),
            Command::Pbsz => self.protection_buffer(argument, cx),
            Command::Prot => self.protect(argument, cx),
            Command::Ccc => self.clear_command_channel(cx),

            Command::Host => self.host(argument, cx),
            Command::Lang => Self::language(argument, cx),
            Command::Csid => Self::identify(cx),
            Command::Noop | Command::Clnt => cx.reply(&Reply::ok()),

            Command::Syst => cx.reply(&Reply::fixed(215, "UNIX Type: L8")),
            Command::Feat => self.features(cx),
            Command::Opts => self.options(argument, cx),
            Command::Help => Self::help(argument, cx),
            Command::Stat => self.status(argument, cx),
            Command::Site => self.site(argument, cx),

            _ => self.run_file_command(request, cx),
        }
    }

    fn run_file_command(&mut self, request: &Request<'_>, cx: &mut Context<'_>) {
        let argument = request.argument;
        match request.command {
            Command::Pwd => self.print_directory(cx),
            Command::Cwd => self.change_directory(argument, cx),
            Command::Cdup => self.change_directory(b"..", cx),
            Command::Mkd => self.make_directory(argument, cx),
            Command::Rmd => self.remove_directory(argument, cx),

            Command::Dele => self.delete(argument, cx),
            Command::Rnfr => self.rename_from(argument, cx),
            Command::Rnto => self.rename_to(argument, cx),
            Command::Size => self.size(argument, cx),
            Command::Mdtm => self.modification_time(argument, cx),
            Command::Mfmt => self.modify_time(argument, cx),
            Command::Mff => self.modify_facts(argument, cx),
            Command::Mfct => Self::modify_creation_time(cx),
            Command::Mlst => self.list_one(argument, cx),
            Command::Avbl => self.available(argument, cx),
            Command::Allo => self.allocate(argument, cx),
            Command::Dsiz => self.directory_size(argument, cx),
            Command::Comb => self.combine(argument, cx),

            Command::Hash => self.hash(argument, cx),
            Command::Md5 => self.md5(argument, cx),
            Command::Xcrc => self.x_digest(Algorithm::Crc32, argument, cx),
            Command::Xmd5 => self.x_digest(Algorithm::Md5, argument, cx),
            Command::Xsha1 => self.x_digest(Algorithm::Sha1, argument, cx),
            Command::Xsha256 => self.x_digest(Algorithm::Sha256, argument, cx),
            Command::Xsha512 => self.x_digest(Algorithm::Sha512, argument, cx),

            Command::Type => self.set_type(argument, cx),
            Command::Stru => self.set_structure(argument, cx),
            Command::Mode => self.set_mode(argument, cx),
            Command::Port => self.port(argument, cx),
            Command::Eprt => self.extended_port(argument, cx),
            Command::Pasv => self.passive(cx),
            Command::Epsv => self.extended_passive(argument, cx),
            Command::Pret => Self::announce_transfer(argument, cx),
            Command::Rang => self.range(argument, cx),
            Command::Rest => self.restart(argument, cx),

            Command::Retr => self.retrieve(argument, cx),
            Command::Stor => self.store(argument, cx),
            Command::Stou => self.store_unique(argument, cx),
            Command::Appe => self.append(argument, cx),
            Command::List => self.list(argument, cx),
            Command::Nlst => self.name_list(argument, cx),
            Command::Mlsd => self.machine_list(argument, cx),
            Command::Abor => self.abort_without_transfer(cx),
            // `dispatch` has answered the rows that are not served.
            _ => cx.reply(&Reply::not_implemented()),
        }
    }

    /// Resolves a path argument and notes it for the audit log, or replies 501.
    pub(super) fn path(&mut self, argument: &[u8], cx: &mut Context<'_>) -> Option<VirtualPath> {
        let path = self.resolve(argument, cx);
        if let Some(path) = &path {
            self.audit.note_path(path);
        } else {
            cx.reply(&Reply::fixed(501, "That cannot be a path name."));
        }
        path
    }

    /// As [`path`](Self::path), for an account with all of these permissions.
    pub(super) fn permitted_path(
        &mut self,
        needed: Permissions,
        argument: &[u8],
        cx: &mut Context<'_>,
    ) -> Option<VirtualPath> {
        self.may(needed, cx).then(|| self.path(argument, cx))?
    }

    /// Resolves an argument against the current directory. `None`: it is no valid path.
    pub(super) fn resolve(&self, argument: &[u8], cx: &Context<'_>) -> Option<VirtualPath> {
        let name = self.charset(cx).map(|charset| charset.decode(argument));
        // Without a charset the name is its bytes.
        self.directory
            .join(name.as_deref().unwrap_or(argument))
            .ok()
    }

    /// The fallback charset, unless the client has sent OPTS UTF8 ON.
    pub(super) fn charset(&self, cx: &Context<'_>) -> Option<Charset> {
        cx.settings.charset.filter(|_| !self.params.utf8)
    }

    pub(super) fn encoded_for_client(&self, path: Vec<u8>, cx: &Context<'_>) -> Vec<u8> {
        match self.charset(cx) {
            Some(charset) => charset.encode(&path).into_owned(),
            None => path,
        }
    }

    /// Whether the account has all of these permissions; replies 550 if not.
    pub(super) fn may(&self, needed: Permissions, cx: &mut Context<'_>) -> bool {
        allow(self.login.permissions().contains(needed), cx)
    }

    /// Whether the account has any of these permissions; replies 550 if not.
    pub(super) fn may_any(&self, of: Permissions, cx: &mut Context<'_>) -> bool {
        allow(self.login.permissions().intersects(of), cx)
    }
}

fn allow(may: bool, cx: &mut Context<'_>) -> bool {
    if !may {
        cx.reply(&Reply::fixed(550, "Permission denied."));
    }
    may
}

/// The part of a line or verb that may be logged. Anything that starts with PASS or ACCT, even if mistyped,
/// may contain a password.
fn redact_password(line: &[u8]) -> &[u8] {
    match line.trim_ascii_start().get(..4) {
        Some(verb) if verb.eq_ignore_ascii_case(b"PASS") => b"PASS ****",
        Some(verb) if verb.eq_ignore_ascii_case(b"ACCT") => b"ACCT ****",
        _ => line,
    }
}

/// Whether a command is served, by the table and by the settings.
pub(super) fn is_served(row: &Row, settings: &Settings) -> bool {
    match row.command {
        Command::Comb => settings.allow_combine,
        Command::Auth | Command::Pbsz | Command::Prot | Command::Ccc => settings.security.is_some(),
        _ => row.served,
    }
}

/// Whether FEAT and HELP list a command. Two are served only to be refused: CCC where the settings do not
/// allow it, and MFCT, which no system can do.
pub(super) fn is_listed(row: &Row, settings: &Settings) -> bool {
    is_served(row, settings)
        && match row.command {
            Command::Ccc => settings.allows_clear(),
            Command::Mfct => false,
            _ => true,
        }
}
