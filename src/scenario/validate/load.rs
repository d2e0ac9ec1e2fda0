//! The load.

use super::super::limits;
use super::super::types::{Arrivals, Boards, Cancellations, Cluster, Dataset, Housekeeping, Load, Mix, Queries, Spike, Strategy};
use super::super::units::Rate;
use super::{Checked, Problem, between};
use crate::settings::problem::{span, span_or_none};
use crate::shop::purchase::StrategyScope;

pub(super) fn load(load: &Load, dataset: &Dataset, cluster: &Cluster) -> Checked {
    between("load.buyers", load.buyers, 1, limits::BUYERS_MAX)?;
    span("load.duration", load.duration, limits::SPAN_MAX)?;
    span_or_none("load.warm_up", load.warm_up, limits::SPAN_MAX)?;
    arrivals(load)?;
    mix(&load.mix)?;
    cancel(load)?;
    between("load.quantity_max", load.quantity_max, 1, limits::QUANTITY_MAX)?;
    between("load.types_max", load.types_max, 1, limits::TICKET_TYPES_MAX.into())?;
    if load.types_max > dataset.ticket_types.into() {
        let types = dataset.ticket_types;
        return Err(Problem::new("load.types_max", format!("{} is more than the ticket types an event has: {types}", load.types_max)));
    }
    span("load.timeout", load.timeout, limits::TIMEOUT_MAX)?;
    let txn_operations_max = cluster.txn_operations_max();
    strategy("load.strategy", &load.strategy, load.types_max, txn_operations_max)?;
    alternatives(load, txn_operations_max)?;
    queries(load)?;
    cancellations(load)?;
    boards(load)?;
    housekeeping(&load.housekeeping)?;
    between("load.channels", load.channels.into(), 1, limits::CHANNELS_MAX.into())
}

/// The settings of a strategy, which stand in the table with its name at `path`.
fn strategy(path: &str, strategy: &Strategy, types_max: u32, txn_operations_max: u32) -> Checked {
    strategy.check(&StrategyScope { path: &format!("{path}.{}", strategy.name()), types_max, txn_operations_max })
}

/// The settings of the strategies that the scenario does not run with by itself.
fn alternatives(load: &Load, txn_operations_max: u32) -> Checked {
    let own = load.strategy.name();
    // A resolved scenario has the defaults of every strategy, and a lower limit of etcd makes only those wrong that are run.
    let txn_operations_max = txn_operations_max.max(limits::TXN_OPERATIONS_OF_ETCD);
    for alternative in load.alternatives.strategies() {
        if alternative.name() == own {
            let message = format!("the scenario runs {own} itself, so its settings belong to `load.strategy.{own}`");
            return Err(Problem::new(format!("load.alternatives.{own}"), message)
                .help(format!("write strategy.{own} = {{ ... }} in [load]; load.alternatives is for the other strategies")));
        }
        strategy("load.alternatives", &alternative, load.types_max, txn_operations_max)?;
    }
    Ok(())
}

fn queries(load: &Load) -> Checked {
    let mix = &load.mix;
    if mix.search == 0 && mix.orders == 0 && mix.revenue == 0 && load.queries != Queries::default() {
        return Err(without_effect("load.queries", "the mix has no queries", "load.mix.search, load.mix.orders or load.mix.revenue"));
    }
    Ok(())
}

fn cancellations(load: &Load) -> Checked {
    let Cancellations { attempts, back_off } = &load.cancellations;
    between("load.cancellations.attempts", *attempts, 1, limits::ATTEMPTS_MAX)?;
    span_or_none("load.cancellations.back_off", *back_off, limits::TIMEOUT_MAX)?;
    if load.mix.cancel == 0 && load.cancellations != Cancellations::default() {
        return Err(without_effect("load.cancellations", "the mix has no cancellations", "load.mix.cancel"));
    }
    Ok(())
}

/// Settings of an operation that the mix does not have.
fn without_effect(path: &str, why: &str, instead: &str) -> Problem {
    Problem::new(path, format!("these settings have no effect, because {why}"))
        .help(format!("set {instead}, or remove them; on the command line --set {path}={{}} removes them"))
}

fn arrivals(load: &Load) -> Checked {
    match &load.arrivals {
        Arrivals::Closed(closed) => span_or_none("load.arrivals.closed.think", closed.think, limits::SPAN_MAX),
        Arrivals::Constant(constant) => positive("load.arrivals.constant.rate", constant.rate),
        Arrivals::Poisson(poisson) => positive("load.arrivals.poisson.rate", poisson.rate),
        Arrivals::Ramp(ramp) => {
            rate("load.arrivals.ramp.from", ramp.from)?;
            rate("load.arrivals.ramp.to", ramp.to)?;
            if number(ramp.from) == 0.0 { positive("load.arrivals.ramp.to", ramp.to) } else { Ok(()) }
        }
        Arrivals::Spike(spike) => self::spike(spike, load),
    }
}

fn spike(spike: &Spike, load: &Load) -> Checked {
    rate("load.arrivals.spike.base", spike.base)?;
    positive("load.arrivals.spike.peak", spike.peak)?;
    span("load.arrivals.spike.for", spike.lasts, limits::SPAN_MAX)?;
    if spike.at >= load.duration {
        return Err(Problem::new(
            "load.arrivals.spike.at",
            format!("{} is after the end of the load, which lasts {}", spike.at, load.duration),
        ));
    }
    Ok(())
}

/// The number in a rate: operations per second, or the share.
fn number(rate: Rate) -> f64 {
    match rate {
        Rate::PerSecond(number) | Rate::Share(number) => number,
    }
}

fn rate(path: &str, rate: Rate) -> Checked {
    let (number, most) = match rate {
        Rate::PerSecond(number) => (number, limits::RATE_MAX),
        Rate::Share(number) => (number, limits::SHARE_MAX),
    };
    // A rate that is no number fails this comparison too.
    if (0.0..=most).contains(&number) {
        return Ok(());
    }
    let most = match rate {
        Rate::PerSecond(_) => Rate::PerSecond(most),
        Rate::Share(_) => Rate::Share(most),
    };
    Err(Problem::new(path, format!("{rate} is not a rate from 0 to {most}")))
}

fn positive(path: &str, some: Rate) -> Checked {
    rate(path, some)?;
    if number(some) > 0.0 { Ok(()) } else { Err(Problem::new(path, "with a rate of 0 nothing would ever be sold")) }
}

fn mix(mix: &Mix) -> Checked {
    let weights = [
        ("purchase", mix.purchase),
        ("search", mix.search),
        ("orders", mix.orders),
        ("revenue", mix.revenue),
        ("range_guard", mix.range_guard),
        ("cancel", mix.cancel),
        ("board", mix.board),
    ];
    for (name, weight) in weights {
        between(&format!("load.mix.{name}"), weight, 0, limits::WEIGHT_MAX)?;
    }
    if weights.iter().all(|(_, weight)| *weight == 0) {
        return Err(Problem::new("load.mix", "every weight is 0, so there is nothing to do"));
    }
    Ok(())
}

/// Cancellations guard their writes but take no lock. With a strategy that relies on locks alone, the run would report violations
/// that etcd did not cause.
fn cancel(load: &Load) -> Checked {
    if load.strategy.relies_on_locks() && load.mix.cancel > 0 {
        let strategy = load.strategy.name();
        return Err(Problem::new("load.mix.cancel", format!("orders are cancelled without a lock, on which {strategy} relies")));
    }
    Ok(())
}

fn boards(load: &Load) -> Checked {
    let boards = &load.boards;
    between("load.boards.open_max", boards.open_max, 1, limits::BOARDS_MAX)?;
    between("load.boards.streams", boards.streams.into(), 1, limits::BOARD_STREAMS_MAX.into())?;
    span_or_none("load.boards.progress_every", boards.progress_every, limits::SPAN_MAX)?;
    if load.mix.board == 0 && *boards != Boards::default() {
        return Err(without_effect("load.boards", "the mix has no stock boards", "load.mix.board"));
    }
    Ok(())
}

fn housekeeping(housekeeping: &Housekeeping) -> Checked {
    span_or_none("load.housekeeping.compact_every", housekeeping.compact_every, limits::SPAN_MAX)?;
    between("load.housekeeping.keep_revisions", housekeeping.keep_revisions, 1, limits::REVISIONS_MAX)?;
    span_or_none("load.housekeeping.defragment_every", housekeeping.defragment_every, limits::SPAN_MAX)
}
