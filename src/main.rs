//! The mioftpd program: reads the command line, starts the log, serves until it is stopped.
//!
//! Exit code 0 after a stop, 1 for what went wrong, 2 for a command line or a configuration file that
//! cannot be meant.

mod cli;
mod configuration;
mod prompt;

use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use cli::{CliArgs, Failure, Invocation, Resolved};
use mioftpd::cause::cause;
use mioftpd::{Config, Server, sandbox};

fn main() -> ExitCode {
    if let Some(code) = mioftpd::run_helper_if_requested() {
        return code;
    }
    let password = std::env::var_os("MIOFTPD_PASSWORD");
    let action = match cli::parse(std::env::args_os().skip(1), password) {
        Ok(action) => action,
        Err(Failure::Wrong(why)) => {
            give_up(&why);
            return ExitCode::from(2);
        }
        Err(Failure::Unreadable(why)) => {
            give_up(&why);
            return ExitCode::FAILURE;
        }
    };
    let done = match action {
        Invocation::Help => io::stdout().write_all(cli::HELP.as_bytes()),
        Invocation::Version => writeln!(io::stdout(), "mioftpd {}", env!("CARGO_PKG_VERSION")),
        Invocation::Example => io::stdout().write_all(configuration::EXAMPLE.as_bytes()),
        Invocation::Check(start) => return configuration::check(&start),
        Invocation::Serve(start, args) => return serve(start, *args),
        Invocation::HashPassword => return hash_password(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn serve(start: Resolved, args: CliArgs) -> ExitCode {
    let served = serve_until_stopped(start, args);
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            give_up(&error);
            ExitCode::FAILURE
        }
    }
}

/// There is one thread until the log's is started: what [`prepare`] gives up, all threads lack.
fn serve_until_stopped(start: Resolved, args: CliArgs) -> Result<(), Box<dyn Error>> {
    let cannot_log = |error| format!("cannot start the log: {}", cause(&error));
    let records = mioftpd::logging::collect(start.log).map_err(cannot_log)?;
    configuration::log_notes(&start);
    let prepared = prepare(*start.config, args);
    let logging = records.print().map_err(cannot_log)?;
    let served = prepared.and_then(|mut server| Ok(server.run()?));
    drop(logging);
    served
}

/// Listens, then gives up every right that is not needed for what was listened for.
fn prepare(mut config: Config, args: CliArgs) -> Result<Server, Box<dyn Error>> {
    raise_descriptor_limit();
    survive_file_size_limit();
    config.helpers = true;
    let mut plan = config.plan();
    let source = configuration::source(args, plan.clone());
    let server = Server::bind_with_source(config, source)?;
    plan.low_ports |= server.dials_from_low_ports();
    sandbox::enforce(&plan)?.log();
    Ok(server)
}

/// Prints the hash alone, so that it can go into a file.
fn hash_password() -> ExitCode {
    let hashed = prompt::new_password().and_then(|password| {
        let hash = mioftpd::auth::hash_password(&password).map_err(io::Error::other)?;
        writeln!(io::stdout(), "{hash}")
    });
    match hashed {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&cause(&error));
            ExitCode::FAILURE
        }
    }
}

/// Says why there is no server, to the service manager too.
fn give_up(why: &impl Display) {
    mioftpd::report_failure(why);
    complain(why);
}

/// Says what is wrong; the exit code says so too, where nobody can be told.
fn complain(why: &impl Display) {
    let _ = writeln!(io::stderr(), "mioftpd: {why}");
}

/// A write beyond the limit of file sizes (`ulimit -f`) ends a process that does not handle its
/// signal; with a handler the write fails, and one upload with it.
fn survive_file_size_limit() {
    let heard = Arc::new(AtomicBool::new(false));
    if let Err(error) = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, heard) {
        log::warn!("Cannot handle SIGXFSZ: {}", cause(&error));
    }
}

/// Systems hand out a soft limit of 1,024 descriptors for the sake of old programs that use
/// `select`; a connection may need three.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        log::warn!("Cannot raise the limit of open files: {}", cause(&error));
    }
}
