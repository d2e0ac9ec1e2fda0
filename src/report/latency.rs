//! Latency on both clocks: service time from when a request was sent, response time from when it was meant to be sent, so
//! that a stall delays, and is seen to delay, everything that was due meanwhile (no coordinated omission).

use std::io::Write;
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2Serializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketcd_judge::history::Nanos;
use ticketcd_judge::history::annotation::Purpose;

use super::windows::Window;
pub use crate::scenario::metric::Clock;
use crate::scenario::metric::{Metric, operation_name};

/// The largest latency a histogram holds apart: an hour, in microseconds.
const MICROSECONDS_MAX: u64 = 3_600_000_000;

/// One finished operation. Kept small: there are millions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When it was meant to start.
    pub due: Nanos,
    /// From sent to done, microseconds.
    pub service_us: u32,
    /// From due to done, microseconds.
    pub response_us: u32,
    /// What it was.
    pub purpose: Purpose,
    /// Whether it was an order that was sold.
    pub sold: bool,
}

impl Sample {
    /// When it ended.
    pub fn done(&self) -> Nanos {
        self.due.saturating_add(u64::from(self.response_us) * 1000)
    }

    /// A sample from an operation's three moments.
    pub fn new(purpose: Purpose, due: Nanos, sent: Nanos, done: Nanos, sold: bool) -> Self {
        // 71 minutes, which no operation takes: no run is longer.
        let microseconds = |from: Nanos| u32::try_from(done.saturating_sub(from) / 1000).unwrap_or(u32::MAX);
        Self { due, service_us: microseconds(sent), response_us: microseconds(due.min(sent)), purpose, sold }
    }
}

/// Percentiles of one kind of operation in one window on one clock. Milliseconds. Orders that no member took on, because
/// it was down for example, are counted as rejected and not timed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LatencyLine {
    /// What was timed: `purchase`, `search`, …
    pub operation: Purpose,
    /// `steady` is the whole counted load; then `before fault 1`, `during fault 1`, `after fault 1`, …
    pub phase: String,
    /// Which clock.
    pub clock: Clock,
    /// Operations.
    pub count: u64,
    /// Of these, orders sold a second.
    pub sold_per_second: f64,
    /// Median.
    pub p50_ms: f64,
    /// 90th percentile.
    pub p90_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// 99.9th percentile.
    pub p999_ms: f64,
    /// The longest.
    pub max_ms: f64,
    /// The mean.
    #[serde(default)]
    pub mean_ms: f64,
}

/// All latency of a run: a line for every operation, window and clock that saw any.
pub fn lines(samples: &[Sample], windows: &[Window]) -> Vec<LatencyLine> {
    let mut lines = Vec::new();
    for window in windows {
        for operation in operations(samples) {
            for clock in [Clock::Response, Clock::Service] {
                let within: Vec<&Sample> = select(samples, window, operation).collect();
                if within.is_empty() {
                    continue;
                }
                let sold = within.iter().filter(|sample| sample.sold).count();
                let seconds = (window.until - window.from) as f64 / 1e9;
                let histogram = histogram(within.into_iter(), clock);
                lines.push(line(operation, &window.name, clock, &histogram, sold as f64 / seconds));
            }
        }
    }
    lines
}

/// The length of an interval of the log.
const INTERVAL: Nanos = 1_000_000_000;

/// Writes the histograms of each second of the counted load as an HDR interval log, tagged `operation.clock`, in microseconds. An
/// operation belongs to the second in which it was due.
///
/// # Errors
/// When it cannot be written.
pub fn write_log(mut output: impl Write, samples: &[Sample], load: Option<&Window>) -> std::io::Result<()> {
    let mut serializer = V2Serializer::new();
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment("microseconds; a tag is operation.clock; times count from the start of the steady phase")
        .with_base_time(SystemTime::UNIX_EPOCH)
        .begin_log_with(&mut output, &mut serializer)?;
    let Some(load) = load else { return Ok(()) };
    let operations = operations(samples);
    let mut samples: Vec<&Sample> = samples.iter().filter(|sample| (load.from..load.until).contains(&sample.due)).collect();
    samples.sort_by_key(|sample| sample.due);
    let second = |sample: &Sample| (sample.due - load.from) / INTERVAL;
    for interval in samples.chunk_by(|one, next| second(one) == second(next)) {
        let from = interval.first().map_or(0, |sample| second(sample)) * INTERVAL;
        let length = Duration::from_nanos(INTERVAL.min(load.until - load.from - from));
        for operation in operations.iter().copied() {
            for (clock, clock_name) in [(Clock::Response, "response"), (Clock::Service, "service")] {
                let histogram = histogram(interval.iter().copied().filter(|sample| sample.purpose == operation), clock);
                if histogram.is_empty() {
                    continue;
                }
                let name = format!("{}.{clock_name}", operation_name(operation));
                log.write_histogram(&histogram, Duration::from_nanos(from), length, Tag::new(&name))
                    .map_err(|error| std::io::Error::other(format!("{error:?}")))?;
            }
        }
    }
    Ok(())
}

/// A percentile of a histogram of microseconds, in milliseconds.
pub(super) fn percentile_ms(histogram: &Histogram<u64>, share: f64) -> f64 {
    histogram.value_at_quantile(share) as f64 / 1e3
}

fn operations(samples: &[Sample]) -> Vec<Purpose> {
    Metric::OPERATIONS.into_iter().filter(|operation| samples.iter().any(|sample| sample.purpose == *operation)).collect()
}

fn select<'a>(samples: &'a [Sample], window: &'a Window, operation: Purpose) -> impl Iterator<Item = &'a Sample> {
    samples.iter().filter(move |sample| sample.purpose == operation && (window.from..window.until).contains(&sample.due))
}

pub(super) fn histogram<'a>(samples: impl Iterator<Item = &'a Sample>, clock: Clock) -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(1, MICROSECONDS_MAX, 3).unwrap_or_else(|_| unreachable!("constant bounds are valid"));
    for sample in samples {
        histogram.saturating_record(u64::from(match clock {
            Clock::Service => sample.service_us,
            Clock::Response => sample.response_us,
        }));
    }
    histogram
}

fn line(operation: Purpose, phase: &str, clock: Clock, histogram: &Histogram<u64>, sold_per_second: f64) -> LatencyLine {
    LatencyLine {
        operation,
        phase: phase.to_owned(),
        clock,
        count: histogram.len(),
        sold_per_second,
        p50_ms: percentile_ms(histogram, 0.5),
        p90_ms: percentile_ms(histogram, 0.9),
        p99_ms: percentile_ms(histogram, 0.99),
        p999_ms: percentile_ms(histogram, 0.999),
        max_ms: histogram.max() as f64 / 1000.0,
        mean_ms: histogram.mean() / 1000.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steady() -> Window {
        Window { name: "steady".to_owned(), from: 0, until: 1_000_000_000 }
    }

    #[test]
    fn an_operation_that_started_late_is_slow_on_the_response_clock_only() {
        let samples = [Sample::new(Purpose::Purchase, 1_000_000, 9_000_000, 10_000_000, true)];
        let lines = lines(&samples, &[steady()]);
        let of = |clock| lines.iter().find(|line| line.clock == clock).unwrap();
        assert_eq!(of(Clock::Service).max_ms, 1.0);
        assert!((of(Clock::Response).max_ms - 9.0).abs() < 0.01);
        assert_eq!(of(Clock::Response).sold_per_second, 1.0);
    }

    #[test]
    fn operations_belong_to_the_window_they_were_due_in() {
        let samples = [Sample::new(Purpose::Search, 2_000_000_000, 2_000_000_000, 2_000_100_000, false)];
        assert!(lines(&samples, &[steady()]).is_empty());
    }

    #[test]
    fn the_log_can_be_read_back() {
        use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
        let purchase = |due| Sample::new(Purpose::Purchase, due, due, due + 5_000_000, true);
        let samples = [purchase(2_100_000_000), purchase(0), purchase(1), Sample::new(Purpose::Search, 3, 3, 4, false)];
        let mut log = Vec::new();
        let load = Window { until: 2_500_000_000, ..steady() };
        write_log(&mut log, &samples, Some(&load)).unwrap();
        let intervals: Vec<_> = IntervalLogIterator::new(&log)
            .filter_map(|entry| match entry {
                Ok(LogEntry::Interval(interval)) => Some((
                    interval.start_timestamp().as_millis(),
                    interval.duration().as_millis(),
                    interval.tag().map(|tag| tag.as_str().to_owned()).unwrap_or_default(),
                )),
                _ => None,
            })
            .collect();
        let expected = [
            (0, 1_000, "purchase.response"),
            (0, 1_000, "purchase.service"),
            (0, 1_000, "search.response"),
            (0, 1_000, "search.service"),
            (2_000, 500, "purchase.response"),
            (2_000, 500, "purchase.service"),
        ];
        assert_eq!(intervals, expected.map(|(start, length, tag)| (start, length, tag.to_owned())));
    }
}
