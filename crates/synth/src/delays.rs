//! Delays: responses and deliveries are held back and released later, those of one worker and of one collector in their order.
//! So calls overlap, and members deliver at their own pace.
//!
//! In the input everything happens one after the other. In the output responses are later: a later response promises less, so a
//! valid record stays valid.

use std::collections::VecDeque;

use crate::draw::Draw;
use ticketcd_history::Nanos;
use ticketcd_history::event::Event;

/// Other events that something is held back for, at most.
const HELD_EVENTS_MAX: u64 = 7;

/// Events that are held back.
#[derive(Debug)]
pub(crate) struct Delays {
    held: VecDeque<Held>,
    draw: Draw,
    now: Nanos,
}

#[derive(Debug)]
struct Held {
    line: Line,
    left: u64,
    event: Event,
}

/// Whose events keep their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Worker(u32),
    Collector(u32),
}

impl Delays {
    pub(crate) fn new(seed: u64) -> Self {
        Self { held: VecDeque::new(), draw: Draw::new(seed, 4), now: 0 }
    }

    /// Takes in an event; gives those that arrive now.
    pub(crate) fn take(&mut self, event: Event, emit: &mut impl FnMut(&Event)) {
        let line = match &event {
            Event::Return(returned) => Some(Line::Worker(returned.id.worker)),
            Event::WatchBatch(batch) => Some(Line::Collector(batch.subscription)),
            _ => None,
        };
        if let Some(line) = line {
            let left = 1 + self.draw.below(HELD_EVENTS_MAX);
            self.held.push_back(Held { line, left, event });
            return;
        }
        match &event {
            Event::Invoke(invoke) => self.let_go(|held| held.line == Line::Worker(invoke.id.worker), emit),
            Event::OrderPlaced(placed) => self.let_go(|held| held.line == Line::Worker(placed.order.buyer), emit),
            Event::CancelPlaced(placed) => self.let_go(|held| held.line == Line::Worker(placed.order.buyer), emit),
            Event::OrderClosed(closed) => self.let_go(|held| held.line == Line::Worker(closed.order.buyer), emit),
            // Anything else concerns more than one worker or collector.
            _ => self.let_go(|_| true, emit),
        }
        self.now = self.now.max(at(&event));
        emit(&event);
        self.held.iter_mut().for_each(|held| held.left = held.left.saturating_sub(1));
        let mut waiting: Vec<Line> = Vec::new();
        self.let_go(
            |held| {
                let goes = held.left == 0 && !waiting.contains(&held.line);
                if !goes {
                    waiting.push(held.line);
                }
                goes
            },
            emit,
        );
    }

    fn let_go(&mut self, mut goes: impl FnMut(&Held) -> bool, emit: &mut impl FnMut(&Event)) {
        let now = &mut self.now;
        self.held.retain_mut(|held| {
            let goes = goes(held);
            if goes {
                let at = match &mut held.event {
                    Event::Return(returned) => &mut returned.done,
                    Event::WatchBatch(batch) => &mut batch.at,
                    _ => return false,
                };
                *now = (*at).max(*now);
                *at = *now;
                emit(&held.event);
            }
            !goes
        });
    }
}

/// When an event that is not held back happens; 0 for those that are recorded elsewhere.
fn at(event: &Event) -> Nanos {
    match event {
        Event::Invoke(invoke) => invoke.sent,
        Event::OrderPlaced(placed) => placed.sent,
        Event::CancelPlaced(placed) => placed.sent,
        Event::OrderClosed(closed) => closed.done,
        Event::Phase(began) => began.at,
        Event::Member(event) => event.at,
        Event::Sample(sample) => sample.at,
        Event::Fault(event) => event.at,
        Event::WatchOpened(opened) => opened.at,
        Event::WatchClosed(closed) => closed.at,
        Event::AuditClosed(closed) => closed.at,
        Event::Ended(ended) => ended.at,
        _ => 0,
    }
}
