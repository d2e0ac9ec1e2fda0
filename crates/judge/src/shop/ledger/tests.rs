use super::Ledger;
use crate::core::engine::Judge;
use crate::core::verdict::{AnomalyGroup, Finding, Verdict};
use crate::testing::{Record, RequestOutcome, Shape, Simulation};
use ticketcd_history::audit::{AuditFailure, AuditStage};
use ticketcd_history::event::Event;
use ticketcd_history::request::KeyValue;
use ticketcd_history::{Blob, MemberIndex};

fn judge(record: &Record) -> Finding {
    let mut judge = Judge::new(&record.info, vec![Box::new(Ledger::new(&record.info))]);
    record.events.iter().for_each(|event| judge.observe(event));
    judge.finish(None).findings.into_iter().find(|finding| finding.name == "ledger").unwrap()
}

fn kinds(finding: &Finding) -> Vec<(&str, u64)> {
    finding.anomalies.iter().map(|group| (group.kind.as_str(), group.count)).collect()
}

fn group<'finding>(finding: &'finding Finding, kind: &str) -> &'finding AnomalyGroup {
    finding.anomalies.iter().find(|group| group.kind == kind).unwrap_or_else(|| panic!("no {kind} in {finding:#?}"))
}

fn is_rejected_for(finding: &Finding, kind: &str, order: &str) {
    assert_eq!(finding.verdict, Verdict::Violation, "{finding:#?}");
    assert_eq!(group(finding, kind).first.orders, [order], "{finding:#?}");
}

/// Three orders of two users: `r1-1-1`, `r1-2-1`, `r1-1-2`.
fn shop() -> Simulation {
    let mut shop = Simulation::new(&Shape::default());
    shop.buy(1, "ann", "e1", &[("pink", 2)], RequestOutcome::Answered);
    shop.buy(2, "bob", "e1", &[("yellow", 1)], RequestOutcome::Answered);
    shop.buy(1, "ann", "e1", &[("pink", 1), ("yellow", 1)], RequestOutcome::Answered);
    shop
}

/// Rewrites the purchases of a user for `e1` without a request.
fn rewrite(shop: &mut Simulation, user: &str, edit: impl FnOnce(String) -> String) {
    let key = shop.keys().purchase(user, "e1");
    let value = shop.value(&key).map_or_else(|| "[]".to_owned(), Blob::to_text);
    shop.write(vec![(key, Some(edit(value).into()))]);
}

fn drop_first(value: &str) -> String {
    format!("[{}", value.split_once("},{\"id\"").map(|(_, rest)| format!("{{\"id\"{rest}")).unwrap())
}

/// Edits the audited keys; `None` removes the key.
fn edit_audit(record: &mut Record, stage: AuditStage, members: &[u8], mut edit: impl FnMut(KeyValue) -> Option<KeyValue>) {
    for event in &mut record.events {
        if let Event::AuditPage(page) = event
            && page.stage == stage
            && members.contains(&page.member.0)
        {
            page.kvs = std::mem::take(&mut page.kvs).into_iter().filter_map(&mut edit).collect();
        }
    }
}

fn without(user: &'static str) -> impl FnMut(KeyValue) -> Option<KeyValue> {
    move |kv| (!kv.key.to_text().contains(&format!("purchase:{user}:"))).then_some(kv)
}

#[test]
fn a_valid_history_passes_and_unknown_orders_are_resolved() {
    let mut shop = shop();
    shop.buy(3, "cid", "e1", &[("pink", 1)], RequestOutcome::UnknownApplied);
    shop.buy(4, "dan", "e1", &[("pink", 1)], RequestOutcome::UnknownNotApplied);
    shop.buy(5, "eve", "e1", &[("pink", 1)], RequestOutcome::Refused);
    shop.buy(6, "fay", "e2", &[("pink", 1)], RequestOutcome::NeverEnded);
    let fault = shop.inject("kill", MemberIndex(1));
    shop.buy(2, "bob", "e2", &[("pink", 10)], RequestOutcome::Answered);
    shop.buy(7, "gus", "e2", &[("pink", 10)], RequestOutcome::Answered);
    shop.heal(fault, MemberIndex(1));
    let finding = judge(&shop.finish());
    assert_eq!((finding.verdict, kinds(&finding)), (Verdict::Pass, vec![]), "{finding:#?}");
    let counts = ["acknowledged", "refused", "unknown", "unknown_applied", "unknown_absent", "unknown_resolved", "audits"];
    assert_eq!(counts.map(|name| finding.evidence[name]), [3, 3, 3, 2, 1, 3, 6], "{finding:#?}");
}

#[test]
fn an_acknowledged_order_that_was_never_written_is_lost() {
    let mut shop = shop();
    shop.buy(3, "cid", "e1", &[("pink", 1)], RequestOutcome::AnsweredNotApplied);
    shop.buy(2, "bob", "e1", &[("pink", 1)], RequestOutcome::Answered);
    let finding = judge(&shop.finish());
    is_rejected_for(&finding, "lost_order", "r1-3-1");
    assert_eq!(group(&finding, "lost_order").first.keys, ["shop/purchase:cid:e1"]);
}

#[test]
fn a_refused_order_that_was_written_is_rejected_even_when_one_member_only_has_it() {
    let mut shop = shop();
    shop.buy(3, "cid", "e1", &[("pink", 1)], RequestOutcome::RefusedButApplied);
    is_rejected_for(&judge(&shop.finish()), "refused_but_applied", "r1-3-1");

    let mut other = self::shop();
    other.buy(3, "cid", "e1", &[("pink", 1)], RequestOutcome::Refused);
    let mut record = other.finish();
    edit_audit(&mut record, AuditStage::Healed, &[2], |mut kv| {
        if kv.key.to_text().ends_with("purchase:bob:e1") {
            let extra = r#"{"id":"r1-3-1","date":"01-05-2026 20:00","tickets":[{"type":"pink","quantity":1,"price":49.90}]}"#;
            kv.value = format!("{},{extra}]", kv.value.to_text().trim_end_matches(']')).into();
        }
        Some(kv)
    });
    let finding = judge(&record);
    is_rejected_for(&finding, "refused_but_applied", "r1-3-1");
    assert_eq!(group(&finding, "refused_but_applied").first.members, ["m3"]);
}

#[test]
fn an_order_on_some_members_only_is_divergent() {
    for fate in [RequestOutcome::Answered, RequestOutcome::UnknownApplied] {
        let mut shop = shop();
        shop.buy(3, "cid", "e1", &[("pink", 1)], fate);
        let mut record = shop.finish();
        edit_audit(&mut record, AuditStage::Healed, &[1], without("cid"));
        let finding = judge(&record);
        is_rejected_for(&finding, "divergent_order", "r1-3-1");
        assert_eq!(group(&finding, "divergent_order").first.members, ["m2"]);
    }
}

#[test]
fn an_acknowledged_order_that_no_member_has_any_more_is_lost() {
    for stage in [AuditStage::Healed, AuditStage::Restarted] {
        let mut record = shop().finish();
        edit_audit(&mut record, stage, &[0, 1, 2], without("bob"));
        let finding = judge(&record);
        is_rejected_for(&finding, "lost_order", "r1-2-1");
        assert_eq!(kinds(&finding), [("lost_order", 1)]);
    }
}

#[test]
fn an_element_that_disappears_is_lost() {
    let mut shop = shop();
    rewrite(&mut shop, "ann", |value| drop_first(&value));
    is_rejected_for(&judge(&shop.finish()), "lost_order", "r1-1-1");
}

#[test]
fn an_id_that_appears_twice_is_a_duplicate() {
    let mut shop = shop();
    rewrite(&mut shop, "bob", |value| format!("[{element},{element}]", element = value.trim_matches(['[', ']'])));
    is_rejected_for(&judge(&shop.finish()), "duplicate_order", "r1-2-1");
}

#[test]
fn an_order_that_no_buyer_placed_is_a_phantom() {
    let mut shop = shop();
    rewrite(&mut shop, "bob", |value| value.replace("r1-2-1", "r1-2-9"));
    let finding = judge(&shop.finish());
    is_rejected_for(&finding, "phantom_order", "r1-2-9");
    is_rejected_for(&finding, "lost_order", "r1-2-1");
}

#[test]
fn elements_of_other_runs_are_not_judged() {
    let mut shop = shop();
    rewrite(&mut shop, "bob", |value| value.replacen("[{", r#"[{"id":"r0-2-9","date":"","tickets":[]},{"date":"","tickets":[]},{"#, 1));
    let finding = judge(&shop.finish());
    assert_eq!((finding.verdict, finding.evidence["other_elements"]), (Verdict::Pass, 2), "{finding:#?}");
}

#[test]
fn what_is_stored_must_be_what_was_ordered() {
    for (from, to) in [("\"quantity\":1", "\"quantity\":2"), ("yellow", "pink")] {
        let mut shop = shop();
        rewrite(&mut shop, "bob", |value| value.replace(from, to));
        let finding = judge(&shop.finish());
        is_rejected_for(&finding, "altered_order", "r1-2-1");
        assert_eq!(kinds(&finding).len(), 1);
    }
    let mut record = shop().finish();
    edit_audit(&mut record, AuditStage::Healed, &[0, 1, 2], |mut kv| {
        kv.key = kv.key.to_text().replace("purchase:bob", "purchase:bobby").into();
        Some(kv)
    });
    is_rejected_for(&judge(&record), "altered_order", "r1-2-1");
}

#[test]
fn a_wrong_revision_in_the_acknowledgement_is_an_alteration() {
    let mut record = shop().finish();
    for event in &mut record.events {
        if let Event::OrderClosed(closed) = event
            && closed.order.buyer == 2
        {
            closed.outcome = ticketcd_history::annotation::OrderOutcome::Sold { revision: 3 };
        }
    }
    is_rejected_for(&judge(&record), "altered_order", "r1-2-1");
}

#[test]
fn a_record_that_was_cut_off_is_unknown_and_raises_no_alarm() {
    let mut record = shop().cut();
    let finding = judge(&record);
    assert_eq!((finding.verdict, kinds(&finding)), (Verdict::Unknown, vec![]), "{finding:#?}");

    // The collectors were behind: the last purchase is acknowledged and not delivered.
    let last = record.events.iter().rposition(|event| matches!(event, Event::OrderClosed(_))).unwrap();
    let Event::OrderClosed(closed) = &record.events[last] else { unreachable!() };
    let ticketcd_history::annotation::OrderOutcome::Sold { revision } = closed.outcome else { unreachable!() };
    record.drop_revision(revision);
    let finding = judge(&record);
    assert_eq!((finding.verdict, kinds(&finding)), (Verdict::Unknown, vec![]), "{finding:#?}");
    assert_eq!(finding.evidence["acknowledged_beyond_log"], 1);
}

#[test]
fn an_order_behind_the_end_of_a_cut_record_is_unrecorded() {
    let mut shop = shop();
    rewrite(&mut shop, "bob", |value| value.replacen("[{", r#"[{"id":"r1-2-2","date":"","tickets":[]},{"#, 1));
    let finding = judge(&shop.cut());
    assert_eq!((finding.verdict, kinds(&finding)), (Verdict::Unknown, vec![]), "{finding:#?}");
    assert_eq!(finding.evidence["unrecorded_orders"], 1);
}

#[test]
fn a_member_that_was_not_read_and_a_hole_in_the_log_leave_it_unknown() {
    let mut record = shop().finish();
    for event in &mut record.events {
        if let Event::AuditClosed(closed) = event
            && closed.member == MemberIndex(2)
        {
            closed.outcome = Err(AuditFailure::NotAnswered { detail: "it does not respond".to_owned() });
        }
    }
    let finding = judge(&record);
    assert_eq!(finding.verdict, Verdict::Unknown);
    assert!(finding.reason.unwrap().contains("m3"));

    let mut record = shop().finish();
    record.drop_revision(5);
    let finding = judge(&record);
    assert_eq!((finding.verdict, kinds(&finding)), (Verdict::Unknown, vec![]), "{finding:#?}");
}

#[test]
fn a_member_that_is_behind_and_the_only_one_read_proves_no_loss() {
    let mut shop = shop();
    shop.buy(3, "cid", "e2", &[("pink", 1)], RequestOutcome::Answered);
    let behind = shop.revision() - 1;
    let mut record = shop.finish();
    // Only m3 responds, partitioned from the others, without the last purchase.
    record.events.iter_mut().for_each(|event| match event {
        Event::AuditClosed(closed) if closed.member != MemberIndex(2) => {
            closed.outcome = Err(AuditFailure::NotAnswered { detail: "it does not respond".to_owned() })
        }
        Event::AuditClosed(closed) => {
            if let Ok(facts) = &mut closed.outcome {
                (facts.before.revision, facts.after.revision) = (behind, behind);
            }
        }
        Event::AuditPage(page) => {
            page.revision = behind;
            page.kvs.retain(|kv| kv.mod_revision <= behind);
        }
        _ => {}
    });
    let finding = judge(&record);
    assert_eq!((finding.verdict, kinds(&finding)), (Verdict::Unknown, vec![]), "{finding:#?}");
}

#[test]
fn an_order_is_counted_once_however_many_members_have_it_wrong() {
    type Edit = fn(String) -> String;
    let edits: [(&str, Edit); 2] = [
        ("duplicate_order", |value| format!("[{element},{element}]", element = value.trim_matches(['[', ']']))),
        ("altered_order", |value| value.replace("yellow", "pink")),
    ];
    for (kind, edit) in edits {
        let mut shop = shop();
        rewrite(&mut shop, "bob", edit);
        let finding = judge(&shop.finish());
        assert_eq!(kinds(&finding), [(kind, 1)], "{finding:#?}");
        let AnomalyGroup { first, last, .. } = group(&finding, kind);
        assert_eq!((&first.members, first), (&vec!["m1".to_owned(), "m2".to_owned(), "m3".to_owned()], last));
        let found = "It was found on m1, m2, m3 after healing, and on m1, m2, m3 after the restart of all members.";
        assert_eq!(first.explanation.iter().filter(|sentence| *sentence == found).count(), 1, "{first:#?}");
    }
    // One member alone, in one audit: the explanation already names it.
    let mut record = shop().finish();
    edit_audit(&mut record, AuditStage::Restarted, &[1], |mut kv| {
        kv.value = kv.value.to_text().replace("yellow", "pink").into();
        Some(kv)
    });
    let finding = judge(&record);
    let altered = group(&finding, "altered_order");
    assert_eq!((altered.count, altered.first.members.as_slice()), (2, ["m2".to_owned()].as_slice()));
    assert!(!altered.first.explanation.join(" ").contains("It shows"), "{altered:#?}");
}

/// A value that other members have, too, is not parsed again, but its orders count.
#[test]
fn an_order_that_one_member_has_under_two_keys_is_a_duplicate() {
    for copy in ["aaa", "zed"] {
        for members in [&[1][..], &[2], &[1, 2], &[0]] {
            let mut record = shop().finish();
            for event in &mut record.events {
                let Event::AuditPage(page) = event else { continue };
                if members.contains(&page.member.0) && page.stage == AuditStage::Restarted {
                    let of_bob = page.kvs.iter().find(|kv| kv.key.to_text().ends_with("purchase:bob:e1")).cloned();
                    page.kvs.extend(of_bob.map(|kv| KeyValue { key: kv.key.to_text().replace("bob", copy).into(), ..kv }));
                    page.kvs.sort_by(|one, other| one.key.cmp(&other.key));
                }
            }
            let finding = judge(&record);
            let duplicates = group(&finding, "duplicate_order");
            assert_eq!((duplicates.count, duplicates.first.orders.as_slice()), (1, &["r1-2-1".to_owned()][..]), "{copy} {members:?}");
            let named: Vec<String> = members.iter().map(|member| MemberIndex(*member).name()).collect();
            assert_eq!(duplicates.first.members, named, "{copy}: {finding:#?}");
        }
    }
}
