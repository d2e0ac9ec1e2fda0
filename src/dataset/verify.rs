//! Reading a dataset back and comparing it, key by key, at one revision.

use ticketcd_judge::history::Revision;
use ticketcd_judge::history::request::{KeyValue, Range};
use ticketcd_judge::model::{Keyspace, ShopKey};

use super::error::DatasetError;
use super::generate::{Dataset, Entry};
use super::seeder::{Seeder, all};
use super::{Progress, Target};
use crate::etcd::audit::successor;

/// Keys in a page.
const PAGE_KEYS: i64 = 1000;

/// What was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Keys, all of them with the value they should have.
    pub keys: usize,
    /// The revision at which they were read.
    pub revision: Revision,
}

/// Reads everything under the prefix at one revision and compares it with the dataset. What the tool keeps under `meta:`
/// is not compared.
///
/// # Errors
/// When anything differs; also when no member answers, or when it is stopped.
pub async fn verify(dataset: &Dataset, target: &Target, progress: impl FnMut(Progress)) -> Result<Verified, DatasetError> {
    let mut seeder = Seeder::new(target, 0);
    let verified = compare(&mut seeder, dataset, target, progress).await;
    seeder.close().await;
    verified
}

async fn compare(
    seeder: &mut Seeder,
    dataset: &Dataset,
    target: &Target,
    mut progress: impl FnMut(Progress),
) -> Result<Verified, DatasetError> {
    let total = dataset.entries.len();
    let mut comparison = Comparison { keys: &dataset.keys, expected: &dataset.entries, done: 0, differences: Differences::default() };
    let mut page = Range { limit: PAGE_KEYS, ..all(&dataset.keys) };
    loop {
        if target.stop.is_cancelled() {
            return Err(DatasetError::Interrupted { done: comparison.done, total });
        }
        let (revision, found) = seeder.range(page.clone()).await?;
        if page.revision == 0 {
            // The first page sets the revision of all others.
            page.revision = revision;
        }
        found.kvs.iter().for_each(|kv| comparison.take(kv));
        progress(Progress { done: comparison.done, total });
        match found.kvs.last() {
            Some(last) if found.more => page.key = successor(&last.key),
            _ => break,
        }
    }
    let revision = page.revision;
    comparison.finish().map(|()| Verified { keys: total, revision })
}

#[derive(Default)]
struct Differences {
    missing: usize,
    different: usize,
    unexpected: usize,
    first: Option<String>,
}

impl Differences {
    fn note(&mut self, what: impl FnOnce() -> String) {
        self.first.get_or_insert_with(what);
    }
}

/// What is found against what is expected, both in order of keys.
struct Comparison<'dataset> {
    keys: &'dataset Keyspace,
    expected: &'dataset [Entry],
    done: usize,
    differences: Differences,
}

impl<'dataset> Comparison<'dataset> {
    fn take(&mut self, kv: &KeyValue) {
        while let Some(entry) = self.next_expected().filter(|entry| entry.key < kv.key) {
            self.missing(entry);
        }
        match self.next_expected().filter(|entry| entry.key == kv.key) {
            Some(entry) => {
                self.done += 1;
                if entry.value != kv.value {
                    self.differences.different += 1;
                    self.differences.note(|| format!("{}, which has another value", kv.key.to_text()));
                }
            }
            None if matches!(self.keys.parse(kv.key.as_bytes()), Some(ShopKey::Meta(_))) => {}
            None => {
                self.differences.unexpected += 1;
                self.differences.note(|| format!("{}, which is not of the dataset", kv.key.to_text()));
            }
        }
    }

    fn next_expected(&self) -> Option<&'dataset Entry> {
        self.expected.get(self.done)
    }

    fn missing(&mut self, entry: &Entry) {
        self.done += 1;
        self.differences.missing += 1;
        self.differences.note(|| format!("{}, which is missing", entry.key.to_text()));
    }

    fn finish(mut self) -> Result<(), DatasetError> {
        while let Some(entry) = self.next_expected() {
            self.missing(entry);
        }
        let Differences { missing, different, unexpected, first } = self.differences;
        match first {
            None => Ok(()),
            Some(first) => Err(DatasetError::Mismatch { missing, different, unexpected, first }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare_with(found: &[(&str, &str)]) -> Result<(), DatasetError> {
        let keys = Keyspace::new("p/");
        let entry = |key: &str| Entry { key: key.into(), value: "v".into() };
        let expected = [entry("p/event:a"), entry("p/event:b"), entry("p/user:c")];
        let mut comparison = Comparison { keys: &keys, expected: &expected, done: 0, differences: Differences::default() };
        for (key, value) in found {
            comparison.take(&KeyValue { key: (*key).into(), value: (*value).into(), ..KeyValue::default() });
        }
        comparison.finish()
    }

    fn mismatch(missing: usize, different: usize, unexpected: usize, first: &str) -> Result<(), DatasetError> {
        Err(DatasetError::Mismatch { missing, different, unexpected, first: first.to_owned() })
    }

    #[test]
    fn differences_are_counted_and_the_first_is_named() {
        assert_eq!(compare_with(&[("p/event:a", "v"), ("p/event:b", "v"), ("p/meta:dataset", "{}"), ("p/user:c", "v")]), Ok(()));
        let changed = compare_with(&[("p/event:a", "v"), ("p/event:b", "w"), ("p/user:c", "v")]);
        assert_eq!(changed, mismatch(0, 1, 0, "p/event:b, which has another value"));
        assert_eq!(compare_with(&[("p/event:b", "v")]), mismatch(2, 0, 0, "p/event:a, which is missing"));
        let more = compare_with(&[("p/event:a", "v"), ("p/event:aa", "v"), ("p/event:b", "v"), ("p/user:c", "v"), ("p/user:d", "v")]);
        assert_eq!(more, mismatch(0, 0, 2, "p/event:aa, which is not of the dataset"));
    }
}
