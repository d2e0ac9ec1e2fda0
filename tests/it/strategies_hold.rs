//! Reserving under a lease, paying, confirming; and buying at the price that was quoted.

use std::time::Duration;

use ticketcd::scenario::types::{self, HoldSettings, QuotedSettings, Strategy};
use ticketcd::scenario::units::Span;
use ticketcd_judge::history::annotation::{OrderOutcome, RejectionCause};
use ticketcd_judge::history::request::Request;
use ticketcd_judge::model::{Cents, ShopKey};

use crate::fixtures::contention::{ContentionFixture, Contents, memory, order};
use crate::member::{Kept, TIMEOUT};
use crate::support::eventually;

fn load(buyers: u32, hold: HoldSettings) -> types::Load {
    types::Load { buyers, quantity_max: 2, strategy: Strategy::Hold(hold), ..types::Load::default() }
}

fn settings(abandon_percent: u8, cancel_percent: u8, pay: Span) -> HoldSettings {
    HoldSettings { ttl: Span::seconds(1), pay, abandon_percent, cancel_percent, ..HoldSettings::default() }
}

/// Settles, and says what there is then.
async fn settled(fixture: &ContentionFixture, shop: &ticketcd::shop::Shop) -> Contents {
    let (_, sink, recorder) = Kept::start();
    let mut caller = fixture.caller(&sink);
    shop.restore(&mut caller, &["e1".to_owned()]).await.unwrap();
    caller.close().await;
    drop(sink);
    recorder.finish().unwrap();
    fixture.books(0).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_buyers_do_every_unit_is_left_held_or_sold_at_every_revision() {
    let fixture = ContentionFixture::new(60).await;
    let (before, _) = fixture.everything(0).await;
    // Paying takes about as long as a lease lives: some come too late.
    let load = load(20, settings(15, 15, Span::milliseconds(600)));
    let (outcomes, shop) =
        fixture.drive(load, Duration::from_millis(500), |outcomes| outcomes.sold >= 20 && outcomes.rejected.len() >= 3).await;
    assert_eq!((outcomes.unknown, outcomes.workers_open), (0, 0), "{outcomes:?}");
    let books = settled(&fixture, &shop).await;
    let left = 60 - outcomes.sold;
    assert_eq!(books, Contents { counter: left, left, sold: outcomes.sold, ..Contents::default() });
    assert_eq!(outcomes.paid, outcomes.sold * 4990);
    let (last, _) = fixture.everything(0).await;
    for revision in before..=last {
        let books = fixture.books(revision).await;
        assert_eq!((books.left + books.held + books.sold, books.counter), (60, books.left), "at revision {revision}: {books:?}");
    }
    assert_eq!(fixture.client.leases(TIMEOUT).await.unwrap(), [0_i64; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_abandoned_is_held_until_its_lease_is_over() {
    let fixture = ContentionFixture::new(5).await;
    let (_, sink, recorder) = Kept::start();
    let (mut caller, mut memory) = (fixture.caller(&sink), memory(0));
    let long = HoldSettings { ttl: Span::seconds(60), ..settings(100, 0, Span::seconds(0)) };
    let bought = fixture.shop(&load(1, long)).buy(&mut caller, &mut memory, &order(0, 1, 2)).await;
    assert_eq!(
        bought.outcome,
        OrderOutcome::Rejected { reason: "reserved, and never paid for".to_owned(), cause: RejectionCause::NotPaid }
    );
    let books = fixture.books(0).await;
    assert_eq!((books.counter, books.left, books.held, books.sold, books.extra.len()), (3, 3, 2, 0, 2));

    let shop = fixture.shop(&load(1, settings(100, 0, Span::seconds(0))));
    // The sweeper leaves alone what is alive, and takes what is not.
    let over = tokio_util::sync::CancellationToken::new();
    let (sweeper, tended, until) = (fixture.caller(&sink), shop.clone(), over.clone());
    let tending = tokio::spawn(async move { tended.sweep_expired(sweeper, until).await });
    shop.buy(&mut caller, &mut memory, &order(0, 2, 1)).await;
    eventually("the short one is back", async || fixture.books(0).await.left == 3).await;
    assert_eq!(fixture.books(0).await, books, "and the long one is not");
    over.cancel();
    tending.await.unwrap();

    for lease in fixture.client.leases(TIMEOUT).await.unwrap() {
        fixture.call(Request::LeaseRevoke { id: lease }).await;
    }
    assert_eq!(settled(&fixture, &shop).await, Contents { counter: 5, left: 5, ..Contents::default() });
    caller.close().await;
    drop(sink);
    recorder.finish().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_thinks_better_of_it_gives_everything_back_at_once() {
    let fixture = ContentionFixture::new(5).await;
    let (_, sink, recorder) = Kept::start();
    let (mut caller, mut memory) = (fixture.caller(&sink), memory(0));
    let bought = fixture.shop(&load(1, settings(0, 100, Span::seconds(0)))).buy(&mut caller, &mut memory, &order(0, 1, 2)).await;
    assert_eq!(
        bought.outcome,
        OrderOutcome::Rejected { reason: "reserved, and cancelled by the buyer".to_owned(), cause: RejectionCause::Cancelled }
    );
    assert_eq!(fixture.books(0).await, Contents { counter: 5, left: 5, ..Contents::default() });
    assert_eq!(fixture.client.leases(TIMEOUT).await.unwrap(), [0_i64; 0]);
    caller.close().await;
    drop(sink);
    recorder.finish().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_expires_before_it_is_paid_is_not_bought() {
    let fixture = ContentionFixture::new(5).await;
    let (_, sink, recorder) = Kept::start();
    let shop = fixture.shop(&load(1, HoldSettings { ttl: Span::seconds(60), ..settings(0, 0, Span::seconds(3)) }));
    let mut expired = false;
    // One that pays faster than its lease can be found has bought.
    for sequence in 1..=5 {
        let (mut caller, mut memory) = (fixture.caller(&sink), memory(sequence));
        let buying_shop = shop.clone();
        let buying = tokio::spawn(async move {
            let outcome = buying_shop.buy(&mut caller, &mut memory, &order(0, sequence, 1)).await.outcome;
            caller.close().await;
            outcome
        });
        let before = fixture.books(0).await.sold;
        eventually("it is reserved or bought", async || {
            let (_, kvs) = fixture.everything(0).await;
            let alive = |kv: &&ticketcd_judge::history::request::KeyValue| {
                matches!(fixture.keys.parse(kv.key.as_bytes()), Some(ShopKey::HoldAlive { .. }))
            };
            match kvs.iter().find(alive) {
                Some(kv) => {
                    let revoke = Request::LeaseRevoke { id: kv.lease };
                    let _ = fixture.client.call(&revoke, TIMEOUT).await;
                    true
                }
                None => fixture.books(0).await.sold > before,
            }
        })
        .await;
        match buying.await.unwrap() {
            OrderOutcome::Rejected { reason, .. } => {
                assert!(reason.contains("expired"), "{reason}");
                expired = true;
                break;
            }
            outcome => assert!(matches!(outcome, OrderOutcome::Sold { .. }), "{outcome:?}"),
        }
    }
    assert!(expired);
    let books = settled(&fixture, &shop).await;
    assert_eq!(books, Contents { counter: 5 - books.sold, left: 5 - books.sold, sold: books.sold, ..Contents::default() });
    drop(sink);
    recorder.finish().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quoted_price_is_paid_whatever_the_shop_asks_now() {
    let fixture = ContentionFixture::new(5).await;
    let (_, sink, recorder) = Kept::start();
    let (mut caller, mut memory) = (fixture.caller(&sink), memory(0));
    let shop = fixture.shop(&types::Load { strategy: Strategy::Quoted(QuotedSettings::default()), ..types::Load::default() });
    assert_eq!(shop.buy(&mut caller, &mut memory, &order(0, 1, 1)).await.paid, Cents(4990));
    fixture.offer(4, "60.00").await;
    let bought = shop.buy(&mut caller, &mut memory, &order(0, 2, 1)).await;
    assert!(matches!(bought.outcome, OrderOutcome::Sold { .. }), "{bought:?}");
    assert_eq!((bought.paid, bought.attempts), (Cents(4990), 2), "the stock was renewed, the quote was not");
    assert_eq!(shop.buy(&mut caller, &mut memory, &order(0, 3, 1)).await.paid, Cents(6000), "the next quote is a new one");
    assert_eq!(fixture.books(0).await, Contents { counter: 2, left: 2, sold: 3, ..Contents::default() });
    caller.close().await;
    drop(sink);
    recorder.finish().unwrap();
}
