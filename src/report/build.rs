//! From a run directory to its result: one pass over the record, for the checks and the statistics together.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use ticketcd_judge::checks::standard_checks;
use ticketcd_judge::core::engine::Judge;
use ticketcd_judge::history::Nanos;
use ticketcd_judge::history::annotation::Purpose;
use ticketcd_judge::history::integrity::RecordFlaw;
use ticketcd_judge::history::io_reason;
use ticketcd_judge::history::read_ahead::ReadAhead;
use ticketcd_judge::history::reader::{HistoryError, HistoryReader};
use ticketcd_judge::history::run_dir::{RunDir, RunDirError};
use ticketcd_judge::history::run_file::{self, RunFileError, SCENARIO_BYTES_MAX};
use ticketcd_judge::history::run_info::RunInfo;

use super::bottleneck::{self, LimitResult, Pressure};
use super::decide::{AFTERMATH_NANOS, Case, decide};
use super::flaws;
use super::latency::{self, Clock, LatencyLine};
use super::objectives;
use super::provenance::Provenance;
use super::resources::ResourcesResult;
use super::result::{FaultResult, MemberResult, RunResult, SCHEMA_VERSION};
use super::series;
use super::statistics::Statistics;
use super::waivers::{WaiverResult, WaiverState};
use super::windows::FaultHistory;
use crate::scenario::types::Arrivals;
use crate::scenario::{self, Scenario};

/// A run directory cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file is missing or cannot be read or written.
    #[error("{}: {}", .path.display(), io_reason(.error))]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: std::io::Error,
    },
    /// It is no run directory, or one of another format.
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    /// Its history cannot be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// Its files are of two runs.
    #[error("run.json and history.zst belong to different runs: no member in run.json answered a request in the history")]
    TwoRuns,
}

/// A result, with the data of the other report files.
pub struct Report {
    /// The result.
    pub result: RunResult,
    pub(super) statistics: Statistics,
    /// The run directory, for reporters that look for more than one reading shows.
    pub(super) directory: PathBuf,
}

/// Judges a run directory and gathers its statistics.
///
/// # Errors
/// When the directory has no readable record. A truncated record is judged as far as it is readable.
pub fn build(directory: &Path) -> Result<Report, ReportError> {
    let run = RunDir::new(directory);
    let info = run.read_info()?;
    let mut judge = Judge::in_parallel(&info, standard_checks(&info));
    let mut statistics = Statistics::default();
    let mut provenance = Provenance::new(&info);
    let mut reader = ReadAhead::new(HistoryReader::open(&run.history())?);
    for events in reader.by_ref() {
        let events = events?;
        for event in events.iter() {
            statistics.observe(event);
            provenance.observe(event);
        }
        judge.take(&events);
    }
    if provenance.is_another_run() {
        return Err(ReportError::TwoRuns);
    }
    let mut notes = Vec::new();
    let mut judgement = judge.finish_flawed(Some(directory), reader.tail().flaws(directory));
    let record_lacks = record_lacks(&judgement.flaws, statistics.ended);
    let revenue = judgement.findings.iter_mut().flat_map(|finding| std::mem::take(&mut finding.revenue)).collect();
    let scenario = read_scenario(&run);
    if let Ok((_, sha256)) = &scenario
        && *sha256 != info.scenario_sha256
    {
        notes.push("scenario.toml was modified after the run (its hash differs); its current objectives and waivers are used.".to_owned());
    }
    let scenario = scenario.map(|(scenario, _)| scenario);
    let latency = latency::lines(&statistics.samples, &statistics.timeline.windows());
    let (objectives, known) = match &scenario {
        Ok(scenario) => {
            notes.extend(scenario.advice());
            let known = WaiverResult::all(&scenario.known, &judgement.findings, &info.started);
            (objectives::judge(&scenario.objectives, &statistics, &latency), known)
        }
        Err(_) => (Vec::new(), Vec::new()),
    };
    notes.extend(known.iter().filter(|waiver| waiver.state == WaiverState::Unused).map(WaiverResult::sentence));
    let scenario_missing = scenario.as_ref().err().map(ToString::to_string);
    let decision = decide(&Case {
        findings: &judgement.findings,
        statistics: &statistics,
        objectives: &objectives,
        known: &known,
        // A buyer that cancels has to buy first.
        is_to_sell: scenario.as_ref().is_ok_and(|scenario| scenario.load.mix.purchase > 0 || scenario.load.mix.cancel > 0),
        record_lacks: record_lacks.as_deref(),
        scenario_missing: scenario_missing.as_deref(),
    });
    // Reported once: as a note where it is not already a reason.
    notes.splice(0..0, record_lacks.filter(|lack| decision.reasons.first() != Some(lack)));
    let resources = statistics.timeline.load().map(|load| statistics.resources.during(&load)).unwrap_or_default();
    let pressure = pressure(&statistics, scenario.as_ref().ok(), &latency, info.testbed.members_on_this_host);
    let described = describe(info);
    let series = series::seconds(&statistics, &described.members);
    let result = RunResult {
        schema_version: SCHEMA_VERSION,
        verdict: decision.verdict,
        reasons: decision.reasons,
        exit_code: decision.exit_code,
        interrupted: statistics.interrupted,
        load: statistics.load(),
        limited_by: bottleneck::decide(&resources, &pressure),
        resources,
        latency,
        series,
        faults: faults(&statistics),
        objectives,
        known,
        checks: judgement.findings,
        revenue,
        notes,
        ..described
    };
    Ok(Report { result, statistics, directory: directory.to_owned() })
}

/// What is wrong with a record that is not whole, each flaw in a clause.
fn record_lacks(flaws: &[RecordFlaw], ended: bool) -> Option<String> {
    (!flaws.is_empty()).then(|| flaws.iter().map(|flaw| flaws::describe(flaw, ended)).collect::<Vec<_>>().join("; "))
}

/// The content of `run.json` as a result, with everything else empty.
pub fn describe(info: RunInfo) -> RunResult {
    let members = info.members.iter().map(|member| MemberResult {
        name: member.name.clone(),
        id: format!("{:x}", member.member_id),
        log: member.log.clone(),
    });
    RunResult {
        schema_version: SCHEMA_VERSION,
        verdict: super::result::RunVerdict::Unknown,
        reasons: Vec::new(),
        exit_code: 2,
        interrupted: false,
        seed: info.seed,
        scenario: info.scenario,
        scenario_sha256: info.scenario_sha256,
        expected: info.expect,
        strategy: info.strategy,
        layout: info.layout,
        started: info.started,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        etcd_version: info.etcd.version.clone(),
        members: members.collect(),
        etcd: info.etcd,
        host: info.host,
        load: super::statistics::LoadResult::default(),
        limited_by: LimitResult::default(),
        resources: ResourcesResult::default(),
        latency: Vec::new(),
        series: Vec::new(),
        faults: Vec::new(),
        objectives: Vec::new(),
        known: Vec::new(),
        checks: Vec::new(),
        revenue: Vec::new(),
        notes: Vec::new(),
    }
}

/// The resolved scenario of a run directory cannot be read.
#[derive(Debug, thiserror::Error)]
enum UnreadableScenario {
    /// The file is missing or unreadable.
    #[error("cannot read {0}")]
    File(#[from] RunFileError),
    /// It is not a valid scenario.
    #[error(transparent)]
    Malformed(#[from] scenario::ScenarioError),
}

/// The resolved scenario in the run directory, and the hash of its text.
fn read_scenario(run: &RunDir) -> Result<(Scenario, String), UnreadableScenario> {
    let path = run.scenario();
    let (file, _) = run_file::open_path(&path, SCENARIO_BYTES_MAX)?;
    let text = std::io::read_to_string(file.take(SCENARIO_BYTES_MAX))
        .map_err(|error| UnreadableScenario::File(RunFileError::Io { path: path.clone(), error }))?;
    let sha256 = scenario::fingerprint(&text);
    let scenario = scenario::parse(&path.display().to_string(), &text)?;
    Ok((scenario, sha256))
}

/// How loaded the cluster was. Without a readable scenario the load model is not known.
fn pressure(statistics: &Statistics, scenario: Option<&Scenario>, latency: &[LatencyLine], members_on_this_host: bool) -> Pressure {
    let load = statistics.load();
    let in_flight = statistics.in_flight_median();
    // Without a median nothing was in flight, and no share is computed.
    let buyers_waited = f64::from(in_flight.unwrap_or(0)) * load.seconds;
    let is_closed = |scenario: &&Scenario| matches!(scenario.load.arrivals, Arrivals::Closed(_));
    let is_it = |line: &&LatencyLine| line.operation == Purpose::Purchase && line.phase == "steady" && line.clock == Clock::Service;
    Pressure {
        offered_and_shed: statistics.undisturbed_offer(AFTERMATH_NANOS),
        waiting_share: scenario
            .filter(is_closed)
            .zip(in_flight)
            .map(|(scenario, waiting)| f64::from(waiting) / f64::from(scenario.load.buyers)),
        recorder_wait_share: if buyers_waited > 0.0 { load.recorder_wait_seconds / buyers_waited } else { 0.0 },
        attempts_lost_share: statistics.attempts_lost_share(),
        purchase_ms: latency.iter().find(is_it).map(|line| line.p50_ms),
        members_on_this_host,
    }
}

/// Why a fault was not injected, where the record has no reason: the run ended before.
fn never_due(history: &FaultHistory, interrupted: bool) -> Option<String> {
    let ended = if interrupted { "was interrupted" } else { "ended" };
    history.from.is_none().then(|| format!("the run {ended} before the fault was due"))
}

fn faults(statistics: &Statistics) -> Vec<FaultResult> {
    // Without a load, times count from the start of the run.
    let origin = statistics.timeline.load().map_or(0, |load| load.from);
    let since = |at: Nanos| (at as f64 - origin as f64) / 1e9;
    let describe = |history: &FaultHistory| FaultResult {
        kind: history.kind.clone(),
        target: history.target.clone(),
        members: history.members.clone(),
        start_seconds: history.from.map(since),
        end_seconds: history.until.map(since),
        what_happened: [&history.injected, &history.healed].into_iter().flatten().cloned().collect::<Vec<_>>().join("; then "),
        effects: history.effects.clone(),
        trouble: history.trouble.clone().or_else(|| never_due(history, statistics.interrupted)),
    };
    statistics.timeline.faults.iter().map(describe).collect()
}
