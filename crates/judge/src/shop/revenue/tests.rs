use super::Revenue;
use crate::core::engine::Judge;
use crate::core::verdict::{Finding, RevenueRow, Verdict};
use crate::testing::{Record, RequestOutcome, Shape, Simulation};
use ticketcd_history::event::Event;

fn judge(record: &Record) -> Finding {
    let mut judge = Judge::new(&record.info, vec![Box::new(Revenue::new(&record.info))]);
    record.events.iter().for_each(|event| judge.observe(event));
    judge.finish(None).findings.into_iter().find(|finding| finding.name == "revenue").unwrap()
}

fn kinds(finding: &Finding) -> Vec<&str> {
    finding.anomalies.iter().map(|group| group.kind.as_str()).collect()
}

/// Concerts: two tickets with a receipt, one without; theatre: one. Each costs 49.90.
fn shop() -> Simulation {
    let mut shop = Simulation::new(&Shape::default());
    shop.buy(1, "ann", "e1", &[("pink", 1), ("yellow", 1)], RequestOutcome::Answered);
    shop.buy(2, "bob", "e2", &[("pink", 1)], RequestOutcome::Answered);
    shop.buy(3, "cid", "e1", &[("pink", 1)], RequestOutcome::UnknownApplied);
    shop.buy(4, "dan", "e1", &[("pink", 1)], RequestOutcome::UnknownNotApplied);
    shop.buy(5, "eve", "e1", &[("pink", 1)], RequestOutcome::Refused);
    shop
}

#[test]
fn three_ways_of_counting_agree_to_the_cent() {
    let finding = judge(&shop().finish());
    assert_eq!((finding.verdict, kinds(&finding)), (Verdict::Pass, vec![]), "{finding:#?}");
    let row = |event_type: &str, all, receipts_cents, unknown_cents| RevenueRow {
        event_type: event_type.to_owned(),
        counters_cents: all,
        records_cents: all,
        receipts_cents,
        unknown_cents,
        other_cents: 0,
    };
    assert_eq!(finding.revenue, [row("concert", 14_970, 9_980, 4_990), row("theatre", 4_990, 4_990, 0)]);
}

#[test]
fn a_counter_that_differs_is_named_with_its_event() {
    let mut shop = shop();
    shop.force_ticket("e2", "pink", |ticket| ticket.current_quantity += 1);
    let finding = judge(&shop.finish());
    assert_eq!((finding.verdict, kinds(&finding)), (Verdict::Violation, vec!["counters_differ_from_records"]));
    assert_eq!((finding.anomalies[0].first.keys[0].as_str(), finding.anomalies[0].first.severity), ("shop/event:e2", 4_990));
}

#[test]
fn a_receipt_that_is_a_cent_off_is_caught() {
    let mut record = shop().finish();
    for event in &mut record.events {
        if let Event::OrderClosed(closed) = event
            && closed.order.buyer == 2
        {
            closed.paid_cents = 4_991;
        }
    }
    let finding = judge(&record);
    assert_eq!((finding.verdict, kinds(&finding)), (Verdict::Violation, vec!["receipts_differ_from_records"]));
    assert_eq!(finding.anomalies[0].first.severity, 1);
}

#[test]
fn a_refused_order_that_was_carried_out_leaves_a_difference() {
    let mut shop = shop();
    shop.buy(6, "fay", "e1", &[("pink", 1)], RequestOutcome::RefusedButApplied);
    let finding = judge(&shop.finish());
    assert_eq!(kinds(&finding), ["receipts_differ_from_records"]);
    assert_eq!(finding.anomalies[0].first.orders, ["r1-6-1"]);
}

#[test]
fn the_first_entry_that_no_receipt_has_is_named() {
    let mut shop = shop();
    let key = shop.keys().purchase("ann", "e1");
    let value = shop.value(&key).unwrap().to_text();
    let entry = |order: &str| value.replace("r1-1-1", order).trim_matches(['[', ']']).to_owned();
    // The date of an entry with a receipt changes, and there are two that no buyer placed.
    let own = value.trim_matches(['[', ']']).replace("01-05-2026", "02-05-2026");
    shop.write(vec![(key.clone(), Some(format!("[{own},{}]", entry("r1-1-9")).into()))]);
    shop.write(vec![(key, Some(format!("[{own},{},{}]", entry("r1-1-9"), entry("r1-1-8")).into()))]);
    let finding = judge(&shop.finish());
    let group = finding.anomalies.iter().find(|group| group.kind == "receipts_differ_from_records").unwrap();
    assert_eq!(group.first.orders, ["r1-1-9"]);
    let words = "The first order that does not match is r1-1-9: it has entries of 99.80 without a receipt.";
    assert_eq!(group.first.explanation.last().map(String::as_str), Some(words));
}

#[test]
fn without_the_whole_record_it_is_unknown() {
    let finding = judge(&shop().cut());
    assert_eq!((finding.verdict, kinds(&finding)), (Verdict::Unknown, vec![]), "{finding:#?}");
    let mut record = shop().finish();
    record.drop_revision(4);
    assert_eq!(judge(&record).verdict, Verdict::Unknown);
    let mut refused = Simulation::new(&Shape::default());
    let order = refused.place(1, "ann", "e1", &[("pink", 1)]);
    refused.refuse(order);
    assert_eq!(judge(&refused.finish()).verdict, Verdict::Unknown, "no order was acknowledged");
}

#[test]
fn what_was_sold_before_the_record_began_is_no_mismatch() {
    let mut shop = Simulation::new(&Shape::default());
    let ticket = r#"{"total_quantity":10,"current_quantity":4,"price":49.90}"#;
    shop.write(vec![(shop.keys().ticket("old", "pink"), Some(ticket.into()))]);
    shop.buy(1, "ann", "e1", &[("pink", 1)], RequestOutcome::Answered);
    shop.buy(1, "ann", "old", &[("pink", 1)], RequestOutcome::Answered);
    let finding = judge(&shop.finish());
    assert_eq!((finding.verdict, kinds(&finding)), (Verdict::Pass, vec![]), "{finding:#?}");
}
