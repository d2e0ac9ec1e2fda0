//! What faults of processes share: members that are down, and members that are paused.

use std::time::Instant;

use ticketcd_judge::history::fault::{FaultAction, FaultEffect, ProcessAction};
use ticketcd_judge::history::{MemberIndex, nanos};

use super::definition::{ActiveFault, Healing, Injection, InjectionFailed, Pending};
use super::executor::{Ending, FaultExecutor};

/// Ends the processes of members; healing starts them again.
///
/// # Errors
/// What was tried, when no process could be ended.
pub(super) async fn take_down(executor: &FaultExecutor, members: &[MemberIndex], ending: Ending) -> Result<Injection, InjectionFailed> {
    let (members, actions) = sort_out(executor, executor.end_all(members, ending).await)?;
    let effects = members.iter().map(|member| FaultEffect::ProcessEnded { member: *member, times: 1 }).collect();
    let active = Box::new(Down { executor: executor.clone(), members: members.clone() });
    Ok(Injection { members, actions, effects, active })
}

/// Pauses the processes of members; healing resumes them.
///
/// # Errors
/// What was tried, when no process could be paused.
pub(super) async fn pause(executor: &FaultExecutor, members: &[MemberIndex]) -> Result<Injection, InjectionFailed> {
    let mut actions = Vec::new();
    for member in members {
        actions.push(executor.pause(*member).await);
    }
    let (members, actions) = sort_out(executor, actions)?;
    let active = Box::new(Paused { executor: executor.clone(), members: members.clone(), since: Instant::now() });
    Ok(Injection { members, actions, effects: Vec::new(), active })
}

/// The members on which an action did not fail, and all actions. The claim on the others is released.
///
/// # Errors
/// All actions, when every one of them failed.
pub(super) fn sort_out(
    executor: &FaultExecutor,
    actions: Vec<ProcessAction>,
) -> Result<(Vec<MemberIndex>, Vec<FaultAction>), InjectionFailed> {
    let (done, failed): (Vec<&ProcessAction>, Vec<_>) = actions.iter().partition(|action| action.result.is_ok());
    failed.iter().for_each(|action| executor.release(action.member));
    let members: Vec<_> = done.iter().map(|action| action.member).collect();
    let actions = actions.into_iter().map(FaultAction::Process).collect();
    if members.is_empty() { Err(InjectionFailed(actions)) } else { Ok((members, actions)) }
}

/// Members that are down.
#[derive(Debug)]
struct Down {
    executor: FaultExecutor,
    members: Vec<MemberIndex>,
}

impl ActiveFault for Down {
    fn heal(self: Box<Self>) -> Pending<'static, Healing> {
        Box::pin(async move {
            let mut healing = Healing::default();
            for member in self.members {
                healing.actions.push(FaultAction::Process(self.executor.start(member).await));
                self.executor.release(member);
            }
            healing
        })
    }
}

/// Members that are paused.
#[derive(Debug)]
struct Paused {
    executor: FaultExecutor,
    members: Vec<MemberIndex>,
    since: Instant,
}

impl ActiveFault for Paused {
    fn heal(self: Box<Self>) -> Pending<'static, Healing> {
        Box::pin(async move {
            let mut healing = Healing::default();
            for member in self.members {
                // What the operating system shows, and not what was asked for.
                if self.executor.is_paused(member) == Some(true) {
                    let total = nanos(self.since.elapsed());
                    healing.effects.push(FaultEffect::Paused { member, times: 1, total });
                }
                healing.actions.push(FaultAction::Process(self.executor.resume(member).await));
                self.executor.release(member);
            }
            healing
        })
    }
}
