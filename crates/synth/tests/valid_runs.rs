//! A large valid history, with everything legal that looks suspicious, passes every check.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::fs;

use ticketcd_history::MemberIndex;
use ticketcd_history::run_info::StockLayout;
use ticketcd_judge::checks::standard_checks;
use ticketcd_judge::core::engine::Judge;
use ticketcd_judge::core::verdict::Verdict;
use ticketcd_synth::testing::{HeldOrder, Record, RequestOutcome, Shape, Simulation};

/// A sale to 500 buyers on three members, one of which is killed again and again. Some cancel what they bought.
fn sale(orders: u32) -> Record {
    let mut shop = Simulation::new(&Shape { events: 50, stock: i64::from(orders) / 60, ..Shape::default() });
    with_kills(&mut shop, orders, |shop, number| {
        let (user, event) = (format!("user-{}", number / 2), format!("e{}", number % 50 + 1));
        let order = shop.buy(number % 500, &user, &event, &[("pink", 1), ("yellow", 1)], outcome(number));
        if number % 31 == 3 && shop.has_bought(order) {
            shop.cancel(order, outcome(number / 31));
        }
    });
    shop.finish()
}

/// The same out of shards.
fn sharded_sale(orders: u32) -> Record {
    let shape = Shape { events: 20, stock: i64::from(orders) / 25, layout: StockLayout::Sharded, ..Shape::default() };
    let mut shop = Simulation::new(&shape);
    let events: Vec<String> = (1..=shape.events).map(|number| format!("e{number}")).collect();
    events.iter().for_each(|event| shop.open(event, 8));
    with_kills(&mut shop, orders, |shop, number| {
        let (user, event) = (format!("user-{}", number / 2), &events[number as usize % events.len()]);
        let order = shop.buy_sharded(number % 500, &user, event, &[("pink", 1), ("yellow", 1)], number % 8, outcome(number));
        if number % 31 == 3 && shop.has_bought(order) {
            shop.cancel(order, outcome(number / 31));
        }
    });
    events.iter().for_each(|event| shop.settle(event));
    shop.finish()
}

/// The same with reservations, some of which are given up or run out.
fn held_sale(orders: u32) -> Record {
    let mut shop = Simulation::new(&Shape { events: 20, stock: i64::from(orders) / 35, layout: StockLayout::Held, ..Shape::default() });
    let mut under_way = VecDeque::new();
    with_kills(&mut shop, orders, |shop, number| {
        let (user, event) = (format!("user-{}", number / 2), format!("e{}", number % 20 + 1));
        under_way.extend(shop.reserve(number % 500, &user, &event, &[("pink", 1), ("yellow", 1)], 60).map(|held| (number, held)));
        if under_way.len() > 30 {
            under_way.drain(..20).for_each(|(number, held)| end_hold(shop, number, &held));
        }
    });
    under_way.into_iter().for_each(|(number, held)| end_hold(&mut shop, number, &held));
    shop.finish()
}

fn end_hold(shop: &mut Simulation, number: u32, held: &HeldOrder) {
    match number % 10 {
        0 => {
            shop.let_go(held);
            shop.revoke(held.order.buyer, held.lease);
        }
        1 => {
            shop.expire(held.lease);
            shop.confirm(held, RequestOutcome::Answered);
            shop.release(held);
        }
        2 => {
            shop.keep_alive(held.order.buyer, held.lease);
            shop.confirm(held, RequestOutcome::UnknownApplied);
        }
        _ => {
            shop.confirm(held, RequestOutcome::Answered);
            shop.revoke(held.order.buyer, held.lease);
        }
    }
}

/// The same under locks, whose leases expire now and then while another client waits.
fn locked_sale(orders: u32, fenced: bool) -> Record {
    let strategy = if fenced { "fenced-lock" } else { "lock" };
    let mut shop = Simulation::new(&Shape { events: 20, stock: i64::from(orders) / 25, strategy: strategy.to_owned(), ..Shape::default() });
    with_kills(&mut shop, orders, |shop, number| {
        let (buyer, user, event) = (number % 500, format!("user-{}", number / 2), format!("e{}", number % 20 + 1));
        let lock = shop.lock(buyer, &event, 10);
        let waiting = (number % 7 == 0).then(|| shop.ask_for_lock(buyer + 500, &event, 60));
        if let Ok(basket) = shop.read(buyer, &user, &event, &[("pink", 1), ("yellow", 1)]) {
            if fenced && number % 13 == 0 {
                shop.expire(lock.lease);
            }
            let outcome = if number % 97 == 0 { RequestOutcome::UnknownApplied } else { RequestOutcome::Answered };
            shop.commit(if fenced { basket.fenced_by(&lock) } else { basket }, false, outcome);
        }
        shop.unlock(buyer, &lock);
        if let Some(waiting) = waiting {
            shop.grant_lock(&waiting);
            shop.revoke(buyer + 500, waiting.lease);
        }
    });
    shop.finish()
}

/// Plays so many steps, while a member is killed and comes back again and again.
fn with_kills(shop: &mut Simulation, steps: u32, mut step: impl FnMut(&mut Simulation, u32)) {
    let mut fault = None;
    for number in 0..steps {
        step(shop, number);
        match number % 1_000 {
            300 => fault = Some(shop.inject("kill", MemberIndex(1))),
            600 => fault.take().into_iter().for_each(|fault| shop.heal(fault, MemberIndex(1))),
            _ => {}
        }
    }
    fault.into_iter().for_each(|fault| shop.heal(fault, MemberIndex(1)));
}

fn outcome(number: u32) -> RequestOutcome {
    match number % 97 {
        0 => RequestOutcome::UnknownApplied,
        1 => RequestOutcome::UnknownNotApplied,
        2 => RequestOutcome::Refused,
        _ => RequestOutcome::Answered,
    }
}

/// Judges a record with all checks, which pass. Returns their evidence.
fn accepted(mut record: Record) -> BTreeMap<String, BTreeMap<String, u64>> {
    let directory = tempfile::tempdir().unwrap();
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
    judgement.findings.into_iter().map(|finding| (finding.name, finding.evidence)).collect()
}

/// Whether there was enough of each kind of evidence.
fn looked_at(evidence: &BTreeMap<String, BTreeMap<String, u64>>, least: &[(&str, &str, u64)]) {
    for (check, name, least) in least {
        let count = evidence.get(*check).and_then(|evidence| evidence.get(*name));
        assert!(count.is_some_and(|count| count >= least), "{check} looked at {count:?} {name}: {evidence:#?}");
    }
}

#[test]
fn a_valid_sale_passes_every_check() {
    let evidence = accepted(sale(10_000));
    for name in [
        "oversell",
        "conservation",
        "revenue",
        "ledger",
        "refusal",
        "indexes",
        "real_time",
        "authorship",
        "branch",
        "reads",
        "sessions",
        "replicas",
        "recovery",
        "logs",
    ] {
        assert!(evidence.contains_key(name), "{name} is not among {:?}", evidence.keys());
    }
    looked_at(&evidence, &[("oversell", "cancellations", 100), ("ledger", "cancellations", 100), ("revenue", "refunds", 100)]);
    looked_at(&evidence, &[("refusal", "judged", 100), ("indexes", "entries", 100)]);
}

#[test]
fn a_valid_sale_out_of_shards_passes_every_check() {
    let evidence = accepted(sharded_sale(5_000));
    looked_at(&evidence, &[("oversell", "shards", 320), ("refusal", "judged", 100), ("conservation", "cancellations", 50)]);
}

#[test]
fn a_valid_sale_with_reservations_passes_every_check() {
    let evidence = accepted(held_sale(5_000));
    looked_at(&evidence, &[("holds", "confirmed", 1_000), ("holds", "given_up", 100), ("holds", "released", 100)]);
    looked_at(&evidence, &[("leases", "expiries_judged", 100), ("refusal", "judged", 50)]);
}

#[test]
fn a_valid_sale_under_locks_passes_every_check() {
    let evidence = accepted(locked_sale(3_000, true));
    looked_at(&evidence, &[("locks", "fenced_writes", 1_000), ("leases", "expiries_judged", 100), ("refusal", "judged", 50)]);
    looked_at(&accepted(locked_sale(3_000, false)), &[("locks", "unfenced_writes", 1_000)]);
}
