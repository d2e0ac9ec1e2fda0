use super::*;
use crate::checks::{check_run, online_checks, standard_checks};
use crate::core::check::{Basis, Observation};
use crate::etcd::divergence::Divergence;
use crate::testing::{Record, RequestOutcome, Shape, Simulation};
use ticketcd_history::MemberIndex;
use ticketcd_history::event::{FaultEvent, FaultStage};
use ticketcd_history::integrity::RecordFlaw;
use ticketcd_history::run_dir::RunDir;
use ticketcd_history::writer::HistoryWriter;
use ticketcd_synth::{self as synth, Mutation, Size};

/// A record with every legal irregularity, and sales for every event.
fn valid() -> Record {
    let mut shop = Simulation::new(&Shape::default());
    shop.buy(0, "ann", "e1", &[("pink", 2), ("yellow", 1)], RequestOutcome::Answered);
    shop.buy(1, "bob", "e1", &[("pink", 1)], RequestOutcome::UnknownApplied);
    shop.buy(1, "bob", "e1", &[("pink", 1)], RequestOutcome::UnknownNotApplied);
    shop.buy(2, "cy", "e2", &[("yellow", 3)], RequestOutcome::Refused);
    let fault = shop.inject("kill", MemberIndex(0));
    let late = shop.read(3, "dan", "e1", &[("pink", 1)]).unwrap();
    shop.buy(0, "ann", "e1", &[("pink", 3)], RequestOutcome::Answered);
    shop.commit(late, true, RequestOutcome::Answered);
    shop.buy(7, "hal", "e2", &[("yellow", 1)], RequestOutcome::Answered);
    shop.heal(fault, MemberIndex(0));
    shop.buy(4, "eve", "e1", &[("pink", 9)], RequestOutcome::Answered);
    shop.buy(5, "fay", "e1", &[("pink", 4)], RequestOutcome::Answered);
    shop.buy(6, "gus", "e2", &[("pink", 1)], RequestOutcome::NeverEnded);
    shop.finish()
}

fn judge_with(record: &Record, checks: Vec<Box<dyn Check>>) -> Judgement {
    let mut judge = Judge::new(&record.info, checks);
    record.events.iter().for_each(|event| judge.observe(event));
    judge.finish(None)
}

fn judge(record: &Record) -> Judgement {
    judge_with(record, online_checks(&record.info))
}

fn finding<'judgement>(judgement: &'judgement Judgement, name: &str) -> &'judgement Finding {
    judgement.findings.iter().find(|finding| finding.name == name).unwrap()
}

fn kinds(finding: &Finding) -> Vec<&str> {
    finding.anomalies.iter().map(|group| group.kind.as_str()).collect()
}

#[test]
fn a_valid_record_passes() {
    let judgement = judge(&valid());
    assert_eq!(judgement.verdict, Verdict::Pass, "{:#?}", judgement.findings);
    assert_eq!((judgement.missing_revisions, judgement.complete), (0, true));
    assert_eq!(finding(&judgement, "divergence").evidence["revisions"], judgement.revisions);
    assert!(finding(&judgement, "divergence").evidence["deliveries_compared"] >= judgement.revisions);
    assert_eq!(judgement.faults.len(), 1);
    assert!(judgement.faults[0].until.is_some());
}

#[test]
fn a_member_that_delivers_another_content_is_named() {
    let mut record = valid();
    let revision = judge(&record).last_revision - 1;
    record.edit_delivery(MemberIndex(2), revision, |event| event.kv.version += 1);
    let judgement = judge(&record);
    let divergence = finding(&judgement, "divergence");
    assert_eq!(judgement.verdict, Verdict::Violation);
    assert_eq!(kinds(divergence), ["members_disagree"]);
    let anomaly = &divergence.anomalies[0].first;
    assert_eq!(anomaly.revision, Some(revision));
    assert!(anomaly.members.contains(&"m3".to_owned()) && anomaly.members.contains(&"m1".to_owned()), "{anomaly:?}");
    assert!(anomaly.explanation[0].contains(&format!("revision {revision}")), "{anomaly:?}");
    assert!(anomaly.explanation[2].contains("version"), "{anomaly:?}");
    assert_eq!(finding(&judgement, "oversell").verdict, Verdict::Unknown);
}

#[test]
fn members_that_agree_against_the_first_are_one_disagreement() {
    for wrong in [0, 1, 2].map(MemberIndex) {
        let mut record = valid();
        // Not the last: a disagreement is reported when the revision is known to be complete.
        let revision = judge(&record).last_revision - 1;
        record.edit_delivery(wrong, revision, |event| event.kv.version += 7);
        let mut judge = Judge::new(&record.info, vec![Box::new(Divergence::default())]);
        let alarmed = record.events.iter().any(|event| {
            judge.observe(event);
            judge.violation().is_some()
        });
        assert!(alarmed, "{wrong:?}");
        let judgement = judge.finish(None);
        let divergence = finding(&judgement, "divergence");
        let group = &divergence.anomalies[0];
        assert_eq!((group.kind.as_str(), group.count, divergence.anomalies.len()), ("members_disagree", 1, 1));
        if wrong == MemberIndex(0) {
            assert_eq!(group.first.members, ["m1", "m2", "m3"]);
            let explanation = group.first.explanation.join(" ");
            assert!(
                explanation.contains("m1 delivered one content, m2 and m3 another") && explanation.contains("On m2 and m3 it"),
                "{explanation}"
            );
        }
    }
}

#[test]
fn what_is_found_after_a_divergence_is_its_consequence() {
    let mut record = valid();
    let revision = judge(&record).last_revision;
    // The first member to deliver is the wrong one: the replay follows it into a negative stock.
    record.edit_delivery(MemberIndex(0), revision, |event| {
        event.kv.value = event.kv.value.to_text().replace("\"current_quantity\":", "\"current_quantity\":-").into();
    });
    let judgement = judge(&record);
    assert_eq!(judgement.verdict, Verdict::Violation);
    let oversell = finding(&judgement, "oversell");
    assert_eq!(kinds(oversell), ["negative_stock"]);
    assert_eq!(oversell.anomalies[0].consequence_of, Some(format!("divergence at revision {revision}")));
    assert_eq!(finding(&judgement, "divergence").anomalies[0].consequence_of, None);
}

#[test]
fn what_conflicts_with_a_revision_that_never_existed_is_its_consequence_and_reported_after_it() {
    let size = Size { operations: 600, tickets: 3, buyers: 12, seed: 3 };
    let info = synth::run_info(&size, Some(Mutation::BeyondWhatExists));
    let mut judge = Judge::new(&info, standard_checks(&info));
    synth::generate(&size, Some(Mutation::BeyondWhatExists), &mut |event| {
        judge.observe(event);
        Ok(())
    })
    .unwrap();
    let findings = judge.finish(None).findings;
    let mut groups = findings.iter().flat_map(|finding| finding.anomalies.iter().map(move |group| (finding.name.as_str(), group)));
    let (name, root) = groups.next().unwrap();
    assert_eq!((name, root.kind.as_str(), &root.consequence_of), ("serializable", "beyond_what_exists", &None));
    let others = groups.collect::<Vec<_>>();
    assert!(others.iter().any(|(name, _)| *name == "real_time"), "{others:#?}");
    let cause = format!("a response that named revision {}, which never existed", root.first.revision.unwrap());
    assert!(others.iter().all(|(_, group)| group.consequence_of.as_ref() == Some(&cause)), "{others:#?}");
}

#[test]
fn a_revision_that_no_collector_delivered_makes_the_replay_unknown() {
    let mut record = valid();
    let revision = judge(&record).last_revision - 2;
    record.drop_revision(revision);
    let judgement = judge(&record);
    assert_eq!((judgement.missing_revisions, judgement.last_revision), (1, revision - 1));
    for name in ["oversell", "conservation"] {
        assert_eq!(finding(&judgement, name).verdict, Verdict::Unknown, "{name}");
    }
    // That the collectors skipped it still violates a guarantee of etcd.
    let collectors = finding(&judgement, "collectors");
    assert_eq!(kinds(collectors), ["gap"]);
    let explanation = &collectors.anomalies[0].first.explanation[0];
    assert!(
        explanation.ends_with(&format!("right after revision {}: the revisions between were not delivered.", revision - 1)),
        "{explanation}"
    );
    let reason = format!("The record contains no delivery of 1 revision; the first is {revision}.");
    assert_eq!(collectors.reason, Some(reason));
}

#[test]
fn an_acknowledged_revision_that_never_came_is_missing() {
    let mut record = valid();
    let last = judge(&record).last_revision;
    record.drop_revision(last);
    let judgement = judge(&record);
    assert_eq!(judgement.missing_revisions, 1);
    assert_eq!(judgement.verdict, Verdict::Unknown);
}

#[test]
fn one_collector_that_leaves_out_a_revision_costs_no_evidence() {
    let mut record = valid();
    let revision = judge(&record).last_revision - 2;
    record.drop_delivery(MemberIndex(0), revision);
    let judgement = judge(&record);
    assert_eq!(judgement.missing_revisions, 0);
    assert_eq!(finding(&judgement, "conservation").verdict, Verdict::Pass);
    let collectors = finding(&judgement, "collectors");
    assert_eq!((kinds(collectors), &collectors.anomalies[0].first.members), (vec!["gap"], &vec!["m1".to_owned()]));
}

#[test]
fn a_delivery_that_comes_twice_or_late_does_not_confuse_the_log() {
    for swap in [false, true] {
        let mut record = valid();
        record.each_delivery(|member, events| {
            let several = events.first().map(|event| event.kv.mod_revision) != events.last().map(|event| event.kv.mod_revision);
            if member == MemberIndex(0) && several {
                let repeated = events.clone();
                if swap { events.reverse() } else { events.extend(repeated) }
            }
        });
        let judgement = judge(&record);
        assert_eq!(finding(&judgement, "oversell").verdict, Verdict::Pass);
        assert_eq!(finding(&judgement, "divergence").verdict, Verdict::Pass, "{:#?}", judgement.findings);
        assert!(kinds(finding(&judgement, "collectors")).contains(&"out_of_order"));
    }
}

/// A revision that a member delivered in two messages violates a guarantee of watches. The members still have the same
/// content, and what the replay finds in one half is a consequence.
#[test]
fn a_delivery_in_parts_is_no_divergence() {
    for (splitting, is_first) in [(MemberIndex(0), true), (MemberIndex(2), false)] {
        let mut record = valid();
        record.split_delivery(splitting);
        let judgement = judge(&record);
        assert_eq!(kinds(finding(&judgement, "collectors")), ["split_revision"]);
        assert_eq!(finding(&judgement, "divergence").verdict, Verdict::Pass, "{:#?}", finding(&judgement, "divergence"));
        let others = || judgement.findings.iter().filter(|finding| finding.name != "collectors").flat_map(|finding| &finding.anomalies);
        assert_eq!(others().count() > 0, is_first);
        for group in others() {
            assert!(group.consequence_of.as_ref().is_some_and(|cause| cause.contains("in parts")), "{group:#?}");
        }
    }
}

/// A half without the other half is different content.
#[test]
fn a_delivery_whose_rest_never_comes_is_a_divergence() {
    for member in [MemberIndex(0), MemberIndex(2)] {
        let mut record = valid();
        let revision = judge(&record).last_revision;
        let mut seen = false;
        record.each_delivery(|deliverer, events| {
            events.retain(|event| deliverer != member || event.kv.mod_revision != revision || !std::mem::replace(&mut seen, true));
        });
        assert_eq!(kinds(finding(&judge(&record), "divergence")), ["members_disagree"], "{member:?}");
    }
}

#[test]
fn a_record_that_is_cut_off_is_no_pass_and_no_violation() {
    let record = valid();
    for length in (0..record.events.len()).step_by(7) {
        let cut = Record { info: record.info.clone(), events: record.events[..length].to_vec() };
        assert_eq!(judge(&cut).verdict, Verdict::Unknown, "after {length} events");
    }
}

#[test]
fn a_run_directory_is_judged_as_far_as_its_history_goes() {
    let directory = tempfile::tempdir().unwrap();
    let run = RunDir::new(directory.path());
    let record = valid();
    run.write_info(&record.info).unwrap();
    let mut writer = HistoryWriter::create(&run.history()).unwrap();
    for frame in record.events.chunks(20) {
        frame.iter().for_each(|event| writer.append(event).unwrap());
        writer.flush().unwrap();
    }
    writer.finish(run.bound_files().unwrap()).unwrap();
    let whole = check_run(directory.path()).unwrap();
    assert_eq!((whole.flaws.as_slice(), whole.complete, whole.events), (&[][..], true, record.events.len() as u64));
    assert_eq!(finding(&whole, "oversell").verdict, Verdict::Pass);

    let bytes = std::fs::read(run.history()).unwrap();
    std::fs::write(run.history(), &bytes[..bytes.len() - 3]).unwrap();
    let cut = check_run(directory.path()).unwrap();
    assert!(matches!(cut.flaws[..], [RecordFlaw::CutOff { .. }]), "{:?}", cut.flaws);
    assert_eq!((cut.complete, cut.verdict), (false, Verdict::Unknown));
}

#[test]
fn a_directory_that_is_none_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    assert!(check_run(directory.path()).unwrap_err().to_string().contains("run.json"));
}

/// A fault that etcd does not promise to survive excuses what comes after it, and nothing before it.
#[test]
fn what_comes_after_a_fault_beyond_the_promise_is_its_consequence() {
    for (fault_first, verdict) in [(true, Verdict::Unknown), (false, Verdict::Violation)] {
        let mut shop = Simulation::new(&Shape::default());
        shop.buy(0, "ann", "e1", &[("pink", 2)], RequestOutcome::Answered);
        if !fault_first {
            shop.force_ticket("e1", "pink", |ticket| ticket.current_quantity = -1);
        }
        shop.inject("bit flip", MemberIndex(2));
        if fault_first {
            shop.force_ticket("e1", "pink", |ticket| ticket.current_quantity = -1);
        }
        let mut record = shop.finish();
        for event in &mut record.events {
            if let Event::Fault(FaultEvent { stage: FaultStage::Planned { survivable, .. }, .. }) = event {
                *survivable = false;
            }
        }
        let judgement = judge(&record);
        let oversell = finding(&judgement, "oversell");
        assert_eq!((oversell.verdict, judgement.verdict), (verdict, verdict));
        assert_eq!(oversell.anomalies[0].consequence_of.is_some(), fault_first);
    }
}

const fn test_check(name: &'static str) -> CheckInfo {
    CheckInfo { name, promise: "", source: "", kinds: &[], basis: Basis::Log, view: None, online: false }
}

/// A check with a defect.
struct Defective {
    at_finish: bool,
}

impl Check for Defective {
    fn info(&self) -> &'static CheckInfo {
        static CHECK: CheckInfo = test_check("defective");
        &CHECK
    }

    fn observe(&mut self, _observation: &Observation<'_>) {
        assert!(self.at_finish, "cannot observe");
    }

    fn finish(self: Box<Self>, _end: &End<'_>) -> Finding {
        panic!("cannot finish")
    }
}

#[test]
fn a_check_that_panics_is_unknown() {
    for (at_finish, words) in [(false, "cannot observe"), (true, "cannot finish")] {
        let mut checks = online_checks(&valid().info);
        checks.insert(0, Box::new(Defective { at_finish }));
        let judgement = judge_with(&valid(), checks);
        let defective = finding(&judgement, "defective");
        assert_eq!(defective.verdict, Verdict::Unknown);
        assert!(defective.reason.as_ref().unwrap().contains(words));
        assert_eq!((finding(&judgement, "oversell").verdict, judgement.verdict), (Verdict::Pass, Verdict::Unknown));
    }
}

#[test]
fn a_call_comes_with_what_it_was_asked_and_last_when_it_never_ended() {
    static CHECK: CheckInfo = test_check("calls");
    /// Counts calls by how they ended.
    struct Calls(u64, u64);
    impl Check for Calls {
        fn info(&self) -> &'static CheckInfo {
            &CHECK
        }
        fn observe(&mut self, observation: &Observation<'_>) {
            match observation {
                Observation::Call(invoke, Some(returned)) => {
                    assert_eq!((invoke.id, self.1), (returned.id, 0));
                    self.0 += 1;
                }
                Observation::Call(_, None) => self.1 += 1,
                _ => {}
            }
        }
        fn finish(self: Box<Self>, _end: &End<'_>) -> Finding {
            crate::core::anomalies::Anomalies::default().into_finding(
                &CHECK,
                crate::core::anomalies::evidence([("ended", self.0), ("never", self.1)]),
                None,
            )
        }
    }
    let record = valid();
    let returned = record.events.iter().filter(|event| matches!(event, Event::Return(_))).count() as u64;
    let judgement = judge_with(&record, vec![Box::new(Calls(0, 0))]);
    let calls = finding(&judgement, "calls");
    assert_eq!((calls.evidence["ended"], calls.evidence["never"]), (returned, 1));
}

#[test]
fn what_was_found_before_a_divergence_is_not_its_consequence() {
    let mut shop = Simulation::new(&Shape { stock: 3, ..Shape::default() });
    let first = shop.read(1, "ann", "e1", &[("pink", 2)]).unwrap();
    let second = shop.read(2, "bob", "e1", &[("pink", 2)]).unwrap();
    shop.commit(first, false, RequestOutcome::Answered);
    shop.commit(second, false, RequestOutcome::Answered);
    shop.buy(3, "cid", "e2", &[("pink", 1)], RequestOutcome::Answered);
    let mut record = shop.finish();
    let revision = judge(&record).last_revision;
    record.edit_delivery(MemberIndex(1), revision, |event| event.kv.version += 1);
    let judgement = judge(&record);
    assert_eq!(finding(&judgement, "oversell").anomalies[0].consequence_of, None);
}

/// A member that was down resumes at a compaction that removed a deletion: etcd keeps the keys that exist there, not the
/// deletions.
#[test]
fn a_collector_that_resumes_at_a_compaction_sees_what_is_left() {
    let seen = |whole_revision: bool| {
        let mut shop = Simulation::new(&Shape::default());
        shop.buy(0, "ann", "e1", &[("pink", 1)], RequestOutcome::Answered);
        let fault = shop.inject("kill", MemberIndex(1));
        let resumed = shop.revision() + 1;
        shop.write(vec![("shop/hold:1".into(), Some("{}".into()))]);
        let gone = vec![("shop/hold:1".into(), None)];
        let kept = vec![("shop/hold:1".into(), None), ("shop/hold:2".into(), Some("{}".into()))];
        let compacted = shop.write(if whole_revision { gone } else { kept });
        shop.buy(0, "ann", "e1", &[("pink", 1)], RequestOutcome::Answered);
        shop.heal(fault, MemberIndex(1));
        let mut record = shop.finish();
        record.compact(MemberIndex(1), resumed, compacted);
        judge(&record)
    };
    for whole_revision in [true, false] {
        let judgement = seen(whole_revision);
        for name in ["collectors", "divergence", "conservation"] {
            assert_eq!(finding(&judgement, name).verdict, Verdict::Pass, "{name} {:#?}", judgement.findings);
        }
    }
}

/// A check that receives all observations, whatever it uses.
struct Flooded(Box<dyn Check>);

impl Check for Flooded {
    fn info(&self) -> &'static CheckInfo {
        self.0.info()
    }
    fn observe(&mut self, observation: &Observation<'_>) {
        self.0.observe(observation);
    }
    fn alarm(&self) -> Option<String> {
        self.0.alarm()
    }
    fn applies(&self) -> bool {
        self.0.applies()
    }
    fn replays(&self) -> bool {
        self.0.replays()
    }
    fn finish(self: Box<Self>, end: &End<'_>) -> Finding {
        self.0.finish(end)
    }
}

#[test]
fn observations_that_a_check_does_not_use_change_nothing() {
    for plant in [None].into_iter().chain(Mutation::all().map(Some)) {
        let size = Size { operations: 600, tickets: 3, buyers: 30, seed: 5 };
        let info = synth::run_info(&size, plant);
        let mut events = Vec::new();
        let made = synth::generate(&size, plant, &mut |event| {
            events.push(event.clone());
            Ok(())
        });
        made.unwrap();
        let record = Record { info, events };
        let flooded = standard_checks(&record.info).into_iter().map(|check| Box::new(Flooded(check)) as Box<dyn Check>).collect();
        let (some, all) = (judge_with(&record, standard_checks(&record.info)), judge_with(&record, flooded));
        assert_eq!(format!("{some:#?}"), format!("{all:#?}"), "{plant:?}");
    }
}
