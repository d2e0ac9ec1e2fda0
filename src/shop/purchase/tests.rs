use std::sync::Arc;
use std::time::Duration;

use ticketcd_judge::history::OrderKey;
use ticketcd_judge::history::annotation::OrderOutcome;
use ticketcd_judge::history::request::{GuardTarget, KeyValue, RangeAnswer, Relation, TxnAnswer, TxnAnswerBody, TxnOp};
use ticketcd_judge::model::records::parse_purchases;
use ticketcd_judge::model::{Cents, Keyspace};

use super::optimistic::{Optimistic, Retry};
use super::state::{Seen, Stock, reads};
use super::stock_cache::StockCache;
use super::write::{Decision, Write, decide};
use super::{RetryPolicy, naive, optimistic};
use crate::settings::streams::stream;
use crate::shop::{Order, Shop};

pub(super) fn shop() -> Shop {
    let strategy = Arc::new(Optimistic { retries: RetryPolicy { attempts_max: 3, back_off: Duration::ZERO }, retry: Retry::Never });
    Shop { keys: Keyspace::new("t/"), run_tag: "r1".into(), date: "01-05-2026 20:00".into(), strategy }
}

pub(super) fn order(items: &[(&str, i64)]) -> Order {
    let items = items.iter().map(|(kind, quantity)| ((*kind).to_owned(), *quantity)).collect();
    Order { key: OrderKey { buyer: 7, sequence: 2 }, user: "ann".to_owned(), event: "e1".to_owned(), items, due: 0 }
}

pub(super) fn answer(kvs: Vec<(&str, &str, i64)>) -> TxnAnswer {
    let kv = |(key, value, mod_revision): (&str, &str, i64)| KeyValue {
        key: format!("t/{key}").into(),
        value: value.into(),
        create_revision: 2,
        mod_revision,
        ..KeyValue::default()
    };
    let count = kvs.len() as i64;
    TxnAnswer { revision: 40, body: TxnAnswerBody::Range(RangeAnswer { kvs: kvs.into_iter().map(kv).collect(), more: false, count }) }
}

const EVENT: &str = r#"{"name":"N","description":"D","location":"L","type":"concert","date":"01-06-2026 20:00","current_quantity":8}"#;

/// Three pink ones at 49.90 and five green ones at 0.07 are left.
pub(super) fn stock(purchases: Option<(&str, i64)>) -> Stock {
    let tickets = vec![
        ("ticket:e1:green", r#"{"total_quantity":5,"current_quantity":5,"price":0.07}"#, 12),
        ("ticket:e1:pink", r#"{"total_quantity":"9","current_quantity":"3","price":"49.9"}"#, 30),
    ];
    let purchases = purchases.map(|(value, revision)| ("purchase:ann:e1", value, revision)).into_iter().collect();
    Stock::parse(&shop().keys, &[answer(vec![("event:e1", EVENT, 31)]), answer(tickets), answer(purchases)]).unwrap()
}

fn write(stock: &Stock, items: &[(&str, i64)]) -> Write {
    match decide(&shop(), stock, &order(items)) {
        Decision::Buy(write) => *write,
        Decision::Refuse(outcome) => panic!("{outcome:?}"),
    }
}

fn refusal(stock: &Stock, items: &[(&str, i64)]) -> OrderOutcome {
    match decide(&shop(), stock, &order(items)) {
        Decision::Buy(write) => panic!("{write:?}"),
        Decision::Refuse(outcome) => outcome,
    }
}

#[test]
fn every_key_that_is_written_is_guarded_by_its_last_write() {
    for purchases in [None, Some((r#"[{"date":"01-05-2026 19:00","tickets":[]}]"#, 25))] {
        let write = write(&stock(purchases), &[("pink", 2), ("green", 1)]);
        let txn = optimistic::transaction(&shop(), &order(&[("pink", 2), ("green", 1)]), &write);
        let guarded: Vec<_> = txn
            .guards
            .iter()
            .map(|guard| match guard.target {
                GuardTarget::ModRevision(revision) if guard.relation == Relation::Equal && guard.range_end.is_empty() => {
                    (guard.key.to_text(), revision)
                }
                _ => panic!("{guard:?}"),
            })
            .collect();
        let written = txn.success.iter().map(|operation| match operation {
            TxnOp::Put(put) => put.key.to_text(),
            other => panic!("{other:?}"),
        });
        assert_eq!(guarded.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>(), written.collect::<Vec<_>>());
        let expected = [
            ("t/ticket:e1:pink", 30),
            ("t/ticket:e1:green", 12),
            ("t/event:e1", 31),
            ("t/purchase:ann:e1", purchases.map_or(0, |(_, revision)| revision)),
        ];
        assert_eq!(guarded, expected.map(|(key, revision)| (key.to_owned(), revision)));
        assert_eq!(txn.failure, reads(&shop().keys, "e1", "ann"));
    }
}

#[test]
fn the_new_values_add_up() {
    let write = write(&stock(None), &[("pink", 2), ("green", 3)]);
    assert_eq!(write.paid, Cents(2 * 4990 + 3 * 7));
    let values: Vec<_> = write.puts.iter().map(|(put, _)| put.value.to_text()).collect();
    assert_eq!(values[0], r#"{"total_quantity":9,"current_quantity":1,"price":49.90}"#);
    assert_eq!(values[1], r#"{"total_quantity":5,"current_quantity":2,"price":0.07}"#);
    assert!(values[2].ends_with(r#""current_quantity":3}"#));
    assert_eq!(
        values[3],
        r#"[{"id":"r1-7-2","date":"01-05-2026 20:00","tickets":[{"type":"pink","quantity":2,"price":49.90},{"type":"green","quantity":3,"price":0.07}]}]"#
    );
}

#[test]
fn earlier_purchases_stay_byte_for_byte() {
    let array = r#"[ {"date":"2024-05-01","tickets":[],"note":"unknown to us"} ]"#;
    let single = r#"{"date":"2024-05-01","tickets":[],"note":"unknown to us"}"#;
    for value in [array, single] {
        let write = write(&stock(Some((value, 3))), &[("pink", 1)]);
        let value = write.puts.last().unwrap().0.value.to_text();
        assert!(value.starts_with(&format!("[{single},")), "{value}");
        assert_eq!(parse_purchases(value.as_bytes()).unwrap().len(), 2);
    }
    let refused = refusal(&stock(Some(("7", 3))), &[("pink", 1)]);
    assert!(matches!(refused, OrderOutcome::Rejected { .. }), "{refused:?}");
}

#[test]
fn after_a_purchase_its_values_and_revision_are_what_is_known() {
    let known = write(&stock(None), &[("pink", 2)]).into_stock_at(41);
    let pink = known.ticket("pink").unwrap();
    assert_eq!((pink.value.current_quantity, pink.mod_revision), (1, 41));
    assert_eq!(known.ticket("green").unwrap().mod_revision, 12);
    assert_eq!((known.event.as_ref().unwrap().mod_revision, known.purchases.mod_revision), (41, 41));
    let next = write(&known, &[("pink", 1)]);
    assert_eq!(next.puts.iter().map(|(_, revision)| *revision).collect::<Vec<_>>(), [41, 41, 41]);
    assert_eq!(refusal(&next.into_stock_at(42), &[("pink", 1)]), OrderOutcome::SoldOut);
}

#[test]
fn what_cannot_be_sold_is_refused() {
    let stock = stock(None);
    assert_eq!(refusal(&stock, &[("pink", 4)]), OrderOutcome::SoldOut);
    assert_eq!(refusal(&stock, &[("green", 1), ("pink", 4)]), OrderOutcome::SoldOut);
    for items in [&[][..], &[("pink", 0)], &[("pink", -1)], &[("pink", 1), ("pink", 1)], &[("blue", 1)]] {
        assert!(matches!(refusal(&stock, items), OrderOutcome::Rejected { .. }), "{items:?}");
    }
    let nothing = Stock { event: None, ..stock };
    assert!(matches!(refusal(&nothing, &[("pink", 1)]), OrderOutcome::Rejected { .. }));
}

#[test]
fn money_that_does_not_fit_is_refused_not_wrapped() {
    let mut stock = stock(None);
    for (_, ticket) in &mut stock.tickets {
        *ticket = Seen { value: ticket.value.clone(), mod_revision: ticket.mod_revision };
        ticket.value.price = Cents(i64::MAX);
    }
    assert!(matches!(refusal(&stock, &[("pink", 2)]), OrderOutcome::Rejected { .. }));
}

#[test]
fn naive_writes_the_same_but_guards_nothing() {
    let write = write(&stock(None), &[("pink", 2)]);
    let txn = naive::transaction(&write);
    assert_eq!(txn.guards, []);
    assert_eq!(txn.success, optimistic::transaction(&shop(), &order(&[("pink", 2)]), &write).success);
}

#[test]
fn a_buyer_forgets_what_it_has_not_met_for_longest() {
    let mut cache = StockCache::new(stream(1, "back-off", 0));
    for number in 0..64 {
        cache.put(&format!("e{number}"), stock(None));
    }
    let first = cache.take("e0").unwrap();
    cache.put("e0", first);
    cache.put("new", stock(None));
    assert!(cache.take("e1").is_none());
    assert!(cache.take("e0").is_some() && cache.take("new").is_some() && cache.take("e2").is_some());
    assert!(cache.take("e0").is_none(), "what was taken out is forgotten until it is put back");
}
