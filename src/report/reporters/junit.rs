//! `junit.xml`: one test case for each check and each objective, for the test reports of CI systems.
//!
//! A check that lacks evidence is an error and not a failure: nothing was found, and nothing was shown. A finding that the
//! scenario waives is skipped, with the waiver as its reason. Where no check and no objective explains why a run is no pass,
//! the test case of the run itself does, so that such a run never looks like a pass.

use std::io::{self, Write};
use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, TestCase, TestCaseStatus, TestSuite};
use ticketcd_judge::core::verdict::Finding;

use super::Reporter;
use crate::report::build::Report;
use crate::report::explanations::write_explanations;
use crate::report::objectives::{ObjectiveOutcome, ObjectiveResult};
use crate::report::result::{RunResult, RunVerdict, for_people};
use crate::report::waivers::ShownVerdict;
use crate::terminal::Screen;

pub(super) const REPORTER: Reporter = Reporter { file: "junit.xml", write };

fn write(report: &Report, output: &mut dyn Write) -> io::Result<()> {
    let text = document(&for_people(&report.result)).to_string().map_err(io::Error::other)?;
    output.write_all(as_the_schema_has_it(&text).as_bytes())
}

/// The document without the number of skipped test cases on its outermost element. The schema that CI systems validate against
/// (JUnit 10) has that number on each suite only, and rejects the whole document for it.
fn as_the_schema_has_it(text: &str) -> String {
    let Some((before, rest)) = text.split_once("<testsuites ") else { return text.to_owned() };
    let Some((attributes, rest)) = rest.split_once('>') else { return text.to_owned() };
    let kept: Vec<&str> = attributes.split(' ').filter(|attribute| !attribute.starts_with("skipped=")).collect();
    format!("{before}<testsuites {}>{rest}", kept.join(" "))
}

fn document(result: &RunResult) -> quick_junit::Report {
    let mut suite = TestSuite::new(result.scenario.as_str());
    let properties = [
        ("seed", result.seed.to_string()),
        ("strategy", result.strategy.clone()),
        ("etcd", result.etcd_version.clone()),
        ("members", result.members.len().to_string()),
        ("ticketcd", result.tool_version.clone()),
        ("scenario_sha256", result.scenario_sha256.clone()),
    ];
    for (name, value) in properties {
        suite.add_property(Property::new(name, value));
    }
    suite.add_test_cases(result.checks.iter().map(|finding| check(finding, result)));
    suite.add_test_cases(result.objectives.iter().map(objective));
    if suite.failures + suite.errors == 0 {
        suite.add_test_case(run(result));
    }
    let mut document = quick_junit::Report::new("ticketcd");
    document.add_test_suite(suite);
    document
}

fn check(finding: &Finding, result: &RunResult) -> TestCase {
    let reason = finding.reason.as_deref().unwrap_or_default();
    let status = match ShownVerdict::of(finding, &result.known) {
        ShownVerdict::Pass => TestCaseStatus::success(),
        ShownVerdict::Waived => {
            let waivers = result.known.iter().filter(|waiver| waiver.check == finding.name);
            let names: Vec<&str> = waivers.map(|waiver| waiver.issue.as_str()).collect();
            skipped(&format!("waived as {}", names.join(", ")))
        }
        ShownVerdict::Violation => failed(NonSuccessKind::Failure, "violation", &kinds(finding), &explanation(finding)),
        ShownVerdict::Unknown => failed(NonSuccessKind::Error, "unknown", reason, reason),
    };
    case("check", &finding.name, status)
}

fn objective(objective: &ObjectiveResult) -> TestCase {
    let sentence = objective.sentence.as_str();
    let status = match objective.outcome {
        ObjectiveOutcome::Met => TestCaseStatus::success(),
        ObjectiveOutcome::Missed => failed(NonSuccessKind::Failure, "objective_missed", sentence, sentence),
        ObjectiveOutcome::Unknown => failed(NonSuccessKind::Error, "unknown", sentence, sentence),
    };
    case("objective", &format!("{} ({})", objective.metric, objective.phase), status)
}

/// The run as a whole.
fn run(result: &RunResult) -> TestCase {
    let reasons = result.reasons.join("\n");
    let failed = |kind, name| failed(kind, name, result.reasons.first().map_or("", String::as_str), &reasons);
    let status = match result.verdict {
        RunVerdict::Pass => TestCaseStatus::success(),
        RunVerdict::Violation => failed(NonSuccessKind::Failure, "violation"),
        RunVerdict::ObjectiveMissed => failed(NonSuccessKind::Failure, "objective_missed"),
        RunVerdict::Unknown => failed(NonSuccessKind::Error, "unknown"),
        RunVerdict::Invalid => failed(NonSuccessKind::Error, "invalid"),
    };
    case("run", &result.scenario, status)
}

fn case(class: &str, name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(class).set_time(Duration::ZERO);
    case
}

fn failed(kind: NonSuccessKind, name: &str, message: &str, text: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(name).set_message(message).set_description(text);
    status
}

fn skipped(message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(message);
    status
}

/// Each sentence on a line of its own, however long.
fn explanation(finding: &Finding) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write_explanations(&mut text, std::slice::from_ref(finding), Screen::plain(usize::MAX));
    text
}

/// The kinds of anomaly, with how often each was found.
fn kinds(finding: &Finding) -> String {
    finding.anomalies.iter().map(|group| format!("{} × {}", group.count, group.kind)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ticketcd_judge::core::verdict::Verdict;
    use ticketcd_judge::history::run_info::RunInfo;

    use super::*;
    use crate::report::build::describe;

    fn finding(name: &str, verdict: Verdict) -> Finding {
        let reason = (verdict == Verdict::Unknown).then(|| "Nothing was \u{1b}[31mseen\u{1b}[0m.".to_owned());
        Finding { name: name.to_owned(), verdict, reason, evidence: BTreeMap::new(), anomalies: Vec::new(), revenue: Vec::new() }
    }

    #[test]
    fn every_verdict_has_its_status_and_the_counts_add_up() {
        let shown = |verdict, checks: &[(&str, Verdict)]| {
            let checks = checks.iter().map(|(name, verdict)| finding(name, *verdict)).collect();
            let (scenario, reasons) = ("flash-sale".to_owned(), vec!["not one operation was made <&>".to_owned()]);
            let text = as_the_schema_has_it(
                &document(&RunResult { checks, verdict, reasons, scenario, ..describe(RunInfo::default()) }).to_string().unwrap(),
            );
            let outermost = text.lines().find(|line| line.starts_with("<testsuites ")).unwrap();
            assert!(!outermost.contains("skipped") && text.contains("<testsuite name=\"flash-sale\""), "{text}");
            // Read back by the library's own parser: well-formed, with the elements where the schema has them.
            let read = quick_junit::Report::deserialize_from_str(&text).unwrap();
            let suite = &read.test_suites[0];
            let names: Vec<String> = suite.test_cases.iter().map(|case| case.name.to_string()).collect();
            (names.join(" "), suite.tests, suite.failures, suite.errors, text)
        };
        let (names, tests, failures, errors, text) =
            shown(RunVerdict::Violation, &[("oversell", Verdict::Pass), ("ledger", Verdict::Violation), ("watch", Verdict::Unknown)]);
        assert_eq!((names.as_str(), tests, failures, errors), ("oversell ledger watch", 3, 1, 1), "{text}");
        assert!(!text.contains('\u{1b}'), "no escape sequence reaches the file: {text}");
        // Nothing else reports that the run is invalid.
        let (names, tests, failures, errors, text) = shown(RunVerdict::Invalid, &[("oversell", Verdict::Pass)]);
        assert_eq!((names.as_str(), tests, failures, errors), ("oversell flash-sale", 2, 0, 1), "{text}");
        assert!(text.contains("not one operation was made &lt;&amp;&gt;"), "{text}");
        let (names, _, failures, errors, text) = shown(RunVerdict::Pass, &[("oversell", Verdict::Pass)]);
        assert_eq!((names.as_str(), failures, errors), ("oversell flash-sale", 0, 0), "{text}");
    }
}
