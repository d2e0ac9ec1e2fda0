//! What a fault is: a value that knows what it needs, what it hits, how it is injected and how it is healed.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use ticketcd_judge::history::MemberIndex;
use ticketcd_judge::history::fault::{FaultAction, FaultEffect, FaultTarget, NoTarget};

use super::draws::Draws;
use super::executor::FaultExecutor;
use super::resolved_target::ResolvedTarget;
use super::scope::Scope;
use super::target::{ClusterState, TargetOrder};
use crate::settings::problem::Checked;
use crate::testbed::{Capabilities, Capability, MissingCapability};

/// Work that is in progress.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A fault, as it is written in a scenario.
pub trait Fault: fmt::Debug + Send + Sync {
    /// Whether its settings make sense.
    ///
    /// # Errors
    /// The first that does not.
    fn check(&self, scope: &Scope<'_>) -> Checked;

    /// Its target, as the scenario names it.
    fn target(&self) -> FaultTarget;

    /// How long it is active before it is healed. Zero for a fault that needs no healing.
    fn lasts(&self) -> Duration;

    /// What it needs of the testbed.
    fn needs(&self) -> Vec<Capability>;

    /// Whether it can be injected on a testbed.
    ///
    /// # Errors
    /// The first capability that the testbed lacks.
    fn available(&self, testbed: &Capabilities) -> Result<(), MissingCapability> {
        testbed.require(&self.needs())
    }

    /// Whether etcd promises to lose nothing by it. The cluster may stop serving for a while: losing a majority is survivable.
    fn survivable(&self, testbed: &Capabilities) -> bool;

    /// Whether the fault has a target in a cluster of this size.
    fn fits(_members: u8) -> bool
    where
        Self: Sized,
    {
        true
    }

    /// One with random settings, for a cluster that it fits. Every draw passes `check`.
    fn draw(draws: &mut Draws<'_>) -> Self
    where
        Self: Sized;

    /// Chooses the target, given the current state of the cluster.
    ///
    /// # Errors
    /// Why there is no target.
    fn resolve(&self, cluster: &ClusterState, order: &TargetOrder) -> Result<ResolvedTarget, NoTarget>;

    /// Injects it.
    ///
    /// # Errors
    /// The actions, when all of them failed. Then nothing is active.
    fn inject<'a>(&'a self, executor: &'a FaultExecutor, target: ResolvedTarget) -> Pending<'a, Result<Injection, InjectionFailed>>;
}

/// A fault that was injected.
#[derive(Debug)]
pub struct Injection {
    /// The members it hits.
    pub members: Vec<MemberIndex>,
    /// What was done.
    pub actions: Vec<FaultAction>,
    /// What it caused at once.
    pub effects: Vec<FaultEffect>,
    /// What heals it.
    pub active: Box<dyn ActiveFault>,
}

/// Nothing was injected: each of these actions failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InjectionFailed(pub Vec<FaultAction>);

/// An active fault.
pub trait ActiveFault: fmt::Debug + Send {
    /// Undoes the fault.
    fn heal(self: Box<Self>) -> Pending<'static, Healing>;
}

/// A fault that was healed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Healing {
    /// What was done.
    pub actions: Vec<FaultAction>,
    /// What the fault had caused by then.
    pub effects: Vec<FaultEffect>,
}

impl Healing {
    /// Whether no action failed.
    pub fn is_complete(&self) -> bool {
        self.actions.iter().all(is_done)
    }
}

/// Whether an action did not fail.
pub(super) fn is_done(action: &FaultAction) -> bool {
    match action {
        FaultAction::Process(action) => action.result.is_ok(),
        FaultAction::Links { .. } => true,
    }
}

/// A fault that needs no healing.
#[derive(Debug)]
pub(super) struct Over;

impl ActiveFault for Over {
    fn heal(self: Box<Self>) -> Pending<'static, Healing> {
        Box::pin(std::future::ready(Healing::default()))
    }
}
