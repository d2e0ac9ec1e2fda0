//! What `optimistic` does when an answer is lost on its way back.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ticketcd::etcd::{Client, Endpoint, Security};
use ticketcd::net::{Address, Flow, Link, LinkState, LinkTable, Proxy, ProxyOptions, Side};
use ticketcd::scenario::types::{Load, OptimisticSettings, ReadMode, Retry, Strategy};
use ticketcd::shop::PurchaseResult;
use ticketcd_judge::history::MemberIndex;
use ticketcd_judge::history::annotation::OrderOutcome;
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::event::Event;
use ticketcd_judge::history::request::{Request, TxnOp};

use crate::fixtures::shop::{ShopFixture, is_sold, memory, order, purchases};
use crate::member::Kept;
use crate::support::eventually;

/// Buys once undisturbed and once so that the order is written and its answer lost. Returns the outcomes of
/// the second order, how often it is in the purchases, and what was recorded.
async fn with_a_lost_answer(retry: Retry) -> (PurchaseResult, usize, Vec<Event>) {
    let strategy = Strategy::Optimistic(OptimisticSettings { retry, ..OptimisticSettings::default() });
    let load = Load { strategy, ..Load::default() };
    let fixture = ShopFixture::new(&[], &[("pink", 9)], &load).await;
    let Endpoint::Unix(socket) = fixture.etcd.endpoint() else { panic!("the member listens on a socket") };
    let links = LinkTable::new();
    let listen = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let options = ProxyOptions { side: Side::Clients, member: MemberIndex(0), listen, upstream: Address::Unix(socket) };
    let proxy = Proxy::start(options, links.clone()).await.unwrap();
    let client = Client::connect(&Endpoint::Url(proxy.url()), &Security::default(), 1).await.unwrap();
    let (kept, sink, recorder) = Kept::start();
    let mut caller = fixture.caller_with(&client, &sink, Duration::from_secs(2));
    let mut memory = memory();
    assert!(is_sold(&fixture.shop.buy(&mut caller, &mut memory, &order(0, 1, "ann", &[("pink", 1)])).await));

    let back = |flow| links.set(Link::FromMember(MemberIndex(0)), LinkState { flow, ..LinkState::default() });
    back(Flow::Held);
    let second = order(0, 2, "ann", &[("pink", 1)]);
    let healing = async {
        let unanswered = |event: &Event| matches!(event, Event::Return(call) if matches!(call.outcome, CallOutcome::Unknown { .. }));
        eventually("the order is written", async || fixture.purchases("ann").await.len() == 2).await;
        eventually("its buyer has given up waiting", async || kept.events().iter().any(unanswered)).await;
        back(Flow::Open);
    };
    let (bought, ()) = tokio::join!(fixture.shop.buy(&mut caller, &mut memory, &second), healing);
    caller.close().await;
    drop(sink);
    recorder.finish().unwrap();
    let entries = fixture.purchases("ann").await;
    let entries = entries.iter().filter(|purchase| purchase.id.as_deref() == Some("r1-0-2")).count();
    assert_eq!(fixture.left("pink").await, 9 - fixture.bought().await);
    (bought, entries, kept.events())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_retry_the_order_is_unknown() {
    let (bought, entries, events) = with_a_lost_answer(Retry::Never).await;
    assert_eq!((bought.outcome, bought.attempts, entries, purchases(&events).len()), (OrderOutcome::Unknown, 1, 1, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_guards_find_the_order_and_do_not_sell_twice() {
    let (bought, entries, events) = with_a_lost_answer(Retry::SameGuard).await;
    assert_eq!(entries, 1);
    let sent = purchases(&events);
    let revision = events.iter().find_map(|event| match event {
        Event::Return(call) if call.id == sent[0].0.id => match &call.outcome {
            CallOutcome::Ok(answer) => Some(answer.revision),
            _ => None,
        },
        _ => None,
    });
    // Nobody else writes: the lost purchase is the revision after the first.
    assert_eq!(bought.outcome, OrderOutcome::Sold { revision: revision.unwrap() + 1 });
    assert_eq!((bought.paid.0, bought.attempts as usize), (4990, sent.len() - 1));
    assert!(sent.len() >= 3 && sent[1..].iter().all(|(_, txn)| *txn == sent[1].1), "the transaction that is sent again is the same");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blind_retry_sells_twice() {
    let (bought, entries, _) = with_a_lost_answer(Retry::Blind).await;
    assert_eq!((is_sold(&bought), entries), (true, 2), "{bought:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serializable_reads_are_asked_for_and_writes_stay_linearizable() {
    let fixture = ShopFixture::new(&[], &[("pink", 9)], &Load::default()).await;
    let (kept, sink, recorder) = Kept::start();
    let mut caller = fixture.caller(&sink).reading(ReadMode::Serializable);
    assert!(is_sold(&fixture.shop.buy(&mut caller, &mut memory(), &order(0, 1, "ann", &[("pink", 1)])).await));
    caller.close().await;
    drop(sink);
    recorder.finish().unwrap();
    let requests: Vec<Request> = kept
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Invoke(invoke) => Some(invoke.request),
            _ => None,
        })
        .collect();
    assert_eq!(requests.iter().map(Request::is_linearizable).collect::<Vec<_>>(), [false, true]);
    let Request::Txn(purchase) = &requests[1] else { panic!("{requests:?}") };
    assert!(purchase.failure.iter().all(|operation| matches!(operation, TxnOp::Range(range) if !range.serializable)));
}
