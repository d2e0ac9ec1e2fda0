//! `report.html`: the run on one page, for people. It needs no network and no script: the charts are SVG, and each has its values
//! in a table.

mod lanes;

use std::io::{self, Write};

use askama::Template;
use jiff::Timestamp;
use ticketcd_judge::checks::check_infos;
use ticketcd_judge::core::check::CheckInfo;
use ticketcd_judge::core::verdict::{AnomalyGroup, Finding};
use ticketcd_judge::known_defects::KnownDefect;
use ticketcd_judge::model::Cents;

use self::lanes::Lanes;
use super::Reporter;
use crate::printable;
use crate::report::build::Report;
use crate::report::explanations::{evidence, group_title, sentences};
use crate::report::headline::headline;
use crate::report::html::{Band, Chart, Line, STYLE};
use crate::report::latency::{Clock, LatencyLine};
use crate::report::numbers::{count, counted, milliseconds, percent, rate, seconds};
use crate::report::objectives::{ObjectiveOutcome, ObjectiveResult};
use crate::report::result::{FaultResult, RunResult, for_people};
use crate::report::series::{SecondResult, longest_without_sales};
use crate::report::summary::verdict_word;
use crate::report::surroundings::{self, Surroundings};
use crate::report::waivers::ShownVerdict;
use crate::report::windows::FaultHistory;
use crate::scenario::metric::operation_name;

pub(super) const REPORTER: Reporter = Reporter { file: "report.html", write };

/// Sentences of one explanation, at most; the others are in `result.json`.
const SENTENCES_MAX: usize = 40;

fn write(report: &Report, output: &mut dyn Write) -> io::Result<()> {
    let surroundings = surroundings::gather(&report.directory, &report.result.checks).map_err(io::Error::other)?;
    let result = for_people(&report.result);
    let page =
        Page::new(&result, &surroundings, &report.statistics.timeline.faults).and_then(|page| page.render()).map_err(io::Error::other)?;
    // Not everything on it is from the result.
    output.write_all(printable::lines(&page).as_bytes())
}

/// The page.
#[derive(Template)]
#[template(path = "report.html")]
struct Page<'run> {
    result: &'run RunResult,
    style: &'static str,
    verdict_word: &'static str,
    verdict_class: String,
    headline: String,
    members: String,
    started: String,
    figures: [Figure; 3],
    checks: Vec<CheckRow>,
    anomalies: Vec<AnomalyBox>,
    throughput: String,
    latency: String,
    waiting: String,
    leaders: String,
    faults: Vec<FaultRow>,
    lines: Vec<LatencyRow>,
    served: String,
    load: Vec<(&'static str, String)>,
    revenue: Vec<RevenueLine>,
    environment: Vec<(&'static str, String)>,
}

/// One of the three figures at the top.
struct Figure {
    name: &'static str,
    value: String,
    remark: String,
}

struct CheckRow {
    name: String,
    class: &'static str,
    mark: &'static str,
    reason: String,
    evidence: String,
}

struct AnomalyBox {
    title: String,
    meaning: Option<&'static str>,
    sentences: Vec<String>,
    worst: Vec<String>,
    diagram: String,
    known_defect: Option<String>,
    is_consequence: bool,
}

struct FaultRow {
    name: String,
    from: String,
    until: String,
    sentences: Vec<String>,
}

struct LatencyRow {
    operation: String,
    phase: String,
    clock: &'static str,
    values: [String; 6],
}

struct RevenueLine {
    event_type: String,
    counters: String,
    records: String,
    receipts: String,
}

impl<'run> Page<'run> {
    fn new(result: &'run RunResult, surroundings: &[Surroundings], faults: &[FaultHistory]) -> askama::Result<Self> {
        let bands: Vec<Band> = result.faults.iter().filter_map(band).collect();
        let series = |value: fn(&SecondResult) -> Option<f64>| result.series.iter().map(value).collect::<Vec<_>>();
        let throughput = [
            Line { name: "sold", class: "one", values: series(|second| Some(second.sold as f64)) },
            Line { name: "achieved", class: "four", values: series(|second| Some(second.achieved as f64)) },
            Line { name: "offered", class: "two", values: series(|second| Some(second.offered as f64)) },
        ];
        let latency = [
            Line { name: "response p50", class: "one", values: series(|second| second.response_p50_ms) },
            Line { name: "response p99", class: "two", values: series(|second| second.response_p99_ms) },
            Line { name: "service p99", class: "three", values: series(|second| second.service_p99_ms) },
        ];
        let waiting = [
            Line { name: "in flight", class: "one", values: series(|second| Some(f64::from(second.in_flight))) },
            Line { name: "shed", class: "two", values: series(|second| Some(second.shed as f64)) },
        ];
        Ok(Self {
            style: STYLE,
            verdict_word: verdict_word(result.verdict),
            verdict_class: verdict_word(result.verdict).replace(' ', "_"),
            headline: headline(result),
            members: counted(result.members.len() as u64, "member"),
            started: result.started.parse::<Timestamp>().map_or_else(|_| result.started.clone(), |at| at.strftime("%F %T UTC").to_string()),
            figures: figures(result),
            checks: result.checks.iter().map(|finding| check(finding, result)).chain(result.objectives.iter().map(objective)).collect(),
            anomalies: anomalies(result, surroundings, faults)?,
            throughput: Chart::new("throughput", "Operations a second", "", &throughput, &bands).render()?,
            latency: Chart::new("latency", "Latency of the operations that were due in each second", " ms", &latency, &bands).render()?,
            waiting: Chart::new("waiting", "Operations in flight, and shed because every buyer was busy", "", &waiting, &bands).render()?,
            leaders: leaders(&result.series),
            faults: result.faults.iter().map(fault).collect(),
            // Around faults the buyers' clock is the one that matters.
            lines: result.latency.iter().filter(|line| line.phase == "steady" || line.clock == Clock::Response).map(latency_row).collect(),
            served: served(result),
            load: load(result),
            revenue: result
                .revenue
                .iter()
                .map(|row| RevenueLine {
                    event_type: row.event_type.clone(),
                    counters: Cents(row.counters_cents).to_string(),
                    records: Cents(row.records_cents).to_string(),
                    receipts: Cents(row.receipts_cents + row.unknown_cents + row.other_cents).to_string(),
                })
                .collect(),
            environment: environment(result),
            result,
        })
    }
}

/// What a manager asks first: how fast, how slow for the unlucky, and for how long not at all.
fn figures(result: &RunResult) -> [Figure; 3] {
    let is_response = |line: &&LatencyLine| line.phase == "steady" && line.clock == Clock::Response;
    let slowest = result.latency.iter().find(is_response);
    let (value, remark) = match longest_without_sales(&result.series) {
        Some((from, until)) => (format!("{} s", count(until - from)), format!("from {} s to {} s", count(from), count(until))),
        None if result.load.sold == 0 => ("–".to_owned(), "nothing was sold".to_owned()),
        None => ("under 1 s".to_owned(), "every second had a sale until the last one".to_owned()),
    };
    [
        Figure {
            name: "Orders sold",
            value: rate(result.load.purchases_per_second),
            remark: format!("{} in {}", count(result.load.sold), seconds(result.load.seconds)),
        },
        Figure {
            name: "Response time, p99",
            value: slowest.map_or_else(|| "–".to_owned(), |line| milliseconds(line.p99_ms)),
            remark: slowest.map_or_else(String::new, |line| {
                format!("{}: median {}, longest {}", operation_name(line.operation), milliseconds(line.p50_ms), milliseconds(line.max_ms))
            }),
        },
        Figure { name: "Longest time without a sale", value, remark },
    ]
}

fn check(finding: &Finding, result: &RunResult) -> CheckRow {
    let (class, mark) = match ShownVerdict::of(finding, &result.known) {
        ShownVerdict::Pass => ("pass", "✓ pass"),
        ShownVerdict::Unknown => ("unknown", "? unknown"),
        ShownVerdict::Waived => ("unknown", "✗ waived"),
        ShownVerdict::Violation => ("violation", "✗ violation"),
    };
    CheckRow {
        name: finding.name.clone(),
        class,
        mark,
        reason: finding.reason.clone().unwrap_or_default(),
        evidence: evidence(finding).join(", "),
    }
}

fn anomalies(result: &RunResult, surroundings: &[Surroundings], faults: &[FaultHistory]) -> askama::Result<Vec<AnomalyBox>> {
    let groups = result.checks.iter().flat_map(|finding| finding.anomalies.iter().map(move |group| (finding, group)));
    let checks = check_infos();
    groups
        .map(|(finding, group)| {
            let around = surroundings.iter().find(|around| around.check == finding.name && around.kind == group.kind);
            let diagram = around.map(|around| Lanes::new(around, faults).render()).transpose()?.unwrap_or_default();
            Ok(AnomalyBox { diagram, ..anomaly(finding, group, &checks) })
        })
        .collect()
}

fn anomaly(finding: &Finding, group: &AnomalyGroup, checks: &[&'static CheckInfo]) -> AnomalyBox {
    let kinds = checks.iter().find(|check| check.name == finding.name).map_or(&[][..], |check| check.kinds);
    let meaning = kinds.iter().find(|kind| kind.name == group.kind).map(|kind| kind.meaning);
    let known_defect = KnownDefect::of(&finding.name, &group.kind).map(|defect| {
        format!("This is a known defect of etcd, {}: {}. A [[known]] entry of that name waives it.", defect.name, defect.title)
    });
    AnomalyBox {
        title: format!("{} · {}", finding.name, group_title(group)),
        meaning,
        sentences: sentences(&group.first, SENTENCES_MAX),
        worst: if group.count > 1 && group.worst != group.first { sentences(&group.worst, SENTENCES_MAX) } else { Vec::new() },
        known_defect,
        diagram: String::new(),
        is_consequence: group.consequence_of.is_some(),
    }
}

fn fault_name(fault: &FaultResult) -> String {
    let members = if fault.members.is_empty() { String::new() } else { format!(" ({})", fault.members.join(", ")) };
    format!("{}: {}{members}", fault.kind.replace('_', " "), fault.target)
}

fn band(fault: &FaultResult) -> Option<Band> {
    let from = fault.start_seconds?;
    let to = fault.end_seconds.unwrap_or(f64::MAX);
    let text = format!("{}. {}", fault_name(fault), fault.what_happened);
    Some(Band { from, to, text })
}

fn fault(fault: &FaultResult) -> FaultRow {
    let at = |moment: Option<f64>| moment.map_or_else(|| "–".to_owned(), |at| format!("{at:.1} s"));
    let happened = (!fault.what_happened.is_empty()).then(|| fault.what_happened.clone());
    FaultRow {
        name: fault_name(fault),
        from: at(fault.start_seconds),
        until: at(fault.end_seconds),
        sentences: happened.into_iter().chain(fault.effects.iter().cloned()).chain(fault.trouble.clone()).collect(),
    }
}

fn latency_row(line: &LatencyLine) -> LatencyRow {
    let [p50, p90, p99, p999, max] = [line.p50_ms, line.p90_ms, line.p99_ms, line.p999_ms, line.max_ms].map(milliseconds);
    LatencyRow {
        operation: operation_name(line.operation),
        phase: line.phase.clone(),
        clock: match line.clock {
            Clock::Response => "response",
            Clock::Service => "service",
        },
        values: [count(line.count), p50, p90, p99, p999, max],
    }
}

/// The leaders, each with the second from which on it was known.
fn leaders(series: &[SecondResult]) -> String {
    let mut changes: Vec<(u64, &str)> = Vec::new();
    for second in series {
        if let Some(leader) = second.leader.as_deref()
            && changes.last().is_none_or(|(_, last)| *last != leader)
        {
            changes.push((second.second, leader));
        }
    }
    changes.iter().map(|(from, leader)| format!("{leader} from {} s", count(*from))).collect::<Vec<_>>().join(", ")
}

fn served(result: &RunResult) -> String {
    let fairness = &result.load.fairness;
    let share = fairness.largest_share.map(|share| format!("; busiest buyer: {} of orders", percent(share))).unwrap_or_default();
    format!("{} of {} were served{share}.", count(fairness.buyers_served), counted(fairness.buyers_tried, "buyer"))
}

fn load(result: &RunResult) -> Vec<(&'static str, String)> {
    let load = &result.load;
    let mut rows = vec![
        ("Operations offered", count(load.offered)),
        ("Operations achieved", format!("{} ({})", count(load.achieved), rate(load.operations_per_second))),
        ("Orders sold", count(load.sold)),
        ("Orders sold out", count(load.sold_out)),
        ("Orders given up after conflicts", count(load.conflict)),
        ("Orders rejected", count(load.rejected)),
        ("Orders of unknown outcome", count(load.unknown)),
        ("Orders cancelled", count(load.cancelled)),
        ("Operations shed", count(load.shed)),
    ];
    rows.extend(load.calibrated_per_second.map(|calibrated| ("Calibrated rate", rate(calibrated))));
    rows
}

fn environment(result: &RunResult) -> Vec<(&'static str, String)> {
    let etcd = &result.etcd;
    let rows = [
        ("Seed", result.seed.to_string()),
        ("etcd", format!("{} (commit {}, {})", etcd.version, etcd.git_sha, etcd.go_version)),
        ("etcd binary, SHA-256", etcd.sha256.clone()),
        ("Scenario, SHA-256", result.scenario_sha256.clone()),
        (
            "Machine",
            format!(
                "{}, {}, {} MiB",
                result.host.system,
                counted(result.host.processors.into(), "processor"),
                count(result.host.memory_mib)
            ),
        ),
        ("Members", result.members.iter().map(|member| format!("{} ({})", member.name, member.id)).collect::<Vec<_>>().join(", ")),
    ];
    rows.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

fn objective(objective: &ObjectiveResult) -> CheckRow {
    let (class, mark) = match objective.outcome {
        ObjectiveOutcome::Met => ("pass", "✓ met"),
        ObjectiveOutcome::Missed => ("violation", "✗ missed"),
        ObjectiveOutcome::Unknown => ("unknown", "? unknown"),
    };
    CheckRow { name: "objective".to_owned(), class, mark, reason: objective.sentence.clone(), evidence: String::new() }
}

#[cfg(test)]
mod tests {
    use ticketcd_judge::history::run_info::RunInfo;

    use super::*;
    use crate::report::build::describe;
    use crate::report::reporters::testing::found_by_ledger;
    use crate::report::result::RunVerdict;

    fn result() -> RunResult {
        let checks = vec![found_by_ledger("duplicate_order", "The buyer <script>alert(1)</script> was charged twice.")];
        let series = (0..12)
            .map(|second| SecondResult {
                second,
                sold: if second == 5 { 0 } else { 900 },
                leader: Some(if second < 5 { "m1" } else { "m2" }.to_owned()),
                ..SecondResult::default()
            })
            .collect();
        let fault = FaultResult {
            kind: "kill".to_owned(),
            target: "leader".to_owned(),
            members: vec!["m1".to_owned()],
            start_seconds: Some(4.6),
            end_seconds: Some(6.4),
            what_happened: "m1 was killed".to_owned(),
            effects: vec!["m2 became the leader".to_owned()],
            trouble: None,
        };
        let scenario = "flash-sale".to_owned();
        RunResult { verdict: RunVerdict::Violation, scenario, checks, series, faults: vec![fault], ..describe(RunInfo::default()) }
    }

    #[test]
    fn a_page_has_verdict_checks_explanation_charts_and_faults() {
        let result = result();
        let page = Page::new(&result, &[], &[]).unwrap().render().unwrap();
        for part in [
            "<strong>violation</strong>",
            "✗ violation",
            "4,718 acknowledged",
            "An order was bought more than once.",
            "id=\"throughput\"",
            "5 s: sold 0",
            "kill: leader (m1)",
            "m1 from 0 s, m2 from 5 s",
            "from 5 s to 6 s",
        ] {
            assert!(page.contains(part), "{part} is not in the page");
        }
    }

    /// What etcd, a scenario or a script wrote is text on the page and never markup, and nothing is loaded from anywhere.
    #[test]
    fn a_page_escapes_what_it_shows_and_loads_nothing() {
        let result = result();
        let page = Page::new(&result, &[], &[]).unwrap().render().unwrap();
        assert!(!page.contains("<script") && page.contains("script&#62;alert"), "the explanation is not escaped");
        assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("url("), "the page refers to something outside");
        assert!(!page.contains("NaN"));
    }

    #[test]
    fn a_run_without_anything_has_a_page() {
        let result = describe(RunInfo::default());
        let page = Page::new(&result, &[], &[]).unwrap().render().unwrap();
        assert!(page.contains("<strong>unknown</strong>") && !page.contains("NaN"));
        assert!(page.contains("nothing was sold") && !page.contains("every second had a sale"));
    }
}
