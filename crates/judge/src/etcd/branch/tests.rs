use super::Branch;
use crate::core::engine::Judge;
use crate::core::verdict::{Finding, Verdict};
use crate::testing::{Etcd, Record, RequestOutcome, Shape, Simulation};
use ticketcd_history::Blob;
use ticketcd_history::request::{AnswerBody, Guard, GuardTarget, Put, Range, Relation, Request, Txn, TxnOp};

fn judge(record: &Record) -> Finding {
    found(record).unwrap()
}

fn found(record: &Record) -> Option<Finding> {
    let mut judge = Judge::new(&record.info, vec![Box::new(Branch::new(&record.info))]);
    record.events.iter().for_each(|event| judge.observe(event));
    judge.finish(None).findings.into_iter().find(|finding| finding.name == "branch")
}

fn kinds(finding: &Finding) -> (Verdict, Vec<(&str, u64)>) {
    (finding.verdict, finding.anomalies.iter().map(|group| (group.kind.as_str(), group.count)).collect())
}

fn put(key: &str, value: &str) -> Put {
    Put { key: key.into(), value: value.into(), ..Put::default() }
}

/// A transaction that writes `success` or reads.
fn guarded(guards: Vec<Guard>) -> Request {
    let failure = vec![TxnOp::Range(Range { key: "a".into(), ..Range::default() })];
    Request::Txn(Txn { guards, success: vec![TxnOp::Put(put("success", "1"))], failure })
}

fn targets(number: i64) -> [GuardTarget; 5] {
    let value = GuardTarget::Value(number.to_string().as_str().into());
    [GuardTarget::Version(number), GuardTarget::CreateRevision(number), GuardTarget::ModRevision(number), GuardTarget::Lease(number), value]
}

/// Compares of every kind, on keys and ranges that exist and do not exist.
fn every_guard() -> Vec<Guard> {
    let mut guards = Vec::new();
    for (key, end) in [("a", ""), ("a", "c"), ("nothing", ""), ("x", "z"), ("a", "\0")] {
        for target in (0..5).flat_map(targets) {
            for relation in [Relation::Equal, Relation::NotEqual, Relation::Greater, Relation::Less] {
                guards.push(Guard { key: key.into(), range_end: Blob::from(end), target: target.clone(), relation });
            }
        }
    }
    guards
}

fn every_branch() -> Etcd {
    let mut etcd = Etcd::default();
    etcd.call(1, Request::Put(put("a", "1")));
    etcd.call(1, Request::Put(put("b", "2")));
    etcd.call(1, Request::Put(Put { lease: 3, ..put("a", "3") }));
    for guard in every_guard() {
        etcd.call(2, guarded(vec![guard]));
    }
    etcd
}

#[test]
fn compares_are_evaluated_as_etcd_does() {
    let finding = judge(&every_branch().finish());
    assert_eq!(kinds(&finding), (Verdict::Pass, vec![]), "{finding:#?}");
    assert!(finding.evidence["succeeded"] > 150 && finding.evidence["failed"] > 150, "{:?}", finding.evidence);
}

#[test]
fn a_valid_sale_with_lost_races_passes() {
    let mut shop = Simulation::new(&Shape::default());
    let first = shop.read(1, "ann", "e1", &[("pink", 1)]).unwrap();
    let second = shop.read(2, "bob", "e1", &[("pink", 1)]).unwrap();
    shop.commit(first, true, RequestOutcome::Answered);
    shop.commit(second, true, RequestOutcome::Answered);
    let finding = judge(&shop.finish());
    assert_eq!(kinds(&finding), (Verdict::Pass, vec![]), "{finding:#?}");
    assert_eq!((finding.evidence["succeeded"], finding.evidence["failed"]), (1, 1));
}

#[test]
fn a_branch_that_contradicts_its_compares_is_rejected() {
    let unchanged = |revision| Guard {
        key: "a".into(),
        range_end: Blob::default(),
        target: GuardTarget::ModRevision(revision),
        relation: Relation::Equal,
    };
    let written = |etcd: &Etcd| etcd.key("a", etcd.revision()).unwrap().mod_revision;
    // It wrote, though the key had changed.
    let mut etcd = every_branch();
    let old = written(&etcd);
    etcd.call(1, Request::Put(put("a", "newer")));
    let at = etcd.call(2, guarded(vec![unchanged(written(&etcd))])).revision;
    for event in &mut etcd.events {
        if let ticketcd_history::event::Event::Invoke(invoke) = event
            && let Request::Txn(txn) = &mut invoke.request
        {
            txn.guards
                .iter_mut()
                .filter(|guard| guard.target == GuardTarget::ModRevision(at - 1))
                .for_each(|guard| guard.target = GuardTarget::ModRevision(old));
        }
    }
    let finding = judge(&etcd.finish());
    assert_eq!(kinds(&finding), (Verdict::Violation, vec![("guard_ignored", 1)]));
    let explanation = finding.anomalies[0].first.explanation.join(" ");
    assert!(
        explanation.contains(&format!("the mod_revision of a = {old}"))
            && explanation.contains(&format!("last written at revision {}", at - 1)),
        "{explanation}"
    );
    // It did not write, though nothing had changed.
    let mut etcd = every_branch();
    let stale = unchanged(written(&etcd) - 1);
    etcd.call(2, guarded(vec![stale]));
    assert_eq!(kinds(&judge(&etcd.finish())).0, Verdict::Pass);
    let mut etcd = every_branch();
    etcd.call(2, Request::Txn(Txn { guards: vec![unchanged(written(&etcd))], ..Txn::default() }));
    etcd.edit_answer(|answer| {
        if let AnswerBody::Txn { succeeded, .. } = &mut answer.body {
            *succeeded = false;
        }
    });
    let finding = judge(&etcd.finish());
    assert_eq!(kinds(&finding), (Verdict::Violation, vec![("guards_held", 1)]));
}

#[test]
fn without_a_compare_nothing_is_judged() {
    let mut etcd = Etcd::default();
    etcd.call(1, Request::Put(put("a", "1")));
    assert_eq!(found(&etcd.finish()), None);
}
