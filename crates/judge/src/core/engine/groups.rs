//! Checks in groups, each on a thread of its own.
//!
//! What checks are shown is gathered in batches that all groups share; a group takes them in at its own pace, and none may
//! fall far behind. Every check sees what it would see on one thread, in the same order, so the verdicts are the same.

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

/// Batches a group may be behind.
const BATCHES_BEHIND: usize = 24;

/// Events, and what follows from each of them.
#[derive(Debug)]
pub(super) struct Batch {
    /// The events.
    pub(super) events: Arc<Vec<Event>>,
    /// What follows from the event at a place, in the order of the events. At a place behind the last: what follows from
    /// the end of the record.
    pub(super) derived: Vec<(usize, Derived)>,
}

/// The checks of a group, and which of all they are.
#[derive(Default)]
struct Share {
    numbers: Vec<usize>,
    checks: Vec<PanicGuard>,
}

/// The groups.
#[derive(Debug)]
pub(super) struct Groups {
    groups: Vec<Group>,
    /// Checks in all.
    checks: usize,
}

#[derive(Debug)]
struct Group {
    batches: SyncSender<Arc<Batch>>,
    /// Which of all checks these are.
    numbers: Vec<usize>,
    thread: JoinHandle<CheckGroup>,
}

impl Groups {
    /// As many groups as there are processors. Those who ask for the key space sit together where there are only two: each
    /// group keeps its own.
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

    /// Shows a batch to all checks.
    pub(super) fn show(&self, batch: Batch) {
        let batch = Arc::new(batch);
        for group in &self.groups {
            // A group ends only when its checks do, and these are guarded; then nobody is there to be shown anything.
            let _ = group.batches.send(Arc::clone(&batch));
        }
    }

    /// Everything was shown: the checks as they are then, in the groups they were in.
    pub(super) fn end(self) -> Judged {
        // All are told that it is over before the first is waited for.
        let told = self.groups.into_iter().map(|Group { batches: _, numbers, thread }| (numbers, thread)).collect::<Vec<_>>();
        let join = |thread: JoinHandle<CheckGroup>| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Judged { groups: told.into_iter().map(|(numbers, thread)| (numbers, join(thread))).collect(), checks: self.checks }
    }
}

/// Checks that were shown everything.
#[derive(Debug)]
pub(super) struct Judged {
    groups: Vec<(Vec<usize>, CheckGroup)>,
    checks: usize,
}

impl Judged {
    /// Lets every group finish on a thread of its own; the findings in the order of the checks.
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

/// Shows batches to the checks of a group until there are no more.
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
