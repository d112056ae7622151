//! The server's storage: files, behind a faulty disk, behind a quota.

use std::sync::Arc;

use mioftpd::internals::storage::{Memory, Quota, Storage, TreeUsage};

use crate::client::{RunConfig, many, public_sizes};
use crate::content::whole;
use crate::disk::FaultyStorage;
use crate::fault_plan::FaultPlan;
use crate::network::Shared;
use crate::quota::QuotaCheckedStorage;
use crate::rng::Rng;
use crate::world::World;

/// The storage and its usage counter.
pub(crate) fn metered(
    config: &RunConfig,
    world: &Shared<World>,
) -> (Arc<dyn Storage>, Arc<TreeUsage>) {
    let usage = Arc::new(TreeUsage::default());
    usage.count(&config.memory).expect("no faults yet");
    let faulty: Arc<dyn Storage> = Arc::new(FaultyStorage {
        memory: config.memory.clone(),
        world: world.clone(),
        record: config.record.clone(),
    });
    let granted = QuotaCheckedStorage::new(&faulty, &usage, config, world);
    (Arc::new(granted), usage)
}

pub(crate) fn populated_memory(fault_plan: &FaultPlan) -> Memory {
    let directories = ["/up", "/misc", "/shared"];
    let memory = directories
        .iter()
        .fold(Memory::new(), |memory, path| memory.with_directory(path));
    // More than one slice sends or sorts; not in every run.
    let count = match fault_plan.capacity {
        16_384 => 1_100,
        2_000 => 300,
        _ => 12,
    };
    let memory = many(count).fold(memory, |memory, path| {
        memory.with_file(&path, path.as_bytes())
    });
    let sizes = public_sizes(fault_plan.capacity).into_iter().enumerate();
    sizes.fold(memory, |memory, (number, size)| {
        let bytes = if size == 0 {
            Vec::new()
        } else {
            // The largest contains all kinds of line ends.
            whole(number as u64 + 1, size)
        };
        memory.with_file(&format!("/pub/{number}"), &bytes)
    })
}

/// A quota slightly above the present usage, so that clients reach it; usually none.
pub(crate) fn quota(rng: &mut Rng, memory: &Memory, fault_plan: &FaultPlan) -> Option<Quota> {
    let names = memory.names();
    // With many files, counting would be slow.
    if names.len() > 100 || !rng.one_in(3) {
        return None;
    }
    let sizes = names.iter().filter_map(|name| memory.read(name));
    let (files, bytes) = sizes.fold((0, 0), |(files, bytes), file| {
        (files + 1, bytes + file.len() as u64)
    });
    let largest = public_sizes(fault_plan.capacity)[4];
    let more = rng.pick(&[largest, 3 * largest]);
    let bytes = bytes + rng.below(more) as u64;
    let files = files + rng.within(1, 5) as u64;
    Some(match rng.below(3) {
        0 => Quota {
            bytes: Some(bytes),
            files: None,
        },
        1 => Quota {
            bytes: None,
            files: Some(files),
        },
        _ => Quota {
            bytes: Some(bytes),
            files: Some(files),
        },
    })
}
