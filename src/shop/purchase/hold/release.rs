//! Returning reserved tickets that were not bought: by the buyer itself, by the expiry sweeper during the load, and at the end of
//! the sale. All three send the same transaction, whose guards return each unit exactly once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ticketcd_judge::history::annotation::Purpose;
use ticketcd_judge::history::request::{AnswerBody, Delete, Guard, GuardTarget, KeyValue, Range, Relation, Request, Txn, TxnAnswer, TxnOp};
use ticketcd_judge::history::{Blob, Revision};
use ticketcd_judge::model::keys::prefix_end;
use ticketcd_judge::model::records::HoldRecord;
use ticketcd_judge::model::{Keyspace, ShopKey};
use tokio_util::sync::CancellationToken;

use crate::etcd::{CallError, RecordingClient};
use crate::shop::Shop;
use crate::shop::purchase::state::{ReadError, Seen, Stock, found, record, responses, tickets};
use crate::shop::purchase::write::{json, put, unchanged};

/// Interval of the expiry sweeper.
const SWEEP_EVERY: Duration = Duration::from_millis(500);
/// Interval of sweeps at the end of the sale.
const RESTORE_EVERY: Duration = Duration::from_millis(100);
/// What etcd may take to expire a lease, beyond the time that was granted: it looks twice a second, and a new leader
/// gives every lease its time again.
const EXPIRY_DELAY_MAX: Duration = Duration::from_secs(10);
/// Reservations read at a time.
const PAGE: i64 = 256;
/// Reservations of an event released in one transaction: its failure branch reads two keys of each, and etcd allows 128
/// operations.
const TOGETHER_MAX: usize = 32;
/// Transactions tried against the buyers of the event before it is left for later.
const ATTEMPTS_MAX: u32 = 20;

/// A reservation with the record of it in the shop.
#[derive(Clone, Debug)]
pub(in crate::shop::purchase) struct HoldEntry {
    /// The order's id.
    pub(in crate::shop::purchase) order: String,
    /// What is reserved.
    pub(in crate::shop::purchase) record: HoldRecord,
    /// The revision it was written at.
    pub(in crate::shop::purchase) revision: Revision,
}

/// Whether a reservation must have expired before it is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::shop::purchase) enum Expiry {
    /// No: its own buyer releases it.
    NotNeeded,
    /// Yes: anyone else releases it.
    Needed,
}

/// Why reserved tickets could not be returned to the stock. They stay reserved.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The reservations or the stock could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The release was refused, or not answered. It may have been applied: a retry reads again.
    #[error("the reserved tickets could not be returned: {0}")]
    NotReleased(#[from] CallError),
    /// There is no stock to return the tickets to.
    #[error("{0} does not exist, so the tickets reserved of it cannot be returned")]
    NoStock(String),
    /// The stock would be larger than can be counted.
    #[error("the count of {0} overflows")]
    Overflow(String),
    /// Leases have not expired yet.
    #[error("{0} reservations have not expired")]
    NotExpired(usize),
}

/// The expiry sweeper: returns the tickets of expired reservations until `over`.
pub(super) async fn sweep_until(shop: &Shop, mut caller: RecordingClient, over: CancellationToken) {
    while tokio::time::timeout(SWEEP_EVERY, over.cancelled()).await.is_err() {
        if let Err(error) = sweep(shop, &mut caller).await {
            tracing::debug!("not every expired reservation could be released: {error}");
            caller.rotate();
        }
    }
    caller.close().await;
}

/// Returns all reserved tickets after the last buyer has ended, as soon as their leases have expired. No lease lives for longer
/// than `lease_max`.
///
/// # Errors
/// The last error, once every lease must have expired.
pub(super) async fn release_all(shop: &Shop, caller: &mut RecordingClient, lease_max: Duration) -> Result<(), ReleaseError> {
    let deadline = Instant::now() + lease_max + EXPIRY_DELAY_MAX;
    loop {
        let error = match sweep(shop, caller).await {
            Ok(0) => return Ok(()),
            Ok(left) => ReleaseError::NotExpired(left),
            Err(error) => {
                caller.rotate();
                error
            }
        };
        if Instant::now() > deadline {
            return Err(error);
        }
        tokio::time::sleep(RESTORE_EVERY).await;
    }
}

/// Releases every expired reservation. Returns how many reservations are left.
///
/// # Errors
/// The first that occurs.
async fn sweep(shop: &Shop, caller: &mut RecordingClient) -> Result<usize, ReleaseError> {
    let prefix = shop.keys.holds_of(None);
    let end = prefix_end(prefix.as_bytes());
    let mut left = 0;
    let mut from = prefix;
    loop {
        let range = Range { key: from, range_end: end.clone(), limit: PAGE, ..Range::default() };
        let page = read(caller, vec![range]).await?;
        let [page] = &page[..] else { return Err(ReadError::Shape.into()) };
        let kvs = found(page)?;
        let Some(last) = kvs.last() else { return Ok(left) };
        from = behind(&last.key);
        for (event, entries) in by_event(&shop.keys, kvs)? {
            for entries in entries.chunks(TOGETHER_MAX) {
                left += release(shop, caller, &event, entries.to_vec(), Expiry::Needed).await?;
            }
        }
    }
}

/// Reservations by their event.
fn by_event(keys: &Keyspace, kvs: &[KeyValue]) -> Result<BTreeMap<String, Vec<HoldEntry>>, ReadError> {
    let mut by_event: BTreeMap<String, Vec<HoldEntry>> = BTreeMap::new();
    for kv in kvs {
        if let Some(ShopKey::Hold { event, order }) = keys.parse(kv.key.as_bytes()) {
            let Seen { value, mod_revision } = record::<HoldRecord>(kv)?;
            let entry = HoldEntry { order: order.to_owned(), record: value, revision: mod_revision };
            by_event.entry(event.to_owned()).or_default().push(entry);
        }
    }
    Ok(by_event)
}

/// The first key behind this one.
fn behind(key: &Blob) -> Blob {
    let mut next = key.as_bytes().to_vec();
    next.push(0);
    next.into()
}

/// Releases those of some reservations of an event that still exist and, where that is needed, have expired.
/// Returns how many still exist.
///
/// # Errors
/// When the stock could not be read or written.
pub(in crate::shop::purchase) async fn release(
    shop: &Shop,
    caller: &mut RecordingClient,
    event: &str,
    entries: Vec<HoldEntry>,
    expiry: Expiry,
) -> Result<usize, ReleaseError> {
    let mut responses = read(caller, ranges(&shop.keys, event, &entries)).await?;
    let mut left = entries.len();
    for _ in 0..ATTEMPTS_MAX {
        let seen = ReservationStates::parse(&shop.keys, &responses)?;
        let (due, waiting) = seen.sorted(&entries, expiry);
        left = due.len() + waiting;
        if due.is_empty() {
            return Ok(left);
        }
        let failure = ranges(&shop.keys, event, &entries).into_iter().map(TxnOp::Range).collect();
        let txn = Txn { failure, ..transaction(&shop.keys, event, &due, &seen.stock, expiry)? };
        match CallError::answer(caller.call(Purpose::Release, &[], Request::Txn(txn)).await)?.body {
            AnswerBody::Txn { succeeded: true, .. } => return Ok(waiting),
            AnswerBody::Txn { succeeded: false, responses: fresh } => responses = fresh,
            _ => return Err(ReadError::Shape.into()),
        }
    }
    Ok(left)
}

/// The stock of an event, and the states of some reservations of it, at one revision.
struct ReservationStates {
    stock: Stock,
    /// Of each reservation, the revision of its record (0 when it does not exist), and whether its lease is alive.
    states: Vec<(Revision, bool)>,
}

/// The ranges that [`ReservationStates`] are read by.
fn ranges(keys: &Keyspace, event: &str, entries: &[HoldEntry]) -> Vec<Range> {
    let of_event = keys.tickets_of(event);
    let mut ranges = vec![
        Range { key: keys.event(event), ..Range::default() },
        Range { range_end: prefix_end(of_event.as_bytes()), key: of_event, ..Range::default() },
    ];
    for one in entries {
        let (record, alive) = (keys.hold(event, &one.order), keys.hold_alive(event, &one.order));
        ranges.extend([record, alive].map(|key| Range { key, keys_only: true, ..Range::default() }));
    }
    ranges
}

impl ReservationStates {
    fn parse(keys: &Keyspace, answers: &[TxnAnswer]) -> Result<Self, ReadError> {
        let [event, of_event, pairs @ ..] = answers else { return Err(ReadError::Shape) };
        let stock = Stock {
            event: found(event)?.first().map(record).transpose()?,
            tickets: tickets(keys, found(of_event)?)?,
            purchases: Seen { value: Blob::default(), mod_revision: 0 },
            user: None,
        };
        let state = |pair: &[TxnAnswer]| match pair {
            [record, alive] => Ok((found(record)?.first().map_or(0, |kv| kv.mod_revision), !found(alive)?.is_empty())),
            _ => Err(ReadError::Shape),
        };
        Ok(Self { stock, states: pairs.chunks(2).map(state).collect::<Result<_, _>>()? })
    }

    /// Those that can be released, and the number of those that cannot yet. Sold and released ones are neither.
    fn sorted<'entries>(&self, entries: &'entries [HoldEntry], expiry: Expiry) -> (Vec<&'entries HoldEntry>, usize) {
        let (mut due, mut waiting) = (Vec::new(), 0);
        for (one, (revision, alive)) in entries.iter().zip(&self.states) {
            if *revision != one.revision {
                continue;
            }
            if *alive && expiry == Expiry::Needed {
                waiting += 1;
            } else {
                due.push(one);
            }
        }
        (due, waiting)
    }
}

/// Deletes the records and puts what they hold back into the stock.
///
/// # Errors
/// When there is no stock to put it back into, or too much.
pub(super) fn transaction(keys: &Keyspace, event: &str, due: &[&HoldEntry], stock: &Stock, expiry: Expiry) -> Result<Txn, ReleaseError> {
    let mut after = stock.clone();
    let counter = after.event.as_mut().ok_or_else(|| ReleaseError::NoStock(keys.event(event).to_text()))?;
    let mut guards = Vec::with_capacity(2 * due.len() + after.tickets.len() + 1);
    let mut success = Vec::with_capacity(2 * due.len() + after.tickets.len() + 1);
    let delete = |key: &Blob| TxnOp::Delete(Delete { key: key.clone(), range_end: Blob::default(), ..Delete::default() });
    for one in due {
        let (record, alive) = (keys.hold(event, &one.order), keys.hold_alive(event, &one.order));
        success.push(delete(&record));
        guards.push(unchanged(record, one.revision));
        match expiry {
            Expiry::NotNeeded => success.push(delete(&alive)),
            Expiry::Needed => guards.push(gone(alive)),
        }
        for line in &one.record.tickets {
            let ticket = after.tickets.iter_mut().find(|(kind, _)| *kind == line.kind).map(|(_, ticket)| &mut ticket.value);
            let key = || keys.ticket(event, &line.kind).to_text();
            let ticket = ticket.ok_or_else(|| ReleaseError::NoStock(key()))?;
            let sum = |count: i64| count.checked_add(line.quantity).ok_or_else(|| ReleaseError::Overflow(key()));
            ticket.current_quantity = sum(ticket.current_quantity)?;
            counter.value.current_quantity = sum(counter.value.current_quantity)?;
        }
    }
    for ((kind, ticket), (_, before)) in after.tickets.iter().zip(&stock.tickets) {
        if ticket != before {
            guards.push(unchanged(keys.ticket(event, kind), ticket.mod_revision));
            success.push(TxnOp::Put(put(keys.ticket(event, kind), json(&ticket.value))));
        }
    }
    guards.push(unchanged(keys.event(event), counter.mod_revision));
    success.push(TxnOp::Put(put(keys.event(event), json(&counter.value))));
    Ok(Txn { guards, success, failure: Vec::new() })
}

/// The key does not exist.
fn gone(key: Blob) -> Guard {
    Guard { key, range_end: Blob::default(), target: GuardTarget::CreateRevision(0), relation: Relation::Equal }
}

/// Reads some ranges at one revision.
async fn read(caller: &mut RecordingClient, ranges: Vec<Range>) -> Result<Vec<TxnAnswer>, ReadError> {
    let success = ranges.into_iter().map(TxnOp::Range).collect();
    let request = Request::Txn(Txn { guards: Vec::new(), success, failure: Vec::new() });
    responses(caller.call(Purpose::Release, &[], request).await)
}
