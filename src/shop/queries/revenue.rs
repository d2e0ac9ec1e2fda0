//! Query 2: the revenue of an event type.

use ticketcd_judge::history::call::Purpose;
use ticketcd_judge::model::records::Ticket;
use ticketcd_judge::model::{Keyspace, Revision};

use super::QueryError;
use super::snapshot::{Snapshot, parse};
use crate::etcd::Caller;

/// The revenue of one event type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Revenue {
    /// The revision it was read at.
    pub revision: Revision,
    /// Events of the type.
    pub events: usize,
    /// Tickets sold.
    pub sold: i64,
    /// What they brought in, cents.
    pub cents: i128,
}

/// The revenue of the events of type `kind`: the sum of price × (total − current) over their tickets, at one revision.
/// A type without events has none.
///
/// # Errors
/// When etcd does not answer, or a value cannot be read.
pub async fn revenue_of(keys: &Keyspace, caller: &mut Caller, kind: &str) -> Result<Revenue, QueryError> {
    let mut snapshot = Snapshot::new(caller, Purpose::Revenue);
    let events: Vec<String> = match snapshot.key(keys.search_type(kind)).await? {
        Some(index) => parse(&index)?,
        None => Vec::new(),
    };
    let prefixes: Vec<_> = events.iter().map(|event| keys.tickets_of(event)).collect();
    let mut revenue = Revenue { events: events.len(), ..Revenue::default() };
    for kv in snapshot.prefixes(&prefixes).await? {
        let ticket: Ticket = parse(&kv)?;
        let sold = ticket.total_quantity.saturating_sub(ticket.current_quantity);
        revenue.sold = revenue.sold.saturating_add(sold);
        revenue.cents = revenue.cents.saturating_add(ticket.price.times(sold));
    }
    revenue.revision = snapshot.revision();
    Ok(revenue)
}
