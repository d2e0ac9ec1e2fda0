//! Refusal: an order that was refused as sold out was sold out at some time during the call.
//!
//! There must be a revision, current at some time between the placing of the order and its outcome, at which fewer of some
//! ticket were available than ordered: in the ticket's record and its shards together. Held tickets are not available.
//!
//! Source: linearizability (Herlihy and Wing): a call takes effect at a time between call and return. The relevant revisions
//! are those from the highest that any client had received before the order was placed, which every read since then must
//! include, to the highest that any client had received when it was refused, including its own reads.
//!
//! How the shop decided does not matter: a refusal based on a stale state (a serializable read) is as wrong as any other. A
//! safe strategy confirms it with a linearizable read.
//!
//! What is not judged: revisions after a gap in the log or beyond its end; members that disagree. Without a refusal the check passes.

mod availability;
mod revision_frontier;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use self::availability::Availability;
use self::revision_frontier::RevisionFrontier;
use crate::core::anomalies::{Anomalies, evidence, one_reason};
use crate::core::anomaly_kind::AnomalyKind;
use crate::core::check::{Basis, Check, CheckInfo, End, Observation, ObservationKind, SequencedRevision};
use crate::core::verdict::{Anomaly, Finding};
use crate::shop::model::Keyspace;
use crate::shop::replay::{self, ShopChange};
use ticketcd_history::annotation::{OrderClosed, OrderOutcome, OrderPlaced};
use ticketcd_history::call::{CallOutcome, Return};
use ticketcd_history::event::Event;
use ticketcd_history::run_info::RunInfo;
use ticketcd_history::{Blob, Nanos, OrderId, OrderKey, Revision, seconds};

/// What it is called, what it verifies, and what it can report.
pub static CHECK: CheckInfo = CheckInfo {
    name: "refusal",
    promise: "An order is refused as sold out only while that is true.",
    source: "the shop's own rule, applied to linearizable reads",
    kinds: &[&REFUSED_THOUGH_AVAILABLE],
    basis: Basis::Log,
    view: Some(replay::view),
    online: false,
};

static REFUSED_THOUGH_AVAILABLE: AnomalyKind = AnomalyKind::new(
    "refused_though_available",
    "An order was refused as sold out while enough tickets were left at every moment of the attempt.",
);

/// The check.
#[derive(Debug)]
pub struct Refusal {
    run_tag: Box<str>,
    keys: Keyspace,
    available: Availability,
    revealed: RevisionFrontier,
    open: FxHashMap<OrderKey, OpenOrder>,
    /// Refusals that the log has not reached, in the order of their revisions.
    pending: VecDeque<Refused>,
    position: Revision,
    anomalies: Anomalies,
    counts: Counts,
    malformed: u64,
}

#[derive(Debug, Default)]
struct Counts {
    refused: u64,
    judged: u64,
    unlisted: u64,
}

/// An order in progress.
#[derive(Debug)]
struct OpenOrder {
    event: Blob,
    items: Vec<(Blob, i64)>,
    user: Blob,
    sent: Nanos,
    /// The highest revision that any client had received before.
    from: Revision,
}

/// An order that was refused as sold out.
#[derive(Debug)]
struct Refused {
    order: OrderKey,
    placed_order: OpenOrder,
    /// The highest revision that any client had received by then.
    until: Revision,
    done: Nanos,
}

impl Refusal {
    /// The check of one run.
    pub fn new(info: &RunInfo) -> Self {
        Self {
            run_tag: info.run_tag.as_str().into(),
            keys: Keyspace::new(info.prefix.as_str()),
            available: Availability::default(),
            revealed: RevisionFrontier::default(),
            open: FxHashMap::default(),
            pending: VecDeque::new(),
            position: 0,
            anomalies: Anomalies::new(),
            counts: Counts::default(),
            malformed: 0,
        }
    }

    fn placed(&mut self, placed: &OrderPlaced) {
        let from = self.revealed.before(placed.sent);
        let placed_order =
            OpenOrder { event: placed.event.clone(), items: placed.items.clone(), user: placed.user.clone(), sent: placed.sent, from };
        self.open.insert(placed.order, placed_order);
    }

    fn closed(&mut self, closed: &OrderClosed) {
        let Some(placed_order) = self.open.remove(&closed.order) else { return };
        if closed.outcome != OrderOutcome::SoldOut {
            return;
        }
        self.counts.refused += 1;
        self.pending.push_back(Refused { order: closed.order, placed_order, until: self.revealed.highest(), done: closed.done });
        self.judge_reached();
    }

    fn call(&mut self, returned: &Return) {
        let CallOutcome::Ok(answer) = &returned.outcome else { return };
        self.revealed.advance(returned.done, answer.revision);
    }

    fn revision(&mut self, revision: &SequencedRevision<'_>) {
        if revision.after_hole {
            return;
        }
        self.malformed += replay::changes(revision).iter().filter(|change| matches!(change, ShopChange::Malformed { .. })).count() as u64;
        self.available.apply(revision);
        self.position = revision.revision;
        self.judge_reached();
    }

    fn judge_reached(&mut self) {
        while self.pending.front().is_some_and(|refused| refused.until <= self.position) {
            if let Some(refused) = self.pending.pop_front() {
                self.judge(&refused);
            }
        }
    }

    fn judge(&mut self, refused: &Refused) {
        let Refused { order, placed_order, until, done } = refused;
        let mut least: Option<(&Blob, i64, i64)> = None;
        for (kind, quantity) in &placed_order.items {
            match self.available.least(&placed_order.event, kind, placed_order.from, *until, *quantity) {
                None => {
                    // A ticket that does not exist cannot be bought.
                    self.counts.unlisted += 1;
                    return;
                }
                Some(available) if available < *quantity => {
                    self.counts.judged += 1;
                    return;
                }
                Some(available) if least.is_none_or(|(_, spare, _)| available - quantity < spare) => {
                    least = Some((kind, available - quantity, available));
                }
                Some(_) => {}
            }
        }
        self.counts.judged += 1;
        let Some((kind, _, available)) = least else { return };
        let id = OrderId { run: self.run_tag.clone(), key: *order }.to_string();
        let ordered: Vec<String> = placed_order.items.iter().map(|(kind, quantity)| format!("{quantity} {}", kind.to_text())).collect();
        let explanation = vec![
            format!(
                "Order {id} of user {} for {} of event {} was refused as sold out at {:.3} s.",
                placed_order.user.to_text(),
                ordered.join(" + "),
                placed_order.event.to_text(),
                seconds(*done)
            ),
            format!(
                "It was placed at {:.3} s, when some client had already received revision {}; when it was refused, the highest revision that any client had \
                 received was {until}. At every revision from the first to the second, enough tickets of each type were left, and never fewer than \
                 {available} {}.",
                seconds(placed_order.sent),
                placed_order.from,
                kind.to_text(),
            ),
        ];
        let anomaly = Anomaly {
            explanation,
            severity: available.unsigned_abs(),
            revision: Some(*until),
            keys: placed_order
                .items
                .iter()
                .map(|(kind, _)| self.keys.ticket(placed_order.event.to_text(), kind.to_text()).to_text())
                .collect(),
            orders: vec![id],
            ..Anomaly::default()
        };
        self.anomalies.add(&REFUSED_THOUGH_AVAILABLE, *done, anomaly);
    }
}

impl Check for Refusal {
    fn info(&self) -> &'static CheckInfo {
        &CHECK
    }

    fn observes(&self, kind: ObservationKind) -> bool {
        matches!(kind, ObservationKind::Event | ObservationKind::Call | ObservationKind::Revision)
    }

    fn observe(&mut self, observation: &Observation<'_>) {
        match observation {
            Observation::Event(Event::OrderPlaced(placed)) => self.placed(placed),
            Observation::Event(Event::OrderClosed(closed)) => self.closed(closed),
            Observation::Call(_, Some(returned)) => self.call(returned),
            Observation::Revision(revision) => self.revision(revision),
            _ => {}
        }
    }

    fn alarm(&self) -> Option<String> {
        self.anomalies.alarm()
    }

    fn finish(self: Box<Self>, end: &End<'_>) -> Finding {
        let beyond = self.pending.len() as u64;
        let mut reasons = Vec::new();
        let mut when = |so: bool, reason: String| reasons.extend(so.then_some(reason));
        when(self.position == 0, "No revision was delivered.".to_owned());
        when(end.log.missing > 0, "The log of revisions has a gap.".to_owned());
        when(
            end.log.diverged_from.is_some(),
            "The members disagree about the content of a revision, so there is no single log to replay.".to_owned(),
        );
        when(self.malformed > 0, format!("{} values of the shop could not be parsed.", self.malformed));
        when(!end.complete, "The record is incomplete: its end is missing.".to_owned());
        when(beyond > 0 && end.log.missing == 0, format!("{beyond} refusals are beyond the last delivered revision {}.", self.position));
        let counts = evidence([
            ("refused", self.counts.refused),
            ("judged", self.counts.judged),
            ("of_unknown_tickets", self.counts.unlisted),
            ("beyond_log", beyond),
            ("revisions", self.available.revisions()),
        ]);
        let remark = (self.counts.refused == 0).then(|| "No order was refused as sold out.".to_owned());
        let finding = self.anomalies.into_finding(&CHECK, counts, one_reason(&reasons));
        Finding { reason: finding.reason.or(remark), ..finding }
    }
}
