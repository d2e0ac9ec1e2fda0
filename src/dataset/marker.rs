//! `meta:dataset`: what a prefix was filled from, so that loading can resume and nothing foreign is overwritten.

use serde::{Deserialize, Serialize};
use ticketcd_judge::history::request::{AnswerBody, Guard, GuardTarget, Put, Range, Relation, Request, Txn, TxnOp};
use ticketcd_judge::history::{Blob, Revision};
use ticketcd_judge::model::Keyspace;

use super::error::DatasetError;
use super::generate::Dataset;
use super::seeder::Seeder;

/// The marker's format.
const FORMAT: u32 = 1;

/// The value of `meta:dataset`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marker {
    format: u32,
    seed: u64,
    users: u32,
    events: u32,
    ticket_types: u8,
    stock_min: u32,
    stock_max: u32,
    /// Whether everything is written.
    complete: bool,
}

impl Marker {
    /// The marker of a dataset that is complete, or is being written.
    pub(super) fn of(dataset: &Dataset, complete: bool) -> Self {
        let spec = &dataset.spec;
        Self {
            format: FORMAT,
            seed: dataset.seed,
            users: spec.users,
            events: spec.events,
            ticket_types: spec.ticket_types,
            stock_min: spec.stock.min,
            stock_max: spec.stock.max,
            complete,
        }
    }

    /// Whether both are of the same dataset, complete or not.
    pub(super) fn is_of_same(&self, other: &Self) -> bool {
        Self { complete: other.complete, ..self.clone() } == *other
    }

    /// Its content, for people.
    pub(super) fn describe(&self) -> String {
        let state = if self.complete { "a dataset" } else { "a part of a dataset" };
        format!("{state} of {} users and {} events, seed {}", self.users, self.events, self.seed)
    }

    /// Whether everything is written.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// The options of `ticketcd dataset load` that write the same dataset.
    pub(super) fn options(&self) -> String {
        let Self { seed, users, events, ticket_types, stock_min, stock_max, .. } = self;
        format!("--users {users} --events {events} --ticket-types {ticket_types} --stock {stock_min}..{stock_max} --seed {seed}")
    }

    /// A marker as it is kept. None when this is none that can be read.
    pub(super) fn parse(value: &[u8]) -> Option<Self> {
        serde_json::from_slice(value).ok()
    }

    /// Reads the marker under a prefix. `None` when there is none, or none that can be read.
    pub(super) async fn read(seeder: &mut Seeder, keys: &Keyspace) -> Result<Option<Self>, DatasetError> {
        Ok(Self::read_with_revision(seeder, keys).await?.map(|(marker, _)| marker))
    }

    /// The same, and the revision at which it was created: a marker that was removed and written again has another.
    async fn read_with_revision(seeder: &mut Seeder, keys: &Keyspace) -> Result<Option<(Self, Revision)>, DatasetError> {
        let (_, found) = seeder.range(Range { key: key(keys), ..Range::default() }).await?;
        Ok(found.kvs.first().and_then(|kv| Some((Self::parse(kv.value.as_bytes())?, kv.create_revision))))
    }

    /// The revision at which the marker was created.
    ///
    /// # Errors
    /// When it is not there any more.
    pub(super) async fn created(seeder: &mut Seeder, keys: &Keyspace) -> Result<Revision, DatasetError> {
        Self::read_with_revision(seeder, keys).await?.map(|(_, created)| created).ok_or(DatasetError::Removed)
    }

    /// Writes the first marker, unless there is one. Returns the current one: another loader's, when two load at
    /// the same time.
    pub(super) async fn claim(&self, seeder: &mut Seeder, keys: &Keyspace) -> Result<Option<Self>, DatasetError> {
        let absent =
            Guard { key: key(keys), range_end: Blob::default(), target: GuardTarget::CreateRevision(0), relation: Relation::Equal };
        let txn = Txn { guards: vec![absent], success: vec![TxnOp::Put(self.put(keys)?)], failure: Vec::new() };
        seeder.request("write the dataset's marker", &Request::Txn(txn)).await?;
        Self::read(seeder, keys).await
    }

    /// Writes the marker over the one that was created at a revision.
    ///
    /// # Errors
    /// When that one is not there any more: the dataset was removed meanwhile.
    pub(super) async fn write(&self, seeder: &mut Seeder, keys: &Keyspace, created: Revision) -> Result<(), DatasetError> {
        let txn = Txn { guards: vec![is_there(keys, created)], success: vec![TxnOp::Put(self.put(keys)?)], failure: Vec::new() };
        match seeder.request("write the dataset's marker", &Request::Txn(txn)).await?.body {
            AnswerBody::Txn { succeeded: true, .. } => Ok(()),
            _ => Err(DatasetError::Removed),
        }
    }

    fn put(&self, keys: &Keyspace) -> Result<Put, DatasetError> {
        let value = serde_json::to_vec(self).map_err(|error| DatasetError::Unsuitable(format!("cannot write JSON: {error}")))?;
        Ok(Put { key: key(keys), value: value.into(), ..Put::default() })
    }
}

/// That the marker is the one that was created at this revision.
pub(super) fn is_there(keys: &Keyspace, created: Revision) -> Guard {
    Guard { key: key(keys), range_end: Blob::default(), target: GuardTarget::CreateRevision(created), relation: Relation::Equal }
}

/// Where it is kept.
pub(super) fn key(keys: &Keyspace) -> Blob {
    keys.meta("dataset")
}
