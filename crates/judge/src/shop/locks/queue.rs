//! The holder of each lock, revision by revision.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use crate::core::check::SequencedRevision;
use crate::shop::replay::{self, ShopChange};
use ticketcd_history::{Blob, Revision};

/// The queue of every lock.
#[derive(Debug, Default)]
pub(super) struct LockQueues {
    /// By event: the keys of its lock, by the revision that created them.
    queues: FxHashMap<Blob, BTreeSet<(Revision, Blob)>>,
    created: FxHashMap<Blob, Revision>,
}

/// The holder of a lock.
#[derive(Clone, Debug, Default)]
pub(super) struct Position {
    /// The name of the key, after `lock:`; none if no client held it.
    pub(super) holder: Option<Blob>,
    /// The revision that created that key.
    pub(super) since: Revision,
}

impl LockQueues {
    /// Whether any lock was ever requested.
    pub(super) fn is_used(&self) -> bool {
        !self.queues.is_empty()
    }

    /// The holder of the lock before the revision, for each event that it writes purchases of.
    pub(super) fn before_purchases(&self, revision: &SequencedRevision<'_>) -> Vec<(Blob, Position)> {
        let mut positions: Vec<(Blob, Position)> = Vec::new();
        for change in replay::changes(revision) {
            if let ShopChange::Purchases { event, added, .. } = change
                && !added.is_empty()
                && positions.iter().all(|(of, _)| of != event)
            {
                positions.push((event.clone(), self.position(event)));
            }
        }
        positions
    }

    /// Applies what a revision does to the locks.
    pub(super) fn apply(&mut self, revision: &SequencedRevision<'_>) {
        for change in replay::changes(revision) {
            let ShopChange::Lock { name, held, .. } = change else { continue };
            let text = name.to_text();
            let Some((event, _)) = text.rsplit_once('/') else { continue };
            let queue = self.queues.entry(event.into()).or_default();
            if let Some(created) = self.created.get(name).copied() {
                // A key that is written again keeps its create revision.
                if !held {
                    queue.remove(&(created, name.clone()));
                    self.created.remove(name);
                }
            } else if *held {
                queue.insert((revision.revision, name.clone()));
                self.created.insert(name.clone(), revision.revision);
            }
        }
    }

    fn position(&self, event: &Blob) -> Position {
        let first = self.queues.get(event).and_then(|queue| queue.first());
        first.map_or_else(Position::default, |(since, holder)| Position { holder: Some(holder.clone()), since: *since })
    }
}
