use super::Authorship;
use crate::core::engine::Judge;
use crate::core::key_space::WINDOW;
use crate::core::verdict::{Finding, Verdict};
use crate::testing::{Etcd, Record, RequestOutcome, Shape, Simulation};
use ticketcd_history::event::Event;
use ticketcd_history::request::{
    AnswerBody, Delete, Guard, GuardTarget, Put, Range, Relation, Request, Txn, TxnAnswer, TxnAnswerBody, TxnOp,
};
use ticketcd_history::watch::{WatchBatch, WatchBody};
use ticketcd_history::{Blob, MemberIndex};

fn judge(record: &Record) -> Finding {
    found(record).unwrap()
}

fn found(record: &Record) -> Option<Finding> {
    let mut judge = Judge::new(&record.info, vec![Box::new(Authorship::new(&record.info))]);
    record.events.iter().for_each(|event| judge.observe(event));
    judge.finish(None).findings.into_iter().find(|finding| finding.name == "authorship")
}

fn kinds(finding: &Finding) -> (Verdict, Vec<(&str, u64)>) {
    (finding.verdict, finding.anomalies.iter().map(|group| (group.kind.as_str(), group.count)).collect())
}

fn explanation_of(finding: &Finding) -> String {
    finding.anomalies[0].first.explanation.join(" ")
}

fn put(key: &str, value: &str) -> Put {
    Put { key: key.into(), value: value.into(), ..Put::default() }
}

fn leased(key: &str, lease: i64) -> Request {
    Request::Put(Put { lease, ..put(key, "alive") })
}

fn txn(puts: &[(&str, &str)]) -> Request {
    let success = puts.iter().map(|(key, value)| TxnOp::Put(put(key, value))).collect();
    Request::Txn(Txn { success, ..Txn::default() })
}

fn delete(key: &str, end: &str) -> Request {
    Request::Delete(Delete { key: key.into(), range_end: end.into(), ..Delete::default() })
}

/// Every kind of author there is.
fn everybody() -> Etcd {
    let mut etcd = Etcd::default();
    etcd.call(1, txn(&[("a", "1"), ("b", "1"), ("c", "1")]));
    etcd.call(2, Request::Put(put("a", "2")));
    etcd.unanswered(3, txn(&[("b", "3"), ("a", "3")]), true);
    etcd.unanswered(3, txn(&[("b", "lost")]), false);
    etcd.refused(3, txn(&[("b", "refused")]), false);
    // The same batch twice: two attempts, two revisions.
    etcd.unanswered(4, Request::Put(put("c", "again")), true);
    etcd.unanswered(4, Request::Put(put("c", "again")), true);
    etcd.call(5, leased("alive", 7));
    etcd.call(5, leased("alive-too", 7));
    etcd.expire(7);
    etcd.call(6, Request::Lock { name: "lock".into(), lease: 8 });
    etcd.call(6, delete("lock/8", ""));
    etcd.unanswered(6, Request::Lock { name: "lock".into(), lease: 9 }, true);
    etcd.expire(9);
    etcd.call(1, delete("a", "c"));
    etcd.call(1, delete("a", "c"));
    etcd.unanswered(1, delete("c", ""), true);
    let absent = Guard { key: "d".into(), range_end: Blob::default(), target: GuardTarget::Version(0), relation: Relation::Equal };
    let branches = |value: &str| Txn {
        guards: vec![absent.clone()],
        success: vec![TxnOp::Put(put("d", value)), TxnOp::Range(Range { key: "d".into(), ..Range::default() })],
        failure: vec![
            TxnOp::Put(put("e", value)),
            TxnOp::Delete(Delete { key: "d".into(), range_end: Blob::default(), ..Delete::default() }),
        ],
    };
    etcd.unanswered(1, Request::Txn(branches("first")), true);
    etcd.unanswered(2, Request::Txn(branches("second")), true);
    etcd.call(3, Request::Txn(branches("third")));
    etcd
}

#[test]
fn every_kind_of_author_is_found() {
    let finding = judge(&everybody().finish());
    assert_eq!(kinds(&finding), (Verdict::Pass, vec![]), "{finding:#?}");
    let counted = |name: &str| finding.evidence[name];
    assert_eq!((counted("revisions"), counted("acknowledged"), counted("leases_ended")), (17, 7, 2), "{:?}", finding.evidence);
    assert_eq!(counted("resolved_attempts"), 8);
}

#[test]
fn a_valid_sale_has_an_author_for_every_revision() {
    let mut shop = Simulation::new(&Shape::default());
    let fates = [
        RequestOutcome::Answered,
        RequestOutcome::UnknownApplied,
        RequestOutcome::UnknownNotApplied,
        RequestOutcome::Refused,
        RequestOutcome::NeverEnded,
    ];
    for (buyer, fate) in (1..).zip(fates) {
        shop.buy(buyer, "ann", "e1", &[("pink", 1)], fate);
    }
    let fault = shop.inject("kill", MemberIndex(1));
    shop.buy(9, "bob", "e2", &[("yellow", 1)], RequestOutcome::Answered);
    shop.heal(fault, MemberIndex(1));
    let finding = judge(&shop.finish());
    assert_eq!(kinds(&finding), (Verdict::Pass, vec![]), "{finding:#?}");
}

#[test]
fn a_revision_that_no_call_sent_is_unauthored() {
    let mut etcd = everybody();
    let revision = etcd.write(vec![("ghost".into(), Some(put("ghost", "boo")))]);
    let finding = judge(&etcd.finish());
    assert_eq!(kinds(&finding), (Verdict::Violation, vec![("unauthored", 1)]));
    let anomaly = &finding.anomalies[0].first;
    assert_eq!((anomaly.revision, anomaly.keys.as_slice()), (Some(revision), &["ghost".to_owned()][..]));
    assert!(explanation_of(&finding).contains("it changes ghost."), "{}", explanation_of(&finding));
    // A deletion of keys of two leases is not the end of a lease.
    let mut etcd = everybody();
    etcd.call(1, leased("x", 1));
    etcd.call(1, leased("y", 2));
    etcd.write(vec![("x".into(), None), ("y".into(), None)]);
    assert_eq!(kinds(&judge(&etcd.finish())), (Verdict::Violation, vec![("unauthored", 1)]));
}

#[test]
fn what_was_acknowledged_must_be_what_is_there() {
    let alter = |request: Request, edit: &dyn Fn(&mut Vec<ticketcd_history::watch::WatchEvent>)| {
        let mut etcd = everybody();
        etcd.call(1, txn(&[("k", "0"), ("l", "0")]));
        etcd.call(1, request);
        let mut batches = etcd.events.iter_mut().rev();
        let last = batches.find_map(|event| match event {
            Event::WatchBatch(WatchBatch { body: WatchBody::Events(events), .. }) => Some(events),
            _ => None,
        });
        edit(last.unwrap());
        let finding = judge(&etcd.finish());
        assert_eq!(kinds(&finding), (Verdict::Violation, vec![("altered", 1)]));
        explanation_of(&finding)
    };
    let both = || txn(&[("k", "1"), ("l", "1")]);
    assert!(alter(both(), &|events| events[1].kv.value = "9".into()).contains("l was put as `1` and stored as `9`"));
    assert!(alter(both(), &|events| events[1].kv.lease = 3).contains("l was put with lease 0 and stored with lease 3"));
    assert!(alter(both(), &|events| events[1].kv.version = 7).contains("l must be version 2"));
    assert!(alter(both(), &|events| drop(events.pop())).contains("the put of l is missing"));
    assert!(alter(both(), &|events| events.swap(0, 1)).contains("it changes l where k was put"));
    assert!(alter(delete("k", "m"), &|events| drop(events.pop())).contains("the deletion of l is missing"));
    let further = alter(Request::Put(put("k", "1")), &|events| {
        let mut event = events[0].clone();
        event.kv.key = "m".into();
        events.push(event);
    });
    assert!(further.contains("it contains a put of m, which was not sent"), "{further}");
}

#[test]
fn one_attempt_writes_once() {
    let mut etcd = everybody();
    etcd.unanswered(1, txn(&[("k", "once")]), true);
    etcd.write(vec![("k".into(), Some(put("k", "once")))]);
    let finding = judge(&etcd.finish());
    assert_eq!(kinds(&finding), (Verdict::Violation, vec![("twice_applied", 1)]));
    assert!(explanation_of(&finding).contains("had already written revision"), "{}", explanation_of(&finding));
    let mut etcd = everybody();
    etcd.call(1, txn(&[("k", "once")]));
    etcd.write(vec![("k".into(), Some(put("k", "once")))]);
    let finding = judge(&etcd.finish());
    assert_eq!(kinds(&finding), (Verdict::Violation, vec![("twice_applied", 1)]));
    assert!(explanation_of(&finding).contains("no call sent it a second time"), "{}", explanation_of(&finding));
}

#[test]
fn two_writes_cannot_have_one_revision() {
    let mut etcd = everybody();
    let first = etcd.call(1, Request::Put(put("k", "1")));
    etcd.call(2, Request::Put(put("k", "2")));
    etcd.edit_answer(|answer| answer.revision = first.revision);
    let finding = judge(&etcd.finish());
    assert_eq!(kinds(&finding).0, Verdict::Violation);
    assert!(finding.anomalies.iter().any(|group| group.kind == "two_authors" && group.count == 1), "{finding:#?}");
}

#[test]
fn a_write_that_is_acknowledged_but_in_no_revision_is_absent() {
    let mut etcd = everybody();
    let reached = etcd.revision();
    etcd.call(1, Request::Range(Range { key: "k".into(), ..Range::default() }));
    // The response is a put's, and nothing was written.
    for event in etcd.events.iter_mut().rev().take(2) {
        match event {
            Event::Invoke(invoke) => invoke.request = Request::Put(put("k", "1")),
            Event::Return(_) => {}
            other => panic!("{other:?}"),
        }
    }
    etcd.edit_answer(|answer| {
        answer.revision = reached + 1;
        answer.body = AnswerBody::Put { prev_kv: None };
    });
    let finding = judge(&etcd.finish());
    assert_eq!(kinds(&finding), (Verdict::Violation, vec![("acknowledged_but_absent", 1)]));
}

/// Revision 1 has no author, and no later revision shows that this one is missing.
#[test]
fn a_write_of_the_revision_before_the_first_is_absent() {
    for writes_later in [false, true] {
        let mut etcd = Etcd::default();
        etcd.call(1, compare_and_set("k", "1", "2"));
        let put = |revision| TxnAnswer { revision, body: TxnAnswerBody::Put { prev_kv: None } };
        etcd.edit_answer(|answer| answer.body = AnswerBody::Txn { succeeded: true, responses: vec![put(answer.revision)] });
        if writes_later {
            etcd.call(2, Request::Put(self::put("k", "3")));
        }
        let finding = judge(&etcd.finish());
        assert_eq!(kinds(&finding), (Verdict::Violation, vec![("acknowledged_but_absent", 1)]));
        assert!(explanation_of(&finding).contains("was acknowledged with revision 1."), "{}", explanation_of(&finding));
    }
}

#[test]
fn what_was_refused_must_not_be_there() {
    let mut etcd = everybody();
    etcd.refused(1, txn(&[("k", "no")]), true);
    let finding = judge(&etcd.finish());
    assert_eq!(kinds(&finding), (Verdict::Violation, vec![("refused_but_written", 1)]));
}

#[test]
fn without_the_record_of_every_write_nothing_is_judged() {
    let mut record = everybody().finish();
    record.info.testbed.owns_key_space = false;
    assert_eq!(found(&record), None);
    // Truncated: the author's request may be missing with the rest.
    let mut etcd = everybody();
    etcd.write(vec![("ghost".into(), Some(put("ghost", "boo")))]);
    let mut record = etcd.finish();
    record.events.pop();
    assert_eq!(kinds(&judge(&record)), (Verdict::Unknown, vec![]));
    // A gap in the log: what follows is not evidence.
    let mut etcd = everybody();
    let missing = etcd.call(1, Request::Put(put("k", "1"))).revision;
    etcd.write(vec![("ghost".into(), Some(put("ghost", "boo")))]);
    let mut record = etcd.finish();
    record.drop_revision(missing);
    assert_eq!(kinds(&judge(&record)), (Verdict::Unknown, vec![]));
}

fn holds(key: &str, value: &str) -> Guard {
    Guard { key: key.into(), range_end: Blob::default(), target: GuardTarget::Value(value.into()), relation: Relation::Equal }
}

fn compare_and_set(key: &str, from: &str, to: &str) -> Request {
    Request::Txn(Txn { guards: vec![holds(key, from)], success: vec![TxnOp::Put(put(key, to))], failure: Vec::new() })
}

/// The last response reports that the compares did not hold and nothing was written.
fn deny(etcd: &mut Etcd) {
    etcd.edit_answer(|answer| answer.body = AnswerBody::Txn { succeeded: false, responses: Vec::new() });
}

#[test]
fn an_attempt_whose_nested_transactions_go_too_many_ways_may_have_written_anything() {
    let nested = |number: usize| {
        let (success, failure) =
            (vec![TxnOp::Put(put(&format!("yes/{number}"), "1"))], vec![TxnOp::Put(put(&format!("no/{number}"), "1"))]);
        TxnOp::Txn(Box::new(Txn { guards: vec![holds("nothing", "1")], success, failure }))
    };
    for count in [1, 3, 8] {
        let mut etcd = everybody();
        let success = (0..count).map(nested).collect();
        etcd.unanswered(1, Request::Txn(Txn { success, ..Txn::default() }), true);
        let finding = judge(&etcd.finish());
        assert_eq!(kinds(&finding), (Verdict::Pass, vec![]), "{count}: {finding:#?}");
    }
    // One such attempt writes one revision: a second one has no author.
    let mut etcd = everybody();
    etcd.unanswered(1, Request::Txn(Txn { success: (0..8).map(nested).collect(), ..Txn::default() }), true);
    etcd.write(vec![("ghost".into(), Some(put("ghost", "boo")))]);
    assert_eq!(kinds(&judge(&etcd.finish())).0, Verdict::Violation);
}

#[test]
fn compares_that_did_not_hold_exclude_an_attempt() {
    // A compare-and-set was applied, and its response reports that it was not. The attempt wrote the same, from another value.
    let denied = |lost: Request, refused: bool| {
        let mut etcd = everybody();
        etcd.call(1, Request::Put(put("k", "3")));
        if refused {
            etcd.refused(2, lost, false);
        } else {
            etcd.unanswered(2, lost, false);
        }
        etcd.call(1, compare_and_set("k", "3", "1"));
        deny(&mut etcd);
        judge(&etcd.finish())
    };
    for (refused, end) in [(false, "whose outcome is unknown"), (true, "which failed with a definite error")] {
        let finding = denied(compare_and_set("k", "1", "1"), refused);
        assert_eq!(kinds(&finding), (Verdict::Violation, vec![("unauthored", 1)]));
        let explanation = explanation_of(&finding);
        for words in ["call 2/3 (worker/call) at m3", end, "required the value of k = `1`; at revision", "k was version 1", "held `3`."] {
            assert!(explanation.contains(words), "{words}: {explanation}");
        }
    }
    // This one may have written it, so nothing is reported.
    assert_eq!(kinds(&denied(compare_and_set("k", "3", "1"), false)), (Verdict::Pass, vec![]));
    assert_eq!(kinds(&denied(Request::Put(put("k", "1")), false)), (Verdict::Pass, vec![]));
    assert_eq!(kinds(&denied(compare_and_set("k", "3", "1"), true)), (Verdict::Violation, vec![("refused_but_written", 1)]));
    // All of its compares must have held, also those on ranges and on missing keys.
    let guarded = |guard: Guard| {
        let success = vec![TxnOp::Put(put("k", "1"))];
        denied(Request::Txn(Txn { guards: vec![holds("k", "3"), guard], success, failure: Vec::new() }), false).verdict
    };
    let every = |version| Guard { range_end: "l".into(), target: GuardTarget::Version(version), ..holds("k", "") };
    let absent = |relation| Guard { target: GuardTarget::CreateRevision(0), relation, ..holds("nothing", "") };
    assert_eq!((guarded(every(1)), guarded(every(2))), (Verdict::Pass, Verdict::Violation));
    assert_eq!((guarded(absent(Relation::Equal)), guarded(absent(Relation::Greater))), (Verdict::Pass, Verdict::Violation));
}

#[test]
fn a_transaction_writes_the_branch_that_its_compares_determine() {
    for (there, written) in [("1", "yes"), ("1", "no"), ("2", "yes"), ("2", "no")] {
        let mut etcd = everybody();
        etcd.call(1, Request::Put(put("k", there)));
        let (success, failure) = (vec![TxnOp::Put(put("k", "yes"))], vec![TxnOp::Put(put("k", "no"))]);
        etcd.unanswered(2, Request::Txn(Txn { guards: vec![holds("k", "1")], success, failure }), false);
        etcd.write(vec![("k".into(), Some(put("k", written)))]);
        let finding = judge(&etcd.finish());
        if (there == "1") == (written == "yes") {
            assert_eq!(kinds(&finding), (Verdict::Pass, vec![]));
            continue;
        }
        assert_eq!(kinds(&finding), (Verdict::Violation, vec![("unauthored", 1)]));
        let words = if there == "1" { "all of them held: the value of k = `1`." } else { "required the value of k = `1`" };
        assert!(explanation_of(&finding).contains(words), "{}", explanation_of(&finding));
    }
}

/// An attempt that fits only one of two revisions must not lose it to an attempt that fits both.
#[test]
fn attempts_share_revisions_as_their_compares_allow() {
    let shared = |lost: &[Request]| {
        let mut etcd = everybody();
        etcd.call(1, txn(&[("k", "2"), ("l", "2"), ("m", "2")]));
        lost.iter().for_each(|request| etcd.unanswered(2, request.clone(), false));
        for from in ["3", "4", "5"] {
            etcd.call(1, Request::Put(put("k", from)));
            etcd.write(vec![("k".into(), Some(put("k", "1")))]);
        }
        judge(&etcd.finish())
    };
    let from = |key: &str, relation, value: &str| {
        let guard = Guard { relation, ..holds(key, value) };
        Request::Txn(Txn { guards: vec![guard], success: vec![TxnOp::Put(put("k", "1"))], failure: Vec::new() })
    };
    let (any, low, lowest) = (Request::Put(put("k", "1")), from("k", Relation::Less, "5"), from("k", Relation::Equal, "3"));
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let lost = order.map(|number: usize| [&any, &low, &lowest][number].clone());
        let finding = shared(&lost);
        assert_eq!(kinds(&finding), (Verdict::Pass, vec![]), "{order:?}: {finding:#?}");
        assert_eq!(finding.evidence["resolved_attempts"], 8 + 3);
    }
    // Three for three revisions, and none of them for the last one; then only two for three.
    assert_eq!(kinds(&shared(&[low.clone(), low.clone(), lowest.clone()])), (Verdict::Violation, vec![("unauthored", 1)]));
    assert_eq!(kinds(&shared(&[any.clone(), low.clone()])), (Verdict::Violation, vec![("twice_applied", 1)]));
    // One for the last, two for the first: the second has no author.
    let finding = shared(&[any, lowest.clone(), lowest]);
    assert_eq!(kinds(&finding), (Verdict::Violation, vec![("twice_applied", 1)]), "{finding:#?}");
}

/// When a call is given up, the key space at the revision that it may have written may be forgotten.
#[test]
fn compares_with_forgotten_revisions() {
    #[derive(Clone, Copy, PartialEq)]
    enum Ends {
        AtOnce,
        Late,
        Never,
    }
    let judged = |guards: &[Guard], ends: Ends| {
        let mut etcd = Etcd::default();
        etcd.call(1, txn(&[("k", "3"), ("l", "3")]));
        etcd.unanswered(
            2,
            Request::Txn(Txn { guards: guards.to_vec(), success: vec![TxnOp::Put(put("k", "1"))], failure: Vec::new() }),
            false,
        );
        let place = etcd.events.len() - 1;
        etcd.write(vec![("k".into(), Some(put("k", "1")))]);
        etcd.call(1, txn(&[("k", "4"), ("l", "4")]));
        for _ in 0..WINDOW + 10 {
            etcd.call(1, Request::Put(put("m", "0")));
        }
        if ends != Ends::AtOnce {
            let end = etcd.events.remove(place);
            if ends == Ends::Late {
                etcd.events.push(end);
            }
        }
        judge(&etcd.finish()).verdict
    };
    let there = |key: &str| holds(key, "3");
    let gone = |key: &str| Guard { target: GuardTarget::Version(0), ..holds(key, "") };
    for ends in [Ends::AtOnce, Ends::Late, Ends::Never] {
        // What the revision changed is remembered.
        assert_eq!(judged(&[there("k")], ends), Verdict::Pass);
        assert_eq!(judged(&[there("l"), gone("k")], ends), Verdict::Violation);
        // Other keys are kept if an attempt was known to compare them; otherwise they are unknown.
        assert_eq!(judged(&[there("l"), gone("nothing")], ends), Verdict::Pass);
        let expected = if ends == Ends::AtOnce { Verdict::Violation } else { Verdict::Pass };
        assert_eq!(judged(&[gone("l")], ends), expected);
        // Ranges are not.
        assert_eq!(judged(&[Guard { range_end: "m".into(), ..gone("l") }], ends), Verdict::Pass);
    }
}
