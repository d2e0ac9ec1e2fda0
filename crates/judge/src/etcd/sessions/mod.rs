//! Sessions: what one worker reads never goes back, and includes its own writes.
//!
//! Source: Terry et al., "Session Guarantees for Weakly Consistent Replicated Data" (1994), which names the four that follow;
//! etcd's linearizable operations guarantee all of them, and more. A worker's calls are sequential, so each is compared with
//! the ones before it:
//!
//! - *monotonic reads*: a read has a revision no lower than that of any read before it;
//! - *read your writes*: a read has a revision no lower than that of any acknowledged write before it;
//! - *monotonic writes*: a write has a higher revision than every write before it;
//! - *writes follow reads*: a write has a higher revision than every read before it.
//!
//! Serializable reads guarantee none of that across members. At one member, while its process runs, they are monotonic and
//! include what the same worker read or wrote there. A restart resets that, also for requests in flight during it.

#[cfg(test)]
mod tests;

use rustc_hash::FxHashMap;

use super::incarnations::Incarnations;
use super::real_time::{lowest_range, only_explicit_revisions};
use crate::core::anomalies::{Anomalies, evidence};
use crate::core::anomaly_kind::AnomalyKind;
use crate::core::check::{Basis, Check, CheckInfo, End, Observation, ObservationKind};
use crate::core::verdict::{Anomaly, Finding};
use ticketcd_history::call::{CallOutcome, Invoke, Return};
use ticketcd_history::event::Event;
use ticketcd_history::request::{Answer, Request};
use ticketcd_history::run_info::RunInfo;
use ticketcd_history::{MemberIndex, Nanos, OrderId, Revision, seconds};

/// What it is called, what it verifies, and what it can report.
pub static CHECK: CheckInfo = CheckInfo {
    name: "sessions",
    promise: "Each client's reads never go back in time, and include its own writes.",
    source: "Terry et al., “Session Guarantees for Weakly Consistent Replicated Data” (1994)",
    kinds: &[&READ_WENT_BACK, &SERIALIZABLE_READ_WENT_BACK, &OWN_WRITE_MISSED, &WRITES_OUT_OF_ORDER, &WRITE_BEFORE_READ],
    basis: Basis::EarlierResponses,
    view: None,
    online: false,
};

static READ_WENT_BACK: AnomalyKind = AnomalyKind::new("read_went_back", "A client read an older state than it had read before.");
static SERIALIZABLE_READ_WENT_BACK: AnomalyKind =
    AnomalyKind::new("serializable_read_went_back", "A client read an older state at a member than it had read there before.");
static OWN_WRITE_MISSED: AnomalyKind = AnomalyKind::new("own_write_missed", "A client read a state older than its own acknowledged write.");
static WRITES_OUT_OF_ORDER: AnomalyKind =
    AnomalyKind::new("writes_out_of_order", "A client's write was acknowledged with a revision before that of its earlier write.");
static WRITE_BEFORE_READ: AnomalyKind =
    AnomalyKind::new("write_before_read", "A client's write was acknowledged with a revision that the client had read before.");

/// The check.
#[derive(Debug)]
pub struct Sessions {
    run_tag: String,
    workers: FxHashMap<u32, Session>,
    incarnations: Incarnations,
    compared: u64,
    anomalies: Anomalies,
}

/// What a worker has seen so far.
#[derive(Debug, Default)]
struct Session {
    read: Option<Seen>,
    written: Option<Seen>,
    /// The newest of each member that it used.
    members: Vec<(MemberIndex, Seen)>,
}

/// The newest revision of a call of the session.
#[derive(Clone, Copy, Debug)]
struct Seen {
    revision: Revision,
    sequence: u32,
    done: Nanos,
}

impl Sessions {
    /// The check of a run.
    pub fn new(info: &RunInfo) -> Self {
        Self {
            run_tag: info.run_tag.clone(),
            workers: FxHashMap::default(),
            incarnations: Incarnations::default(),
            compared: 0,
            anomalies: Anomalies::new(),
        }
    }
}

impl Check for Sessions {
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

    fn alarm(&self) -> Option<String> {
        self.anomalies.alarm()
    }

    fn finish(self: Box<Self>, _end: &End<'_>) -> Finding {
        let counts = evidence([("workers", self.workers.len() as u64), ("operations_compared", self.compared)]);
        let lacking = (self.compared == 0).then(|| "No worker completed two operations.".to_owned());
        self.anomalies.into_finding(&CHECK, counts, lacking)
    }
}

impl Sessions {
    fn answered(&mut self, invoke: &Invoke, returned: &Return, answer: &Answer) {
        let wrote = answer.wrote();
        let explicit = match &invoke.request {
            Request::Range(range) => range.revision > 0,
            Request::Txn(_) => !wrote && only_explicit_revisions(&invoke.request, answer),
            Request::Put(_) | Request::Delete(_) => false,
            _ => return,
        };
        // A read at an explicit revision is as old as requested.
        if explicit {
            return;
        }
        let lowest = lowest_range(&invoke.request, answer);
        let read = if wrote { lowest } else { Some(lowest.unwrap_or(answer.revision).min(answer.revision)) };
        let session = self.workers.entry(invoke.id.worker).or_default();
        let seen = |revision| Seen { revision, sequence: invoke.id.sequence, done: returned.done };
        let before = |seen: &Option<Seen>| seen.filter(|seen| seen.done <= invoke.sent);
        let mut broken: Vec<(&'static AnomalyKind, Seen, Revision)> = Vec::new();
        if invoke.request.is_linearizable() {
            let (last_read, last_written) = (before(&session.read), before(&session.written));
            self.compared += u64::from(last_read.is_some() || last_written.is_some());
            // A range before the write in its transaction has the revision before the write's.
            if let Some(read) = read {
                broken.extend(last_read.filter(|last| read < last.revision).map(|last| (&READ_WENT_BACK, last, read)));
                broken.extend(last_written.filter(|last| read < last.revision).map(|last| (&OWN_WRITE_MISSED, last, read)));
            }
            if wrote {
                let revision = answer.revision;
                broken.extend(last_written.filter(|last| revision <= last.revision).map(|last| (&WRITES_OUT_OF_ORDER, last, revision)));
                broken.extend(last_read.filter(|last| revision <= last.revision).map(|last| (&WRITE_BEFORE_READ, last, revision)));
            }
            raise(if wrote { &mut session.written } else { &mut session.read }, seen(answer.revision));
        } else if let (Some(read), true) = (read, invoke.sent > self.incarnations.since(invoke.member)) {
            let since = self.incarnations.since(invoke.member);
            let there = session.members.iter().find(|(member, last)| *member == invoke.member && last.done > since);
            let last = before(&there.map(|(_, last)| *last));
            self.compared += u64::from(last.is_some());
            broken.extend(last.filter(|last| read < last.revision).map(|last| (&SERIALIZABLE_READ_WENT_BACK, last, read)));
        }
        if invoke.sent > self.incarnations.since(invoke.member) {
            let newest = seen(answer.revision);
            match session.members.iter_mut().find(|(member, _)| *member == invoke.member) {
                // The state of a previous process does not bind this one.
                Some((_, last)) if last.done > self.incarnations.since(invoke.member) && last.revision > newest.revision => {}
                Some((_, last)) => *last = newest,
                None => session.members.push((invoke.member, newest)),
            }
        }
        for (kind, last, revision) in broken {
            self.add(kind, last, revision, invoke, returned);
        }
    }

    fn add(&mut self, kind: &'static AnomalyKind, last: Seen, revision: Revision, invoke: &Invoke, returned: &Return) {
        let worker = invoke.id.worker;
        let had = if *kind == OWN_WRITE_MISSED || *kind == WRITES_OUT_OF_ORDER { "written" } else { "seen" };
        let wrote = *kind == WRITES_OUT_OF_ORDER || *kind == WRITE_BEFORE_READ;
        let (then, must) = if wrote { ("wrote", "more than") } else { ("read", "at least") };
        let orders: Vec<String> =
            invoke.orders.iter().map(|key| OrderId { run: self.run_tag.as_str().into(), key: *key }.to_string()).collect();
        let explanation = vec![
            format!(
                "By {:.6} s worker {worker} had {had} revision {} (call {worker}/{}).",
                seconds(last.done),
                last.revision,
                last.sequence
            ),
            format!(
                "At {:.6} s it sent call {worker}/{} to {}, which {then} at revision {revision}: that must be {must} {}.",
                seconds(invoke.sent),
                invoke.id.sequence,
                invoke.member.name(),
                last.revision
            ),
        ];
        let severity = (last.revision - revision).unsigned_abs().max(1);
        let members = vec![invoke.member.name()];
        let anomaly = Anomaly { explanation, severity, revision: Some(revision), orders, members, ..Anomaly::default() };
        self.anomalies.add(kind, returned.done, anomaly);
    }
}

fn raise(newest: &mut Option<Seen>, seen: Seen) {
    if newest.is_none_or(|newest| seen.revision > newest.revision) {
        *newest = Some(seen);
    }
}
