//! Why a run could not go on as planned, as data.

use serde::{Deserialize, Serialize};

use crate::fault::HealthGap;
use crate::member::ProcessExit;
use crate::{MemberIndex, Nanos};

/// The run could not go on as planned, through no fault of etcd: the run is invalid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invalid {
    /// When.
    pub at: Nanos,
    /// Why.
    pub reason: InvalidReason,
}

/// Why a run could not go on as planned. A `detail` is what the operating system or another program reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvalidReason {
    /// The cluster never became healthy.
    NeverHealthy(NeverHealthy),
    /// It was interrupted before the cluster was healthy.
    InterruptedBeforeHealthy,
    /// The record could not be kept.
    NotRecorded,
    /// A step failed.
    StepFailed {
        /// Which.
        step: RunStep,
        /// Why.
        detail: String,
    },
    /// A fault was not carried out to its end, because of an internal error.
    FaultAborted {
        /// The error.
        detail: String,
    },
}

/// Why a cluster never became healthy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NeverHealthy {
    /// A member exited.
    Exited {
        /// Which member.
        member: MemberIndex,
        /// How.
        exit: ProcessExit,
    },
    /// A member did not report itself healthy.
    Unhealthy {
        /// Which member.
        member: MemberIndex,
        /// How long it was waited for.
        waited: Nanos,
    },
    /// Members did not follow one leader.
    Gaps {
        /// What was missing at the end.
        missing: Vec<HealthGap>,
        /// How long they were waited for.
        waited: Nanos,
    },
    /// A member's health could not be asked for.
    NotAsked {
        /// Why.
        detail: String,
    },
}

/// A step of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStep {
    /// Starting the testbed.
    Start,
    /// Connecting to members.
    Connect,
    /// Describing the run in `run.json`.
    Describe,
    /// Writing and verifying the dataset.
    Seed,
    /// Preparing the stock for the strategy.
    PrepareStock,
    /// Measuring the closed-loop rate.
    Calibrate,
    /// The load.
    Load,
    /// Restarting members for the audit.
    Restart,
}
