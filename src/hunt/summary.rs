//! What came of a hunt: verdicts, findings by check and kind, and what was exercised together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::draw::{FAULTS, MEMBERS, strategies};
use super::features;
use super::record::{Found, Outcome, Record};

/// Version of the shape of the summary. It grows when a field changes its meaning or goes; new fields may come any time.
pub const SCHEMA_VERSION: u32 = 1;

/// The result of a hunt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The seed of the hunt.
    pub seed: u64,
    /// Version of etcd.
    pub etcd_version: String,
    /// The etcd, as `--etcd` names it.
    pub etcd: String,
    /// The hunt's directory.
    pub directory: String,
    /// The process exit code.
    pub exit_code: u8,
    /// How long all runs took together.
    pub seconds: f64,
    /// How many runs ended in each way; ways in which none ended are left out.
    pub outcomes: Vec<OutcomeCount>,
    /// What is wrong and not known, by check and kind, the earliest first.
    pub findings: Vec<Group>,
    /// What is wrong and has the shape of a known defect of this release of etcd, but is not waived.
    pub known_defects: Vec<Group>,
    /// What is wrong, known and waived.
    pub waived: Vec<Group>,
    /// What was exercised.
    pub coverage: Coverage,
    /// Every run.
    pub runs: Vec<Record>,
}

/// How many runs ended in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutcomeCount {
    /// The way.
    pub outcome: Outcome,
    /// How many runs.
    pub runs: u64,
}

/// All findings of one kind by one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Group {
    /// The check.
    pub check: String,
    /// The kind of anomaly.
    pub kind: String,
    /// Where it is known, if it is.
    pub issue: Option<String>,
    /// Whether it is waived.
    pub is_waived: bool,
    /// In how many runs.
    pub runs: u64,
    /// How many anomalies, in all runs together.
    pub count: u64,
    /// The first of these runs.
    pub first_run: u32,
    /// The command that reruns it.
    pub again: String,
}

/// What the runs that were carried out have exercised. Invalid, failed and interrupted ones do not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// How many runs count.
    pub runs: u64,
    /// Runs by number of members.
    pub members: Vec<Count>,
    /// Runs by strategy.
    pub strategies: Vec<Count>,
    /// Runs by kind of fault; a run has several.
    pub faults: Vec<Count>,
    /// Runs by other features.
    pub features: Vec<Count>,
    /// How many pairs of a strategy and a kind of fault there are.
    pub pairs: u64,
    /// How many of them were exercised.
    pub pairs_seen: u64,
    /// Those that were not: each strategy with the kinds of fault it has not met.
    pub pairs_never: Vec<NeverMet>,
}

/// How many runs exercised something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Count {
    /// What.
    pub name: String,
    /// How many runs.
    pub runs: u64,
}

/// A strategy, and the kinds of fault it has not met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NeverMet {
    /// The strategy.
    pub strategy: String,
    /// The kinds of fault.
    pub faults: Vec<String>,
}

impl Summary {
    /// The summary of these runs, on the etcd that `--etcd` names so.
    pub fn new(seed: u64, etcd_version: String, etcd: &str, directory: &Path, records: &[Record]) -> Self {
        let directory = directory.display().to_string();
        let count = |outcome: Outcome| records.iter().filter(|record| record.outcome == outcome).count() as u64;
        let outcomes = Outcome::ALL.into_iter().map(|outcome| OutcomeCount { outcome, runs: count(outcome) });
        let again = |record: &Record| again(seed, etcd, &directory, record);
        let groups = groups(records, again);
        let (waived, counting): (Vec<Group>, Vec<Group>) = groups.into_iter().partition(|group| group.is_waived);
        let (known_defects, findings) = counting.into_iter().partition(|group| group.issue.is_some());
        Self {
            schema_version: SCHEMA_VERSION,
            seed,
            exit_code: exit_code(records),
            seconds: records.iter().map(|record| record.seconds).sum(),
            outcomes: outcomes.filter(|count| count.runs > 0).collect(),
            findings,
            known_defects,
            waived,
            coverage: Coverage::new(records),
            runs: records.to_vec(),
            etcd_version,
            etcd: etcd.to_owned(),
            directory,
        }
    }

    /// How many runs ended in this way.
    pub fn count(&self, outcome: Outcome) -> u64 {
        self.outcomes.iter().find(|count| count.outcome == outcome).map_or(0, |count| count.runs)
    }
}

/// The command that reruns a run: from its directory if that was kept, or else drawn again.
pub fn again(seed: u64, etcd: &str, directory: &str, record: &Record) -> String {
    match &record.kept {
        Some(kept) => format!("ticketcd rerun {directory}/{kept}"),
        None => draw_again(seed, etcd, &record.run.to_string()),
    }
}

/// The command that draws a run again and runs it.
pub fn draw_again(seed: u64, etcd: &str, run: &str) -> String {
    format!("ticketcd hunt --seed {seed} --etcd {etcd} --only {run}")
}

/// By the precedence of exit codes. Runs without a verdict do not fail a hunt in which others passed.
fn exit_code(records: &[Record]) -> u8 {
    let any = |outcome: Outcome| records.iter().any(|record| record.outcome == outcome);
    if any(Outcome::Violation) {
        1
    } else if any(Outcome::InternalError) {
        70
    } else if any(Outcome::Interrupted) {
        130
    } else if any(Outcome::Pass) || any(Outcome::Waived) {
        0
    } else {
        2
    }
}

/// Findings by check, kind and issue, in the order in which they were first found.
fn groups(records: &[Record], again: impl Fn(&Record) -> String) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for record in records {
        for Found { check, kind, count, issue, is_waived } in &record.findings {
            let same = |group: &&mut Group| (&group.check, &group.kind, &group.issue, group.is_waived) == (check, kind, issue, *is_waived);
            match groups.iter_mut().find(same) {
                Some(group) => {
                    group.runs += 1;
                    group.count += count;
                }
                None => groups.push(Group {
                    check: check.clone(),
                    kind: kind.clone(),
                    issue: issue.clone(),
                    is_waived: *is_waived,
                    runs: 1,
                    count: *count,
                    first_run: record.run,
                    again: again(record),
                }),
            }
        }
    }
    groups
}

impl Coverage {
    fn new(records: &[Record]) -> Self {
        let counted = |record: &&Record| record.outcome.is_conclusive() || record.outcome == Outcome::Unknown;
        let records: Vec<&Record> = records.iter().filter(counted).collect();
        let count = |name: &str, has: &dyn Fn(&Record) -> bool| Count {
            name: name.to_owned(),
            runs: records.iter().filter(|record| has(record)).count() as u64,
        };
        let met: BTreeSet<(&str, &str)> =
            records.iter().flat_map(|record| record.faults.iter().map(|fault| (record.strategy.as_str(), fault.as_str()))).collect();
        let strategies = strategies();
        let mut never: BTreeMap<usize, NeverMet> = BTreeMap::new();
        for (position, strategy) in strategies.iter().enumerate() {
            for fault in FAULTS.iter().filter(|fault| !met.contains(&(*strategy, **fault))) {
                let entry = NeverMet { strategy: (*strategy).to_owned(), faults: Vec::new() };
                never.entry(position).or_insert(entry).faults.push((*fault).to_owned());
            }
        }
        let pairs_never: Vec<NeverMet> = never.into_values().collect();
        let pairs = (strategies.len() * FAULTS.len()) as u64;
        Self {
            runs: records.len() as u64,
            members: MEMBERS.iter().map(|members| count(&members.to_string(), &|record| record.members == *members)).collect(),
            strategies: strategies.iter().map(|strategy| count(strategy, &|record| record.strategy == *strategy)).collect(),
            faults: FAULTS.iter().map(|kind| count(kind, &|record| record.faults.iter().any(|fault| fault == kind))).collect(),
            features: features::ALL.iter().map(|name| count(name, &|record| record.features.contains(*name))).collect(),
            pairs,
            pairs_seen: pairs - pairs_never.iter().map(|never| never.faults.len() as u64).sum::<u64>(),
            pairs_never,
        }
    }
}

/// The JSON Schema of what `ticketcd hunt --json` prints.
pub fn hunt_schema() -> serde_json::Value {
    schemars::schema_for!(Summary).to_value()
}

#[cfg(test)]
mod tests {
    use super::super::draw::draw;
    use super::*;

    fn record(run: u32, outcome: Outcome, findings: &[(&str, &str, Option<&str>)]) -> Record {
        let found = |(check, kind, issue): &(&str, &str, Option<&str>)| Found {
            check: (*check).to_owned(),
            kind: (*kind).to_owned(),
            count: 2,
            issue: issue.map(str::to_owned),
            is_waived: issue == &Some("unsafe by design"),
        };
        let kept = (outcome == Outcome::Violation).then(|| format!("run-{run}"));
        Record {
            outcome,
            findings: findings.iter().map(found).collect(),
            seconds: 10.0,
            kept,
            ..Record::planned(run, &draw(1, run).unwrap())
        }
    }

    fn summary(records: &[Record]) -> Summary {
        Summary::new(1, "3.5.30".to_owned(), "3.5.30", Path::new("reports/h"), records)
    }

    #[test]
    fn the_exit_code_is_the_worst_that_counts() {
        use Outcome::{InternalError, Interrupted, Invalid, Pass, Unknown, Violation, Waived};
        let code = |outcomes: &[Outcome]| summary(&outcomes.iter().map(|outcome| record(1, *outcome, &[])).collect::<Vec<_>>()).exit_code;
        assert_eq!(code(&[Pass, Unknown, Invalid]), 0, "a run without a verdict fails no hunt");
        assert_eq!(code(&[Waived]), 0);
        assert_eq!(code(&[Unknown, Invalid]), 2, "nothing passed");
        assert_eq!(code(&[]), 2);
        assert_eq!(code(&[Pass, Interrupted]), 130);
        assert_eq!(code(&[Pass, InternalError, Interrupted]), 70);
        assert_eq!(code(&[Violation, InternalError, Interrupted, Pass]), 1);
    }

    #[test]
    fn findings_are_grouped_with_the_first_run_that_shows_them() {
        let (lost, design) = (("ledger", "lost_order", None), ("ledger", "lost_order", Some("unsafe by design")));
        let records = [
            record(1, Outcome::Pass, &[]),
            record(2, Outcome::Waived, &[design]),
            record(3, Outcome::Violation, &[lost, ("replicas", "differs", None)]),
            record(4, Outcome::Violation, &[lost, ("watch", "starved", Some("etcd#22294"))]),
        ];
        let summary = summary(&records);
        let shown = |groups: &[Group]| -> Vec<(String, u64, u64, u32)> {
            groups.iter().map(|group| (format!("{} {}", group.check, group.kind), group.runs, group.count, group.first_run)).collect()
        };
        assert_eq!(shown(&summary.findings), [("ledger lost_order".to_owned(), 2, 4, 3), ("replicas differs".to_owned(), 1, 2, 3)]);
        assert_eq!(shown(&summary.known_defects), [("watch starved".to_owned(), 1, 2, 4)]);
        assert_eq!(shown(&summary.waived), [("ledger lost_order".to_owned(), 1, 2, 2)]);
        assert_eq!(summary.findings[0].again, "ticketcd rerun reports/h/run-3");
        assert_eq!(summary.waived[0].again, "ticketcd hunt --seed 1 --etcd 3.5.30 --only 2", "it was not kept");
        assert_eq!((summary.count(Outcome::Violation), summary.count(Outcome::Unknown), summary.seconds), (2, 0, 40.0));
    }

    #[test]
    fn coverage_counts_pairs_of_runs_that_were_carried_out() {
        let with = |outcome, faults: &[&str]| Record {
            strategy: "hold".to_owned(),
            members: 5,
            faults: faults.iter().map(|fault| (*fault).to_owned()).collect(),
            ..record(1, outcome, &[])
        };
        let records =
            [with(Outcome::Pass, &["kill", "pause", "kill"]), with(Outcome::Unknown, &["kill"]), with(Outcome::Invalid, &["reset"])];
        let coverage = summary(&records).coverage;
        let runs = |counts: &[Count], name: &str| counts.iter().find(|count| count.name == name).unwrap().runs;
        assert_eq!((coverage.runs, runs(&coverage.members, "5"), runs(&coverage.members, "1")), (2, 2, 0));
        assert_eq!((runs(&coverage.strategies, "hold"), runs(&coverage.strategies, "lock")), (2, 0));
        assert_eq!((runs(&coverage.faults, "kill"), runs(&coverage.faults, "pause"), runs(&coverage.faults, "reset")), (2, 1, 0));
        assert_eq!((coverage.pairs, coverage.pairs_seen), ((strategies().len() * FAULTS.len()) as u64, 2));
        let hold = coverage.pairs_never.iter().find(|never| never.strategy == "hold").unwrap();
        let never: Vec<&str> = FAULTS.iter().copied().filter(|fault| !["kill", "pause"].contains(fault)).collect();
        assert_eq!(hold.faults, never);
    }
}
