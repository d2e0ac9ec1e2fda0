//! When faults come: the timetable, and what is drawn from the seed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Inject;
use super::scope::Scope;
use crate::settings::limits;
use crate::settings::problem::{Checked, Problem, span};
use crate::settings::units::Span;

/// A fault of the timetable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduledFault {
    /// When, counted from the start of the steady phase.
    pub at: Span,
    /// What breaks.
    pub inject: Inject,
}

/// Faults drawn from the seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RandomFaults {
    /// Shortest time from one fault to the next.
    pub every_min: Span,
    /// Longest time from one fault to the next.
    pub every_max: Span,
    /// What is drawn from, all alike. Each entry is injected as it stands here.
    pub pool: Vec<Inject>,
    /// When the first may come, from the start of the steady phase.
    #[serde(default)]
    pub from: Span,
    /// How long before the end of the load the last is healed.
    #[serde(default = "two_seconds")]
    pub calm_before_end: Span,
    /// Whether a fault may begin before the one before it is healed.
    #[serde(default)]
    pub overlap: bool,
}

pub(super) fn one_second() -> Span {
    Span::seconds(1)
}

fn two_seconds() -> Span {
    Span::seconds(2)
}

/// Whether a timetable makes sense for a load that lasts so long, on a cluster of so many members.
///
/// # Errors
/// The first thing that does not.
pub fn check_timetable(timetable: &[ScheduledFault], load: Span, members: u8) -> Checked {
    if timetable.len() > limits::FAULTS_MAX {
        return Err(Problem::new("fault", format!("there are more than {} of them", limits::FAULTS_MAX)));
    }
    for (index, fault) in timetable.iter().enumerate() {
        // Its heal may come later: healing is part of the recovery phase. Its beginning must meet load.
        if fault.at >= load {
            let message = format!("{} is after the end of the load, which lasts {load}", fault.at);
            return Err(Problem::new(format!("fault.{index}.at"), message));
        }
        check_fault(&format!("fault.{index}.inject"), &fault.inject, members)?;
    }
    Ok(())
}

/// Whether random faults make sense for a load that lasts so long, on a cluster of so many members.
///
/// # Errors
/// The first thing that does not.
pub fn check_random(random: &RandomFaults, load: Span, members: u8) -> Checked {
    span("random_faults.every_min", random.every_min, limits::SPAN_MAX)?;
    span("random_faults.every_max", random.every_max, limits::SPAN_MAX)?;
    if random.every_min > random.every_max {
        let message = format!("{} is more than `every_max`, which is {}", random.every_min, random.every_max);
        return Err(Problem::new("random_faults.every_min", message));
    }
    room_for_one(random, load)?;
    if random.pool.is_empty() {
        return Err(Problem::new("random_faults.pool", "is empty, so there is nothing to draw from"));
    }
    if random.pool.len() > limits::FAULTS_MAX {
        return Err(Problem::new("random_faults.pool", format!("has more than {} entries", limits::FAULTS_MAX)));
    }
    for (index, entry) in random.pool.iter().enumerate() {
        check_fault(&format!("random_faults.pool.{index}"), entry, members)?;
    }
    Ok(())
}

fn check_fault(path: &str, inject: &Inject, members: u8) -> Checked {
    inject.check(&Scope { path: &format!("{path}.{}", inject.name()), members })
}

fn room_for_one(random: &RandomFaults, load: Span) -> Checked {
    if random.from >= load {
        let message = format!("{} is after the end of the load, which lasts {load}", random.from);
        return Err(Problem::new("random_faults.from", message));
    }
    if random.from.0 + random.calm_before_end.0 >= load.0 {
        let message = format!("{} leaves no time for a fault in a load that lasts {load}", random.calm_before_end);
        return Err(Problem::new("random_faults.calm_before_end", message));
    }
    Ok(())
}
