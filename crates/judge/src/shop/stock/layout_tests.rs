//! Oversell, conservation and revenue where the stock is in shards or in holds, and with cancellations.

use crate::checks::online_checks;
use crate::core::engine::{Judge, Judgement};
use crate::core::verdict::{Finding, Verdict};
use crate::shop::revenue::Revenue;
use crate::testing::{Record, RequestOutcome, Shape, Simulation};
use ticketcd_history::run_info::StockLayout;

const NAMES: [&str; 3] = ["oversell", "conservation", "revenue"];

fn shop(layout: StockLayout, stock: i64) -> Simulation {
    Simulation::new(&Shape { stock, layout, ..Shape::default() })
}

fn judge(record: &Record) -> Judgement {
    let mut checks = online_checks(&record.info);
    checks.push(Box::new(Revenue::new(&record.info)));
    let mut judge = Judge::new(&record.info, checks);
    record.events.iter().for_each(|event| judge.observe(event));
    judge.finish(None)
}

fn finding<'judgement>(judgement: &'judgement Judgement, name: &str) -> &'judgement Finding {
    judgement.findings.iter().find(|finding| finding.name == name).unwrap()
}

fn kinds(judgement: &Judgement, name: &str) -> Vec<String> {
    finding(judgement, name).anomalies.iter().map(|group| group.kind.clone()).collect()
}

fn is_accepted(judgement: &Judgement) {
    for name in NAMES {
        let finding = finding(judgement, name);
        assert_eq!((finding.verdict, finding.anomalies.len()), (Verdict::Pass, 0), "{finding:#?}");
    }
}

/// Ten tickets of each type in three shards; the fourth order finds too few in its shard, the last one too few in all.
fn sharded() -> Simulation {
    let mut shop = shop(StockLayout::Sharded, 10);
    shop.open("e1", 3);
    shop.buy_sharded(1, "ann", "e1", &[("pink", 2), ("yellow", 1)], 0, RequestOutcome::Answered);
    let second = shop.buy_sharded(2, "bob", "e1", &[("pink", 3)], 1, RequestOutcome::Answered);
    shop.cancel(second, RequestOutcome::Answered);
    shop.buy_sharded(3, "cid", "e1", &[("pink", 3)], 2, RequestOutcome::UnknownApplied);
    shop.buy_sharded(4, "dan", "e1", &[("pink", 4)], 1, RequestOutcome::Answered);
    shop.buy_sharded(5, "eve", "e1", &[("pink", 2)], 0, RequestOutcome::Answered);
    shop
}

/// Reservations that end in each of the ways they may.
fn held() -> Simulation {
    let mut shop = shop(StockLayout::Held, 10);
    let [confirmed, given_up, expired] =
        [1, 2, 3].map(|buyer| shop.reserve(buyer, &format!("user-{buyer}"), "e1", &[("pink", 3)], 5).unwrap());
    assert!(shop.reserve(4, "dan", "e1", &[("pink", 2)], 5).is_err());
    shop.confirm(&confirmed, RequestOutcome::Answered);
    shop.let_go(&given_up);
    shop.expire(expired.lease);
    shop.confirm(&expired, RequestOutcome::Answered);
    shop.release(&expired);
    shop.cancel(confirmed.order, RequestOutcome::Answered);
    shop
}

#[test]
fn a_sale_out_of_shards_is_accepted_before_during_and_after_it() {
    let mut shop = sharded();
    shop.settle("e1");
    let judgement = judge(&shop.finish());
    is_accepted(&judgement);
    let oversell = finding(&judgement, "oversell");
    let counts = ["sales", "cancellations", "shards", "tickets_sold"].map(|name| oversell.evidence[name]);
    assert_eq!(counts, [4, 1, 6, 10], "{oversell:#?}");
    // The event's record was never updated: it need not be while there are shards.
    is_accepted(&judge(&sharded().finish()));
}

#[test]
fn an_event_that_is_not_settled_when_its_shards_are_gone_is_rejected() {
    let mut shop = sharded();
    let before = shop.value(&shop.keys().event("e1")).cloned();
    shop.settle("e1");
    let key = shop.keys().event("e1");
    shop.write(vec![(key, before)]);
    assert_eq!(kinds(&judge(&shop.finish()), "conservation"), ["event_counter"]);
}

#[test]
fn two_orders_that_saw_the_same_shard_are_named_with_it() {
    let mut shop = shop(StockLayout::Sharded, 10);
    shop.open("e1", 3);
    let first = shop.read_shard(1, "ann", "e1", &[("pink", 2)], 1).unwrap();
    let second = shop.read_shard(2, "bob", "e1", &[("pink", 3)], 1).unwrap();
    shop.buy_sharded(3, "cid", "e1", &[("pink", 1)], 0, RequestOutcome::Answered);
    shop.commit(first, false, RequestOutcome::Answered);
    shop.commit(second, false, RequestOutcome::Answered);
    let judgement = judge(&shop.finish());
    let conservation = finding(&judgement, "conservation");
    assert_eq!(kinds(&judgement, "conservation"), ["lost_update"]);
    let explanation = conservation.anomalies[0].first.explanation.join(" ");
    for words in [
        "6 left (6 of them in shards)",
        "both saw 3 left in shard 1: the first bought 2, the second bought 3 and wrote 0 left",
        "1 was left",
    ] {
        assert!(explanation.contains(words), "{words} is not in: {explanation}");
    }
    assert_eq!(conservation.anomalies[0].first.orders, ["r1-1-1", "r1-2-1"]);
}

#[test]
fn stock_that_appears_or_vanishes_in_a_shard_is_rejected() {
    let mut shop = sharded();
    let revision = shop.force_shard("e1", "yellow", 2, -1);
    let judgement = judge(&shop.finish());
    assert_eq!(kinds(&judgement, "conservation"), ["vanished_tickets"]);
    let negative = &finding(&judgement, "oversell").anomalies[0];
    assert_eq!((negative.kind.as_str(), negative.first.severity, negative.first.revision), ("negative_stock", 1, Some(revision)));
    assert!(negative.first.keys.contains(&"shop/shard:e1:yellow:002".to_owned()), "{negative:?}");

    let mut shop = sharded();
    shop.force_shard("e1", "yellow", 2, 20);
    let judgement = judge(&shop.finish());
    assert_eq!(
        (kinds(&judgement, "oversell"), kinds(&judgement, "conservation")),
        (vec!["stock_above_total".to_owned()], vec!["surplus_tickets".to_owned()])
    );
    assert_eq!(kinds(&judgement, "revenue"), ["counters_differ_from_records"]);
}

#[test]
fn without_shards_a_sharded_sale_is_unknown() {
    let mut shop = shop(StockLayout::Sharded, 10);
    shop.buy(1, "ann", "e1", &[("pink", 2)], RequestOutcome::Answered);
    let judgement = judge(&shop.finish());
    assert_eq!(finding(&judgement, "conservation").reason.as_deref(), Some("No shard was seen."));
}

#[test]
fn what_is_reserved_is_neither_left_nor_sold() {
    is_accepted(&judge(&held().finish()));
    let mut shop = held();
    shop.reserve(6, "fay", "e1", &[("pink", 4)], 5).unwrap();
    let judgement = judge(&shop.finish());
    is_accepted(&judgement);
    assert_eq!(finding(&judgement, "oversell").evidence["holds"], 4);
}

#[test]
fn a_reservation_whose_stock_is_given_back_twice_is_rejected() {
    let mut shop = shop(StockLayout::Held, 10);
    let held = shop.reserve(1, "ann", "e1", &[("pink", 3)], 5).unwrap();
    shop.expire(held.lease);
    shop.release(&held);
    shop.release_unguarded(&held);
    shop.buy(2, "bob", "e1", &[("pink", 1)], RequestOutcome::Answered);
    let judgement = judge(&shop.finish());
    assert_eq!(kinds(&judgement, "conservation"), ["surplus_tickets"]);
    assert_eq!(kinds(&judgement, "oversell"), ["stock_above_total"]);
}

#[test]
fn more_reserved_than_there_is_shows_before_it_is_sold() {
    let mut shop = shop(StockLayout::Held, 3);
    shop.buy(1, "ann", "e1", &[("pink", 1)], RequestOutcome::Answered);
    shop.reserve(2, "bob", "e1", &[("pink", 2)], 5).unwrap();
    shop.force_ticket("e1", "pink", |ticket| ticket.current_quantity = 2);
    let event = shop.keys().event("e1");
    let value = shop.value(&event).unwrap().to_text().replace("\"current_quantity\":3", "\"current_quantity\":5");
    shop.write(vec![(event, Some(value.into()))]);
    shop.reserve(3, "cid", "e1", &[("pink", 2)], 5).unwrap();
    let judgement = judge(&shop.finish());
    let oversell = finding(&judgement, "oversell");
    assert_eq!(kinds(&judgement, "oversell"), ["over_reserved"]);
    assert!(oversell.anomalies[0].first.explanation[0].contains("order r1-3-1 of user cid reserved 2 pink tickets"), "{oversell:#?}");
    assert!(oversell.anomalies[0].first.explanation[0].contains("1 sold and 4 reserved of 3"), "{oversell:#?}");
}

#[test]
fn what_was_cancelled_can_be_sold_again() {
    let mut shop = shop(StockLayout::Plain, 3);
    let first = shop.buy(1, "ann", "e1", &[("pink", 3)], RequestOutcome::Answered);
    shop.cancel(first, RequestOutcome::UnknownApplied);
    let second = shop.buy(2, "bob", "e1", &[("pink", 3)], RequestOutcome::Answered);
    shop.cancel(second, RequestOutcome::UnknownNotApplied);
    shop.cancel(second, RequestOutcome::Answered);
    shop.buy(3, "cid", "e1", &[("pink", 2)], RequestOutcome::Answered);
    let judgement = judge(&shop.finish());
    is_accepted(&judgement);
    assert_eq!(finding(&judgement, "oversell").evidence["tickets_sold"], 2);
    let revenue = finding(&judgement, "revenue");
    let row = &revenue.revenue[0];
    assert_eq!((row.records_cents, row.receipts_cents, row.unknown_cents), (2 * 4_990, 5 * 4_990, -3 * 4_990));
    assert_eq!(revenue.evidence["refunds"], 1);
}

#[test]
fn a_cancellation_that_gives_nothing_back_is_rejected() {
    let mut shop = shop(StockLayout::Plain, 3);
    let first = shop.buy(1, "ann", "e1", &[("pink", 3)], RequestOutcome::Answered);
    shop.cancel(first, RequestOutcome::Answered);
    shop.force_ticket("e1", "pink", |ticket| ticket.current_quantity = 0);
    let judgement = judge(&shop.finish());
    assert_eq!(kinds(&judgement, "conservation"), ["vanished_tickets", "event_counter"]);
    assert_eq!(kinds(&judgement, "revenue"), ["counters_differ_from_records"]);
}

#[test]
fn a_refund_without_a_receipt_is_rejected() {
    let mut shop = shop(StockLayout::Plain, 3);
    let first = shop.buy(1, "ann", "e1", &[("pink", 3)], RequestOutcome::Answered);
    shop.cancel(first, RequestOutcome::RefusedButApplied);
    assert_eq!(kinds(&judge(&shop.finish()), "revenue"), ["receipts_differ_from_records"]);
}
