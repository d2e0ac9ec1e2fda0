use super::Sessions;
use crate::core::engine::Judge;
use crate::core::verdict::{Finding, Verdict};
use crate::testing::{Etcd, Record, RequestOutcome, Shape, Simulation};
use ticketcd_history::call::Invoke;
use ticketcd_history::event::{Event, MemberChange, MemberEvent};
use ticketcd_history::request::{Put, Range, Request, Txn, TxnOp};
use ticketcd_history::{MemberIndex, Revision};

fn judge(record: &Record) -> Finding {
    let mut judge = Judge::new(&record.info, vec![Box::new(Sessions::new(&record.info))]);
    record.events.iter().for_each(|event| judge.observe(event));
    judge.finish(None).findings.into_iter().find(|finding| finding.name == "sessions").unwrap()
}

fn kinds(finding: &Finding) -> (Verdict, Vec<(&str, u64)>) {
    (finding.verdict, finding.anomalies.iter().map(|group| (group.kind.as_str(), group.count)).collect())
}

fn put() -> Request {
    Request::Put(Put { key: "a".into(), value: "1".into(), ..Put::default() })
}

fn read() -> Request {
    Request::Range(Range { key: "a".into(), ..Range::default() })
}

fn serializable() -> Request {
    Request::Range(Range { key: "a".into(), serializable: true, ..Range::default() })
}

fn restarted(etcd: &mut Etcd, member: u8) {
    let change = MemberChange::Started { incarnation: 2, pid: 2 };
    etcd.record(|at| Event::Member(MemberEvent { member: MemberIndex(member), at, change }));
}

/// Worker 1 has written revision 5 and read revision 6, at m2.
fn busy() -> Etcd {
    let mut etcd = Etcd::default();
    (0..4).for_each(|_| drop(etcd.call(1, put())));
    etcd.call(2, put());
    etcd.call(1, read());
    etcd
}

/// A call of worker 1 with a revision.
fn next(request: Request, revision: Revision) -> (Verdict, Vec<(String, u64)>) {
    let mut etcd = busy();
    etcd.call(1, request);
    etcd.edit_answer(|answer| answer.revision = revision);
    let finding = judge(&etcd.finish());
    (finding.verdict, finding.anomalies.into_iter().map(|group| (group.kind, group.count)).collect())
}

#[test]
fn valid_histories_pass() {
    let mut etcd = busy();
    // Another worker, and a read at an old revision, may see what is older.
    etcd.call_at(3, read(), 2);
    etcd.call(1, Request::Range(Range { key: "a".into(), revision: 2, ..Range::default() }));
    etcd.call(1, Request::Txn(Txn { success: vec![TxnOp::Range(Range { key: "a".into(), ..Range::default() })], ..Txn::default() }));
    etcd.call(1, put());
    let finding = judge(&etcd.finish());
    assert_eq!(kinds(&finding), (Verdict::Pass, vec![]), "{finding:#?}");
    let mut shop = Simulation::new(&Shape::default());
    for buyer in 1..9 {
        shop.buy(buyer % 3, "ann", "e1", &[("pink", 1)], RequestOutcome::Answered);
    }
    assert_eq!(kinds(&judge(&shop.finish())), (Verdict::Pass, vec![]));
}

#[test]
fn each_guarantee_is_named() {
    let kinds = |names: &[&str]| (Verdict::Violation, names.iter().map(|name| ((*name).to_owned(), 1)).collect::<Vec<_>>());
    assert_eq!(next(read(), 6), (Verdict::Pass, vec![]));
    assert_eq!(next(read(), 5), kinds(&["read_went_back"]));
    assert_eq!(next(read(), 4), kinds(&["read_went_back", "own_write_missed"]));
    assert_eq!(next(put(), 6), kinds(&["write_before_read"]));
    assert_eq!(next(put(), 5), kinds(&["writes_out_of_order", "write_before_read"]));
    let mut etcd = Etcd::default();
    (0..4).for_each(|_| drop(etcd.call(1, put())));
    etcd.call_at(1, read(), 3);
    let finding = judge(&etcd.finish());
    assert_eq!(finding.anomalies[0].kind, "own_write_missed");
    let explanation = finding.anomalies[0].first.explanation.join(" ");
    assert!(explanation.contains("worker 1 had written revision 5") && explanation.contains("read at revision 3"), "{explanation}");
}

#[test]
fn serializable_reads_are_monotonic_at_one_member_while_its_process_lives() {
    assert_eq!(next(serializable(), 6).0, Verdict::Pass);
    assert_eq!(next(serializable(), 5).1, [("serializable_read_went_back".to_owned(), 1)]);
    let mut elsewhere = busy();
    elsewhere.call_at(1, serializable(), 2);
    let record = elsewhere.finish();
    for is_elsewhere in [true, false] {
        let mut record = record.clone();
        let last = record.events.iter_mut().rev().find_map(|event| match event {
            Event::Invoke(invoke) => Some(invoke),
            _ => None,
        });
        let Invoke { member, .. } = last.unwrap();
        *member = MemberIndex(if is_elsewhere { 2 } else { 1 });
        assert_eq!(judge(&record).verdict, if is_elsewhere { Verdict::Pass } else { Verdict::Violation });
    }
    let mut again = busy();
    restarted(&mut again, 1);
    again.call_at(1, serializable(), 2);
    again.call_at(1, serializable(), 3);
    assert_eq!(kinds(&judge(&again.finish())), (Verdict::Pass, vec![]));
    let mut back = busy();
    restarted(&mut back, 1);
    back.call_at(1, serializable(), 3);
    back.call_at(1, serializable(), 2);
    assert_eq!(kinds(&judge(&back.finish())), (Verdict::Violation, vec![("serializable_read_went_back", 1)]));
}

#[test]
fn one_answer_is_no_session() {
    let mut etcd = Etcd::default();
    etcd.call(1, put());
    assert_eq!(kinds(&judge(&etcd.finish())), (Verdict::Unknown, vec![]));
}
