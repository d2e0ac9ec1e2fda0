//! Requests that our own load never sends, but any history may hold: a real etcd answers them, and the checks must agree.

use ticketcd::etcd::{Collectors, RecordingClient};
use ticketcd_judge::checks::standard_checks;
use ticketcd_judge::core::engine::Judge;
use ticketcd_judge::core::verdict::{Finding, Verdict};
use ticketcd_judge::history::annotation::Purpose;
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::event::Event;
use ticketcd_judge::history::request::{
    Delete, Guard, GuardTarget, Put, Range, Relation, Request, RevisionFilter, Sort, SortOrder, SortTarget, Txn, TxnOp,
};
use ticketcd_judge::history::run_info::{RunInfo, TestbedInfo};
use ticketcd_judge::history::{Blob, MemberIndex};

use crate::member::{Kept, Member, TIMEOUT};

fn put(key: &str, value: &str) -> Put {
    Put { key: key.into(), value: value.into(), ..Put::default() }
}

fn all() -> Range {
    Range { key: "a".into(), range_end: "z".into(), ..Range::default() }
}

fn has_version(key: &str, version: i64) -> Guard {
    Guard { key: key.into(), range_end: Blob::default(), target: GuardTarget::Version(version), relation: Relation::Equal }
}

fn nested(guards: Vec<Guard>, success: Vec<TxnOp>, failure: Vec<TxnOp>) -> TxnOp {
    TxnOp::Txn(Box::new(Txn { guards, success, failure }))
}

/// Some keys with a past, then everything that can be asked of them.
fn requests() -> Vec<Request> {
    let mut requests = vec![Request::LeaseGrant { id: 7, ttl: 60 }];
    for (key, value) in [("a", "3"), ("b", "1"), ("c", "2"), ("b", "2"), ("d", "2"), ("a", "1"), ("b", "3")] {
        requests.push(Request::Put(put(key, value)));
    }
    let filters = [
        RevisionFilter::default(),
        RevisionFilter { min_mod: 4, ..RevisionFilter::default() },
        RevisionFilter { max_mod: 6, min_create: 3, ..RevisionFilter::default() },
        RevisionFilter { max_create: 3, ..RevisionFilter::default() },
    ];
    let targets = [SortTarget::Key, SortTarget::Version, SortTarget::CreateRevision, SortTarget::ModRevision, SortTarget::Value];
    for target in targets {
        for order in [SortOrder::None, SortOrder::Ascend, SortOrder::Descend] {
            for filter in filters {
                for (limit, count_only) in [(0, false), (1, false), (2, false), (0, true)] {
                    requests.push(Request::Range(Range { sort: Sort { order, target }, filter, limit, count_only, ..all() }));
                }
            }
        }
    }
    requests.extend([
        Request::Put(Put { prev_kv: true, ..put("a", "4") }),
        Request::Put(Put { prev_kv: true, ..put("new", "1") }),
        Request::Put(Put { lease: 7, ..put("a", "5") }),
        Request::Put(Put { ignore_lease: true, ..put("a", "6") }),
        Request::Put(Put { ignore_value: true, ..put("a", "") }),
        Request::Delete(Delete { key: "c".into(), range_end: "e".into(), prev_kv: true }),
        Request::LeaseTimeToLive { id: 7, keys: true },
        Request::Leases,
    ]);
    // The guards of a nested transaction see nothing of what is written before it; its reads do.
    let count_twice = |guard: Guard| {
        let (yes, no) = (vec![TxnOp::Put(put("yes", "1")), TxnOp::Range(all())], vec![TxnOp::Put(put("no", "1")), TxnOp::Range(all())]);
        let operations = vec![TxnOp::Range(all()), TxnOp::Put(put("f", "1")), nested(vec![guard], yes, no), TxnOp::Range(all())];
        Request::Txn(Txn { success: operations, ..Txn::default() })
    };
    requests.extend([count_twice(has_version("f", 0)), count_twice(has_version("f", 2)), count_twice(has_version("f", 2))]);
    let deepest = nested(vec![has_version("g", 0)], vec![TxnOp::Put(Put { prev_kv: true, ..put("g", "1") })], vec![TxnOp::Range(all())]);
    for _ in 0..2 {
        let operations = vec![nested(Vec::new(), vec![deepest.clone()], Vec::new())];
        requests.push(Request::Txn(Txn { success: operations, ..Txn::default() }));
    }
    requests
}

fn findings(events: &[Event]) -> Vec<Finding> {
    let info = RunInfo { testbed: TestbedInfo::OWN, ..RunInfo::default() };
    let mut judge = Judge::new(&info, standard_checks(&info));
    events.iter().for_each(|event| judge.observe(event));
    judge.finish(None).findings
}

#[tokio::test]
async fn every_field_of_a_request_is_judged_as_etcd_means_it() {
    let member = Member::start(&[]).await;
    let client = member.client().await;
    let (kept, sink, recorder) = Kept::start();
    let collectors = Collectors::start(std::slice::from_ref(&client), &sink, 1);
    let mut caller = RecordingClient::new(vec![client], MemberIndex(0), TIMEOUT, sink.clone());
    let mut last = 0;
    for request in requests() {
        match caller.call(Purpose::Unstated, &[], request.clone()).await {
            CallOutcome::Ok(answer) => last = answer.revision.max(last),
            outcome => panic!("{request:?} ended as {outcome:?}"),
        }
    }
    caller.close().await;
    collectors.await_revision(last, TIMEOUT).await.unwrap();
    collectors.stop().await;
    drop(sink);
    recorder.finish().unwrap();

    let findings = findings(&kept.events());
    let named = |name: &str| {
        let finding = findings.iter().find(|finding| finding.name == name);
        finding.unwrap_or_else(|| panic!("{name} is not among {:?}", findings.iter().map(|finding| &finding.name).collect::<Vec<_>>()))
    };
    for finding in &findings {
        assert_ne!(finding.verdict, Verdict::Violation, "{finding:#?}");
    }
    assert_eq!(named("authorship").verdict, Verdict::Pass, "{:#?}", named("authorship"));
    assert_eq!(named("reads").verdict, Verdict::Pass, "{:#?}", named("reads"));
    assert!(named("reads").evidence["ranges"] > 240, "{:?}", named("reads").evidence);
    // Three with a nested guard each, and two whose guard is two transactions deep.
    assert_eq!((named("branch").evidence["compares"], named("branch").evidence["failed"]), (5, 2), "{:?}", named("branch").evidence);
}
