//! Stand-in for `system_calls` in a build without the Cargo feature `sandbox`, or for a processor without
//! a list of calls (`seccompiler` has no 32-bit one): all calls are allowed, and the report says so.

use std::env::consts::ARCH;

use super::SandboxPlan;

pub(super) fn filter(_plan: &SandboxPlan) -> Result<String, String> {
    let needs = "the Cargo feature `sandbox`, and x86_64, aarch64 or riscv64";
    Err(format!(
        "system calls are not filtered: that needs {needs}, and this is {ARCH}"
    ))
}
