//! Attempts whose effect the answer does not tell, and the revisions they turn out to have written.

use rustc_hash::FxHashMap;

use super::content::{branches, difference, event_anchor, sent_anchor};
use crate::history::call::{CallId, Invoke};
use crate::history::event::WatchEvent;
use crate::history::request::TxnOp;
use crate::model::{MemberIndex, Nanos, OrderKey, Revision};

/// A call that may have written one revision, or none.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) call: CallId,
    pub(super) member: MemberIndex,
    pub(super) order: Option<OrderKey>,
    pub(super) sent: Nanos,
    /// Whether the error said that nothing was written.
    pub(super) refused: bool,
    /// The revision it turned out to have written.
    pub(super) wrote: Option<Revision>,
    branches: Vec<Vec<TxnOp>>,
}

/// The attempts of a run that nobody knows the end of.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    all: Vec<Attempt>,
    by_first_put: FxHashMap<u64, Vec<usize>>,
    only_deleting: Vec<usize>,
}

/// Who wrote a revision that no answer names.
pub(super) enum Claim<'attempts> {
    /// This attempt.
    Author(&'attempts Attempt),
    /// This attempt, which had written another revision already.
    Again(&'attempts Attempt, Revision),
    /// This attempt, but what it sent was something else, in words.
    Altered(&'attempts Attempt, String),
    /// None of them.
    Nobody,
}

impl Attempts {
    pub(super) fn add(&mut self, invoke: &Invoke, refused: bool) {
        let branches = branches(&invoke.request);
        let index = self.all.len();
        for branch in &branches {
            match sent_anchor(branch) {
                Some(anchor) => self.by_first_put.entry(anchor).or_default().push(index),
                None => self.only_deleting.push(index),
            }
        }
        if !branches.is_empty() {
            self.all.push(Attempt {
                call: invoke.id,
                member: invoke.member,
                order: invoke.orders.first().copied(),
                sent: invoke.sent,
                refused,
                wrote: None,
                branches,
            });
        }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Finds who wrote a revision that was first seen `at`. An attempt that can only have written this is preferred to one
    /// that might have written something else.
    pub(super) fn claim(&mut self, revision: Revision, at: Nanos, events: &[WatchEvent]) -> Claim<'_> {
        let candidates = match event_anchor(events) {
            Some(anchor) => self.by_first_put.get(&anchor).map_or(&[][..], Vec::as_slice),
            None => &self.only_deleting,
        };
        let (mut author, mut again, mut altered) = (None, None, None);
        for &index in candidates {
            let Some(attempt) = self.all.get(index).filter(|attempt| attempt.sent <= at) else { continue };
            let differences: Vec<_> = attempt.branches.iter().map(|branch| difference(branch, events, None)).collect();
            if let Some(difference) = differences.iter().flatten().next().filter(|_| differences.iter().all(Option::is_some)) {
                altered = Some((index, difference.clone()));
            } else if let Some(earlier) = attempt.wrote {
                again = Some((index, earlier));
            } else {
                // Of several, one that was not told "refused", then one with a single way to go, then the first.
                let rank = (attempt.refused, attempt.branches.len());
                if author.is_none_or(|(_, best)| rank < best) {
                    author = Some((index, rank));
                }
            }
        }
        if let Some((index, _)) = author {
            let Some(attempt) = self.all.get_mut(index) else { return Claim::Nobody };
            attempt.wrote = Some(revision);
            return Claim::Author(attempt);
        }
        let told = |index: usize| self.all.get(index);
        match (again, altered) {
            (Some((index, earlier)), _) => told(index).map_or(Claim::Nobody, |attempt| Claim::Again(attempt, earlier)),
            // An attempt that only deletes says nothing by which it could be recognised.
            (None, Some((index, difference))) if event_anchor(events).is_some() => {
                told(index).map_or(Claim::Nobody, |attempt| Claim::Altered(attempt, difference))
            }
            _ => Claim::Nobody,
        }
    }
}
