//! The result of a purchase.

use ticketcd_judge::history::annotation::OrderOutcome;
use ticketcd_judge::model::Cents;

/// The result of a purchase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurchaseResult {
    /// The outcome.
    pub outcome: OrderOutcome,
    /// What was paid: zero unless sold.
    pub paid: Cents,
    /// Writing transactions sent for it.
    pub attempts: u32,
}

impl PurchaseResult {
    /// An order that ended without a sale.
    pub(in crate::shop) fn nothing(outcome: OrderOutcome, attempts: u32) -> Self {
        Self { outcome, paid: Cents(0), attempts }
    }
}
