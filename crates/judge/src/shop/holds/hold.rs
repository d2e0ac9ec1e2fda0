//! One reservation, from its creation to its end.

use super::{CONFIRMED_AFTER_EXPIRY, DOUBLE_RELEASE, EARLY_RELEASE, UNRELEASED_PURCHASE};
use crate::core::anomaly_kind::AnomalyKind;
use ticketcd_history::{Blob, Revision};

/// A reservation of one order.
#[derive(Debug, Default)]
pub(super) struct Hold {
    pub(super) event: Blob,
    pub(super) user: String,
    /// The revision that reserved it last.
    pub(super) reserved: Revision,
    /// Whether its record exists.
    has_record: bool,
    /// Whether the key with its lease exists, and the revision that deleted it last.
    is_alive: bool,
    gone: Revision,
    /// How its last reservation ended, and where.
    pub(super) ending: Option<Ending>,
    ended: Revision,
    /// Whether its stock was returned and it was reserved again without taking stock.
    has_stock_back: bool,
}

/// How a reservation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It became a purchase.
    Confirmed,
    /// Its owner cancelled it.
    GivenUp,
    /// It was released after it had expired.
    Released,
}

/// What a revision does to one reservation.
#[derive(Debug, Default)]
pub(super) struct HoldChanges {
    pub(super) event: Option<Blob>,
    pub(super) user: Option<String>,
    /// The record: created (true) or deleted.
    pub(super) record: Option<bool>,
    /// The key with its lease: written (true) or deleted.
    pub(super) alive: Option<bool>,
    /// Whether the purchase of its order is written.
    pub(super) bought: bool,
    /// Whether any ticket's stock decreases.
    pub(super) takes_stock: bool,
}

impl Hold {
    /// Whether it is reserved now.
    pub(super) fn is_reserved(&self) -> bool {
        self.has_record
    }

    /// Whether the key with its lease exists now.
    pub(super) fn is_alive(&self) -> bool {
        self.is_alive
    }

    /// The revision that deleted that key last.
    pub(super) fn gone(&self) -> Revision {
        self.gone
    }

    /// Applies the changes of a revision. Returns a violation, if any: its kind, and in words.
    pub(super) fn apply(&mut self, revision: Revision, changes: &HoldChanges) -> Option<(&'static AnomalyKind, String)> {
        let (was_reserved, was_alive) = (self.has_record, self.is_alive);
        if let Some(alive) = changes.alive {
            self.is_alive = alive;
            if was_alive && !alive {
                self.gone = revision;
            }
        }
        if changes.record == Some(true) {
            self.has_stock_back = self.ending.is_some_and(|ending| ending != Ending::Confirmed) && !changes.takes_stock;
            (self.has_record, self.reserved) = (true, revision);
        }
        if changes.bought {
            return self.buy(revision, changes, was_reserved, was_alive);
        }
        if changes.record != Some(false) || !was_reserved {
            return None;
        }
        let before = (self.ending, self.ended);
        let ending = if was_alive { Ending::GivenUp } else { Ending::Released };
        (self.has_record, self.ending, self.ended) = (false, Some(ending), revision);
        if was_alive && changes.alive != Some(false) {
            let explanation = "its reservation was released before it expired: the key with its lease still existed";
            return Some((&EARLY_RELEASE, explanation.to_owned()));
        }
        if let (true, (Some(_), earlier)) = (self.has_stock_back, before) {
            let explanation =
                format!("its tickets were returned at revision {earlier} and again now, although it had not taken any in between");
            return Some((&DOUBLE_RELEASE, explanation));
        }
        None
    }

    /// Its order is bought.
    fn buy(
        &mut self,
        revision: Revision,
        changes: &HoldChanges,
        was_reserved: bool,
        was_alive: bool,
    ) -> Option<(&'static AnomalyKind, String)> {
        let ended = (self.ending, self.ended);
        if changes.record == Some(false) {
            self.has_record = false;
        }
        (self.ending, self.ended) = (Some(Ending::Confirmed), revision);
        match (was_reserved, was_alive) {
            (true, true) if self.has_record => {
                Some((&UNRELEASED_PURCHASE, "it was bought, but its reservation still exists: its tickets are counted twice".to_owned()))
            }
            (true, true) => None,
            (true, false) => {
                let explanation = format!("it was bought although its reservation had expired at revision {}", self.gone);
                Some((&CONFIRMED_AFTER_EXPIRY, explanation))
            }
            (false, _) => {
                let how = match ended.0? {
                    // The ledger reports double purchases.
                    Ending::Confirmed => return None,
                    Ending::GivenUp => "had been given up",
                    Ending::Released => "had been released",
                };
                Some((&CONFIRMED_AFTER_EXPIRY, format!("it was bought although its reservation {how} at revision {}", ended.1)))
            }
        }
    }
}
