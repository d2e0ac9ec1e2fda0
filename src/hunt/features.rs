//! Names of what a scenario exercises, so that a hunt can report its coverage.

use std::collections::BTreeSet;

use crate::fault::{Plan, PlannedFault};
use crate::scenario::types::{Arrivals, Mix, Pinning, ReadMode, Retry, Scenario};

/// What is known only after a run: some orders were refused because nothing was left.
pub const SOLD_OUT: &str = "sold out";

/// Everything that is counted, beside members, strategies and faults.
pub const ALL: [&str; 24] = [
    "closed model",
    "open model",
    "one buyer",
    "100 buyers or more",
    "stale reads",
    "retry same-guard",
    "retry blind",
    "balanced",
    SOLD_OUT,
    "search",
    "orders",
    "revenue",
    "range_guard",
    "cancel",
    "watches",
    "100 watches or more",
    "compaction",
    "compaction every 100 ms",
    "one revision kept",
    "defragmentation",
    "snapshot-count 20",
    "no fault",
    "overlapping faults",
    "watches and compaction",
];

/// What a scenario and its plan exercise.
pub fn of(scenario: &Scenario, plan: &Plan) -> BTreeSet<String> {
    let load = &scenario.load;
    let (mix, housekeeping) = (&load.mix, &load.housekeeping);
    let compacts = !housekeeping.compact_every.0.is_zero();
    let is_closed = matches!(load.arrivals, Arrivals::Closed(_));
    [
        ("closed model", is_closed),
        ("open model", !is_closed),
        ("one buyer", load.buyers == 1),
        ("100 buyers or more", load.buyers >= 100),
        ("stale reads", load.strategy.read() == ReadMode::Serializable || load.queries.read == ReadMode::Serializable),
        ("retry same-guard", load.strategy.retry() == Retry::SameGuard),
        ("retry blind", load.strategy.retry() == Retry::Blind),
        ("balanced", load.members == Pinning::Balanced),
        ("search", mix.search > 0),
        ("orders", mix.orders > 0),
        ("revenue", mix.revenue > 0),
        ("range_guard", mix.range_guard > 0),
        ("cancel", mix.cancel > 0),
        ("watches", mix.board > 0),
        ("100 watches or more", mix.board > 0 && load.boards.open_max >= 100),
        ("compaction", compacts),
        ("compaction every 100 ms", compacts && housekeeping.compact_every.0.as_millis() <= 100),
        ("one revision kept", compacts && housekeeping.keep_revisions == 1),
        ("defragmentation", !housekeeping.defragment_every.0.is_zero()),
        ("snapshot-count 20", scenario.cluster.flags.iter().any(|flag| flag == "--snapshot-count=20")),
        ("no fault", plan.faults.is_empty()),
        ("overlapping faults", overlap(&plan.faults)),
        ("watches and compaction", mix.board > 0 && compacts),
    ]
    .into_iter()
    .filter(|(_, is_exercised)| *is_exercised)
    .map(|(name, _)| name.to_owned())
    .collect()
}

/// Whether a fault is due before one before it is healed.
fn overlap(faults: &[PlannedFault]) -> bool {
    let before = |position: usize, due| faults.iter().take(position).any(|earlier| earlier.heal_due() > due);
    faults.iter().enumerate().any(|(position, fault)| before(position, fault.due))
}

/// The operations of a mix with their shares in percent, the largest first. A share below one percent is named as one.
pub fn mix(mix: &Mix) -> Vec<(String, u32)> {
    let Mix { purchase, search, orders, revenue, range_guard, cancel, board } = *mix;
    let weights = [
        ("purchase", purchase),
        ("search", search),
        ("orders", orders),
        ("revenue", revenue),
        ("range_guard", range_guard),
        ("cancel", cancel),
        ("watch", board),
    ];
    let total: u64 = weights.iter().map(|(_, weight)| u64::from(*weight)).sum();
    let share = |weight: u32| (u64::from(weight) * 100 / total.max(1)).max(1) as u32;
    let mut shares: Vec<(String, u32)> =
        weights.into_iter().filter(|(_, weight)| *weight > 0).map(|(name, weight)| (name.to_owned(), share(weight))).collect();
    shares.sort_by_key(|(_, share)| std::cmp::Reverse(*share));
    shares
}

#[cfg(test)]
mod tests {
    use super::super::draw::draw;
    use super::*;

    #[test]
    fn the_table_lists_every_feature_and_every_feature_is_drawn() {
        let mut seen = BTreeSet::from([SOLD_OUT.to_owned()]);
        for index in 1..=400 {
            let drawn = draw(1, index).unwrap();
            seen.extend(of(&drawn.scenario, &drawn.scenario.fault_plan(drawn.seed)));
        }
        assert_eq!(seen, ALL.iter().map(|name| (*name).to_owned()).collect());
    }

    #[test]
    fn shares_of_a_mix_stand_in_order() {
        let shares = mix(&Mix { purchase: 30, search: 0, orders: 0, revenue: 0, range_guard: 0, cancel: 1, board: 169 });
        assert_eq!(shares, [("watch".to_owned(), 84), ("purchase".to_owned(), 15), ("cancel".to_owned(), 1)]);
    }
}
