use std::sync::Arc;

use super::*;
use ticketcd_history::event::Event;
use ticketcd_history::run_dir::RunDir;
use ticketcd_history::run_info::RunInfo;
use ticketcd_judge::checks::{check_run, standard_checks};
use ticketcd_judge::core::engine::{Judge, Judgement};
use ticketcd_judge::core::verdict::Verdict;

fn size(operations: u64, tickets: u32) -> Size {
    Size { operations, tickets, buyers: 20, seed: 7 }
}

fn events(size: &Size, mutation: Option<Mutation>) -> (Generated, Vec<Event>) {
    let mut events = Vec::new();
    let generated = generate(size, mutation, &mut |event| {
        events.push(event.clone());
        Ok(())
    });
    (generated.unwrap(), events)
}

/// Judges a run that was written into a directory.
fn judged(info: &RunInfo, size: &Size, mutation: Option<Mutation>) -> Judgement {
    let directory = tempfile::tempdir().unwrap();
    write_run(directory.path(), info, size, mutation).unwrap();
    check_run(directory.path()).unwrap()
}

#[test]
fn a_valid_run_passes_every_check() {
    for strategy in Strategy::ALL {
        for size in [size(20_000, 1), size(20_000, 30), size(20_000, 7), size(300, 1), size(1, 1)] {
            let judgement = judged(&run_info_of(&size, strategy), &size, None);
            for finding in &judgement.findings {
                let small = size.operations < 1_000 && finding.verdict == Verdict::Unknown;
                assert!(finding.verdict == Verdict::Pass || small, "{strategy} {size:?}: {finding:#?}");
                assert!(finding.anomalies.is_empty(), "{strategy} {size:?}: {finding:#?}");
            }
        }
    }
}

#[test]
fn runs_of_every_strategy_have_what_its_checks_look_at() {
    let size = size(6_000, 4);
    let evidence = |strategy: Strategy| {
        let judgement = judged(&run_info_of(&size, strategy), &size, None);
        let findings = judgement.findings.into_iter();
        findings.map(|finding| (finding.name, finding.evidence)).collect::<std::collections::BTreeMap<_, _>>()
    };
    for strategy in Strategy::ALL {
        let evidence = evidence(strategy);
        let least: &[(&str, &str, u64)] = match strategy {
            Strategy::Optimistic => &[("serializable", "reads_compared", 100), ("sessions", "operations_compared", 1_000)],
            Strategy::Sharded => &[("oversell", "shards", 16), ("branch", "failed", 20)],
            Strategy::Hold => &[("holds", "confirmed", 100), ("holds", "given_up", 20), ("holds", "released", 20)],
            Strategy::Lock => &[("locks", "unfenced_writes", 200)],
            Strategy::FencedLock => &[("locks", "fenced_writes", 200), ("leases", "expiries_judged", 20)],
        };
        for (check, name, least) in least.iter().chain(&[("watch", "watches", 3), ("watch", "events", 40), ("watch", "bookmarks", 3)]) {
            let count = evidence.get(*check).and_then(|evidence| evidence.get(*name)).copied().unwrap_or(0);
            assert!(count >= *least, "{strategy}: {check} looked at {count} {name}: {:#?}", evidence.get(*check));
        }
        if matches!(strategy, Strategy::Optimistic | Strategy::Sharded | Strategy::Hold) {
            assert!(evidence["ledger"]["cancellations"] > 5, "{strategy}: {:#?}", evidence["ledger"]);
        }
    }
}

#[test]
fn every_mutation_is_detected_by_its_check() {
    for mutation in Mutation::all() {
        for size in [size(6_000, 12), Size { operations: 200, tickets: 1, buyers: 3, seed: 3 }] {
            let judgement = judged(&run_info(&size, Some(mutation)), &size, Some(mutation));
            let finding = judgement.findings.iter().find(|finding| finding.name == mutation.check()).unwrap();
            assert_eq!(finding.verdict, Verdict::Violation, "{mutation} of {size:?}: {finding:#?}");
            let found = finding.anomalies.iter().any(|group| group.kind == mutation.anomaly());
            assert!(found, "{mutation} of {size:?} is no {}: {finding:#?}", mutation.anomaly());
        }
    }
}

#[test]
fn a_run_has_what_hot_sales_have() {
    use ticketcd_history::annotation::OrderOutcome;
    use ticketcd_history::call::CallOutcome;
    use ticketcd_history::request::AnswerBody;
    let size = size(50_000, 1);
    let (generated, events) = events(&size, None);
    assert_eq!(generated.operations, size.operations);
    let share = generated.sold as f64 / size.operations as f64;
    assert!((0.06..0.14).contains(&share), "{share}");
    let outcome = |wanted: fn(&OrderOutcome) -> bool| {
        events.iter().filter(|event| matches!(event, Event::OrderClosed(closed) if wanted(&closed.outcome))).count()
    };
    assert!(outcome(|outcome| matches!(outcome, OrderOutcome::SoldOut)) > 100);
    assert!(outcome(|outcome| matches!(outcome, OrderOutcome::Unknown)) > 5);
    assert!(outcome(|outcome| matches!(outcome, OrderOutcome::Rejected { .. })) > 5);
    let lost_races = events.iter().filter(|event| {
        matches!(event, Event::Return(returned)
            if matches!(&returned.outcome, CallOutcome::Ok(answer) if matches!(answer.body, AnswerBody::Txn { succeeded: false, .. })))
    });
    assert!(lost_races.count() > 300);
}

#[test]
fn a_seed_gives_the_same_bytes_and_another_gives_others() {
    let bytes = |seed| {
        let directory = tempfile::tempdir().unwrap();
        let size = Size { seed, ..size(2_000, 5) };
        write_run(directory.path(), &run_info(&size, None), &size, None).unwrap();
        std::fs::read(RunDir::new(directory.path()).history()).unwrap()
    };
    assert_eq!(bytes(1), bytes(1));
    assert_ne!(bytes(1), bytes(2));
}

#[test]
fn the_record_is_in_the_order_of_time_and_calls_have_no_gaps() {
    for strategy in Strategy::ALL {
        in_order(strategy);
    }
}

fn in_order(strategy: Strategy) {
    use std::collections::BTreeMap;
    let mut events = Vec::new();
    let mut sink = |event: &Event| {
        events.push(event.clone());
        Ok(())
    };
    generate_of(&size(5_000, 3), strategy, None, &mut sink).unwrap();
    let (mut last, mut sequences) = (0, BTreeMap::new());
    for event in &events {
        let at = match event {
            Event::Invoke(invoke) => {
                let sequence = sequences.entry(invoke.id.worker).or_insert(0);
                *sequence += 1;
                assert_eq!(invoke.id.sequence, *sequence);
                invoke.sent
            }
            Event::Return(returned) => returned.done,
            Event::WatchBatch(batch) => batch.at,
            Event::WatchOpened(opened) => opened.at,
            Event::WatchClosed(closed) => closed.at,
            Event::OrderClosed(closed) => closed.done,
            _ => continue,
        };
        assert!(at >= last, "{event:?}");
        last = at;
    }
}

#[test]
fn checks_on_threads_of_their_own_find_the_same() {
    let size = Size { operations: 1_500, tickets: 3, buyers: 50, seed: 11 };
    for mutation in [None].into_iter().chain(Mutation::all().map(Some)) {
        let info = run_info(&size, mutation);
        let (_, mut events) = events(&size, mutation);
        // A record that is cut off, too: calls that never ended, and revisions that wait.
        for length in [events.len(), events.len() * 2 / 3] {
            events.truncate(length);
            let (mut here, mut apart) = (Judge::new(&info, standard_checks(&info)), Judge::in_parallel(&info, standard_checks(&info)));
            events.iter().for_each(|event| here.observe(event));
            events.chunks(97).for_each(|events| apart.take(&Arc::new(events.to_vec())));
            assert_eq!(format!("{:#?}", here.finish(None)), format!("{:#?}", apart.finish(None)), "{mutation:?}");
        }
    }
}

#[test]
fn names_of_mutations_are_read_as_they_are_written() {
    for mutation in Mutation::all() {
        assert_eq!(mutation.name().parse(), Ok(mutation));
        assert!(mutation.sentence().ends_with('.'));
    }
    assert!("no-such".parse::<Mutation>().is_err());
}

#[test]
fn events_can_be_judged_without_files() {
    let size = size(2_000, 2);
    let info = run_info(&size, None);
    let (_, events) = events(&size, None);
    let mut judge = Judge::new(&info, standard_checks(&info));
    judge.take(&Arc::new(events));
    assert!(judge.finish(None).findings.iter().all(|finding| finding.verdict != Verdict::Violation));
}
