//! The mioftpd program: parses the command line, starts the log, and serves until it is stopped.
//!
//! Exit codes: 0 stopped, 1 failed, 2 invalid command line or configuration.

mod cli;
mod configuration;
#[cfg_attr(not(feature = "daemon"), path = "no_daemon.rs")]
mod daemon;
mod prompt;

use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use cli::{CliArgs, Failure, Invocation, Resolved};
use daemon::{Background, InetdClient};
use mioftpd::internals::auth::{self, HashScheme};
use mioftpd::internals::cause::cause;
use mioftpd::internals::hash_memory::HashMemory;
use mioftpd::sandbox::{self, RunAs};
use mioftpd::{Config, Server};

fn main() -> ExitCode {
    if let Some(code) = mioftpd::run_helper_if_requested() {
        return code;
    }
    match InetdClient::take() {
        Ok(client) => run(client.as_ref()),
        Err(error) => {
            print_error(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(client: Option<&InetdClient>) -> ExitCode {
    let password = std::env::var_os("MIOFTPD_PASSWORD");
    let action = match cli::parse(std::env::args_os().skip(1), password) {
        Ok(action) => action,
        Err(Failure::Invalid(error)) => {
            report_failure(&error, client);
            return ExitCode::from(2);
        }
        Err(Failure::Unreadable(error)) => {
            report_failure(&error, client);
            return ExitCode::FAILURE;
        }
    };
    let done = match action {
        Invocation::Help => io::stdout().write_all(cli::help().as_bytes()),
        Invocation::Version => io::stdout().write_all(cli::version().as_bytes()),
        Invocation::Example => io::stdout().write_all(configuration::EXAMPLE.as_bytes()),
        Invocation::Check(resolved) => return configuration::check(&resolved),
        Invocation::Serve(resolved, args) => {
            let in_background = daemon::start_in_background(args.process());
            return in_background.unwrap_or_else(|| serve(resolved, *args, client));
        }
        Invocation::HashPassword(scheme) => return hash_password(scheme),
        Invocation::Examine(doctor) => return configuration::examine(&doctor),
        Invocation::Operate(operation) => return code_of(&operation.run()),
        Invocation::Bench(bench) => return code_or_error(bench.run()),
        Invocation::Probe(probe) => return code_or_error(probe.run()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn code_or_error(done: Result<ExitCode, String>) -> ExitCode {
    done.unwrap_or_else(|error| {
        print_error(&error);
        ExitCode::FAILURE
    })
}

fn code_of(done: &Result<(), String>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(error);
            ExitCode::FAILURE
        }
    }
}

fn serve(resolved: Resolved, args: CliArgs, client: Option<&InetdClient>) -> ExitCode {
    match serve_until_stopped(resolved, args, client) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report_failure(&error, client);
            ExitCode::FAILURE
        }
    }
}

/// The process is single-threaded until `print` starts the log thread, so that every thread inherits the
/// sandbox that [`prepare`] enters.
fn serve_until_stopped(
    resolved: Resolved,
    args: CliArgs,
    client: Option<&InetdClient>,
) -> Result<(), Box<dyn Error>> {
    let cannot_log = |error| format!("cannot start the log: {}", cause(&error));
    let syslog = resolved.config.syslog.clone();
    let records = mioftpd::logging::collect(resolved.log).map_err(cannot_log)?;
    let mut records = records.to_syslog(&syslog);
    configuration::log_notes(&resolved);
    let mut background = Background::begin(args.process())?;
    let prepared = prepare(*resolved.config, args, client);
    background.show_messages(&mut records);
    if client.is_some() {
        return Ok(daemon::serve_session(prepared?, &mut records)?);
    }
    let losses = records.losses();
    let logging = records.print().map_err(cannot_log)?;
    let served = prepared.and_then(|mut server| {
        server.show_log_losses(losses);
        background.ready(syslog.path().is_some())?;
        let served = server.run();
        server.log_summary();
        Ok(served?)
    });
    drop(logging);
    served
}

/// Binds the listeners, then enters the sandbox.
fn prepare(
    mut config: Config,
    args: CliArgs,
    client: Option<&InetdClient>,
) -> Result<Server, Box<dyn Error>> {
    raise_descriptor_limit();
    survive_file_size_limit();
    config.helpers = true;
    let mut plan = config.plan();
    plan.run_as.as_ref().map(RunAs::check).transpose()?;
    let source = configuration::source(args, plan.clone());
    let mut server = match client {
        Some(client) => client.server(config, source)?,
        None => Server::bind_with_source(config, source)?,
    };
    plan.low_ports |= server.dials_from_low_ports();
    sandbox::enforce(&plan)?.log();
    server.announce();
    Ok(server)
}

/// Standard output gets the hash only, so that it can be redirected to a file.
fn hash_password(scheme: Option<HashScheme>) -> ExitCode {
    let hashed = prompt::new_password().and_then(|password| {
        let most = HashMemory::measure().for_a_hash();
        let hash = auth::hash_within(&password, scheme, most).map_err(io::Error::other)?;
        if scheme != Some(HashScheme::Sha512Crypt) && most < auth::USUAL_HASH_BYTES {
            print_error(&smaller_hash(most, auth::hash_bytes(&hash)));
        }
        writeln!(io::stdout(), "{hash}")
    });
    match hashed {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(&cause(&error));
            ExitCode::FAILURE
        }
    }
}

/// The note that this machine has too little memory for the usual hash.
fn smaller_hash(most: u64, made: usize) -> String {
    let made = match made / 1024 / 1024 {
        0 => "SHA-512-crypt, which takes none".to_owned(),
        mebibytes => format!("argon2id that takes {mebibytes} MiB and more time"),
    };
    let (most, usual) = (most / 1024 / 1024, auth::USUAL_HASH_BYTES / 1024 / 1024);
    format!(
        "a hash may take {most} MiB of memory here, and the usual one takes {usual}: made {made}"
    )
}

/// Reports a failed start to the client, to the service manager and on standard error.
fn report_failure(error: &impl Display, client: Option<&InetdClient>) {
    if let Some(client) = client {
        client.refuse();
    }
    mioftpd::report_failure(error);
    print_error(error);
}

/// The exit code reports a failure even if standard error is closed.
fn print_error(error: &impl Display) {
    let _ = writeln!(io::stderr(), "mioftpd: {error}");
}

/// Handles SIGXFSZ: its default action kills a process that writes beyond the file size limit
/// (`ulimit -f`). With a handler the write fails with EFBIG, which fails one upload only.
fn survive_file_size_limit() {
    let flag = Arc::new(AtomicBool::new(false));
    if let Err(error) = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, flag) {
        log::warn!("Cannot handle SIGXFSZ: {}", cause(&error));
    }
}

/// Raises the soft limit of open files to the hard limit. The default of 1,024 exists for programs that use
/// `select`; a connection may need four, and a passive listener.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        log::warn!("Cannot raise the limit of open files: {}", cause(&error));
    }
}
