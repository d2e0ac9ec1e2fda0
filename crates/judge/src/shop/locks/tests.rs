use super::Locks;
use crate::checks::standard_checks;
use crate::core::engine::Judge;
use crate::core::verdict::{Finding, Verdict};
use crate::testing::{Record, RequestOutcome, Shape, Simulation};

const SECOND: u64 = 1_000_000_000;

fn judge(record: &Record) -> Finding {
    found(record).unwrap()
}

fn found(record: &Record) -> Option<Finding> {
    let mut judge = Judge::new(&record.info, vec![Box::new(Locks::new(&record.info))]);
    record.events.iter().for_each(|event| judge.observe(event));
    judge.finish(None).findings.into_iter().find(|finding| finding.name == "locks")
}

fn kinds(finding: &Finding) -> Vec<(&str, u64)> {
    finding.anomalies.iter().map(|group| (group.kind.as_str(), group.count)).collect()
}

fn shop(strategy: &str) -> Simulation {
    Simulation::new(&Shape { strategy: strategy.to_owned(), ..Shape::default() })
}

/// Acquires the lock, buys under it and releases it.
fn buy_locked(shop: &mut Simulation, buyer: u32, user: &str, fenced: bool) {
    let lock = shop.lock(buyer, "e1", 10);
    let basket = shop.read(buyer, user, "e1", &[("pink", 1)]).unwrap();
    let basket = if fenced { basket.fenced_by(&lock) } else { basket };
    shop.commit(basket, false, RequestOutcome::Answered);
    shop.unlock(buyer, &lock);
}

/// The lease of ann's lock expires before she writes; bob buys in between.
fn lose_lock(shop: &mut Simulation, fenced: bool) {
    let lock = shop.lock(1, "e1", 10);
    let waiting = shop.ask_for_lock(2, "e1", 60);
    let basket = shop.read(1, "ann", "e1", &[("pink", 1)]).unwrap();
    shop.wait(11 * SECOND);
    shop.expire(lock.lease);
    shop.grant_lock(&waiting);
    let other = shop.read(2, "bob", "e1", &[("pink", 1)]).unwrap();
    shop.commit(if fenced { other.fenced_by(&waiting) } else { other }, false, RequestOutcome::Answered);
    shop.commit(if fenced { basket.fenced_by(&lock) } else { basket }, false, RequestOutcome::Answered);
    shop.unlock(2, &waiting);
    shop.sample();
}

#[test]
fn writes_under_the_lock_are_accepted() {
    for (strategy, fenced, counts) in [("fenced-lock", true, [3, 3, 0, 0]), ("lock", false, [3, 0, 3, 0])] {
        let mut shop = shop(strategy);
        for (buyer, user) in [(1, "ann"), (2, "bob"), (1, "ann")] {
            buy_locked(&mut shop, buyer, user, fenced);
        }
        let finding = judge(&shop.finish());
        assert_eq!((finding.verdict, kinds(&finding), &finding.reason), (Verdict::Pass, vec![], &None), "{finding:#?}");
        let names = ["locks_granted", "fenced_writes", "unfenced_writes", "writes_after_lock_was_lost"];
        assert_eq!(names.map(|name| finding.evidence[name]), counts);
    }
}

#[test]
fn a_fence_stops_the_writer_that_lost_its_lock() {
    let mut shop = shop("fenced-lock");
    lose_lock(&mut shop, true);
    let finding = judge(&shop.finish());
    assert_eq!((finding.verdict, kinds(&finding)), (Verdict::Pass, vec![]), "{finding:#?}");
    assert_eq!(finding.evidence["fenced_writes"], 1);
}

#[test]
fn without_a_fence_the_late_write_is_counted_and_mentioned_but_not_rejected() {
    let mut shop = shop("lock");
    lose_lock(&mut shop, false);
    let record = shop.finish();
    let finding = judge(&record);
    assert_eq!((finding.verdict, finding.evidence["writes_after_lock_was_lost"]), (Verdict::Pass, 1), "{finding:#?}");
    let reason = finding.reason.unwrap();
    assert!(reason.contains("order r1-1-1") && reason.contains("shop/lock:e1/7001") && reason.contains("lock:e1/7002 held it"), "{reason}");

    // Its effects are rejected by other checks.
    let mut judge = Judge::new(&record.info, standard_checks(&record.info));
    record.events.iter().for_each(|event| judge.observe(event));
    let judgement = judge.finish(None);
    let conservation = judgement.findings.iter().find(|finding| finding.name == "conservation").unwrap();
    assert_eq!(conservation.anomalies[0].kind, "lost_update");
}

#[test]
fn a_fence_that_lets_the_wrong_one_pass_is_rejected() {
    // A client that only waits for the lock writes on the condition that its own key exists.
    let mut shop = shop("fenced-lock");
    let lock = shop.lock(1, "e1", 10);
    let waiting = shop.ask_for_lock(2, "e1", 10);
    shop.grant_lock(&waiting);
    let basket = shop.read(2, "bob", "e1", &[("pink", 1)]).unwrap();
    shop.commit(basket.fenced_by(&waiting), false, RequestOutcome::Answered);
    shop.unlock(1, &lock);
    shop.unlock(2, &waiting);
    let finding = judge(&shop.finish());
    assert_eq!((finding.verdict, kinds(&finding)), (Verdict::Violation, vec![("fence_passed", 1)]), "{finding:#?}");
    let anomaly = &finding.anomalies[0].first;
    assert_eq!((&anomaly.orders, &anomaly.keys), (&vec!["r1-2-1".to_owned()], &vec!["shop/lock:e1/7002".to_owned()]));
    assert!(anomaly.explanation[0].contains("but lock:e1/7001 held it"), "{anomaly:?}");
}

#[test]
fn a_fence_on_a_lock_that_is_gone_is_rejected() {
    let mut shop = shop("fenced-lock");
    buy_locked(&mut shop, 1, "ann", true);
    let mut record = shop.finish();
    // As if the key had been deleted before the purchase: the log does not contain it.
    record.each_delivery(|_, events| {
        events.iter_mut().for_each(|event| {
            if event.kv.key.to_text().contains("lock:") {
                event.kv.key = "shop/other".into();
            }
        })
    });
    let finding = judge(&record);
    assert_eq!(kinds(&finding), [("fence_passed", 1)]);
    assert!(finding.anomalies[0].first.explanation[0].contains("but no client held it"), "{finding:#?}");
}

#[test]
fn nothing_under_a_lock_is_no_evidence() {
    let mut idle = shop("lock");
    let lock = idle.lock(1, "e1", 10);
    idle.unlock(1, &lock);
    let finding = judge(&idle.finish());
    assert_eq!((finding.verdict, finding.reason.as_deref()), (Verdict::Unknown, Some("Nothing was written under a lock.")));
}

/// The calls of a run decide, not the name of its strategy: a script may use locks, too.
#[test]
fn it_applies_to_every_run_that_takes_locks_and_to_no_other() {
    let mut without = shop("lock");
    without.buy(1, "ann", "e1", &[("pink", 1)], RequestOutcome::Answered);
    assert_eq!(found(&without.finish()), None);
    let mut script = shop("command");
    buy_locked(&mut script, 1, "ann", true);
    assert_eq!(judge(&script.finish()).verdict, Verdict::Pass);
}
