//! Free ports for servers that are configured with fixed ports.
//!
//! They come from `/proc/net/tcp`, not from binding a socket: a child process that another test starts
//! has a copy of the socket until its `exec`, and the copy holds the port.

use std::fs;
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

use super::until;

/// The number of consecutive ports in a block.
const BLOCK: u16 = 16;

/// The first of [`BLOCK`] consecutive ports that are unused on all addresses. They are below the ephemeral
/// range, so the kernel assigns none of them before the server binds it.
pub fn free_ports() -> u16 {
    static CALLS: AtomicU16 = AtomicU16::new(0);
    until("free ports", || {
        let calls = CALLS.fetch_add(1, Ordering::Relaxed);
        // Concurrent test programs start at different blocks.
        let block = (process::id() % 750 * 97 + u32::from(calls)) % 750;
        let first = 20_000 + u16::try_from(block).unwrap() * BLOCK;
        let taken = taken_ports();
        let is_free = |port: &u16| !taken.contains(port);
        (first..first + BLOCK)
            .all(|port| is_free(&port))
            .then_some(first)
    })
}

/// The local ports of all TCP sockets, with those that only child processes hold.
fn taken_ports() -> Vec<u16> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(fs::read_to_string);
    let port = |line: &str| {
        let (_, port) = line.split_ascii_whitespace().nth(1)?.rsplit_once(':')?;
        u16::from_str_radix(port, 16).ok()
    };
    let tables = tables.iter().flatten();
    tables
        .flat_map(|table| table.lines().filter_map(port))
        .collect()
}
