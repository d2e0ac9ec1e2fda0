//! A large valid history, with everything legal that looks suspicious, is acquitted by every check.

use std::fmt::Write as _;
use std::fs;

use ticketcd_judge::check::engine::Judge;
use ticketcd_judge::check::standard::standard_checks;
use ticketcd_judge::check::verdict::Verdict;
use ticketcd_judge::model::MemberIndex;
use ticketcd_judge::testing::{Fate, Record, Shape, Simulation};

/// A sale to 500 buyers on three members, one of which is killed again and again.
fn sale(orders: u32) -> Record {
    let mut shop = Simulation::new(&Shape { events: 50, stock: i64::from(orders) / 60, ..Shape::default() });
    let mut fault = None;
    for number in 0..orders {
        let fate = match number % 97 {
            0 => Fate::UnknownApplied,
            1 => Fate::UnknownNotApplied,
            2 => Fate::Refused,
            _ => Fate::Answered,
        };
        let (user, event) = (format!("user-{}", number / 2), format!("e{}", number % 50 + 1));
        shop.buy(number % 500, &user, &event, &[("pink", 1), ("yellow", 1)], fate);
        match number % 1_000 {
            300 => fault = Some(shop.inject("kill", MemberIndex(1))),
            600 => fault.take().into_iter().for_each(|fault| shop.heal(fault, MemberIndex(1))),
            _ => {}
        }
    }
    shop.finish()
}

#[test]
fn a_valid_sale_passes_every_check() {
    let directory = tempfile::tempdir().unwrap();
    let mut record = sale(10_000);
    for member in &mut record.info.members {
        let name = format!("{}.log", member.name);
        let mut log = String::new();
        writeln!(log, r#"{{"level":"info","ts":"2026-05-01T20:00:01Z","msg":"ready to serve client requests"}}"#).unwrap();
        fs::write(directory.path().join(&name), log).unwrap();
        member.log = Some(name);
    }
    let mut judge = Judge::new(&record.info, standard_checks(&record.info));
    record.events.iter().for_each(|event| judge.observe(event));
    let judgement = judge.finish(Some(directory.path()));
    for finding in &judgement.findings {
        assert_eq!((finding.verdict, finding.anomalies.len()), (Verdict::Pass, 0), "{finding:#?}");
    }
    let names: Vec<&str> = judgement.findings.iter().map(|finding| finding.name.as_str()).collect();
    for name in [
        "oversell",
        "conservation",
        "revenue",
        "ledger",
        "real_time",
        "authorship",
        "branch",
        "reads",
        "sessions",
        "replicas",
        "recovery",
        "logs",
    ] {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
}
