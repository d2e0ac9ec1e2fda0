//! The audit: the state and content of each member, read from that member when everything is at rest.

use std::time::Duration;

use ticketcd_judge::history::audit::{AuditClosed, AuditFacts, AuditFailure, AuditPage, AuditStage, AuditStatus};
use ticketcd_judge::history::event::Event;
use ticketcd_judge::history::request::{AnswerBody, KeyValue, Range};
use ticketcd_judge::history::{Blob, MemberIndex, Revision};
use tokio::task::JoinSet;

use super::client::Client;
use super::client_error::ClientError;
use crate::record::Sink;

/// Keys in a page.
const PAGE_KEYS: i64 = 1000;
/// Attempts to find a member at rest.
const ATTEMPTS: u32 = 20;
/// The pause between attempts. A member is not at rest while others still send it entries, which cannot be awaited.
const PAUSE: Duration = Duration::from_millis(250);
/// Longest time for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Audits every member, all at once, and records the results. `clients` are in the order of the members. A member that cannot
/// be audited is recorded with the reason.
pub async fn audit(stage: AuditStage, clients: &[Client], sink: &Sink) {
    let mut audits = JoinSet::new();
    for (index, client) in clients.iter().enumerate() {
        let member = super::member_at(index);
        audits.spawn(audit_member(stage, member, client.clone(), sink.clone()));
    }
    audits.join_all().await;
}

async fn audit_member(stage: AuditStage, member: MemberIndex, client: Client, sink: Sink) {
    let outcome = match facts(&client).await {
        Ok((facts, pages)) => {
            for kvs in pages {
                let page = AuditPage { stage, member, revision: facts.before.revision, kvs };
                sink.record(Event::AuditPage(page)).await;
            }
            Ok(facts)
        }
        Err(failure) => Err(failure),
    };
    sink.record(Event::AuditClosed(AuditClosed { stage, member, at: sink.now(), outcome })).await;
}

/// Repeats until a member was at rest during an attempt. Pages of an attempt that failed are not kept: they would be
/// evidence of a state that never existed.
async fn facts(client: &Client) -> Result<(AuditFacts, Vec<Vec<KeyValue>>), AuditFailure> {
    let mut attempts = 0;
    loop {
        let failure = match attempt_facts(client).await {
            Ok((facts, pages)) if facts.before == facts.after => return Ok((facts, pages)),
            Ok((AuditFacts { before, after, .. }, _)) => AuditFailure::NotAtRest { before, after },
            Err(error) => AuditFailure::NotAnswered { detail: error.to_string() },
        };
        attempts += 1;
        if attempts >= ATTEMPTS {
            return Err(failure);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn attempt_facts(client: &Client) -> Result<(AuditFacts, Vec<Vec<KeyValue>>), ClientError> {
    let before = status(client).await?;
    let pages = pages(client, before.revision).await?;
    let leases = client.leases(ANSWER_TIMEOUT).await?;
    let after = status(client).await?;
    Ok((AuditFacts { before, after, leases }, pages))
}

async fn status(client: &Client) -> Result<AuditStatus, ClientError> {
    let status = client.status(ANSWER_TIMEOUT).await?;
    let hash = client.hash_kv(status.revision, ANSWER_TIMEOUT).await?;
    Ok(AuditStatus {
        applied_index: status.applied_index,
        revision: status.revision,
        hash: hash.hash,
        compact_revision: hash.compact_revision,
    })
}

/// The member's own content at a revision: serializable reads are answered from what it has, without asking others.
async fn pages(client: &Client, revision: Revision) -> Result<Vec<Vec<KeyValue>>, ClientError> {
    let zero = Blob::from(&[0u8][..]);
    let mut pages = Vec::new();
    let mut key = zero.clone();
    loop {
        let range = Range { key, range_end: zero.clone(), revision, limit: PAGE_KEYS, serializable: true, ..Range::default() };
        let (kvs, more) = match client.range(&range, ANSWER_TIMEOUT).await?.body {
            AnswerBody::Range(page) => (page.kvs, page.more),
            _ => (Vec::new(), false),
        };
        let last = kvs.last().map(|kv| successor(&kv.key));
        pages.push(kvs);
        match last {
            Some(next) if more => key = next,
            _ => return Ok(pages),
        }
    }
}

/// The first key behind a key.
pub(crate) fn successor(key: &Blob) -> Blob {
    let mut bytes = key.as_bytes().to_vec();
    bytes.push(0);
    bytes.into()
}
