use super::Reads;
use crate::core::engine::Judge;
use crate::core::verdict::{Finding, Verdict};
use crate::testing::{Etcd, Record, RequestOutcome, Shape, Simulation};
use ticketcd_history::request::{
    Answer, AnswerBody, Delete, Put, Range, RangeAnswer, Request, RevisionFilter, Sort, SortOrder, SortTarget, Txn, TxnAnswerBody, TxnOp,
};
use ticketcd_history::{Blob, Revision};

fn judge(record: &Record) -> Finding {
    let mut judge = Judge::new(&record.info, vec![Box::new(Reads::new(&record.info))]);
    record.events.iter().for_each(|event| judge.observe(event));
    judge.finish(None).findings.into_iter().find(|finding| finding.name == "reads").unwrap()
}

fn kinds(finding: &Finding) -> (Verdict, Vec<(&str, u64)>) {
    (finding.verdict, finding.anomalies.iter().map(|group| (group.kind.as_str(), group.count)).collect())
}

fn put(key: &str, value: &str) -> Put {
    Put { key: key.into(), value: value.into(), ..Put::default() }
}

fn range(key: &str, end: &str) -> Range {
    Range { key: key.into(), range_end: end.into(), ..Range::default() }
}

fn txn(success: Vec<TxnOp>) -> Request {
    Request::Txn(Txn { success, ..Txn::default() })
}

/// A few keys with several versions.
fn shelf() -> Etcd {
    let mut etcd = Etcd::default();
    etcd.call(1, txn(vec![TxnOp::Put(put("a", "1")), TxnOp::Put(put("b", "1")), TxnOp::Put(put("c", "1"))]));
    etcd.call(1, txn(vec![TxnOp::Put(put("a", "2")), TxnOp::Put(put("b", "2"))]));
    etcd.call(1, Request::Delete(Delete { key: "c".into(), range_end: Blob::default(), ..Delete::default() }));
    etcd.call(1, Request::Put(put("d", "1")));
    etcd
}

fn found(answer: &mut Answer) -> &mut RangeAnswer {
    match &mut answer.body {
        AnswerBody::Range(found) => found,
        AnswerBody::Txn { responses, .. } => responses
            .iter_mut()
            .rev()
            .find_map(|response| match &mut response.body {
                TxnAnswerBody::Range(found) => Some(found),
                _ => None,
            })
            .unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_way_to_read_is_understood() {
    let mut etcd = shelf();
    for end in ["", "b", "z", "\0"] {
        for limit in [0, 1, 2, 5] {
            for (keys_only, count_only) in [(false, false), (true, false), (false, true)] {
                for revision in 0..=etcd.revision() {
                    let read = Range { limit, keys_only, count_only, revision, ..range("a", end) };
                    etcd.call(2, Request::Range(read.clone()));
                    etcd.call(2, txn(vec![TxnOp::Range(read)]));
                }
            }
        }
    }
    // A serializable read at a member that lags.
    let serializable = || Range { serializable: true, ..range("a", "z") };
    for revision in 1..=etcd.revision() {
        etcd.call_at(3, Request::Range(serializable()), revision);
        etcd.call_at(3, txn(vec![TxnOp::Range(serializable())]), revision);
    }
    // Reads between the writes of their own transaction.
    let all = || TxnOp::Range(range("a", "z"));
    let delete = Delete { key: "b".into(), range_end: "c".into(), ..Delete::default() };
    let old = TxnOp::Range(Range { revision: 3, ..range("a", "z") });
    etcd.call(4, txn(vec![all(), TxnOp::Put(put("a", "9")), all(), TxnOp::Delete(delete), all(), old, TxnOp::Put(put("e", "9")), all()]));
    etcd.call(4, Request::Delete(Delete { key: "nothing".into(), range_end: Blob::default(), ..Delete::default() }));
    let finding = judge(&etcd.finish());
    assert_eq!(kinds(&finding), (Verdict::Pass, vec![]), "{finding:#?}");
    assert_eq!((finding.evidence["ranges_too_old"], finding.evidence["serializable_ranges"]), (0, 10));
}

#[test]
fn sorted_and_filtered_reads_are_understood() {
    use SortTarget::{CreateRevision, Key, ModRevision, Value, Version};
    let mut etcd = shelf();
    let filters = [
        RevisionFilter::default(),
        RevisionFilter { min_mod: 3, ..RevisionFilter::default() },
        RevisionFilter { max_mod: 3, min_create: 2, ..RevisionFilter::default() },
        RevisionFilter { max_create: 2, ..RevisionFilter::default() },
    ];
    for target in [Key, Version, CreateRevision, ModRevision, Value] {
        for order in [SortOrder::None, SortOrder::Ascend, SortOrder::Descend] {
            for filter in filters {
                for limit in [0, 1, 2] {
                    let sort = Sort { order, target };
                    etcd.call(2, Request::Range(Range { sort, filter, limit, ..range("a", "z") }));
                }
            }
        }
    }
    let finding = judge(&etcd.finish());
    assert_eq!(kinds(&finding), (Verdict::Pass, vec![]), "{finding:#?}");
}

#[test]
fn keys_of_the_same_rank_may_come_in_any_order() {
    let by_version = || Range { sort: Sort { order: SortOrder::Descend, target: SortTarget::Version }, ..range("a", "z") };
    let judged = |edit: fn(&mut RangeAnswer)| {
        let mut etcd = shelf();
        etcd.call(2, Request::Range(by_version()));
        etcd.edit_answer(|answer| edit(found(answer)));
        judge(&etcd.finish())
    };
    // a and b have version 2, d has version 1.
    assert_eq!(judged(|found| found.kvs.swap(0, 1)).verdict, Verdict::Pass);
    assert_eq!(kinds(&judged(|found| found.kvs.swap(1, 2))), (Verdict::Violation, vec![("wrong_order", 1)]));
    assert_eq!(kinds(&judged(|found| found.kvs[1] = found.kvs[0].clone())), (Verdict::Violation, vec![("wrong_order", 1)]));
    assert_eq!(kinds(&judged(|found| drop(found.kvs.pop()))), (Verdict::Violation, vec![("missing_key", 1)]));
    assert_eq!(kinds(&judged(|found| found.kvs[0].version = 3)), (Verdict::Violation, vec![("wrong_value", 1)]));
    // Each key is correct and in order, but there are more of them than requested.
    let asked = || Request::Range(Range { limit: 1, ..range("a", "z") });
    let by_key = |request: Request| match request {
        Request::Range(range) => Request::Range(Range { sort: Sort { order: SortOrder::Descend, target: SortTarget::Key }, ..range }),
        other => other,
    };
    let beyond = |found: &mut RangeAnswer| found.kvs.push(shelf().key("b", 5).unwrap());
    assert_eq!(rejected(by_key(asked()), beyond).0, "phantom_key");
}

#[test]
fn what_a_write_reports_of_the_keys_before_it_is_judged() {
    let put_a = || Request::Put(Put { prev_kv: true, ..put("a", "5") });
    let delete_all = || Request::Delete(Delete { key: "a".into(), range_end: "z".into(), prev_kv: true });
    let judged = |request: Request, edit: fn(&mut AnswerBody)| {
        let mut etcd = shelf();
        etcd.call(2, request);
        etcd.edit_answer(|answer| edit(&mut answer.body));
        let finding = judge(&etcd.finish());
        finding.anomalies.first().map(|group| group.kind.clone())
    };
    let stale = |body: &mut AnswerBody| match body {
        AnswerBody::Put { prev_kv: Some(kv) } => kv.value = "1".into(),
        AnswerBody::Delete { prev_kvs, .. } => prev_kvs[1].value = "1".into(),
        other => panic!("{other:?}"),
    };
    for request in [put_a, delete_all] {
        assert_eq!(judged(request(), |_| ()), None);
        assert_eq!(judged(request(), stale).as_deref(), Some("wrong_value"));
    }
}

#[test]
fn nested_transactions_are_read_in_their_place() {
    let all = || TxnOp::Range(range("a", "z"));
    let nested = |success| TxnOp::Txn(Box::new(Txn { success, ..Txn::default() }));
    let request = || txn(vec![all(), nested(vec![TxnOp::Put(put("a", "9")), all()]), all()]);
    let mut etcd = shelf();
    etcd.call(2, request());
    let finding = judge(&etcd.finish());
    assert_eq!((kinds(&finding), finding.evidence["ranges"]), ((Verdict::Pass, vec![]), 3), "{finding:#?}");
    let mut etcd = shelf();
    etcd.call(2, request());
    etcd.edit_answer(|answer| {
        let AnswerBody::Txn { responses, .. } = &mut answer.body else { panic!("{answer:?}") };
        let TxnAnswerBody::Txn { responses, .. } = &mut responses[1].body else { panic!("{responses:?}") };
        let TxnAnswerBody::Range(found) = &mut responses[1].body else { panic!("{responses:?}") };
        found.kvs[0].value = "2".into();
    });
    assert_eq!(judge(&etcd.finish()).verdict, Verdict::Violation);
}

#[test]
fn a_valid_sale_passes() {
    let mut shop = Simulation::new(&Shape::default());
    for buyer in 1..20 {
        shop.buy(buyer, "ann", "e1", &[("pink", 1)], RequestOutcome::Answered);
    }
    let finding = judge(&shop.finish());
    assert_eq!(kinds(&finding), (Verdict::Pass, vec![]), "{finding:#?}");
}

/// The kind and explanation of the one anomaly, when the response to a read is edited.
fn rejected(request: Request, edit: impl FnOnce(&mut RangeAnswer)) -> (String, String) {
    let mut etcd = shelf();
    etcd.call(2, request);
    etcd.edit_answer(|answer| edit(found(answer)));
    let finding = judge(&etcd.finish());
    assert_eq!(finding.verdict, Verdict::Violation, "{finding:#?}");
    assert_eq!((finding.anomalies.len(), finding.anomalies[0].count), (1, 1));
    (finding.anomalies[0].kind.clone(), finding.anomalies[0].first.explanation.join(" "))
}

#[test]
fn whatever_is_wrong_with_a_response_is_found() {
    let all = || Request::Range(range("a", "z"));
    let serializable = || Request::Range(Range { serializable: true, ..range("a", "z") });
    let (kind, explanation) = rejected(serializable(), |found| found.kvs[0].value = "7".into());
    assert_eq!(kind, "wrong_value");
    assert!(explanation.contains("a is returned as version 2 of revision 3, `7`; it had version 2 of revision 3, `2`"), "{explanation}");
    assert_eq!(rejected(all(), |found| found.kvs[1].lease = 7).0, "wrong_value");
    assert_eq!(rejected(all(), |found| found.kvs[1].version = 7).0, "wrong_value");
    assert_eq!(rejected(all(), |found| found.kvs[1].create_revision = 7).0, "wrong_value");
    let (kind, explanation) = rejected(all(), |found| drop(found.kvs.remove(1)));
    assert_eq!(kind, "missing_key");
    assert!(explanation.contains("the response lacks b"), "{explanation}");
    assert_eq!(rejected(all(), |found| drop(found.kvs.pop())).0, "missing_key");
    let phantom = |found: &mut RangeAnswer| {
        let mut kv = found.kvs[1].clone();
        kv.key = "c".into();
        found.kvs.insert(2, kv);
    };
    assert_eq!(rejected(all(), phantom).0, "phantom_key");
    assert_eq!(rejected(Request::Range(range("c", "")), |found| found.kvs.push(shelf().key("c", 3).unwrap())).0, "phantom_key");
    assert_eq!(rejected(all(), |found| found.count += 1).0, "wrong_count");
    assert_eq!(rejected(all(), |found| found.more = true).0, "wrong_count");
    assert_eq!(rejected(Request::Range(Range { limit: 1, ..range("a", "z") }), |found| found.more = false).0, "wrong_count");
    assert_eq!(rejected(Request::Range(Range { count_only: true, ..range("a", "z") }), |found| found.count = 0).0, "wrong_count");
    assert_eq!(
        rejected(Request::Range(Range { revision: 2, ..range("a", "z") }), |found| found.kvs[0].value = "2".into()).0,
        "wrong_value"
    );
}

#[test]
fn two_states_in_one_response_are_torn() {
    let old = |key: &str, revision: Revision| shelf().key(key, revision).unwrap();
    let (kind, explanation) = rejected(Request::Range(range("a", "z")), |found| found.kvs[0] = old("a", 2));
    assert_eq!(kind, "torn_read");
    assert!(
        explanation.contains("a is returned as version 1 of revision 2, `1`; it had version 2 of revision 3, `2`; other keys"),
        "{explanation}"
    );
    // Also over several reads of one transaction.
    let both = txn(vec![TxnOp::Range(range("a", "")), TxnOp::Range(range("b", ""))]);
    assert_eq!(rejected(both, |found| found.kvs[0] = old("b", 2)).0, "torn_read");
    // A single old value is wrong, and not torn.
    assert_eq!(rejected(Request::Range(range("a", "")), |found| found.kvs[0] = old("a", 2)).0, "wrong_value");
}

#[test]
fn a_read_must_see_the_writes_before_it_in_its_own_transaction_and_no_others() {
    let request = || txn(vec![TxnOp::Put(put("a", "9")), TxnOp::Range(range("a", "z")), TxnOp::Put(put("e", "9"))]);
    assert_eq!(rejected(request(), |found| found.kvs[0] = shelf().key("a", 5).unwrap()).0, "torn_read");
    let mut later = shelf();
    later.call(1, Request::Put(put("e", "9")));
    let early = later.key("e", 6).unwrap();
    assert_eq!(rejected(request(), |found| found.kvs.push(early)).0, "phantom_key");
}

#[test]
fn a_deletion_counts_what_was_there() {
    let mut etcd = shelf();
    etcd.call(1, Request::Delete(Delete { key: "a".into(), range_end: "z".into(), ..Delete::default() }));
    etcd.edit_answer(|answer| answer.body = AnswerBody::Delete { deleted: 2, prev_kvs: Vec::new() });
    etcd.call(1, Request::Range(range("a", "")));
    assert_eq!(kinds(&judge(&etcd.finish())), (Verdict::Violation, vec![("wrong_count", 1)]));
}

#[test]
fn without_a_read_nothing_is_judged() {
    assert_eq!(kinds(&judge(&shelf().finish())), (Verdict::Unknown, vec![]));
}
