//! The plan: which fault is due when. It follows from the scenario and the seed alone.

use std::time::Duration;

use rand::RngExt;
use rand::seq::IndexedRandom;

use super::Inject;
use super::settings::{RandomFaults, ScheduledFault};
use crate::settings::streams::stream;
use crate::settings::units::Span;
use crate::testbed::{Capabilities, Capability, MissingCapability};

/// How long members usually need to be back after a fault was healed: an election and a start. Without overlap the next
/// random fault leaves the one before it this long.
const RECOVERY_MARGIN: Duration = Duration::from_secs(1);

/// The shortest time between random faults, also when the scenario allows less. It bounds their number.
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
        self.due.saturating_add(self.inject.lasts())
    }
}

impl Plan {
    /// The plan of a timetable, and of what the seed draws from a pool for a load that lasts so long. Of faults that are due
    /// at the same moment, those of the timetable come first.
    pub fn draw(timetable: &[ScheduledFault], random: Option<&RandomFaults>, load: Span, seed: u64) -> Self {
        let timetable = timetable.iter().map(|fault| PlannedFault { due: fault.at.0, inject: fault.inject.clone() });
        let mut faults: Vec<_> = timetable.collect();
        if let Some(random) = random {
            faults.extend(draw_random(random, load, seed));
        }
        faults.sort_by_key(|fault| fault.due);
        Self { faults }
    }

    /// Whether every fault can be injected on a testbed.
    ///
    /// # Errors
    /// The first that cannot, and why.
    pub fn check(&self, testbed: &Capabilities) -> Result<(), UnavailableFault> {
        for (fault, planned) in (1..).zip(&self.faults) {
            let inject = &planned.inject;
            inject.available(testbed).map_err(|missing| UnavailableFault { fault, name: inject.name(), missing })?;
        }
        Ok(())
    }

    /// Whether any fault shapes the links between the load and a member, so that clients must go through a link proxy.
    pub fn shapes_clients(&self) -> bool {
        self.faults.iter().any(|fault| fault.inject.needs().contains(&Capability::ShapeClientLinks))
    }
}

/// A fault of a plan that the testbed cannot carry out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("fault {fault}, `{name}`, cannot be injected: {missing}")]
pub struct UnavailableFault {
    /// Its position in the plan, from 1.
    pub fault: usize,
    /// Its name, as scenarios write it.
    pub name: &'static str,
    /// What the testbed lacks.
    pub missing: MissingCapability,
}

/// The first comes within `every_min` of `from`, each further one `every_min..=every_max` after the one before. One
/// that could not be healed in time is left out; a shorter one may still follow.
fn draw_random(random: &RandomFaults, load: Span, seed: u64) -> Vec<PlannedFault> {
    let mut draws = stream(seed, "fault plan", 0);
    let mut gap = |min: Span, max: Span| {
        let inject = random.pool.choose(&mut draws);
        let gap = draws.random_range(min.whole_milliseconds()..=max.max(min).whole_milliseconds());
        inject.map(|inject| (Duration::from_millis(gap), inject))
    };
    let last_heal = load.0.saturating_sub(random.calm_before_end.0);
    let mut faults = Vec::new();
    let mut free_from = Duration::ZERO;
    let mut previous = None;
    loop {
        let drawn = match previous {
            None => gap(Span::default(), random.every_min).map(|(gap, inject)| (random.from.0 + gap, inject)),
            Some(previous) => gap(random.every_min, random.every_max).map(|(gap, inject)| (previous + gap.max(GAP_MIN), inject)),
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
    use crate::fault::{BlackHole, Kill, LinkSet, Pause};
    use crate::settings::units::Target;
    use crate::testbed::{LinkCapabilities, ProcessCapabilities, local};

    fn kill(restart_after: Span) -> Inject {
        Inject::Kill(Kill { target: Target::Any, restart_after })
    }

    fn pause(lasts: Span) -> Inject {
        Inject::Pause(Pause { target: Target::Leader, lasts })
    }

    fn draw(timetable: &[ScheduledFault], random: Option<&RandomFaults>, seed: u64) -> Plan {
        Plan::draw(timetable, random, Span::seconds(60), seed)
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
        let at = |seconds| ScheduledFault { at: Span::seconds(seconds), inject: kill(Span::seconds(seconds)) };
        let plan = draw(&[at(9), at(2), at(5)], None, 1);
        let due: Vec<_> = plan.faults.iter().map(|fault| fault.due.as_secs()).collect();
        assert_eq!(due, [2, 5, 9]);
        assert_eq!(plan.faults[0].inject, kill(Span::seconds(2)));
        assert_eq!(plan.faults[0].heal_due(), Duration::from_secs(4));
    }

    #[test]
    fn the_timetable_does_not_move_what_is_drawn() {
        let drawn = draw(&[], Some(&random(1000, 2000, true)), 7);
        let fault = ScheduledFault { at: Span::seconds(20), inject: pause(Span::seconds(1)) };
        let mut both = draw(&[fault], Some(&random(1000, 2000, true)), 7);
        both.faults.retain(|fault| fault.inject != pause(Span::seconds(1)));
        assert!(drawn.faults.len() > 5, "{}", drawn.faults.len());
        assert_eq!(drawn, both);
    }

    #[test]
    fn an_empty_pool_and_a_zero_gap_end() {
        let empty = RandomFaults { pool: Vec::new(), ..random(1000, 2000, true) };
        assert_eq!(draw(&[], Some(&empty), 1).faults, []);
        let dense = draw(&[], Some(&random(0, 0, true)), 1);
        assert!(dense.faults.len() <= 600);
    }

    #[test]
    fn a_fault_that_the_testbed_cannot_carry_out_is_refused_by_name() {
        let all = local::CAPABILITIES;
        let black_hole = Inject::BlackHole(BlackHole { on: LinkSet::Clients(Target::All), lasts: Span::seconds(1) });
        let at = |inject| ScheduledFault { at: Span::seconds(1), inject };
        let plan = draw(&[at(kill(Span::seconds(1))), at(black_hole)], None, 1);
        assert!(plan.shapes_clients());
        assert_eq!(plan.check(&all), Ok(()));
        let without_kill = Capabilities { processes: ProcessCapabilities { kill: false, ..all.processes }, ..all };
        let refused = plan.check(&without_kill).unwrap_err();
        assert_eq!((refused.fault, refused.name, refused.missing), (1, "kill", MissingCapability(Capability::Kill)));
        let without_clients = Capabilities { links: LinkCapabilities { clients: false, ..all.links }, ..all };
        let refused = plan.check(&without_clients).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "fault 2, `black_hole`, cannot be injected: this testbed cannot shape the links between clients and members"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn random_plans_are_deterministic_ordered_and_bounded(seed: u64, min in 0u64..4000, more in 0u64..4000, overlap: bool) {
            let random = random(min, min + more, overlap);
            let plan = draw(&[], Some(&random), seed);
            prop_assert_eq!(&plan, &draw(&[], Some(&random), seed));
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
