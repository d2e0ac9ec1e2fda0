use super::Replicas;
use crate::core::engine::Judge;
use crate::core::verdict::{AnomalyGroup, Finding, Verdict};
use crate::testing::{Record, RequestOutcome, Shape, Simulation};
use ticketcd_history::MemberIndex;
use ticketcd_history::audit::{AuditClosed, AuditFacts, AuditFailure, AuditPage, AuditStage};
use ticketcd_history::event::Event;
use ticketcd_history::request::KeyValue;

use AuditStage::{Healed, Restarted};

fn judge(record: &Record) -> Finding {
    let mut judge = Judge::new(&record.info, vec![Box::new(Replicas::default())]);
    record.events.iter().for_each(|event| judge.observe(event));
    judge.finish(None).findings.into_iter().find(|finding| finding.name == "replicas").unwrap()
}

fn verdict(finding: &Finding) -> (Verdict, Vec<&str>) {
    (finding.verdict, finding.anomalies.iter().map(|group| group.kind.as_str()).collect())
}

fn group<'finding>(finding: &'finding Finding, kind: &str) -> &'finding AnomalyGroup {
    finding.anomalies.iter().find(|group| group.kind == kind).unwrap_or_else(|| panic!("no {kind} in {finding:#?}"))
}

fn record(members: u8) -> Record {
    let mut shop = Simulation::new(&Shape { members, ..Shape::default() });
    shop.buy(1, "ann", "e1", &[("pink", 2)], RequestOutcome::Answered);
    shop.buy(2, "bob", "e1", &[("yellow", 1)], RequestOutcome::UnknownApplied);
    shop.finish()
}

fn pages<'record>(record: &'record mut Record, stages: &'record [AuditStage], member: u8) -> impl Iterator<Item = &'record mut AuditPage> {
    record.events.iter_mut().filter_map(move |event| match event {
        Event::AuditPage(page) if stages.contains(&page.stage) && page.member.0 == member => Some(page),
        _ => None,
    })
}

fn facts(record: &mut Record, stages: &[AuditStage], member: u8, mut edit: impl FnMut(&mut AuditFacts)) {
    for event in &mut record.events {
        if let Event::AuditClosed(AuditClosed { stage, member: of, outcome: Ok(facts), .. }) = event
            && stages.contains(stage)
            && of.0 == member
        {
            edit(facts);
        }
    }
}

fn edit_key(record: &mut Record, stages: &[AuditStage], member: u8, key: &str, edit: impl Fn(&mut KeyValue)) {
    for page in pages(record, stages, member) {
        page.kvs.iter_mut().filter(|kv| kv.key.to_text() == key).for_each(&edit);
    }
}

fn drop_key(record: &mut Record, stages: &[AuditStage], member: u8, key: &str) {
    for page in pages(record, stages, member) {
        page.kvs.retain(|kv| kv.key.to_text() != key);
    }
}

fn fall_back(record: &mut Record, stages: &[AuditStage], member: u8, revisions: i64, entries: u64) {
    facts(record, stages, member, |facts| {
        for status in [&mut facts.before, &mut facts.after] {
            status.revision -= revisions;
            status.applied_index -= entries;
        }
    });
    pages(record, stages, member).for_each(|page| page.revision -= revisions);
}

#[test]
fn equal_members_pass_and_so_does_one_alone() {
    for members in [1, 3, 5] {
        let finding = judge(&record(members));
        assert_eq!(verdict(&finding), (Verdict::Pass, vec![]), "{finding:#?}");
        assert_eq!(finding.evidence["members_restarted"], u64::from(members));
    }
}

#[test]
fn a_key_that_differs_in_anything_is_named_with_how() {
    type Edit = fn(&mut KeyValue);
    let edits: [(Edit, &str); 4] = [
        (|kv| kv.value = "other".into(), "value: m1"),
        (|kv| kv.version += 1, "version: m1 1, m2 2."),
        (|kv| kv.lease = 7, "lease: m1 0, m2 7."),
        (|kv| kv.create_revision -= 1, "create revision"),
    ];
    for (edit, words) in edits {
        let mut record = record(3);
        edit_key(&mut record, &[Healed, Restarted], 1, "shop/purchase:ann:e1", edit);
        let finding = judge(&record);
        assert_eq!(verdict(&finding), (Verdict::Violation, vec!["different_content"]), "{finding:#?}");
        let group = group(&finding, "different_content");
        assert_eq!((group.count, group.first.keys[0].as_str()), (2, "shop/purchase:ann:e1"));
        assert!(group.first.members.contains(&"m2".to_owned()));
        assert!(group.first.explanation.join(" ").contains(words), "{:?}", group.first.explanation);
    }
}

#[test]
fn a_key_that_a_member_lacks_is_named() {
    let mut record = record(3);
    drop_key(&mut record, &[Healed, Restarted], 0, "shop/event:e1");
    let finding = judge(&record);
    assert_eq!(verdict(&finding), (Verdict::Violation, vec!["different_content"]));
    assert!(group(&finding, "different_content").first.explanation.join(" ").contains("m1 does not have it"));
}

#[test]
fn hashes_are_compared_only_where_they_are_comparable() {
    let mut differing = record(3);
    facts(&mut differing, &[Healed], 2, |facts| (facts.before.hash, facts.after.hash) = (1, 1));
    assert_eq!(verdict(&judge(&differing)), (Verdict::Violation, vec!["different_hash"]));
    // Compacted differently, or hashed at the compacted revision itself.
    facts(&mut differing, &[Healed], 2, |facts| (facts.before.compact_revision, facts.after.compact_revision) = (2, 2));
    assert_eq!(verdict(&judge(&differing)), (Verdict::Pass, vec![]));
    for member in 0..3 {
        facts(&mut differing, &[Healed], member, |facts| {
            let revision = facts.after.revision;
            (facts.before.compact_revision, facts.after.compact_revision) = (revision, revision);
        });
    }
    assert_eq!(verdict(&judge(&differing)), (Verdict::Pass, vec![]));
}

#[test]
fn members_at_one_index_with_other_revisions_or_leases_differ() {
    let mut fallen = record(3);
    fall_back(&mut fallen, &[Healed, Restarted], 1, 1, 0);
    let finding = judge(&fallen);
    assert_eq!(verdict(&finding), (Verdict::Violation, vec!["different_revision"]), "{finding:#?}");
    let mut leased = record(3);
    facts(&mut leased, &[Healed], 1, |facts| facts.leases = vec![0x2a]);
    assert_eq!(verdict(&judge(&leased)), (Verdict::Violation, vec!["different_leases"]));
}

#[test]
fn a_member_that_is_behind_is_not_at_rest_but_what_is_older_must_agree() {
    // It lacks the last write, because it has not applied it.
    let mut behind = record(3);
    fall_back(&mut behind, &[Healed, Restarted], 0, 1, 1);
    drop_key(&mut behind, &[Healed, Restarted], 0, "shop/purchase:bob:e1");
    let finding = judge(&behind);
    assert_eq!(verdict(&finding), (Verdict::Unknown, vec![]), "{finding:#?}");
    assert!(finding.reason.unwrap().contains("m1 had applied index"));
    // It also lacks an older one.
    drop_key(&mut behind, &[Healed, Restarted], 0, "shop/purchase:ann:e1");
    assert_eq!(verdict(&judge(&behind)), (Verdict::Violation, vec!["different_content"]));
}

#[test]
fn what_is_gone_or_changed_after_the_restart_is_lost() {
    for members in [1, 3] {
        let mut lost = record(members);
        for member in 0..members {
            drop_key(&mut lost, &[Restarted], member, "shop/purchase:ann:e1");
        }
        let finding = judge(&lost);
        assert_eq!(verdict(&finding), (Verdict::Violation, vec!["lost_after_restart"]), "{finding:#?}");
        assert_eq!(group(&finding, "lost_after_restart").first.keys, ["shop/purchase:ann:e1"]);
    }
    let mut older = record(1);
    fall_back(&mut older, &[Restarted], 0, 1, 1);
    assert_eq!(verdict(&judge(&older)), (Verdict::Violation, vec!["lost_after_restart"]));
}

#[test]
fn what_was_written_after_the_restart_is_not_lost() {
    let mut record = record(1);
    fall_back(&mut record, &[Restarted], 0, -1, 0);
    let mut revision = 0;
    facts(&mut record, &[Restarted], 0, |facts| revision = facts.after.revision);
    edit_key(&mut record, &[Restarted], 0, "shop/event:e1", |kv| {
        (kv.mod_revision, kv.version) = (revision, kv.version + 1);
    });
    let finding = judge(&record);
    assert_eq!(verdict(&finding), (Verdict::Pass, vec![]), "{finding:#?}");
}

#[test]
fn members_that_were_not_read_at_rest_or_at_all_leave_it_unknown() {
    let mut unreachable = record(3);
    for event in &mut unreachable.events {
        if let Event::AuditClosed(closed) = event
            && closed.member == MemberIndex(1)
        {
            closed.outcome = Err(AuditFailure::NotAnswered { detail: "connection refused".to_owned() });
        }
    }
    let finding = judge(&unreachable);
    assert_eq!(finding.verdict, Verdict::Unknown);
    assert!(finding.reason.unwrap().contains("m2 could not be read after healing: connection refused"));

    let mut moving = record(3);
    facts(&mut moving, &[Healed], 0, |facts| facts.before.applied_index -= 1);
    assert_eq!(verdict(&judge(&moving)), (Verdict::Unknown, vec![]));

    let mut not_restarted = record(3);
    not_restarted.events.retain(|event| match event {
        Event::AuditPage(page) => page.stage == Healed,
        Event::AuditClosed(closed) => closed.stage == Healed,
        _ => true,
    });
    assert_eq!(verdict(&judge(&not_restarted)), (Verdict::Unknown, vec![]));
    not_restarted.info.testbed.restarts_for_audit = false;
    assert_eq!(verdict(&judge(&not_restarted)), (Verdict::Pass, vec![]));
    assert_eq!(verdict(&judge(&Simulation::new(&Shape::default()).cut())), (Verdict::Unknown, vec![]));
}
