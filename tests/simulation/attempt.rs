//! One run of a seed; a panic is a violation like any other.
//!
//! The reactor survives a panic in a turn by closing that connection, and a worker by failing that job, so a
//! bug that panics would look like a fault. Only the injected panics of the disk are expected.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Once;

use crate::disk;
use crate::run::{Outcome, replay, run};
use crate::scenario::Scenario;
use crate::watchdog::{Run, Watchdog};

thread_local! {
    /// Unexpected panics in the run of this thread; a panic hook has no other way to report them.
    static PANICS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Runs one seed under the watchdog.
pub(crate) fn attempt(watchdog: &Watchdog, seed: u64, tracing: bool) -> Outcome {
    let _guard = watchdog.guard(Run::Seed(seed));
    catch_panics(|| run(seed, tracing))
}

/// Runs a scenario under the watchdog; `named` identifies it if it does not end.
pub(crate) fn replayed(
    watchdog: &Watchdog,
    named: Run,
    scenario: &Scenario,
    tracing: bool,
) -> Outcome {
    let _guard = watchdog.guard(named);
    catch_panics(|| replay(scenario, tracing))
}

fn catch_panics(run: impl FnOnce() -> Outcome) -> Outcome {
    record_panics();
    PANICS.take();
    let tried = catch_unwind(AssertUnwindSafe(run));
    let mut outcome = tried.unwrap_or_else(|_| Outcome {
        violations: vec!["the run panicked".to_owned()],
        ..Outcome::default()
    });
    let panics = PANICS.take().into_iter();
    outcome.violations.extend(panics);
    outcome
}

/// Injected panics are silent; all others are printed and recorded.
pub(crate) fn record_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let text = text_of(panic.payload());
            if text.is_none_or(|text| text != disk::INJECTED_PANIC) {
                PANICS.with_borrow_mut(|panics| panics.push(shown(panic, text)));
                usual(panic);
            }
        }));
    });
}

fn shown(panic: &PanicHookInfo<'_>, text: Option<&str>) -> String {
    let place = panic.location().map(ToString::to_string);
    format!(
        "a panic at {}: {}",
        place.as_deref().unwrap_or("some place"),
        text.unwrap_or("without a text")
    )
}

fn text_of(payload: &(dyn Any + Send)) -> Option<&str> {
    let owned = payload.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| payload.downcast_ref::<&str>().copied())
}
