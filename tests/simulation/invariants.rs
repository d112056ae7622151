//! What must hold when all is over, whatever happened before.

use crate::client::Client;
use crate::content::is_whole;
use crate::run::Stage;

/// Nobody is connected: the server has given back everything but its own listeners.
pub(crate) fn check_empty(stage: &Stage) {
    let mut faults = Vec::new();
    let sockets = stage.world.lock().server_sockets();
    if sockets.len() != stage.doors().len() {
        faults.push(format!("sockets are left: {sockets:?}"));
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

/// The server is gone, and what its workers had is done.
pub(crate) fn check_after(stage: &Stage) {
    stage.clients.lock().iter_mut().for_each(Client::give_up);
    let mut faults = check_files(stage);
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
        if memory.read(path).is_some_and(|bytes| !is_whole(&bytes)) {
            faults.push(format!("{path} is not whole"));
        }
    }
    let clients = stage.clients.lock();
    faults.extend(clients.iter().filter_map(|client| client.audit(memory)));
    faults
}

fn report(stage: &Stage, faults: Vec<String>) {
    for fault in faults {
        stage.world.lock().violate(fault);
    }
}
