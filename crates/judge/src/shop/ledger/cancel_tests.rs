//! Cancellations in the ledger.

use super::Ledger;
use crate::core::engine::Judge;
use crate::core::verdict::{Finding, Verdict};
use crate::testing::{Record, RequestOutcome, Shape, Simulation};
use ticketcd_history::OrderKey;
use ticketcd_history::event::Event;

fn judge(record: &Record) -> Finding {
    let mut judge = Judge::new(&record.info, vec![Box::new(Ledger::new(&record.info))]);
    record.events.iter().for_each(|event| judge.observe(event));
    judge.finish(None).findings.into_iter().find(|finding| finding.name == "ledger").unwrap()
}

/// The kinds found, with the orders of the first of each.
fn found(finding: &Finding) -> Vec<(&str, Vec<&str>)> {
    finding.anomalies.iter().map(|group| (group.kind.as_str(), group.first.orders.iter().map(String::as_str).collect())).collect()
}

/// Two orders: `r1-1-1` of ann and `r1-2-1` of bob.
fn shop() -> (Simulation, [OrderKey; 2]) {
    let mut shop = Simulation::new(&Shape::default());
    let first = shop.buy(1, "ann", "e1", &[("pink", 2), ("yellow", 1)], RequestOutcome::Answered);
    let second = shop.buy(2, "bob", "e1", &[("pink", 1)], RequestOutcome::Answered);
    (shop, [first, second])
}

/// Rewrites the purchases of a user for `e1` without a request.
fn rewrite(shop: &mut Simulation, user: &str, edit: impl FnOnce(String) -> String) {
    let key = shop.keys().purchase(user, "e1");
    let value = shop.value(&key).unwrap().to_text();
    shop.write(vec![(key, Some(edit(value).into()))]);
}

#[test]
fn a_cancellation_is_an_order_of_its_own() {
    let (mut shop, [first, second]) = shop();
    shop.cancel(first, RequestOutcome::Answered);
    shop.cancel(second, RequestOutcome::UnknownNotApplied);
    shop.cancel(second, RequestOutcome::Refused);
    shop.cancel(second, RequestOutcome::UnknownApplied);
    let finding = judge(&shop.finish());
    assert_eq!((finding.verdict, found(&finding)), (Verdict::Pass, vec![]), "{finding:#?}");
    let counts = ["acknowledged", "refused", "unknown_applied", "unknown_absent", "cancellations"].map(|name| finding.evidence[name]);
    assert_eq!(counts, [3, 1, 1, 1, 4]);
}

#[test]
fn what_happens_to_other_orders_happens_to_cancellations() {
    for (fate, kind) in [(RequestOutcome::AnsweredNotApplied, "lost_order"), (RequestOutcome::RefusedButApplied, "refused_but_applied")] {
        let (mut shop, [first, second]) = shop();
        shop.cancel(first, fate);
        shop.buy(second.buyer, "bob", "e1", &[("pink", 1)], RequestOutcome::Answered);
        let finding = judge(&shop.finish());
        assert_eq!(found(&finding), [(kind, vec!["r1-1-2"])], "{finding:#?}");
    }
    let (mut shop, [first, _]) = shop();
    shop.cancel(first, RequestOutcome::Answered);
    let mut record = shop.finish();
    record.events.retain(|event| !matches!(event, Event::CancelPlaced(_)));
    record.events.retain(|event| !matches!(event, Event::OrderClosed(closed) if closed.order.sequence == 2));
    assert_eq!(found(&judge(&record)), [("phantom_order", vec!["r1-1-2"])]);
}

#[test]
fn dropping_an_order_is_a_loss_even_when_it_was_cancelled() {
    for kept in [0, 1] {
        let (mut shop, [first, _]) = shop();
        shop.cancel(first, RequestOutcome::Answered);
        rewrite(&mut shop, "ann", |value| {
            let mut elements: Vec<serde_json::Value> = serde_json::from_str(&value).unwrap();
            serde_json::to_string(&[elements.swap_remove(kept)]).unwrap()
        });
        let finding = judge(&shop.finish());
        let lost = ["r1-1-2", "r1-1-1"][kept];
        assert_eq!(found(&finding), [("lost_order", vec![lost])], "{finding:#?}");
    }
}

#[test]
fn an_order_that_is_cancelled_twice_is_rejected() {
    let (mut shop, [first, _]) = shop();
    let again = shop.read_to_cancel(first);
    shop.cancel(first, RequestOutcome::Answered);
    // It reads the stock again, but not the earlier cancellation.
    let again = shop.look_again(again);
    shop.commit(again, true, RequestOutcome::Answered);
    let finding = judge(&shop.finish());
    assert_eq!(found(&finding), [("cancelled_twice", vec!["r1-1-2"])], "{finding:#?}");
    assert_eq!((finding.anomalies[0].count, finding.anomalies[0].first.members.len()), (1, 3));
    assert!(finding.anomalies[0].first.explanation[0].contains("it cancels order r1-1-1, which r1-1-3 had already cancelled"));
}

#[test]
fn a_cancellation_of_a_missing_order_is_rejected() {
    let (mut shop, _) = shop();
    let lost = shop.buy(3, "cid", "e1", &[("pink", 1)], RequestOutcome::UnknownNotApplied);
    shop.cancel(lost, RequestOutcome::Answered);
    let finding = judge(&shop.finish());
    assert_eq!(found(&finding), [("cancelled_unbought", vec!["r1-3-2"])], "{finding:#?}");
}

#[test]
fn a_cancellation_returns_what_was_bought_and_names_its_order() {
    let edits =
        [("\"quantity\":-2", "\"quantity\":-1"), (",\"cancels\":\"r1-1-1\"", ""), ("\"cancels\":\"r1-1-1\"", "\"cancels\":\"r0-1-1\"")];
    for (from, to) in edits {
        let (mut shop, [first, _]) = shop();
        shop.cancel(first, RequestOutcome::Answered);
        let mut record = shop.finish();
        record.each_value(|value| value.replace(from, to));
        let finding = judge(&record);
        assert_eq!(found(&finding), [("altered_order", vec!["r1-1-2"])], "{finding:#?}");
    }
    let (mut shop, [first, _]) = shop();
    shop.cancel(first, RequestOutcome::Answered);
    let mut record = shop.finish();
    // The cancellation requested less than what was bought, and the data match it.
    record.each_value(|value| value.replace("\"quantity\":-2", "\"quantity\":-1"));
    for event in &mut record.events {
        if let Event::CancelPlaced(placed) = event {
            placed.items[0].1 = -1;
        }
    }
    assert_eq!(found(&judge(&record)), [("altered_order", vec!["r1-1-2"])]);
}

#[test]
fn a_cancellation_behind_the_end_of_a_cut_record_is_unrecorded() {
    let (mut shop, [first, _]) = shop();
    shop.cancel(first, RequestOutcome::Answered);
    let mut record = shop.cut();
    let cut = record.events.iter().position(|event| matches!(event, Event::CancelPlaced(_))).unwrap();
    let written = record.events.split_off(cut).into_iter().filter(|event| matches!(event, Event::WatchBatch(_)));
    record.events.extend(written.collect::<Vec<_>>());
    let finding = judge(&record);
    assert_eq!((finding.verdict, found(&finding), finding.evidence["unrecorded_orders"]), (Verdict::Unknown, vec![], 1), "{finding:#?}");
}
