//! `--inetd`: one session on standard input, a connection that another program has accepted: inetd(8),
//! tcpsvd(8), or systemd with `Accept=yes`.
//!
//! The process has no threads, and ends with the session. The standard streams are taken away from the
//! connection before anything else happens, so that no message is sent to the client.

use std::fs::File;
use std::io::{self, Write as _};
use std::net::TcpStream;
use std::os::fd::AsFd;

use mioftpd::internals::cause::cause;
use mioftpd::logging::Waiting;
use mioftpd::{Config, ConfigSource, Error, Server};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

/// The connection of standard input.
pub(crate) struct InetdClient(TcpStream);

impl InetdClient {
    /// Takes the connection if the command line says so.
    ///
    /// # Errors
    /// When standard input is not a TCP connection.
    pub(crate) fn take() -> Result<Option<Self>, String> {
        // Read before the command line is, because errors in that must not be sent to the client.
        if !std::env::args_os().any(|argument| argument == "--inetd") {
            return Ok(None);
        }
        let failed = |error: io::Error| {
            let why = cause(&error);
            format!(
                "--inetd: standard input is not a TCP connection ({why}); let inetd, tcpsvd or a systemd \
                 socket with Accept=yes start the server"
            )
        };
        take_streams().map(Some).map_err(failed)
    }

    /// Tells the client that the start has failed.
    pub(crate) fn refuse(&self) {
        let reply = b"421 Service not available, closing control connection.\r\n";
        let _ = (&self.0).write_all(reply);
    }

    /// A server of this connection alone. It starts no threads for storage: the client waits for its own
    /// commands only. The clean-up of unfinished uploads would read the whole tree for each session.
    pub(crate) fn server(
        &self,
        mut config: Config,
        source: ConfigSource,
    ) -> Result<Server, Box<dyn std::error::Error>> {
        config.workers = 0;
        config.connections = 1;
        config.remove_unfinished = false;
        Ok(Server::with_client(config, source, self.0.try_clone()?)?)
    }
}

fn take_streams() -> io::Result<InetdClient> {
    let client = TcpStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    client.peer_addr()?;
    let null = File::options().read(true).write(true).open("/dev/null")?;
    if is_same(io::stderr(), &client) {
        dup2_stderr(&null)?;
    }
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    Ok(InetdClient(client))
}

fn is_same(one: impl AsFd, other: impl AsFd) -> bool {
    let id = |file: rustix::fs::Stat| (file.st_dev, file.st_ino);
    let (one, other) = (
        rustix::fs::fstat(one).map(id),
        rustix::fs::fstat(other).map(id),
    );
    matches!((one, other), (Ok(one), Ok(other)) if one == other)
}

/// Serves until the session has ended, and prints the log in between: there is no thread for it.
pub(crate) fn serve_session(mut server: Server, log: &mut Waiting) -> Result<(), Error> {
    while server.connections() > 0 && server.turn(None)? {
        log.print_queued();
    }
    // Ends what is left to do for files.
    server.handle().stop();
    server.run()?;
    log.print_queued();
    Ok(())
}
