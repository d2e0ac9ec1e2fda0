//! One random scenario from a seed and an index.
//!
//! Every run of a hunt has a random stream of its own, so that run 12 of seed 7 does not depend on the runs before it, nor on
//! the machine. Each dimension is drawn independently and then limited to what a scenario may contain: every draw is valid, and
//! small enough for a laptop (about 8 s of load, 15 s in all).
//!
//! Some strategies and settings break promises of the shop on any etcd: `naive` oversells. They are drawn too, because what
//! they write exercises etcd like anything else, and the checks that they fail by design are waived in the drawn scenario.

use std::ops::{Deref, DerefMut};

use ticketcd_judge::checks::check_names;
use ticketcd_judge::known_defects::KnownDefect;

use crate::fault::Draws as FaultDraws;
use crate::scenario::streams::stream;
use crate::scenario::types::{
    Arrivals, Boards, Cancellations, Closed, Cluster, Constant, Dataset, Housekeeping, Inject, Known, Load, Mix, Pinning, Popularity,
    Queries, Ramp, RandomFaults, ReadMode, Retry, Scenario, ScheduledFault, Spike, Stock, Strategy,
};
use crate::scenario::units::{Rate, Span};
use crate::scenario::{self, ScenarioError};
use crate::settings::draws::Draws;
use crate::shop::purchase::StrategyDraws;

/// Changes whenever the same seed and index draw another scenario than before, so that a hunt is not resumed with other draws.
/// A further fault or strategy is drawn too, and changes it.
pub const DRAW_VERSION: u32 = 1_100 + FAULTS.len() as u32 + 100 * Strategy::NAMES.len() as u32;

/// Every fault that is drawn: all that there are.
pub const FAULTS: &[&str] = Inject::NAMES;

/// Sizes of clusters that are drawn.
pub const MEMBERS: [u8; 3] = [1, 3, 5];

/// Where the waivers of what a strategy breaks by design say that it is known.
pub const BY_DESIGN: &str = "unsafe by design";

/// etcd's defect that `quoted` meets when the log is compacted.
const QUOTED_ISSUE: &str = "etcd#18667";

/// Waivers of a drawn scenario do not expire: rerunning it years later must end the same.
const FOREVER: &str = "9999-12-31";

/// Tickets of a type that sell out, at most.
const SCARCE: u32 = 100;

/// Seeds of runs are short, because people type them.
const RUN_SEED_MAX: u64 = 1_000_000;

/// What a run of a hunt runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawn {
    /// The scenario. No version of etcd is named in it.
    pub scenario: Scenario,
    /// The seed of its dataset, its load and its random faults.
    pub seed: u64,
}

/// Draws run `index` (from 1) of the hunt with this seed.
///
/// # Errors
/// When what was drawn is not a valid scenario, which is an internal error.
pub fn draw(hunt_seed: u64, index: u32) -> Result<Drawn, ScenarioError> {
    let mut random = stream(hunt_seed, "hunt", index);
    let mut random = Draw(Draws::new(&mut random));
    let seed = random.number(0..RUN_SEED_MAX);
    let scenario = random.scenario(hunt_seed, index);
    // Parsed and validated like a file, because the file that is kept of it must be accepted too.
    let scenario = scenario::parse("the drawn scenario", &scenario.to_toml())?;
    Ok(Drawn { scenario, seed })
}

/// Every strategy that is drawn: all that need no settings.
pub fn strategies() -> Vec<&'static str> {
    Strategy::names_with_defaults()
}

/// The random stream of one run.
struct Draw<'a>(Draws<'a>);

impl<'a> Deref for Draw<'a> {
    type Target = Draws<'a>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Draw<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl Draw<'_> {
    fn scenario(&mut self, hunt_seed: u64, index: u32) -> Scenario {
        let cluster = self.cluster();
        let members = cluster.members;
        let strategy = self.one_of(&strategies(), "optimistic");
        let buyers = self.buyers();
        let mut dataset = self.dataset(buyers);
        let load = self.load(strategy, buyers, &mut dataset);
        let (faults, random_faults) = self.faults(members, load.duration);
        let known = waivers(&load);
        Scenario {
            description: format!("Drawn: ticketcd hunt --seed {hunt_seed}, run {index}."),
            cluster,
            dataset,
            load,
            known,
            faults,
            random_faults,
            ..Scenario::new(&format!("hunt-{hunt_seed}-{index}"))
        }
    }

    fn cluster(&mut self) -> Cluster {
        let members = match self.number(0..100_u32) {
            0..20 => 1,
            20..75 => 3,
            _ => 5,
        };
        let election = self.one_of(&[300_u64, 500, 500, 500, 1000, 1000, 1000, 2000], 1000);
        let heartbeats = self.one_of(&[5_u64, 10, 20], 10);
        let mut flags = Vec::new();
        if self.percent(60) {
            let count = self.one_of(&[20, 100, 1_000, 10_000], 100);
            flags.push(format!("--snapshot-count={count}"));
        }
        if self.percent(20) {
            // Commits of the backend: after each operation, or hardly ever.
            let limit = self.one_of(&[1, 100, 100_000], 1);
            flags.push(format!("--backend-batch-limit={limit}"));
        }
        if self.percent(20) {
            let interval = self.one_of(&["10ms", "1s"], "10ms");
            flags.push(format!("--backend-batch-interval={interval}"));
        }
        if self.percent(15) {
            let pre_vote = self.percent(50);
            flags.push(format!("--pre-vote={pre_vote}"));
        }
        Cluster {
            members,
            etcd: None,
            election_timeout: Span::milliseconds(election),
            heartbeat_interval: Span::milliseconds(election / heartbeats),
            flags,
        }
    }

    fn buyers(&mut self) -> u32 {
        match self.number(0..100_u32) {
            0..8 => 1,
            8..15 => 2,
            _ => self.magnitude(3, 200),
        }
    }

    fn dataset(&mut self, buyers: u32) -> Dataset {
        let events = self.one_of(&[1, 1, 3, 20, 100], 3);
        let stock = if self.percent(45) {
            // It sells out.
            let max = self.magnitude(1, SCARCE);
            Stock { min: self.number(1..=max), max }
        } else {
            let max = self.magnitude(1_000, 1_000_000);
            Stock { min: max / 2, max }
        };
        let popularity = if self.percent(40) { Popularity::Uniform } else { Popularity::Zipf(self.one_of(&[0.5, 1.0, 1.5, 2.0], 1.0)) };
        Dataset {
            // Fewer users than buyers now and then: two buyers of one user meet in its purchases.
            users: if self.percent(15) { self.number(1..=buyers) } else { buyers.max(50) },
            events,
            ticket_types: self.number(1..=4),
            stock,
            popularity,
        }
    }

    fn load(&mut self, name: &str, buyers: u32, dataset: &mut Dataset) -> Load {
        let duration = Span::milliseconds(self.number(10..=20_u64) * 500);
        let mix = self.mix(name);
        let is_scarce = dataset.stock.max <= SCARCE;
        let boards = if mix.board > 0 { self.boards(dataset) } else { Boards::default() };
        let retry = match name {
            "optimistic" => self.one_of(&[Retry::Never, Retry::Never, Retry::SameGuard, Retry::SameGuard, Retry::Blind], Retry::Never),
            _ => Retry::Never,
        };
        let is_stale = self.percent(25) && name != "fenced-lock";
        let read = if is_stale { ReadMode::Serializable } else { ReadMode::Linearizable };
        let types_max = self.number(1..=u32::from(dataset.ticket_types).min(3));
        // What is scarce is to be sold in the load that counts.
        let warm_up = if is_scarce { Span::seconds(0) } else { self.milliseconds(&[0, 200, 500, 1000]) };
        let arrivals = self.arrivals(name, buyers, duration);
        let quantity_max = self.number(1..=5);
        let members = if self.percent(60) { Pinning::Pinned } else { Pinning::Balanced };
        let timeout = self.milliseconds(&[500, 1000, 2000, 2000, 5000]);
        let cancellations =
            Cancellations { attempts: self.one_of(&[1, 3, 12, 12, 30], 12), back_off: self.milliseconds(&[0, 1, 2, 2, 10]) };
        let strategy = self.strategy(name, buyers, &cancellations, retry, read);
        let has_queries = mix.search > 0 || mix.orders > 0 || mix.revenue > 0;
        Load {
            buyers,
            duration,
            warm_up,
            arrivals,
            quantity_max,
            types_max,
            members,
            timeout,
            queries: if has_queries { Queries { read } } else { Queries::default() },
            cancellations: if mix.cancel > 0 { cancellations } else { Cancellations::default() },
            boards,
            housekeeping: self.housekeeping(name),
            channels: self.one_of(&[1, 1, 2, 4], 1),
            mix,
            strategy,
            ..Load::default()
        }
    }

    /// The strategy with this name. It tries as often as a cancellation, and pauses as long.
    fn strategy(&mut self, name: &str, buyers: u32, tries: &Cancellations, retry: Retry, read: ReadMode) -> Strategy {
        let Cancellations { attempts, back_off } = *tries;
        let mut draws = StrategyDraws { draws: Draws::new(self.random()), buyers, attempts, back_off, retry, read };
        // Only those with defaults are named here.
        Strategy::draw(name, &mut draws).unwrap_or_else(|| Load::default().strategy)
    }

    /// Each weight from none to dominant.
    fn mix(&mut self, strategy: &str) -> Mix {
        let mut weight = |chance: u32| if self.percent(chance) { self.magnitude(1, 100) } else { 0 };
        let mut mix = Mix {
            purchase: weight(90),
            search: weight(35),
            orders: weight(35),
            revenue: weight(25),
            range_guard: weight(25),
            cancel: weight(35),
            board: weight(50),
        };
        // Orders are cancelled without a lock, on which these strategies rely.
        if matches!(strategy, "lock" | "fenced-lock") {
            mix.cancel = 0;
        }
        // Without a purchase, the checks of locks and reservations have nothing to look at.
        if matches!(strategy, "lock" | "fenced-lock" | "hold") {
            mix.purchase = mix.purchase.max(10);
        }
        if mix == (Mix { purchase: 0, search: 0, orders: 0, revenue: 0, range_guard: 0, cancel: 0, board: 0 }) {
            mix.purchase = 100;
        }
        mix
    }

    /// From few and long watches to thousands of short ones. What each write costs is bounded: many watches at the same time
    /// are spread over many events.
    fn boards(&mut self, dataset: &mut Dataset) -> Boards {
        let open_max = self.magnitude(1, 2_000);
        if open_max > 100 {
            dataset.events = dataset.events.max(open_max / 10);
            dataset.popularity = Popularity::Uniform;
        }
        Boards { open_max, streams: self.one_of(&[1, 1, 2, 4, 16], 2), progress_every: self.milliseconds(&[0, 100, 1_000, 1_000, 5_000]) }
    }

    /// The closed model, or an open one that offers no more than can be sold: what is shed tests nothing.
    fn arrivals(&mut self, strategy: &str, buyers: u32, duration: Span) -> Arrivals {
        if self.percent(55) {
            return Arrivals::Closed(Closed { think: self.milliseconds(&[0, 0, 1, 10, 50]) });
        }
        let most = match strategy {
            "lock" | "fenced-lock" => buyers.clamp(2, 20),
            "hold" => buyers.clamp(2, 60),
            _ => (2 * buyers).clamp(2, 200),
        };
        let mut rate = || Rate::PerSecond(f64::from(self.magnitude(2, most)));
        let (one, other) = (rate(), rate());
        match self.number(0..4_u8) {
            0 => Arrivals::Constant(Constant { rate: one }),
            1 => Arrivals::Poisson(Constant { rate: one }),
            2 => Arrivals::Ramp(Ramp { from: one, to: other }),
            _ => Arrivals::Spike(Spike { base: one, peak: other, at: self.within(duration), lasts: self.milliseconds(&[500, 1000, 3000]) }),
        }
    }

    /// A moment at which the load still goes on for a second.
    fn within(&mut self, duration: Span) -> Span {
        let last = duration.whole_milliseconds().saturating_sub(1_000);
        Span::milliseconds(self.number(0..=last / 100) * 100)
    }

    fn housekeeping(&mut self, strategy: &str) -> Housekeeping {
        // Under compaction `quoted` meets a defect of every etcd, after which a run shows little else.
        let never = if strategy == "quoted" { 85 } else { 35 };
        Housekeeping {
            compact_every: if self.percent(never) { Span::seconds(0) } else { self.milliseconds(&[100, 100, 300, 1_000, 3_000]) },
            keep_revisions: self.one_of(&[1, 1, 10, 100, 1_000, 10_000], 1_000),
            defragment_every: if self.percent(65) { Span::seconds(0) } else { self.milliseconds(&[300, 1_000, 3_000]) },
        }
    }

    /// None, a timetable in which faults overlap as they come, or a pool of random ones.
    fn faults(&mut self, members: u8, duration: Span) -> (Vec<ScheduledFault>, Option<RandomFaults>) {
        match self.number(0..100_u32) {
            0..15 => (Vec::new(), None),
            15..88 => {
                let count = self.one_of(&[1_usize, 1, 1, 2, 2, 3, 4], 1);
                let faults = (0..count).map(|_| ScheduledFault { at: self.within(duration), inject: self.inject(members) }).collect();
                (faults, None)
            }
            _ => {
                let count = self.number(1..=4_usize);
                let pool = (0..count).map(|_| self.inject(members)).collect();
                let every_min = self.milliseconds(&[300, 1_000, 2_000]);
                let every_max = Span(every_min.0 * 2);
                let random = RandomFaults {
                    every_min,
                    every_max,
                    pool,
                    from: Span::milliseconds(200),
                    calm_before_end: Span::seconds(1),
                    overlap: self.percent(60),
                };
                (Vec::new(), Some(random))
            }
        }
    }

    fn inject(&mut self, members: u8) -> Inject {
        Inject::draw(&mut FaultDraws::new(self.random(), members))
    }
}

/// What the drawn load breaks on an etcd that keeps its promises, or on every etcd so far.
fn waivers(load: &Load) -> Vec<Known> {
    let (issue, checks) = match &load.strategy {
        // Members differ then, and any comparison may show it.
        Strategy::Quoted(_) if !load.housekeeping.compact_every.0.is_zero() => (QUOTED_ISSUE, check_names()),
        strategy => (BY_DESIGN, strategy.fails_by_design().to_vec()),
    };
    checks.into_iter().map(|check| waiver(issue, check)).collect()
}

fn waiver(issue: &str, check: &str) -> Known {
    Known { issue: issue.to_owned(), check: check.to_owned(), until: FOREVER.to_owned() }
}

/// Waives these defects of etcd in a scenario.
pub fn waive(scenario: &mut Scenario, defects: &[KnownDefect]) {
    scenario.known.extend(defects.iter().map(|defect| waiver(defect.name, defect.check)));
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::time::Duration;

    use ticketcd_judge::explain::Explain;
    use ticketcd_judge::known_defects::KNOWN_DEFECTS;

    use super::*;

    /// Draws of several hunts.
    fn many() -> impl Iterator<Item = Drawn> {
        (0..4_u64)
            .flat_map(|seed| (1..=750).map(move |index| (seed, index)))
            .map(|(seed, index)| draw(seed, index).unwrap_or_else(|error| panic!("run {index} of seed {seed}: {error}")))
    }

    #[test]
    fn every_draw_is_valid_and_short() {
        for drawn in many() {
            let plan = drawn.scenario.fault_plan(drawn.seed);
            let last = plan.faults.iter().map(|fault| fault.heal_due()).max().unwrap_or_default();
            let load = &drawn.scenario.load;
            assert!(load.warm_up.0 + load.duration.0.max(last) <= Duration::from_secs(13), "{}", drawn.scenario.name);
        }
    }

    #[test]
    fn a_run_depends_on_seed_and_index_only() {
        let later: Vec<Drawn> = (5..8).map(|index| draw(7, index).unwrap()).collect();
        let all: Vec<Drawn> = (1..8).map(|index| draw(7, index).unwrap()).collect();
        assert_eq!(all[4..], later);
        assert_ne!(all[0].scenario.load, all[1].scenario.load);
        assert_ne!(draw(8, 1).unwrap().seed, all[0].seed);
    }

    #[test]
    fn every_dimension_is_drawn() {
        let mut pairs = BTreeSet::new();
        let mut seen: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for drawn in many() {
            let load = &drawn.scenario.load;
            let faults = drawn.scenario.fault_plan(drawn.seed).faults;
            pairs.extend(faults.iter().map(|fault| (load.strategy.name(), fault.inject.name())));
            let targets = faults.iter().map(|fault| fault.inject.target().in_words().to_string());
            let targets = targets.flat_map(|target| target.split([' ', '→']).map(str::to_owned).collect::<Vec<_>>());
            seen.entry("targets").or_default().extend(targets);
            seen.entry("members").or_default().insert(drawn.scenario.cluster.members.to_string());
            seen.entry("retries").or_default().insert(format!("{:?}", load.strategy.retry()));
            seen.entry("arrivals").or_default().insert(format!("{:?}", load.arrivals).split('(').next().unwrap_or_default().to_owned());
        }
        let expected: BTreeSet<(&str, &str)> =
            strategies().into_iter().flat_map(|strategy| FAULTS.iter().map(move |kind| (strategy, *kind))).collect();
        assert_eq!(pairs, expected);
        assert_eq!((seen["members"].len(), seen["retries"].len(), seen["arrivals"].len()), (3, 3, 5), "{seen:?}");
        for target in ["leader", "follower", "any", "minority", "majority", "all", "m1", "m5", "isolated", "|", "peers", "clients"] {
            assert!(seen["targets"].contains(target), "{target} is never hit");
        }
    }

    #[test]
    fn a_scenario_with_waived_defects_is_valid() {
        let mut scenario = draw(7, 1).unwrap().scenario;
        let before = scenario.known.len();
        waive(&mut scenario, &KNOWN_DEFECTS);
        assert_eq!(scenario.known.len(), before + KNOWN_DEFECTS.len());
        scenario::parse("test", &scenario.to_toml()).unwrap();
    }

    #[test]
    fn only_what_breaks_promises_by_itself_is_waived() {
        for drawn in many() {
            let Scenario { load, known, .. } = &drawn.scenario;
            let compacts = !load.housekeeping.compact_every.0.is_zero();
            let is_unsafe = matches!(load.strategy, Strategy::Naive(_) | Strategy::Lock(_) | Strategy::TwoStep(_))
                || load.strategy.retry() == Retry::Blind
                || (matches!(load.strategy, Strategy::Quoted(_)) && compacts);
            assert_eq!(!known.is_empty(), is_unsafe, "{}", drawn.scenario.name);
        }
    }
}
