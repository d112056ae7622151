//! Part two of the book: this server.
//!
//! Part one has built a loop; here is what the real one does, one walk a page. A walk names the very items,
//! in the order in which they act, and so the pages are documented with the private items:
//! `cargo doc --document-private-items --open`. Without a browser: `src/book/server`.
//!
//! 1. [`noop`]: the shortest way through the loop.
//! 2. [`retr`]: a download, small and large.
//! 3. [`stor`]: an upload: temporary file, commit, rename.
//! 4. [`auth_tls`]: from clear text to TLS.
//! 5. [`password`]: a login whose hash takes long.
//! 6. [`timeout`]: a client that goes silent.
//! 7. [`slow_disk`]: a device that takes seconds, and one that never answers.
//! 8. [`shutdown`]: SIGTERM, and what becomes of the clients.
//! 9. [`reasons`]: why it is built as it is, and what other designs would change.
//!
//! The system calls on these pages are compared by a test with those that strace(1) sees
//! (`tests/protocol/book_walks.rs`). In them `control`, `data` and `poll` stand for descriptors, and calls of
//! `futex`, which wake a thread, are left out: whether one is needed depends on what the other thread does.
//! So are those of the allocator, and `getrandom` of the TLS library.
//! For how to read a recording of the loop at work, see the [guide](crate::guide::trace).

// Links to private items are dead where those are not documented, and so the pages are documented with them.
#[doc(inline)]
#[allow(unused_imports)]
pub(crate) use crate::reactor::walks::{
    auth_tls, noop, password, reasons, retr, shutdown, slow_disk, stor, timeout,
};
