//! Runs of strategies that keep stock outside the tickets, or buy under locks. The steps of a sale are drawn, and the
//! [`Simulation`] executes one after the other; then responses and deliveries are delayed, so that calls overlap.
//!
//! One file for each strategy: what its buyers do, and its mutations.

mod hold;
mod lock;
mod sharded;

use std::io;

use self::hold::Holding;
use crate::delays::Delays;
use crate::draw::Draw;
use crate::event_writer::EventWriter;
use crate::mutation::Mutation;
use crate::run::{Generated, KILLED, MEMBERS, Size, run_info_of};
use crate::shop::user_name;
use crate::simulation::{RequestOutcome, Shape, Simulation};
use crate::strategy::Strategy;
use ticketcd_history::OrderKey;
use ticketcd_history::annotation::OrderOutcome;
use ticketcd_history::event::Event;

/// Ticket types of an event, unless there is only one ticket.
const KINDS: [&str; 2] = ["pink", "yellow"];

/// Runs of fewer operations have no fault: it would take up most of them.
const OPERATIONS_WITH_FAULT: u64 = 1_500;

/// Steps between two samples of every member.
const SAMPLE_EVERY: u64 = 50;

/// A sale that is generated step by step.
pub(crate) struct Staged<'sink> {
    size: Size,
    strategy: Strategy,
    shop: Simulation,
    draw: Draw,
    delays: Delays,
    writer: EventWriter<'sink>,
    made: Generated,
    events: Vec<String>,
    kinds: Vec<&'static str>,
    users: u32,
    /// Reservations that have not ended yet.
    held: Vec<Holding>,
    /// The fault in force, or that there was one.
    fault: Option<u32>,
    had_fault: bool,
}

/// What a buyer orders.
struct Demand {
    buyer: u32,
    user: String,
    event: String,
    items: Vec<(&'static str, i64)>,
}

impl<'sink> Staged<'sink> {
    pub(crate) fn new(
        size: &Size,
        strategy: Strategy,
        mutation: Option<Mutation>,
        sink: &'sink mut dyn FnMut(&Event) -> io::Result<()>,
    ) -> Self {
        let kinds = if size.tickets == 1 { vec![KINDS[0]] } else { KINDS.to_vec() };
        let events = (size.tickets as usize).div_ceil(kinds.len());
        // Calls that an order makes, and tickets that it takes, on average.
        let orders = size.operations / if strategy == Strategy::Sharded { 3 } else { 6 };
        let stock = (orders * 5 / 4) as i64 / (events * kinds.len()) as i64;
        let shape = Shape {
            members: MEMBERS,
            events: u32::try_from(events).unwrap_or(u32::MAX),
            kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            stock: stock.max(6),
            prefix: String::new(),
            strategy: strategy.name().to_owned(),
            layout: strategy.layout(),
        };
        Self {
            size: *size,
            strategy,
            shop: Simulation::of(run_info_of(size, strategy), &shape),
            draw: Draw::new(size.seed, 2),
            delays: Delays::new(size.seed),
            writer: EventWriter::new(size, mutation, sink),
            made: Generated::default(),
            events: (1..=events).map(|number| format!("e{number}")).collect(),
            kinds,
            users: u32::try_from(size.operations / 40).unwrap_or(u32::MAX).max(size.buyers).max(10),
            held: Vec::new(),
            fault: None,
            had_fault: false,
        }
    }

    pub(crate) fn run(mut self) -> io::Result<Generated> {
        if self.strategy == Strategy::Sharded {
            self.open_shards();
        }
        let mut steps: u64 = 0;
        while !self.is_over() {
            match self.strategy {
                Strategy::Sharded => self.sell_from_shards(),
                Strategy::Hold => self.sell_by_reservation(),
                Strategy::Lock | Strategy::FencedLock | Strategy::Optimistic => self.sell_under_lock(),
            }
            steps += 1;
            if steps.is_multiple_of(SAMPLE_EVERY) {
                self.shop.sample();
            }
            self.break_member();
            self.flush();
            self.writer.check()?;
        }
        self.end_reservations();
        if let Some(fault) = self.fault.take() {
            self.shop.heal(fault, KILLED);
        }
        if self.strategy == Strategy::Sharded {
            self.settle_shards();
        }
        self.shop.end();
        self.flush();
        self.writer.finish()?;
        Ok(Generated { revision: self.shop.revision(), events: self.writer.events, ..self.made })
    }

    /// Whether the sale is over. A mutation may need more operations.
    fn is_over(&self) -> bool {
        let beyond = self.size.operations.saturating_mul(2).saturating_add(10_000);
        self.made.operations >= if self.writer.plan.is_pending() { beyond } else { self.size.operations }
    }

    /// Writes what has happened.
    fn flush(&mut self) {
        for event in self.shop.take_events() {
            self.made.operations += u64::from(matches!(&event, Event::Invoke(invoke) if invoke.id.worker < 2 * self.size.buyers));
            if let Event::OrderClosed(closed) = &event {
                self.made.sold += u64::from(matches!(closed.outcome, OrderOutcome::Sold { .. }) && closed.paid_cents > 0);
            }
            let writer = &mut self.writer;
            self.delays.take(event, &mut |event: &Event| writer.write(event));
        }
        self.writer.plan.is_due = self.made.operations >= self.size.operations / 2;
    }

    /// A member is killed at two fifths of the operations and restarts at three.
    fn break_member(&mut self) {
        let (made, fifth) = (self.made.operations, self.size.operations / 5);
        if self.fault.is_none() && !self.had_fault && self.size.operations >= OPERATIONS_WITH_FAULT && made >= 2 * fifth {
            self.fault = Some(self.shop.inject("kill", KILLED));
            self.had_fault = true;
        } else if made >= 3 * fifth
            && let Some(fault) = self.fault.take()
        {
            self.shop.heal(fault, KILLED);
        }
    }

    /// A buyer decides what to order.
    fn demand(&mut self) -> Demand {
        let event = self.events[self.draw.popular(self.events.len())].clone();
        let mut items: Vec<(&'static str, i64)> = Vec::new();
        let both = self.kinds.len() > 1 && self.draw.permille(200);
        let one = self.draw.below(self.kinds.len() as u64) as usize;
        for (number, kind) in self.kinds.iter().enumerate() {
            if both || number == one {
                items.push((kind, self.draw.between(1, 2) as i64));
            }
        }
        let buyer = self.draw.below(u64::from(self.size.buyers)) as u32;
        let user = user_name(self.draw.below(u64::from(self.users)) as u32);
        Demand { buyer, user, event, items }
    }

    fn outcome(&mut self) -> RequestOutcome {
        match self.draw.below(150) {
            0 => RequestOutcome::UnknownApplied,
            1 => RequestOutcome::UnknownNotApplied,
            2 => RequestOutcome::Refused,
            _ => RequestOutcome::Answered,
        }
    }

    /// Now and then a buyer cancels its order.
    fn maybe_cancel(&mut self, order: OrderKey) {
        if self.draw.permille(60) && self.shop.has_bought(order) {
            let outcome = self.outcome();
            let cancelled = self.shop.cancel(order, outcome);
            self.shop.forget(cancelled);
        }
        self.shop.forget(order);
    }
}
