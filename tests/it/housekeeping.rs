//! Compaction and defragmentation under load, on a real etcd: the evidence stays complete.

use std::collections::BTreeSet;
use std::time::Duration;

use ticketcd::etcd::{Client, Collectors};
use ticketcd::load::Housekeeping;
use ticketcd::record::Sink;
use ticketcd::scenario::types;
use ticketcd::scenario::units::Span;
use ticketcd_judge::history::Revision;
use ticketcd_judge::history::annotation::Purpose;
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::event::Event;
use ticketcd_judge::history::request::{Compact, Put, Request};
use ticketcd_judge::history::watch::WatchBody;
use tokio_util::sync::CancellationToken;

use crate::member::{Kept, Member, TIMEOUT};
use crate::support::eventually;

const PATIENCE: Duration = Duration::from_secs(30);

async fn write(client: &Client, number: u32) -> Revision {
    let request = Request::Put(Put { key: format!("a:{}", number % 5).into(), value: number.to_string().into(), ..Put::default() });
    match client.call(&request, TIMEOUT).await {
        CallOutcome::Ok(answer) => answer.revision,
        other => panic!("{other:?}"),
    }
}

/// The compactions that were answered, in order.
fn compactions(events: &[Event]) -> Vec<Revision> {
    let mut compactions = Vec::new();
    for event in events {
        let Event::Invoke(invoke) = event else { continue };
        let answered =
            |event: &Event| matches!(event, Event::Return(done) if done.id == invoke.id && matches!(done.outcome, CallOutcome::Ok(_)));
        if let Request::Compact(Compact { revision, .. }) = invoke.request
            && events.iter().any(answered)
        {
            assert_eq!(invoke.purpose, Purpose::Housekeeping);
            compactions.push(revision);
        }
    }
    compactions
}

fn closed(events: &[Event], purpose: Purpose) -> usize {
    events.iter().filter(|event| matches!(event, Event::QueryClosed(query) if query.purpose == purpose && query.answered)).count()
}

fn housekeeping(client: &Client, collectors: &Collectors, sink: &Sink) -> Housekeeping {
    let settings =
        types::Housekeeping { compact_every: Span::milliseconds(20), keep_revisions: 10, defragment_every: Span::milliseconds(50) };
    Housekeeping::new(&settings, std::slice::from_ref(client), collectors.collector_progress(), sink)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compaction_and_defragmentation_leave_the_collectors_complete() {
    let etcd = Member::start(&[]).await;
    let client = etcd.client().await;
    let (kept, sink, _recorder) = Kept::start();
    let collectors = Collectors::start(std::slice::from_ref(&client), &sink, 1);
    let housekeeping = housekeeping(&client, &collectors, &sink);
    let over = CancellationToken::new();
    let mut last = 0;
    let writing = async {
        let mut number = 0;
        eventually("the log was compacted and the member defragmented again and again", async || {
            for _ in 0..10 {
                number += 1;
                last = write(&client, number).await;
            }
            compactions(&kept.events()).len() >= 5 && closed(&kept.events(), Purpose::Defragment) >= 2
        })
        .await;
        over.cancel();
    };
    tokio::join!(writing, housekeeping.keep(&over));
    collectors.await_revision(last, PATIENCE).await.unwrap();
    let delivered = async || {
        let mut revisions = BTreeSet::new();
        for event in kept.events() {
            if let Event::WatchBatch(batch) = event
                && let WatchBody::Events(events) = batch.body
            {
                revisions.extend(events.iter().map(|event| event.kv.mod_revision));
            }
        }
        revisions
    };
    eventually("the last revision is recorded", async || delivered().await.contains(&last)).await;
    assert_eq!(delivered().await, (2..=last).collect::<BTreeSet<_>>());

    let events = kept.events();
    let compactions = compactions(&events);
    assert!(compactions.is_sorted_by(|one, other| one < other), "{compactions:?}");
    assert!(compactions.iter().all(|revision| *revision <= last - 10), "{compactions:?}");
    assert_eq!(closed(&events, Purpose::Housekeeping), compactions.len());
    eventually("both workers are closed", async || {
        kept.events().iter().filter(|event| matches!(event, Event::WorkerClosed(_))).count() == 2
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_collector_has_stored_is_not_compacted() {
    let etcd = Member::start(&[]).await;
    let client = etcd.client().await;
    let (kept, sink, _recorder) = Kept::start();
    let collectors = Collectors::start(std::slice::from_ref(&client), &sink, 1);
    let mut last = 0;
    for number in 0..20 {
        last = write(&client, number).await;
    }
    collectors.await_revision(last, PATIENCE).await.unwrap();
    let collector_progress = collectors.collector_progress();
    collectors.stop().await;
    for number in 0..100 {
        write(&client, number).await;
    }
    let settings = types::Housekeeping { compact_every: Span::milliseconds(10), keep_revisions: 1, ..types::Housekeeping::default() };
    let housekeeping = Housekeeping::new(&settings, std::slice::from_ref(&client), collector_progress, &sink);
    let over = CancellationToken::new();
    let waiting = async {
        eventually("there was a compaction", async || !compactions(&kept.events()).is_empty()).await;
        over.cancel();
    };
    tokio::join!(waiting, housekeeping.keep(&over));
    assert_eq!(compactions(&kept.events()), [last - 1]);
}
