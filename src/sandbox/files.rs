//! Restricts the paths that the process can open to those of the plan, with landlock(7).
//!
//! The storage confines client paths on its own. This is defence in depth against code execution in
//! the process: the kernel refuses every other path. The rules apply to the calling thread and the
//! threads it starts. The network is not restricted: active transfers connect to any port, and
//! passive ones listen at any.

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, LandlockStatus, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use super::SandboxPlan;
use crate::cause::cause;

/// The newest access rights and scopes that are requested; an older kernel supports a subset.
const NEWEST: ABI = ABI::V6;

/// The allowed paths, opened; the ruleset is not yet in force.
pub(super) struct PathRules {
    rules: Result<RulesetCreated, RulesetError>,
    unreachable: Vec<String>,
    contents: String,
}

impl PathRules {
    pub(super) fn of(plan: &SandboxPlan) -> Self {
        let mut unreachable = Vec::new();
        let rules = new_rules(!plan.writable.is_empty()).and_then(|mut rules| {
            let readable = plan.readable.iter().map(|path| (path, reading()));
            let writable = plan.writable.iter().map(|path| (path, writing()));
            for (path, rights) in readable.chain(writable) {
                match PathFd::new(path) {
                    // Best effort drops the rights that apply to directories only.
                    Ok(opened) => rules = rules.add_rule(PathBeneath::new(opened, rights))?,
                    Err(error) => {
                        let path = path.display();
                        let error = cause(&error);
                        unreachable.push(format!("{path} will not be accessible: {error}"));
                    }
                }
            }
            Ok(rules)
        });
        let (readable, writable) = (plan.readable.len(), plan.writable.len());
        Self {
            rules,
            unreachable,
            contents: format!("paths: {readable} readable, {writable} writable"),
        }
    }

    /// A sentence for each path of the plan that cannot be opened.
    pub(super) fn unreachable(&self) -> Vec<String> {
        self.unreachable.clone()
    }

    /// Puts the ruleset in force. Returns a line for the report.
    pub(super) fn enforce(self) -> Result<String, String> {
        let failed = |error| format!("Landlock: {}", cause(&error));
        let status = self.rules.and_then(RulesetCreated::restrict_self);
        let status = status.map_err(failed)?;
        let abi = match status.landlock {
            LandlockStatus::NotImplemented => {
                return Err("this kernel has no Landlock (Linux 5.13 has it)".to_owned());
            }
            LandlockStatus::NotEnabled => {
                return Err("Landlock is disabled in this kernel".to_owned());
            }
            LandlockStatus::Available {
                effective_abi,
                kernel_abi,
                // `None`: the kernel has no newer ABI than this library.
            } => kernel_abi.unwrap_or(effective_abi as i32),
        };
        if status.ruleset == RulesetStatus::NotEnforced {
            let text = "this kernel's Landlock cannot allow renames between directories \
                        (Linux 5.19 can)";
            return Err(text.to_owned());
        }
        Ok(format!("Landlock ABI {abi} ({})", self.contents))
    }
}

/// Landlock ABI 1 refuses every rename between directories. RNTO has to work, so with writable
/// paths (`needs_renames`) nothing is enforced on a kernel that has only this ABI.
fn new_rules(needs_renames: bool) -> Result<RulesetCreated, RulesetError> {
    let for_renames = if needs_renames {
        CompatLevel::SoftRequirement
    } else {
        CompatLevel::BestEffort
    };
    Ruleset::default()
        .set_compatibility(for_renames)
        .handle_access(AccessFs::Refer)?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()
}

fn reading() -> BitFlags<AccessFs> {
    AccessFs::ReadFile | AccessFs::ReadDir
}

/// Everything but executing and devices. Renaming a FIFO, socket or link needs the right to create
/// one, so these rights are included although the server creates none.
fn writing() -> BitFlags<AccessFs> {
    let excluded =
        AccessFs::Execute | AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev;
    AccessFs::from_all(NEWEST) & !excluded
}
