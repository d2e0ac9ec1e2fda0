use super::Indexes;
use crate::core::engine::Judge;
use crate::core::verdict::{Finding, Verdict};
use crate::testing::{Record, RequestOutcome, Shape, Simulation};
use ticketcd_history::audit::AuditStage;
use ticketcd_history::event::Event;
use ticketcd_history::request::KeyValue;

fn judge(record: &Record) -> Finding {
    let mut judge = Judge::new(&record.info, vec![Box::new(Indexes::new(&record.info))]);
    record.events.iter().for_each(|event| judge.observe(event));
    judge.finish(None).findings.into_iter().find(|finding| finding.name == "indexes").unwrap()
}

fn kinds(finding: &Finding) -> Vec<(&str, u64)> {
    finding.anomalies.iter().map(|group| (group.kind.as_str(), group.count)).collect()
}

/// Edits the audited keys; `None` removes the key.
fn edited(members: &[u8], edit: impl Fn(KeyValue) -> Option<KeyValue>) -> Record {
    let mut shop = Simulation::new(&Shape::default());
    shop.buy(1, "ann", "e1", &[("pink", 1)], RequestOutcome::Answered);
    let mut record = shop.finish();
    for event in &mut record.events {
        if let Event::AuditPage(page) = event
            && members.contains(&page.member.0)
        {
            page.kvs = std::mem::take(&mut page.kvs).into_iter().filter_map(&edit).collect();
        }
    }
    record
}

fn replaced(key: &'static str, value: &'static str) -> Record {
    edited(&[0, 1, 2], move |kv| Some(if kv.key.to_text() == key { KeyValue { value: value.into(), ..kv } } else { kv }))
}

#[test]
fn indexes_that_agree_with_the_events_are_accepted_and_equal_contents_judged_once() {
    let finding = judge(&edited(&[], Some));
    assert_eq!((finding.verdict, kinds(&finding)), (Verdict::Pass, vec![]), "{finding:#?}");
    let counts = ["contents", "events", "index_keys", "entries"].map(|name| finding.evidence[name]);
    // concert, evening; concert, theatre; Athens.
    assert_eq!(counts, [1, 2, 5, 8]);
}

#[test]
fn an_event_is_named_with_the_article_of_its_kind() {
    let finding = judge(&edited(&[0, 1, 2], |kv| {
        let value = kv.value.to_text().replace("\"type\":\"theatre\"", "\"type\":\"opera\"");
        Some(if kv.key.to_text() == "shop/event:e2" { KeyValue { value: value.into(), ..kv } } else { kv })
    }));
    let wrong = finding.anomalies.iter().find(|group| group.kind == "wrong_entry").unwrap();
    assert!(wrong.first.explanation[0].contains("which is ‘Concert 2’, an opera in Athens"), "{wrong:#?}");
}

#[test]
fn what_an_index_lists_wrongly_or_not_is_rejected() {
    let cases = [
        ("shop/search:type:theatre", r#"["e2","e9"]"#, "dangling_entry", "lists event e9, which does not exist"),
        ("shop/search:type:theatre", r#"["e2","e1"]"#, "wrong_entry", "lists event e1, which is ‘Concert 1’, a concert in Athens"),
        ("shop/search:text:evening", r#"["e1"]"#, "missing_entry", "does not list event e2 ‘Concert 2’"),
        ("shop/search:location:Athens", r#"["e2"]"#, "missing_entry", "does not list event e1"),
    ];
    for (key, value, kind, words) in cases {
        let finding = judge(&replaced(key, value));
        assert_eq!((finding.verdict, kinds(&finding)), (Verdict::Violation, vec![(kind, 1)]), "{finding:#?}");
        let anomaly = &finding.anomalies[0].first;
        assert_eq!(anomaly.keys, [key]);
        assert!(anomaly.explanation[0].contains(words), "{anomaly:?}");
    }
}

#[test]
fn an_event_that_is_gone_leaves_its_entries_dangling() {
    let finding = judge(&edited(&[0, 1, 2], |kv| (kv.key.to_text() != "shop/event:e2").then_some(kv)));
    assert_eq!(kinds(&finding), [("dangling_entry", 4)], "{finding:#?}");
}

#[test]
fn a_member_that_differs_is_judged_by_itself() {
    let finding = judge(&edited(&[2], |kv| (!kv.key.to_text().contains("search:text:")).then_some(kv)));
    assert_eq!((kinds(&finding), finding.evidence["contents"]), (vec![("missing_entry", 4)], 2));
    assert_eq!(finding.anomalies[0].first.members, ["m3"]);
}

#[test]
fn without_indexes_or_without_audits_it_is_unknown() {
    let finding = judge(&edited(&[0, 1, 2], |kv| (!kv.key.to_text().contains("search:")).then_some(kv)));
    assert_eq!((finding.verdict, finding.reason.as_deref()), (Verdict::Unknown, Some("No index was found.")));

    let mut record = edited(&[], Some);
    record.events.retain(|event| !matches!(event, Event::AuditClosed(closed) if closed.stage == AuditStage::Healed));
    let finding = judge(&record);
    assert_eq!((finding.verdict, kinds(&finding)), (Verdict::Unknown, vec![]), "{finding:#?}");

    let broken = judge(&replaced("shop/search:type:theatre", "["));
    assert_eq!(kinds(&broken), [("missing_entry", 1)]);
}
