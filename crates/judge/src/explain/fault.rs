//! Faults: their actions, their effects, and how they ended.

use std::fmt;

use super::quantity::{count, counted, duration};
use super::{Explain, all_missing, joined, list};
use ticketcd_history::fault::{
    ActionFailure, ActionOutcome, ActionResult, FaultAction, FaultEffect, FaultTarget, Leadership, Link, LinkChange, NoTarget, NotInjected,
    NotRecovered, ProcessAction, ProcessOperation, TargetRole,
};
use ticketcd_history::{MemberIndex, Nanos, seconds};

/// A fault as a noun: `kill of m2 (leader)`, `partition of m1, m2, m3`.
pub fn fault_name(kind: &str, members: &[MemberIndex], leader: Option<Leadership>) -> String {
    let kind = kind.replace('_', " ");
    if members.is_empty() {
        return kind;
    }
    let is_leader = |member: &MemberIndex| leader.is_some_and(|leader| leader.member == *member);
    let name = |member: &MemberIndex| format!("{}{}", member.name(), if is_leader(member) { " (leader)" } else { "" });
    format!("{kind} of {}", joined(members.iter().map(name), ", "))
}

/// What an injection did, and whether it hit the leader.
pub fn applied(actions: &[FaultAction], members: &[MemberIndex], leader: Option<Leadership>) -> String {
    let actions = list(actions, "; ");
    match leader.filter(|leader| members.contains(&leader.member)) {
        Some(Leadership { member, term }) => format!("{actions}; {} was the leader in term {term}", member.name()),
        None => actions,
    }
}

/// How a fault was healed.
pub fn healed(actions: &[FaultAction], after: Nanos) -> String {
    match list(actions, "; ") {
        actions if actions.is_empty() => format!("recovered after {:.1} s", seconds(after)),
        actions => format!("{actions}; recovered after {:.1} s", seconds(after)),
    }
}

/// How a fault was healed without a recovery.
pub fn not_recovered(actions: &[FaultAction], reason: &NotRecovered) -> String {
    match list(actions, "; ") {
        actions if actions.is_empty() => reason.in_words().to_string(),
        actions => format!("{actions}; {}", reason.in_words()),
    }
}

impl Explain for TargetRole {
    fn explain(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leader => formatter.write_str("leader"),
            Self::Follower => formatter.write_str("follower"),
            Self::Any => formatter.write_str("any"),
            Self::Minority => formatter.write_str("minority"),
            Self::Majority => formatter.write_str("majority"),
            Self::All => formatter.write_str("all"),
            Self::Member(member) => formatter.write_str(&member.name()),
        }
    }
}

impl Explain for FaultTarget {
    fn explain(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Members(role) => role.explain(formatter),
            Self::Isolate(role) => write!(formatter, "{} isolated", role.in_words()),
            Self::Split(groups) => formatter.write_str(&joined(groups.iter().map(|group| list(group, "+")), " | ")),
            Self::OneWay { from, to } => write!(formatter, "{}→{}", from.in_words(), to.in_words()),
            Self::PeersOf(role) => write!(formatter, "peers of {}", role.in_words()),
            Self::ClientsOf(role) => write!(formatter, "clients of {}", role.in_words()),
        }
    }
}

impl Explain for Link {
    fn explain(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer { from, to } => write!(formatter, "{}→{}", from.name(), to.name()),
            Self::ToMember(member) => write!(formatter, "clients→{}", member.name()),
            Self::FromMember(member) => write!(formatter, "{}→clients", member.name()),
        }
    }
}

impl Explain for FaultAction {
    fn explain(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(action) => action.explain(formatter),
            Self::Links { links, change } => {
                let links = list(links, ", ");
                match change {
                    LinkChange::Dropping => write!(formatter, "dropping traffic {links}"),
                    LinkChange::Holding => write!(formatter, "holding traffic {links}"),
                    LinkChange::Delaying { delay, jitter: 0 } => write!(formatter, "delaying traffic {links} by {}", duration(*delay)),
                    LinkChange::Delaying { delay, jitter } => {
                        write!(formatter, "delaying traffic {links} by {}, with up to {} of jitter", duration(*delay), duration(*jitter))
                    }
                    LinkChange::Reset => write!(formatter, "reset connections {links}"),
                    LinkChange::Restored => formatter.write_str("links restored"),
                }
            }
        }
    }
}

impl Explain for ProcessAction {
    fn explain(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = match self.pid {
            Some(pid) => format!("{} (pid {pid})", self.member.name()),
            None => self.member.name(),
        };
        match &self.result {
            ActionResult::Succeeded(ActionOutcome::Done) => write!(formatter, "{} {who}", past(self.operation)),
            ActionResult::Succeeded(ActionOutcome::KilledAfter { grace }) => {
                write!(formatter, "{} {who}, and killed it because it had not exited after {}", past(self.operation), duration(*grace))
            }
            ActionResult::Succeeded(ActionOutcome::AlreadyRunning) => write!(formatter, "{who} was already running"),
            ActionResult::Succeeded(ActionOutcome::StillPaused) => write!(formatter, "{who} stays paused by another fault"),
            ActionResult::Succeeded(ActionOutcome::ProcessEnded) => write!(formatter, "the paused process of {who} had exited"),
            ActionResult::Failed(failure) => write!(formatter, "could not {} {who}: {}", verb(self.operation), failure.in_words()),
        }
    }
}

fn verb(operation: ProcessOperation) -> &'static str {
    match operation {
        ProcessOperation::Kill => "kill",
        ProcessOperation::Terminate => "terminate",
        ProcessOperation::Pause => "pause",
        ProcessOperation::Resume => "resume",
        ProcessOperation::Start => "start",
    }
}

fn past(operation: ProcessOperation) -> &'static str {
    match operation {
        ProcessOperation::Kill => "killed",
        ProcessOperation::Terminate => "terminated",
        ProcessOperation::Pause => "paused",
        ProcessOperation::Resume => "resumed",
        ProcessOperation::Start => "started",
    }
}

impl Explain for ActionFailure {
    fn explain(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchMember => formatter.write_str("there is no such member"),
            Self::NotRunning => formatter.write_str("it is not running"),
            Self::AlreadyRunning => formatter.write_str("it is already running"),
            Self::Refused { detail } => formatter.write_str(detail),
            Self::WithoutEffect { pid } => write!(formatter, "the signal was sent, but etcd (process {pid}) still ran"),
        }
    }
}

impl Explain for FaultEffect {
    fn explain(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ProcessEnded { member, times: 1 } => write!(formatter, "{} exited", member.name()),
            Self::ProcessEnded { member, times } => write!(formatter, "{} exited {} times", member.name(), count(u64::from(*times))),
            Self::Paused { member, times: 1, total } => write!(formatter, "{} was paused for {}", member.name(), duration(*total)),
            Self::Paused { member, times, total } => {
                write!(formatter, "{} was paused {} times, for {} in all", member.name(), count(u64::from(*times)), duration(*total))
            }
            Self::StoppedResponding { member } => write!(formatter, "{} stopped responding", member.name()),
            Self::RespondsAgain { member } => write!(formatter, "{} responds again", member.name()),
            Self::LeaderLost => formatter.write_str("no quorum has a leader"),
            Self::LeaderElected(leader) => write!(formatter, "{} became the leader in term {}", leader.member.name(), leader.term),
            Self::LeaderReturned(leader) => write!(formatter, "{} leads again in term {}", leader.member.name(), leader.term),
            Self::ConnectionsCut { connections } => write!(formatter, "{} cut", counted(*connections, "connection")),
            Self::TrafficStopped { bytes } => write!(formatter, "{} not delivered on these links", counted(*bytes, "byte")),
            Self::TrafficDelivered { bytes } => write!(formatter, "{} delivered on these links", counted(*bytes, "byte")),
        }
    }
}

impl Explain for NotInjected {
    fn explain(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted => formatter.write_str("the run was interrupted before the fault was due"),
            Self::NoTarget { reason, waited } => write!(formatter, "{} (waited {})", reason.in_words(), duration(*waited)),
            Self::Failed { actions } => formatter.write_str(&list(actions, "; ")),
        }
    }
}

impl Explain for NoTarget {
    fn explain(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLeader => formatter.write_str("no quorum has a leader"),
            Self::NoSuchMember(member) => write!(formatter, "there is no member {}", member.name()),
            Self::NamedTwice(member) => write!(formatter, "{} is named twice", member.name()),
            Self::Down(member) => write!(formatter, "{} is down", member.name()),
            Self::NoneLeft => formatter.write_str("every member is down"),
            Self::TooSmall { role, size } => write!(formatter, "a cluster of {size} has no {}", role.in_words()),
            Self::TooFewUp { role, needed, up } => {
                write!(formatter, "{} needs {needed} healthy members, and {up} are left", role.in_words())
            }
            Self::NoSuchLink => formatter.write_str("a cluster of this size has no such link"),
        }
    }
}

impl Explain for NotRecovered {
    fn explain(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HealingFailed => formatter.write_str("it could not be healed"),
            Self::Unhealthy { missing, waited } => write!(formatter, "after {}: {}", duration(*waited), all_missing(missing)),
            Self::NotSampled => formatter.write_str("the members' health was no longer sampled"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const M1: MemberIndex = MemberIndex(0);
    const M2: MemberIndex = MemberIndex(1);

    fn on(member: MemberIndex, operation: ProcessOperation) -> FaultAction {
        FaultAction::Process(ProcessAction { member, pid: Some(4711), operation, result: ActionResult::Succeeded(ActionOutcome::Done) })
    }

    #[test]
    fn an_injection_describes_what_was_done_and_whether_it_hit_the_leader() {
        let leader = Some(Leadership { member: M2, term: 3 });
        let killed = applied(&[on(M2, ProcessOperation::Kill)], &[M2], leader);
        assert_eq!(killed, "killed m2 (pid 4711); m2 was the leader in term 3");
        assert_eq!(fault_name("kill", &[M2], leader), "kill of m2 (leader)");
        let links = vec![Link::Peer { from: M1, to: M2 }, Link::FromMember(M1)];
        let delayed = FaultAction::Links { links, change: LinkChange::Delaying { delay: 40_000_000, jitter: 20_000_000 } };
        assert_eq!(applied(&[delayed], &[M1], leader), "delaying traffic m1→m2, m1→clients by 40 ms, with up to 20 ms of jitter");
        assert_eq!(fault_name("black_hole", &[M1], leader), "black hole of m1");
    }

    #[test]
    fn healing_describes_what_was_done_and_how_long_recovery_took() {
        assert_eq!(healed(&[on(M1, ProcessOperation::Start)], 400_000_000), "started m1 (pid 4711); recovered after 0.4 s");
        assert_eq!(healed(&[], 0), "recovered after 0.0 s");
    }

    #[test]
    fn failures_name_the_member_and_the_reason() {
        let failed = ProcessAction {
            member: M1,
            pid: None,
            operation: ProcessOperation::Resume,
            result: ActionResult::Failed(ActionFailure::NotRunning),
        };
        assert_eq!(failed.in_words().to_string(), "could not resume m1: it is not running");
        let none =
            NotInjected::NoTarget { reason: NoTarget::TooFewUp { role: TargetRole::Majority, needed: 2, up: 1 }, waited: 10_000_000_000 };
        assert_eq!(none.in_words().to_string(), "majority needs 2 healthy members, and 1 are left (waited 10 s)");
    }

    #[test]
    fn targets_are_named_as_in_the_scenario() {
        let split = FaultTarget::Split(vec![vec![TargetRole::Leader, TargetRole::Member(M2)], vec![TargetRole::Any]]);
        assert_eq!(split.in_words().to_string(), "leader+m2 | any");
        assert_eq!(FaultTarget::OneWay { from: TargetRole::Leader, to: TargetRole::All }.in_words().to_string(), "leader→all");
    }
}
