//! `hold`: reserve, pay, confirm. Safe, and a ticket is not sold to another buyer during payment.
//!
//! **Idea.** Paying takes time, and a ticket must not be sold to another meanwhile; but a buyer that never pays must not
//! keep it either. So the tickets are *reserved* first: taken out of the stock and written into a record. A second key, which
//! is attached to a lease, marks the reservation as alive. When the buyer has paid, the order is *confirmed*. When it has
//! not paid within the lease's time, etcd deletes the second key, and the expiry sweeper returns the tickets.
//!
//! **Why two keys.** An expiry deletes keys and can do nothing else. Were the record itself attached to the lease, it would
//! disappear without the stock being restored, and the tickets would be counted nowhere until a sweep.
//! With two keys total = left + held + sold at every revision.
//!
//! **Guard.** Each step is one transaction that compares the revision of the last write of every key whose value it
//! computed. *Confirm* also compares that both keys are as they were reserved; *release* compares that the record is
//! and that the other key is deleted. So the two exclude each other in either order: no unit is both sold and
//! returned, and none is returned twice, by its buyer, the expiry sweeper or the end of the sale.
//!
//! **When an answer is lost.** Only *confirm* sells. A reservation that was not answered was therefore not bought, even if
//! it was applied: the order is refused, and reserved tickets return when the lease expires. A confirmation that was
//! not answered is unknown; if it did not happen, the tickets go back in the same way.
//!
//! **Cost.** Four round trips: a lease, reserve, confirm, and revoking the lease; in addition, the time to pay.

pub(super) mod release;
pub(super) mod reservation;
#[cfg(test)]
mod step_tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::Exp1;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketcd_judge::history::annotation::{OrderOutcome, Purpose};
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{Answer, AnswerBody, Request};
use ticketcd_judge::history::run_info::StockLayout;
use tokio_util::sync::CancellationToken;

pub use self::release::ReleaseError;
use self::release::{Expiry, release};
use self::reservation::{Reservation, ReservationState};
use super::rejection::{Refusal, rejected};
use super::retry_policy::RetryPolicy;
use super::session::Lease;
use super::state::{Stock, fetch, fetch_latest};
use super::strategy::{ActiveStrategy, Pending, StrategyContext, StrategySettings};
use super::strategy_draws::StrategyDraws;
use super::strategy_scope::StrategyScope;
use super::{PurchaseResult, StockCache, StrategyError};
use crate::etcd::{CallError, RecordingClient};
use crate::settings::problem::{Checked, Problem, between};
use crate::settings::types::{ATTEMPTS, BACK_OFF, ReadMode};
use crate::settings::units::Span;
use crate::shop::{Order, Shop};

/// Reserved under a lease, paid, confirmed; an unpaid reservation expires: safe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HoldSettings {
    /// Time to live of a reservation's lease, in whole seconds. etcd grants at least one and a half election timeouts.
    pub ttl: Span,
    /// Mean time to pay. Each is drawn from an exponential distribution.
    pub pay: Span,
    /// Share of buyers who reserve and never pay, in percent. Their reservations expire.
    pub abandon_percent: u8,
    /// Share of buyers who reserve and then cancel, in percent. Their tickets return to the stock at once.
    pub cancel_percent: u8,
    /// Transactions sent to reserve, and again to confirm, before the order ends as a conflict.
    pub attempts: u32,
    /// Longest pause after the first conflict. The limit doubles with each conflict, up to 100 times this value.
    pub back_off: Span,
    /// How the stock is read.
    pub read: ReadMode,
}

impl Default for HoldSettings {
    fn default() -> Self {
        Self {
            ttl: Span::seconds(5),
            pay: Span::milliseconds(20),
            abandon_percent: 5,
            cancel_percent: 5,
            attempts: ATTEMPTS,
            back_off: BACK_OFF,
            read: ReadMode::Linearizable,
        }
    }
}

impl StrategySettings for HoldSettings {
    fn check(&self, scope: &StrategyScope<'_>) -> Checked {
        scope.retries(self.attempts, self.back_off)?;
        scope.time_to_live(self.ttl)?;
        scope.pause("pay", self.pay)?;
        between(&scope.at("abandon_percent"), self.abandon_percent.into(), 0, 100)?;
        let cancel = scope.at("cancel_percent");
        between(&cancel, self.cancel_percent.into(), 0, 100)?;
        if u32::from(self.abandon_percent) + u32::from(self.cancel_percent) > 100 {
            let message =
                format!("{} percent and the {} percent of `abandon_percent` are more than 100", self.cancel_percent, self.abandon_percent);
            return Err(Problem::new(cancel, message));
        }
        Ok(())
    }

    fn read(&self) -> ReadMode {
        self.read
    }

    fn layout(&self) -> StockLayout {
        StockLayout::Held
    }

    fn start(&self, _context: &StrategyContext<'_>) -> Arc<dyn ActiveStrategy> {
        Arc::new(Hold::new(self))
    }

    fn defaults() -> Option<Self> {
        Some(Self::default())
    }

    fn draw(draws: &mut StrategyDraws<'_>) -> Option<Self> {
        let &mut StrategyDraws { attempts, back_off, read, .. } = draws;
        Some(Self {
            ttl: Span::seconds(draws.number(1..=5)),
            pay: draws.milliseconds(&[0, 20, 200, 1_000]),
            abandon_percent: draws.one_of(&[0, 5, 30], 5),
            cancel_percent: draws.one_of(&[0, 5, 30], 5),
            attempts,
            back_off,
            read,
        })
    }
}

/// The strategy in a run.
#[derive(Debug)]
struct Hold {
    /// Time to live of a reservation's lease.
    ttl: Duration,
    /// Mean time to pay.
    pay_mean: Duration,
    abandon_percent: u8,
    cancel_percent: u8,
    /// Attempts at each step, and the pauses between them.
    retries: RetryPolicy,
    /// The longest time to live that was granted, seconds.
    granted_max: AtomicU64,
}

/// What a buyer does once its tickets are reserved.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Intention {
    /// It pays after this time.
    Pay(Duration),
    /// It never pays.
    Abandon,
    /// It cancels the reservation.
    Cancel,
}

/// A reservation that was made.
struct Reserved {
    reservation: Reservation,
    lease: Lease,
}

impl ActiveStrategy for Hold {
    fn buy<'a>(
        &'a self,
        shop: &'a Shop,
        caller: &'a mut RecordingClient,
        cache: &'a mut StockCache,
        order: &'a Order,
    ) -> Pending<'a, PurchaseResult> {
        Box::pin(self.purchase(shop, caller, cache, order))
    }

    fn sweep_expired<'a>(&'a self, shop: &'a Shop, caller: RecordingClient, over: CancellationToken) -> Pending<'a, ()> {
        Box::pin(release::sweep_until(shop, caller, over))
    }

    /// Returns all reserved tickets, as soon as their leases have expired.
    fn restore<'a>(
        &'a self,
        shop: &'a Shop,
        caller: &'a mut RecordingClient,
        _events: &'a [String],
    ) -> Pending<'a, Result<(), StrategyError>> {
        Box::pin(async move { Ok(release::release_all(shop, caller, self.longest_lease()).await?) })
    }
}

impl Hold {
    fn new(settings: &HoldSettings) -> Self {
        Self {
            ttl: settings.ttl.0,
            pay_mean: settings.pay.0,
            abandon_percent: settings.abandon_percent,
            cancel_percent: settings.cancel_percent,
            retries: RetryPolicy::new(settings.attempts, settings.back_off),
            granted_max: AtomicU64::default(),
        }
    }

    async fn purchase(&self, shop: &Shop, caller: &mut RecordingClient, cache: &mut StockCache, order: &Order) -> PurchaseResult {
        let intention = self.intention(cache.intentions());
        let mut attempts = 0;
        let reserved = match self.reserve(shop, caller, cache, order, &mut attempts).await {
            Ok(reserved) => reserved,
            Err(outcome) => return PurchaseResult::nothing(outcome, attempts),
        };
        match intention {
            Intention::Pay(time) => {
                tokio::time::sleep(time).await;
                self.confirm(shop, caller, cache, order, reserved, attempts).await
            }
            Intention::Abandon => PurchaseResult::nothing(rejected(Refusal::NotPaid), attempts),
            Intention::Cancel => {
                let Reserved { reservation, lease } = reserved;
                // Returned now or once the lease has expired: the outcome for this buyer is the same.
                let released = release(shop, caller, &order.event, vec![reservation.into_entry(shop, order)], Expiry::NotNeeded).await;
                if let Err(error) = released {
                    tracing::debug!("a reservation was left to expire: {error}");
                }
                lease.revoke(caller).await;
                PurchaseResult::nothing(rejected(Refusal::Cancelled), attempts)
            }
        }
    }

    /// Draws what the buyer will do. It always draws the same number of times, so that one percentage does not move what
    /// another decides.
    fn intention(&self, random: &mut ChaCha8Rng) -> Intention {
        let percent = random.random_range(0..100_u8);
        let time: f64 = random.sample(Exp1);
        if percent < self.abandon_percent {
            Intention::Abandon
        } else if percent < self.abandon_percent.saturating_add(self.cancel_percent) {
            Intention::Cancel
        } else {
            Intention::Pay(self.pay_mean.mul_f64(time))
        }
    }

    /// Reserves the tickets, as `optimistic` would buy them.
    async fn reserve(
        &self,
        shop: &Shop,
        caller: &mut RecordingClient,
        cache: &mut StockCache,
        order: &Order,
        attempts: &mut u32,
    ) -> Result<Reserved, OrderOutcome> {
        let mut stock = cache.take(&order.event);
        // Set once this call has read the stock as it is now: only then may it refuse.
        let mut fresh = false;
        // Whether the next read must be such a one.
        let mut latest = !caller.reads_may_be_stale();
        let mut lease: Option<Lease> = None;
        let outcome = loop {
            let Some(seen) = stock.take() else {
                let read = if latest {
                    fetch_latest(&shop.keys, caller, &order.event, &order.user).await
                } else {
                    fetch(&shop.keys, caller, &order.event, &order.user).await
                };
                match read {
                    Ok(read) => (stock, fresh) = (Some(read), latest),
                    Err(error) => break rejected(error),
                }
                continue;
            };
            if *attempts >= self.retries.attempts_max {
                cache.put(&order.event, seen);
                break OrderOutcome::Conflict;
            }
            let mut reservation = match Reservation::of(shop, &seen, order) {
                Ok(reservation) => reservation,
                Err(outcome) if fresh => {
                    cache.put(&order.event, seen);
                    break outcome;
                }
                Err(_) => {
                    latest = true;
                    continue;
                }
            };
            if *attempts > 0 {
                tokio::time::sleep(self.retries.pause(*attempts, cache.jitter())).await;
            }
            let held = match lease {
                Some(lease) => lease,
                None => match Lease::grant(caller, self.ttl).await {
                    Ok(granted) => {
                        self.granted_max.fetch_max(granted.ttl.as_secs(), Ordering::Relaxed);
                        *lease.insert(granted)
                    }
                    Err(error) => break rejected(error),
                },
            };
            *attempts += 1;
            let request = Request::Txn(reservation.reserve(shop, order, held.id));
            match caller.call(Purpose::Purchase, &[order.key], request).await {
                CallOutcome::Ok(Answer { revision, body: AnswerBody::Txn { succeeded: true, .. }, .. }) => {
                    reservation.reserved_at(revision, order);
                    return Ok(Reserved { reservation, lease: held });
                }
                CallOutcome::Ok(Answer { body: AnswerBody::Txn { succeeded: false, responses }, .. }) => {
                    match Stock::parse(&shop.keys, &responses) {
                        Ok(read) => (stock, fresh) = (Some(read), true),
                        Err(error) => break rejected(error),
                    }
                }
                // Not bought: only a confirmation buys. Revoking the lease would rule it out, but the lease is left to expire by
                // itself, because that is what this strategy must survive.
                CallOutcome::Ok(_) | CallOutcome::Unknown { .. } => return Err(rejected(Refusal::ReservationUnknown)),
                CallOutcome::Refused { code, message } => break rejected(CallError { code, message }),
            }
        };
        if let Some(lease) = lease {
            lease.revoke(caller).await;
        }
        Err(outcome)
    }

    /// Turns the reservation into a purchase, if it is still alive.
    async fn confirm(
        &self,
        shop: &Shop,
        caller: &mut RecordingClient,
        cache: &mut StockCache,
        order: &Order,
        Reserved { mut reservation, lease }: Reserved,
        mut attempts: u32,
    ) -> PurchaseResult {
        // A separate count: conflicts during the reservation do not reduce the attempts to confirm a paid order.
        for conflicts in 0..self.retries.attempts_max {
            if conflicts > 0 {
                tokio::time::sleep(self.retries.pause(conflicts, cache.jitter())).await;
            }
            let (txn, after) = match reservation.confirm(shop, order) {
                Ok(confirmation) => confirmation,
                Err(outcome) => return PurchaseResult::nothing(outcome, attempts),
            };
            attempts += 1;
            match caller.call(Purpose::Purchase, &[order.key], Request::Txn(txn)).await {
                CallOutcome::Ok(Answer { revision, body: AnswerBody::Txn { succeeded: true, .. }, .. }) => {
                    lease.revoke(caller).await;
                    let mut stock = after;
                    stock.purchases.mod_revision = revision;
                    cache.put(&order.event, stock);
                    return PurchaseResult { outcome: OrderOutcome::Sold { revision }, paid: reservation.paid, attempts };
                }
                CallOutcome::Ok(Answer { body: AnswerBody::Txn { succeeded: false, responses }, .. }) => {
                    match reservation.state(&responses) {
                        Ok(ReservationState::Alive) => {}
                        Ok(ReservationState::Expired) => {
                            return PurchaseResult::nothing(rejected(Refusal::ReservationExpired), attempts);
                        }
                        Err(error) => return PurchaseResult::nothing(rejected(error), attempts),
                    }
                }
                CallOutcome::Ok(_) | CallOutcome::Unknown { .. } => return PurchaseResult::nothing(OrderOutcome::Unknown, attempts),
                CallOutcome::Refused { code, message } => {
                    return PurchaseResult::nothing(rejected(CallError { code, message }), attempts);
                }
            }
        }
        PurchaseResult::nothing(rejected(Refusal::PurchasesChanged), attempts)
    }

    /// The longest time to live of a lease in this run.
    fn longest_lease(&self) -> Duration {
        self.ttl.max(Duration::from_secs(self.granted_max.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::streams::stream;

    #[test]
    fn abandon_and_cancel_shares_match_the_scenario() {
        let hold = |abandon_percent, cancel_percent| {
            Hold::new(&HoldSettings { abandon_percent, cancel_percent, pay: Span::milliseconds(20), ..HoldSettings::default() })
        };
        let drawn = |hold: Hold| {
            let mut random = stream(1, "intentions", 0);
            (0..4_000).map(|_| hold.intention(&mut random)).collect::<Vec<_>>()
        };
        let count = |drawn: &[Intention], wanted: Intention| drawn.iter().filter(|intention| **intention == wanted).count();
        let some = drawn(hold(10, 30));
        assert!((300..500).contains(&count(&some, Intention::Abandon)) && (1_000..1_400).contains(&count(&some, Intention::Cancel)));
        let times: Vec<f64> =
            some.iter().filter_map(|one| if let Intention::Pay(time) = one { Some(time.as_secs_f64()) } else { None }).collect();
        let mean = times.iter().sum::<f64>() / times.len() as f64;
        assert!((0.018..0.022).contains(&mean), "{mean}");
        assert_eq!(count(&drawn(hold(0, 100)), Intention::Cancel), 4_000);
        assert_eq!(count(&drawn(hold(100, 0)), Intention::Abandon), 4_000);
        // Who pays does not depend on how many of the others abandon or cancel.
        let others = drawn(hold(30, 10));
        assert!(some.iter().zip(&others).all(|(one, other)| matches!(one, Intention::Pay(_)) == matches!(other, Intention::Pay(_))));
    }
}
