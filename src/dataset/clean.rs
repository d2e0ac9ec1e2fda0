//! Removing everything under a prefix, and nothing else.

use ticketcd_judge::history::request::{AnswerBody, Delete, Range, Request};
use ticketcd_judge::model::Keyspace;

use super::error::DatasetError;
use super::seeder::{Seeder, all};
use super::{Progress, Target};
use crate::etcd::audit::successor;

/// Keys in a page: one deletion each, so that no single request holds the cluster up.
const PAGE_KEYS: i64 = 1000;

/// Removes every key that begins with the prefix, page by page. Returns how many there were.
///
/// # Errors
/// When the prefix is empty, when no member answers, or when it is stopped.
pub async fn clean(keys: &Keyspace, target: &Target, progress: impl FnMut(Progress)) -> Result<usize, DatasetError> {
    if keys.prefix().is_empty() {
        return Err(DatasetError::NoPrefix);
    }
    let mut seeder = Seeder::new(target, 0);
    let removed = remove(&mut seeder, keys, target, progress).await;
    seeder.close().await;
    removed
}

async fn remove(seeder: &mut Seeder, keys: &Keyspace, target: &Target, mut progress: impl FnMut(Progress)) -> Result<usize, DatasetError> {
    let page = Range { limit: PAGE_KEYS, keys_only: true, ..all(keys) };
    let mut done = 0;
    loop {
        let (_, found) = seeder.range(page.clone()).await?;
        let (Some(first), Some(last)) = (found.kvs.first(), found.kvs.last()) else { return Ok(done) };
        let total = done + usize::try_from(found.count).unwrap_or(0);
        if target.stop.is_cancelled() {
            return Err(DatasetError::Interrupted { done, total });
        }
        let delete = Delete { key: first.key.clone(), range_end: successor(&last.key), ..Delete::default() };
        let answer = seeder.request("remove a page of keys", &Request::Delete(delete)).await?;
        if let AnswerBody::Delete { deleted, .. } = answer.body {
            done += usize::try_from(deleted).unwrap_or(0);
        }
        progress(Progress { done, total });
    }
}
