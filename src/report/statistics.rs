//! Counts of what happened, gathered from the event stream.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketcd_judge::explain::Explain;
use ticketcd_judge::history::annotation::{OrderClosed, OrderOutcome, Purpose, RejectionCause};
use ticketcd_judge::history::event::{Event, LoadSample, Phase};
use ticketcd_judge::history::{Nanos, OrderKey};

use super::fairness::{Fairness, FairnessResult};
use super::latency::Sample;
use super::resources::Samples;
use super::windows::Timeline;

/// How much load there was, warm-up and calibration not counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadResult {
    /// Operations that were due.
    pub offered: u64,
    /// Operations that ended, with any outcome.
    pub achieved: u64,
    /// Orders sold.
    pub sold: u64,
    /// Orders refused because too few tickets were left.
    pub sold_out: u64,
    /// Orders given up after conflicts with other buyers.
    pub conflict: u64,
    /// Orders refused for another reason, such as a member that could not be reached.
    pub rejected: u64,
    /// The same by cause, the most frequent first.
    #[serde(default)]
    pub rejected_by: Vec<RejectedOrders>,
    /// Orders whose outcome the buyer never learnt.
    pub unknown: u64,
    /// Orders that their buyers cancelled. They are not subtracted from `sold`.
    #[serde(default)]
    pub cancelled: u64,
    /// Operations that were due but not made, because every buyer was busy.
    pub shed: u64,
    /// Orders sold a second.
    pub purchases_per_second: f64,
    /// Operations made a second, of all kinds.
    pub operations_per_second: f64,
    /// The closed-loop rate that shares of a rate refer to, operations a second, if it was measured.
    pub calibrated_per_second: Option<f64>,
    /// Seconds that buyers waited for our own recorder, all together: load limited by the harness.
    pub recorder_wait_seconds: f64,
    /// When the counted load began, seconds since the start of the record.
    #[serde(default)]
    pub began_seconds: f64,
    /// Seconds the load lasted.
    pub seconds: f64,
    /// What was sold before the counted load, in calibration and warm-up. The checks verify it like everything else.
    #[serde(default)]
    pub warm_up: WarmUpResult,
    /// How evenly it served its buyers.
    #[serde(default)]
    pub fairness: FairnessResult,
}

/// Orders that were rejected for one cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RejectedOrders {
    /// The cause.
    pub cause: RejectionCause,
    /// How many orders.
    pub orders: u64,
}

/// What happened before the counted load began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WarmUpResult {
    /// Orders sold.
    pub sold: u64,
    /// Orders that their buyers cancelled.
    pub cancelled: u64,
}

/// A leader that a member named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leader {
    /// When it was first named.
    pub at: Nanos,
    /// Its raft term.
    pub term: u64,
    /// Its id.
    pub member_id: u64,
}

/// Gathers counts from the event stream.
#[derive(Default)]
pub struct Statistics {
    /// When things happened.
    pub timeline: Timeline,
    /// Every operation of the counted load that was taken on by a member.
    pub samples: Vec<Sample>,
    /// Orders placed and not closed yet: when due and sent.
    open: FxHashMap<OrderKey, (Nanos, Nanos)>,
    /// Cancellations likewise.
    cancels: FxHashMap<OrderKey, (Nanos, Nanos)>,
    outcomes: LoadResult,
    rejected_by: BTreeMap<RejectionCause, u64>,
    fairness: Fairness,
    /// Transactions sent for orders, and of these, those that were lost to other buyers.
    attempts: (u64, u64),
    load: Vec<LoadSample>,
    /// The leaders that members named, in the order of their terms.
    pub leaders: Vec<Leader>,
    /// What members and machine were busy with.
    pub resources: Samples,
    /// Reasons why the run is invalid, as the run itself gave them.
    pub invalid: Vec<String>,
    /// Whether the run was interrupted by Ctrl-C.
    pub interrupted: bool,
    /// Whether the record has its last event.
    pub ended: bool,
}

impl Statistics {
    /// Takes in an event.
    pub fn observe(&mut self, event: &Event) {
        self.timeline.observe(event);
        self.resources.observe(event);
        match event {
            Event::OrderPlaced(placed) => {
                if self.counts(placed.due) {
                    self.fairness.tried(placed.order.buyer);
                }
                self.open.insert(placed.order, (placed.due, placed.sent));
            }
            Event::CancelPlaced(placed) => {
                self.cancels.insert(placed.order, (placed.due, placed.sent));
            }
            Event::OrderClosed(closed) if self.cancels.contains_key(&closed.order) => self.close_cancel(closed),
            Event::OrderClosed(closed) => {
                let Some((due, sent)) = self.open.remove(&closed.order) else { return };
                let sold = matches!(closed.outcome, OrderOutcome::Sold { .. });
                if !self.counts(due) {
                    self.outcomes.warm_up.sold += u64::from(sold);
                    return;
                }
                if let OrderOutcome::Rejected { cause, .. } = &closed.outcome {
                    *self.rejected_by.entry(*cause).or_default() += 1;
                }
                self.outcomes.achieved += 1;
                if sold {
                    self.fairness.served(closed.order.buyer);
                }
                self.attempts.0 += u64::from(closed.attempts);
                // The last one was not lost, unless the order was given up for that.
                let kept = u32::from(closed.outcome != OrderOutcome::Conflict);
                self.attempts.1 += u64::from(closed.attempts.saturating_sub(kept));
                // Operations that no member accepted, such as those refused at once by a dead one, are no measure of the members' speed.
                if !matches!(closed.outcome, OrderOutcome::Rejected { .. }) {
                    self.samples.push(Sample::new(Purpose::Purchase, due, sent, closed.done, sold));
                }
                *match &closed.outcome {
                    OrderOutcome::Sold { .. } => &mut self.outcomes.sold,
                    OrderOutcome::SoldOut => &mut self.outcomes.sold_out,
                    OrderOutcome::Rejected { .. } => &mut self.outcomes.rejected,
                    OrderOutcome::Conflict => &mut self.outcomes.conflict,
                    OrderOutcome::Unknown => &mut self.outcomes.unknown,
                } += 1;
            }
            Event::QueryClosed(query) if self.counts(query.due) => {
                self.outcomes.achieved += 1;
                self.samples.push(Sample::new(query.purpose, query.due, query.sent, query.done, false));
            }
            Event::Load(sample) if self.timeline.began(Phase::Steady).is_some() => self.load.push(sample.clone()),
            Event::Sample(sample) => {
                if let Some(status) = sample.status.as_ref().filter(|status| status.leader_id != 0)
                    && self.leaders.last().is_none_or(|last| status.raft_term > last.term)
                {
                    self.leaders.push(Leader { at: sample.at, term: status.raft_term, member_id: status.leader_id });
                }
            }
            Event::Calibrated(calibrated) => self.outcomes.calibrated_per_second = Some(calibrated.millihertz as f64 / 1000.0),
            Event::Invalid(invalid) => self.invalid.push(invalid.reason.in_words().to_string()),
            Event::Ended(ended) => {
                self.ended = true;
                self.interrupted = ended.interrupted;
            }
            _ => {}
        }
    }

    /// The end of a cancellation: an operation, but neither sold nor refused tickets.
    fn close_cancel(&mut self, closed: &OrderClosed) {
        let Some((due, sent)) = self.cancels.remove(&closed.order) else { return };
        let cancelled = u64::from(matches!(closed.outcome, OrderOutcome::Sold { .. }));
        if !self.counts(due) {
            self.outcomes.warm_up.cancelled += cancelled;
        } else {
            self.outcomes.achieved += 1;
            self.outcomes.cancelled += cancelled;
            if !matches!(closed.outcome, OrderOutcome::Rejected { .. }) {
                self.samples.push(Sample::new(Purpose::Cancel, due, sent, closed.done, false));
            }
        }
    }

    /// Whether an operation due at this moment belongs to the counted load.
    fn counts(&self, due: Nanos) -> bool {
        self.timeline.began(Phase::Steady).is_some_and(|steady| due >= steady)
    }

    /// The load as a whole.
    pub fn load(&self) -> LoadResult {
        let seconds = self.timeline.load().map_or(0.0, |load| (load.until - load.from) as f64 / 1e9);
        let rate = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        let mut rejected_by: Vec<RejectedOrders> =
            self.rejected_by.iter().map(|(cause, orders)| RejectedOrders { cause: *cause, orders: *orders }).collect();
        rejected_by.sort_by_key(|rejected| std::cmp::Reverse(rejected.orders));
        LoadResult {
            rejected_by,
            began_seconds: self.timeline.load().map_or(0.0, |load| load.from as f64 / 1e9),
            offered: self.load.iter().map(|sample| sample.offered).sum(),
            shed: self.load.iter().map(|sample| sample.shed).sum(),
            purchases_per_second: rate(self.outcomes.sold),
            operations_per_second: rate(self.outcomes.achieved),
            recorder_wait_seconds: self.load.iter().map(|sample| sample.recorder_wait).sum::<u64>() as f64 / 1e9,
            seconds,
            fairness: self.fairness.result(),
            // An order that was placed but never closed is unknown.
            unknown: self.outcomes.unknown + self.open.values().filter(|(due, _)| self.counts(*due)).count() as u64,
            ..self.outcomes.clone()
        }
    }

    /// How the load went, as it was recorded about once a second.
    pub fn load_samples(&self) -> &[LoadSample] {
        &self.load
    }

    #[cfg(test)]
    pub(super) fn push_load(&mut self, sample: LoadSample) {
        self.load.push(sample);
    }

    /// Share of all transactions sent for orders that were lost to other buyers.
    pub fn attempts_lost_share(&self) -> f64 {
        let (all, lost) = self.attempts;
        if all > 0 { lost as f64 / all as f64 } else { 0.0 }
    }

    /// Operations in flight at the middle moment: of the seconds' ends, as many had fewer as had more. A fault that holds
    /// everything up for a while hardly moves it.
    pub fn in_flight_median(&self) -> Option<u32> {
        let mut in_flight: Vec<u32> = self.load.iter().map(|sample| sample.in_flight).collect();
        // The last sample is from when everything has come to rest.
        in_flight.pop();
        in_flight.sort_unstable();
        in_flight.get(in_flight.len() / 2).copied()
    }

    /// Operations offered and shed while no fault was in force or had just been healed.
    pub fn undisturbed_offer(&self, aftermath: Nanos) -> (u64, u64) {
        // Before the steady phase there are no samples, so 0 excludes nothing.
        let mut from = self.timeline.began(Phase::Steady).unwrap_or(0);
        let mut offered = 0;
        let mut shed = 0;
        for sample in &self.load {
            if !self.timeline.disturbed(from, sample.at, aftermath) {
                offered += sample.offered;
                shed += sample.shed;
            }
            from = sample.at;
        }
        (offered, shed)
    }
}
