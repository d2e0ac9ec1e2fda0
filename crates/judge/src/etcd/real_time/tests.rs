use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::RealTime;
use crate::core::engine::Judge;
use crate::core::verdict::{Finding, Verdict};
use crate::testing::{Etcd, RequestOutcome, Shape, Simulation, run_info};
use ticketcd_history::annotation::Purpose;
use ticketcd_history::call::{CallId, CallOutcome, Invoke, Return};
use ticketcd_history::event::Event;
use ticketcd_history::request::{Answer, AnswerBody, Put, Range, RangeAnswer, Request, Txn, TxnAnswer, TxnAnswerBody, TxnOp};
use ticketcd_history::{MemberIndex, Nanos, OrderKey, Revision};

/// Operations, each by its own worker.
#[derive(Default)]
struct History {
    events: Vec<Event>,
    workers: u32,
}

impl History {
    fn call(mut self, (sent, done): (Nanos, Nanos), request: Request, revision: Revision, body: AnswerBody) -> Self {
        self.workers += 1;
        let id = CallId { worker: self.workers, sequence: 1 };
        let member = MemberIndex((self.workers % 3) as u8);
        let orders = vec![OrderKey { buyer: self.workers, sequence: 1 }];
        self.events.push(Event::Invoke(Invoke { id, member, sent, purpose: Purpose::Purchase, orders, request }));
        let outcome = CallOutcome::Ok(Answer { member_id: 1, revision, raft_term: 2, body });
        self.events.push(Event::Return(Return { id, done, outcome }));
        self
    }

    fn put(self, time: (Nanos, Nanos), revision: Revision) -> Self {
        self.call(time, Request::Put(Put::default()), revision, AnswerBody::Put { prev_kv: None })
    }

    fn range(self, time: (Nanos, Nanos), range: Range, revision: Revision) -> Self {
        self.call(time, Request::Range(range), revision, AnswerBody::Range(RangeAnswer::default()))
    }

    /// A transaction of a range and, optionally, a put.
    fn txn(self, time: (Nanos, Nanos), (range, at): (Range, Revision), wrote: bool, revision: Revision) -> Self {
        let mut success = vec![TxnOp::Range(range)];
        let mut responses = vec![TxnAnswer { revision: at, body: TxnAnswerBody::Range(RangeAnswer::default()) }];
        if wrote {
            success.push(TxnOp::Put(Put::default()));
            responses.push(TxnAnswer { revision, body: TxnAnswerBody::Put { prev_kv: None } });
        }
        let body = AnswerBody::Txn { succeeded: true, responses };
        self.call(time, Request::Txn(Txn { success, ..Txn::default() }), revision, body)
    }

    fn judge(&self) -> Finding {
        judge(&self.events)
    }
}

fn judge(events: &[Event]) -> Finding {
    let info = run_info(&Shape::default());
    let mut judge = Judge::new(&info, vec![Box::new(RealTime::new(&info))]);
    events.iter().for_each(|event| judge.observe(event));
    judge.finish(None).findings.into_iter().find(|finding| finding.name == "real_time").unwrap()
}

fn verdict(finding: &Finding) -> (Verdict, Vec<(&str, u64)>) {
    (finding.verdict, finding.anomalies.iter().map(|group| (group.kind.as_str(), group.count)).collect())
}

fn newest() -> Range {
    Range::default()
}

fn serializable() -> Range {
    Range { serializable: true, ..Range::default() }
}

fn at_revision(revision: Revision) -> Range {
    Range { revision, ..Range::default() }
}

#[test]
fn a_valid_history_passes() {
    let mut shop = Simulation::new(&Shape::default());
    shop.buy(1, "ann", "e1", &[("pink", 2)], RequestOutcome::Answered);
    shop.buy(2, "bob", "e1", &[("pink", 1)], RequestOutcome::UnknownApplied);
    shop.buy(3, "cid", "e1", &[("pink", 1)], RequestOutcome::Answered);
    let finding = judge(&shop.finish().events);
    assert_eq!(verdict(&finding), (Verdict::Pass, vec![]), "{finding:#?}");
    assert!(finding.evidence["operations_compared"] >= 5);
}

#[test]
fn a_read_that_misses_an_answered_write_is_stale() {
    let finding = History::default().put((10, 20), 7).range((21, 30), newest(), 6).judge();
    assert_eq!(verdict(&finding), (Verdict::Violation, vec![("stale_read", 1)]));
    let anomaly = &finding.anomalies[0].first;
    assert_eq!((anomaly.severity, anomaly.revision), (1, Some(6)));
    assert_eq!(
        (anomaly.orders.as_slice(), anomaly.members.as_slice()),
        (&["r1-1-1".into(), "r1-2-1".into()][..], &["m2".into(), "m3".into()][..])
    );
    assert!(anomaly.explanation[0].contains("the put 1/1") && anomaly.explanation[1].contains("the read 2/1"), "{:?}", anomaly.explanation);
}

#[test]
fn the_worst_of_all_answers_before_is_the_bound_in_whatever_order_they_are_recorded() {
    let finding = History::default().range((50, 60), newest(), 8).put((30, 41), 9).put((10, 45), 5).judge();
    assert_eq!(verdict(&finding), (Verdict::Violation, vec![("stale_read", 1)]));
    assert_eq!(finding.anomalies[0].first.severity, 1);
}

#[test]
fn operations_that_overlap_are_in_any_order() {
    let finding = History::default().put((10, 20), 3).put((15, 30), 9).range((20, 40), newest(), 3).range((30, 40), newest(), 3).judge();
    assert_eq!(verdict(&finding), (Verdict::Pass, vec![]), "{finding:#?}");
    let alone = History::default().put((10, 20), 3).range((20, 40), newest(), 2).judge();
    assert_eq!(verdict(&alone), (Verdict::Unknown, vec![]), "nothing started after another had completed: {alone:#?}");
}

#[test]
fn a_write_must_go_beyond_what_was_answered_before_it() {
    let equal = History::default().range((10, 20), newest(), 7).put((21, 30), 7).judge();
    assert_eq!(verdict(&equal), (Verdict::Violation, vec![("write_went_back", 1)]));
    let beyond = History::default().range((10, 20), newest(), 7).put((21, 30), 8).range((31, 40), newest(), 8).judge();
    assert_eq!(verdict(&beyond), (Verdict::Pass, vec![]));
}

#[test]
fn what_may_be_old_is_not_judged_but_it_raises_the_bound() {
    let old = History::default().put((10, 20), 7).range((21, 30), serializable(), 3).range((21, 30), at_revision(2), 3);
    let old = old.txn((21, 30), (serializable(), 3), false, 3).txn((21, 30), (at_revision(2), 2), false, 3);
    let empty = AnswerBody::Txn { succeeded: true, responses: Vec::new() };
    let old = old.call((21, 30), Request::Txn(Txn::default()), 3, empty);
    let lease = AnswerBody::Lease { id: 1, ttl: 5 };
    let old = old.call((21, 30), Request::LeaseGrant { id: 1, ttl: 5 }, 3, lease);
    assert_eq!(verdict(&old.judge()), (Verdict::Unknown, vec![]));
    let raised = History::default().range((10, 20), serializable(), 7).range((21, 30), newest(), 6).judge();
    assert_eq!(verdict(&raised).1, [("stale_read", 1)]);
}

#[test]
fn a_range_in_a_transaction_is_judged_at_its_own_revision() {
    // A get before a put has the revision before the put.
    let legal = History::default().put((10, 20), 7).txn((21, 30), (newest(), 7), true, 8).judge();
    assert_eq!(verdict(&legal), (Verdict::Pass, vec![]), "{legal:#?}");
    let stale = History::default().put((10, 20), 7).txn((21, 30), (newest(), 5), true, 8).judge();
    assert_eq!(verdict(&stale), (Verdict::Violation, vec![("stale_read", 1)]));
    let reading = History::default().put((10, 20), 7).txn((21, 30), (newest(), 6), false, 7).judge();
    assert_eq!(verdict(&reading), (Verdict::Violation, vec![("stale_read", 1)]));
}

#[test]
fn what_was_recorded_late_rejects_what_was_judged_before_it_came() {
    // The put's response came before the reads were sent, and was recorded after them.
    let reads = History::default().range((30, 40), newest(), 6).range((50, 60), newest(), 7).range((31, 41), newest(), 6);
    let finding = reads.put((10, 20), 7).judge();
    assert_eq!(verdict(&finding).0, Verdict::Violation);
    let anomaly = &finding.anomalies[0];
    // Of two that are equally wrong the later is kept.
    assert_eq!((anomaly.kind.as_str(), anomaly.count, anomaly.first.revision), ("stale_read", 1, Some(6)));
    assert!(anomaly.first.explanation[0].contains("the put 4/1") && anomaly.first.explanation[1].contains("the read 3/1"), "{anomaly:?}");
    // A write at the same revision is wrong, a read is not.
    let finding = History::default().put((30, 40), 7).range((30, 40), newest(), 7).put((10, 20), 7).judge();
    assert_eq!(verdict(&finding), (Verdict::Violation, vec![("write_went_back", 1)]));
}

#[test]
fn a_quadratic_comparison_agrees_on_histories_in_any_order() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut draw = move |below: u64| random.next_u64() % below;
    let (mut rejected, mut accepted) = (0, 0);
    for _ in 0..3_000 {
        let mut history = History::default();
        let mut operations = Vec::new();
        for _ in 0..2 + draw(7) {
            let sent = draw(40);
            let (done, revision, wrote) = (sent + draw(12), 2 + sent as Revision / 6 + draw(3) as Revision, draw(2) == 0);
            operations.push((sent, done, revision, wrote));
            let time = (sent, done);
            history = if wrote { history.put(time, revision) } else { history.range(time, newest(), revision) };
        }
        let wrong = operations.iter().any(|(sent, _, revision, wrote)| {
            operations.iter().any(|(_, done, known, _)| done < sent && *known > revision - Revision::from(*wrote))
        });
        let verdict = history.judge().verdict;
        assert_eq!(verdict == Verdict::Violation, wrong, "{operations:?}");
        (rejected, accepted) = (rejected + u32::from(wrong), accepted + u32::from(!wrong));
    }
    assert!(rejected > 200 && accepted > 200, "{rejected} {accepted}");
}

#[test]
fn an_answer_of_what_never_existed_is_the_cause_of_what_looks_old_beside_it() {
    let mut etcd = Etcd::default();
    let put = || Request::Put(Put { key: "a".into(), value: "1".into(), ..Put::default() });
    etcd.call(1, put());
    etcd.call(2, Request::Range(Range { key: "a".into(), ..Range::default() }));
    etcd.edit_answer(|answer| answer.revision = 90);
    (1..4).for_each(|worker| drop(etcd.call(worker, put())));
    let record = etcd.finish();
    let judge = |events: &[Event]| {
        let mut judge = Judge::new(&record.info, vec![Box::new(RealTime::new(&record.info))]);
        events.iter().for_each(|event| judge.observe(event));
        judge.finish(None).findings.into_iter().find(|finding| finding.name == "real_time").unwrap()
    };
    let finding = judge(&record.events);
    let found = finding.anomalies.iter().map(|group| (group.kind.as_str(), group.count, group.consequence_of.as_deref()));
    let cause = "a response that named revision 90, which never existed";
    assert_eq!(found.collect::<Vec<_>>(), [("beyond_what_exists", 1, None), ("write_went_back", 3, Some(cause))]);
    assert_eq!(finding.verdict, Verdict::Violation);
    // In a truncated record, what is missing may have existed.
    let finding = judge(&record.events[..record.events.len() - 1]);
    assert_eq!(finding.anomalies.iter().map(|group| group.kind.as_str()).collect::<Vec<_>>(), ["write_went_back"]);
}
