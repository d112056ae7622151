//! FEAT against behaviour: what is claimed and does not work, works and is not claimed, or is missing.

use super::{Stop, Visit, greeting};
use crate::probe::faults;

/// Features, a command that shows whether it works, and whether clients miss it. No file has such a name.
const TRIALS: [(&str, &str, bool); 12] = [
    ("EPSV", "EPSV", true),
    ("SIZE", "SIZE mioftpd-probe-absent", true),
    ("MDTM", "MDTM mioftpd-probe-absent", true),
    ("MLST", "MLST", true),
    ("REST", "REST 0", true),
    ("UTF8", "OPTS UTF8 ON", true),
    ("PBSZ", "PBSZ 0", false),
    ("PROT", "PROT", false),
    ("CLNT", "CLNT mioftpd probe", false),
    ("HASH", "OPTS HASH", false),
    ("AVBL", "AVBL", false),
    ("MODE Z", "MODE Z", false),
];

/// Tries each feature.
pub(super) fn check(visit: &mut Visit<'_, '_>) -> Result<(), Stop> {
    if visit.known.features.is_empty() {
        let reply = visit.command("FEAT")?;
        greeting::features(&reply, visit.known, visit.report);
    }
    let mut missing = Vec::new();
    for (name, command, is_usual) in TRIALS {
        let is_claimed = visit.known.claims(name);
        if !is_claimed && (!is_usual || visit.known.features.is_empty()) {
            continue;
        }
        let reply = visit.command(command)?;
        let works = !reply.is_negative() || matches!(reply.code, 450 | 501 | 503 | 522 | 550 | 553);
        if name == "MODE Z" {
            visit.command("MODE S")?;
        }
        match (is_claimed, works) {
            (true, false) if reply.is_unknown() => visit.report.add(
                faults::FEAT_UNTRUE,
                format!(
                    "FEAT claims {name}, and {command} was answered '{}'",
                    reply.shown
                ),
            ),
            // Clients try EPSV, whatever FEAT says.
            (false, true) if name != "EPSV" => visit.report.add(
                faults::FEAT_UNCLAIMED,
                format!("{name} works, and FEAT does not claim it"),
            ),
            (false, false) => missing.push(name),
            _ => {}
        }
    }
    if !missing.is_empty() {
        visit.report.add(
            faults::FEAT_LACKING,
            format!("the server has no {}", missing.join(", ")),
        );
    }
    Ok(())
}
