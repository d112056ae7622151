//! Invariants of an idle server and of the end of a run, under every fault plan.

use std::sync::Arc;

use mioftpd::internals::reactor::Reactor;
use mioftpd::internals::storage::{Placement, Quota, QuotaStorage, Storage};
use mioftpd::{CutUploads, VirtualPath};

use crate::client::Client;
use crate::content::is_whole;
use crate::rng::Odds;
use crate::run::Simulation;

/// No client is connected: the server holds nothing but its listeners.
pub(crate) fn check_empty(simulation: &Simulation) {
    let mut violations = Vec::new();
    let sockets = simulation.world.lock().server_sockets();
    if sockets.len() != simulation.listen_addresses().len() {
        violations.push(format!("sockets are left: {sockets:?}"));
    }
    let watches = simulation.world.lock().watches();
    if watches > 0 {
        violations.push(format!("the ends of {watches} uploads are watched"));
    }
    let jobs = simulation.jobs.lock();
    if jobs.submitted != jobs.collected {
        violations.push(format!(
            "{} jobs, {} came back",
            jobs.submitted, jobs.collected
        ));
    }
    drop(jobs);
    violations.extend(check_files(simulation));
    report(simulation, violations);
}

/// While no client is connected and no job runs, no file is open.
pub(crate) fn check_idle(simulation: &Simulation, reactor: &Reactor) {
    if reactor.connections() == 0 && simulation.jobs.lock().outstanding() == 0 {
        let memory = &simulation.config.memory;
        let (open, pending) = (memory.open_handles(), memory.pending_uploads());
        if open + pending > 0 {
            let violation = format!(
                "no client is connected: {open} files are open, {pending} uploads are uncommitted"
            );
            simulation.world.lock().violate(violation);
        }
    }
}

/// After the server was dropped and its workers have finished.
pub(crate) fn check_after(simulation: &Simulation) {
    simulation
        .clients
        .lock()
        .iter_mut()
        .for_each(Client::give_up);
    let mut violations = check_files(simulation);
    let clients = simulation.clients.lock();
    let world = simulation.world.lock();
    // After an early end, the server was dropped in mid-operation.
    if world.violations.is_empty() {
        let connection_ends = clients.iter();
        violations.extend(connection_ends.filter_map(|client| client.closing_violation(&world)));
    }
    drop((clients, world));
    let sockets = simulation.world.lock().server_sockets();
    if !sockets.is_empty() {
        violations.push(format!("sockets outlive the server: {sockets:?}"));
    }
    report(simulation, violations);
}

fn check_files(simulation: &Simulation) -> Vec<String> {
    let memory = &simulation.config.memory;
    let mut violations = Vec::new();
    if memory.open_handles() > 0 {
        violations.push(format!("{} files are open", memory.open_handles()));
    }
    if memory.pending_uploads() > 0 {
        violations.push(format!("{} uploads are pending", memory.pending_uploads()));
    }
    for path in ["/shared/0", "/shared/1"] {
        let may_be_cut = simulation.config.cut_uploads == CutUploads::Keep;
        let content = memory.read(path);
        if content.is_some_and(|bytes| !is_whole(&bytes, may_be_cut)) {
            violations.push(format!("{path} is not whole"));
        }
    }
    violations.extend(check_usage(simulation));
    let clients = simulation.clients.lock();
    let world = simulation.world.lock();
    let audits = clients.iter().map(|client| client.audit(memory, &world));
    violations.extend(audits.flatten());
    drop(world);
    violations
}

/// The counted usage equals the files: exactly the free bytes and files fit. A storage call that panics
/// loses its count.
fn check_usage(simulation: &Simulation) -> Option<String> {
    let memory = &simulation.config.memory;
    if simulation.config.fault_plan.panic != Odds(0) {
        return None;
    }
    let names = memory.names();
    let files: Vec<_> = names.iter().filter_map(|name| memory.read(name)).collect();
    let bytes: usize = files.iter().map(Vec::len).sum();
    let fits = |bytes: usize, files: usize| {
        let quota = Quota {
            bytes: Some(bytes as u64),
            files: Some(files as u64),
        };
        let storage = QuotaStorage::new(
            Arc::new(memory.clone()),
            Arc::clone(&simulation.usage),
            quota,
        );
        let path = VirtualPath::root().join(b"one-more").expect("a path");
        let upload = storage.create(&path, Placement::New, None);
        upload.is_ok_and(|upload| upload.file.write_at(b"x", 0).is_ok())
    };
    let (more_bytes, more_files) = (bytes + 1, files.len() + 1);
    let is_true =
        fits(more_bytes, more_files) && !fits(bytes, more_files) && !fits(more_bytes, files.len());
    (!is_true).then(|| {
        format!(
            "{bytes} bytes in {} files are there, and not what is counted for the quota: {:?}",
            files.len(),
            simulation.usage
        )
    })
}

fn report(simulation: &Simulation, violations: Vec<String>) {
    for violation in violations {
        simulation.world.lock().violate(violation);
    }
}
