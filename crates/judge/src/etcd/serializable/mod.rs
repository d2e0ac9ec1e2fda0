//! Serializable: a read that may be stale still has a revision that existed, and a member does not go back.
//!
//! Source: etcd's API documentation of `RangeRequest.serializable` ("served locally without needing to reach consensus",
//! "stale data" allowed). What remains guaranteed is that the state is one of the cluster's and, because a member's own state
//! only advances while its process runs, that a member's later responses are never older than its earlier ones: monotonic
//! reads in the sense of Terry et al. ("Session Guarantees for Weakly Consistent Replicated Data", 1994), with the member's
//! process as the session. The content at that revision is verified by `reads`.
//!
//! Any response of a member raises the revision that it is known to have reached; only serializable ranges, and transactions
//! that contain nothing else, are judged by it, from when they were sent. A restart resets it, also for requests in flight
//! during it: etcd serves such reads before it has caught up with what it had applied.

#[cfg(test)]
mod tests;

use rustc_hash::FxHashMap;

use super::incarnations::Incarnations;
use super::real_time::{lowest_range, only_explicit_revisions};
use crate::core::anomalies::{Anomalies, evidence};
use crate::core::anomaly_kind::AnomalyKind;
use crate::core::check::{Basis, Check, CheckInfo, End, Observation, ObservationKind};
use crate::core::verdict::{Anomaly, Finding};
use crate::etcd::beyond::{BEYOND_WHAT_EXISTS, never_existed};
use ticketcd_history::call::{CallId, CallOutcome, Invoke, Return};
use ticketcd_history::event::Event;
use ticketcd_history::maintenance::MaintenanceAnswer;
use ticketcd_history::request::{Answer, AnswerBody, Request};
use ticketcd_history::{MemberIndex, Nanos, Revision, seconds};

/// What it is called, what it verifies, and what it can report.
pub static CHECK: CheckInfo = CheckInfo {
    name: "serializable",
    promise: "A read that may be stale returns a state that existed, and a member never goes back.",
    source: "etcd's API (`RangeRequest.serializable`)",
    kinds: &[&MEMBER_WENT_BACK, &BEYOND_WHAT_EXISTS],
    basis: Basis::EarlierResponses,
    view: None,
    online: false,
};

static MEMBER_WENT_BACK: AnomalyKind =
    AnomalyKind::new("member_went_back", "A member returned an older state to a serializable read than it had returned before.");

/// Marks kept per member; the older half is dropped if there are more.
const MARKS_MAX: usize = 1 << 16;

/// The check.
#[derive(Debug, Default)]
pub struct Serializable {
    incarnations: Incarnations,
    reached: FxHashMap<MemberIndex, Reached>,
    /// The highest revision of a serializable read.
    highest: Option<Named>,
    judged: u64,
    compared: u64,
    anomalies: Anomalies,
}

/// What the process of a member was known to have reached, and when: both only increase.
#[derive(Debug, Default)]
struct Reached {
    since: Nanos,
    marks: Vec<Named>,
}

/// The revision of a response.
#[derive(Clone, Copy, Debug)]
struct Named {
    done: Nanos,
    revision: Revision,
    call: CallId,
    member: MemberIndex,
}

impl Check for Serializable {
    fn info(&self) -> &'static CheckInfo {
        &CHECK
    }

    fn observes(&self, kind: ObservationKind) -> bool {
        matches!(kind, ObservationKind::Event | ObservationKind::Call)
    }

    fn observe(&mut self, observation: &Observation<'_>) {
        match observation {
            Observation::Event(Event::Member(event)) => self.incarnations.observe(event),
            Observation::Call(invoke, Some(returned)) => {
                if let CallOutcome::Ok(answer) = &returned.outcome {
                    self.answered(invoke, returned, answer);
                }
            }
            _ => {}
        }
    }

    fn applies(&self) -> bool {
        self.judged > 0
    }

    fn finish(mut self: Box<Self>, end: &End<'_>) -> Finding {
        if let (Some(named), Some(exists)) = (self.highest, end.last_that_existed())
            && named.revision > exists
        {
            let explanation = vec![
                format!("At {:.3} s {} received a response with revision {}.", seconds(named.done), describe(named), named.revision),
                never_existed(exists),
            ];
            self.anomalies.add(&BEYOND_WHAT_EXISTS, named.done, anomaly(explanation, named, named.revision - exists));
        }
        let lacking = (self.judged == 0).then(|| "No serializable read completed.".to_owned());
        let counts = evidence([("reads_judged", self.judged), ("reads_compared", self.compared)]);
        self.anomalies.into_finding(&CHECK, counts, lacking)
    }
}

impl Serializable {
    fn answered(&mut self, invoke: &Invoke, returned: &Return, answer: &Answer) {
        let member = invoke.member;
        let since = self.incarnations.since(member);
        if is_serializable(&invoke.request, answer) {
            let revision = lowest_range(&invoke.request, answer).unwrap_or(answer.revision).min(answer.revision);
            let named = Named { done: returned.done, revision, call: invoke.id, member };
            self.judged += 1;
            if self.highest.is_none_or(|highest| revision > highest.revision) {
                self.highest = Some(named);
            }
            self.judge(invoke.sent, named, since);
        }
        // Responses of the previous process do not bind this one; the response to a defragmentation has no header.
        if invoke.sent > since && !matches!(answer.body, AnswerBody::Maintenance(MaintenanceAnswer::Defragmented)) {
            self.learn(Named { done: returned.done, revision: answer.revision, call: invoke.id, member }, since);
        }
    }

    fn judge(&mut self, sent: Nanos, named: Named, since: Nanos) {
        let Some(reached) = self.reached.get(&named.member).filter(|reached| reached.since == since && sent > since) else { return };
        let before = reached.marks.partition_point(|mark| mark.done < sent);
        let Some(mark) = before.checked_sub(1).and_then(|last| reached.marks.get(last)).copied() else { return };
        self.compared += 1;
        if named.revision < mark.revision {
            let explanation = vec![
                format!("At {:.6} s {} received a response with revision {}.", seconds(mark.done), describe(mark), mark.revision),
                format!(
                    "At {:.6} s, after that and with no restart between, {} was sent to the same member.",
                    seconds(sent),
                    describe(named)
                ),
                format!("The response carried the older revision {}: the member went back.", named.revision),
            ];
            self.anomalies.add(&MEMBER_WENT_BACK, named.done, anomaly(explanation, named, mark.revision - named.revision));
        }
    }

    fn learn(&mut self, named: Named, since: Nanos) {
        let reached = self.reached.entry(named.member).or_default();
        if reached.since != since {
            *reached = Reached { since, marks: Vec::new() };
        }
        let last = reached.marks.last();
        if last.is_some_and(|last| last.revision >= named.revision) {
            return;
        }
        // Responses are recorded almost in order: one that is recorded late counts from the time of the one before it.
        let done = last.map_or(named.done, |last| last.done.max(named.done));
        if reached.marks.len() >= MARKS_MAX {
            reached.marks.drain(..MARKS_MAX / 2);
        }
        reached.marks.push(Named { done, ..named });
    }
}

/// Whether the response may be stale: a serializable range, or a transaction that contains nothing else.
fn is_serializable(request: &Request, answer: &Answer) -> bool {
    match request {
        Request::Range(range) => range.serializable && range.revision == 0,
        Request::Txn(txn) => {
            let has_operations = !txn.success.is_empty() || !txn.failure.is_empty();
            has_operations && !request.is_linearizable() && !only_explicit_revisions(request, answer)
        }
        _ => false,
    }
}

fn describe(named: Named) -> String {
    format!("call {}/{} (worker/call) at {}", named.call.worker, named.call.sequence, named.member.name())
}

fn anomaly(explanation: Vec<String>, named: Named, behind: Revision) -> Anomaly {
    let (revision, members) = (Some(named.revision), vec![named.member.name()]);
    Anomaly { explanation, severity: behind.unsigned_abs(), revision, members, ..Anomaly::default() }
}
