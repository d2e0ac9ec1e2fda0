//! The client of one member, against a real one.

use std::time::Duration;

use ticketcd::etcd::audit::audit;
use ticketcd::etcd::barrier::barrier;
use ticketcd::etcd::{Client, Collectors, Endpoint, Security};
use ticketcd_judge::history::annotation::Purpose;
use ticketcd_judge::history::audit::AuditStage;
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::event::Event;
use ticketcd_judge::history::request::{
    Answer, AnswerBody, Delete, Guard, GuardTarget, Put, Range, Relation, Request, Txn, TxnAnswerBody, TxnOp,
};
use ticketcd_judge::history::watch::WatchBody;
use ticketcd_judge::history::{Blob, MemberIndex, Revision};
use ticketcd_judge::model::Keyspace;

use crate::member::{Kept, Member, TIMEOUT, eventually};

fn put(key: &str, value: &str) -> Put {
    Put { key: key.into(), value: value.into(), ..Put::default() }
}

fn get(key: &str) -> Range {
    Range { key: key.into(), ..Range::default() }
}

async fn ok(client: &Client, request: Request) -> Answer {
    match client.call(&request, TIMEOUT).await {
        CallOutcome::Ok(answer) => answer,
        other => panic!("{request:?} ended as {other:?}"),
    }
}

#[tokio::test]
async fn every_kind_of_request_makes_the_round_trip() {
    let member = Member::start(&[]).await;
    let client = member.client().await;
    let status = client.status(TIMEOUT).await.unwrap();

    let first = ok(&client, Request::Put(put("a", "1"))).await;
    assert_eq!((first.member_id, first.body), (status.member_id, AnswerBody::Put { prev_kv: None }));
    ok(&client, Request::Put(put("b", "2"))).await;

    let range = Range { key: "a".into(), range_end: "c".into(), limit: 1, ..Range::default() };
    let AnswerBody::Range(page) = ok(&client, Request::Range(range)).await.body else { panic!() };
    assert_eq!((page.kvs.len(), page.more, page.count), (1, true, 2));
    assert_eq!((page.kvs[0].value.as_bytes(), page.kvs[0].mod_revision), (&b"1"[..], first.revision));

    let old = Range { revision: first.revision, range_end: "c".into(), serializable: true, keys_only: true, ..get("a") };
    let AnswerBody::Range(page) = ok(&client, Request::Range(old)).await.body else { panic!() };
    assert_eq!((page.count, page.kvs[0].value.is_empty()), (1, true));

    let lease = ok(&client, Request::LeaseGrant { id: 77, ttl: 60 }).await;
    assert_eq!(lease.body, AnswerBody::Lease { id: 77, ttl: 60 });
    let kept = ok(&client, Request::LeaseKeepAlive { id: 77 }).await;
    assert_eq!(kept.body, AnswerBody::Lease { id: 77, ttl: 60 });
    ok(&client, Request::Put(Put { lease: 77, ..put("leased", "x") })).await;
    assert_eq!(client.leases(TIMEOUT).await.unwrap(), [77]);
    ok(&client, Request::LeaseRevoke { id: 77 }).await;
    let AnswerBody::Range(gone) = ok(&client, Request::Range(get("leased"))).await.body else { panic!() };
    assert_eq!(gone.count, 0);

    let deleted = ok(&client, Request::Delete(Delete { key: "a".into(), range_end: "c".into(), ..Delete::default() })).await;
    assert_eq!(deleted.body, AnswerBody::Delete { deleted: 2, prev_kvs: Vec::new() });
    let compacted = ok(&client, Request::compact(deleted.revision)).await;
    assert_eq!(compacted.body, AnswerBody::Compact);
    assert!(client.version(TIMEOUT).await.unwrap().starts_with("3."));
    assert_eq!(client.member_list(TIMEOUT).await.unwrap()[0].name, "m1");
    let hash = client.hash_kv(0, TIMEOUT).await.unwrap();
    assert_eq!((hash.compact_revision, hash.revision), (deleted.revision, deleted.revision));
}

#[tokio::test]
async fn guards_choose_the_branch_and_each_operation_is_answered() {
    let member = Member::start(&[]).await;
    let client = member.client().await;
    let written = ok(&client, Request::Put(put("k/1", "v"))).await.revision;

    let guard = |key: &str, target, relation| Guard { key: key.into(), range_end: Blob::default(), target, relation };
    let txn = Txn {
        guards: vec![
            guard("k/1", GuardTarget::ModRevision(written), Relation::Equal),
            guard("k/1", GuardTarget::Value("v".into()), Relation::Equal),
            guard("k/1", GuardTarget::Version(2), Relation::Less),
            guard("k/1", GuardTarget::Lease(0), Relation::Equal),
            Guard { range_end: "k0".into(), ..guard("k/", GuardTarget::CreateRevision(0), Relation::Greater) },
        ],
        success: vec![
            TxnOp::Range(get("k/1")),
            TxnOp::Put(put("k/2", "w")),
            TxnOp::Delete(Delete { key: "k/1".into(), ..Delete::default() }),
        ],
        failure: vec![TxnOp::Range(get("k/2"))],
    };
    let answer = ok(&client, Request::Txn(txn.clone())).await;
    assert!(answer.wrote());
    let AnswerBody::Txn { succeeded: true, responses } = answer.body else { panic!("{answer:?}") };
    // A read before the first write of its transaction is made at the revision before.
    assert_eq!(responses[0].revision, written);
    assert!(matches!(&responses[0].body, TxnAnswerBody::Range(range) if range.count == 1));
    assert_eq!(responses[2].body, TxnAnswerBody::Delete { deleted: 1, prev_kvs: Vec::new() });

    let again = ok(&client, Request::Txn(txn)).await;
    assert!(!again.wrote());
    let AnswerBody::Txn { succeeded: false, responses } = again.body else { panic!("{again:?}") };
    let TxnAnswerBody::Range(fresh) = &responses[0].body else { panic!() };
    assert_eq!(fresh.kvs[0].value.as_str(), Some("w"));
}

#[tokio::test]
async fn errors_are_classed_as_they_come_from_a_member() {
    let mut member = Member::start(&[]).await;
    let client = member.client().await;
    let revision = ok(&client, Request::Put(put("a", "1"))).await.revision;
    ok(&client, Request::compact(revision)).await;
    let refused = |outcome: &CallOutcome, text: &str| match outcome {
        CallOutcome::Refused { message, .. } => message.contains(text),
        _ => false,
    };

    let compacted = client.call(&Request::Range(Range { revision: revision - 1, ..get("a") }), TIMEOUT).await;
    assert!(refused(&compacted, "has been compacted"), "{compacted:?}");
    let twice = Txn { success: vec![TxnOp::Put(put("a", "1")), TxnOp::Put(put("a", "2"))], ..Txn::default() };
    let twice = client.call(&Request::Txn(twice), TIMEOUT).await;
    assert!(refused(&twice, "duplicate key"), "{twice:?}");
    let lease = client.call(&Request::LeaseKeepAlive { id: 4711 }, TIMEOUT).await;
    assert!(refused(&lease, "lease not found"), "{lease:?}");
    let leased = client.call(&Request::Put(Put { lease: 4711, ..put("a", "1") }), TIMEOUT).await;
    assert!(refused(&leased, "requested lease not found"), "{leased:?}");

    member.pause().await;
    let paused = client.call(&Request::Put(put("a", "2")), Duration::from_millis(300)).await;
    assert!(matches!(&paused, CallOutcome::Unknown { code, .. } if code == "Timeout"), "{paused:?}");
    member.resume();

    member.kill();
    let broken = client.call(&Request::Put(put("a", "3")), TIMEOUT).await;
    let dead = client.call(&Request::Put(put("a", "3")), TIMEOUT).await;
    assert!(refused(&dead, "unix connect error"), "{broken:?} then {dead:?}");
    member.restart().await;
    ok(&client, Request::Put(put("a", "4"))).await;
}

#[tokio::test]
async fn a_port_where_nobody_listens_refuses() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = Endpoint::Url(format!("http://{free}"));
    let client = Client::connect(&endpoint, &Security::default(), 1).await.unwrap();
    let outcome = client.call(&Request::Put(put("a", "1")), TIMEOUT).await;
    assert!(matches!(&outcome, CallOutcome::Refused { code, .. } if code == "Unavailable"), "{outcome:?}");
    assert!(client.status(TIMEOUT).await.is_err());
}

/// The revisions of all events that the collectors recorded, in the order they came.
fn delivered(events: &[Event]) -> Vec<Revision> {
    let bodies = events.iter().filter_map(|event| match event {
        Event::WatchBatch(batch) => Some(&batch.body),
        _ => None,
    });
    let changes = bodies.flat_map(|body| match body {
        WatchBody::Events(changes) => changes.as_slice(),
        _ => &[],
    });
    changes.map(|change| change.kv.mod_revision).collect()
}

#[tokio::test]
async fn a_collector_misses_nothing_when_its_member_is_killed() {
    let mut member = Member::start(&[]).await;
    let client = member.client().await;
    let (kept, sink, recorder) = Kept::start();
    let collectors = Collectors::start(std::slice::from_ref(&client), &sink, 1);

    let mut last = 0;
    for round in 0..3 {
        for number in 0..20 {
            last = ok(&client, Request::Put(put("k", &format!("{round}/{number}")))).await.revision;
        }
        if round == 0 {
            collectors.await_revision(last, TIMEOUT).await.unwrap();
        }
        if round < 2 {
            member.kill();
            member.restart().await;
        }
    }
    last = ok(&client, Request::Delete(Delete { key: "k".into(), ..Delete::default() })).await.revision;
    collectors.await_revision(last, TIMEOUT).await.unwrap();
    let behind = collectors.await_revision(last + 1, Duration::from_millis(50)).await;
    assert_eq!(behind, Err(vec![MemberIndex(0)]));
    let bookmark = |event: &Event| matches!(event, Event::WatchBatch(batch) if batch.body == WatchBody::Progress && batch.revision == last);
    assert!(eventually(async || kept.events().iter().any(bookmark)).await, "no bookmark was recorded");
    collectors.stop().await;
    drop(sink);
    recorder.finish().unwrap();

    let events = kept.events();
    assert_eq!(delivered(&events), (2..=last).collect::<Vec<_>>());
    let opened = events.iter().filter(|event| matches!(event, Event::WatchOpened(_))).count();
    let closed = events.iter().filter(|event| matches!(event, Event::WatchClosed(_))).count();
    assert!(opened >= 3 && opened == closed, "{opened} opened, {closed} closed");
}

#[tokio::test]
async fn a_collector_below_the_compaction_says_so_and_goes_on_from_there() {
    let member = Member::start(&[]).await;
    let client = member.client().await;
    for number in 0..5 {
        ok(&client, Request::Put(put("k", &number.to_string()))).await;
    }
    ok(&client, Request::compact(4)).await;
    let (kept, sink, recorder) = Kept::start();
    let collectors = Collectors::start(std::slice::from_ref(&client), &sink, 2);
    collectors.await_revision(6, TIMEOUT).await.unwrap();
    collectors.stop().await;
    drop(sink);
    recorder.finish().unwrap();

    let cancelled =
        |event: &Event| matches!(event, Event::WatchBatch(batch) if matches!(batch.body, WatchBody::Cancelled { compact_revision: 4, .. }));
    assert!(kept.events().iter().any(cancelled));
    assert_eq!(delivered(&kept.events()), [4, 5, 6]);
}

#[tokio::test]
async fn an_audit_reads_every_page_of_a_member_at_rest() {
    let mut member = Member::start(&[]).await;
    let client = member.client().await;
    for page in 0..11 {
        let puts = (0..100).map(|key| TxnOp::Put(put(&format!("k{page:02}{key:02}"), "v"))).collect();
        ok(&client, Request::Txn(Txn { success: puts, ..Txn::default() })).await;
    }
    ok(&client, Request::LeaseGrant { id: 9, ttl: 600 }).await;
    let (kept, sink, recorder) = Kept::start();
    let clients = [client];
    let keys = Keyspace::new("p/");
    let revision = barrier(&clients, &sink, &keys, "drain", TIMEOUT).await.unwrap();
    audit(AuditStage::Healed, &clients, &sink).await;
    member.kill();
    let failed = barrier(&clients, &sink, &keys, "dead", Duration::from_millis(300)).await.unwrap_err();
    assert_eq!(failed.not_written, [MemberIndex(0)]);
    drop(sink);
    recorder.finish().unwrap();

    let events = kept.events();
    let pages = events.iter().filter_map(|event| match event {
        Event::AuditPage(page) => Some(page),
        _ => None,
    });
    let sizes: Vec<_> = pages.map(|page| (page.revision, page.kvs.len())).collect();
    // 1100 keys and the barrier's.
    assert_eq!(sizes, [(revision, 1000), (revision, 101)]);
    let facts = events.iter().find_map(|event| match event {
        Event::AuditClosed(closed) => closed.outcome.as_ref().ok(),
        _ => None,
    });
    let facts = facts.unwrap();
    assert_eq!((facts.before == facts.after, facts.before.revision, &facts.leases[..]), (true, revision, &[9][..]));
    let barrier_write = |event: &Event| matches!(event, Event::Invoke(invoke) if invoke.purpose == Purpose::Barrier);
    assert!(events.iter().any(barrier_write));
}
