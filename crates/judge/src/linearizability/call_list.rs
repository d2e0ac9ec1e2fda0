//! The calls and returns of a history in the order of time: a list from which operations are taken out and put back.

use super::Operation;

/// A position in the list. The first is the head.
pub(super) type Position = usize;

/// The head of the list: before the first entry.
pub(super) const HEAD: Position = 0;

/// After the last entry.
const END: Position = usize::MAX;

/// One end of an operation.
#[derive(Clone, Copy, Debug)]
struct Entry {
    operation: usize,
    /// For a call, the position of its return; [`END`] for a return and for a call without one.
    done: Position,
    is_call: bool,
    before: Position,
    after: Position,
}

/// The list.
#[derive(Debug)]
pub(super) struct CallList {
    entries: Vec<Entry>,
}

impl CallList {
    /// The ends of all operations, in the order of time.
    pub(super) fn new<Action>(operations: &[Operation<Action>]) -> Self {
        let mut ends: Vec<(u64, bool, usize)> = Vec::with_capacity(operations.len() * 2);
        for (index, operation) in operations.iter().enumerate() {
            ends.push((operation.call, true, index));
            ends.extend(operation.done.map(|done| (done, false, index)));
        }
        // Of ends at the same moment calls come first: the operations overlap.
        ends.sort_unstable_by_key(|(at, is_call, index)| (*at, !is_call, *index));
        let mut entries = vec![Entry { operation: 0, done: END, is_call: false, before: END, after: END }];
        let mut calls = vec![HEAD; operations.len()];
        for (_, is_call, operation) in ends {
            let position = entries.len();
            entries.push(Entry { operation, done: END, is_call, before: position - 1, after: END });
            entries[position - 1].after = position;
            if is_call {
                calls[operation] = position;
            } else {
                entries[calls[operation]].done = position;
            }
        }
        Self { entries }
    }

    /// The entry after a position.
    pub(super) fn next(&self, position: Position) -> Option<Position> {
        let after = self.entries[position].after;
        (after != END).then_some(after)
    }

    /// The operation of a call; `None` when the position is a return.
    pub(super) fn call(&self, position: Position) -> Option<usize> {
        let entry = &self.entries[position];
        entry.is_call.then_some(entry.operation)
    }

    /// The operation of a position.
    pub(super) fn operation(&self, position: Position) -> usize {
        self.entries[position].operation
    }

    /// Takes an operation out, given the position of its call.
    pub(super) fn lift(&mut self, call: Position) {
        self.unlink(call);
        let done = self.entries[call].done;
        if done != END {
            self.unlink(done);
        }
    }

    /// Puts an operation back: the one that was taken out last.
    pub(super) fn put_back(&mut self, call: Position) {
        let done = self.entries[call].done;
        if done != END {
            self.relink(done);
        }
        self.relink(call);
    }

    fn unlink(&mut self, position: Position) {
        let Entry { before, after, .. } = self.entries[position];
        self.entries[before].after = after;
        if after != END {
            self.entries[after].before = before;
        }
    }

    fn relink(&mut self, position: Position) {
        let Entry { before, after, .. } = self.entries[position];
        self.entries[before].after = position;
        if after != END {
            self.entries[after].before = position;
        }
    }
}
