//! The configuration of the program: the reload at SIGHUP, and `--check`.
//!
//! `--check` prints the effective settings on standard output, and errors and notes on standard error.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use mioftpd::internals::clock::wall_clock;
use mioftpd::sandbox::SandboxPlan;
use mioftpd::{ConfigSource, Finding};

use crate::cli::{CliArgs, Doctor, Failure, Resolved};

/// The output of `--example-config`.
pub(crate) const EXAMPLE: &str = {
    #[cfg(feature = "config")]
    {
        mioftpd::internals::config::file::EXAMPLE
    }
    #[cfg(not(feature = "config"))]
    ""
};

/// Resolves the same command line again. It warns of paths that the sandbox, entered at the start by
/// `plan`, does not allow: the server does not know of the sandbox.
pub(crate) fn source(args: CliArgs, plan: SandboxPlan) -> ConfigSource {
    Arc::new(move || match args.resolve() {
        Ok(mut resolved) => {
            resolved.config.log_level = Some(resolved.log);
            log_notes(&resolved);
            for lack in plan.lacking_for(&resolved.config.plan()) {
                log::warn!("Until the next start {lack}: the sandbox was set up without it");
            }
            Ok(*resolved.config)
        }
        Err(Failure::Invalid(error) | Failure::Unreadable(error)) => Err(error),
    })
}

/// Logs the keys that have no effect, or an undesirable one.
pub(crate) fn log_notes(resolved: &Resolved) {
    for note in resolved.config.notes() {
        log::warn!("{note}");
    }
}

/// Prints the effective settings and all findings; exit code 1 if a start would fail.
pub(crate) fn check(resolved: &Resolved) -> ExitCode {
    crate::raise_descriptor_limit();
    let findings = mioftpd::check(&resolved.config, wall_clock().0);
    let shown = io::stdout().write_all(show(resolved).as_bytes());
    for finding in &findings {
        crate::print_error(finding);
    }
    let fails = |finding: &Finding| matches!(finding, Finding::Failure(_));
    if shown.is_err() || findings.iter().any(fails) {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Prints the report of the doctor; exit code 1 if something on it will hurt.
pub(crate) fn examine(doctor: &Doctor) -> ExitCode {
    crate::raise_descriptor_limit();
    doctor.run(wall_clock().0)
}

#[cfg(feature = "config")]
fn show(resolved: &Resolved) -> String {
    mioftpd::internals::config::file::show(&resolved.config, resolved.log)
}

/// Not called: without the feature there is no `--check`.
#[cfg(not(feature = "config"))]
const fn show(_: &Resolved) -> String {
    String::new()
}
