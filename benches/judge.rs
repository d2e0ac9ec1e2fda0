//! How fast a history is written, read and judged.
//!
//! The figures are per event, those of single checks per operation: `cargo bench --bench judge`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ticketcd_judge::checks::{online_checks, standard_checks};
use ticketcd_judge::core::engine::Judge;
use ticketcd_judge::history::event::Event;
use ticketcd_judge::history::reader::HistoryReader;
use ticketcd_judge::history::writer::HistoryWriter;
use ticketcd_synth::testing::{Record, RequestOutcome as Fate, Shape, Simulation};
use ticketcd_synth::{Size, generate, run_info};

/// Orders in the record; each is some ten events.
const ORDERS: u32 = 20_000;

/// A record as an optimistic sale on three members leaves it: most buyers buy once or twice.
fn record() -> Record {
    let mut shop = Simulation::new(&Shape { events: 50, stock: 1_000_000, ..Shape::default() });
    for number in 0..ORDERS {
        let user = format!("user-{}", number / 2);
        let event = format!("e{}", number % 50 + 1);
        shop.buy(number % 500, &user, &event, &[("pink", 1), ("yellow", 2)], Fate::Answered);
    }
    shop.finish()
}

fn benchmarks(criterion: &mut Criterion) {
    let record = record();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("history.zst");
    let write = || {
        // A history is never overwritten; there is none before the first round.
        let _ = std::fs::remove_file(&path);
        let mut writer = HistoryWriter::create(&path).expect("a new file");
        record.events.iter().for_each(|event| writer.append(event).expect("space for the history"));
        writer.flush().expect("space for the history");
    };

    let mut group = criterion.benchmark_group("judge");
    group.sample_size(10).throughput(Throughput::Elements(record.events.len() as u64));
    group.bench_function("write", |bencher| bencher.iter(write));
    group.bench_function("read", |bencher| {
        bencher.iter(|| HistoryReader::open(&path).expect("a history").for_each(|event| drop(black_box(event.expect("an event")))));
    });
    group.bench_function("oversell and conservation", |bencher| {
        bencher.iter(|| {
            let mut judge = Judge::new(&record.info, online_checks(&record.info));
            record.events.iter().for_each(|event| judge.observe(event));
            judge.finish(None)
        });
    });
    group.finish();
}

/// What each check costs, on a synthetic run of a hundred thousand operations. "none" is what the judge itself takes: the log
/// of revisions, the replay of the shop, joining calls with their answers. It is in all the others too.
fn checks(criterion: &mut Criterion) {
    let size = Size { operations: 100_000, tickets: 1, buyers: 1_000, seed: 1 };
    let info = run_info(&size, None);
    let mut events: Vec<Event> = Vec::new();
    let made = generate(&size, None, &mut |event| {
        events.push(event.clone());
        Ok(())
    });
    made.expect("a run can be generated");

    let mut group = criterion.benchmark_group("check");
    group.sample_size(10).throughput(Throughput::Elements(size.operations));
    let judge = |mut judge: Judge| {
        events.iter().for_each(|event| judge.observe(event));
        judge.finish(None)
    };
    group.bench_function("none", |bencher| bencher.iter(|| judge(Judge::new(&info, Vec::new()))));
    for index in 0..standard_checks(&info).len() {
        let check = || standard_checks(&info).swap_remove(index);
        group.bench_function(check().info().name, |bencher| bencher.iter(|| judge(Judge::new(&info, vec![check()]))));
    }
    group.bench_function("all on one thread", |bencher| bencher.iter(|| judge(Judge::new(&info, standard_checks(&info)))));
    group.bench_function("all in parallel", |bencher| bencher.iter(|| judge(Judge::in_parallel(&info, standard_checks(&info)))));
    group.finish();
}

criterion_group!(benches, benchmarks, checks);
criterion_main!(benches);
