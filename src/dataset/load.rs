//! Writing a dataset: in parallel, in guarded batches, and again from where it stopped.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ticketcd_judge::history::request::{
    self, AnswerBody, Guard, GuardTarget, Put, Relation, Request, Txn, TxnAnswer, TxnAnswerBody, TxnOp,
};
use ticketcd_judge::history::{Blob, Revision};
use ticketcd_judge::model::Keyspace;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::clean::clean;
use super::error::DatasetError;
use super::generate::{Dataset, Entry};
use super::marker::{self, Marker};
use super::seeder::{Seeder, all};
use super::{Progress, Target};

/// Keys in a transaction: etcd's own limit (`--max-txn-ops`, 128) without the marker.
const BATCH_OPERATIONS_MAX: usize = 127;
/// Bytes in a transaction, well below etcd's limit of 1.5 MiB (`--max-request-bytes`).
const BATCH_BYTES_MAX: usize = 512 << 10;
/// Attempts at a batch while another loader writes the same keys.
const ROUNDS: u32 = 4;

/// How a dataset is written.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions {
    /// Batches in flight at a time.
    pub workers: usize,
    /// Remove everything under the prefix first.
    pub force: bool,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { workers: 8, force: false }
    }
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Keys written now.
    pub written: usize,
    /// Keys that were there already, with the value they should have.
    pub skipped: usize,
}

/// Writes a dataset under its prefix. No key that is there is overwritten: every batch is guarded. When the prefix holds
/// a part of the same dataset the rest is written.
///
/// # Errors
/// When there is something else under the prefix and `force` is not set, when a key has another value than it should,
/// when no member answers, or when it is stopped.
pub async fn load(
    dataset: &Dataset,
    target: &Target,
    options: LoadOptions,
    progress: impl FnMut(Progress),
) -> Result<Loaded, DatasetError> {
    let mut seeder = Seeder::new(target, 0);
    let loaded = load_with(&mut seeder, dataset, target, options, progress).await;
    seeder.close().await;
    loaded
}

async fn load_with(
    seeder: &mut Seeder,
    dataset: &Dataset,
    target: &Target,
    options: LoadOptions,
    progress: impl FnMut(Progress),
) -> Result<Loaded, DatasetError> {
    prepare(seeder, dataset, target, options.force).await?;
    // Removing the dataset removes the marker, and no batch is written without it.
    let created = Marker::created(seeder, &dataset.keys).await?;
    let loaded = write_all(dataset, target, created, options.workers.max(1), progress).await?;
    Marker::of(dataset, true).write(seeder, &dataset.keys, created).await?;
    Ok(loaded)
}

/// Checks that the prefix is empty or holds this dataset, and writes the marker.
async fn prepare(seeder: &mut Seeder, dataset: &Dataset, target: &Target, force: bool) -> Result<(), DatasetError> {
    let marker = Marker::of(dataset, false);
    let everything = request::Range { count_only: true, ..all(&dataset.keys) };
    let (_, mut found) = seeder.range(everything.clone()).await?;
    if force && found.count > 0 {
        clean(&dataset.keys, target, |_| ()).await?;
        found.count = 0;
    }
    let there = if found.count == 0 { marker.claim(seeder, &dataset.keys).await? } else { Marker::read(seeder, &dataset.keys).await? };
    let what = match there {
        Some(there) if there.is_of_same(&marker) => return Ok(()),
        Some(there) => there.describe(),
        None => "not written by this program".to_owned(),
    };
    let (_, found) = seeder.range(everything).await?;
    Err(DatasetError::NotEmpty { prefix: dataset.keys.prefix().to_owned(), keys: found.count, what })
}

async fn write_all(
    dataset: &Dataset,
    target: &Target,
    created: Revision,
    workers: usize,
    mut progress: impl FnMut(Progress),
) -> Result<Loaded, DatasetError> {
    let total = dataset.entries.len();
    let batches: Arc<[Range<usize>]> = batches(&dataset.entries).into();
    let turn = Arc::new(AtomicUsize::new(0));
    // One worker's failure ends the others' work; it does not end the caller's.
    let stop = target.stop.child_token();
    let (sender, mut receiver) = mpsc::channel(workers);
    let mut tasks = JoinSet::new();
    for worker in 0..workers.min(batches.len()) {
        let seeder = Seeder::new(target, worker);
        let (entries, batches, turn, stop, sender) = (dataset.entries.clone(), batches.clone(), turn.clone(), stop.clone(), sender.clone());
        let guard = MarkerGuard { keys: dataset.keys.clone(), created };
        tasks.spawn(work(seeder, guard, entries, batches, turn, stop, sender));
    }
    drop(sender);
    let mut loaded = Loaded::default();
    progress(Progress { done: 0, total });
    while let Some(batch) = receiver.recv().await {
        loaded.written += batch.written;
        loaded.skipped += batch.skipped;
        progress(Progress { done: loaded.written + loaded.skipped, total });
    }
    tasks.join_all().await.into_iter().collect::<Result<(), _>>()?;
    let done = loaded.written + loaded.skipped;
    if done < total { Err(DatasetError::Interrupted { done, total }) } else { Ok(loaded) }
}

/// That the dataset was not removed since the marker was created.
#[derive(Clone, Debug)]
struct MarkerGuard {
    keys: Keyspace,
    created: Revision,
}

/// Writes batch after batch until there are none left.
async fn work(
    mut seeder: Seeder,
    guard: MarkerGuard,
    entries: Arc<[Entry]>,
    batches: Arc<[Range<usize>]>,
    turn: Arc<AtomicUsize>,
    stop: CancellationToken,
    done: mpsc::Sender<Loaded>,
) -> Result<(), DatasetError> {
    let mut result = Ok(());
    while !stop.is_cancelled() {
        let next = turn.fetch_add(1, Ordering::Relaxed);
        let Some(batch) = batches.get(next).and_then(|range| entries.get(range.clone())) else { break };
        match write_batch(&mut seeder, &guard, batch).await {
            // The receiver outlives the workers.
            Ok(loaded) => done.send(loaded).await.unwrap_or_default(),
            Err(error) => {
                stop.cancel();
                result = Err(error);
            }
        }
    }
    seeder.close().await;
    result
}

/// Writes those keys of a batch that do not exist. The failure branch returns which they are, so that an attempt whose
/// answer was lost, or an earlier run, is found out without another round trip.
async fn write_batch(seeder: &mut Seeder, guard: &MarkerGuard, batch: &[Entry]) -> Result<Loaded, DatasetError> {
    let mut pending: Vec<&Entry> = batch.iter().collect();
    for _ in 0..ROUNDS {
        let answer = seeder.request("write a batch", &Request::Txn(guarded(guard, &pending))).await?;
        let AnswerBody::Txn { succeeded, responses } = answer.body else { break };
        if succeeded {
            return Ok(Loaded { written: pending.len(), skipped: batch.len() - pending.len() });
        }
        let marker = responses.last().map(|response| &response.body);
        let is_there = |found: &request::RangeAnswer| found.kvs.first().is_some_and(|kv| kv.create_revision == guard.created);
        if !matches!(marker, Some(TxnAnswerBody::Range(found)) if is_there(found)) {
            return Err(DatasetError::Removed);
        }
        pending = absent(&pending, &responses)?;
        if pending.is_empty() {
            return Ok(Loaded { written: 0, skipped: batch.len() });
        }
    }
    let message = format!("another client keeps writing there ({ROUNDS} times)");
    Err(DatasetError::Unreachable { what: "write a batch", message })
}

fn guarded(marker: &MarkerGuard, entries: &[&Entry]) -> Txn {
    let absent = |entry: &&Entry| Guard {
        key: entry.key.clone(),
        range_end: Blob::default(),
        target: GuardTarget::CreateRevision(0),
        relation: Relation::Equal,
    };
    let put = |entry: &&Entry| TxnOp::Put(Put { key: entry.key.clone(), value: entry.value.clone(), ..Put::default() });
    let get = |entry: &&Entry| TxnOp::Range(request::Range { key: entry.key.clone(), ..request::Range::default() });
    let read_marker = request::Range { key: marker::key(&marker.keys), ..request::Range::default() };
    Txn {
        guards: entries.iter().map(absent).chain([marker::is_there(&marker.keys, marker.created)]).collect(),
        success: entries.iter().map(put).collect(),
        failure: entries.iter().map(get).chain([TxnOp::Range(read_marker)]).collect(),
    }
}

/// The entries that the answers say are not there.
fn absent<'entry>(entries: &[&'entry Entry], responses: &[TxnAnswer]) -> Result<Vec<&'entry Entry>, DatasetError> {
    let mut absent = Vec::new();
    for (&entry, response) in entries.iter().zip(responses) {
        let TxnAnswerBody::Range(found) = &response.body else { continue };
        match found.kvs.first() {
            None => absent.push(entry),
            Some(kv) if kv.value == entry.value => {}
            Some(_) => return Err(DatasetError::Changed { key: entry.key.to_text() }),
        }
    }
    Ok(absent)
}

/// Cuts entries into batches that etcd takes.
fn batches(entries: &[Entry]) -> Vec<Range<usize>> {
    let mut batches = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (index, entry) in entries.iter().enumerate() {
        // The key is sent three times: in the guard and in both branches.
        let size = 3 * entry.key.len() + entry.value.len();
        let full = index - start == BATCH_OPERATIONS_MAX || bytes + size > BATCH_BYTES_MAX;
        if full && index > start {
            batches.push(start..index);
            (start, bytes) = (index, 0);
        }
        bytes += size;
    }
    if start < entries.len() {
        batches.push(start..entries.len());
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(bytes: usize) -> Entry {
        Entry { key: "k".into(), value: vec![b'x'; bytes].into() }
    }

    #[test]
    fn batches_respect_both_limits_and_lose_nothing() {
        let many: Vec<Entry> = (0..300).map(|_| entry(10)).collect();
        assert_eq!(batches(&many), [0..127, 127..254, 254..300]);
        let large = [entry(400 << 10), entry(400 << 10), entry(900 << 10), entry(1)];
        assert_eq!(batches(&large), [0..1, 1..2, 2..3, 3..4]);
        assert!(batches(&[]).is_empty());
    }

    #[test]
    fn a_key_with_another_value_is_never_overwritten() {
        let entries = [entry(1), entry(2)];
        let pending: Vec<&Entry> = entries.iter().collect();
        let found = |value: &Blob| TxnAnswer {
            revision: 1,
            body: TxnAnswerBody::Range(request::RangeAnswer {
                kvs: vec![request::KeyValue { value: value.clone(), ..request::KeyValue::default() }],
                more: false,
                count: 1,
            }),
        };
        let missing = TxnAnswer { revision: 1, body: TxnAnswerBody::Range(request::RangeAnswer::default()) };
        assert_eq!(absent(&pending, &[found(&entries[0].value), missing]).unwrap(), [&entries[1]]);
        assert!(absent(&pending, &[found(&entries[1].value)]).is_err());
    }
}
