//! Attempts with an unknown outcome, and the revisions that they wrote.
//!
//! Two attempts may have sent the same content, and the compares of one may have held at fewer revisions than those of the
//! other. Authors are therefore a matching between revisions and attempts. It is built one revision at a time; if all
//! candidates for a revision are taken, one of them may be moved to another revision (an augmenting path, after Berge, "Two
//! theorems in graph theory", 1957). Only then is a revision without an author evidence.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::content::{Way, difference, event_anchors, sent_anchor, ways};
use super::delivered::{Delivered, Held};
use crate::core::compare::{described, state};
use crate::core::key_space::Versions;
use ticketcd_history::call::{CallId, Invoke};
use ticketcd_history::request::{Guard, Request};
use ticketcd_history::watch::WatchEvent;
use ticketcd_history::{Blob, MemberIndex, Nanos, OrderKey, Revision};

/// A call that may have written one revision, or none.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) call: CallId,
    pub(super) member: MemberIndex,
    pub(super) order: Option<OrderKey>,
    sent: Nanos,
    /// Whether the error said that nothing was written.
    pub(super) refused: bool,
    /// The revision that it is matched to.
    wrote: Option<Revision>,
    /// Whether it is matched, and no exchange can free it.
    exhausted: bool,
    guards: Vec<Guard>,
    /// None if there are too many to enumerate: it may then have written anything.
    ways: Option<Vec<Way>>,
}

/// The attempts of a run with an unknown outcome.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    all: Vec<Attempt>,
    by_first_put: FxHashMap<u64, Vec<usize>>,
    only_deleting: Vec<usize>,
    of_any_content: Vec<usize>,
    /// The attempt that wrote a revision.
    authors: FxHashMap<Revision, usize>,
}

/// The revisions that no response acknowledged, and the key space at the last ones.
#[derive(Clone, Copy)]
pub(super) struct Unclaimed<'run> {
    pub(super) revisions: &'run BTreeMap<Revision, Delivered>,
    pub(super) versions: &'run Versions,
}

/// The author of a revision that no response acknowledged.
pub(super) enum Claim<'attempts> {
    /// An attempt with an unknown outcome.
    Author,
    /// This attempt, which failed with a definite error.
    Refused(&'attempts Attempt),
    /// This attempt, which had written another revision already.
    Again(&'attempts Attempt, Revision),
    /// This attempt, but it sent different content; the difference in words.
    Altered(&'attempts Attempt, String),
    /// None of them. This one sent the content, but its compares excluded it; the reason in words.
    None(Option<(&'attempts Attempt, String)>),
}

/// Whether an attempt can have written a revision.
enum Fit {
    Fits,
    Later,
    Differs(String),
    Forbidden(String),
}

impl Attempts {
    pub(super) fn add(&mut self, invoke: &Invoke, refused: bool) {
        let ways = ways(&invoke.request);
        if ways.as_ref().is_some_and(Vec::is_empty) {
            return;
        }
        let index = self.all.len();
        if ways.is_none() {
            self.of_any_content.push(index);
        }
        for way in ways.iter().flatten() {
            match sent_anchor(&way.operations) {
                Some(anchor) => self.by_first_put.entry(anchor).or_default().push(index),
                None => self.only_deleting.push(index),
            }
        }
        let guards = if let Request::Txn(txn) = &invoke.request { txn.guards.clone() } else { Vec::new() };
        self.all.push(Attempt {
            call: invoke.id,
            member: invoke.member,
            order: invoke.orders.first().copied(),
            sent: invoke.sent,
            refused,
            wrote: None,
            exhausted: false,
            guards,
            ways,
        });
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// The keys that decide which of the attempts so far wrote a revision, other than those it changes.
    pub(super) fn guarded_keys(&self, delivered: &Delivered) -> Vec<Blob> {
        let mut keys = Vec::new();
        for attempt in self.candidates(&delivered.events).filter_map(|index| self.all.get(index)) {
            let is_changed = |key: &Blob| delivered.events.iter().any(|event| event.kv.key == *key);
            let is_needed = |guard: &&Guard| guard.range_end.is_empty() && !is_changed(&guard.key) && !keys.contains(&guard.key);
            let needed: Vec<_> = attempt.guards.iter().filter(is_needed).map(|guard| guard.key.clone()).collect();
            if !needed.is_empty() && attempt.ways.iter().flatten().any(|way| difference(&way.operations, &delivered.events, None).is_none())
            {
                keys.extend(needed);
            }
        }
        keys
    }

    /// Finds the author of a revision. Must be called in the order of the revisions.
    pub(super) fn claim(&mut self, revision: Revision, unclaimed: Unclaimed<'_>) -> Claim<'_> {
        if self.find_author(revision, unclaimed) {
            return Claim::Author;
        }
        let Some(delivered) = unclaimed.revisions.get(&revision) else { return Claim::None(None) };
        let (mut refused, mut again, mut altered, mut forbidden) = (None, None, None, None);
        for index in self.candidates(&delivered.events) {
            let Some(attempt) = self.all.get(index) else { continue };
            match (attempt.fit(revision, delivered, unclaimed.versions), attempt.wrote) {
                (Fit::Fits, None) => drop(refused.get_or_insert(index)),
                (Fit::Fits, Some(earlier)) => again = Some((index, earlier)),
                (Fit::Differs(difference), _) => altered = Some((index, difference)),
                (Fit::Forbidden(reason), _) => drop(forbidden.get_or_insert((index, reason))),
                (Fit::Later, _) => {}
            }
        }
        if let Some(index) = refused {
            let Some(attempt) = self.all.get_mut(index) else { return Claim::None(None) };
            attempt.wrote = Some(revision);
            return Claim::Refused(attempt);
        }
        let get = |index: usize| self.all.get(index);
        if let Some((attempt, earlier)) = again.and_then(|(index, earlier)| Some((get(index)?, earlier))) {
            return Claim::Again(attempt, earlier);
        }
        if let Some(forbidden) = forbidden.and_then(|(index, reason)| Some((get(index)?, reason))) {
            return Claim::None(Some(forbidden));
        }
        // An attempt that only deletes cannot be recognised by its content.
        let altered = altered.filter(|_| event_anchors(&delivered.events).is_some());
        altered
            .and_then(|(index, difference)| Some((get(index)?, difference)))
            .map_or(Claim::None(None), |(attempt, difference)| Claim::Altered(attempt, difference))
    }

    /// Finds an attempt that can have written a revision and is not needed for another one. Returns whether there is one.
    fn find_author(&mut self, revision: Revision, unclaimed: Unclaimed<'_>) -> bool {
        let mut asking = vec![revision];
        // The revision that an attempt was first considered for.
        let mut considered: FxHashMap<usize, Revision> = FxHashMap::default();
        let mut place = 0;
        while let Some(&asked_for) = asking.get(place) {
            place += 1;
            let Some(delivered) = unclaimed.revisions.get(&asked_for) else { continue };
            let fits = |index: usize, taken: bool| {
                self.all.get(index).is_some_and(|attempt| {
                    attempt.wrote.is_some() == taken
                        && !attempt.refused
                        && !attempt.exhausted
                        && attempt.fit(asked_for, delivered, unclaimed.versions).is_fit()
                })
            };
            let free = self.candidates(&delivered.events).find(|&index| fits(index, false));
            if let Some(free) = free {
                considered.insert(free, asked_for);
                self.exchange(free, &considered);
                return true;
            }
            for index in self.candidates(&delivered.events) {
                if !considered.contains_key(&index) && fits(index, true) {
                    considered.insert(index, asked_for);
                    asking.extend(self.all.get(index).and_then(|attempt| attempt.wrote));
                }
            }
        }
        for index in considered.into_keys() {
            if let Some(attempt) = self.all.get_mut(index) {
                attempt.exhausted = true;
            }
        }
        false
    }

    /// Matches a free attempt to the revision it was considered for, the attempt that this one had to the one before, and so on.
    fn exchange(&mut self, free: usize, considered: &FxHashMap<usize, Revision>) {
        let mut next = Some(free);
        while let Some(index) = next {
            let (Some(attempt), Some(&revision)) = (self.all.get_mut(index), considered.get(&index)) else { return };
            attempt.wrote = Some(revision);
            next = self.authors.insert(revision, index);
        }
    }

    /// The attempts that may have written a revision, by what it put first.
    fn candidates(&self, events: &[WatchEvent]) -> impl Iterator<Item = usize> {
        let by_put = |anchor| self.by_first_put.get(&anchor).into_iter().flatten();
        let only_deleting = if events.iter().all(|event| event.deleted) { self.only_deleting.as_slice() } else { &[] };
        event_anchors(events).into_iter().flatten().flat_map(by_put).chain(only_deleting).chain(&self.of_any_content).copied()
    }
}

impl Attempt {
    fn fit(&self, revision: Revision, delivered: &Delivered, versions: &Versions) -> Fit {
        if self.sent > delivered.at {
            return Fit::Later;
        }
        let Some(ways) = &self.ways else { return Fit::Fits };
        let before = revision - 1;
        let mut different = None;
        let mut same = Vec::new();
        for way in ways {
            match difference(&way.operations, &delivered.events, None) {
                Some(difference) => drop(different.get_or_insert(difference)),
                None => same.push(way.guards_held),
            }
        }
        if let (Some(difference), []) = (different, same.as_slice()) {
            return Fit::Differs(difference);
        }
        match delivered.held(&self.guards, versions, before) {
            Held::Unknown => Fit::Fits,
            Held::All if same.contains(&true) => Fit::Fits,
            Held::Not(_) if same.contains(&false) => Fit::Fits,
            Held::Not(failed) => Fit::Forbidden(format!(
                "sent this content, but required {}; at revision {before} {}",
                described(failed.guard),
                state(&failed)
            )),
            Held::All => {
                let guards: Vec<String> = self.guards.iter().take(4).map(described).collect();
                let guards = if guards.is_empty() { "it has no compares".to_owned() } else { guards.join("; ") };
                Fit::Forbidden(format!(
                    "sends this content only if one of its compares does not hold; at revision {before} all of them held: {guards}"
                ))
            }
        }
    }
}

impl Fit {
    fn is_fit(&self) -> bool {
        matches!(self, Self::Fits)
    }
}
