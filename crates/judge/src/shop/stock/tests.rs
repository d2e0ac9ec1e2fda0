//! Oversell and conservation: each rejects exactly what it is meant to.

use crate::checks::online_checks;
use crate::core::engine::{Judge, Judgement};
use crate::core::verdict::{AnomalyGroup, Finding, Verdict};
use crate::testing::{Record, RequestOutcome, Shape, Simulation};
use ticketcd_history::MemberIndex;

fn shop(stock: i64) -> Simulation {
    Simulation::new(&Shape { stock, ..Shape::default() })
}

fn judge(record: &Record) -> Judgement {
    let mut judge = Judge::new(&record.info, online_checks(&record.info));
    record.events.iter().for_each(|event| judge.observe(event));
    judge.finish(None)
}

fn finding<'judgement>(judgement: &'judgement Judgement, name: &str) -> &'judgement Finding {
    judgement.findings.iter().find(|finding| finding.name == name).unwrap()
}

fn group<'finding>(finding: &'finding Finding, kind: &str) -> &'finding AnomalyGroup {
    finding.anomalies.iter().find(|group| group.kind == kind).unwrap_or_else(|| panic!("no {kind} in {finding:#?}"))
}

fn kinds(finding: &Finding) -> Vec<&str> {
    finding.anomalies.iter().map(|group| group.kind.as_str()).collect()
}

/// Two buyers read the same stock, and both write the stock computed from it.
fn race(shop: &mut Simulation, quantities: (i64, i64), guarded: bool) {
    let first = shop.read(1, "ann", "e1", &[("pink", quantities.0)]).unwrap();
    let second = shop.read(2, "bob", "e1", &[("pink", quantities.1)]).unwrap();
    shop.commit(first, guarded, RequestOutcome::Answered);
    shop.commit(second, guarded, RequestOutcome::Answered);
}

#[test]
fn a_naive_sale_of_the_last_tickets_is_rejected() {
    let mut shop = shop(3);
    race(&mut shop, (2, 2), false);
    let revision = shop.revision();
    let fault = shop.inject("pause", MemberIndex(1));
    shop.heal(fault, MemberIndex(1));
    let judgement = judge(&shop.finish());
    assert_eq!(judgement.verdict, Verdict::Violation);

    let oversell = finding(&judgement, "oversell");
    assert_eq!(kinds(oversell), ["oversold"]);
    let anomaly = &group(oversell, "oversold").first;
    assert_eq!((anomaly.severity, anomaly.revision), (1, Some(revision)));
    assert_eq!(anomaly.keys, ["shop/ticket:e1:pink"]);
    assert_eq!(anomaly.orders, ["r1-1-1", "r1-2-1"]);
    let explanation = anomaly.explanation.join(" ");
    for words in ["order r1-2-1 of user bob bought 2 pink tickets of event e1 ‘Concert 1’", "bringing sales to 4 of 3", "both saw 3 left"]
    {
        assert!(explanation.contains(words), "{words} is not in: {explanation}");
    }

    let conservation = finding(&judgement, "conservation");
    assert_eq!(group(conservation, "lost_update").first.orders, ["r1-1-1", "r1-2-1"]);
    assert_eq!(group(conservation, "lost_update").first.severity, 2);
}

#[test]
fn a_lost_update_shows_before_anything_is_oversold() {
    let mut shop = shop(10);
    race(&mut shop, (2, 3), false);
    let judgement = judge(&shop.finish());
    assert_eq!(finding(&judgement, "oversell").verdict, Verdict::Pass);
    assert_eq!(kinds(finding(&judgement, "conservation")), ["lost_update"]);
}

#[test]
fn the_same_race_with_compares_is_accepted() {
    let mut shop = shop(3);
    race(&mut shop, (2, 2), true);
    let judgement = judge(&shop.finish());
    assert_eq!(judgement.verdict, Verdict::Pass, "{:#?}", judgement.findings);
    assert_eq!(finding(&judgement, "oversell").evidence["tickets_sold"], 2);
}

#[test]
fn a_negative_stock_is_rejected() {
    let mut shop = shop(3);
    shop.buy(1, "ann", "e1", &[("pink", 3)], RequestOutcome::Answered);
    let revision = shop.force_ticket("e1", "pink", |ticket| ticket.current_quantity = -2);
    let judgement = judge(&shop.finish());
    let group = group(finding(&judgement, "oversell"), "negative_stock");
    assert_eq!((group.first.severity, group.first.revision, group.count), (2, Some(revision), 1));
    assert_eq!(kinds(finding(&judgement, "conservation")), ["vanished_tickets", "event_counter"]);
}

#[test]
fn a_stock_above_the_total_and_a_changed_total_are_rejected() {
    let mut shop = shop(3);
    shop.buy(1, "ann", "e1", &[("pink", 1)], RequestOutcome::Answered);
    shop.force_ticket("e1", "pink", |ticket| ticket.current_quantity = 4);
    shop.force_ticket("e1", "pink", |ticket| (ticket.current_quantity, ticket.total_quantity) = (2, 7));
    let judgement = judge(&shop.finish());
    let oversell = finding(&judgement, "oversell");
    assert_eq!(kinds(oversell), ["stock_above_total", "total_changed"]);
    assert_eq!(group(oversell, "total_changed").first.severity, 4);
}

#[test]
fn an_event_counter_that_moves_alone_is_rejected() {
    let mut shop = shop(5);
    shop.buy(1, "ann", "e1", &[("pink", 1)], RequestOutcome::Answered);
    let key = shop.keys().event("e1");
    let value = shop.value(&key).unwrap().to_text().replace("\"current_quantity\":9", "\"current_quantity\":8");
    let revision = shop.write(vec![(key.clone(), Some(value.into()))]);
    let judgement = judge(&shop.finish());
    let conservation = finding(&judgement, "conservation");
    assert_eq!(kinds(conservation), ["event_counter"]);
    let anomaly = &group(conservation, "event_counter").first;
    assert_eq!((anomaly.revision, &anomaly.keys), (Some(revision), &vec![key.to_text()]));
}

#[test]
fn a_purchase_that_disappears_leaves_tickets_unaccounted_for() {
    let mut shop = shop(5);
    shop.buy(1, "ann", "e1", &[("pink", 2)], RequestOutcome::Answered);
    let key = shop.keys().purchase("ann", "e1");
    shop.write(vec![(key, None)]);
    let judgement = judge(&shop.finish());
    assert_eq!(group(finding(&judgement, "conservation"), "vanished_tickets").first.severity, 2);
}

#[test]
fn nothing_sold_is_no_evidence() {
    let mut wanted = shop(5);
    let order = wanted.place(1, "ann", "e1", &[("pink", 9)]);
    wanted.refuse(order);
    let judgement = judge(&wanted.finish());
    for name in ["oversell", "conservation"] {
        let finding = finding(&judgement, name);
        assert_eq!((finding.verdict, finding.reason.as_deref()), (Verdict::Unknown, Some("No purchase was seen.")));
    }
}

#[test]
fn without_a_purchase_attempt_nothing_is_judged() {
    let judgement = judge(&shop(5).finish());
    assert!(judgement.findings.iter().all(|finding| !["oversell", "conservation"].contains(&finding.name.as_str())), "{judgement:#?}");
}

#[test]
fn an_oversell_shows_while_the_load_runs() {
    let mut shop = shop(3);
    race(&mut shop, (2, 2), false);
    let record = shop.cut();
    let mut judge = Judge::new(&record.info, online_checks(&record.info));
    let first = record.events.iter().position(|event| {
        judge.observe(event);
        judge.violation().is_some()
    });
    assert!(first.is_some());
    assert!(judge.violation().unwrap().contains("bringing sales to 4 of 3"));
}

#[test]
fn the_fault_that_was_active_is_named() {
    let mut shop = shop(3);
    shop.inject("pause", MemberIndex(1));
    race(&mut shop, (2, 2), false);
    let judgement = judge(&shop.finish());
    assert_eq!(group(finding(&judgement, "oversell"), "oversold").first.faults, ["pause of m2"]);
}

/// An event of a dataset whose tickets were partly sold before, written in two transactions, and then the purchases of these.
fn seed_partly_sold(shop: &mut Simulation, total: i64, current: i64, purchases: &[i64]) {
    let record = format!(
        r#"{{"name":"Old","description":"","location":"Athens","type":"concert","date":"01-05-2026 20:00","current_quantity":{current}}}"#
    );
    let ticket = format!(r#"{{"total_quantity":{total},"current_quantity":{current},"price":49.90}}"#);
    shop.write(vec![(shop.keys().event("old"), Some(record.into()))]);
    shop.write(vec![(shop.keys().ticket("old", "pink"), Some(ticket.into()))]);
    for (user, quantity) in purchases.iter().enumerate() {
        let value = format!(r#"[{{"date":"2024-05-01","tickets":[{{"type":"pink","quantity":"{quantity}"}}]}}]"#);
        shop.write(vec![(shop.keys().purchase(format!("old-{user}"), "old"), Some(value.into()))]);
    }
}

#[test]
fn tickets_that_were_sold_before_the_record_began_are_accounted_for() {
    for purchases in [&[][..], &[6], &[2, 4], &[3]] {
        let mut shop = shop(5);
        seed_partly_sold(&mut shop, 10, 4, purchases);
        shop.buy(1, "ann", "old", &[("pink", 3)], RequestOutcome::Answered);
        shop.buy(2, "bob", "old", &[("pink", 1)], RequestOutcome::Answered);
        let judgement = judge(&shop.finish());
        assert_eq!(judgement.verdict, Verdict::Pass, "{purchases:?} {:#?}", judgement.findings);
        assert_eq!(finding(&judgement, "oversell").evidence["tickets_sold"], 4);
    }
}

#[test]
fn tickets_that_were_sold_before_cannot_be_sold_again() {
    for purchases in [&[][..], &[6]] {
        let mut shop = shop(5);
        seed_partly_sold(&mut shop, 10, 4, purchases);
        let first = shop.read(1, "ann", "old", &[("pink", 3)]).unwrap();
        let second = shop.read(2, "bob", "old", &[("pink", 3)]).unwrap();
        shop.commit(first, false, RequestOutcome::Answered);
        shop.commit(second, false, RequestOutcome::Answered);
        let judgement = judge(&shop.finish());
        let oversell = finding(&judgement, "oversell");
        assert_eq!(kinds(oversell), ["oversold"], "{purchases:?}");
        assert_eq!(oversell.anomalies[0].first.severity, 2);
        assert_eq!(kinds(finding(&judgement, "conservation")), ["lost_update"]);
    }
}

/// A sale of pink tickets from the record that writes a given stock.
fn force_sale(shop: &mut Simulation, order: &str, quantity: i64, left: i64) {
    let (ticket, event) = (shop.keys().ticket("e1", "pink"), shop.keys().event("e1"));
    let record = format!(r#"{{"total_quantity":10,"current_quantity":{left},"price":49.90}}"#);
    let purchase = format!(r#"[{{"id":"{order}","date":"01-05-2026 20:00","tickets":[{{"type":"pink","quantity":{quantity}}}]}}]"#);
    let user = format!("user-{order}");
    let mut counter: serde_json::Value = serde_json::from_slice(shop.value(&event).unwrap().as_bytes()).unwrap();
    let before: serde_json::Value = serde_json::from_slice(shop.value(&ticket).unwrap().as_bytes()).unwrap();
    let change = left - before["current_quantity"].as_i64().unwrap();
    counter["current_quantity"] = (counter["current_quantity"].as_i64().unwrap() + change).into();
    let purchases = shop.keys().purchase(user, "e1");
    let writes = [(event, counter.to_string()), (ticket, record), (purchases, purchase)];
    shop.write(writes.into_iter().map(|(key, value)| (key, Some(value.into_bytes().into()))).collect());
}

#[test]
fn a_stock_that_never_was_is_not_reported_as_seen() {
    let mut shop = shop(10);
    shop.buy(1, "ann", "e1", &[("pink", 4)], RequestOutcome::Answered);
    force_sale(&mut shop, "r1-7-1", 1, 26);
    let judgement = judge(&shop.finish());
    let conservation = finding(&judgement, "conservation");
    assert_eq!(conservation.anomalies.iter().filter(|group| group.kind != "event_counter").count(), 1, "{conservation:#?}");
    let explanation = conservation.anomalies[0].first.explanation.join(" ");
    assert!(explanation.contains("bought 1 and wrote 26 left, although 6 were left before it: it should have written 5."), "{explanation}");
    assert!(
        !explanation.contains("27") && !explanation.contains("overwr") && !explanation.contains("saw") && !explanation.contains("seen"),
        "{explanation}"
    );
}

#[test]
fn of_three_that_erase_each_other_each_is_reported_with_the_one_it_erased() {
    let mut shop = shop(10);
    let first = shop.read(1, "ann", "e1", &[("pink", 2)]).unwrap();
    let second = shop.read(2, "bob", "e1", &[("pink", 3)]).unwrap();
    shop.commit(first, false, RequestOutcome::Answered);
    let third = shop.read(3, "cid", "e1", &[("pink", 1)]).unwrap();
    shop.commit(second, false, RequestOutcome::Answered);
    shop.commit(third, false, RequestOutcome::Answered);
    let judgement = judge(&shop.finish());
    let last = group(finding(&judgement, "conservation"), "lost_update").last.clone();
    assert_eq!(last.orders, ["r1-2-1", "r1-3-1"]);
    let explanation = last.explanation.join(" ");
    let words = "wrote 7 left, computed from the 8 that were left before order r1-2-1 of user bob";
    assert!(
        explanation.contains(words) && explanation.contains("which bought 3. By then 7 were left, so it should have written 6"),
        "{explanation}"
    );
    assert!(explanation.contains("So far, 2 sales of this ticket wrote a wrong stock"), "{explanation}");
}

#[test]
fn what_stays_wrong_is_counted_once() {
    let mut shop = shop(10);
    race(&mut shop, (2, 3), false);
    force_sale(&mut shop, "r1-7-1", 1, 16);
    // None of these changes how wrong the stock is.
    for buyer in 8..10 {
        shop.buy(buyer, &format!("user-{buyer}"), "e1", &[("pink", 1)], RequestOutcome::Answered);
    }
    let key = shop.keys().event("e1");
    let value = shop.value(&key).unwrap().to_text().replace("\"current_quantity\":", "\"current_quantity\":1");
    shop.write(vec![(key, Some(value.into()))]);
    shop.buy(13, "last", "e1", &[("pink", 1)], RequestOutcome::Answered);
    let judgement = judge(&shop.finish());
    let counts = |name: &str| {
        let counted = finding(&judgement, name).anomalies.iter().map(|group| (group.kind.as_str(), group.count));
        counted.collect::<Vec<_>>()
    };
    assert_eq!(counts("conservation"), [("lost_update", 1), ("surplus_tickets", 1), ("event_counter", 1)]);
    assert_eq!(counts("oversell"), [("stock_above_total", 1)]);
    let surplus = &group(finding(&judgement, "conservation"), "surplus_tickets").first;
    assert!(surplus.explanation[0].contains("before it, the sum was 12"), "{surplus:#?}");
}

#[test]
fn a_negative_stock_is_counted_when_it_falls_further_and_a_changed_total_when_it_changes() {
    let mut shop = shop(3);
    shop.force_ticket("e1", "pink", |ticket| ticket.current_quantity = -2);
    shop.force_ticket("e1", "pink", |ticket| ticket.current_quantity = -1);
    shop.force_ticket("e1", "pink", |ticket| ticket.current_quantity = -4);
    shop.force_ticket("e1", "yellow", |ticket| ticket.total_quantity = 7);
    shop.buy(1, "ann", "e1", &[("yellow", 1)], RequestOutcome::Answered);
    shop.buy(2, "bob", "e1", &[("yellow", 1)], RequestOutcome::Answered);
    let judgement = judge(&shop.finish());
    let oversell = finding(&judgement, "oversell");
    assert_eq!((group(oversell, "negative_stock").count, group(oversell, "total_changed").count), (2, 1));
}
