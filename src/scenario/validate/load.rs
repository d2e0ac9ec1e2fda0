//! The load.

use super::super::limits;
use super::super::types::{
    Arrivals, Boards, Cancellations, Dataset, HoldSettings, Housekeeping, Load, Mix, Queries, Spike, Stall, Strategy,
};
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
    strategy("load.strategy", &load.strategy, load.types_max)?;
    alternatives(load)?;
    queries(load)?;
    cancellations(load)?;
    boards(load)?;
    housekeeping(&load.housekeeping)?;
    between("load.channels", load.channels.into(), 1, limits::CHANNELS_MAX.into())
}

/// A strategy's settings, which stand in the table with the strategy's name at `path`.
fn strategy(path: &str, strategy: &Strategy, types_max: u32) -> Checked {
    let at = |key: &str| format!("{path}.{}.{key}", strategy.name());
    let attempts = |attempts: u32| between(&at("attempts"), attempts, 1, limits::ATTEMPTS_MAX);
    let back_off = |back_off: Span| span_or_none(&at("back_off"), back_off, limits::TIMEOUT_MAX);
    match strategy {
        Strategy::Naive(settings) => span_or_none(&at("pause"), settings.pause, limits::TIMEOUT_MAX),
        Strategy::Optimistic(settings) => {
            attempts(settings.attempts)?;
            back_off(settings.back_off)
        }
        Strategy::Lock(settings) => lock(&at, settings.ttl, settings.wait, settings.waiters, settings.stall.as_ref()),
        Strategy::FencedLock(settings) => lock(&at, settings.ttl, settings.wait, settings.waiters, settings.stall.as_ref()),
        Strategy::Batched(settings) => {
            attempts(settings.attempts)?;
            batched(&at("max_txn_ops"), settings.max_txn_ops, types_max)
        }
        Strategy::Sharded(settings) => {
            attempts(settings.attempts)?;
            back_off(settings.back_off)?;
            sharded(&at("shards"), settings.shards, types_max)
        }
        Strategy::Hold(settings) => {
            attempts(settings.attempts)?;
            back_off(settings.back_off)?;
            hold(&at, settings)
        }
        Strategy::Quoted(settings) => {
            attempts(settings.attempts)?;
            back_off(settings.back_off)
        }
        Strategy::Command(settings) => {
            span(&at("timeout"), settings.timeout, limits::TIMEOUT_MAX)?;
            if settings.run.first().is_none_or(|program| program.is_empty()) {
                return Err(Problem::new(at("run"), "it names no program, such as [\"python3\", \"buy.py\"]"));
            }
            Ok(())
        }
    }
}

/// The settings of the strategies that the scenario does not run with by itself.
fn alternatives(load: &Load) -> Checked {
    let own = load.strategy.name();
    for alternative in load.alternatives.strategies() {
        if alternative.name() == own {
            let message = format!("the scenario runs {own} itself, so its settings belong to `load.strategy.{own}`");
            return Err(Problem::new(format!("load.alternatives.{own}"), message)
                .help(format!("write strategy.{own} = {{ ... }} in [load]; load.alternatives is for the other strategies")));
        }
        strategy("load.alternatives", &alternative, load.types_max)?;
    }
    Ok(())
}

fn batched(path: &str, max_txn_ops: u32, types_max: u32) -> Checked {
    between(path, max_txn_ops, limits::TXN_OPERATIONS_MIN, limits::TXN_OPERATIONS_MAX)?;
    let needed = types_max.saturating_add(2);
    if max_txn_ops < needed {
        let message = format!("an order of {types_max} ticket types needs {needed} operations: each ticket, the event, the purchases");
        return Err(Problem::new(path, message));
    }
    Ok(())
}

fn sharded(path: &str, shards: u8, types_max: u32) -> Checked {
    between(path, shards.into(), 1, limits::SHARDS_MAX.into())?;
    let needed = types_max.saturating_mul(u32::from(shards) + 1).saturating_add(1);
    if needed > limits::TXN_OPERATIONS_OF_ETCD {
        let message = format!(
            "an order of {types_max} ticket types may need all {shards} shards of each, the tickets and the purchases: {needed} \
             operations in one transaction, and etcd accepts {}",
            limits::TXN_OPERATIONS_OF_ETCD
        );
        return Err(Problem::new(path, message));
    }
    Ok(())
}

fn lock(at: &impl Fn(&str) -> String, ttl: Span, wait: Span, waiters: Option<u32>, stall: Option<&Stall>) -> Checked {
    time_to_live(&at("ttl"), ttl)?;
    span(&at("wait"), wait, limits::TIMEOUT_MAX)?;
    if let Some(waiters) = waiters {
        between(&at("waiters"), waiters, 1, limits::BUYERS_MAX)?;
    }
    match stall {
        Some(stall) => {
            between(&at("stall.every"), stall.every, 1, limits::STALL_EVERY_MAX)?;
            span(&at("stall.for"), stall.lasts, limits::TIMEOUT_MAX)
        }
        None => Ok(()),
    }
}

fn hold(at: &impl Fn(&str) -> String, hold: &HoldSettings) -> Checked {
    time_to_live(&at("ttl"), hold.ttl)?;
    span_or_none(&at("pay"), hold.pay, limits::TIMEOUT_MAX)?;
    between(&at("abandon_percent"), hold.abandon_percent.into(), 0, 100)?;
    between(&at("cancel_percent"), hold.cancel_percent.into(), 0, 100)?;
    let together = u32::from(hold.abandon_percent) + u32::from(hold.cancel_percent);
    if together > 100 {
        let abandon = hold.abandon_percent;
        return Err(Problem::new(
            at("cancel_percent"),
            format!("{} percent and the {abandon} percent of `abandon_percent` are more than 100", hold.cancel_percent),
        ));
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
        Strategy::Lock(_) | Strategy::FencedLock(_) if load.mix.cancel > 0 => {
            let strategy = load.strategy.name();
            Err(Problem::new("load.mix.cancel", format!("orders are given back without a lock, on which {strategy} relies")))
        }
        _ => Ok(()),
    }
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
