//! The virtual thread pool: jobs start and return at drawn times.
//!
//! The network goes on while a job runs; jobs overtake each other; a hung disk delays one for many minutes.
//! Each job must return exactly once.

use std::collections::BTreeMap;
use std::time::Duration;

use mioftpd::internals::transfer::Scratch;
use mioftpd::internals::workers::{Completion, Job, Runner, Work};

use crate::network::Shared;
use crate::world::{SimEvent, World};

/// Small, so that transfers take several steps.
const SCRATCH_BYTES: usize = 4 * 1024;

/// How long a step of a handshake may take, even if all else is quick: commands come while it is computed.
const SLOW_HANDSHAKE: Duration = Duration::from_millis(400);

/// All jobs, waiting, done or returned.
pub(crate) struct Jobs {
    waiting: BTreeMap<u64, Job>,
    done: BTreeMap<u64, Completion>,
    finished: Vec<Completion>,
    next_id: u64,
    pub(crate) submitted: usize,
    pub(crate) collected: usize,
}

impl Jobs {
    pub(crate) fn new() -> Self {
        Self {
            waiting: BTreeMap::new(),
            done: BTreeMap::new(),
            finished: Vec::new(),
            next_id: 0,
            submitted: 0,
            collected: 0,
        }
    }

    /// Jobs that the loop can collect now.
    pub(crate) const fn finished(&self) -> usize {
        self.finished.len()
    }

    pub(crate) const fn outstanding(&self) -> usize {
        self.submitted - self.collected
    }

    /// A worker runs a job. No lock is held, since the job uses the network.
    pub(crate) fn run(jobs: &Shared<Self>, world: &Shared<World>, id: u64) {
        let Some(job) = jobs.lock().waiting.remove(&id) else {
            return;
        };
        let mut completion = Self::work(job, world);
        let (begun, after) = {
            let mut world = world.lock();
            let after = world.fault_plan.job / 4;
            let after = world.rng.time(after);
            world.schedule(after, SimEvent::JobReturns(id));
            (world.time(), after)
        };
        completion.times.ran(begun, begun + after);
        jobs.lock().done.insert(id, completion);
    }

    /// Runs a job, apart from the loop.
    fn work(job: Job, world: &Shared<World>) -> Completion {
        let is_slice = matches!(job.work, Work::Slice(_));
        world.lock().tally.begin_job(is_slice);
        let mut may_go_on = || world.lock().rng.one_in(2);
        let completion = job.run(&mut Scratch::new(SCRATCH_BYTES), &mut may_go_on);
        world.lock().end_job();
        completion
    }

    pub(crate) fn return_one(&mut self, id: u64) {
        self.finished.extend(self.done.remove(&id));
    }

    /// Runs the remaining jobs after the loop has ended, as detached threads would.
    pub(crate) fn run_remaining(jobs: &Shared<Self>, world: &Shared<World>) {
        loop {
            let next = jobs.lock().waiting.keys().next().copied();
            let Some(id) = next else {
                break;
            };
            Self::run(jobs, world, id);
        }
        let left = {
            let mut jobs = jobs.lock();
            let done = std::mem::take(&mut jobs.done);
            let finished = std::mem::take(&mut jobs.finished);
            (done, finished)
        };
        drop(left);
    }
}

pub(crate) struct VirtualRunner {
    pub(crate) jobs: Shared<Jobs>,
    pub(crate) world: Shared<World>,
}

impl Runner for VirtualRunner {
    fn submit(&mut self, job: Job) {
        let mut jobs = self.jobs.lock();
        jobs.submitted += 1;
        jobs.next_id += 1;
        let id = jobs.next_id;
        let mut world = self.world.lock();
        if let Some(spin) = world.submitted() {
            drop((world, jobs));
            panic!("{spin}");
        }
        if world.fault_plan.inline_jobs {
            drop(world);
            drop(jobs);
            let mut completion = Jobs::work(job, &self.world);
            let now = self.world.lock().time();
            completion.times.ran(now, now);
            self.jobs.lock().finished.push(completion);
            return;
        }
        let mut after = world.fault_plan.job;
        after = world.rng.time(after);
        if matches!(job.work, Work::Handshake(_)) && world.rng.one_in(3) {
            after += world.rng.time(SLOW_HANDSHAKE);
        }
        let is_of_transfer = matches!(job.work, Work::Slice(_) | Work::Commit(_));
        if world.inject_fault(|plan| plan.hung)
            || (is_of_transfer && world.inject_fault(|plan| plan.sluggish))
        {
            after += Duration::from_secs(60) * world.rng.within(5, 40) as u32;
            world.note(|| format!("job {id} hangs"));
        }
        jobs.waiting.insert(id, job);
        world.schedule(after, SimEvent::JobStarts(id));
    }

    fn collect(&mut self, into: &mut Vec<Completion>) {
        let mut jobs = self.jobs.lock();
        let mut world = self.world.lock();
        world.rng.shuffle(&mut jobs.finished);
        jobs.collected += jobs.finished.len();
        into.append(&mut jobs.finished);
    }

    fn outstanding(&self) -> usize {
        self.jobs.lock().outstanding()
    }

    fn has_finished(&self) -> bool {
        self.world.lock().fault_plan.inline_jobs && self.jobs.lock().finished() > 0
    }
}
