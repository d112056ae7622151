//! From a line to the method that serves it: what may be said at all, by whom, and how.
//!
//! The table of commands decides who may say what, and whether an argument must be there; so
//! no command's own method has to. RFC 959 §5.3; what is not FTP is turned away.

use log::Level;

use super::{Context, Session, Settings, farewells};
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
        let text = format_args!("{}: A line is too long", self.peer);
        self.log.line(self.peer, cx.now, Level::Warn, text);
        self.is_not_read(cx);
        cx.reply(&Reply::syntax_error());
        self.long_lines += 1;
        if self.long_lines >= LONG_LINES {
            self.close(&farewells::too_many("over-long lines"), cx);
        }
    }

    pub(super) fn serve(&mut self, line: &[u8], cx: &mut Context<'_>) {
        if command::is_tls_hello(line) {
            let why = "a TLS hello on the clear port; the client has to be set to explicit FTPS (AUTH TLS)";
            return self.turn_away(why, cx);
        }
        match Request::parse(line) {
            Ok(request) => {
                self.log_line(line, cx);
                self.forget_what_must_follow_at_once(request.command);
                self.dispatch(&request, cx);
                if request.command.is_transfer() && self.accepts_command() {
                    self.transfer_refused(cx);
                }
                self.name_refused(&request, cx);
            }
            Err(ParseError::Nul) => {
                self.is_not_read(cx);
                cx.reply(&Reply::fixed(501, "NUL is not allowed."));
            }
            Err(ParseError::Unrecognized(verb)) => {
                if command::is_foreign(verb) {
                    return self.turn_away("not an FTP client", cx);
                }
                self.rename_from = None;
                self.channel.forget_part();
                self.unrecognized(verb, cx);
            }
        }
    }

    /// A line whose command nobody has looked at may have been any.
    fn is_not_read(&mut self, cx: &mut Context<'_>) {
        self.rename_from = None;
        self.transfer_refused(cx);
    }

    /// What speaks another protocol may be somebody's browser, made to send us what it
    /// should not: it gets no second line.
    fn turn_away(&mut self, why: &str, cx: &mut Context<'_>) {
        log::warn!(target: target::SECURITY, "{}: Turned away: {why}", self.peer);
        self.close(&Reply::syntax_error(), cx);
    }

    pub(super) fn unrecognized(&mut self, verb: &[u8], cx: &mut Context<'_>) {
        let verb = Visible(without_password(verb));
        let text = format_args!("{}: Command unrecognized: '{verb}'", self.peer);
        self.log.line(self.peer, cx.now, Level::Warn, text);
        cx.reply(&Reply::syntax_error());
    }

    pub(super) fn log_line(&mut self, line: &[u8], cx: &Context<'_>) {
        let line = Visible(without_password(line));
        let text = format_args!("Sent by client {}: {line}", self.peer);
        self.log.line(self.peer, cx.now, Level::Info, text);
    }

    fn dispatch(&mut self, request: &Request<'_>, cx: &mut Context<'_>) {
        if !self.is_transferring() {
            self.audited.begin(request.command);
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

    /// RNTO must follow RNFR at once; REST and RANG hold for the transfer that is arranged next. A
    /// command that is refused comes between as any other.
    fn forget_what_must_follow_at_once(&mut self, command: Command) {
        if command != Command::Rnto {
            self.rename_from = None;
        }
        // Net::FTP asks for help with ALLO and sends it, others send PRET, and then they go on from the
        // offset: an upload that began at zero instead would replace the file by its end.
        let announces = matches!(command, Command::Allo | Command::Help | Command::Pret);
        if announces {
            return;
        }
        let arranges_or_transfers = matches!(
            command,
            Command::Retr
                | Command::Stor
                | Command::Appe
                | Command::Pasv
                | Command::Epsv
                | Command::Port
                | Command::Eprt
        );
        if !arranges_or_transfers {
            self.channel.restart = 0;
        }
        // STOU keeps a range in order to refuse it.
        let about_range = matches!(command, Command::Hash | Command::Stou);
        if !arranges_or_transfers && !about_range {
            self.channel.range = None;
        }
    }

    /// Who is there, and what may be asked of the server.
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
            Command::Csid => Self::client_and_server(cx),
            Command::Noop | Command::Clnt => cx.reply(&Reply::ok()),

            Command::Syst => cx.reply(&Reply::fixed(215, "UNIX Type: L8")),
            Command::Feat => self.features(cx),
            Command::Opts => self.options(argument, cx),
            Command::Help => Self::help(argument, cx),
            Command::Stat => self.status(argument, cx),
            Command::Site => self.site(argument, cx),

            _ => self.run_on_files(request, cx),
        }
    }

    /// What is done to files, and to the data connection on the way there.
    fn run_on_files(&mut self, request: &Request<'_>, cx: &mut Context<'_>) {
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
            Command::Pret => Self::announce(argument, cx),
            Command::Rang => self.range(argument, cx),
            Command::Rest => self.restart(argument, cx),

            Command::Retr => self.retrieve(argument, cx),
            Command::Stor => self.store(argument, cx),
            Command::Stou => self.store_unique(argument, cx),
            Command::Appe => self.append(argument, cx),
            Command::List => self.list(argument, cx),
            Command::Nlst => self.name_list(argument, cx),
            Command::Mlsd => self.machine_list(argument, cx),
            Command::Abor => self.abort_nothing(cx),
            // Rows that are not served do not come here.
            _ => cx.reply(&Reply::not_implemented()),
        }
    }

    /// The path that an argument names, or the 501 is said.
    pub(super) fn path(&mut self, argument: &[u8], cx: &mut Context<'_>) -> Option<VirtualPath> {
        let path = self.leads(argument, cx);
        if let Some(path) = &path {
            self.audited.names(path);
        } else {
            cx.reply(&Reply::fixed(501, "That cannot be a path name."));
        }
        path
    }

    /// Where an argument leads from here, if it can be a path.
    pub(super) fn leads(&self, argument: &[u8], cx: &Context<'_>) -> Option<VirtualPath> {
        let name = self.charset(cx).map(|charset| charset.decode(argument));
        self.directory
            .join(name.as_deref().unwrap_or(argument))
            .ok()
    }

    /// The charset of a client that has not said that it reads UTF-8, if there is one.
    pub(super) fn charset(&self, cx: &Context<'_>) -> Option<Charset> {
        cx.settings.charset.filter(|_| !self.channel.utf8)
    }

    /// A path as the client reads it.
    pub(super) fn shown(&self, path: Vec<u8>, cx: &Context<'_>) -> Vec<u8> {
        match self.charset(cx) {
            Some(charset) => charset.encode(&path).into_owned(),
            None => path,
        }
    }

    /// Whether the account may do all of this, or the 550 is said.
    pub(super) fn may(&self, needed: Permissions, cx: &mut Context<'_>) -> bool {
        allow(self.login.permissions().contains(needed), cx)
    }

    /// Whether the account may do any of this, or the 550 is said.
    pub(super) fn may_some(&self, of: Permissions, cx: &mut Context<'_>) -> bool {
        allow(self.login.permissions().intersects(of), cx)
    }
}

fn allow(may: bool, cx: &mut Context<'_>) -> bool {
    if !may {
        cx.reply(&Reply::fixed(550, "Permission denied."));
    }
    may
}

/// What of a line, or of a verb, may be logged: whatever begins as PASS does, however it was
/// mistyped, may go on with a password.
fn without_password(line: &[u8]) -> &[u8] {
    match line.trim_ascii_start().get(..4) {
        Some(verb) if verb.eq_ignore_ascii_case(b"PASS") => b"PASS ****",
        _ => line,
    }
}

/// Whether a command does anything here: by the table, and as the server is set.
pub(super) fn is_served(row: &Row, settings: &Settings) -> bool {
    match row.command {
        Command::Comb => settings.allow_combine,
        Command::Auth | Command::Pbsz | Command::Prot | Command::Ccc => settings.security.is_some(),
        _ => row.served,
    }
}
