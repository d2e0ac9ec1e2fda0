use std::sync::Arc;

use super::*;
use crate::check::engine::{Judge, Judgement};
use crate::check::standard::{check_run, standard_checks};
use crate::check::verdict::Verdict;

fn size(operations: u64, tickets: u32) -> Size {
    Size { operations, tickets, buyers: 20, seed: 7 }
}

fn events(size: &Size, plant: Option<Plant>) -> (Generated, Vec<Event>) {
    let mut events = Vec::new();
    let generated = generate(size, plant, &mut |event| {
        events.push(event.clone());
        Ok(())
    });
    (generated.unwrap(), events)
}

/// Judges a run that was written into a directory.
fn judged(size: &Size, plant: Option<Plant>) -> Judgement {
    let directory = tempfile::tempdir().unwrap();
    write_run(directory.path(), &run_info(size, plant), size, plant).unwrap();
    check_run(directory.path()).unwrap()
}

#[test]
fn a_run_without_a_plant_passes_every_check() {
    for size in [size(20_000, 1), size(20_000, 30), size(20_000, 7), size(300, 1), size(1, 1)] {
        let judgement = judged(&size, None);
        for finding in &judgement.findings {
            let small = size.operations < 1_000 && finding.verdict == Verdict::Unknown;
            assert!(finding.verdict == Verdict::Pass || small, "{size:?}: {finding:#?}");
            assert!(finding.anomalies.is_empty(), "{size:?}: {finding:#?}");
        }
    }
}

#[test]
fn every_plant_is_convicted_by_its_check() {
    for plant in Plant::all() {
        for size in [size(8_000, 1), size(8_000, 12), Size { operations: 200, tickets: 1, buyers: 3, seed: 3 }] {
            let judgement = judged(&size, Some(plant));
            // The checks of some plants may not be among the standard ones.
            let Some(finding) = judgement.findings.iter().find(|finding| finding.name == plant.check()) else { continue };
            assert_eq!(finding.verdict, Verdict::Violation, "{plant} of {size:?}: {finding:#?}");
        }
    }
}

#[test]
fn a_run_has_what_hot_sales_have() {
    use crate::history::call::{CallOutcome, OrderOutcome};
    use crate::history::request::AnswerBody;
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
    use std::collections::BTreeMap;
    let (_, events) = events(&size(5_000, 3), None);
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
            _ => continue,
        };
        assert!(at >= last, "{event:?}");
        last = at;
    }
}

#[test]
fn checks_on_threads_of_their_own_find_the_same() {
    let size = Size { operations: 6_000, tickets: 3, buyers: 50, seed: 11 };
    for plant in [None].into_iter().chain(Plant::all().map(Some)) {
        let info = run_info(&size, plant);
        let (_, mut events) = events(&size, plant);
        // A record that is cut off, too: calls that never ended, and revisions that wait.
        for length in [events.len(), events.len() * 2 / 3] {
            events.truncate(length);
            let (mut here, mut apart) = (Judge::new(&info, standard_checks(&info)), Judge::in_parallel(&info, standard_checks(&info)));
            events.iter().for_each(|event| here.observe(event));
            events.chunks(97).for_each(|events| apart.take(&Arc::new(events.to_vec())));
            assert_eq!(format!("{:#?}", here.finish(None)), format!("{:#?}", apart.finish(None)), "{plant:?}");
        }
    }
}

#[test]
fn names_of_plants_are_read_as_they_are_written() {
    for plant in Plant::all() {
        assert_eq!(plant.name().parse(), Ok(plant));
        assert!(plant.sentence().ends_with('.'));
    }
    assert!("no-such".parse::<Plant>().is_err());
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
