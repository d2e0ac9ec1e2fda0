//! The operations that faults are made of, on one testbed. Faults overlap, so operations know for which fault they act.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ticketcd_judge::history::fault::{
    ActionFailure, ActionOutcome, FaultAction, FaultEffect, LinkChange, NoTarget, ProcessAction, ProcessOperation,
};
use ticketcd_judge::history::{MemberIndex, nanos};
use tokio::task::JoinSet;

use super::definition::Fault;
use super::links::{Links, Traffic};
use super::ownership::{FaultOwnership, Resumption};
use super::resolved_target::{Claim, ResolvedTarget};
use super::target::{ClusterState, MemberHealth, TargetOrder};
use crate::etcd::sampler::View;
use crate::net::{Link, LinkState};
use crate::testbed::{MemberControl, Termination, Testbed, TestbedError};

/// How long a member may take to exit after SIGTERM. A leader without followers may hang.
const TERMINATION_GRACE: Duration = Duration::from_secs(5);

/// How a process is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// At once.
    Kill,
    /// By itself, or at once when it does not in time.
    Terminate,
}

/// The operations of one fault. Cloning shares what the faults of a testbed share.
#[derive(Clone, Debug)]
pub struct FaultExecutor {
    fault: u32,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    testbed: Arc<Testbed>,
    links: Links,
    ownership: Mutex<FaultOwnership>,
    /// Choosing a target and claiming it is one step, so that two faults do not choose the same member.
    resolving: Mutex<()>,
    /// One operation on a process at a time, so that a start does not meet a kill half-way.
    member_locks: Vec<tokio::sync::Mutex<()>>,
}

impl FaultExecutor {
    /// The operations of the first fault on a testbed. Only faults stop and start its members while they use it.
    pub fn new(testbed: &Arc<Testbed>) -> Self {
        let shared = Shared {
            testbed: Arc::clone(testbed),
            links: Links::new(testbed.links().clone()),
            ownership: Mutex::default(),
            resolving: Mutex::default(),
            member_locks: (0..testbed.size()).map(|_| tokio::sync::Mutex::default()).collect(),
        };
        Self { fault: 0, shared: Arc::new(shared) }
    }

    /// The operations of another fault on the same testbed.
    #[must_use]
    pub fn of_fault(&self, fault: u32) -> Self {
        Self { fault, shared: Arc::clone(&self.shared) }
    }

    /// How many members the testbed has.
    pub fn size(&self) -> usize {
        self.shared.testbed.size()
    }

    /// Chooses what the fault hits, and claims it.
    ///
    /// # Errors
    /// Why there is nothing to hit.
    pub(super) fn resolve(&self, fault: &dyn Fault, view: &View, order: &TargetOrder) -> Result<ResolvedTarget, NoTarget> {
        // It guards no data, so that a panic under it leaves nothing broken.
        let _one_at_a_time = self.shared.resolving.lock().unwrap_or_else(PoisonError::into_inner);
        let target = fault.resolve(&self.cluster_state(view), order)?;
        let mut ownership = self.ownership();
        for member in &target.members {
            match target.claim {
                Claim::None => {}
                Claim::Down => ownership.claim_down(self.fault, *member),
                Claim::Unwell => ownership.claim_unwell(self.fault, *member),
            }
        }
        Ok(target)
    }

    /// The cluster as a fault finds it now.
    fn cluster_state(&self, view: &View) -> ClusterState {
        let ownership = self.ownership();
        let health = |member: MemberIndex| {
            let is_responding = view.member(member).is_some_and(|entry| entry.answering);
            ownership.health(member, self.is_running(member), is_responding)
        };
        let health: Vec<_> = self.shared.testbed.members().map(health).collect();
        // The view is a moment old: it may still show a leader that another fault has just killed.
        let is_there = |leader: &MemberIndex| health.get(leader.index()).is_some_and(|health| *health != MemberHealth::Down);
        ClusterState { leader: view.leader().filter(is_there), health }
    }

    /// Gives up the fault's claim on a member.
    pub fn release(&self, member: MemberIndex) {
        self.ownership().release(self.fault, member);
    }

    /// Ends the processes of members, all at the same time.
    pub async fn end_all(&self, members: &[MemberIndex], ending: Ending) -> Vec<ProcessAction> {
        let mut tasks = JoinSet::new();
        for member in members.iter().copied() {
            let executor = self.clone();
            tasks.spawn(async move { executor.end(member, ending).await });
        }
        let mut actions = Vec::new();
        while let Some(joined) = tasks.join_next().await {
            match joined.map_err(tokio::task::JoinError::try_into_panic) {
                Ok(action) => actions.push(action),
                Err(Ok(panic)) => std::panic::resume_unwind(panic),
                // A task is cancelled only when the runtime shuts down, and this one with it.
                Err(Err(_)) => {}
            }
        }
        actions.sort_by_key(|action| action.member);
        actions
    }

    /// Ends a member's process.
    pub async fn end(&self, member: MemberIndex, ending: Ending) -> ProcessAction {
        let _lock = self.lock(member).await;
        let pid = self.pid(member);
        let (operation, result) = match (ending, self.control(member)) {
            (Ending::Kill, control) => (ProcessOperation::Kill, kill(control).await),
            (Ending::Terminate, control) => (ProcessOperation::Terminate, terminate(control).await),
        };
        if result.is_ok() {
            self.ownership().process_ended(member);
        }
        ProcessAction { member, pid, operation, result: result.into() }
    }

    /// Starts a member, unless it is already running.
    pub async fn start(&self, member: MemberIndex) -> ProcessAction {
        let _lock = self.lock(member).await;
        let result = match self.control(member) {
            Err(failure) => Err(failure),
            Ok(control) if control.is_running() => Ok(ActionOutcome::AlreadyRunning),
            Ok(control) => control.start().await.map(|()| ActionOutcome::Done).map_err(|error| failure(&error)),
        };
        ProcessAction { member, pid: self.pid(member), operation: ProcessOperation::Start, result: result.into() }
    }

    /// Stops a member's process without ending it.
    pub async fn pause(&self, member: MemberIndex) -> ProcessAction {
        let _lock = self.lock(member).await;
        let pid = self.pid(member);
        self.ownership().pause(self.fault, member);
        let result = match self.control(member) {
            Err(failure) => Err(failure),
            Ok(control) => control.pause().await.map(|()| ActionOutcome::Done).map_err(|error| failure(&error)),
        };
        if result.is_err() {
            self.ownership().resume(self.fault, member);
        }
        ProcessAction { member, pid, operation: ProcessOperation::Pause, result: result.into() }
    }

    /// Lets a member's process continue, when no other fault pauses it.
    pub async fn resume(&self, member: MemberIndex) -> ProcessAction {
        let _lock = self.lock(member).await;
        let pid = self.pid(member);
        let resumption = self.ownership().resume(self.fault, member);
        let result = match (resumption, self.control(member)) {
            (_, Err(failure)) => Err(failure),
            (Resumption::Due, Ok(control)) if control.is_running() => {
                control.resume().await.map(|()| ActionOutcome::Done).map_err(|error| failure(&error))
            }
            (Resumption::StillPaused, Ok(_)) => Ok(ActionOutcome::StillPaused),
            (Resumption::Due | Resumption::Ended, Ok(_)) => Ok(ActionOutcome::ProcessEnded),
        };
        ProcessAction { member, pid, operation: ProcessOperation::Resume, result: result.into() }
    }

    /// Whether a member's process is shown stopped. `None` where that cannot be known.
    pub fn is_paused(&self, member: MemberIndex) -> Option<bool> {
        self.control(member).ok()?.is_paused()
    }

    /// Demands a state of links; they have the strongest that any fault in force demands.
    pub fn shape(&self, links: &[Link], state: LinkState) {
        self.shared.links.demand(self.fault, links, state);
    }

    /// Withdraws everything that the fault demands of links.
    pub fn withdraw(&self) {
        self.shared.links.withdraw(self.fault);
    }

    /// Cuts the connections that carry these links; returns the action and what it caused.
    pub fn reset(&self, links: Vec<Link>) -> (FaultAction, Vec<FaultEffect>) {
        let connections = self.shared.links.reset(&links) as u64;
        let effects = if connections == 0 { Vec::new() } else { vec![FaultEffect::ConnectionsCut { connections }] };
        (FaultAction::Links { links, change: LinkChange::Reset }, effects)
    }

    /// Bytes on these links so far.
    pub(super) fn traffic(&self, links: &[Link]) -> Traffic {
        self.shared.links.traffic(links)
    }

    fn control(&self, member: MemberIndex) -> Result<MemberControl, ActionFailure> {
        self.shared.testbed.member(member).map_err(|error| failure(&error))
    }

    fn is_running(&self, member: MemberIndex) -> bool {
        self.control(member).is_ok_and(|control| control.is_running())
    }

    fn pid(&self, member: MemberIndex) -> Option<u32> {
        self.control(member).ok()?.pid()
    }

    async fn lock(&self, member: MemberIndex) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        match self.shared.member_locks.get(member.index()) {
            Some(lock) => Some(lock.lock().await),
            None => None,
        }
    }

    fn ownership(&self) -> MutexGuard<'_, FaultOwnership> {
        // Each change is one insertion or removal: a panic cannot have left half of one.
        self.shared.ownership.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn kill(control: Result<MemberControl, ActionFailure>) -> Result<ActionOutcome, ActionFailure> {
    control?.kill().await.map(|()| ActionOutcome::Done).map_err(|error| failure(&error))
}

async fn terminate(control: Result<MemberControl, ActionFailure>) -> Result<ActionOutcome, ActionFailure> {
    match control?.terminate(TERMINATION_GRACE).await {
        Ok(Termination::Graceful) => Ok(ActionOutcome::Done),
        Ok(Termination::Killed) => Ok(ActionOutcome::KilledAfter { grace: nanos(TERMINATION_GRACE) }),
        Err(error) => Err(failure(&error)),
    }
}

fn failure(error: &TestbedError) -> ActionFailure {
    match error {
        TestbedError::NoSuchMember(_) => ActionFailure::NoSuchMember,
        TestbedError::NotRunning(_) => ActionFailure::NotRunning,
        TestbedError::AlreadyRunning(_) => ActionFailure::AlreadyRunning,
        TestbedError::WithoutEffect { pid, .. } => ActionFailure::WithoutEffect { pid: *pid },
        error => ActionFailure::Refused { detail: error.to_string() },
    }
}
