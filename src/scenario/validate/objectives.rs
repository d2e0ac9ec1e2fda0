//! Objectives, and known defects.

use jiff::civil::Date;
use ticketcd_judge::checks::check_names;

use super::super::metric::{Metric, Unit, UnknownMetric};
use super::super::nearest;
use super::super::types::{Known, Objective, Scenario};
use super::{Checked, Problem};

pub(super) fn objectives(scenario: &Scenario) -> Checked {
    scenario.objectives.iter().enumerate().try_for_each(|(index, objective)| check(&format!("objective.{index}"), objective, scenario))
}

fn check(path: &str, objective: &Objective, scenario: &Scenario) -> Checked {
    let metric: Metric =
        objective.metric.parse().map_err(|error: UnknownMetric| Problem::new(format!("{path}.metric"), error.to_string()))?;
    phase(&format!("{path}.phase"), objective, metric, scenario)?;
    let (side, bound) = match (objective.below, objective.above) {
        (Some(bound), None) => ("below", bound),
        (None, Some(bound)) => ("above", bound),
        _ => return Err(Problem::new(path, "exactly one of `below` and `above` is required")),
    };
    let refused = |wanted: &str| Err(Problem::new(format!("{path}.{side}"), format!("the bound of `{metric}` is {wanted}, not {bound}")));
    match (metric.unit(), metric.unit().of(bound)) {
        (Unit::Milliseconds, None) => refused("a time such as \"250ms\""),
        (Unit::PerSecond, None) => refused("a number such as 1000"),
        (Unit::Share, None) => refused("a share such as \"5%\""),
        (Unit::Share, Some(share)) if !(0.0..=1.0).contains(&share) => refused("a share from 0% to 100%"),
        (_, Some(number)) if number < 0.0 => refused("a number that is not negative"),
        _ => Ok(()),
    }
}

fn phase(path: &str, objective: &Objective, metric: Metric, scenario: &Scenario) -> Checked {
    let name = objective.phase.as_str();
    if name == "steady" {
        return Ok(());
    }
    let number = ["before", "during", "after"]
        .iter()
        .find_map(|when| name.strip_prefix(when)?.strip_prefix(" fault ")?.parse::<usize>().ok())
        // Written as the windows are named: no zeros in front.
        .filter(|number| *number > 0 && name.ends_with(&format!(" {number}")));
    let Some(number) = number else {
        return Err(Problem::new(
            path,
            format!("{name:?} is no part of a run: \"steady\", or \"before fault 1\", \"during fault 1\", \"after fault 1\""),
        ));
    };
    if !metric.has_parts() {
        return Err(Problem::new(path, format!("`{metric}` exists for the whole load only")).help("leave the phase out"));
    }
    // How many faults are drawn at random is not known before they are.
    if number > scenario.faults.len() && scenario.random_faults.is_none() {
        let there_are = match scenario.faults.len() {
            0 => "no fault".to_owned(),
            1 => "only 1 fault".to_owned(),
            count => format!("only {count} faults"),
        };
        return Err(Problem::new(path, format!("there is {there_are} in this scenario, so no {name:?}")));
    }
    Ok(())
}

pub(super) fn known(known: &[Known]) -> Checked {
    for (index, entry) in known.iter().enumerate() {
        let path = format!("known.{index}");
        if entry.issue.trim().is_empty() {
            return Err(Problem::new(format!("{path}.issue"), "names no issue").help("say where the defect is known: \"etcd#18667\""));
        }
        check_name(&format!("{path}.check"), &entry.check)?;
        if entry.until.len() != "2026-12-31".len() || entry.until.parse::<Date>().is_err() {
            return Err(Problem::new(format!("{path}.until"), format!("{:?} is no date such as \"2026-12-31\"", entry.until)));
        }
    }
    Ok(())
}

fn check_name(path: &str, name: &str) -> Checked {
    let names = check_names();
    if names.contains(&name) {
        return Ok(());
    }
    let help = nearest(name, names.iter().copied()).map(|near| format!("did you mean `{near}`?"));
    Err(Problem::new(path, format!("there is no check {name:?}"))
        .help(help.unwrap_or_else(|| format!("the checks are {}", names.join(", ")))))
}
