//! What was tried: sets of operations with the state they led to.

use std::hash::Hash;

use rustc_hash::FxHashSet;

/// Bits of a word.
const BITS: usize = 64;

/// The operations that have been given their place. Operations with a known end are counted apart from those without: the
/// first are nearly always a beginning of the history with few holes, of which only the words from the first hole on are
/// remembered.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    known: Vec<u64>,
    unknown: Vec<u64>,
    /// Words of `known` before this one are full.
    full: usize,
    /// Words of `known` from this one on are empty.
    empty_from: usize,
}

impl Placed {
    pub(super) fn new(known: usize, unknown: usize) -> Self {
        Self { known: vec![0; known.div_ceil(BITS)], unknown: vec![0; unknown.div_ceil(BITS)], full: 0, empty_from: 0 }
    }

    pub(super) fn insert(&mut self, is_known: bool, number: usize) {
        if is_known {
            self.known[number / BITS] |= 1 << (number % BITS);
            self.empty_from = self.empty_from.max(number / BITS + 1);
            while self.known.get(self.full) == Some(&u64::MAX) {
                self.full += 1;
            }
        } else {
            self.unknown[number / BITS] |= 1 << (number % BITS);
        }
    }

    pub(super) fn remove(&mut self, is_known: bool, number: usize) {
        if is_known {
            self.known[number / BITS] &= !(1 << (number % BITS));
            self.full = self.full.min(number / BITS);
            while self.empty_from > 0 && self.known[self.empty_from - 1] == 0 {
                self.empty_from -= 1;
            }
        } else {
            self.unknown[number / BITS] &= !(1 << (number % BITS));
        }
    }

    /// The set in few words, different for different sets.
    fn words(&self) -> Box<[u64]> {
        let window = self.known.get(self.full..self.empty_from.max(self.full)).unwrap_or_default();
        std::iter::once(self.full as u64).chain(self.unknown.iter().copied()).chain(window.iter().copied()).collect()
    }
}

/// What was tried, as far as memory goes.
#[derive(Debug)]
pub(super) struct Memo<State> {
    tried: FxHashSet<(Box<[u64]>, State)>,
    words: usize,
}

impl<State: Eq + Hash + Clone> Memo<State> {
    pub(super) fn new() -> Self {
        Self { tried: FxHashSet::default(), words: 0 }
    }

    /// Notes that a set led to a state; `false` when it has before.
    pub(super) fn is_new(&mut self, placed: &Placed, state: &State) -> bool {
        let words = placed.words();
        let count = words.len();
        let is_new = self.tried.insert((words, state.clone()));
        if is_new {
            // A set and a state, with what the table takes for them.
            self.words += count + 8;
        }
        is_new
    }

    /// Words of memory in use.
    pub(super) fn words(&self) -> usize {
        self.words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_sets_have_different_words() {
        let mut seen = std::collections::HashSet::new();
        for first in 0..200 {
            let mut placed = Placed::new(200, 3);
            (0..first).for_each(|number| placed.insert(true, number));
            assert!(seen.insert(placed.words()), "{first}");
            for hole in [130, 199] {
                if hole > first {
                    placed.insert(true, hole);
                    assert!(seen.insert(placed.words()), "{first} and {hole}");
                    placed.remove(true, hole);
                }
            }
            placed.insert(false, 1);
            assert!(seen.insert(placed.words()));
        }
    }

    #[test]
    fn what_is_removed_leaves_no_trace() {
        let mut placed = Placed::new(200, 3);
        (0..100).for_each(|number| placed.insert(true, number));
        let before = placed.words();
        (100..200).for_each(|number| placed.insert(true, number));
        (100..200).rev().for_each(|number| placed.remove(true, number));
        assert_eq!(placed.words(), before);
    }
}
