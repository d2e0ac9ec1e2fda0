use super::Holds;
use crate::core::engine::Judge;
use crate::core::verdict::{Finding, Verdict};
use crate::testing::{HeldOrder, Record, RequestOutcome, Shape, Simulation};
use ticketcd_history::MemberIndex;
use ticketcd_history::event::Event;
use ticketcd_history::run_info::StockLayout;

const SECOND: u64 = 1_000_000_000;

fn judge(record: &Record) -> Finding {
    found(record).unwrap()
}

fn found(record: &Record) -> Option<Finding> {
    let mut judge = Judge::new(&record.info, vec![Box::new(Holds::new(&record.info))]);
    record.events.iter().for_each(|event| judge.observe(event));
    judge.finish(None).findings.into_iter().find(|finding| finding.name == "holds")
}

fn kinds(finding: &Finding) -> Vec<(&str, u64)> {
    finding.anomalies.iter().map(|group| (group.kind.as_str(), group.count)).collect()
}

fn explanation(finding: &Finding) -> String {
    finding.anomalies[0].first.explanation.join(" ")
}

/// A shop with four reservations for ten seconds, the first of which are `r1-1-1`, `r1-2-1`, …
fn shop() -> (Simulation, [HeldOrder; 4]) {
    let mut shop = Simulation::new(&Shape { layout: StockLayout::Held, ..Shape::default() });
    let held = [1, 2, 3, 4].map(|buyer| shop.reserve(buyer, &format!("user-{buyer}"), "e1", &[("pink", 2)], 10).unwrap());
    (shop, held)
}

#[test]
fn reservations_that_end_in_each_of_the_ways_they_may_are_accepted() {
    let (mut shop, [confirmed, given_up, expired, kept_alive]) = shop();
    shop.sample();
    shop.confirm(&confirmed, RequestOutcome::Answered);
    shop.revoke(1, confirmed.lease);
    shop.let_go(&given_up);
    shop.wait(7 * SECOND);
    shop.keep_alive(4, kept_alive.lease);
    shop.expire(expired.lease);
    shop.confirm(&expired, RequestOutcome::Answered);
    shop.release(&expired);
    shop.wait(6 * SECOND);
    shop.confirm(&kept_alive, RequestOutcome::UnknownApplied);
    // Its owner revokes the lease, and then the expiry sweeper releases it.
    let revoked = shop.reserve(5, "eve", "e1", &[("pink", 1)], 10).unwrap();
    shop.revoke(5, revoked.lease);
    shop.release(&revoked);
    let finding = judge(&shop.finish());
    assert_eq!((finding.verdict, kinds(&finding)), (Verdict::Pass, vec![]), "{finding:#?}");
    let counts = ["holds", "confirmed", "given_up", "released", "left_over"].map(|name| finding.evidence[name]);
    assert_eq!(counts, [5, 2, 1, 2, 0], "{finding:#?}");
}

#[test]
fn a_reservation_released_before_it_expired_is_rejected() {
    let (mut shop, [first, ..]) = shop();
    let record = shop.keys().hold("e1", "r1-1-1");
    assert_eq!(record, first.record);
    shop.write(vec![(record, None)]);
    let finding = judge(&shop.cut());
    assert_eq!(kinds(&finding), [("early_release", 1)]);
    assert_eq!((&finding.anomalies[0].first.orders, finding.verdict), (&vec!["r1-1-1".to_owned()], Verdict::Violation));
}

#[test]
fn a_purchase_of_what_had_expired_is_rejected() {
    for released in [false, true] {
        let (mut shop, [first, ..]) = shop();
        shop.expire(first.lease);
        if released {
            shop.release(&first);
        }
        shop.confirm_guarded(&first, Vec::new(), RequestOutcome::Answered);
        let finding = judge(&shop.cut());
        assert_eq!(kinds(&finding), [("confirmed_after_expiry", 1)], "{finding:#?}");
        let words = if released { "its reservation had been released at revision" } else { "its reservation had expired at revision" };
        assert!(explanation(&finding).contains(words), "{finding:#?}");
    }
}

#[test]
fn a_purchase_beside_its_reservation_is_rejected() {
    let (mut shop, [first, ..]) = shop();
    shop.confirm(&first, RequestOutcome::Answered);
    let mut record = shop.cut();
    // The confirmation forgets to delete the record.
    let key = first.record.clone();
    record.each_delivery(|_, events| events.retain(|event| !(event.deleted && event.kv.key == key)));
    assert_eq!(kinds(&judge(&record)), [("unreleased_purchase", 1)]);
}

#[test]
fn a_reservation_that_is_given_back_twice_is_rejected() {
    let (mut shop, [first, ..]) = shop();
    let value = shop.value(&first.record).cloned();
    shop.expire(first.lease);
    shop.release(&first);
    shop.write(vec![(first.record.clone(), value)]);
    shop.release_unguarded(&first);
    let finding = judge(&shop.cut());
    assert_eq!(kinds(&finding), [("double_release", 1)], "{finding:#?}");
}

#[test]
fn a_reservation_that_is_left_over_is_rejected_unless_something_hindered_its_release() {
    let left = |(mut shop, [first, second, third, fourth]): (Simulation, [HeldOrder; 4])| {
        shop.expire(first.lease);
        [second, third, fourth].iter().for_each(|held| shop.let_go(held));
        shop
    };
    let finding = judge(&left(shop()).finish());
    assert_eq!(kinds(&finding), [("leaked_hold", 1)]);
    assert_eq!(finding.anomalies[0].first.orders, ["r1-1-1"]);

    let cut = judge(&left(shop()).cut());
    assert_eq!((cut.verdict, kinds(&cut), cut.evidence["left_over"]), (Verdict::Unknown, vec![], 1));
    let mut interrupted = left(shop()).finish();
    if let Some(Event::Ended(ended)) = interrupted.events.last_mut() {
        ended.interrupted = true;
    }
    let finding = judge(&interrupted);
    assert_eq!((finding.verdict, kinds(&finding)), (Verdict::Unknown, vec![]));
    assert!(finding.reason.unwrap().contains("because of a failure"));
}

#[test]
fn a_reservation_whose_lease_is_not_over_yet_is_unknown() {
    let (mut shop, [_, second, third, fourth]) = shop();
    [second, third, fourth].iter().for_each(|held| shop.let_go(held));
    let finding = judge(&shop.finish());
    assert_eq!((finding.verdict, kinds(&finding)), (Verdict::Unknown, vec![]));
    assert!(finding.reason.unwrap().contains("1 remaining reservations have leases that have not expired"));
}

#[test]
fn a_hole_in_the_log_leaves_it_unknown() {
    let (mut shop, held) = shop();
    let revision = shop.revision();
    held.iter().for_each(|held| shop.let_go(held));
    let mut record = shop.finish();
    record.drop_revision(revision + 1);
    let finding = judge(&record);
    assert_eq!((finding.verdict, kinds(&finding)), (Verdict::Unknown, vec![]));
}

#[test]
fn it_applies_to_runs_with_reservations_and_to_no_other() {
    let empty = Simulation::new(&Shape { layout: StockLayout::Held, ..Shape::default() });
    assert_eq!(found(&empty.finish()), None);
}

#[test]
fn one_member_that_lags_behind_changes_nothing() {
    let (mut shop, held) = shop();
    let fault = shop.inject("pause", MemberIndex(1));
    held.iter().for_each(|held| shop.let_go(held));
    shop.heal(fault, MemberIndex(1));
    assert_eq!(judge(&shop.finish()).verdict, Verdict::Pass);
}
