//! `sharded`: the stock of each ticket in several keys. Safe, and sells the last ticket too.
//!
//! **Idea.** Guarded purchases of one ticket make each other fail because they all write the same key. So its stock is
//! split into parts before the sale, each a key of its own, and each buyer takes from its own part: with sixteen parts,
//! sixteen buyers no longer meet.
//!
//! **Guard.** The transaction compares the revision of the last write of every key it writes: the part (or parts) taken
//! from, and the user's purchases. It also compares the ticket's, which it does not write, for the price is read there;
//! as purchases do not write tickets, that causes no conflicts. The event's count is not touched while the stock is split.
//!
//! **Why it is safe.** No part can go below zero, and the parts together are the stock: moving tickets between parts is
//! one guarded transaction in which the sum stays. When a buyer's part has too few, it reads *all* parts and the ticket,
//! at one revision. Only if they have too few together is the order refused; else it takes what it needs from its own and
//! from the fullest, and brings home half of what the last of those has left.
//!
//! **Cost.** One round trip while the buyer's part lasts, because the buyer caches it; a conflict costs one more (the
//! failure branch reads all parts), and so does a part that runs dry. Near the end of the stock all buyers use the same
//! parts, and it is as slow as `optimistic`. The total requires a read of all parts.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketcd_judge::history::annotation::{OrderOutcome, Purpose};
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{Answer, AnswerBody, Range, Request, Txn, TxnAnswer, TxnOp};
use ticketcd_judge::history::run_info::StockLayout;
use ticketcd_judge::history::{Blob, Revision};
use ticketcd_judge::model::keys::prefix_end;
use ticketcd_judge::model::records::{Purchase, PurchasedTicket, Shard};
use ticketcd_judge::model::{Cents, Keyspace, ShopKey};

use super::rejection::{Refusal, rejected};
use super::shards;
use super::state::{ReadError, Seen, Stock, found, reads, record, responses};
use super::strategy::{ActiveStrategy, Pending, StrategyContext, StrategySettings};
use super::strategy_draws::StrategyDraws;
use super::strategy_scope::StrategyScope;
use super::write::{append, json, put, unchanged};
use super::{PurchaseResult, RetryPolicy, StockCache, StrategyError};
use crate::etcd::{CallError, RecordingClient};
use crate::settings::limits;
use crate::settings::problem::{Checked, Problem, between};
use crate::settings::types::{ATTEMPTS, BACK_OFF, ReadMode};
use crate::settings::units::Span;
use crate::shop::{Order, Shop};

/// The stock of a ticket in several keys: safe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ShardedSettings {
    /// Parts that the stock of each ticket is split into.
    pub shards: u8,
    /// Transactions sent for one order before it ends as a conflict.
    pub attempts: u32,
    /// Longest pause after the first conflict. The limit doubles with each conflict, up to 100 times this value.
    pub back_off: Span,
    /// How the stock is read.
    pub read: ReadMode,
}

impl Default for ShardedSettings {
    fn default() -> Self {
        Self { shards: 16, attempts: ATTEMPTS, back_off: BACK_OFF, read: ReadMode::Linearizable }
    }
}

impl StrategySettings for ShardedSettings {
    fn check(&self, scope: &StrategyScope<'_>) -> Checked {
        scope.retries(self.attempts, self.back_off)?;
        let (path, shards, types_max) = (scope.at("shards"), self.shards, scope.types_max);
        between(&path, shards.into(), 1, limits::SHARDS_MAX.into())?;
        let needed = types_max.saturating_mul(u32::from(shards) + 1).saturating_add(1);
        let accepted = scope.txn_operations_max;
        if needed > accepted {
            let message = format!(
                "an order of {types_max} ticket types may need all {shards} shards of each, the tickets and the purchases: {needed} \
                 operations in one transaction, and etcd accepts {accepted}"
            );
            return Err(Problem::new(path, message)
                .help(format!("use fewer shards, or raise etcd's limit: add \"--max-txn-ops={needed}\" to cluster.flags")));
        }
        Ok(())
    }

    fn read(&self) -> ReadMode {
        self.read
    }

    fn layout(&self) -> StockLayout {
        StockLayout::Sharded
    }

    fn start(&self, _context: &StrategyContext<'_>) -> Arc<dyn ActiveStrategy> {
        Arc::new(Sharded { shards: self.shards.into(), retries: RetryPolicy::new(self.attempts, self.back_off) })
    }

    fn defaults() -> Option<Self> {
        Some(Self::default())
    }

    fn draw(draws: &mut StrategyDraws<'_>) -> Option<Self> {
        let &mut StrategyDraws { attempts, back_off, read, .. } = draws;
        Some(Self { shards: draws.one_of(&[1, 2, 8, 16, 30], 16), attempts, back_off, read })
    }
}

/// The strategy in a run.
#[derive(Clone, Copy, Debug)]
struct Sharded {
    /// Parts of each ticket's stock.
    shards: u32,
    /// How often an order is tried, and the pauses between the attempts.
    retries: RetryPolicy,
}

/// A part of a ticket's stock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The ticket's type.
    pub(in crate::shop) kind: String,
    /// Which part.
    pub(in crate::shop) number: u32,
    /// What is left in it.
    pub(in crate::shop) left: i64,
    /// Revision of its last write.
    pub(in crate::shop) mod_revision: Revision,
}

/// An event with the parts of its stock, at one revision when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    pub(in crate::shop) stock: Stock,
    pub(in crate::shop) parts: Vec<Part>,
}

/// What a purchase writes.
#[derive(Debug)]
struct Write {
    /// The keys to write, and the revision each was computed from.
    puts: Vec<(ticketcd_judge::history::request::Put, Revision)>,
    /// The tickets whose prices are charged, and their revisions.
    prices: Vec<(Blob, Revision)>,
    paid: Cents,
    after: Parts,
    /// The parts that it changes, as positions.
    changed: Vec<usize>,
}

/// What to do about an order.
enum Decision {
    Buy(Box<Write>),
    Refuse(OrderOutcome),
    /// The buyer's part has too few tickets: the other parts must be read first.
    ReadAll,
}

impl ActiveStrategy for Sharded {
    fn buy<'a>(
        &'a self,
        shop: &'a Shop,
        caller: &'a mut RecordingClient,
        cache: &'a mut StockCache,
        order: &'a Order,
    ) -> Pending<'a, PurchaseResult> {
        Box::pin(self.purchase(shop, caller, cache, order))
    }

    fn prepare<'a>(
        &'a self,
        shop: &'a Shop,
        caller: &'a mut RecordingClient,
        events: &'a [String],
    ) -> Pending<'a, Result<(), StrategyError>> {
        Box::pin(async move { Ok(shards::split(&shop.keys, caller, events, self.shards).await?) })
    }

    fn restore<'a>(
        &'a self,
        shop: &'a Shop,
        caller: &'a mut RecordingClient,
        events: &'a [String],
    ) -> Pending<'a, Result<(), StrategyError>> {
        Box::pin(async move { Ok(shards::fold(&shop.keys, caller, events).await?) })
    }
}

impl Sharded {
    async fn purchase(&self, shop: &Shop, caller: &mut RecordingClient, cache: &mut StockCache, order: &Order) -> PurchaseResult {
        let mut remembered = cache.take_parts(&order.event);
        // Set once this call has read all parts: only then may it take from parts that are not its own.
        let mut fresh: Option<Parts> = None;
        // Whether they were, or are to be, read as they are now: only then may it refuse.
        let mut latest = !caller.reads_may_be_stale();
        let mut attempts = 0;
        while attempts < self.retries.attempts_max {
            let decision = match (&fresh, &remembered) {
                (Some(parts), _) => self.decide(shop, parts, order, true),
                (None, Some(parts)) => self.decide(shop, parts, order, false),
                (None, None) => Decision::ReadAll,
            };
            let write = match decision {
                Decision::Buy(write) => write,
                Decision::Refuse(_) if !latest => {
                    (fresh, remembered, latest) = (None, None, true);
                    continue;
                }
                Decision::Refuse(outcome) => {
                    if let Some(parts) = fresh {
                        cache.put_parts(&order.event, parts);
                    }
                    return PurchaseResult::nothing(outcome, attempts);
                }
                Decision::ReadAll => match read_all(shop, caller, order, latest).await {
                    Ok(parts) => {
                        (fresh, remembered) = (Some(parts), None);
                        continue;
                    }
                    Err(error) => return PurchaseResult::nothing(rejected(error), attempts),
                },
            };
            if attempts > 0 {
                tokio::time::sleep(self.retries.pause(attempts, cache.jitter())).await;
            }
            attempts += 1;
            let written = write.puts.iter().map(|(put, revision)| (put.key.clone(), *revision));
            let txn = Txn {
                guards: written.chain(write.prices.iter().cloned()).map(|(key, revision)| unchanged(key, revision)).collect(),
                success: write.puts.iter().map(|(put, _)| TxnOp::Put(put.clone())).collect(),
                failure: reads_of(&shop.keys, &order.event, &order.user),
            };
            match caller.call(Purpose::Purchase, &[order.key], Request::Txn(txn)).await {
                CallOutcome::Ok(Answer { revision, body: AnswerBody::Txn { succeeded: true, .. }, .. }) => {
                    let paid = write.paid;
                    cache.put_parts(&order.event, write.into_stock_at(revision));
                    return PurchaseResult { outcome: OrderOutcome::Sold { revision }, paid, attempts };
                }
                CallOutcome::Ok(Answer { body: AnswerBody::Txn { succeeded: false, responses }, .. }) => {
                    match Parts::parse(&shop.keys, &responses) {
                        Ok(parts) => (fresh, latest) = (Some(parts), true),
                        Err(error) => return PurchaseResult::nothing(rejected(error), attempts),
                    }
                }
                // An answer that does not fit the request leaves the outcome unknown.
                CallOutcome::Ok(_) | CallOutcome::Unknown { .. } => return PurchaseResult::nothing(OrderOutcome::Unknown, attempts),
                CallOutcome::Refused { code, message } => {
                    return PurchaseResult::nothing(rejected(CallError { code, message }), attempts);
                }
            }
        }
        if let Some(parts) = fresh {
            cache.put_parts(&order.event, parts);
        }
        PurchaseResult::nothing(OrderOutcome::Conflict, attempts)
    }

    /// The part a buyer takes from: neighbours are spread, so that any few buyers have different ones.
    fn home(&self, order: &Order) -> u32 {
        order.key.buyer.wrapping_mul(0x9e37_79b1).rotate_left(16) % self.shards.max(1)
    }

    fn decide(&self, shop: &Shop, parts: &Parts, order: &Order, fresh: bool) -> Decision {
        match work_out(shop, parts, order, self.home(order), fresh) {
            Ok(Some(write)) => Decision::Buy(Box::new(write)),
            Ok(None) => Decision::ReadAll,
            Err(_) if !fresh => Decision::ReadAll,
            Err(outcome) => Decision::Refuse(outcome),
        }
    }
}

/// What the purchase writes; `None` when its buyer's own parts do not suffice and others may not be looked into.
fn work_out(shop: &Shop, parts: &Parts, order: &Order, home: u32, fresh: bool) -> Result<Option<Write>, OrderOutcome> {
    if let Some(fault) = order.fault() {
        return Err(rejected(Refusal::InvalidOrder(fault)));
    }
    parts.stock.event.as_ref().ok_or_else(|| rejected(Refusal::NoEvent))?;
    let mut after = parts.clone();
    let (mut puts, mut prices, mut lines, mut changed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut paid: i128 = 0;
    for (kind, quantity) in &order.items {
        let ticket = parts.stock.ticket(kind).ok_or_else(|| rejected(Refusal::NoTicket))?;
        paid = paid.saturating_add(ticket.value.price.times(*quantity));
        lines.push(PurchasedTicket { kind: kind.clone(), quantity: *quantity, price: Some(ticket.value.price) });
        let mut from_ticket = 0;
        if !take(&mut after.parts, kind, home, *quantity, fresh, &mut changed) {
            if !fresh {
                return Ok(None);
            }
            // All parts together have too few: what was never split, or has been put back, is in the ticket itself.
            let split: i64 = after.parts.iter().filter(|part| part.kind == *kind).map(|part| part.left).sum();
            from_ticket = quantity - split;
            if from_ticket > ticket.value.current_quantity {
                return Err(OrderOutcome::SoldOut);
            }
            take(&mut after.parts, kind, home, split, true, &mut changed);
        }
        let key = shop.keys.ticket(&order.event, kind);
        if from_ticket == 0 {
            prices.push((key, ticket.mod_revision));
        } else if let Some((_, left)) = after.stock.tickets.iter_mut().find(|(name, _)| name == kind) {
            left.value.current_quantity -= from_ticket;
            puts.push((put(key, json(&left.value)), ticket.mod_revision));
            // What its revision will be is known only afterwards; 0 never holds for a key that exists.
            left.mod_revision = 0;
        }
    }
    for position in &changed {
        if let Some(part) = after.parts.get(*position) {
            let key = shop.keys.shard(&order.event, &part.kind, part.number);
            puts.push((put(key, json(&Shard { current_quantity: part.left })), part.mod_revision));
        }
    }
    let id = Some(shop.order_id(order.key));
    let element = Purchase { id, date: shop.date.to_string(), tickets: lines, cancels: None };
    let purchases = parts.stock.purchases_of(&order.user);
    let array = append(purchases.value.as_bytes(), json(&element).as_bytes()).ok_or_else(|| rejected(Refusal::NoArray))?;
    puts.push((put(shop.keys.purchase(&order.user, &order.event), array.clone()), purchases.mod_revision));
    after.stock.purchases.value = array;
    after.stock.user = Some(order.user.clone());
    let paid = i64::try_from(paid).map(Cents).map_err(|_| rejected(Refusal::Price))?;
    Ok(Some(Write { puts, prices, paid, after, changed }))
}

/// Takes `quantity` from the part `home` of a type or, where others may be looked into, from it and the fullest others,
/// and then moves half of what the last of those has left to `home`. Whether there was enough; if not, nothing is taken.
fn take(parts: &mut [Part], kind: &str, home: u32, quantity: i64, others: bool, changed: &mut Vec<usize>) -> bool {
    let mut positions: Vec<usize> = parts.iter().enumerate().filter(|(_, part)| part.kind == kind).map(|(position, _)| position).collect();
    // The own part first, then the fullest.
    positions.sort_by_key(|position| parts.get(*position).map(|part| (part.number != home, -part.left)));
    if !others {
        positions.retain(|position| parts.get(*position).is_some_and(|part| part.number == home));
    }
    if positions.iter().filter_map(|position| parts.get(*position)).map(|part| part.left).sum::<i64>() < quantity {
        return false;
    }
    let mut missing = quantity;
    let mut last = None;
    for position in &positions {
        let Some(part) = parts.get_mut(*position) else { continue };
        let taken = part.left.min(missing);
        if taken > 0 {
            part.left -= taken;
            missing -= taken;
            changed.push(*position);
            last = Some(*position);
        }
        if missing == 0 {
            break;
        }
    }
    let home = positions.first().copied().filter(|position| parts.get(*position).is_some_and(|part| part.number == home));
    if let (Some(home), Some(last)) = (home, last)
        && home != last
        && let Some(donor) = parts.get_mut(last)
        && donor.left > 1
    {
        let moved = donor.left / 2;
        donor.left -= moved;
        if let Some(part) = parts.get_mut(home) {
            part.left += moved;
        }
        if !changed.contains(&home) {
            changed.push(home);
        }
    }
    true
}

impl Write {
    /// What is known after the purchase was written at `revision`.
    fn into_stock_at(mut self, revision: Revision) -> Parts {
        for position in self.changed {
            if let Some(part) = self.after.parts.get_mut(position) {
                part.mod_revision = revision;
            }
        }
        for (_, ticket) in &mut self.after.stock.tickets {
            if ticket.mod_revision == 0 {
                ticket.mod_revision = revision;
            }
        }
        self.after.stock.purchases.mod_revision = revision;
        self.after
    }
}

/// The reads of all parts and of what every purchase reads, at one revision.
pub(in crate::shop) fn reads_of(keys: &Keyspace, event: &str, user: &str) -> Vec<TxnOp> {
    let mut reads = reads(keys, event, user);
    let shards = keys.shards_of(event);
    reads.push(TxnOp::Range(Range { range_end: prefix_end(shards.as_bytes()), key: shards, ..Range::default() }));
    reads
}

/// Reads all parts: as they are now, or in the caller's read mode.
async fn read_all(shop: &Shop, caller: &mut RecordingClient, order: &Order, latest: bool) -> Result<Parts, ReadError> {
    let request = Request::Txn(Txn { success: reads_of(&shop.keys, &order.event, &order.user), ..Txn::default() });
    let outcome = if latest { caller.call(Purpose::Purchase, &[], request).await } else { caller.read(Purpose::Purchase, request).await };
    Parts::parse(&shop.keys, &responses(outcome)?)
}

impl Parts {
    /// Takes the answers to [`reads_of`] apart.
    pub(in crate::shop) fn parse(keys: &Keyspace, answers: &[TxnAnswer]) -> Result<Self, ReadError> {
        let (shards, stock) = answers.split_last().ok_or(ReadError::Shape)?;
        let mut parts = Vec::new();
        for kv in found(shards)? {
            if let Some(ShopKey::Shard { kind, number, .. }) = keys.parse(kv.key.as_bytes()) {
                let Seen { value: Shard { current_quantity }, mod_revision } = record(kv)?;
                parts.push(Part { kind: kind.to_owned(), number, left: current_quantity, mod_revision });
            }
        }
        Ok(Self { stock: Stock::parse(keys, stock)?, parts })
    }
}
