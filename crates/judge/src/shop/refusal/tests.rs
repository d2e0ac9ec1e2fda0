use super::Refusal;
use crate::core::engine::Judge;
use crate::core::verdict::{Finding, Verdict};
use crate::testing::{Record, RequestOutcome, Shape, Simulation};
use ticketcd_history::event::Event;
use ticketcd_history::run_info::StockLayout;

fn judge(record: &Record) -> Finding {
    let mut judge = Judge::new(&record.info, vec![Box::new(Refusal::new(&record.info))]);
    record.events.iter().for_each(|event| judge.observe(event));
    judge.finish(None).findings.into_iter().find(|finding| finding.name == "refusal").unwrap()
}

fn kinds(finding: &Finding) -> Vec<(&str, u64)> {
    finding.anomalies.iter().map(|group| (group.kind.as_str(), group.count)).collect()
}

fn shop(stock: i64) -> Simulation {
    Simulation::new(&Shape { stock, ..Shape::default() })
}

#[test]
fn refusals_that_are_true_at_some_time_during_the_call_are_accepted() {
    let mut shop = shop(3);
    let first = shop.buy(1, "ann", "e1", &[("pink", 2)], RequestOutcome::Answered);
    // Sold out during the whole call.
    shop.buy(2, "bob", "e1", &[("pink", 2), ("yellow", 1)], RequestOutcome::Answered);
    // Only at first: the tickets are returned while the buyer waits for the response.
    let waiting = shop.place(3, "cid", "e1", &[("pink", 2)]);
    shop.cancel(first, RequestOutcome::Answered);
    shop.refuse(waiting);
    // Only for a short time in between.
    let between = shop.place(4, "dan", "e1", &[("pink", 3)]);
    let short = shop.buy(5, "eve", "e1", &[("pink", 3)], RequestOutcome::UnknownApplied);
    shop.cancel(short, RequestOutcome::Answered);
    shop.refuse(between);
    let finding = judge(&shop.finish());
    assert_eq!((finding.verdict, kinds(&finding)), (Verdict::Pass, vec![]), "{finding:#?}");
    assert_eq!(["refused", "judged"].map(|name| finding.evidence[name]), [3, 3]);
}

#[test]
fn a_refusal_of_what_was_there_all_the_time_is_rejected() {
    let mut shop = shop(10);
    let order = shop.place(1, "ann", "e1", &[("pink", 2), ("yellow", 6)]);
    shop.buy(2, "bob", "e1", &[("yellow", 3)], RequestOutcome::Answered);
    shop.refuse(order);
    let until = shop.revision();
    let finding = judge(&shop.finish());
    assert_eq!((finding.verdict, kinds(&finding)), (Verdict::Violation, vec![("refused_though_available", 1)]), "{finding:#?}");
    let anomaly = &finding.anomalies[0].first;
    assert_eq!((&anomaly.orders, anomaly.revision, anomaly.severity), (&vec!["r1-1-1".to_owned()], Some(until), 7));
    let explanation = anomaly.explanation.join(" ");
    for words in ["of user ann for 2 pink + 6 yellow of event e1", "never fewer than 7 yellow", "had already received revision 5;"] {
        assert!(explanation.contains(words), "{words} is not in: {explanation}");
    }
}

#[test]
fn what_was_sold_out_before_the_call_is_no_excuse() {
    let mut shop = shop(3);
    let first = shop.buy(1, "ann", "e1", &[("pink", 3)], RequestOutcome::Answered);
    shop.cancel(first, RequestOutcome::Answered);
    let order = shop.place(2, "bob", "e1", &[("pink", 1)]);
    shop.refuse(order);
    assert_eq!(kinds(&judge(&shop.finish())), [("refused_though_available", 1)]);

    // Unless no client had received the return of the tickets yet.
    let mut shop = self::shop(3);
    let first = shop.buy(1, "ann", "e1", &[("pink", 3)], RequestOutcome::Answered);
    shop.cancel(first, RequestOutcome::UnknownApplied);
    let order = shop.place(2, "bob", "e1", &[("pink", 1)]);
    shop.refuse(order);
    let finding = judge(&shop.finish());
    assert_eq!((finding.verdict, kinds(&finding)), (Verdict::Pass, vec![]), "{finding:#?}");
}

#[test]
fn stock_in_shards_is_to_be_bought_and_stock_in_holds_is_not() {
    let mut shop = Simulation::new(&Shape { layout: StockLayout::Sharded, ..Shape::default() });
    shop.open("e1", 3);
    shop.buy_sharded(1, "ann", "e1", &[("pink", 9)], 0, RequestOutcome::Answered);
    shop.buy_sharded(2, "bob", "e1", &[("pink", 2)], 0, RequestOutcome::Answered);
    assert_eq!(judge(&shop.finish()).evidence["judged"], 1);

    // It read the ticket alone, which is empty while the stock is in its shards.
    let mut shop = Simulation::new(&Shape { layout: StockLayout::Sharded, ..Shape::default() });
    shop.open("e1", 3);
    shop.buy(1, "ann", "e1", &[("pink", 1)], RequestOutcome::Answered);
    assert_eq!(kinds(&judge(&shop.finish())), [("refused_though_available", 1)]);

    let mut shop = Simulation::new(&Shape { layout: StockLayout::Held, ..Shape::default() });
    let held = shop.reserve(1, "ann", "e1", &[("pink", 10)], 5).unwrap();
    shop.buy(2, "bob", "e1", &[("pink", 1)], RequestOutcome::Answered);
    shop.let_go(&held);
    let finding = judge(&shop.finish());
    assert_eq!((finding.verdict, finding.evidence["judged"]), (Verdict::Pass, 1));
}

#[test]
fn a_stale_read_excuses_no_refusal() {
    let mut shop = shop(10);
    assert!(shop.read_serializable(1, "ann", "e1", &[("pink", 20)]).is_err());
    let order = shop.place(2, "bob", "e1", &[("pink", 1)]);
    let looked = shop.decide(order, true).unwrap();
    shop.refuse(looked.order);
    let finding = judge(&shop.finish());
    assert_eq!((finding.verdict, kinds(&finding)), (Verdict::Violation, vec![("refused_though_available", 1)]), "{finding:#?}");
    assert_eq!(["refused", "judged"].map(|name| finding.evidence[name]), [2, 2]);
}

#[test]
fn without_a_refusal_it_passes() {
    let mut shop = shop(10);
    shop.buy(1, "ann", "e1", &[("pink", 1)], RequestOutcome::Answered);
    let finding = judge(&shop.finish());
    assert_eq!((finding.verdict, finding.reason.as_deref()), (Verdict::Pass, Some("No order was refused as sold out.")));
}

#[test]
fn a_hole_and_a_record_that_was_cut_off_leave_it_unknown() {
    let refused = || {
        let mut shop = shop(10);
        shop.buy(1, "ann", "e1", &[("pink", 1)], RequestOutcome::Answered);
        let order = shop.place(2, "bob", "e1", &[("pink", 1)]);
        shop.refuse(order);
        shop
    };
    let revision = refused().revision();
    let mut record = refused().finish();
    record.drop_revision(revision);
    let finding = judge(&record);
    assert_eq!((finding.verdict, kinds(&finding), finding.evidence["beyond_log"]), (Verdict::Unknown, vec![], 1), "{finding:#?}");
    let mut record = refused().finish();
    record.drop_revision(revision - 1);
    assert_eq!((judge(&record).verdict, kinds(&judge(&record))), (Verdict::Unknown, vec![]));
    let mut record = refused().finish();
    record.events.retain(|event| !matches!(event, Event::OrderClosed(_) | Event::Ended(_)));
    assert_eq!(judge(&record).verdict, Verdict::Unknown);
}
