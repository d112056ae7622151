//! The mioftpd program: reads the command line, starts the log, serves until it is stopped.
//!
//! Exit code 0 after a stop, 1 for what went wrong, 2 for a command line that cannot be meant.

mod cli;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use cli::Action;
use mioftpd::Server;
use mioftpd::config::Config;
use signal_hook::consts::SIGXFSZ;

fn main() -> ExitCode {
    let password = std::env::var_os("MIOFTPD_PASSWORD");
    let action = match cli::parse(std::env::args_os().skip(1), password) {
        Ok(action) => action,
        Err(usage) => {
            eprintln!("mioftpd: {usage}");
            return ExitCode::from(2);
        }
    };
    let done = match action {
        Action::Help => io::stdout().write_all(cli::HELP.as_bytes()),
        Action::Version => writeln!(io::stdout(), "mioftpd {}", env!("CARGO_PKG_VERSION")),
        Action::Serve(config, level) => return serve(*config, level),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn serve(config: Config, level: log::LevelFilter) -> ExitCode {
    let logging = match mioftpd::logging::start(level) {
        Ok(logging) => logging,
        Err(error) => {
            eprintln!("mioftpd: cannot start the log: {error}");
            return ExitCode::FAILURE;
        }
    };
    raise_descriptor_limit();
    outlive_file_size_limit();
    let served = Server::bind_with_signals(config).and_then(|mut server| server.run());
    drop(logging);
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mioftpd: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Where file sizes are limited (`ulimit -f`), a write beyond is a signal that ends the process.
/// With a handler it is an error: that of the one upload.
fn outlive_file_size_limit() {
    let seen = Arc::new(AtomicBool::new(false));
    if let Err(error) = signal_hook::flag::register(SIGXFSZ, seen) {
        log::warn!("An upload beyond the limit of file sizes will end the server: {error}");
    }
}

/// Systems hand out a soft limit of 1,024 descriptors for the sake of old programs that use
/// `select`; a connection may need three.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        log::warn!("Cannot raise the limit of open files: {error}");
    }
}
