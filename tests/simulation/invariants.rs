//! What must hold when all is over, whatever happened before.

use std::sync::Arc;

use mioftpd::reactor::Reactor;
use mioftpd::storage::{CutUploads, Metered, Placement, Quota, Storage, VirtualPath};

use crate::client::Client;
use crate::content::is_whole;
use crate::rng::Odds;
use crate::run::Stage;

/// Nobody is connected: the server has given back everything but its own listeners.
pub(crate) fn check_empty(stage: &Stage) {
    let mut faults = Vec::new();
    let sockets = stage.world.lock().server_sockets();
    if sockets.len() != stage.doors().len() {
        faults.push(format!("sockets are left: {sockets:?}"));
    }
    let watches = stage.world.lock().watches();
    if watches > 0 {
        faults.push(format!("the ends of {watches} uploads are watched"));
    }
    let jobs = stage.jobs.lock();
    if jobs.submitted != jobs.collected {
        faults.push(format!(
            "{} jobs, {} came back",
            jobs.submitted, jobs.collected
        ));
    }
    drop(jobs);
    faults.extend(check_files(stage));
    report(stage, faults);
}

/// As long as nobody is connected and nothing is being done, nothing is open, also where others come
/// later.
pub(crate) fn check_idle(stage: &Stage, reactor: &Reactor) {
    if reactor.connections() == 0 && stage.jobs.lock().outstanding() == 0 {
        let memory = &stage.place.memory;
        let (open, pending) = (memory.open_handles(), memory.temporaries());
        if open + pending > 0 {
            let fault =
                format!("nobody is there: {open} files are open, {pending} uploads pending");
            stage.world.lock().violate(fault);
        }
    }
}

/// The server is gone, and what its workers had is done.
pub(crate) fn check_after(stage: &Stage) {
    stage.clients.lock().iter_mut().for_each(Client::give_up);
    let mut faults = check_files(stage);
    let clients = stage.clients.lock();
    let world = stage.world.lock();
    // Where a run ended early, the server was dropped in the middle of everything.
    if world.violations.is_empty() {
        let closings = clients.iter();
        faults.extend(closings.filter_map(|client| client.fault_of_closings(&world)));
    }
    drop((clients, world));
    let sockets = stage.world.lock().server_sockets();
    if !sockets.is_empty() {
        faults.push(format!("sockets outlive the server: {sockets:?}"));
    }
    report(stage, faults);
}

fn check_files(stage: &Stage) -> Vec<String> {
    let memory = &stage.place.memory;
    let mut faults = Vec::new();
    if memory.open_handles() > 0 {
        faults.push(format!("{} files are open", memory.open_handles()));
    }
    if memory.temporaries() > 0 {
        faults.push(format!("{} uploads are pending", memory.temporaries()));
    }
    for path in ["/shared/0", "/shared/1"] {
        let may_be_cut = stage.place.cut_uploads == CutUploads::Keep;
        let content = memory.read(path);
        if content.is_some_and(|bytes| !is_whole(&bytes, may_be_cut)) {
            faults.push(format!("{path} is not whole"));
        }
    }
    faults.extend(check_usage(stage));
    let clients = stage.clients.lock();
    let world = stage.world.lock();
    let audits = clients.iter().map(|client| client.audit(memory, &world));
    faults.extend(audits.flatten());
    drop(world);
    faults
}

/// What is counted is what is there: so many files fit, and not one more. A call that panics half-way
/// cannot say what it has done.
fn check_usage(stage: &Stage) -> Option<String> {
    let memory = &stage.place.memory;
    if stage.place.weather.panic != Odds(0) {
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
        let storage = Metered::new(Arc::new(memory.clone()), Arc::clone(&stage.usage), quota);
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
            stage.usage
        )
    })
}

fn report(stage: &Stage, faults: Vec<String>) {
    for fault in faults {
        stage.world.lock().violate(fault);
    }
}
