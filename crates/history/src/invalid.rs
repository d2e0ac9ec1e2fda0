//! Why a run could not go on as planned, as data.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::fault::HealthGap;
use crate::member::ProcessExit;
use crate::{MemberIndex, Nanos};

/// The run could not go on as planned, through no fault of etcd: the run is invalid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct Invalid {
    /// When.
    #[n(0)]
    pub at: Nanos,
    /// Why.
    #[n(1)]
    pub reason: InvalidReason,
}

/// Why a run could not go on as planned. A `detail` is what the operating system or another program reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
pub enum InvalidReason {
    /// The cluster never became healthy.
    #[n(0)]
    NeverHealthy(#[n(0)] NeverHealthy),
    /// It was interrupted before the cluster was healthy.
    #[n(1)]
    InterruptedBeforeHealthy,
    /// The record could not be kept.
    #[n(2)]
    NotRecorded,
    /// A step failed.
    #[n(3)]
    StepFailed {
        /// Which.
        #[n(0)]
        step: RunStep,
        /// Why.
        #[n(1)]
        detail: String,
    },
    /// A fault was not carried out to its end, because of an internal error.
    #[n(4)]
    FaultAborted {
        /// The error.
        #[n(0)]
        detail: String,
    },
    /// The process that answers on a member's socket is none of those that were started for the member: no fault can reach it.
    #[n(5)]
    ForeignProcess {
        /// Which member.
        #[n(0)]
        member: MemberIndex,
        /// The id of the process that answers.
        #[n(1)]
        pid: u32,
    },
}

/// Why a cluster never became healthy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
pub enum NeverHealthy {
    /// A member exited.
    #[n(0)]
    Exited {
        /// Which member.
        #[n(0)]
        member: MemberIndex,
        /// How.
        #[n(1)]
        exit: ProcessExit,
    },
    /// A member did not report itself healthy.
    #[n(1)]
    Unhealthy {
        /// Which member.
        #[n(0)]
        member: MemberIndex,
        /// How long it was waited for.
        #[n(1)]
        waited: Nanos,
    },
    /// Members did not follow one leader.
    #[n(2)]
    Gaps {
        /// What was missing at the end.
        #[n(0)]
        missing: Vec<HealthGap>,
        /// How long they were waited for.
        #[n(1)]
        waited: Nanos,
    },
    /// A member's health could not be requested.
    #[n(3)]
    NotAsked {
        /// Why.
        #[n(0)]
        detail: String,
    },
}

/// A step of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum RunStep {
    /// Starting the testbed.
    #[n(0)]
    Start,
    /// Connecting to members.
    #[n(1)]
    Connect,
    /// Describing the run in `run.json`.
    #[n(2)]
    Describe,
    /// Writing and verifying the dataset.
    #[n(3)]
    Seed,
    /// Preparing the stock for the strategy.
    #[n(4)]
    PrepareStock,
    /// Measuring the closed-loop rate.
    #[n(5)]
    Calibrate,
    /// The load.
    #[n(6)]
    Load,
    /// Restarting members for the audit.
    #[n(7)]
    Restart,
}
