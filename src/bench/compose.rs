//! What the options of a run come to together: the plan, or why they do not fit.
//!
//! Files with the authorities of TLS are read here; nothing is looked up or connected.

use std::sync::Arc;
use std::time::Duration;

use super::client::{DataMode, Login, LoginPlan};
use super::file_plan::FilePlan;
use super::floor;
use super::jobs::{Job, Script, Source, mix};
use super::options::Draft;
use super::plan::{Amount, Lane, Plan, Workload};
use super::rounds::Measured;
use super::tls::TlsPlan;
use super::url::{Protection, ServerUrl};

/// Of a file of its own, and of one of many small ones.
const SIZE: u64 = 1 << 20;
const SMALL_SIZE: u64 = 1 << 10;

/// Of each of several servers.
const ROUNDS: usize = 5;

const MIX: &str = "retr:4,stor:1,list:1";

/// The most connections beside the first workload.
const BESIDE: usize = 10_000;

const WORKLOADS: &str = "noop, rate, idle, login, handshake, resume, retr, stor, append, list, mlsd, \
    small or mixed";

impl Draft {
    /// # Errors
    /// In words: the option, the value and the remedy.
    pub(super) fn finish(mut self) -> Result<Measured, String> {
        let url = self
            .url
            .take()
            .ok_or("bench needs the URL of a server, such as ftp://127.0.0.1:2121")?;
        let others = std::mem::take(&mut self.against);
        let has_many = !others.is_empty() || self.switches.floor;
        let rounds = self.rounds.unwrap_or(if has_many { ROUNDS } else { 1 });
        if (has_many || rounds > 1) && (self.hdr.is_some() || self.pid.is_some()) {
            return Err("--hdr and --pid are for one round on one server".to_owned());
        }
        let mut plans = vec![self.clone().plan(url.clone())?];
        for mut other in others {
            if other.user.is_none() {
                (other.user, other.password) = (url.user.clone(), url.password.clone());
            }
            plans.push(self.clone().plan(other)?);
        }
        let is_bare = |plan: &Plan| {
            let lanes = plan.lanes.iter();
            let mut lanes = lanes.map(|lane| &lane.workload);
            plan.tls.is_none() && !lanes.any(|one| matches!(one, Workload::Files(..)))
        };
        if self.switches.floor
            && let Some(plan) = plans.first()
            && (!is_bare(plan) || plan.connections() > floor::CLIENTS)
        {
            return Err(format!(
                "--floor is for noop, rate, idle and login in the clear, on up to {} connections",
                floor::CLIENTS
            ));
        }
        Ok(Measured {
            plans,
            rounds,
            plot: self.plot,
            has_floor: self.switches.floor,
        })
    }

    fn plan(mut self, mut url: ServerUrl) -> Result<Plan, String> {
        let lanes = self.lanes(&url)?;
        let tls = self.tls(&mut url)?;
        let needs_tls = |lane: &&Lane| matches!(lane.workload, Workload::Handshake { .. });
        if let (None, Some(lane)) = (&tls, lanes.iter().find(needs_tls)) {
            return Err(format!(
                "--workload {} needs TLS: use ftpes:// or ftps://",
                lane.workload.name()
            ));
        }
        let has_files = |lane: &Lane| matches!(lane.workload, Workload::Files(..));
        let has_files = lanes.iter().any(has_files);
        let has_user = self.user.is_some() || url.user.is_some();
        let logs_in =
            has_user || has_files || lanes.iter().any(|one| one.workload == Workload::Login);
        let login = LoginPlan {
            protection: url.protection,
            protects_data: tls.is_some() && has_files,
            // A server for the control connection only has no accounts.
            login: if logs_in { Login::Yes } else { Login::IfThere },
            user: self
                .user
                .take()
                .or_else(|| url.user.clone())
                .unwrap_or_else(|| b"anonymous".to_vec()),
            password: self
                .password
                .take()
                .or_else(|| url.password.clone())
                .unwrap_or_else(|| b"bench".to_vec()),
            is_binary: has_files,
        };
        Ok(Plan {
            files: self.files(&url, &lanes),
            url,
            lanes,
            login,
            tls,
            depth: self.depth.unwrap_or(1),
            amount: self.amount.unwrap_or(Amount::Time(Duration::from_secs(10))),
            warm_up: self.warm_up.unwrap_or(Duration::from_secs(1)),
            ramp: self.ramp.unwrap_or_default(),
            time_out: self.time_out.unwrap_or(Duration::from_secs(10)),
            arrivals: self.arrivals,
            seed: self.seed.unwrap_or(1),
            format: self.format,
            hdr: self.hdr,
            pid: self.pid,
            may_load_any_host: self.switches.may_load_any_host,
            keeps_seconds: self.plot.is_some(),
        })
    }

    fn lanes(&self, url: &ServerUrl) -> Result<Vec<Lane>, String> {
        let workload = match (self.workload.as_deref(), self.rate) {
            (None | Some("rate"), Some(rate)) => Workload::Rate(rate),
            (Some("rate"), None) => {
                return Err("--workload rate needs --rate, in commands per second".to_owned());
            }
            (Some(_), Some(_)) => return Err("--rate is for --workload rate only".to_owned()),
            (name, None) => self.named(name.unwrap_or("noop"), url)?.ok_or_else(|| {
                let name = name.unwrap_or_default();
                format!("--workload: invalid value '{name}'; use {WORKLOADS}")
            })?,
        };
        let mut lanes = vec![Lane {
            workload,
            connections: self.connections.unwrap_or(1),
        }];
        for text in &self.beside {
            let (name, number) = text.split_once(':').unwrap_or((text, "1"));
            let connections = number.parse().ok();
            let connections = connections.filter(|number| (1..=BESIDE).contains(number));
            match (self.named(name, url)?, connections) {
                (Some(workload), Some(connections)) => lanes.push(Lane {
                    workload,
                    connections,
                }),
                _ => {
                    return Err(format!(
                        "--beside: invalid value '{text}'; use a workload but rate, and how many \
                         connections, such as noop:4"
                    ));
                }
            }
        }
        let has = |name| lanes.iter().any(|lane| lane.workload.name() == name);
        if self.mix.is_some() && !has("mixed") {
            return Err("--mix is for --workload mixed only".to_owned());
        }
        if self.switches.verify && !lanes.iter().any(|lane| comes_back(&lane.workload)) {
            return Err(
                "--verify is for files that come back: retr of a file of its own, stor, small, mixed"
                    .to_owned(),
            );
        }
        Ok(lanes)
    }

    /// The workload with this name, but for a rate.
    fn named(&self, name: &str, url: &ServerUrl) -> Result<Option<Workload>, String> {
        let source = if url.path.is_empty() || url.path.ends_with(b"/") {
            Source::Shared
        } else {
            Source::Given
        };
        let files = |name, jobs: &[Job], source| {
            Workload::Files(name, Arc::new(Script::cycle(jobs, source)))
        };
        Ok(Some(match name {
            "noop" => Workload::Noop,
            "idle" => Workload::Idle,
            "login" => Workload::Login,
            "handshake" => Workload::Handshake { resumes: false },
            "resume" => Workload::Handshake { resumes: true },
            "retr" => files("retr", &[Job::Retr], source),
            "stor" if self.switches.verify => files("stor", &[Job::Stor, Job::Retr], Source::Own),
            "stor" => files("stor", &[Job::Stor], Source::Own),
            "append" => files("append", &[Job::Append], Source::Own),
            "list" => files("list", &[Job::List], source),
            "mlsd" => files("mlsd", &[Job::Mlsd], source),
            "small" => files("small", &[Job::Stor, Job::Retr, Job::Delete], Source::Own),
            "mixed" => {
                let script = mix(self.mix.as_deref().unwrap_or(MIX)).map_err(|part| {
                    format!(
                        "--mix: invalid value '{part}'; use jobs with weights from 1 to 1000, such as \
                         retr:3,stor:1, of noop, retr, stor, append, list, mlsd"
                    )
                })?;
                Workload::Files("mixed", Arc::new(script))
            }
            _ => return Ok(None),
        }))
    }

    fn tls(&self, url: &mut ServerUrl) -> Result<Option<Arc<TlsPlan>>, String> {
        if self.switches.tls {
            if url.protection == Protection::Implicit {
                return Err("--tls is for ftp://; ftps:// has TLS from the first byte".to_owned());
            }
            url.protection = Protection::Explicit;
        }
        if url.protection == Protection::Clear {
            if self.switches.insecure || self.ca.is_some() {
                return Err("--insecure and --ca need TLS: use ftpes:// or ftps://".to_owned());
            }
            return Ok(None);
        }
        let plan = TlsPlan::new(&url.host, self.ca.as_deref(), self.switches.insecure);
        let plan = plan.map_err(|why| match self.ca {
            Some(_) => format!("--ca: {why}"),
            None => why,
        });
        plan.map(|plan| Some(Arc::new(plan)))
    }

    fn files(&self, url: &ServerUrl, lanes: &[Lane]) -> FilePlan {
        let is_small = lanes.iter().any(|lane| lane.workload.name() == "small");
        let mut directory = url.path.clone();
        if !directory.is_empty() && !directory.ends_with(b"/") {
            directory.push(b'/');
        }
        FilePlan {
            directory,
            path: url.path.clone(),
            prefix: format!("mioftpd-bench-{}", std::process::id()),
            size: self
                .size
                .unwrap_or(if is_small { SMALL_SIZE } else { SIZE }),
            seed: self.seed.unwrap_or(1),
            verifies: self.switches.verify,
            mode: if self.switches.active {
                DataMode::Active
            } else {
                DataMode::ExtendedPassive
            },
        }
    }
}

/// Whether files are fetched whose content is known.
fn comes_back(workload: &Workload) -> bool {
    let Workload::Files(_, script) = workload else {
        return false;
    };
    script.source != Source::Given && script.jobs.iter().any(|(job, _)| *job == Job::Retr)
}
