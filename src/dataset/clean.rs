//! Removing everything under a prefix, and nothing else.

use ticketcd_judge::history::request::{AnswerBody, Delete, Range, Request};
use ticketcd_judge::model::Keyspace;

use super::error::DatasetError;
use super::seeder::{Seeder, all, count};
use super::{Progress, Target};
use crate::etcd::audit::successor;

/// Keys in a page: one deletion each, so that no single request holds the cluster up.
const PAGE_KEYS: i64 = 1000;
const REMOVE: &str = "remove a page of keys";

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
        let total = done + count("read", found.count)?;
        if target.stop.is_cancelled() {
            return Err(DatasetError::Interrupted { done, total });
        }
        let delete = Delete { key: first.key.clone(), range_end: successor(&last.key), ..Delete::default() };
        let answer = seeder.request(REMOVE, &Request::Delete(delete)).await?;
        match answer.body {
            AnswerBody::Delete { deleted, .. } => done += count(REMOVE, deleted)?,
            _ => return Err(DatasetError::Malformed { what: REMOVE }),
        }
        progress(Progress { done, total });
    }
}
