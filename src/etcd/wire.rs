//! Requests and answers as the record knows them, to and from the ones of `etcd-client`.

use etcd_client::{
    CompactionOptions, Compare, CompareOp, DeleteOptions, DeleteResponse, GetOptions, GetResponse, LeaseTimeToLiveOptions, PutOptions,
    PutResponse, ResponseHeader, TxnOpResponse, TxnResponse,
};
use ticketcd_judge::history::request::{
    Answer, AnswerBody, Compact, Delete, Guard, GuardTarget, KeyValue, Put, Range, RangeAnswer, Relation, RevisionFilter, Sort, SortOrder,
    SortTarget, Txn, TxnAnswer, TxnAnswerBody, TxnOp,
};
use ticketcd_judge::history::{Blob, Revision};

/// An answer of etcd that the protocol does not allow: it has no header, or does not fit the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer {0}")]
pub(super) struct Malformed(&'static str);

impl Malformed {
    pub(super) const NO_HEADER: Self = Self("has no header");
    pub(super) const NO_KEY: Self = Self("has an event without a key");
}

fn bytes(blob: &Blob) -> Vec<u8> {
    blob.as_bytes().to_vec()
}

pub(super) fn get_options(range: &Range) -> GetOptions {
    let mut options = GetOptions::new().with_range(bytes(&range.range_end)).with_revision(range.revision).with_limit(range.limit);
    if range.serializable {
        options = options.with_serializable();
    }
    if range.keys_only {
        options = options.with_keys_only();
    }
    if range.count_only {
        options = options.with_count_only();
    }
    if range.sort != Sort::default() {
        options = options.with_sort(sort_target(range.sort.target), sort_order(range.sort.order));
    }
    let RevisionFilter { min_mod, max_mod, min_create, max_create } = range.filter;
    options
        .with_min_mod_revision(min_mod)
        .with_max_mod_revision(max_mod)
        .with_min_create_revision(min_create)
        .with_max_create_revision(max_create)
}

fn sort_target(target: SortTarget) -> etcd_client::SortTarget {
    match target {
        SortTarget::Key => etcd_client::SortTarget::Key,
        SortTarget::Version => etcd_client::SortTarget::Version,
        SortTarget::CreateRevision => etcd_client::SortTarget::Create,
        SortTarget::ModRevision => etcd_client::SortTarget::Mod,
        SortTarget::Value => etcd_client::SortTarget::Value,
    }
}

fn sort_order(order: SortOrder) -> etcd_client::SortOrder {
    match order {
        SortOrder::None => etcd_client::SortOrder::None,
        SortOrder::Ascend => etcd_client::SortOrder::Ascend,
        SortOrder::Descend => etcd_client::SortOrder::Descend,
    }
}

pub(super) fn put_options(put: &Put) -> PutOptions {
    let mut options = PutOptions::new().with_lease(put.lease);
    if put.prev_kv {
        options = options.with_prev_key();
    }
    if put.ignore_value {
        options = options.with_ignore_value();
    }
    if put.ignore_lease {
        options = options.with_ignore_lease();
    }
    options
}

pub(super) fn delete_options(delete: &Delete) -> DeleteOptions {
    let options = DeleteOptions::new().with_range(bytes(&delete.range_end));
    if delete.prev_kv { options.with_prev_key() } else { options }
}

pub(super) fn compaction_options(compact: &Compact) -> CompactionOptions {
    let options = CompactionOptions::new();
    if compact.physical { options.with_physical() } else { options }
}

pub(super) fn time_to_live_options(keys: bool) -> LeaseTimeToLiveOptions {
    let options = LeaseTimeToLiveOptions::new();
    if keys { options.with_keys() } else { options }
}

pub(super) fn txn(txn: &Txn) -> etcd_client::Txn {
    let guards: Vec<_> = txn.guards.iter().map(compare).collect();
    let success: Vec<_> = txn.success.iter().map(operation).collect();
    let failure: Vec<_> = txn.failure.iter().map(operation).collect();
    etcd_client::Txn::new().when(guards).and_then(success).or_else(failure)
}

fn operation(operation: &TxnOp) -> etcd_client::TxnOp {
    match operation {
        TxnOp::Range(range) => etcd_client::TxnOp::get(bytes(&range.key), Some(get_options(range))),
        TxnOp::Put(put) => etcd_client::TxnOp::put(bytes(&put.key), bytes(&put.value), Some(put_options(put))),
        TxnOp::Delete(delete) => etcd_client::TxnOp::delete(bytes(&delete.key), Some(delete_options(delete))),
        TxnOp::Txn(nested) => etcd_client::TxnOp::txn(txn(nested)),
    }
}

fn compare(guard: &Guard) -> Compare {
    let key = bytes(&guard.key);
    let relation = match guard.relation {
        Relation::Equal => CompareOp::Equal,
        Relation::NotEqual => CompareOp::NotEqual,
        Relation::Greater => CompareOp::Greater,
        Relation::Less => CompareOp::Less,
    };
    let compare = match &guard.target {
        GuardTarget::Version(version) => Compare::version(key, relation, *version),
        GuardTarget::CreateRevision(revision) => Compare::create_revision(key, relation, *revision),
        GuardTarget::ModRevision(revision) => Compare::mod_revision(key, relation, *revision),
        GuardTarget::Value(value) => Compare::value(key, relation, bytes(value)),
        GuardTarget::Lease(lease) => Compare::lease(key, relation, *lease),
    };
    compare.with_range(bytes(&guard.range_end))
}

pub(super) fn answer(header: Option<&ResponseHeader>, body: AnswerBody) -> Result<Answer, Malformed> {
    let header = header.ok_or(Malformed::NO_HEADER)?;
    Ok(Answer { member_id: header.member_id(), revision: header.revision(), raft_term: header.raft_term(), body })
}

pub(super) fn range_answer(response: &GetResponse) -> RangeAnswer {
    RangeAnswer { kvs: response.kvs().iter().map(key_value).collect(), more: response.more(), count: response.count() }
}

pub(super) fn txn_answer(response: &TxnResponse) -> Result<Answer, Malformed> {
    let responses = response.op_responses().iter().map(operation_answer).collect::<Result<_, _>>()?;
    answer(response.header(), AnswerBody::Txn { succeeded: response.succeeded(), responses })
}

fn operation_answer(response: &TxnOpResponse) -> Result<TxnAnswer, Malformed> {
    let (header, body) = match response {
        TxnOpResponse::Get(range) => (range.header(), TxnAnswerBody::Range(range_answer(range))),
        TxnOpResponse::Put(put) => (put.header(), TxnAnswerBody::Put { prev_kv: previous(put) }),
        TxnOpResponse::Delete(delete) => {
            (delete.header(), TxnAnswerBody::Delete { deleted: delete.deleted(), prev_kvs: previous_all(delete) })
        }
        TxnOpResponse::Txn(txn) => {
            let responses = txn.op_responses().iter().map(operation_answer).collect::<Result<_, _>>()?;
            (txn.header(), TxnAnswerBody::Txn { succeeded: txn.succeeded(), responses })
        }
    };
    Ok(TxnAnswer { revision: sub_header_revision(header), body })
}

/// A sub-header carries a revision and nothing else; protobuf leaves out what is zero.
fn sub_header_revision(header: Option<&ResponseHeader>) -> Revision {
    header.map_or(0, ResponseHeader::revision)
}

pub(super) fn previous(response: &PutResponse) -> Option<Box<KeyValue>> {
    response.prev_key().map(|kv| Box::new(key_value(kv)))
}

pub(super) fn previous_all(response: &DeleteResponse) -> Vec<KeyValue> {
    response.prev_kvs().iter().map(key_value).collect()
}

pub(super) fn key_value(kv: &etcd_client::KeyValue) -> KeyValue {
    KeyValue {
        key: kv.key().into(),
        value: kv.value().into(),
        create_revision: kv.create_revision(),
        mod_revision: kv.mod_revision(),
        version: kv.version(),
        lease: kv.lease(),
    }
}
