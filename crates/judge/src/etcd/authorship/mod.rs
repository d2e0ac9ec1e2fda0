//! Authorship: every revision has exactly one author, and contains exactly what that author sent.
//!
//! Source: etcd's API guarantees call every completed operation durable and atomic, and its data model makes each writing
//! request one revision of its own; that nothing appears without a write follows from Herlihy and Wing's linearizability
//! ("Linearizability: a correctness condition for concurrent objects", 1990), and Jepsen's analyses call a violation a phantom
//! or an aborted read.
//!
//! The author of a revision is an acknowledged write whose keys, values and leases equal its events in order; or one attempt
//! with an unknown outcome, recognised by its puts, whose compares held before it (or did not, for the failure branch); or the
//! end of one lease, which deletes keys attached to it (a lock call that is given up deletes its key, which is attached to its
//! lease, too). Each call is a separate attempt, so a request that a client sends twice may be applied twice.
//!
//! The check applies only to a cluster that the run started, because only there every write is recorded. It judges the
//! unbroken log from the first revision on. It keeps revisions and acknowledgements until they match, attempts with an unknown
//! outcome, and 24 bytes per revision to recognise an author that appears a second time. For a revision without an author it
//! also keeps the previous state of the keys that it changed and of those that the compares of attempts refer to by then. A
//! compare on any other key is not judged once the key space before the revision is forgotten, and its attempt may be the
//! author.

mod attempts;
mod content;
mod delivered;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use attempts::{Attempt, Attempts, Claim, Unclaimed};
use content::{content_hash, difference, written};
use delivered::Delivered;

use crate::core::anomalies::{Anomalies, evidence};
use crate::core::anomaly_kind::AnomalyKind;
use crate::core::check::{Basis, Check, CheckInfo, End, Observation, ObservationKind, SequencedRevision};
use crate::core::key_space::{FIRST_REVISION, WINDOW};
use crate::core::pending_answers::ReplayedCall;
use crate::core::verdict::{Anomaly, Finding};
use ticketcd_history::audit::AuditClosed;
use ticketcd_history::call::{CallId, CallOutcome, Invoke, Return};
use ticketcd_history::event::Event;
use ticketcd_history::request::{AnswerBody, Request};
use ticketcd_history::run_info::RunInfo;
use ticketcd_history::{MemberIndex, Nanos, OrderId, OrderKey, Revision, seconds};

/// What it is called, what it verifies, and what it can report.
pub static CHECK: CheckInfo = CheckInfo {
    name: "authorship",
    promise: "Every revision has exactly one author, and contains exactly what that author sent.",
    source: "etcd's API guarantees (operations are atomic and durable)",
    kinds: &[&UNAUTHORED, &ALTERED, &TWICE_APPLIED, &TWO_AUTHORS, &ACKNOWLEDGED_BUT_ABSENT, &REFUSED_BUT_WRITTEN],
    basis: Basis::Log,
    view: None,
    online: false,
};

static UNAUTHORED: AnomalyKind = AnomalyKind::new("unauthored", "A revision was written by no recorded call and by no expired lease.");
static ALTERED: AnomalyKind = AnomalyKind::new("altered", "A revision differs from what its author sent.");
static TWICE_APPLIED: AnomalyKind = AnomalyKind::new("twice_applied", "A request was applied twice.");
static TWO_AUTHORS: AnomalyKind = AnomalyKind::new("two_authors", "Two writes were acknowledged with the same revision.");
static ACKNOWLEDGED_BUT_ABSENT: AnomalyKind =
    AnomalyKind::new("acknowledged_but_absent", "A write was acknowledged with a revision that does not exist.");
static REFUSED_BUT_WRITTEN: AnomalyKind =
    AnomalyKind::new("refused_but_written", "A request that was refused with a definite error was applied.");

/// The check.
#[derive(Debug)]
pub struct Authorship {
    records_every_write: bool,
    run_tag: String,
    /// Revisions that are not matched to an acknowledged write yet.
    unclaimed: BTreeMap<Revision, Delivered>,
    /// The acknowledged write of each revision.
    answered: FxHashMap<Revision, Answered>,
    /// Acknowledged writes whose revision the log has not reached.
    awaited: BTreeMap<Revision, Awaited>,
    attempts: Attempts,
    /// The revision of each member at an audit.
    audited: Vec<(Nanos, Revision)>,
    revisions: u64,
    acknowledged: u64,
    anomalies: Anomalies,
}

#[derive(Clone, Copy, Debug)]
struct Answered {
    call: CallId,
    content: u64,
}

#[derive(Debug)]
struct Awaited {
    call: CallId,
    member: MemberIndex,
    order: Option<OrderKey>,
    done: Nanos,
}

impl Authorship {
    /// The check of a run.
    pub fn new(info: &RunInfo) -> Self {
        Self {
            records_every_write: info.testbed.records_every_write(),
            run_tag: info.run_tag.clone(),
            unclaimed: BTreeMap::new(),
            answered: FxHashMap::default(),
            awaited: BTreeMap::new(),
            attempts: Attempts::default(),
            audited: Vec::new(),
            revisions: 0,
            acknowledged: 0,
            anomalies: Anomalies::new(),
        }
    }
}

impl Check for Authorship {
    fn info(&self) -> &'static CheckInfo {
        &CHECK
    }

    fn observes(&self, kind: ObservationKind) -> bool {
        kind != ObservationKind::Traffic
    }

    fn observe(&mut self, observation: &Observation<'_>) {
        if !self.records_every_write {
            return;
        }
        match observation {
            Observation::Revision(revision) => self.delivered(revision),
            Observation::Call(invoke, returned) => self.ended(invoke, *returned),
            Observation::Replayed(call) => self.meet(call),
            Observation::Event(Event::AuditClosed(AuditClosed { at, outcome: Ok(facts), .. })) => {
                self.audited.push((*at, facts.after.revision));
            }
            _ => {}
        }
    }

    fn replays(&self) -> bool {
        true
    }

    fn applies(&self) -> bool {
        self.records_every_write
    }

    fn finish(mut self: Box<Self>, end: &End<'_>) -> Finding {
        let absent = self.absent();
        let mut attempts = std::mem::take(&mut self.attempts);
        let (mut by_attempt, mut by_lease, mut unexplained) = (0, 0, 0);
        let revisions = std::mem::take(&mut self.unclaimed);
        let unclaimed = Unclaimed { revisions: &revisions, versions: end.versions };
        for (&revision, delivered) in &revisions {
            if delivered.lease.is_some() {
                by_lease += 1;
                continue;
            }
            let (kind, anomaly) = match attempts.claim(revision, unclaimed) {
                Claim::Author => {
                    by_attempt += 1;
                    continue;
                }
                Claim::Refused(attempt) => (&REFUSED_BUT_WRITTEN, self.refused(revision, delivered, attempt)),
                Claim::Again(attempt, earlier) => {
                    let explanation = format!(
                        "It matches {}, whose outcome is unknown and which had already written revision {earlier}.",
                        self.attempt(attempt)
                    );
                    (&TWICE_APPLIED, self.anomaly(revision, delivered, attempt.order, explanation))
                }
                Claim::Altered(attempt, difference) => {
                    let explanation = format!("It was written by {}, whose outcome is unknown, but {difference}.", self.attempt(attempt));
                    (&ALTERED, self.anomaly(revision, delivered, attempt.order, explanation))
                }
                // The record was truncated, so its last requests are unknown.
                Claim::None(_) if !end.complete => {
                    unexplained += 1;
                    continue;
                }
                Claim::None(Some((attempt, reason))) => (&UNAUTHORED, self.forbidden(revision, delivered, attempt, &reason)),
                Claim::None(None) => self.without_author(revision, delivered),
            };
            self.anomalies.add(kind, delivered.at, anomaly);
        }
        for (at, anomaly) in absent {
            self.anomalies.add(&ACKNOWLEDGED_BUT_ABSENT, at, anomaly);
        }
        let counts = evidence([
            ("revisions", self.revisions),
            ("acknowledged", self.acknowledged),
            ("attempts_without_response", attempts.len() as u64),
            ("resolved_attempts", by_attempt),
            ("leases_ended", by_lease),
        ]);
        let lacking = if self.revisions == 0 {
            Some("The log does not start at the first revision.".to_owned())
        } else if end.log.missing > 0 {
            Some(format!("Revisions are missing after {}: later ones were not checked.", end.log.unbroken_until))
        } else {
            let cut = format!("The record is incomplete: it may lack the authors of {unexplained} revisions.");
            (unexplained > 0).then_some(cut)
        };
        self.anomalies.into_finding(&CHECK, counts, lacking)
    }
}

impl Authorship {
    fn delivered(&mut self, sequenced: &SequencedRevision<'_>) {
        let SequencedRevision { revision, at, events, versions, .. } = *sequenced;
        if !versions.covers(revision) {
            return;
        }
        self.revisions += 1;
        self.unclaimed.insert(revision, Delivered::new(revision, at, events, versions));
        // The last time at which the key space before this revision is known.
        let leaving = revision - WINDOW + 1;
        if let Some(delivered) = self.unclaimed.get_mut(&leaving).filter(|delivered| delivered.lease.is_none()) {
            delivered.keep(self.attempts.guarded_keys(delivered), versions, leaving - 1);
        }
    }

    /// A call ended: it is an acknowledged write, or an attempt that may have written.
    fn ended(&mut self, invoke: &Invoke, returned: Option<&Return>) {
        match returned.map(|returned| (returned.done, &returned.outcome)) {
            Some((done, CallOutcome::Ok(answer))) if answer.wrote() => self.acknowledge(invoke, answer.revision, done),
            // A lock has put its key, unless the key was there.
            Some((_, CallOutcome::Ok(answer))) if matches!(answer.body, AnswerBody::Lock { .. }) => self.attempts.add(invoke, false),
            Some((_, CallOutcome::Ok(_))) => {}
            Some((_, CallOutcome::Refused { .. })) => {
                // A lock call puts its key before it waits: an error does not show whether it did.
                let refused = !matches!(invoke.request, Request::Lock { .. });
                self.attempts.add(invoke, refused);
            }
            Some((_, CallOutcome::Unknown { .. })) | None => self.attempts.add(invoke, false),
        }
    }

    fn acknowledge(&mut self, invoke: &Invoke, revision: Revision, done: Nanos) {
        let order = invoke.orders.first().copied();
        if revision < FIRST_REVISION {
            let who = self.call(invoke.id, invoke.member, order);
            let explanation = vec![
                format!("At {:.3} s {who} was acknowledged with revision {revision}.", seconds(done)),
                "That is the revision of an empty key space: the write is lost.".to_owned(),
            ];
            let anomaly = self.described(revision, explanation, order, vec![invoke.member.name()], Vec::new());
            self.anomalies.add(&ACKNOWLEDGED_BUT_ABSENT, done, anomaly);
            return;
        }
        if let Some(answered) = self.answered.get(&revision) {
            let first = call_name(answered.call);
            let second = self.call(invoke.id, invoke.member, order);
            let explanation = format!(
                "At {:.3} s {second} was acknowledged with revision {revision}, which had already been acknowledged to call {first}.",
                seconds(done)
            );
            let further = "Every write has a revision of its own: one of the two writes is lost.".to_owned();
            let anomaly = self.described(revision, vec![explanation, further], order, vec![invoke.member.name()], Vec::new());
            self.anomalies.add(&TWO_AUTHORS, done, anomaly);
            return;
        }
        self.answered.insert(revision, Answered { call: invoke.id, content: 0 });
        self.awaited.insert(revision, Awaited { call: invoke.id, member: invoke.member, order, done });
    }

    /// Compares an acknowledged write with its revision once both are known.
    fn meet(&mut self, call: &ReplayedCall<'_>) {
        let ReplayedCall { invoke, returned, answer, versions } = *call;
        let revision = answer.revision;
        if !answer.wrote() || self.awaited.get(&revision).is_none_or(|awaited| awaited.call != invoke.id) {
            return;
        }
        self.awaited.remove(&revision);
        let Some(delivered) = self.unclaimed.remove(&revision) else { return };
        self.acknowledged += 1;
        if let Some(answered) = self.answered.get_mut(&revision) {
            answered.content = content_hash(&delivered.events);
        }
        let before = versions.covers(revision - 1).then_some((versions, revision - 1));
        if let Some(difference) = difference(&written(&invoke.request, answer), &delivered.events, before) {
            let order = invoke.orders.first().copied();
            let who = self.call(invoke.id, invoke.member, order);
            let explanation = format!("At {:.3} s {who} was acknowledged with this revision, but {difference}.", seconds(returned.done));
            let anomaly = self.anomaly(revision, &delivered, order, explanation);
            self.anomalies.add(&ALTERED, delivered.at, anomaly);
        }
    }

    /// Acknowledged writes whose revision no member had reached at the end.
    fn absent(&self) -> Vec<(Nanos, Anomaly)> {
        let mut absent = Vec::new();
        for (&revision, awaited) in &self.awaited {
            let later = || self.audited.iter().filter(|(at, _)| *at > awaited.done).map(|(_, reached)| *reached);
            let Some(reached) = later().max().filter(|reached| *reached < revision) else { continue };
            let who = self.call(awaited.call, awaited.member, awaited.order);
            let explanation = vec![
                format!("At {:.3} s {who} was acknowledged with revision {revision}.", seconds(awaited.done)),
                format!("When the members were audited, the highest revision of any member was {reached}: the write is lost."),
            ];
            absent.push((awaited.done, self.described(revision, explanation, awaited.order, vec![awaited.member.name()], Vec::new())));
        }
        absent
    }

    fn refused(&self, revision: Revision, delivered: &Delivered, attempt: &Attempt) -> Anomaly {
        let explanation = format!(
            "It was written by {}, which had failed with an error that guarantees that nothing was written.",
            self.attempt(attempt)
        );
        self.anomaly(revision, delivered, attempt.order, explanation)
    }

    /// A revision whose only candidates are attempts excluded by their compares.
    fn forbidden(&self, revision: Revision, delivered: &Delivered, attempt: &Attempt, reason: &str) -> Anomaly {
        let end = if attempt.refused { "which failed with a definite error" } else { "whose outcome is unknown" };
        let explanation =
            format!("No request of the run can have written it. The closest one, {}, {end}, {reason}.", self.attempt(attempt));
        self.anomaly(revision, delivered, attempt.order, explanation)
    }

    /// A revision without an acknowledged write or a candidate attempt.
    fn without_author(&self, revision: Revision, delivered: &Delivered) -> (&'static AnomalyKind, Anomaly) {
        let content = content_hash(&delivered.events);
        let twin = self
            .answered
            .iter()
            .filter(|(_, answered)| answered.content == content)
            .map(|(revision, answered)| (*revision, *answered))
            .min_by_key(|(revision, _)| *revision);
        match twin {
            Some((first, answered)) => {
                let call = call_name(answered.call);
                let explanation = format!(
                    "Its content equals that of revision {first}, which was acknowledged to call {call}; no call sent it a second time."
                );
                (&TWICE_APPLIED, self.anomaly(revision, delivered, None, explanation))
            }
            None => {
                let explanation =
                    "It was acknowledged to no call, no call with an unknown outcome sent it, and it is not the end of a lease.".to_owned();
                (&UNAUTHORED, self.anomaly(revision, delivered, None, explanation))
            }
        }
    }

    fn anomaly(&self, revision: Revision, delivered: &Delivered, order: Option<OrderKey>, explanation: String) -> Anomaly {
        let keys: Vec<String> = delivered.events.iter().map(|event| event.kv.key.to_text()).collect();
        let some = keys.iter().take(4).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = if keys.len() > 4 { format!(" and {} more", keys.len() - 4) } else { String::new() };
        let seen = format!("At {:.3} s revision {revision} was delivered: it changes {some}{more}.", seconds(delivered.at));
        self.described(revision, vec![seen, explanation], order, Vec::new(), keys)
    }

    fn described(
        &self,
        revision: Revision,
        explanation: Vec<String>,
        order: Option<OrderKey>,
        members: Vec<String>,
        keys: Vec<String>,
    ) -> Anomaly {
        let orders = order.map(|key| OrderId { run: self.run_tag.as_str().into(), key }.to_string()).into_iter().collect();
        Anomaly { explanation, severity: 1, revision: Some(revision), keys, orders, members, ..Anomaly::default() }
    }

    fn attempt(&self, attempt: &Attempt) -> String {
        self.call(attempt.call, attempt.member, attempt.order)
    }

    fn call(&self, call: CallId, member: MemberIndex, order: Option<OrderKey>) -> String {
        let order = order.map(|key| format!(" for order {}", OrderId { run: self.run_tag.as_str().into(), key })).unwrap_or_default();
        format!("call {} (worker/call){order} at {}", call_name(call), member.name())
    }
}

fn call_name(call: CallId) -> String {
    format!("{}/{}", call.worker, call.sequence)
}
