//! Runs a check and turns a panic into a verdict.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::core::check::{Check, CheckInfo, End, Observation, ObservationKind};
use crate::core::verdict::{Finding, Verdict};

/// A check that is dropped if it panics: its verdict is then unknown, and the others continue.
pub(crate) struct PanicGuard {
    info: &'static CheckInfo,
    state: State,
}

enum State {
    Working(Box<dyn Check>),
    Panicked(String),
}

impl PanicGuard {
    pub(crate) fn new(check: Box<dyn Check>) -> Self {
        Self { info: check.info(), state: State::Working(check) }
    }

    pub(crate) fn observe(&mut self, observation: &Observation<'_>) {
        if let State::Working(check) = &mut self.state {
            // After a panic the check is dropped, so its inconsistent state is never used.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check.observe(observation))) {
                self.state = State::Panicked(words(panic.as_ref()));
            }
        }
    }

    /// What it is called, what it verifies, and what it can report.
    pub(crate) fn info(&self) -> &'static CheckInfo {
        self.info
    }

    /// What is wrong so far, after the name of the check.
    pub(crate) fn alarm(&self) -> Option<String> {
        let State::Working(check) = &self.state else { return None };
        let alarm = catch_unwind(AssertUnwindSafe(|| check.alarm())).ok().flatten();
        alarm.map(|alarm| format!("{}: {alarm}", self.info.name))
    }

    /// Whether the run did anything that the promise is about. A check that failed is never left out.
    pub(crate) fn applies(&self) -> bool {
        match &self.state {
            State::Working(check) => catch_unwind(AssertUnwindSafe(|| check.applies())).unwrap_or(true),
            State::Panicked(_) => true,
        }
    }

    /// Whether it uses this kind of observation.
    pub(crate) fn observes(&self, kind: ObservationKind) -> bool {
        match &self.state {
            State::Working(check) => check.observes(kind),
            State::Panicked(_) => false,
        }
    }

    /// Whether it replays the key space.
    pub(crate) fn replays(&self) -> bool {
        match &self.state {
            State::Working(check) => check.replays(),
            State::Panicked(_) => false,
        }
    }

    pub(crate) fn finish(self, end: &End<'_>) -> Finding {
        let name = self.info.name;
        let finding = match self.state {
            State::Working(check) => catch_unwind(AssertUnwindSafe(|| check.finish(end))).map_err(|panic| words(panic.as_ref())),
            State::Panicked(words) => Err(words),
        };
        finding.unwrap_or_else(|words| Finding {
            name: name.to_owned(),
            verdict: Verdict::Unknown,
            reason: Some(format!("Internal error in this check (please report it): {words}.")),
            evidence: BTreeMap::new(),
            anomalies: Vec::new(),
            revenue: Vec::new(),
        })
    }
}

impl std::fmt::Debug for PanicGuard {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.info.name)
    }
}

/// The message of a panic.
fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it panicked without a message".to_owned())
}
