//! Checks in groups, each on its own thread.
//!
//! Observations are collected in batches that all groups share. Each group processes them at its own pace, up to a bounded
//! lag. Every check receives the same observations in the same order as on one thread, so the verdicts are the same.

use std::num::NonZero;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use super::check_group::CheckGroup;
use super::derived::Derived;
use crate::core::check::End;
use crate::core::panic_guard::PanicGuard;
use crate::core::shared_event::SharedEvent;
use crate::core::verdict::Finding;
use ticketcd_history::event::Event;

/// Batches that a group may lag behind.
const BATCHES_BEHIND: usize = 24;

/// Events, and what each of them implies.
#[derive(Debug)]
pub(super) struct Batch {
    /// The events.
    pub(super) events: Arc<Vec<Event>>,
    /// What the event at an index implies, in the order of the events. An index after the last event stands for the end of the
    /// record.
    pub(super) derived: Vec<(usize, Derived)>,
}

/// The checks of a group, with their indexes among all checks.
#[derive(Default)]
struct Share {
    numbers: Vec<usize>,
    checks: Vec<PanicGuard>,
}

/// The groups.
#[derive(Debug)]
pub(super) struct Groups {
    groups: Vec<Group>,
    /// The number of checks.
    checks: usize,
}

#[derive(Debug)]
struct Group {
    batches: SyncSender<Arc<Batch>>,
    /// The indexes of these checks among all checks.
    numbers: Vec<usize>,
    thread: JoinHandle<CheckGroup>,
}

impl Groups {
    /// As many groups as there are processors. With only two, the checks that replay the key space share a group, because each
    /// group keeps its own key space.
    pub(super) fn new(checks: Vec<PanicGuard>) -> Self {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let count = processors.clamp(1, checks.len().max(1));
        let total = checks.len();
        let mut shares: Vec<Share> = (0..count).map(|_| Share::default()).collect();
        let (replaying, others): (Vec<_>, Vec<_>) = checks.into_iter().enumerate().partition(|(_, check)| check.replays());
        let half = (count / 2).max(1);
        let seats = (0..half).cycle().take(replaying.len()).chain((count - half..count).cycle());
        for ((number, check), seat) in replaying.into_iter().chain(others).zip(seats) {
            if let Some(share) = shares.get_mut(seat) {
                share.numbers.push(number);
                share.checks.push(check);
            }
        }
        let start = |Share { numbers, checks }| {
            let (batches, receiver) = sync_channel(BATCHES_BEHIND);
            Group { batches, numbers, thread: thread::spawn(move || take_in(CheckGroup::new(checks), &receiver)) }
        };
        Self { groups: shares.into_iter().map(start).collect(), checks: total }
    }

    /// Passes a batch to all checks.
    pub(super) fn show(&self, batch: Batch) {
        let batch = Arc::new(batch);
        for group in &self.groups {
            // A group ends only when all its checks have failed, and panics are caught: then there is no receiver.
            let _ = group.batches.send(Arc::clone(&batch));
        }
    }

    /// Ends all groups: their checks, in the same groups.
    pub(super) fn end(self) -> Judged {
        // All channels are closed before the first thread is joined.
        let threads = self.groups.into_iter().map(|Group { batches: _, numbers, thread }| (numbers, thread)).collect::<Vec<_>>();
        let join = |thread: JoinHandle<CheckGroup>| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Judged { groups: threads.into_iter().map(|(numbers, thread)| (numbers, join(thread))).collect(), checks: self.checks }
    }
}

/// Checks that have observed the whole record.
#[derive(Debug)]
pub(super) struct Judged {
    groups: Vec<(Vec<usize>, CheckGroup)>,
    checks: usize,
}

impl Judged {
    /// Finishes every group on its own thread; the findings are in the order of the checks.
    pub(super) fn finish(self, end: &End<'_>) -> Vec<Finding> {
        let mut findings: Vec<Option<Finding>> = (0..self.checks).map(|_| None).collect();
        thread::scope(|scope| {
            let finish = |(numbers, group): (Vec<usize>, CheckGroup)| (numbers, scope.spawn(move || group.finish(end)));
            let threads: Vec<_> = self.groups.into_iter().map(finish).collect();
            for (numbers, thread) in threads {
                let finished = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                for (number, finding) in numbers.into_iter().zip(finished) {
                    if let Some(place) = findings.get_mut(number) {
                        *place = finding;
                    }
                }
            }
        });
        findings.into_iter().flatten().collect()
    }
}

/// Passes batches to the checks of a group until there are no more.
fn take_in(mut group: CheckGroup, batches: &Receiver<Arc<Batch>>) -> CheckGroup {
    for batch in batches {
        let mut derived = batch.derived.iter().peekable();
        for (place, event) in batch.events.iter().enumerate() {
            group.event(event);
            while let Some((_, derived)) = derived.next_if(|(at, _)| *at == place) {
                group.derived(derived, Some(event), || SharedEvent::new(&batch.events, place));
            }
        }
        derived.for_each(|(_, derived)| group.derived(derived, None, || None));
    }
    group
}
