//! What the search has tried: sets of operations, with the state that each led to.

use std::hash::Hash;

use rustc_hash::FxHashSet;

/// Bits of a word.
const BITS: usize = 64;

/// The set of operations that have been placed. Operations with an answer are numbered apart from those without: the former are
/// nearly always a prefix of the history with few gaps, of which only the words from the first gap on are remembered.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    answered: Vec<u64>,
    unanswered: Vec<u64>,
    /// Words of `answered` before this one are full.
    full: usize,
    /// Words of `answered` from this one on are empty.
    empty_from: usize,
}

impl Placed {
    pub(super) fn new(answered: usize, unanswered: usize) -> Self {
        Self { answered: vec![0; answered.div_ceil(BITS)], unanswered: vec![0; unanswered.div_ceil(BITS)], full: 0, empty_from: 0 }
    }

    pub(super) fn insert(&mut self, is_answered: bool, number: usize) {
        if is_answered {
            self.answered[number / BITS] |= 1 << (number % BITS);
            self.empty_from = self.empty_from.max(number / BITS + 1);
            while self.answered.get(self.full) == Some(&u64::MAX) {
                self.full += 1;
            }
        } else {
            self.unanswered[number / BITS] |= 1 << (number % BITS);
        }
    }

    pub(super) fn remove(&mut self, is_answered: bool, number: usize) {
        if is_answered {
            self.answered[number / BITS] &= !(1 << (number % BITS));
            self.full = self.full.min(number / BITS);
            while self.empty_from > 0 && self.answered[self.empty_from - 1] == 0 {
                self.empty_from -= 1;
            }
        } else {
            self.unanswered[number / BITS] &= !(1 << (number % BITS));
        }
    }

    /// The set in few machine words. Different sets have different words.
    fn words(&self) -> Box<[u64]> {
        let window = self.answered.get(self.full..self.empty_from.max(self.full)).unwrap_or_default();
        std::iter::once(self.full as u64).chain(self.unanswered.iter().copied()).chain(window.iter().copied()).collect()
    }
}

/// The sets and states that were tried.
#[derive(Debug)]
pub(super) struct Memo<State> {
    tried: FxHashSet<(Box<[u64]>, State)>,
    words: usize,
}

impl<State: Eq + Hash + Clone> Memo<State> {
    pub(super) fn new() -> Self {
        Self { tried: FxHashSet::default(), words: 0 }
    }

    /// Records that a set led to a state; `false` if it did before.
    pub(super) fn is_new(&mut self, placed: &Placed, state: &State) -> bool {
        let words = placed.words();
        let count = words.len();
        let is_new = self.tried.insert((words, state.clone()));
        if is_new {
            // The set and the state, and an estimate of what the table takes for them.
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
            for gap in [130, 199] {
                if gap > first {
                    placed.insert(true, gap);
                    assert!(seen.insert(placed.words()), "{first} and {gap}");
                    placed.remove(true, gap);
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
