use ticketcd_judge::history::Revision;
use ticketcd_judge::history::annotation::OrderOutcome;
use ticketcd_judge::history::request::{GuardTarget, Relation, Txn, TxnOp};
use ticketcd_judge::model::records::{HoldRecord, parse_purchases};

use super::release::{Expiry, HoldEntry, transaction};
use super::reservation::{Reservation, ReservationState};
use crate::shop::purchase::tests::{answer, order, shop, stock};

const RECORD: &str = "t/hold:record:e1:r1-7-2";
const ALIVE: &str = "t/hold:alive:e1:r1-7-2";

/// Keys with the revision of the last write that they are compared with.
fn guarded(txn: &Txn) -> Vec<(String, Revision)> {
    let guarded = |guard: &ticketcd_judge::history::request::Guard| match guard.target {
        GuardTarget::ModRevision(revision) if guard.relation == Relation::Equal => Some((guard.key.to_text(), revision)),
        _ => None,
    };
    txn.guards.iter().filter_map(guarded).collect()
}

fn written(txn: &Txn) -> Vec<String> {
    let written = |operation: &TxnOp| match operation {
        TxnOp::Put(put) => format!("{} = {}", put.key.to_text(), put.value.to_text()),
        TxnOp::Delete(delete) => format!("{} gone", delete.key.to_text()),
        TxnOp::Range(_) | TxnOp::Txn(_) => panic!("{operation:?}"),
    };
    txn.success.iter().map(written).collect()
}

fn texts(expected: &[(&str, Revision)]) -> Vec<(String, Revision)> {
    expected.iter().map(|(key, revision)| ((*key).to_owned(), *revision)).collect()
}

fn reserved(purchases: Option<(&str, i64)>) -> Reservation {
    let order = order(&[("pink", 2)]);
    let mut reservation = Reservation::of(&shop(), &stock(purchases), &order).unwrap();
    reservation.reserved_at(41, &order);
    reservation
}

#[test]
fn reserving_moves_tickets_from_the_stock_into_a_record() {
    let order = order(&[("pink", 2)]);
    let reservation = Reservation::of(&shop(), &stock(None), &order).unwrap();
    let txn = reservation.reserve(&shop(), &order, 77);
    assert_eq!(guarded(&txn), texts(&[("t/ticket:e1:pink", 30), ("t/event:e1", 31), (RECORD, 0)]));
    let written = written(&txn);
    assert_eq!(written[0], r#"t/ticket:e1:pink = {"total_quantity":9,"current_quantity":1,"price":49.90}"#);
    assert!(written[1].ends_with(r#""current_quantity":6}"#));
    assert_eq!(written[2], format!(r#"{RECORD} = {{"user":"ann","tickets":[{{"type":"pink","quantity":2,"price":49.90}}]}}"#));
    let leases: Vec<_> = txn.success.iter().map(|operation| if let TxnOp::Put(put) = operation { put.lease } else { 0 }).collect();
    assert_eq!(leases, [0, 0, 0, 77], "only the key that marks it as alive is attached to the lease");
    assert_eq!(reservation.paid.0, 2 * 4990);
    assert_eq!(
        Reservation::of(&shop(), &stock(None), &crate::shop::purchase::tests::order(&[("pink", 4)])).unwrap_err(),
        OrderOutcome::SoldOut
    );
}

#[test]
fn confirming_needs_both_keys_as_they_were_and_touches_no_stock() {
    let earlier = r#"[{"date":"01-05-2026 19:00","tickets":[]}]"#;
    let order = order(&[("pink", 2)]);
    let (txn, after) = reserved(Some((earlier, 25))).confirm(&shop(), &order).unwrap();
    assert_eq!(guarded(&txn), texts(&[(RECORD, 41), (ALIVE, 41), ("t/purchase:ann:e1", 25)]));
    let written = written(&txn);
    assert_eq!(written[..2], [format!("{RECORD} gone"), format!("{ALIVE} gone")]);
    assert_eq!(parse_purchases(after.purchases.value.as_bytes()).unwrap().len(), 2);
    assert_eq!((after.ticket("pink").unwrap().mod_revision, after.ticket("green").unwrap().mod_revision), (41, 12));
}

#[test]
fn a_confirmation_that_failed_goes_on_only_while_the_reservation_stands() {
    let (record, alive) = (("hold:record:e1:r1-7-2", "{}", 41), ("hold:alive:e1:r1-7-2", "", 41));
    let purchases = ("purchase:ann:e1", "[]", 43);
    let mut reservation = reserved(None);
    let mut state = |record: Vec<_>, alive: Vec<_>| reservation.state(&[answer(record), answer(alive), answer(vec![purchases])]).unwrap();
    assert_eq!(state(vec![record], vec![]), ReservationState::Expired);
    assert_eq!(state(vec![], vec![alive]), ReservationState::Expired);
    assert_eq!(state(vec![("hold:record:e1:r1-7-2", "{}", 42)], vec![alive]), ReservationState::Expired);
    assert_eq!(state(vec![record], vec![alive]), ReservationState::Alive);
    let (txn, _) = reservation.confirm(&shop(), &order(&[("pink", 2)])).unwrap();
    assert_eq!(guarded(&txn).pop(), Some(("t/purchase:ann:e1".to_owned(), 43)), "what was read meanwhile is what is compared");
}

#[test]
fn what_comes_back_comes_back_once_and_only_after_its_lease() {
    let line = |record: &str| serde_json::from_str::<HoldRecord>(record).unwrap();
    let entry = |order: &str, record, revision| HoldEntry { order: order.to_owned(), record: line(record), revision };
    let pink = entry("r1-7-2", r#"{"user":"ann","tickets":[{"type":"pink","quantity":2,"price":49.90}]}"#, 41);
    let both = entry("r1-8-1", r#"{"user":"bob","tickets":[{"type":"pink","quantity":1},{"type":"green","quantity":3}]}"#, 39);
    let keys = shop().keys;
    let txn = transaction(&keys, "e1", &[&pink, &both], &stock(None), Expiry::Needed).unwrap();
    let expected = [(RECORD, 41), ("t/hold:record:e1:r1-8-1", 39), ("t/ticket:e1:green", 12), ("t/ticket:e1:pink", 30), ("t/event:e1", 31)];
    assert_eq!(guarded(&txn), texts(&expected));
    let absent: Vec<_> =
        txn.guards.iter().filter(|guard| guard.target == GuardTarget::CreateRevision(0)).map(|guard| guard.key.to_text()).collect();
    assert_eq!(absent, [ALIVE, "t/hold:alive:e1:r1-8-1"]);
    let written = written(&txn);
    assert_eq!(written[..2], [format!("{RECORD} gone"), "t/hold:record:e1:r1-8-1 gone".to_owned()]);
    assert!(written[2].contains(r#""current_quantity":8"#) && written[3].contains(r#""current_quantity":6"#), "{written:?}");
    assert!(written[4].ends_with(r#""current_quantity":14}"#));

    let by_its_buyer = transaction(&keys, "e1", &[&pink], &stock(None), Expiry::NotNeeded).unwrap();
    assert_eq!(guarded(&by_its_buyer), texts(&[(RECORD, 41), ("t/ticket:e1:pink", 30), ("t/event:e1", 31)]));
    assert_eq!(by_its_buyer.guards.len(), 3, "it need not have expired");
    let nothing = crate::shop::purchase::state::Stock { event: None, ..stock(None) };
    assert!(transaction(&keys, "e1", &[&pink], &nothing, Expiry::Needed).is_err());
}
