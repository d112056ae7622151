//! What the process may open: the directories that it serves and what it was told to read, by
//! landlock(7).
//!
//! The storage has its own jail for what clients name. This is for the day when somebody runs code
//! of theirs in here: the kernel then refuses every other path to the process itself. Rules are of
//! the thread and those it starts. Networks stay free: an active transfer connects to any port, and a
//! passive one listens at any.

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, LandlockStatus, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use super::Plan;
use crate::cause::cause;

/// The newest rights and scopes that are asked for; an older kernel has some of them.
const NEWEST: ABI = ABI::V6;

/// Paths that are allowed, opened but not yet in force.
pub(super) struct Fence {
    rules: Result<RulesetCreated, RulesetError>,
    unreachable: Vec<String>,
    contents: String,
}

impl Fence {
    /// Opens the paths of the plan.
    pub(super) fn around(plan: &Plan) -> Self {
        let mut unreachable = Vec::new();
        let rules = new_rules(!plan.writable.is_empty()).and_then(|mut rules| {
            let readable = plan.readable.iter().map(|path| (path, reading()));
            let writable = plan.writable.iter().map(|path| (path, changing()));
            for (path, rights) in readable.chain(writable) {
                match PathFd::new(path) {
                    // A file has no entries: the rights about those are left out.
                    Ok(opened) => rules = rules.add_rule(PathBeneath::new(opened, rights))?,
                    Err(error) => {
                        let path = path.display();
                        let error = cause(&error);
                        unreachable.push(format!("{path} will not be reached: {error}"));
                    }
                }
            }
            Ok(rules)
        });
        let (readable, writable) = (plan.readable.len(), plan.writable.len());
        Self {
            rules,
            unreachable,
            contents: format!("paths: {readable} to read, {writable} to change"),
        }
    }

    /// What was in the plan and is not there, a sentence for each.
    pub(super) fn unreachable(&self) -> Vec<String> {
        self.unreachable.clone()
    }

    /// From here on nothing else can be opened.
    pub(super) fn close(self) -> Result<String, String> {
        let failed = |error| format!("Landlock: {}", cause(&error));
        let status = self.rules.and_then(RulesetCreated::restrict_self);
        let status = status.map_err(failed)?;
        let abi = match status.landlock {
            LandlockStatus::NotImplemented => {
                return Err("the kernel has no Landlock (Linux 5.13 has it)".to_owned());
            }
            LandlockStatus::NotEnabled => {
                return Err("the kernel was started without its Landlock".to_owned());
            }
            LandlockStatus::Available {
                effective_abi,
                kernel_abi,
            } => kernel_abi.unwrap_or(effective_abi as i32),
        };
        if status.ruleset == RulesetStatus::NotEnforced {
            let text = "this kernel's Landlock would not let files move between directories \
                        (Linux 5.19 would)";
            return Err(text.to_owned());
        }
        Ok(format!("Landlock ABI {abi} ({})", self.contents))
    }
}

/// The first Landlock refuses every move between directories, and cannot allow one. Where files may
/// be changed it is rather left alone, then: RNTO must work.
fn new_rules(with_moves: bool) -> Result<RulesetCreated, RulesetError> {
    let without = if with_moves {
        CompatLevel::SoftRequirement
    } else {
        CompatLevel::BestEffort
    };
    Ruleset::default()
        .set_compatibility(without)
        .handle_access(AccessFs::Refer)?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()
}

fn reading() -> BitFlags<AccessFs> {
    AccessFs::ReadFile | AccessFs::ReadDir
}

/// Not the making of devices. Renaming something counts as making it, therefore also what is never
/// made here.
fn changing() -> BitFlags<AccessFs> {
    let not = AccessFs::Execute | AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev;
    AccessFs::from_all(NEWEST) & !not
}
