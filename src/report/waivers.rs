//! Findings that are known and waived until a date: shown, but not failing.
//!
//! The date that counts is the one on which the run began, not the one on which it is judged again: the verdict of a run
//! follows from its directory alone, wherever and whenever it is judged. CI loses nothing by that, because a run is judged
//! when it is over there: the first one after the date fails.
//!
//! A waiver of a defect that findings are recognised as (`KNOWN_DEFECTS`) covers what was recognised as it, and nothing else
//! that its check finds. A waiver of any other issue covers everything that its check finds and that was not recognised.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketcd_judge::core::verdict::{AnomalyGroup, Finding, Verdict};
use ticketcd_judge::known_defects::KNOWN_DEFECTS;

use crate::scenario::types::Known;

/// An entry of `[[known]]` and its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WaiverResult {
    /// Where the defect is known.
    pub issue: String,
    /// The check whose findings it explains.
    pub check: String,
    /// The last day on which it is waived.
    pub until: String,
    /// Its state.
    pub state: WaiverState,
}

/// The state of a waiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaiverState {
    /// The check found something, which does not fail the run.
    Waived,
    /// The check found something, but the date is over: it fails the run.
    Expired,
    /// The check found nothing.
    Unused,
}

impl WaiverResult {
    /// Holds the known defects against what was found in a run that began at `started` (RFC 3339).
    pub fn all(known: &[Known], findings: &[Finding], started: &str) -> Vec<Self> {
        let judge = |entry: &Known| {
            let violated = findings.iter().filter(|finding| finding.name == entry.check && finding.verdict == Verdict::Violation);
            let found = violated.flat_map(violations).any(|group| covers(&entry.issue, group));
            let state = match found {
                false => WaiverState::Unused,
                true if is_in_force(&entry.until, started) => WaiverState::Waived,
                true => WaiverState::Expired,
            };
            Self { issue: entry.issue.clone(), check: entry.check.clone(), until: entry.until.clone(), state }
        };
        known.iter().map(judge).collect()
    }

    /// Its state in a sentence.
    pub fn sentence(&self) -> String {
        let Self { issue, check, until, state } = self;
        match state {
            WaiverState::Waived => format!("The violation that {check} reports is known as {issue} and waived until {until}."),
            WaiverState::Expired => {
                format!("The violation that {check} reports is known as {issue}, but its waiver expired after {until}.")
            }
            WaiverState::Unused => {
                format!("{check} reports nothing, but {issue} is waived until {until}: if it is fixed, remove it from [[known]].")
            }
        }
    }
}

/// The verdict of a finding as readers see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShownVerdict {
    /// As it is.
    Pass,
    /// As it is.
    Unknown,
    /// A violation, all of which is waived.
    Waived,
    /// A violation that counts.
    Violation,
}

impl ShownVerdict {
    /// The verdict of a finding, with the waivers of its run.
    pub fn of(finding: &Finding, waivers: &[WaiverResult]) -> Self {
        match finding.verdict {
            Verdict::Pass => Self::Pass,
            Verdict::Unknown => Self::Unknown,
            Verdict::Violation if is_waived(waivers, finding) => Self::Waived,
            Verdict::Violation => Self::Violation,
        }
    }
}

/// Whether all violations of a finding are waived.
pub fn is_waived(waivers: &[WaiverResult], finding: &Finding) -> bool {
    let of_check = |waiver: &&WaiverResult| waiver.check == finding.name && waiver.state == WaiverState::Waived;
    let is_covered = |group| waivers.iter().filter(of_check).any(|waiver| covers(&waiver.issue, group));
    waivers.iter().any(|waiver| of_check(&waiver)) && violations(finding).all(is_covered)
}

/// The anomalies that count in their own right; all of them where each is a consequence of another finding.
fn violations(finding: &Finding) -> impl Iterator<Item = &AnomalyGroup> {
    let only_consequences = finding.anomalies.iter().all(|group| group.consequence_of.is_some());
    finding.anomalies.iter().filter(move |group| only_consequences || group.consequence_of.is_none())
}

/// Whether a waiver of an issue covers anomalies of its check.
pub fn covers(issue: &str, group: &AnomalyGroup) -> bool {
    let is_recognised = KNOWN_DEFECTS.iter().any(|defect| defect.name == issue);
    match &group.known_defect {
        Some(defect) => defect == issue,
        None => !is_recognised,
    }
}

/// Whether a waiver until (and on) this day covers a run that began then, by UTC. Of a date that cannot be read it does not.
pub fn is_in_force(until: &str, started: &str) -> bool {
    let began = started.parse::<jiff::Timestamp>().map(|moment| moment.to_zoned(TimeZone::UTC).date());
    matches!((began, until.parse::<Date>()), (Ok(began), Ok(until)) if began <= until)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ticketcd_judge::core::verdict::Anomaly;

    use super::*;

    fn group(known_defect: Option<&str>) -> AnomalyGroup {
        let anomaly = Anomaly::default();
        let (first, worst, last) = (anomaly.clone(), anomaly.clone(), anomaly);
        let known_defect = known_defect.map(str::to_owned);
        AnomalyGroup { kind: "kind".to_owned(), count: 1, consequence_of: None, known_defect, first, worst, last }
    }

    fn finding(name: &str, anomalies: Vec<AnomalyGroup>) -> Finding {
        let (name, verdict) = (name.to_owned(), Verdict::Violation);
        Finding { name, verdict, reason: None, evidence: BTreeMap::new(), anomalies, revenue: Vec::new() }
    }

    fn states(until: &str, verdict: Verdict) -> WaiverState {
        let name = "ledger".to_owned();
        let anomalies = if verdict == Verdict::Violation { vec![group(None)] } else { Vec::new() };
        let finding = Finding { name, verdict, reason: None, evidence: BTreeMap::new(), anomalies, revenue: Vec::new() };
        let known = Known { issue: "etcd#18667".to_owned(), check: "ledger".to_owned(), until: until.to_owned() };
        WaiverResult::all(&[known], &[finding], "2026-11-22T23:30:00Z").remove(0).state
    }

    #[test]
    fn a_waiver_holds_up_to_and_on_its_day() {
        assert_eq!(states("2026-11-22", Verdict::Violation), WaiverState::Waived);
        assert_eq!(states("2026-11-21", Verdict::Violation), WaiverState::Expired);
        assert_eq!(states("2027-01-01", Verdict::Violation), WaiverState::Waived);
        assert_eq!(states("soon", Verdict::Violation), WaiverState::Expired);
    }

    #[test]
    fn only_violations_are_waived_and_an_unused_waiver_is_reported() {
        assert_eq!(states("2026-11-22", Verdict::Pass), WaiverState::Unused);
        assert_eq!(states("2026-11-22", Verdict::Unknown), WaiverState::Unused);
    }

    #[test]
    fn a_waiver_is_for_one_check() {
        let waived = |state| [WaiverResult { issue: "x".to_owned(), check: "ledger".to_owned(), until: "2026-11-22".to_owned(), state }];
        let [ledger, oversell] = ["ledger", "oversell"].map(|name| finding(name, vec![group(None)]));
        assert!(is_waived(&waived(WaiverState::Waived), &ledger));
        assert!(!is_waived(&waived(WaiverState::Waived), &oversell));
        assert!(!is_waived(&waived(WaiverState::Expired), &ledger));
    }

    #[test]
    fn a_recognised_defect_is_waived_by_its_own_name_and_with_nothing_else() {
        let known = |issue: &str| Known { issue: issue.to_owned(), check: "watch".to_owned(), until: "2026-11-30".to_owned() };
        let waived = |issue: &str, defects: &[Option<&str>]| {
            let finding = finding("watch", defects.iter().copied().map(group).collect());
            let waivers = WaiverResult::all(&[known(issue)], std::slice::from_ref(&finding), "2026-11-22T23:30:00Z");
            is_waived(&waivers, &finding)
        };
        // What is only a consequence of another finding is waived like the finding itself.
        let consequence = AnomalyGroup { consequence_of: Some("divergence at revision 3".to_owned()), ..group(None) };
        let finding = finding("ledger", vec![consequence]);
        let known = Known { issue: "etcd#18667".to_owned(), check: "ledger".to_owned(), until: "2026-11-30".to_owned() };
        let waivers = WaiverResult::all(&[known], std::slice::from_ref(&finding), "2026-11-22T23:30:00Z");
        assert!(is_waived(&waivers, &finding));
        let starved = Some("etcd#22294");
        assert!(waived("etcd#22294", &[starved]));
        assert!(!waived("etcd#22294", &[starved, None]) && !waived("etcd#22294", &[None]));
        assert!(waived("etcd#1", &[None]) && !waived("etcd#1", &[starved]));
    }
}
