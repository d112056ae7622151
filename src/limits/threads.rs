//! Worker threads: their stacks, their priority, and when they end.
//!
//! The threads themselves are in `workers`; what each may allocate is counted in `memory`.

use std::time::Duration;

/// The stack of a worker thread or the log thread, whose call chains are short. A compressor needs
/// more, because it is built on the stack before it moves to the heap. Unused pages take no memory.
pub const THREAD_STACK_BYTES: usize = if cfg!(feature = "mode-z") {
    512 * 1024
} else {
    256 * 1024
};

/// The `limits.memory` below which a single worker thread runs: each counts with half a mebibyte.
pub const ONE_WORKER_BELOW: u64 = 8 * 1024 * 1024;

/// How long a worker thread waits for a job before it ends. The next job starts one again, in a tenth of a
/// millisecond; until then its stack, its buffers and its part of the heap are not needed.
pub const WORKER_IDLE: Duration = Duration::from_secs(10);

/// How long an exit waits for the thread that writes the trace.
pub const TRACE_FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// The nice value (nice(1)) of worker threads: enough for the event loop to be scheduled first, and
/// not so much that workers starve beside other processes.
pub const WORKER_NICENESS: i32 = 5;
