//! Findings: what is wrong with the server, why it matters, and what to change.
//!
//! A check adds a [`Fault`] with what it has seen; the [`Report`] keeps them in the order of the checks. It
//! must not know how a fault is found or shown.

use std::collections::BTreeSet;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// Good to know.
    Note,
    /// Some clients fail, or the operator takes a risk.
    Warning,
    /// Clients fail, lose data or can be attacked.
    Error,
}

impl Severity {
    /// The word in the table and in JSON.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A kind of fault, whatever was seen of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    severity: Severity,
    id: &'static str,
    why: &'static str,
    change: &'static str,
    key: Option<&'static str>,
}

impl Fault {
    /// A note.
    pub(super) const fn note(id: &'static str, why: &'static str, change: &'static str) -> Self {
        Self::new(Severity::Note, id, why, change)
    }

    /// A warning.
    pub(super) const fn warning(id: &'static str, why: &'static str, change: &'static str) -> Self {
        Self::new(Severity::Warning, id, why, change)
    }

    /// An error.
    pub(super) const fn error(id: &'static str, why: &'static str, change: &'static str) -> Self {
        Self::new(Severity::Error, id, why, change)
    }

    const fn new(
        severity: Severity,
        id: &'static str,
        why: &'static str,
        change: &'static str,
    ) -> Self {
        Self {
            severity,
            id,
            why,
            change,
            key: None,
        }
    }

    /// With the key of mioftpd's configuration that changes it.
    pub(super) const fn key(mut self, key: &'static str) -> Self {
        self.key = Some(key);
        self
    }

    /// As a note, where it does less harm.
    pub(super) const fn only_noted(mut self, is_less: bool) -> Self {
        if is_less {
            self.severity = Severity::Note;
        }
        self
    }

    #[cfg(test)]
    pub(super) const fn id(&self) -> &'static str {
        self.id
    }

    #[cfg(test)]
    pub(super) const fn severity(&self) -> Severity {
        self.severity
    }

    #[cfg(test)]
    pub(super) const fn configuration_key(&self) -> Option<&'static str> {
        self.key
    }
}

/// What was found.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    /// How bad it is.
    pub(super) severity: Severity,
    /// A short name for programs.
    pub(super) id: &'static str,
    /// What was seen.
    pub(super) what: String,
    /// Why it matters, and to which clients.
    pub(super) why: &'static str,
    /// What to change on the server; may be empty.
    pub(super) change: &'static str,
    /// The key of the configuration, if the server is mioftpd.
    pub(super) key: Option<&'static str>,
}

/// The findings of a run, and facts that are no faults.
#[derive(Debug, Default)]
pub(super) struct Report {
    findings: Vec<Finding>,
    seen: BTreeSet<(&'static str, String)>,
    facts: Vec<(&'static str, String)>,
}

impl Report {
    /// Adds a finding, once.
    pub(super) fn add(&mut self, fault: Fault, what: impl Into<String>) {
        let what = what.into();
        if self.seen.insert((fault.id, what.clone())) {
            self.findings.push(Finding {
                severity: fault.severity,
                id: fault.id,
                what,
                why: fault.why,
                change: fault.change,
                key: fault.key,
            });
        }
    }

    /// Adds something that is good to know of any server.
    pub(super) fn fact(&mut self, name: &'static str, value: impl Into<String>) {
        self.facts.push((name, value.into()));
    }

    /// The facts, in the order in which they were seen.
    pub(super) fn facts(&self) -> &[(&'static str, String)] {
        &self.facts
    }

    /// Removes the keys, which mean nothing to another server.
    pub(super) fn without_keys(&mut self) {
        for finding in &mut self.findings {
            finding.key = None;
        }
    }

    /// The findings, the worst first, and otherwise in the order of the checks.
    pub(super) fn sorted(&self) -> Vec<&Finding> {
        let mut sorted: Vec<_> = self.findings.iter().collect();
        sorted.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        sorted
    }

    /// The worst of the findings.
    pub(super) fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAD: Fault = Fault::error("bad", "why", "change").key("a.b");
    const ODD: Fault = Fault::warning("odd", "why", "change");

    #[test]
    fn findings_are_added_once_and_sorted_by_severity() {
        let mut report = Report::default();
        assert_eq!(report.worst(), None);
        report.add(ODD.only_noted(true), "here");
        report.add(ODD, "there");
        report.add(ODD, "there");
        report.add(BAD, "here");
        let order: Vec<_> = report.sorted().iter().map(|one| one.severity).collect();
        assert_eq!(order, [Severity::Error, Severity::Warning, Severity::Note]);
        assert_eq!(report.worst(), Some(Severity::Error));
        assert_eq!(report.sorted()[0].key, Some("a.b"));
        report.without_keys();
        assert_eq!(report.sorted()[0].key, None);
    }
}
