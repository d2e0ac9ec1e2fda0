//! The calls and returns of a history as a list from which operations are lifted and put back.

use super::Operation;

/// A place in the list. The first is the head.
pub(super) type Place = usize;

/// The head of the list: before the first entry.
pub(super) const HEAD: Place = 0;

/// Behind the last entry.
const END: Place = usize::MAX;

/// One end of an operation.
#[derive(Clone, Copy, Debug)]
struct Entry {
    operation: usize,
    /// Of a call, the place of its return; none for a return, and for a call that never returned.
    done: Place,
    is_call: bool,
    before: Place,
    behind: Place,
}

/// The list.
#[derive(Debug)]
pub(super) struct Linked {
    entries: Vec<Entry>,
}

impl Linked {
    /// The ends of all operations, in the order of time.
    pub(super) fn new<Action>(operations: &[Operation<Action>]) -> Self {
        let mut ends: Vec<(u64, bool, usize)> = Vec::with_capacity(operations.len() * 2);
        for (index, operation) in operations.iter().enumerate() {
            ends.push((operation.call, true, index));
            ends.extend(operation.done.map(|done| (done, false, index)));
        }
        // Of ends at the same moment calls come first: the operations overlap.
        ends.sort_unstable_by_key(|(at, is_call, index)| (*at, !is_call, *index));
        let mut entries = vec![Entry { operation: 0, done: END, is_call: false, before: END, behind: END }];
        let mut calls = vec![HEAD; operations.len()];
        for (_, is_call, operation) in ends {
            let place = entries.len();
            entries.push(Entry { operation, done: END, is_call, before: place - 1, behind: END });
            entries[place - 1].behind = place;
            if is_call {
                calls[operation] = place;
            } else {
                entries[calls[operation]].done = place;
            }
        }
        Self { entries }
    }

    /// The entry behind a place.
    pub(super) fn next(&self, place: Place) -> Option<Place> {
        let behind = self.entries[place].behind;
        (behind != END).then_some(behind)
    }

    /// The operation of a call; `None` when the place is a return.
    pub(super) fn call(&self, place: Place) -> Option<usize> {
        let entry = &self.entries[place];
        entry.is_call.then_some(entry.operation)
    }

    /// The operation of a place.
    pub(super) fn operation(&self, place: Place) -> usize {
        self.entries[place].operation
    }

    /// Takes an operation out, given the place of its call.
    pub(super) fn lift(&mut self, call: Place) {
        self.unlink(call);
        let done = self.entries[call].done;
        if done != END {
            self.unlink(done);
        }
    }

    /// Puts an operation back; the last one lifted first.
    pub(super) fn put_back(&mut self, call: Place) {
        let done = self.entries[call].done;
        if done != END {
            self.relink(done);
        }
        self.relink(call);
    }

    fn unlink(&mut self, place: Place) {
        let Entry { before, behind, .. } = self.entries[place];
        self.entries[before].behind = behind;
        if behind != END {
            self.entries[behind].before = before;
        }
    }

    fn relink(&mut self, place: Place) {
        let Entry { before, behind, .. } = self.entries[place];
        self.entries[before].behind = place;
        if behind != END {
            self.entries[behind].before = place;
        }
    }
}
