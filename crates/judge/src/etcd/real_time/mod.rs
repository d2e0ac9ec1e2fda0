//! Real time: if A completed before B was sent, B happens after A, so revision(B) ≥ revision(A), and strictly greater if B
//! wrote.
//!
//! Source: etcd's API guarantees promise strict serializability of key-value operations; the order between operations that do
//! not overlap is Herlihy and Wing's real-time order ("Linearizability: a correctness condition for concurrent objects",
//! 1990). As the header of every response carries its revision, the guarantee becomes one comparison.
//!
//! Any successful response raises the bound: its revision existed when it arrived. Only linearizable ranges, puts, deletions
//! and transactions are judged against it. Serializable reads may be stale, a read at an explicit revision is as old as
//! requested, and lease and cluster calls promise nothing about revisions. A range within a transaction is judged at its own
//! sub-header.
//!
//! Operations are recorded nearly in the order of time, so each is compared as it ends, in constant time; one that was
//! recorded late is compared with those that were judged before. For each revision only the earliest operation that showed it
//! is kept, and the latest that was judged at it: 64 bytes per revision. An operation that is wrong for two reasons counts
//! once.

mod frontier;
#[cfg(test)]
mod tests;

use frontier::Frontier;

use crate::core::anomalies::{Anomalies, evidence};
use crate::core::anomaly_kind::AnomalyKind;
use crate::core::check::{Basis, Check, CheckInfo, End, Observation, ObservationKind};
use crate::core::verdict::{Anomaly, Finding};
use crate::etcd::beyond::{BEYOND_WHAT_EXISTS, never_existed};
use ticketcd_history::call::{CallId, CallOutcome, Invoke, Return};
use ticketcd_history::request::{Answer, AnswerBody, CarriedOut, Request, TxnAnswerBody, TxnOp, carried_out};
use ticketcd_history::run_info::RunInfo;
use ticketcd_history::{MemberIndex, Nanos, OrderId, OrderKey, Revision, seconds};

/// What it is called, what it verifies, and what it can report.
pub static CHECK: CheckInfo = CheckInfo {
    name: "real_time",
    promise: "An operation sees everything that was acknowledged before it was sent.",
    source: "Herlihy and Wing, “Linearizability” (1990); etcd's API guarantees",
    kinds: &[&STALE_READ, &WRITE_WENT_BACK, &BEYOND_WHAT_EXISTS],
    basis: Basis::EarlierResponses,
    view: None,
    online: true,
};

static STALE_READ: AnomalyKind =
    AnomalyKind::new("stale_read", "A linearizable read returned a state older than one that was known before it was sent.");
static WRITE_WENT_BACK: AnomalyKind =
    AnomalyKind::new("write_went_back", "A write was acknowledged with a revision that was known before it was sent.");

/// The check.
#[derive(Debug)]
pub struct RealTime {
    run_tag: String,
    /// When a revision was first known to exist, and from which operation.
    known: Frontier,
    /// When the last operation that is judged by a revision was sent.
    judged: Frontier,
    /// The operation with the highest revision of all.
    highest: Option<Mark>,
    operations: u64,
    compared: u64,
    anomalies: Anomalies,
}

impl RealTime {
    /// The check of a run.
    pub fn new(info: &RunInfo) -> Self {
        Self {
            run_tag: info.run_tag.clone(),
            known: Frontier::default(),
            judged: Frontier::default(),
            highest: None,
            operations: 0,
            compared: 0,
            anomalies: Anomalies::new(),
        }
    }
}

/// An operation at one of its ends.
#[derive(Clone, Copy, Debug)]
struct Mark {
    at: Nanos,
    /// Revision, member and kind in one word: there are millions of marks.
    packed: u64,
    call: CallId,
    order: OrderKey,
}

/// The kind of an operation, for the explanation, and whether it wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Read,
    Transaction,
    WritingPut,
    WritingDelete,
    WritingTransaction,
    Other,
}

const KINDS: [Kind; 6] = [Kind::Read, Kind::Transaction, Kind::WritingPut, Kind::WritingDelete, Kind::WritingTransaction, Kind::Other];

/// Orders are numbered from 1: this stands for none.
const NO_ORDER: OrderKey = OrderKey { buyer: 0, sequence: 0 };

impl Mark {
    fn new(at: Nanos, revision: Revision, kind: Kind, invoke: &Invoke) -> Self {
        let revision = u64::try_from(revision).unwrap_or(0);
        let packed = revision << 11 | u64::from(invoke.member.0) << 3 | kind as u64;
        Self { at, packed, call: invoke.id, order: invoke.orders.first().copied().unwrap_or(NO_ORDER) }
    }

    fn revision(self) -> Revision {
        (self.packed >> 11) as Revision
    }

    fn member(self) -> MemberIndex {
        MemberIndex((self.packed >> 3) as u8)
    }

    fn kind(self) -> Kind {
        KINDS.get((self.packed & 7) as usize).copied().unwrap_or(Kind::Other)
    }

    /// The highest revision that may have been known before it: a write has its own revision.
    fn bound_max(&self) -> Revision {
        self.revision() - Revision::from(self.wrote())
    }

    fn wrote(self) -> bool {
        matches!(self.kind(), Kind::WritingPut | Kind::WritingDelete | Kind::WritingTransaction)
    }

    fn describe(self, run_tag: &str) -> String {
        let what = match self.kind() {
            Kind::Read => "the read",
            Kind::Transaction => "the read-only transaction",
            Kind::WritingPut => "the put",
            Kind::WritingDelete => "the deletion",
            Kind::WritingTransaction => "the transaction",
            Kind::Other => "the call",
        };
        let CallId { worker, sequence } = self.call;
        let order = match self.order {
            NO_ORDER => String::new(),
            key => format!(" for order {}", OrderId { run: run_tag.into(), key }),
        };
        format!("{what} {worker}/{sequence} (worker/call){order} at {}", self.member().name())
    }
}

impl Check for RealTime {
    fn info(&self) -> &'static CheckInfo {
        &CHECK
    }

    fn observes(&self, kind: ObservationKind) -> bool {
        kind == ObservationKind::Call
    }

    fn observe(&mut self, observation: &Observation<'_>) {
        let Observation::Call(invoke, Some(returned)) = observation else { return };
        let CallOutcome::Ok(answer) = &returned.outcome else { return };
        self.learn(invoke, returned, answer);
        self.judge(invoke, answer);
    }

    fn alarm(&self) -> Option<String> {
        self.anomalies.alarm()
    }

    fn finish(mut self: Box<Self>, end: &End<'_>) -> Finding {
        if let (Some(highest), Some(exists)) = (self.highest, end.last_that_existed())
            && highest.revision() > exists
        {
            self.anomalies.add(&BEYOND_WHAT_EXISTS, highest.at, invention(highest, exists, &self.run_tag));
        }
        let unknown = (self.compared == 0).then(|| "No operation started after another had completed.".to_owned());
        let counts = evidence([("operations_judged", self.operations), ("operations_compared", self.compared)]);
        self.anomalies.into_finding(&CHECK, counts, unknown)
    }
}

impl RealTime {
    /// The revision of any response existed at that time.
    fn learn(&mut self, invoke: &Invoke, returned: &Return, answer: &Answer) {
        // Nearly always another one showed as much, and no later.
        if self.known.last().is_some_and(|last| last.at <= returned.done && last.revision() >= answer.revision) {
            return;
        }
        let mark = Mark::new(returned.done, answer.revision, kind_of(&invoke.request, answer), invoke);
        for late in self.judged.take_lower_after(mark.at, mark.revision(), Mark::bound_max) {
            self.accuse(mark, late);
        }
        self.known.add_earliest(mark, |mark| mark.revision());
    }

    /// Compares an operation with what was known when it was sent.
    fn hold(&mut self, judged: Mark) {
        self.operations += 1;
        if self.highest.is_none_or(|highest| judged.revision() > highest.revision()) {
            self.highest = Some(judged);
        }
        let bound = self.known.highest_before(judged.at);
        self.compared += u64::from(bound.is_some());
        match bound {
            Some(bound) if bound.revision() > judged.bound_max() => self.accuse(bound, judged),
            _ => self.judged.add_latest(judged, Mark::bound_max),
        }
    }

    fn accuse(&mut self, known: Mark, judged: Mark) {
        let kind = if judged.wrote() { &WRITE_WENT_BACK } else { &STALE_READ };
        self.anomalies.add(kind, judged.at, contradiction(known, judged, &self.run_tag));
    }

    fn judge(&mut self, invoke: &Invoke, answer: &Answer) {
        if !invoke.request.is_linearizable() {
            return;
        }
        let wrote = answer.wrote();
        let kind = kind_of(&invoke.request, answer);
        match lowest_range(&invoke.request, answer) {
            // A range before the write in its transaction has the revision before the write's; anything lower is stale.
            Some(lowest) if wrote && lowest + 1 < answer.revision => {
                self.hold(Mark::new(invoke.sent, lowest, Kind::Transaction, invoke));
            }
            Some(lowest) if !wrote => {
                self.hold(Mark::new(invoke.sent, lowest.min(answer.revision), kind, invoke));
                return;
            }
            None if !wrote && only_explicit_revisions(&invoke.request, answer) => return,
            _ => {}
        }
        self.hold(Mark::new(invoke.sent, answer.revision, kind, invoke));
    }
}

fn kind_of(request: &Request, answer: &Answer) -> Kind {
    match (request, answer.wrote()) {
        (Request::Put(_), _) => Kind::WritingPut,
        (Request::Delete(_), true) => Kind::WritingDelete,
        (Request::Txn(_), true) => Kind::WritingTransaction,
        (Request::Txn(_), false) => Kind::Transaction,
        (Request::Range(_), _) => Kind::Read,
        _ => Kind::Other,
    }
}

/// The executed operations, if the request is a transaction.
fn operations<'call>(request: &'call Request, answer: &'call Answer) -> Option<CarriedOut<'call>> {
    match (request, &answer.body) {
        (Request::Txn(txn), AnswerBody::Txn { succeeded, responses }) => Some(carried_out(txn, *succeeded, responses)),
        _ => None,
    }
}

/// The lowest revision of the ranges of a transaction that read the newest state.
pub(super) fn lowest_range(request: &Request, answer: &Answer) -> Option<Revision> {
    let newest = |operation: &TxnOp| matches!(operation, TxnOp::Range(range) if range.revision == 0);
    let ranges =
        operations(request, answer)?.filter(|(operation, response)| newest(operation) && matches!(response.body, TxnAnswerBody::Range(_)));
    // A sub-header without a revision is ignored.
    ranges.map(|(_, response)| response.revision).filter(|revision| *revision > 0).min()
}

pub(super) fn only_explicit_revisions(request: &Request, answer: &Answer) -> bool {
    let mut operations = operations(request, answer).into_iter().flatten().map(|(operation, _)| operation).peekable();
    operations.peek().is_some() && operations.all(|operation| matches!(operation, TxnOp::Range(range) if range.revision != 0))
}

fn invention(mark: Mark, exists: Revision, run_tag: &str) -> Anomaly {
    let (what, revision) = (mark.describe(run_tag), mark.revision());
    Anomaly {
        explanation: vec![
            format!("At {:.6} s {what} was sent. Its response carried revision {revision}.", seconds(mark.at)),
            never_existed(exists),
        ],
        severity: revision.abs_diff(exists),
        revision: Some(revision),
        orders: (mark.order != NO_ORDER).then(|| OrderId { run: run_tag.into(), key: mark.order }.to_string()).into_iter().collect(),
        members: vec![mark.member().name()],
        ..Anomaly::default()
    }
}

fn contradiction(known: Mark, judged: Mark, run_tag: &str) -> Anomaly {
    let (first, second) = (known.describe(run_tag), judged.describe(run_tag));
    let must = if judged.wrote() { "greater than" } else { "at least" };
    let orders = [known.order, judged.order].into_iter().filter(|order| *order != NO_ORDER);
    let mut members = vec![known.member().name(), judged.member().name()];
    members.dedup();
    Anomaly {
        explanation: vec![
            format!("At {:.6} s {first} completed with revision {}.", seconds(known.at), known.revision()),
            format!("At {:.6} s, after that, {second} was sent.", seconds(judged.at)),
            format!(
                "The revision of its response must be {must} {}, but is {}: it does not include what had already been acknowledged.",
                known.revision(),
                judged.revision()
            ),
        ],
        severity: (known.revision() - judged.revision()).unsigned_abs(),
        revision: Some(judged.revision()),
        at_seconds: Some(seconds(judged.at)),
        orders: orders.map(|key| OrderId { run: run_tag.into(), key }.to_string()).collect(),
        members,
        ..Anomaly::default()
    }
}
