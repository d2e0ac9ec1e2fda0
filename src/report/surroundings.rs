//! The calls around what was found: who read what, who wrote it, and how they crossed. For the diagrams of the report page.

use std::path::Path;

use rustc_hash::{FxHashMap, FxHashSet};
use ticketcd_judge::core::verdict::{Anomaly, Finding};
use ticketcd_judge::history::annotation::Purpose;
use ticketcd_judge::history::call::{CallId, CallOutcome, Invoke, Return};
use ticketcd_judge::history::event::Event;
use ticketcd_judge::history::read_ahead::ReadAhead;
use ticketcd_judge::history::reader::{HistoryError, HistoryReader};
use ticketcd_judge::history::request::{Request, TxnOp};
use ticketcd_judge::history::run_dir::RunDir;
use ticketcd_judge::history::{Blob, MemberIndex, Nanos, OrderId, OrderKey, Revision};

/// Anomalies that get a diagram, at most: the first of each kind.
const ANOMALIES_MAX: usize = 8;

/// Orders of one anomaly that are followed, at most.
const ORDERS_MAX: usize = 4;

/// Calls of one anomaly, at most.
const CALLS_MAX: usize = 24;

/// How far from the moment of an anomaly a call may be, where the anomaly names keys and no orders.
const NEAR: Nanos = 150_000_000;

/// What a call does to the key space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// It only reads.
    Read,
    /// It may write.
    Write,
    /// Of a lease or a lock.
    Lease,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallEnd {
    /// It was answered: the revision that its header names.
    Answered(Revision),
    /// It was refused.
    Refused,
    /// Unknown.
    Unknown,
}

/// A call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallFact {
    /// Who made it, and its number.
    pub id: CallId,
    /// The member that it was sent to.
    pub member: MemberIndex,
    /// What it was for.
    pub purpose: Purpose,
    /// The orders that it would carry out.
    pub orders: Vec<OrderKey>,
    /// What it does.
    pub kind: CallKind,
    /// When it was sent.
    pub sent: Nanos,
    /// When it ended, if it did.
    pub done: Option<Nanos>,
    /// How it ended.
    pub end: CallEnd,
    /// Whether it is known to have written.
    pub wrote: bool,
}

/// The calls around one anomaly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// The check that found it.
    pub check: String,
    /// Its kind.
    pub kind: String,
    /// The calls, in the order in which they were sent.
    pub calls: Vec<CallFact>,
}

/// The calls around what was found in a run. The record is read once more, because what to look for is known only afterwards; not
/// at all where nothing was found.
///
/// # Errors
/// When the history cannot be read.
pub fn gather(directory: &Path, findings: &[Finding]) -> Result<Vec<Surroundings>, HistoryError> {
    let Some(mut gatherer) = Gatherer::new(findings) else { return Ok(Vec::new()) };
    for events in ReadAhead::new(HistoryReader::open(&RunDir::new(directory).history())?).by_ref() {
        events?.iter().for_each(|event| gatherer.observe(event));
    }
    Ok(gatherer.finish())
}

/// Gathers the calls around anomalies from the events of a record.
struct Gatherer {
    targets: Vec<Target>,
    /// The last call of each worker.
    last: FxHashMap<u32, CallFact>,
}

struct Target {
    surroundings: Surroundings,
    orders: FxHashSet<OrderKey>,
    keys: Vec<String>,
    at: Nanos,
}

impl Gatherer {
    /// For the first anomaly of each kind that counts in its own right. None when there is nothing to gather.
    fn new(findings: &[Finding]) -> Option<Self> {
        let roots = findings.iter().flat_map(|finding| {
            let counting = finding.anomalies.iter().filter(|group| group.consequence_of.is_none());
            counting.map(|group| (finding.name.clone(), group.kind.clone(), &group.first))
        });
        let targets: Vec<Target> =
            roots.filter_map(|(check, kind, anomaly)| Target::new(check, kind, anomaly)).take(ANOMALIES_MAX).collect();
        (!targets.is_empty()).then(|| Self { targets, last: FxHashMap::default() })
    }

    /// Takes in an event.
    fn observe(&mut self, event: &Event) {
        match event {
            Event::Invoke(invoke) => self.sent(invoke),
            Event::Return(returned) => self.ended(returned),
            _ => {}
        }
    }

    fn sent(&mut self, invoke: &Invoke) {
        let fact = CallFact::of(invoke);
        // What a write was computed from is the read that came right before it.
        let read = self.last.get(&invoke.id.worker).filter(|last| last.kind == CallKind::Read && fact.kind == CallKind::Write);
        for target in self.targets.iter_mut().filter(|target| target.concerns(invoke)) {
            let calls = &mut target.surroundings.calls;
            for call in read.into_iter().chain([&fact]) {
                if calls.len() < CALLS_MAX && calls.iter().all(|known| known.id != call.id) {
                    calls.push(call.clone());
                }
            }
        }
        self.last.insert(invoke.id.worker, fact);
    }

    fn ended(&mut self, returned: &Return) {
        let (end, wrote) = match &returned.outcome {
            CallOutcome::Ok(answer) => (CallEnd::Answered(answer.revision), answer.wrote()),
            CallOutcome::Refused { .. } => (CallEnd::Refused, false),
            CallOutcome::Unknown { .. } => (CallEnd::Unknown, false),
        };
        let gathered = self.targets.iter_mut().flat_map(|target| &mut target.surroundings.calls);
        let last = self.last.get_mut(&returned.id.worker);
        for call in gathered.chain(last).filter(|call| call.id == returned.id) {
            (call.done, call.end, call.wrote) = (Some(returned.done), end, wrote);
        }
    }

    /// What was gathered; an anomaly around which there is no call is left out.
    fn finish(self) -> Vec<Surroundings> {
        let mut all: Vec<Surroundings> = self.targets.into_iter().map(|target| target.surroundings).collect();
        all.retain(|surroundings| !surroundings.calls.is_empty());
        all.iter_mut().for_each(|surroundings| surroundings.calls.sort_by_key(|call| (call.sent, call.id)));
        all
    }
}

impl Target {
    /// None when the anomaly names neither orders nor keys at a moment.
    fn new(check: String, kind: String, anomaly: &Anomaly) -> Option<Self> {
        let orders = anomaly.orders.iter().filter_map(|order| order.parse::<OrderId>().ok());
        // The last ones are those that show it.
        let orders: FxHashSet<OrderKey> = orders.rev().take(ORDERS_MAX).map(|order| order.key).collect();
        let at = anomaly.at_seconds.map(|at| (at * 1e9) as Nanos);
        let has_place = at.is_some() && !anomaly.keys.is_empty();
        (has_place || !orders.is_empty()).then(|| Self {
            surroundings: Surroundings { check, kind, calls: Vec::new() },
            orders,
            keys: anomaly.keys.clone(),
            at: at.unwrap_or(0),
        })
    }

    fn concerns(&self, invoke: &Invoke) -> bool {
        if self.orders.is_empty() {
            return invoke.sent.abs_diff(self.at) <= NEAR && names_any(&invoke.request, &self.keys);
        }
        invoke.orders.iter().any(|order| self.orders.contains(order))
    }
}

impl CallFact {
    fn of(invoke: &Invoke) -> Self {
        let kind = match &invoke.request {
            Request::LeaseGrant { .. } | Request::LeaseKeepAlive { .. } | Request::LeaseRevoke { .. } | Request::Lock { .. } => {
                CallKind::Lease
            }
            Request::Txn(txn) if txn.operations().all(|operation| matches!(operation, TxnOp::Range(_))) => CallKind::Read,
            request if request.may_write() => CallKind::Write,
            _ => CallKind::Read,
        };
        Self {
            id: invoke.id,
            member: invoke.member,
            purpose: invoke.purpose,
            orders: invoke.orders.clone(),
            kind,
            sent: invoke.sent,
            done: None,
            end: CallEnd::Unknown,
            wrote: false,
        }
    }
}

/// Whether a request names one of these keys, or a range that begins with one.
fn names_any(request: &Request, keys: &[String]) -> bool {
    let is_one = |key: &Blob| keys.iter().any(|wanted| key.as_bytes() == wanted.as_bytes());
    match request {
        Request::Range(range) => is_one(&range.key),
        Request::Put(put) => is_one(&put.key),
        Request::Delete(delete) => is_one(&delete.key),
        Request::Txn(txn) => txn.operations().any(|operation| match operation {
            TxnOp::Range(range) => is_one(&range.key),
            TxnOp::Put(put) => is_one(&put.key),
            TxnOp::Delete(delete) => is_one(&delete.key),
            TxnOp::Txn(_) => false,
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use ticketcd_judge::checks::standard_checks;
    use ticketcd_judge::core::engine::Judge;
    use ticketcd_synth::{Mutation, Size, generate, run_info};

    use super::*;

    #[test]
    fn a_lost_update_shows_two_reads_and_two_writes_that_crossed() {
        let size = Size { operations: 600, tickets: 2, buyers: 12, seed: 3 };
        let info = run_info(&size, Some(Mutation::LostUpdate));
        let mut events = Vec::new();
        generate(&size, Some(Mutation::LostUpdate), &mut |event| {
            events.push(event.clone());
            Ok(())
        })
        .unwrap();
        let mut judge = Judge::new(&info, standard_checks(&info));
        events.iter().for_each(|event| judge.observe(event));
        let mut gatherer = Gatherer::new(&judge.finish(None).findings).unwrap();
        events.iter().for_each(|event| gatherer.observe(event));
        let all = gatherer.finish();
        let lost_update = all.iter().find(|surroundings| surroundings.kind == "lost_update").unwrap();
        let writers: FxHashSet<u32> = lost_update.calls.iter().filter(|call| call.wrote).map(|call| call.id.worker).collect();
        assert!(writers.len() >= 2, "{lost_update:#?}");
        let reads = lost_update.calls.iter().filter(|call| call.kind == CallKind::Read && call.done.is_some());
        assert!(reads.count() >= 1, "{lost_update:#?}");
    }

    #[test]
    fn nothing_is_gathered_where_nothing_was_found() {
        assert!(Gatherer::new(&[]).is_none());
    }
}
