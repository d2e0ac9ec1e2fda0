use super::CHECK;
use crate::checks::standard_checks;
use crate::core::engine::Judge;
use crate::core::verdict::{Finding, Verdict};
use crate::testing::{Etcd, Record, RequestOutcome, Shape, Simulation};
use ticketcd_history::annotation::Purpose;
use ticketcd_history::event::Event;
use ticketcd_history::request::{AnswerBody, Request};

const SECOND: u64 = 1_000_000_000;

fn judge(record: &Record) -> Option<Finding> {
    let mut judge = Judge::new(&record.info, standard_checks(&record.info));
    record.events.iter().for_each(|event| judge.observe(event));
    judge.finish(None).findings.into_iter().find(|finding| finding.name == CHECK.name)
}

fn kinds(finding: &Finding) -> Vec<(&str, u64)> {
    finding.anomalies.iter().map(|group| (group.kind.as_str(), group.count)).collect()
}

/// A lock with a lease of ten seconds, renewed after six.
fn locked(shop: &mut Simulation) -> i64 {
    let lock = shop.lock(1, "e1", 10);
    shop.wait(6 * SECOND);
    shop.keep_alive(1, lock.lease);
    lock.lease
}

#[test]
fn leases_that_live_long_enough_pass() {
    let mut shop = Simulation::new(&Shape::default());
    let lease = locked(&mut shop);
    shop.wait(9 * SECOND);
    shop.sample();
    shop.expire(lease);
    let finding = judge(&shop.finish()).unwrap();
    assert_eq!((finding.verdict, kinds(&finding)), (Verdict::Pass, vec![]), "{finding:#?}");
    assert_eq!((finding.evidence["leases"], finding.evidence["expiries_judged"]), (1, 1));
}

#[test]
fn a_lease_that_expires_early_is_rejected_unless_the_leader_may_have_changed() {
    for has_new_leader in [false, true] {
        let mut shop = Simulation::new(&Shape::default());
        let lease = locked(&mut shop);
        shop.wait(8 * SECOND);
        if has_new_leader {
            shop.change_leader();
        }
        shop.expire_at_once(lease);
        shop.sample();
        let finding = judge(&shop.finish()).unwrap();
        if has_new_leader {
            assert_eq!((kinds(&finding), finding.evidence["early_across_leader_change"]), (vec![], 1), "{finding:#?}");
        } else {
            assert_eq!(kinds(&finding), [("early_expiry", 1)], "{finding:#?}");
            let anomaly = &finding.anomalies[0].first;
            assert!((1_900..2_000).contains(&anomaly.severity), "{} ms", anomaly.severity);
            assert_eq!(anomaly.keys, ["shop/lock:e1/7001"]);
            assert!(anomaly.explanation[1].contains("too early, without a change of leader"), "{anomaly:?}");
        }
    }
}

/// If a client may have deleted the key, its lease is not at fault.
#[test]
fn a_key_that_a_client_may_have_deleted_is_no_early_expiry() {
    let mut shop = Simulation::new(&Shape::default());
    let lock = shop.lock(1, "e1", 10);
    shop.unlock(1, &lock);
    let revoked = shop.lock(2, "e1", 10);
    shop.revoke(2, revoked.lease);
    // etcd itself removes a lock call that was given up from the queue.
    let waiting = shop.ask_for_lock(3, "e1", 10);
    shop.wait(3 * SECOND);
    shop.expire_at_once(waiting.lease);
    shop.sample();
    let finding = judge(&shop.finish()).unwrap();
    assert_eq!((finding.verdict, finding.evidence["expiries_judged"]), (Verdict::Pass, 0), "{finding:#?}");
}

#[test]
fn a_key_that_is_written_without_its_lease_is_not_attached_any_more() {
    let mut shop = Simulation::new(&Shape::default());
    let lease = locked(&mut shop);
    shop.write(vec![(format!("shop/lock:e1/{lease:x}").as_str().into(), Some("{}".into()))]);
    shop.write(vec![(format!("shop/lock:e1/{lease:x}").as_str().into(), None)]);
    let finding = judge(&shop.finish()).unwrap();
    assert_eq!((finding.verdict, finding.evidence["expiries_judged"]), (Verdict::Pass, 0), "{finding:#?}");
}

#[test]
fn a_lease_that_is_denied_while_it_is_owed_is_rejected() {
    let denied = |seconds: u64, revoked: bool, has_new_leader: bool| {
        let mut shop = Simulation::new(&Shape::default());
        let lease = locked(&mut shop);
        shop.wait(seconds * SECOND);
        if revoked {
            shop.revoke(2, lease);
        }
        if has_new_leader {
            shop.change_leader();
        }
        shop.deny_lease(1, lease);
        shop.sample();
        judge(&shop.finish()).unwrap()
    };
    let finding = denied(4, false, false);
    assert_eq!(kinds(&finding), [("lost_lease", 1)], "{finding:#?}");
    assert!(finding.anomalies[0].first.explanation[0].contains("that lease 7001 does not exist"), "{finding:#?}");
    assert_eq!(kinds(&denied(11, false, false)), []);
    assert_eq!(kinds(&denied(4, true, false)), []);
    assert_eq!(kinds(&denied(4, false, true)), []);
}

/// A client may choose ids and reuse one: then it is unknown which lease a response refers to.
#[test]
fn an_id_that_is_granted_twice_is_not_judged() {
    let mut shop = Simulation::new(&Shape::default());
    let lease = locked(&mut shop);
    shop.deny_lease(1, lease);
    let mut record = shop.finish();
    let is_grant = |event: &&Event| matches!(event, Event::Invoke(invoke) if matches!(invoke.request, Request::LeaseGrant { .. }) && invoke.purpose == Purpose::Purchase);
    let grant = record.events.iter().position(|event| is_grant(&event)).unwrap();
    let mut again: Vec<Event> = record.events[grant..grant + 2].to_vec();
    for event in &mut again {
        match event {
            Event::Invoke(invoke) => invoke.id.sequence += 1_000,
            Event::Return(returned) => returned.id.sequence += 1_000,
            _ => {}
        }
    }
    record.events.splice(grant + 2..grant + 2, again);
    assert_eq!(kinds(&judge(&record).unwrap()), []);
}

#[test]
fn it_applies_to_every_run_that_uses_leases_and_to_no_other() {
    let mut shop = Simulation::new(&Shape::default());
    shop.buy(1, "ann", "e1", &[("pink", 1)], RequestOutcome::Answered);
    assert_eq!(judge(&shop.finish()), None);
}

/// A grant alone does not show how long its lease lived.
#[test]
fn it_does_not_apply_to_a_lease_that_nothing_relies_on() {
    let mut shop = Simulation::new(&Shape::default());
    let lease = shop.grant(1, 10);
    assert_eq!(judge(&shop.cut()), None);
    let mut shop = Simulation::new(&Shape::default());
    shop.grant(1, 10);
    shop.keep_alive(1, lease);
    assert_eq!(judge(&shop.cut()).unwrap().evidence["responses_judged"], 1);
}

/// etcd's own unlock deletes the key, and its response does not show in which revision.
#[test]
fn a_lock_that_is_ended_by_the_lock_service_is_no_early_expiry() {
    let mut etcd = Etcd::default();
    let AnswerBody::Lease { id: lease, .. } = etcd.call(1, Request::LeaseGrant { id: 0, ttl: 10 }).body else { panic!("no lease") };
    let AnswerBody::Lock { key } = etcd.call(1, Request::Lock { name: "name".into(), lease }).body else { panic!("no lock") };
    etcd.call(1, Request::Unlock { key });
    let finding = judge(&etcd.finish()).unwrap();
    assert_eq!((kinds(&finding), finding.evidence["keys_attached"]), (vec![], 1), "{finding:#?}");
}
