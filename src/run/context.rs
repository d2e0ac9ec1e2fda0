//! What the phases of a run share.

use std::fmt::Display;
use std::time::Duration;

use ticketcd_judge::history::event::{Event, Phase, PhaseBegan};
use ticketcd_judge::history::invalid::{InvalidReason, RunStep};
use tokio_util::sync::CancellationToken;

use super::setup::Setup;
use crate::record::Sink;

/// How long the members get to elect a leader when the cluster is new, and after everything was healed.
pub(super) const HEALTH_TIMEOUT: Duration = Duration::from_secs(60);

/// What the phases of a run share.
pub(super) struct RunContext<'run> {
    pub(super) setup: &'run Setup,
    pub(super) sink: Sink,
    /// Ends the load early: on Ctrl-C, when a check reports a violation, or when the record cannot be kept.
    pub(super) stop: CancellationToken,
}

/// The run could not go on as planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RunFailure(pub(super) InvalidReason);

impl RunFailure {
    /// A step failed, for a reason that another part of the program or the operating system gives.
    pub(super) fn of<E: Display>(step: RunStep) -> impl Fn(E) -> Self {
        move |error| Self(InvalidReason::StepFailed { step, detail: error.to_string() })
    }
}

impl RunContext<'_> {
    /// Records that a phase begins.
    pub(super) async fn enter(&self, phase: Phase) {
        self.sink.record(Event::Phase(PhaseBegan { at: self.sink.now(), phase })).await;
    }
}
