//! A swim-lane diagram: one lane for each client, one bar for each call, and the revision that it read or wrote.

use askama::Template;
use ticketcd_judge::history::Nanos;

use crate::report::numbers::count;
use crate::report::surroundings::{CallEnd, CallFact, CallKind, Surroundings};
use crate::report::windows::FaultHistory;

const WIDTH: f64 = 880.0;
const LEFT: f64 = 150.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 10.0;
const LANE: f64 = 44.0;
const BAR: f64 = 20.0;
const BOTTOM: f64 = 26.0;

/// Ticks of the time axis, about.
const TICKS: f64 = 6.0;

/// A diagram.
#[derive(Template)]
#[template(path = "lanes.html")]
pub(super) struct Lanes {
    width: f64,
    height: f64,
    left: f64,
    right: f64,
    bottom: f64,
    top: f64,
    lanes: Vec<Lane>,
    bars: Vec<Bar>,
    bands: Vec<Band>,
    ticks: Vec<(f64, String)>,
}

struct Lane {
    y: f64,
    name: String,
}

struct Bar {
    x: f64,
    y: f64,
    width: f64,
    class: &'static str,
    label: String,
    label_x: f64,
    label_y: f64,
    text: String,
}

struct Band {
    x: f64,
    width: f64,
    text: String,
}

impl Lanes {
    /// Draws the calls around an anomaly.
    pub(super) fn new(surroundings: &Surroundings, faults: &[FaultHistory]) -> Self {
        let calls = &surroundings.calls;
        let from = calls.iter().map(|call| call.sent).min().unwrap_or(0);
        let last = |call: &CallFact| call.done.unwrap_or(call.sent);
        let until = calls.iter().map(last).max().unwrap_or(from).max(from + 1);
        let span = (until - from) as f64;
        let x = |at: Nanos| LEFT + (WIDTH - LEFT - RIGHT) * (at.saturating_sub(from) as f64 / span).clamp(0.0, 1.0);
        let mut workers: Vec<u32> = Vec::new();
        for call in calls {
            if !workers.contains(&call.id.worker) {
                workers.push(call.id.worker);
            }
        }
        let y = |worker: u32| TOP + LANE * workers.iter().position(|lane| *lane == worker).unwrap_or(0) as f64;
        let lanes = workers.iter().map(|worker| Lane { y: y(*worker) + LANE / 2.0, name: lane_name(*worker, calls) }).collect();
        let bars = calls.iter().map(|call| {
            let (begin, end) = (x(call.sent), x(last(call)));
            let label = label(call);
            // The text would leave the picture at the right.
            let label_x = begin.min(WIDTH - RIGHT - 7.0 * label.len() as f64).max(LEFT);
            Bar {
                x: begin,
                y: y(call.id.worker) + LANE - BAR - 4.0,
                width: (end - begin).max(3.0),
                class: class(call),
                label,
                label_x,
                label_y: y(call.id.worker) + 14.0,
                text: text(call, from),
            }
        });
        let bands = faults.iter().filter_map(|fault| {
            let (began, ended) = (fault.from?, fault.until.unwrap_or(until));
            (began <= until && ended >= from).then(|| Band {
                x: x(began.max(from)),
                width: (x(ended.min(until)) - x(began.max(from))).max(2.0),
                text: format!("{}: {}", fault.kind.replace('_', " "), fault.target),
            })
        });
        let step = crate::report::html::nice_step(span / 1e6 / TICKS);
        let ticks = (0..).map(|number| f64::from(number) * step).take_while(|milliseconds| *milliseconds * 1e6 <= span);
        let bottom = TOP + LANE * workers.len() as f64;
        Self {
            width: WIDTH,
            height: bottom + BOTTOM,
            left: LEFT,
            right: WIDTH - RIGHT,
            bottom,
            top: TOP,
            lanes,
            bars: bars.collect(),
            bands: bands.collect(),
            ticks: ticks.map(|milliseconds| (x(from + (milliseconds * 1e6) as Nanos), tick(milliseconds))).collect(),
        }
    }
}

fn tick(milliseconds: f64) -> String {
    if milliseconds >= 10.0 || milliseconds == 0.0 { format!("{milliseconds:.0} ms") } else { format!("{milliseconds:.1} ms") }
}

/// The buyer, where one call of the lane is for an order; else the worker.
fn lane_name(worker: u32, calls: &[CallFact]) -> String {
    let mut of_lane = calls.iter().filter(|call| call.id.worker == worker);
    match of_lane.find_map(|call| call.orders.first()) {
        Some(order) => format!("buyer {}, order {}", order.buyer, order.sequence),
        None => format!("worker {worker}"),
    }
}

fn class(call: &CallFact) -> &'static str {
    match (call.kind, call.end) {
        (_, CallEnd::Refused | CallEnd::Unknown) => "doubtful",
        (CallKind::Write, _) if call.wrote => "wrote",
        (CallKind::Write, _) => "failed",
        (CallKind::Read | CallKind::Lease, _) => "read",
    }
}

fn label(call: &CallFact) -> String {
    let revision = match call.end {
        CallEnd::Answered(revision) => revision.to_string(),
        CallEnd::Refused => return "refused".to_owned(),
        CallEnd::Unknown => return "unknown".to_owned(),
    };
    match call.kind {
        CallKind::Read => format!("read at {revision}"),
        CallKind::Lease => "lease".to_owned(),
        CallKind::Write if call.wrote => format!("wrote {revision}"),
        CallKind::Write => format!("lost at {revision}"),
    }
}

fn text(call: &CallFact, from: Nanos) -> String {
    let milliseconds = |at: Nanos| at.saturating_sub(from) as f64 / 1e6;
    let end = call.done.map_or_else(|| "never ended".to_owned(), |done| format!("ended at {:.3} ms", milliseconds(done)));
    format!(
        "Call {}/{} to {}: {}; sent at {:.3} ms, {end}",
        call.id.worker,
        count(call.id.sequence.into()),
        call.member.name(),
        label(call),
        milliseconds(call.sent)
    )
}
