use super::Serializable;
use crate::core::engine::Judge;
use crate::core::verdict::{Finding, Verdict};
use crate::testing::{Etcd, Record};
use ticketcd_history::MemberIndex;
use ticketcd_history::event::{Event, MemberChange, MemberEvent};
use ticketcd_history::request::{Put, Range, Request, Txn, TxnOp};

fn judge(record: &Record) -> Finding {
    found(record).unwrap()
}

fn found(record: &Record) -> Option<Finding> {
    let mut judge = Judge::new(&record.info, vec![Box::new(Serializable::default())]);
    record.events.iter().for_each(|event| judge.observe(event));
    judge.finish(None).findings.into_iter().find(|finding| finding.name == "serializable")
}

fn kinds(finding: &Finding) -> (Verdict, Vec<(&str, u64)>) {
    (finding.verdict, finding.anomalies.iter().map(|group| (group.kind.as_str(), group.count)).collect())
}

fn put() -> Request {
    Request::Put(Put { key: "a".into(), value: "1".into(), ..Put::default() })
}

fn serializable() -> Range {
    Range { key: "a".into(), serializable: true, ..Range::default() }
}

fn read() -> Request {
    Request::Range(serializable())
}

/// Revision 5 was written by worker 3 at m1.
fn busy() -> Etcd {
    let mut etcd = Etcd::default();
    (0..4).for_each(|_| drop(etcd.call(3, put())));
    etcd
}

#[test]
fn other_members_may_be_behind() {
    let mut etcd = busy();
    for revision in [2, 3, 3, 5] {
        etcd.call_at(1, read(), revision);
        etcd.call_at(1, Request::Txn(Txn { success: vec![TxnOp::Range(serializable())], ..Txn::default() }), revision);
    }
    // Old because an old revision was requested.
    etcd.call(1, Request::Range(Range { revision: 2, ..serializable() }));
    let finding = judge(&etcd.finish());
    assert_eq!(kinds(&finding), (Verdict::Pass, vec![]), "{finding:#?}");
    assert_eq!((finding.evidence["reads_judged"], finding.evidence["reads_compared"]), (8, 7));
}

#[test]
fn a_member_does_not_go_back_for_any_client() {
    let mut etcd = busy();
    etcd.call_at(6, read(), 4);
    let finding = judge(&etcd.finish());
    assert_eq!(kinds(&finding), (Verdict::Violation, vec![("member_went_back", 1)]));
    let anomaly = &finding.anomalies[0].first;
    assert_eq!((anomaly.severity, anomaly.members.as_slice()), (1, &["m1".to_owned()][..]));
    // A transaction of serializable reads only counts, too.
    let mut etcd = busy();
    etcd.call_at(6, Request::Txn(Txn { success: vec![TxnOp::Range(serializable())], ..Txn::default() }), 4);
    assert_eq!(kinds(&judge(&etcd.finish())).1, [("member_went_back", 1)]);
}

#[test]
fn a_restarted_member_may_have_to_catch_up() {
    let mut etcd = busy();
    let change = MemberChange::Started { incarnation: 2, pid: 2 };
    etcd.record(|at| Event::Member(MemberEvent { member: MemberIndex(0), at, change }));
    etcd.call_at(6, read(), 2);
    etcd.call_at(3, read(), 3);
    let mut valid = judge(&etcd.finish());
    assert_eq!(kinds(&valid), (Verdict::Pass, vec![]), "{valid:#?}");
    assert_eq!(valid.evidence.remove("reads_compared"), Some(1));
}

#[test]
fn what_was_under_way_at_a_restart_is_not_compared() {
    let mut etcd = busy();
    etcd.call_at(6, read(), 2);
    let change = MemberChange::Started { incarnation: 2, pid: 2 };
    etcd.record(|at| Event::Member(MemberEvent { member: MemberIndex(0), at, change }));
    // The restart is recorded between request and response.
    let end = etcd.events.len();
    etcd.events.swap(end - 2, end - 1);
    assert_eq!(kinds(&judge(&etcd.finish())), (Verdict::Pass, vec![]));
}

#[test]
fn a_revision_that_never_was_cannot_be_read() {
    let mut etcd = busy();
    etcd.call(1, read());
    etcd.edit_answer(|answer| answer.revision = 9);
    let finding = judge(&etcd.finish());
    assert_eq!(kinds(&finding), (Verdict::Violation, vec![("beyond_what_exists", 1)]));
    assert_eq!(finding.anomalies[0].first.severity, 4);
}

#[test]
fn without_such_a_read_nothing_is_judged() {
    assert_eq!(found(&busy().finish()), None);
}
