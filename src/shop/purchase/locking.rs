//! What `lock` and `fenced-lock` share: get, check, put under etcd's lock. They differ in what their transaction compares.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketcd_judge::history::annotation::{OrderOutcome, Purpose};
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{Answer, AnswerBody, Delete, Guard, GuardTarget, Relation, Request, Txn};
use ticketcd_judge::history::{Blob, Revision};

use super::fenced_lock::FencedLockSettings;
use super::lock_admission::LockAdmission;
use super::rejection::{Refusal, rejected};
use super::session::Session;
use super::state::fetch;
use super::strategy_scope::StrategyScope;
use super::write::{Decision, decide};
use super::{PurchaseResult, StockCache};
use crate::etcd::{CallError, RecordingClient, errors};
use crate::settings::limits;
use crate::settings::problem::{Checked, between};
use crate::settings::units::Span;
use crate::shop::{Order, Shop};

/// Lock holders that stall.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stall {
    /// Every Nth purchase under a lock stalls.
    pub every: u32,
    /// How long it stalls.
    #[serde(rename = "for")]
    pub lasts: Span,
}

/// The checks of the settings that `lock` and `fenced-lock` share.
pub(super) fn check(scope: &StrategyScope<'_>, settings: &FencedLockSettings) -> Checked {
    scope.time_to_live(settings.ttl)?;
    scope.timeout("wait", settings.wait)?;
    if let Some(waiters) = settings.waiters {
        between(&scope.at("waiters"), waiters, 1, limits::BUYERS_MAX)?;
    }
    match &settings.stall {
        Some(stall) => {
            between(&scope.at("stall.every"), stall.every, 1, limits::STALL_EVERY_MAX)?;
            scope.timeout("stall.for", stall.lasts)
        }
        None => Ok(()),
    }
}

/// How locks are taken.
#[derive(Clone, Debug)]
pub(super) struct Locking {
    /// Time to live of a buyer's lease.
    ttl: Duration,
    /// How long a buyer waits for a lock.
    wait: Duration,
    /// Limits the buyers that hold or await the lock of an event; none without a limit.
    admission: Option<Arc<LockAdmission>>,
    stalls: Option<Stalls>,
}

/// Purchases that stall between their check and their write.
#[derive(Clone, Debug)]
struct Stalls {
    every: u64,
    lasts: Duration,
    /// Purchases under a lock so far, of all buyers together, so that short runs stall too.
    purchases: Arc<AtomicU64>,
}

/// A lock that was acquired. Only etcd knows whether it is still held.
#[derive(Clone, Debug)]
pub(super) struct Held {
    /// The key of the holder.
    key: Blob,
    /// A revision at which it existed.
    since: Revision,
}

impl Locking {
    pub(super) fn new(settings: &FencedLockSettings) -> Self {
        let stalls = |stall: &Stall| Stalls { every: u64::from(stall.every.max(1)), lasts: stall.lasts.0, purchases: Arc::default() };
        Self {
            ttl: settings.ttl.0,
            wait: settings.wait.0,
            admission: settings.waiters.map(|waiters| Arc::new(LockAdmission::new(waiters))),
            stalls: settings.stall.as_ref().map(stalls),
        }
    }

    /// Buys under the lock of the event. `guards` are what the transaction compares.
    pub(super) async fn buy(
        &self,
        shop: &Shop,
        caller: &mut RecordingClient,
        cache: &mut StockCache,
        order: &Order,
        guards: impl Fn(&Held) -> Vec<Guard>,
    ) -> PurchaseResult {
        let _permit = match &self.admission {
            Some(admission) => match admission.acquire(&order.event, self.wait).await {
                Some(permit) => Some(permit),
                None => return PurchaseResult::nothing(OrderOutcome::Conflict, 0),
            },
            None => None,
        };
        let mut session = cache.session.take().unwrap_or_else(|| Session::new(caller));
        let result = match self.acquire(shop, caller, &mut session, &order.event).await {
            Ok(held) => {
                let result = self.get_check_put(shop, caller, order, guards(&held)).await;
                release(caller, &mut session, held).await;
                result
            }
            Err(outcome) => PurchaseResult::nothing(outcome, 0),
        };
        cache.session = Some(session);
        result
    }

    async fn acquire(&self, shop: &Shop, caller: &mut RecordingClient, session: &mut Session, event: &str) -> Result<Held, OrderOutcome> {
        let outcome = match session.lock(caller, shop.keys.lock(event), self.ttl, self.wait).await.map_err(rejected)? {
            CallOutcome::Ok(Answer { revision, body: AnswerBody::Lock { key }, .. }) => return Ok(Held { key, since: revision }),
            CallOutcome::Ok(_) => rejected(Refusal::LockWithoutKey),
            CallOutcome::Unknown { code, .. } if code == errors::TIMEOUT => OrderOutcome::Conflict,
            CallOutcome::Refused { code, message } | CallOutcome::Unknown { code, message } => {
                rejected(Refusal::Lock(CallError { code, message }))
            }
        };
        // Otherwise the buyer stays in the queue and blocks everyone behind it once its turn comes.
        session.give_up(caller).await;
        Err(outcome)
    }

    async fn get_check_put(&self, shop: &Shop, caller: &mut RecordingClient, order: &Order, guards: Vec<Guard>) -> PurchaseResult {
        let stock = match fetch(&shop.keys, caller, &order.event, &order.user).await {
            Ok(stock) => stock,
            Err(error) => return PurchaseResult::nothing(rejected(error), 0),
        };
        let write = match decide(shop, &stock, order) {
            Decision::Buy(write) => write,
            Decision::Refuse(outcome) => return PurchaseResult::nothing(outcome, 0),
        };
        if let Some(pause) = self.stalls.as_ref().and_then(Stalls::next) {
            tokio::time::sleep(pause).await;
        }
        let txn = Txn { guards, success: write.operations(), failure: Vec::new() };
        match caller.call(Purpose::Purchase, &[order.key], Request::Txn(txn)).await {
            CallOutcome::Ok(Answer { revision, body: AnswerBody::Txn { succeeded: true, .. }, .. }) => {
                PurchaseResult { outcome: OrderOutcome::Sold { revision }, paid: write.paid, attempts: 1 }
            }
            // The lock had passed to another buyer, and the guards failed.
            CallOutcome::Ok(Answer { body: AnswerBody::Txn { succeeded: false, .. }, .. }) => {
                PurchaseResult::nothing(OrderOutcome::Conflict, 1)
            }
            CallOutcome::Ok(_) | CallOutcome::Unknown { .. } => PurchaseResult::nothing(OrderOutcome::Unknown, 1),
            CallOutcome::Refused { code, message } => PurchaseResult::nothing(rejected(CallError { code, message }), 1),
        }
    }
}

impl Stalls {
    /// Counts a purchase. Returns how long it stalls, if it does.
    fn next(&self) -> Option<Duration> {
        let number = self.purchases.fetch_add(1, Ordering::Relaxed) + 1;
        number.is_multiple_of(self.every).then_some(self.lasts)
    }
}

/// Unlocks by deleting the key, as etcd's own clients do. The order has its outcome by then: a key that stays blocks other
/// buyers but changes nothing about the purchase.
async fn release(caller: &mut RecordingClient, session: &mut Session, held: Held) {
    let delete = Delete { key: held.key, range_end: Blob::default(), ..Delete::default() };
    if !matches!(caller.call(Purpose::Purchase, &[], Request::Delete(delete)).await, CallOutcome::Ok(_)) {
        // The key would stay for as long as the buyer keeps its lease alive.
        session.give_up(caller).await;
    }
}

impl Held {
    /// The fence: the key of the lock exists and was not created after the lock was acquired. Then it existed all the time, and
    /// no other buyer held the lock.
    pub(super) fn fence(&self) -> Vec<Guard> {
        let compare = |target, relation| Guard { key: self.key.clone(), range_end: Blob::default(), target, relation };
        vec![
            compare(GuardTarget::CreateRevision(0), Relation::Greater),
            compare(GuardTarget::CreateRevision(self.since.saturating_add(1)), Relation::Less),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_nth_purchase_stalls_across_all_buyers() {
        let stall = Stall { every: 3, lasts: Span::seconds(1) };
        let locking = Locking::new(&FencedLockSettings { stall: Some(stall), ..FencedLockSettings::default() });
        let buyers = [locking.stalls.clone().unwrap(), locking.stalls.unwrap()];
        let stalled: Vec<_> = (0..6).map(|purchase| buyers[purchase % 2].next().is_some()).collect();
        assert_eq!(stalled, [false, false, true, false, false, true]);
    }

    #[test]
    fn the_fence_rejects_a_key_that_is_gone_or_newer() {
        let fence = Held { key: "lock:e1/6b5c".into(), since: 40 }.fence();
        let holds = |created: Revision| {
            fence.iter().all(|guard| match (&guard.target, guard.relation) {
                (GuardTarget::CreateRevision(than), Relation::Greater) => created > *than,
                (GuardTarget::CreateRevision(than), Relation::Less) => created < *than,
                _ => panic!("{guard:?}"),
            })
        };
        assert_eq!([0, 1, 40, 41].map(holds), [false, true, true, false]);
    }
}
