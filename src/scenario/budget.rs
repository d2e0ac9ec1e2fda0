//! A scenario within a time budget: the load is shortened to what fits, and what would happen after its new end is left out.

use std::time::Duration;

use super::types::{Scenario, ScheduledFault};
use super::units::Span;
use super::validate::validate;

/// What a cluster takes until it is healthy, on a slow machine.
const START: Duration = Duration::from_secs(6);

/// Keys of the dataset that are written and verified in a second, on a slow machine.
const KEYS_PER_SECOND: u64 = 3_000;

/// What a calibration takes: see `load/calibrate.rs`.
const CALIBRATION: Duration = Duration::from_secs(3);

/// What follows the load on a slow machine: requests in flight end (etcd gives up after 5 s and two elections), every member is
/// audited, restarted and audited again, and the history is checked.
const END: Duration = Duration::from_secs(22);

/// A shorter load shows nothing.
const LOAD_MIN: Duration = Duration::from_secs(5);

/// What a fault needs after it is healed for its recovery to show.
const RECOVERY: Duration = Duration::from_secs(2);

/// How a scenario fits its budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// How long the run is expected to take, everything included.
    pub predicted: Span,
    /// What had to be changed for that; none when the whole scenario fits.
    pub shortened: Option<Shortened>,
}

/// What a scenario lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortened {
    /// The length of the load, as it was.
    pub from: Span,
    /// The length of the load, as it is now.
    pub to: Span,
    /// Faults of the timetable that no longer fit, each with when it was due.
    pub left_out: Vec<(&'static str, Span)>,
    /// Objectives that are no longer judged, because they are about such faults.
    pub objectives_left_out: usize,
}

/// The scenario cannot be run within the budget.
#[derive(Debug, thiserror::Error)]
pub enum BudgetError {
    /// There is no time left for a load.
    #[error("a budget of {budget} is too short: the run takes at least {needed}")]
    TooShort {
        /// The budget.
        budget: Span,
        /// What is needed at least.
        needed: Span,
    },
    /// With a shorter load the scenario makes no sense.
    #[error("the load would have to be shortened to {to} to fit a budget of {budget}, and then {problem}")]
    DoesNotFit {
        /// The budget.
        budget: Span,
        /// The length that would fit.
        to: Span,
        /// The problem with the shortened scenario, in a sentence.
        problem: String,
    },
}

impl Scenario {
    /// Shortens the scenario to what fits the budget.
    ///
    /// # Errors
    /// When not even a short load fits, or when the scenario is not valid with one.
    pub fn fit(&mut self, budget: Span) -> Result<Fit, BudgetError> {
        let around = self.around_load();
        let available = budget.0.saturating_sub(around);
        if available < LOAD_MIN {
            return Err(BudgetError::TooShort { budget, needed: Span(around + LOAD_MIN) });
        }
        let from = self.load.duration;
        if from.0 <= available {
            return Ok(Fit { predicted: Span(around + from.0), shortened: None });
        }
        // In whole seconds: a load of 17.4 s reads like a measurement.
        let to = Span(Duration::from_secs(available.as_secs()));
        self.load.duration = to;
        let left_out = self.leave_out_faults(to);
        // Parts of the run are named after the faults. Those of faults that are drawn at random are known only later.
        let (objectives, faults, is_random) = (self.objectives.len(), self.faults.len(), self.random_faults.is_some());
        let fault_of = |phase: &str| phase.rsplit_once(" fault ").and_then(|(_, number)| number.parse::<usize>().ok());
        self.objectives.retain(|objective| is_random || fault_of(&objective.phase).is_none_or(|number| number <= faults));
        let objectives_left_out = objectives - self.objectives.len();
        validate(self).map_err(|problem| BudgetError::DoesNotFit { budget, to, problem: problem.sentence() })?;
        Ok(Fit { predicted: Span(around + to.0), shortened: Some(Shortened { from, to, left_out, objectives_left_out }) })
    }

    /// Leaves out the faults that do not fit a load of this length, and all that are due after the first of them: faults are
    /// numbered by when they are due.
    fn leave_out_faults(&mut self, load: Span) -> Vec<(&'static str, Span)> {
        let fits = |fault: &ScheduledFault| fault.at.0 + fault.inject.lasts() + RECOVERY <= load.0;
        let first = self.faults.iter().filter(|fault| !fits(fault)).map(|fault| fault.at).min();
        let Some(first) = first else { return Vec::new() };
        let mut left_out = Vec::new();
        self.faults.retain(|fault| {
            let is_kept = fault.at < first;
            if !is_kept {
                left_out.push((fault.inject.name(), fault.at));
            }
            is_kept
        });
        left_out
    }

    /// What a run takes in addition to its load.
    fn around_load(&self) -> Duration {
        let shop = &self.dataset;
        let keys = u64::from(shop.users) + u64::from(shop.events) * (2 + u64::from(shop.ticket_types));
        let calibration = if self.load.arrivals.has_share() { CALIBRATION } else { Duration::ZERO };
        START + Duration::from_secs(keys.div_ceil(KEYS_PER_SECOND)) + calibration + self.load.warm_up.0 + END
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario;

    fn flash_sale() -> Scenario {
        scenario::load("flash-sale", &[]).unwrap()
    }

    #[test]
    fn what_fits_is_left_as_it_is() {
        let mut scenario = flash_sale();
        let fit = scenario.fit(Span::seconds(600)).unwrap();
        assert_eq!((fit.shortened, &scenario), (None, &flash_sale()));
        assert!(fit.predicted > flash_sale().load.duration && fit.predicted < Span::seconds(600));
    }

    #[test]
    fn what_does_not_fit_is_shortened_and_named() {
        let mut scenario = flash_sale();
        let fit = scenario.fit(Span::seconds(60)).unwrap();
        let shortened = fit.shortened.unwrap();
        assert!(fit.predicted <= Span::seconds(60));
        assert_eq!((shortened.from, shortened.to), (flash_sale().load.duration, scenario.load.duration));
        let names: Vec<_> = shortened.left_out.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["partition", "pause"]);
        assert_eq!(scenario.faults, flash_sale().faults[..1]);
    }

    #[test]
    fn objectives_about_faults_that_are_left_out_are_left_out_too() {
        let mut scenario = flash_sale();
        let objective = |phase: &str| scenario::types::Objective {
            metric: "purchase.response.p99".to_owned(),
            phase: phase.to_owned(),
            below: Some("2s".parse().unwrap()),
            above: None,
        };
        scenario.objectives = ["steady", "after fault 1", "during fault 3"].map(objective).into();
        let shortened = scenario.fit(Span::seconds(60)).unwrap().shortened.unwrap();
        assert_eq!((shortened.objectives_left_out, scenario.objectives.len()), (1, 2));
    }

    #[test]
    fn a_budget_without_time_for_a_load_is_refused_with_what_is_needed() {
        let error = flash_sale().fit(Span::seconds(20)).unwrap_err();
        let BudgetError::TooShort { needed, .. } = error else { panic!("{error}") };
        let mut scenario = flash_sale();
        // The spike of its arrivals comes later than such a load ends.
        assert!(matches!(scenario.fit(needed), Err(BudgetError::DoesNotFit { .. })));
        assert!(Scenario::new("plain").fit(needed).is_ok());
    }
}
