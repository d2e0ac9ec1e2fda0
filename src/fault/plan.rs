//! The plan: which fault is due when. It follows from the scenario and the seed alone.

use std::time::Duration;

use rand::RngExt;
use rand::seq::IndexedRandom;

use super::catalogue;
use crate::scenario::streams::stream;
use crate::scenario::types::{Inject, RandomFaults, Scenario};
use crate::scenario::units::Span;

/// How long members usually need to be back after a fault was healed: an election and a start. Without overlap the next
/// random fault leaves the one before it this long.
const RECOVERY_MARGIN: Duration = Duration::from_secs(1);

/// Random faults are at least this far apart, whatever the scenario says: it bounds their number.
const GAP_MIN: Duration = Duration::from_millis(100);

/// What breaks in a run, in the order in which it is due.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The faults. A fault's position is its number in the record.
    pub faults: Vec<PlannedFault>,
}

/// A fault of the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedFault {
    /// When it is due, from the start of the steady phase.
    pub due: Duration,
    /// What is done.
    pub inject: Inject,
}

impl PlannedFault {
    /// When it is to be healed, from the start of the steady phase.
    pub fn heal_due(&self) -> Duration {
        self.due.saturating_add(catalogue::lasts(&self.inject))
    }
}

impl Plan {
    /// The plan of a scenario: its timetable and what the seed draws from its pool. Of faults that are due at the same
    /// moment, those of the timetable come first.
    pub fn draw(scenario: &Scenario, seed: u64) -> Self {
        let timetable = scenario.faults.iter().map(|fault| PlannedFault { due: fault.at.0, inject: fault.inject.clone() });
        let mut faults: Vec<_> = timetable.collect();
        if let Some(random) = &scenario.random_faults {
            faults.extend(draw_random(random, scenario.load.duration, seed));
        }
        faults.sort_by_key(|fault| fault.due);
        Self { faults }
    }

    /// Whether any fault touches the links between the load and a member, so that clients must go through a link proxy.
    pub fn touches_clients(&self) -> bool {
        self.faults.iter().any(|fault| catalogue::touches_clients(&fault.inject))
    }
}

/// The first comes within `every_min` of `from`, each further one `every_min..=every_max` after the one before. One
/// that could not be healed in time is left out; a shorter one may still follow.
fn draw_random(random: &RandomFaults, load: Span, seed: u64) -> Vec<PlannedFault> {
    let mut draws = stream(seed, "fault plan", 0);
    let mut gap = |min: Duration, max: Duration| {
        let milliseconds = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let inject = random.pool.choose(&mut draws);
        let gap = draws.random_range(milliseconds(min)..=milliseconds(max.max(min)));
        inject.map(|inject| (Duration::from_millis(gap), inject))
    };
    let last_heal = load.0.saturating_sub(random.calm_before_end.0);
    let mut faults = Vec::new();
    let mut free_from = Duration::ZERO;
    let mut previous = None;
    loop {
        let drawn = match previous {
            None => gap(Duration::ZERO, random.every_min.0).map(|(gap, inject)| (random.from.0 + gap, inject)),
            Some(previous) => gap(random.every_min.0, random.every_max.0).map(|(gap, inject)| (previous + gap.max(GAP_MIN), inject)),
        };
        let Some((due, inject)) = drawn else { break };
        let due = due.max(free_from);
        if due > last_heal {
            break;
        }
        let fault = PlannedFault { due, inject: inject.clone() };
        previous = Some(due);
        if fault.heal_due() > last_heal {
            continue;
        }
        if !random.overlap {
            free_from = fault.heal_due() + RECOVERY_MARGIN;
        }
        faults.push(fault);
    }
    faults
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scenario::types::{Down, Fault, Load, Pause};
    use crate::scenario::units::Target;

    fn kill(restart_after: Span) -> Inject {
        Inject::Kill(Down { target: Target::Any, restart_after })
    }

    fn pause(lasts: Span) -> Inject {
        Inject::Pause(Pause { target: Target::Leader, lasts })
    }

    fn scenario(faults: Vec<Fault>, random_faults: Option<RandomFaults>) -> Scenario {
        Scenario { load: Load { duration: Span::seconds(60), ..Load::default() }, faults, random_faults, ..Scenario::new("test") }
    }

    fn random(every_min: u64, every_max: u64, overlap: bool) -> RandomFaults {
        RandomFaults {
            every_min: Span::milliseconds(every_min),
            every_max: Span::milliseconds(every_max),
            pool: vec![kill(Span::seconds(1)), pause(Span::milliseconds(700)), kill(Span::seconds(30))],
            from: Span::seconds(3),
            calm_before_end: Span::seconds(5),
            overlap,
        }
    }

    #[test]
    fn a_timetable_is_kept_and_sorted() {
        let at = |seconds| Fault { at: Span::seconds(seconds), inject: kill(Span::seconds(seconds)) };
        let plan = Plan::draw(&scenario(vec![at(9), at(2), at(5)], None), 1);
        let due: Vec<_> = plan.faults.iter().map(|fault| fault.due.as_secs()).collect();
        assert_eq!(due, [2, 5, 9]);
        assert_eq!(plan.faults[0].inject, kill(Span::seconds(2)));
        assert_eq!(plan.faults[0].heal_due(), Duration::from_secs(4));
    }

    #[test]
    fn the_timetable_does_not_move_what_is_drawn() {
        let drawn = Plan::draw(&scenario(Vec::new(), Some(random(1000, 2000, true))), 7);
        let fault = Fault { at: Span::seconds(20), inject: pause(Span::seconds(1)) };
        let mut both = Plan::draw(&scenario(vec![fault], Some(random(1000, 2000, true))), 7);
        both.faults.retain(|fault| fault.inject != pause(Span::seconds(1)));
        assert!(drawn.faults.len() > 5, "{}", drawn.faults.len());
        assert_eq!(drawn, both);
    }

    #[test]
    fn an_empty_pool_and_a_zero_gap_end() {
        let empty = RandomFaults { pool: Vec::new(), ..random(1000, 2000, true) };
        assert_eq!(Plan::draw(&scenario(Vec::new(), Some(empty)), 1).faults, []);
        let dense = Plan::draw(&scenario(Vec::new(), Some(random(0, 0, true))), 1);
        assert!(dense.faults.len() <= 600);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn random_plans_are_deterministic_ordered_and_bounded(seed: u64, min in 0u64..4000, more in 0u64..4000, overlap: bool) {
            let scenario = scenario(Vec::new(), Some(random(min, min + more, overlap)));
            let plan = Plan::draw(&scenario, seed);
            prop_assert_eq!(&plan, &Plan::draw(&scenario, seed));
            prop_assert!(!plan.faults.is_empty() || !overlap);
            for fault in &plan.faults {
                prop_assert!(fault.due >= Duration::from_secs(3));
                prop_assert!(fault.heal_due() <= Duration::from_secs(55));
            }
            for pair in plan.faults.windows(2) {
                let gap_min = Duration::from_millis(min).max(GAP_MIN);
                prop_assert!(pair[1].due >= pair[0].due + gap_min);
                if !overlap {
                    prop_assert!(pair[1].due >= pair[0].heal_due() + RECOVERY_MARGIN);
                }
            }
        }
    }
}
