//! The programs of the book (`src/book`), as modules, with their texts and how each is started.
//!
//! The bench of the book includes this file too.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

/// The steps are programs: what their `main` would call is public and owns its arguments. Connections have
/// flags until the tenth step has phases.
macro_rules! steps {
    ($($module:ident: $path:literal;)*) => {
        $(
            #[allow(unreachable_pub, dead_code, missing_docs)]
            #[allow(clippy::needless_pass_by_value, clippy::struct_excessive_bools)]
            #[path = $path]
            pub(crate) mod $module;
        )*
        /// The source text of each step.
        pub(crate) const TEXTS: [&str; 10] = [$(include_str!($path)),*];
    };
}

steps! {
    step_01: "../../src/book/step_01_blocking/program.rs";
    step_02: "../../src/book/step_02_threads/program.rs";
    step_03: "../../src/book/step_03_readiness/program.rs";
    step_04: "../../src/book/step_04_slab/program.rs";
    step_05: "../../src/book/step_05_lines/program.rs";
    step_06: "../../src/book/step_06_replies/program.rs";
    step_07: "../../src/book/step_07_fairness/program.rs";
    step_08: "../../src/book/step_08_time/program.rs";
    step_09: "../../src/book/step_09_generations/program.rs";
    step_10: "../../src/book/step_10_stopping/program.rs";
}

/// The idle time-out of the steps that have one.
const IDLE: Duration = Duration::from_secs(300);

pub(crate) type Serve = fn(TcpListener) -> io::Result<()>;

/// Serves until the process ends; the tenth until a signal.
pub(crate) const STEPS: [Serve; 10] = [
    step_01::serve,
    step_02::serve,
    step_03::serve,
    step_04::serve,
    step_05::serve,
    step_06::serve,
    step_07::serve,
    |listener| step_08::serve(listener, IDLE),
    |listener| step_09::serve(listener, IDLE),
    |listener| step_10::Server::new(listener)?.0.run(),
];
