//! Whether the values of a scenario make sense. The types have been checked; here are ranges, and what must fit together.

mod load;
mod objectives;

use super::Expectation;
use super::limits;
use super::types::{Dataset, Popularity, Scenario};
use crate::fault::settings::{check_random, check_timetable};
use crate::settings::problem::{Checked, Problem, between};

/// The first thing that does not make sense, in the order of the file format.
pub(super) fn validate(scenario: &Scenario) -> Checked {
    name(&scenario.name)?;
    if let Some(expect) = &scenario.expect {
        expect.parse::<Expectation>().map_err(|error| Problem::new("expect", error.to_string()))?;
    }
    scenario.cluster.check()?;
    dataset(&scenario.dataset)?;
    load::load(&scenario.load, &scenario.dataset, &scenario.cluster)?;
    objectives::objectives(scenario)?;
    objectives::known(&scenario.known)?;
    let (load, members) = (scenario.load.duration, scenario.cluster.members);
    check_timetable(&scenario.faults, load, members)?;
    scenario.random_faults.as_ref().map_or(Ok(()), |random| check_random(random, load, members))
}

fn name(name: &str) -> Checked {
    let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    // It becomes the name of a directory and an argument of commands.
    if name.is_empty() || name.len() > limits::NAME_LENGTH_MAX || !letters || name.starts_with('-') {
        let most = limits::NAME_LENGTH_MAX;
        return Err(Problem::new("name", format!("{name:?} is not a name: 1 to {most} letters, digits and hyphens, no hyphen first")));
    }
    Ok(())
}

fn dataset(dataset: &Dataset) -> Checked {
    between("dataset.users", dataset.users, 1, limits::USERS_MAX)?;
    between("dataset.events", dataset.events, 1, limits::EVENTS_MAX)?;
    between("dataset.ticket_types", dataset.ticket_types.into(), 1, limits::TICKET_TYPES_MAX.into())?;
    between("dataset.stock.max", dataset.stock.max, 1, limits::STOCK_MAX)?;
    if dataset.stock.min > dataset.stock.max {
        let max = dataset.stock.max;
        return Err(Problem::new("dataset.stock.min", format!("{} is more than `max`, which is {max}", dataset.stock.min)));
    }
    match dataset.popularity {
        Popularity::Zipf(exponent) if !(0.0..=limits::ZIPF_MAX).contains(&exponent) => {
            let most = limits::ZIPF_MAX;
            Err(Problem::new("dataset.popularity.zipf", format!("{exponent} is not from 0 to {most}"))
                .help("0 makes all events alike; around 1, a few are hot"))
        }
        Popularity::Zipf(_) | Popularity::Uniform => Ok(()),
    }
}
