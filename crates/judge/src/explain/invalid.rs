//! Why a run is invalid.

use std::fmt;

use super::quantity::duration;
use super::{Explain, all_missing};
use ticketcd_history::invalid::{InvalidReason, NeverHealthy, RunStep};

impl Explain for InvalidReason {
    fn explain(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverHealthy(why) => write!(formatter, "the cluster never became healthy: {}", why.in_words()),
            Self::InterruptedBeforeHealthy => formatter.write_str("the run was interrupted before the cluster was healthy"),
            Self::NotRecorded => formatter.write_str("the record could not be kept"),
            Self::StepFailed { step, detail } => write!(formatter, "{} failed: {detail}", step.in_words()),
            Self::FaultAborted { detail } => write!(formatter, "a fault was not carried out to its end: {detail}"),
            Self::ForeignProcess { member, pid } => write!(
                formatter,
                "process {pid} answers on the socket of {}, and it is none of the processes that were started for this member: faults \
                 would not reach it; let --etcd name etcd itself, or a script that starts it as its child",
                member.name()
            ),
        }
    }
}

impl Explain for NeverHealthy {
    fn explain(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited { member, exit } => {
                let member = member.name();
                write!(formatter, "{member} exited ({}): see its log members/{member}.log", exit.in_words())
            }
            Self::Unhealthy { member, waited } => {
                write!(formatter, "{} did not report itself healthy within {}", member.name(), duration(*waited))
            }
            Self::Gaps { missing, waited } => write!(formatter, "after {}: {}", duration(*waited), all_missing(missing)),
            Self::NotAsked { detail } => formatter.write_str(detail),
        }
    }
}

impl Explain for RunStep {
    fn explain(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Start => "starting the testbed",
            Self::Connect => "connecting to the members",
            Self::Describe => "writing run.json",
            Self::Seed => "writing the dataset",
            Self::PrepareStock => "preparing the stock",
            Self::Calibrate => "measuring the closed-loop rate",
            Self::Load => "the load",
            Self::Restart => "restarting the members",
        })
    }
}
