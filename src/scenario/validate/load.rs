//! The load.

use super::super::limits;
use super::super::types::{Arrivals, Boards, Dataset, Hold, Housekeeping, Load, Lock, Mix, ReadMode, Retry, Spike, StrategyName};
use super::super::units::{Rate, Span};
use super::{Checked, Problem, between};
use crate::settings::problem::{span, span_or_none};

pub(super) fn load(load: &Load, dataset: &Dataset) -> Checked {
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
    between("load.attempts", load.attempts, 1, limits::ATTEMPTS_MAX)?;
    span_or_none("load.back_off", load.back_off, limits::TIMEOUT_MAX)?;
    span_or_none("load.naive_pause", load.naive_pause, limits::TIMEOUT_MAX)?;
    strategy(load)?;
    lock(&load.lock)?;
    hold(&load.hold)?;
    boards(&load.boards)?;
    housekeeping(&load.housekeeping)?;
    between("load.channels", load.channels.into(), 1, limits::CHANNELS_MAX.into())
}

/// The settings that only some strategies heed.
fn strategy(load: &Load) -> Checked {
    between("load.max_txn_ops", load.max_txn_ops, limits::TXN_OPERATIONS_MIN, limits::TXN_OPERATIONS_MAX)?;
    between("load.shards", load.shards.into(), 1, limits::SHARDS_MAX.into())?;
    let types = load.types_max;
    let batched = types.saturating_add(2);
    if load.strategy == StrategyName::Batched && load.max_txn_ops < batched {
        let message = format!("an order of {types} ticket types needs {batched} operations: each ticket, the event, the purchases");
        return Err(Problem::new("load.max_txn_ops", message));
    }
    let sharded = types.saturating_mul(u32::from(load.shards) + 1).saturating_add(1);
    if load.strategy == StrategyName::Sharded && sharded > limits::TXN_OPERATIONS_OF_ETCD {
        let message = format!(
            "an order of {types} ticket types may need all {} shards of each, the tickets and the purchases: {sharded} operations in one \
             transaction, and etcd takes {}",
            load.shards,
            limits::TXN_OPERATIONS_OF_ETCD
        );
        return Err(Problem::new("load.shards", message));
    }
    span("load.command_timeout", load.command_timeout, limits::TIMEOUT_MAX)?;
    if let StrategyName::Command(command) = &load.strategy
        && command.first().is_none_or(|program| program.is_empty())
    {
        return Err(Problem::new("load.strategy.command", "it names no program, such as [\"python3\", \"buy.py\"]"));
    }
    if load.retry != Retry::Never && load.strategy != StrategyName::Optimistic {
        let message = format!("{} never sends again what was not answered; only optimistic does", load.strategy.name());
        return Err(Problem::new("load.retry", message));
    }
    read(load)
}

/// A fence compares that the lock is still held, not that what was read is newer than the lock: one member's own state may be
/// what it was before the last holder wrote. Guards on what was read find that out, and who has no guard claims no safety.
fn read(load: &Load) -> Checked {
    if load.read == ReadMode::Serializable && load.strategy == StrategyName::FencedLock {
        let message = "fenced-lock is safe with linearizable reads only: its fence says that the lock is still held, not that what a \
                       member answered from its own state is as new as the lock; with lock it can be seen what comes of that";
        return Err(Problem::new("load.read", message));
    }
    Ok(())
}

fn lock(lock: &Lock) -> Checked {
    time_to_live("load.lock.ttl", lock.ttl)?;
    span("load.lock.wait", lock.wait, limits::TIMEOUT_MAX)?;
    if let Some(waiters) = lock.waiters {
        between("load.lock.waiters", waiters, 1, limits::BUYERS_MAX)?;
    }
    match &lock.stall {
        Some(stall) => {
            between("load.lock.stall.every", stall.every, 1, limits::STALL_EVERY_MAX)?;
            span("load.lock.stall.for", stall.lasts, limits::TIMEOUT_MAX)
        }
        None => Ok(()),
    }
}

fn hold(hold: &Hold) -> Checked {
    time_to_live("load.hold.ttl", hold.ttl)?;
    span_or_none("load.hold.pay", hold.pay, limits::TIMEOUT_MAX)?;
    between("load.hold.abandon_percent", hold.abandon_percent.into(), 0, 100)?;
    between("load.hold.cancel_percent", hold.cancel_percent.into(), 0, 100)?;
    let together = u32::from(hold.abandon_percent) + u32::from(hold.cancel_percent);
    if together > 100 {
        let abandon = hold.abandon_percent;
        return Err(Problem::new(
            "load.hold.cancel_percent",
            format!("{} and the {abandon} percent that abandon their reservations are more than all", hold.cancel_percent),
        ));
    }
    Ok(())
}

/// The time to live of a lease: etcd counts whole seconds.
fn time_to_live(path: &str, ttl: Span) -> Checked {
    span(path, ttl, limits::LEASE_TTL_MAX)?;
    if ttl.0.subsec_nanos() != 0 {
        return Err(Problem::new(path, format!("{ttl} is no whole number of seconds, as etcd counts the life of a lease")));
    }
    Ok(())
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

/// As many operations a second, or as large a share, as the rate says.
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

/// Cancellations guard what they write, but take no lock: who relies on locks alone would be convicted of what is ours.
fn cancel(load: &Load) -> Checked {
    match load.strategy {
        StrategyName::Lock | StrategyName::FencedLock if load.mix.cancel > 0 => {
            let strategy = load.strategy.name();
            Err(Problem::new("load.mix.cancel", format!("orders are given back without a lock, on which {strategy} relies")))
        }
        _ => Ok(()),
    }
}

fn boards(boards: &Boards) -> Checked {
    between("load.boards.open_max", boards.open_max, 1, limits::BOARDS_MAX)?;
    between("load.boards.streams", boards.streams.into(), 1, limits::BOARD_STREAMS_MAX.into())?;
    span_or_none("load.boards.progress_every", boards.progress_every, limits::SPAN_MAX)
}

fn housekeeping(housekeeping: &Housekeeping) -> Checked {
    span_or_none("load.housekeeping.compact_every", housekeeping.compact_every, limits::SPAN_MAX)?;
    between("load.housekeeping.keep_revisions", housekeeping.keep_revisions, 1, limits::REVISIONS_MAX)?;
    span_or_none("load.housekeeping.defragment_every", housekeeping.defragment_every, limits::SPAN_MAX)
}
