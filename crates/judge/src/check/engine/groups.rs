//! Checks in groups, each on a thread of its own.
//!
//! What checks are shown is gathered in batches that all groups share; a group takes them in at its own pace, and none may
//! fall far behind. Every check sees what it would see on one thread, in the same order, so the verdicts are the same.

use std::num::NonZero;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use super::super::End;
use super::super::guarded::Guarded;
use super::super::verdict::Finding;
use super::bench::Bench;
use super::core::Turn;
use crate::history::event::Event;

/// Items of a batch.
const ITEMS_PER_BATCH: usize = 1_024;

/// Batches a group may be behind.
const BATCHES_BEHIND: usize = 8;

/// Something checks are shown.
#[derive(Debug)]
pub(super) enum Item {
    /// An event.
    Event(Event),
    /// An event that others need for longer.
    Shared(Arc<Event>),
    /// A call that ended: its request, and the place of its return in this batch; none when it never ended.
    Call(Arc<Event>, Option<usize>),
    /// A revision, and the place in this batch of the event that brought its turn about.
    Revision(Turn, Option<usize>),
}

type Batch = Arc<Vec<Item>>;

/// The groups.
#[derive(Debug)]
pub(super) struct Groups {
    items: Vec<Item>,
    groups: Vec<Group>,
    /// Checks in all.
    checks: usize,
}

#[derive(Debug)]
struct Group {
    batches: SyncSender<Batch>,
    thread: JoinHandle<Bench>,
}

impl Groups {
    /// As many groups as there are processors beside the one that feeds them.
    pub(super) fn new(checks: Vec<Guarded>) -> Self {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let count = processors.saturating_sub(1).clamp(1, checks.len().max(1));
        let total = checks.len();
        let mut shares: Vec<Vec<Guarded>> = (0..count).map(|_| Vec::new()).collect();
        for (index, check) in checks.into_iter().enumerate() {
            shares[index % count].push(check);
        }
        let start = |checks| {
            let (batches, receiver) = sync_channel(BATCHES_BEHIND);
            Group { batches, thread: thread::spawn(move || take_in(Bench::new(checks), &receiver)) }
        };
        Self { items: Vec::with_capacity(ITEMS_PER_BATCH), groups: shares.into_iter().map(start).collect(), checks: total }
    }

    /// Shows something to all checks; gives its place in the batch.
    pub(super) fn show(&mut self, item: Item) -> usize {
        self.items.push(item);
        self.items.len() - 1
    }

    /// Hands the batch over when it is full. What was shown before has no place any more.
    pub(super) fn hand_over_if_full(&mut self) {
        if self.items.len() >= ITEMS_PER_BATCH {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        let batch = Arc::new(std::mem::replace(&mut self.items, Vec::with_capacity(ITEMS_PER_BATCH)));
        for group in &self.groups {
            // A group ends only when its checks do, and these are guarded; then nobody is there to be shown anything.
            let _ = group.batches.send(Arc::clone(&batch));
        }
    }

    /// Everything was shown: the checks as they are then, in the groups they were in.
    pub(super) fn end(mut self) -> Judged {
        self.hand_over();
        // All are told that it is over before the first is waited for.
        let (senders, threads): (Vec<_>, Vec<_>) = self.groups.into_iter().map(|group| (group.batches, group.thread)).unzip();
        drop(senders);
        let join = |thread: JoinHandle<Bench>| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Judged { groups: threads.into_iter().map(join).collect(), checks: self.checks }
    }
}

/// Checks that were shown everything.
#[derive(Debug)]
pub(super) struct Judged {
    groups: Vec<Bench>,
    checks: usize,
}

impl Judged {
    /// Lets every group finish on a thread of its own; the findings in the order of the checks.
    pub(super) fn finish(self, end: &End<'_>) -> Vec<Finding> {
        let count = self.groups.len();
        let mut findings: Vec<Option<Finding>> = (0..self.checks).map(|_| None).collect();
        thread::scope(|scope| {
            let finish = |bench: Bench| scope.spawn(move || bench.finish(end));
            let threads: Vec<_> = self.groups.into_iter().map(finish).collect();
            for (group, thread) in threads.into_iter().enumerate() {
                let finished = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                for (number, finding) in finished.into_iter().enumerate() {
                    findings[group + number * count] = finding;
                }
            }
        });
        findings.into_iter().flatten().collect()
    }
}

/// Shows batches to the checks of a group until there are no more.
fn take_in(mut bench: Bench, batches: &Receiver<Batch>) -> Bench {
    for batch in batches {
        let at = |place: &Option<usize>| place.and_then(|place| batch.get(place)).and_then(event_of);
        for item in batch.iter() {
            match item {
                Item::Event(event) => bench.event(event),
                Item::Shared(event) => bench.event(event),
                Item::Call(call, place) => {
                    let returned = match at(place) {
                        Some(Event::Return(returned)) => Some(returned),
                        _ => None,
                    };
                    bench.call(call, returned);
                }
                Item::Revision(turn, cause) => bench.revision(turn, at(cause)),
            }
        }
    }
    bench
}

fn event_of(item: &Item) -> Option<&Event> {
    match item {
        Item::Event(event) => Some(event),
        Item::Shared(event) => Some(event),
        Item::Call(..) | Item::Revision(..) => None,
    }
}
