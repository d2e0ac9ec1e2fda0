//! How the time of judging grows with the number of operations: generates runs from 10⁴ operations on, judges each with every
//! standard check, and writes a table and a figure.
//!
//! `cargo run --release -p ticketcd-synth --example growth -- [10^N] [FIGURE.svg] [BUYERS]`

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Instant;

use ticketcd_judge::checks::check_run;
use ticketcd_judge::core::verdict::Verdict;
use ticketcd_synth::{Size, run_info, write_run};

/// As in the program: events are allocated on one thread and freed on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One size, measured.
struct Measured {
    operations: u64,
    tickets: u32,
    events: u64,
    megabytes: u64,
    generate_seconds: f64,
    check_seconds: f64,
    processor_seconds: f64,
    peak_mebibytes: u64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let largest: u32 = arguments.first().and_then(|argument| argument.parse().ok()).unwrap_or(6);
    let buyers: u32 = arguments.get(2).and_then(|argument| argument.parse().ok()).unwrap_or(1_000);
    println!("| operations | tickets | events | history | generated in | judged in | processor time | peak memory |");
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|");
    let mut all = Vec::new();
    for exponent in 4..=largest {
        for tickets in [1, 100] {
            let size = Size { operations: 10_u64.pow(exponent), tickets, buyers, seed: 1 };
            let measured = measure(&size);
            println!(
                "| 10^{exponent} | {tickets} | {} | {} MB | {:.2} s | {:.2} s | {:.2} s | {} MiB |",
                measured.events,
                measured.megabytes,
                measured.generate_seconds,
                measured.check_seconds,
                measured.processor_seconds,
                measured.peak_mebibytes
            );
            all.push(measured);
        }
    }
    if let Some(path) = arguments.get(1) {
        fs::write(Path::new(path), figure(&all)).expect("the figure can be written");
    }
}

fn measure(size: &Size) -> Measured {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let began = Instant::now();
    let generated = write_run(directory.path(), &run_info(size, None), size, None).expect("a run can be generated");
    let generate_seconds = began.elapsed().as_secs_f64();
    let megabytes = fs::metadata(directory.path().join("history.zst")).map_or(0, |file| file.len() / 1_000_000);
    let (began, processor) = (Instant::now(), processor_seconds());
    let judgement = check_run(directory.path()).expect("a run can be judged");
    let check_seconds = began.elapsed().as_secs_f64();
    for finding in judgement.findings.iter().filter(|finding| finding.verdict != Verdict::Pass) {
        eprintln!("{} operations: {}: {:?} {:?}", size.operations, finding.name, finding.verdict, finding.reason);
    }
    Measured {
        operations: size.operations,
        tickets: size.tickets,
        events: generated.events,
        megabytes,
        generate_seconds,
        check_seconds,
        processor_seconds: processor_seconds() - processor,
        peak_mebibytes: peak_mebibytes(),
    }
}

/// Processor time of this process so far.
fn processor_seconds() -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    // User and system time are the 14th and 15th field; the name in parentheses is the second.
    fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_SECOND
}

/// The most memory this process ever had; sizes are measured in growing order.
fn peak_mebibytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// Both axes logarithmic: a straight line of slope one is linear growth.
fn figure(all: &[Measured]) -> String {
    const WIDTH: f64 = 640.0;
    const HEIGHT: f64 = 360.0;
    const LEFT: f64 = 70.0;
    const BOTTOM: f64 = 310.0;
    const DECADE: f64 = 120.0;
    const HEIGHT_OF_DECADE: f64 = 62.0;
    let x = |operations: u64| LEFT + 30.0 + DECADE * ((operations as f64).log10() - 4.0);
    let y = |seconds: f64| BOTTOM - HEIGHT_OF_DECADE * (seconds.max(0.01).log10() + 2.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>Time to judge a run, by operations</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    let mut add = |text: String| {
        // Writing to a string does not fail.
        let _ = writeln!(svg, "{text}");
    };
    for exponent in -2..=2 {
        let seconds = 10_f64.powi(exponent);
        let (y, right) = (y(seconds), WIDTH - 100.0);
        add(format!(
            "<path d=\"M{LEFT} {y}H{right}\" stroke=\"#ddd\"/><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{seconds} s</text>",
            LEFT - 6.0,
            y + 4.0
        ));
    }
    for exponent in 4..=7 {
        add(format!("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">10^{exponent}</text>", x(10_u64.pow(exponent)), BOTTOM + 18.0));
    }
    add(format!("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">operations</text>", LEFT + 210.0, BOTTOM + 38.0));
    for (tickets, colour, name) in [(1, "#0b6", "one hot ticket"), (100, "#06c", "a hundred tickets")] {
        let points: Vec<(f64, f64)> =
            all.iter().filter(|one| one.tickets == tickets).map(|one| (x(one.operations), y(one.check_seconds))).collect();
        let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        add(format!("<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>", path.join(" ")));
        for (x, y) in &points {
            add(format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>"));
        }
        if let Some((x, y)) = points.last() {
            let below = if tickets == 1 { -4.0 } else { 12.0 };
            add(format!("<text x=\"{:.1}\" y=\"{:.1}\" fill=\"{colour}\">{name}</text>", x + 8.0, y + below));
        }
    }
    svg.push_str("</svg>\n");
    svg
}
