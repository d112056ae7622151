//! Parses the command line.
//!
//! An error names the option, the value and the remedy. This module opens the configuration file, password
//! files, and the socket of a running server; it starts nothing.

#[cfg_attr(not(feature = "bench"), path = "no_doctor.rs")]
mod doctor;
mod help;
mod layers;
#[cfg_attr(not(feature = "status"), path = "no_operator.rs")]
mod operator;
mod options;

use std::ffi::OsString;

use mioftpd::internals::auth::HashScheme;
use mioftpd::internals::bench::Bench;
use mioftpd::internals::probe::Probe;

pub(crate) use doctor::Doctor;
pub(crate) use help::{help, version};
pub(crate) use layers::{CliArgs, Resolved};
pub(crate) use operator::Operation;
use options::Options;
pub(crate) use options::ProcessOptions;

/// The action that the command line selects.
pub(crate) enum Invocation {
    Serve(Resolved, Box<CliArgs>),
    Check(Resolved),
    Example,
    HashPassword(Option<HashScheme>),
    Operate(Operation),
    Bench(Bench),
    Probe(Probe),
    #[cfg_attr(
        not(feature = "bench"),
        expect(dead_code, reason = "nothing is examined")
    )]
    Examine(Doctor),
    Help,
    Version,
}

/// The reason that there is no configuration.
pub(crate) enum Failure {
    /// The command line or the file is invalid.
    Invalid(String),
    /// The file cannot be read.
    #[cfg_attr(
        not(feature = "settings"),
        expect(dead_code, reason = "no file is read")
    )]
    Unreadable(String),
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Self {
        Self::Invalid(error.to_string())
    }
}

/// Parses the arguments; `password` is the value of the environment variable.
pub(crate) fn parse(
    arguments: impl Iterator<Item = OsString>,
    password: Option<OsString>,
) -> Result<Invocation, Failure> {
    let mut arguments: Vec<_> = arguments.collect();
    if let Some(operation) = Operation::parse(&arguments)? {
        return Ok(Invocation::Operate(operation));
    }
    if let Some(bench) = Bench::parse(&arguments).map_err(Failure::Invalid)? {
        return Ok(Invocation::Bench(bench));
    }
    if let Some(probe) = Probe::parse(&arguments).map_err(Failure::Invalid)? {
        return Ok(Invocation::Probe(probe));
    }
    let doctor = Doctor::take(&mut arguments);
    let mut options = Options::default();
    if let Some(invocation) = options.read(&arguments)? {
        return Ok(invocation);
    }
    let is_check = options.is_given("check");
    let args = CliArgs {
        arguments,
        options,
        password,
    };
    let resolved = args.resolve()?;
    Ok(if let Some(doctor) = doctor {
        doctor.of(resolved)
    } else if is_check {
        Invocation::Check(resolved)
    } else {
        Invocation::Serve(resolved, Box::new(args))
    })
}
