//! The runs of a measurement: one, or interleaved rounds on several servers (`--against`, `--floor`).
//!
//! In each round every server has its turn, each time another one first, so that what changes on the host
//! meets all of them. It must not know how a run is made.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use super::compare::{Series, table};
use super::plan::{Format, Plan};
use super::results::Results;
use super::run::Run;
use super::{floor, plot, print, report, target};
use crate::cause::cause;
use crate::protocol::json_text::JsonText;

/// What is measured, and what is made of it.
#[derive(Debug)]
pub(super) struct Measured {
    /// The same for each server.
    pub(super) plans: Vec<Plan>,
    pub(super) rounds: usize,
    pub(super) plot: Option<PathBuf>,
    pub(super) has_floor: bool,
}

/// A server, and what its rounds have come to.
struct Server {
    name: String,
    plan: Plan,
    address: SocketAddr,
    results: Vec<Results>,
    /// Why the last round has no results, if it has none.
    failure: Option<String>,
}

impl Measured {
    /// Runs, prints and draws.
    ///
    /// # Errors
    /// In words, if nothing could be measured or the results could not be written.
    pub(super) fn run(&self) -> Result<ExitCode, String> {
        let mut servers = self.servers()?;
        // Found out before the work is done.
        let drawing = self.plot.as_deref().map(plot::create).transpose()?;
        let stopped = "stopped before each server had its turn";
        'rounds: for round in 0..self.rounds {
            for turn in 0..servers.len() {
                let index = (round + turn) % servers.len();
                let Some(server) = servers.get_mut(index) else {
                    continue;
                };
                match measure(&server.plan, server.address) {
                    Ok(results) => {
                        let is_stopped = results.is_stopped;
                        server.results.push(results);
                        if is_stopped {
                            break 'rounds;
                        }
                    }
                    // A server that is gone takes nothing from the others.
                    Err(why) if round > 0 => server.failure = Some(why),
                    Err(why) => return Err(why),
                }
            }
        }
        if servers.iter().any(|server| server.results.is_empty()) {
            return Err(stopped.to_owned());
        }
        print(&self.text(&servers))?;
        if let Some(file) = drawing {
            let lines = servers
                .iter()
                .map(|server| (server.name.as_str(), server.results.as_slice()));
            plot::draw(file, &lines.collect::<Vec<_>>())?;
        }
        let all = || servers.iter().flat_map(|server| &server.results);
        if let Some(error) = all().find_map(|results| results.log_error.as_ref()) {
            let file = self.plans.first().and_then(|plan| plan.hdr.as_deref());
            let file = file.map_or_else(String::new, |file| file.display().to_string());
            return Err(format!("--hdr {file}: {}", cause(error)));
        }
        let has_errors = all().any(|results| results.errors.all() > 0);
        let has_failed = servers.iter().any(|server| server.failure.is_some());
        Ok(if has_errors || has_failed {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }

    fn servers(&self) -> Result<Vec<Server>, String> {
        let mut servers = Vec::new();
        if self.has_floor
            && let Some(plan) = self.plans.first()
        {
            servers.push(Server {
                name: "floor".to_owned(),
                plan: plan.clone(),
                address: floor::start()?,
                results: Vec::new(),
                failure: None,
            });
        }
        for plan in &self.plans {
            let address = target::resolve(plan)?;
            servers.push(Server {
                name: address.to_string(),
                plan: plan.clone(),
                address,
                results: Vec::new(),
                failure: None,
            });
        }
        Ok(servers)
    }

    fn text(&self, servers: &[Server]) -> String {
        let format = self.plans.first().map(|plan| plan.format);
        match (servers, format) {
            ([server], _) if self.rounds == 1 => {
                let texts = server.results.iter();
                texts
                    .map(|results| report::text(&server.plan, results))
                    .collect()
            }
            (_, Some(Format::Json)) => json(servers, self.rounds),
            (_, Some(Format::Csv)) => csv(servers),
            _ => self.comparison(servers),
        }
    }

    fn comparison(&self, servers: &[Server]) -> String {
        let series: Vec<_> = servers
            .iter()
            .map(|server| {
                let mut series = Series::new(server.name.clone());
                server
                    .results
                    .iter()
                    .for_each(|results| series.add(results));
                series
            })
            .collect();
        let work = self.plans.first().map_or_else(String::new, report::work);
        let rounds = servers.iter().map(|server| server.results.len()).min();
        let rounds = rounds.unwrap_or(0);
        let s = if rounds == 1 { "" } else { "s" };
        let mut out = format!(
            "{work}, {rounds} round{s} of each server, interleaved\n{}",
            table(&series)
        );
        for server in servers {
            let mut errors = server
                .results
                .iter()
                .filter_map(|one| one.errors.first.as_ref());
            if let Some(first) = errors.next() {
                // Writing to memory does not fail.
                let _ = writeln!(out, "{}: the first error: {first}", server.name);
            }
            if let Some(failure) = &server.failure {
                let _ = writeln!(out, "{}: rounds are missing: {failure}", server.name);
            }
        }
        out
    }
}

fn measure(plan: &Plan, address: SocketAddr) -> Result<Results, String> {
    let mut run = Run::new(plan, address)?;
    loop {
        let done = run.turn();
        if done.map_err(|error| format!("the event loop failed: {error}"))? {
            return run.finish();
        }
    }
}

fn json(servers: &[Server], rounds: usize) -> String {
    let of_server = |server: &Server| {
        let rounds = server.results.iter();
        let rounds = rounds.map(|results| report::text(&server.plan, results));
        let name = JsonText(server.name.as_bytes());
        format!(
            "{{\"server\":{name},\"rounds\":[\n{}]}}",
            rounds.collect::<Vec<_>>().join(",")
        )
    };
    let servers: Vec<_> = servers.iter().map(of_server).collect();
    format!(
        "{{\"rounds\":{rounds},\"servers\":[\n{}\n]}}\n",
        servers.join(",\n")
    )
}

/// One table, with the names of its columns once.
fn csv(servers: &[Server]) -> String {
    let mut out = String::new();
    for server in servers {
        for results in &server.results {
            let text = report::text(&server.plan, results);
            let skipped = usize::from(!out.is_empty());
            for line in text.lines().skip(skipped) {
                out.push_str(line);
                out.push('\n');
            }
        }
    }
    out
}
