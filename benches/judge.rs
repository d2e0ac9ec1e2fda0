//! How fast a history is written, read and judged.
//!
//! The figures are per event: `cargo bench --bench judge`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ticketcd_judge::check::engine::Judge;
use ticketcd_judge::check::standard::online_checks;
use ticketcd_judge::history::reader::HistoryReader;
use ticketcd_judge::history::writer::HistoryWriter;
use ticketcd_judge::testing::{Fate, Record, Shape, Simulation};

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

criterion_group!(benches, benchmarks);
criterion_main!(benches);
