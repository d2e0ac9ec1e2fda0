//! An alarm of an online check is a violation of the same check in the final verdict, and a
//! valid run raises none at any moment.

use std::collections::BTreeSet;

use ticketcd_history::event::Event;
use ticketcd_history::run_info::RunInfo;
use ticketcd_judge::checks::{online_checks, standard_checks};
use ticketcd_judge::core::engine::{Judge, Judgement};
use ticketcd_judge::core::verdict::Verdict;
use ticketcd_synth::{Mutation, Size, Strategy, generate, generate_of, run_info, run_info_of};

const SIZE: Size = Size { operations: 600, tickets: 3, buyers: 12, seed: 5 };

/// The first alarm of the checks that are made online, and the events before it.
fn alarm(info: &RunInfo, events: &[Event]) -> Option<(String, usize)> {
    let mut judge = Judge::new(info, online_checks(info));
    events.iter().enumerate().find_map(|(place, event)| {
        judge.observe(event);
        judge.violation().map(|alarm| (alarm, place + 1))
    })
}

fn judged(info: &RunInfo, events: &[Event]) -> Judgement {
    let mut judge = Judge::new(info, standard_checks(info));
    events.iter().for_each(|event| judge.observe(event));
    judge.finish(None)
}

#[test]
fn an_alarm_is_a_violation_in_the_final_verdict() {
    let mut raised_for = BTreeSet::new();
    for mutation in Mutation::all() {
        let info = run_info(&SIZE, Some(mutation));
        let mut events = Vec::new();
        generate(&SIZE, Some(mutation), &mut |event| {
            events.push(event.clone());
            Ok(())
        })
        .unwrap();
        let Some((alarm, seen)) = alarm(&info, &events) else { continue };
        // Whether the load stops there or continues.
        for length in [seen, events.len()] {
            let findings = judged(&info, &events[..length]).findings;
            let named = findings.iter().find(|finding| alarm.starts_with(&finding.name));
            let named = named.unwrap_or_else(|| panic!("{mutation}: the alarm names no check: {alarm}"));
            assert_eq!(named.verdict, Verdict::Violation, "{mutation}: {alarm}");
            raised_for.insert(named.name.clone());
        }
    }
    let expected = ["conservation", "divergence", "holds", "locks", "oversell", "real_time"];
    assert_eq!(raised_for.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

#[test]
fn a_valid_run_raises_no_alarm_at_any_moment() {
    for (seed, strategy) in (1..=30).zip(Strategy::ALL.into_iter().cycle()) {
        let size = Size { seed, ..SIZE };
        let info = run_info_of(&size, strategy);
        let mut judge = Judge::new(&info, online_checks(&info));
        generate_of(&size, strategy, None, &mut |event| {
            judge.observe(event);
            assert_eq!(judge.violation(), None, "{strategy}, seed {seed}");
            Ok(())
        })
        .unwrap();
    }
}
