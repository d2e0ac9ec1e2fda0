//! The state of an event as its batcher last read or wrote it.

use rustc_hash::FxHashMap;
use ticketcd_judge::history::Blob;
use ticketcd_judge::history::request::{Range, TxnAnswer, TxnOp};
use ticketcd_judge::model::Keyspace;
use ticketcd_judge::model::keys::prefix_end;
use ticketcd_judge::model::records::{EventRecord, Ticket};

use super::super::state::{ReadError, Seen, found, raw, record, tickets};

/// Users whose purchases are cached. A full cache is cleared, which costs one conflict per user.
const USERS_MAX: usize = 200_000;

/// An event as its batcher last saw or wrote it, with the purchases of its users.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// The event; none when there is no such event.
    pub(super) event: Option<Seen<EventRecord>>,
    /// Its tickets by type.
    pub(super) tickets: Vec<(String, Seen<Ticket>)>,
    /// By user, the value of the user's purchase key for this event.
    arrays: FxHashMap<String, Seen<Blob>>,
}

/// The reads that refresh what is known: the event, all its tickets, and the purchases of `users`, at one revision.
pub(super) fn reads(keys: &Keyspace, event: &str, users: &[&str]) -> Vec<TxnOp> {
    let tickets = keys.tickets_of(event);
    let range = |key: Blob, range_end: Blob| TxnOp::Range(Range { key, range_end, ..Range::default() });
    let end = prefix_end(tickets.as_bytes());
    let mut reads = vec![range(keys.event(event), Blob::default()), range(tickets, end)];
    reads.extend(users.iter().map(|user| range(keys.purchase(user, event), Blob::default())));
    reads
}

impl Known {
    /// Stores the answers to [`reads`].
    ///
    /// # Errors
    /// When a value is not what the shop keeps under its key.
    pub(super) fn learn(&mut self, keys: &Keyspace, users: &[&str], answers: &[TxnAnswer]) -> Result<(), ReadError> {
        let [event, by_type, arrays @ ..] = answers else { return Err(ReadError::Shape) };
        if arrays.len() != users.len() {
            return Err(ReadError::Shape);
        }
        self.event = found(event)?.first().map(record).transpose()?;
        self.tickets = tickets(keys, found(by_type)?)?;
        for (user, array) in users.iter().zip(arrays) {
            self.enter(user, raw(found(array)?));
        }
        Ok(())
    }

    /// A user's purchases. For an unknown user none are assumed; the guard detects a wrong assumption.
    pub(super) fn array(&self, user: &str) -> Seen<Blob> {
        self.arrays.get(user).cloned().unwrap_or(Seen { value: Blob::default(), mod_revision: 0 })
    }

    /// Stores a user's purchases.
    pub(super) fn enter(&mut self, user: &str, array: Seen<Blob>) {
        match self.arrays.get_mut(user) {
            Some(known) => *known = array,
            None => {
                if self.arrays.len() >= USERS_MAX {
                    self.arrays.clear();
                }
                self.arrays.insert(user.to_owned(), array);
            }
        }
    }
}
