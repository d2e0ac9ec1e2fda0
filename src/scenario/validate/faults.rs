//! The faults: when they come, and whether the cluster has what they are aimed at.

use std::collections::BTreeSet;

use super::super::limits;
use super::super::types::{Direction, Inject, LinkSet, Partition, RandomFaults, Scenario};
use super::super::units::{Span, Target};
use super::{Checked, Problem, span, span_or_none};

pub(super) fn timetable(scenario: &Scenario) -> Checked {
    if scenario.faults.len() > limits::FAULTS_MAX {
        return Err(Problem::new("fault", format!("there are more than {} of them", limits::FAULTS_MAX)));
    }
    for (index, fault) in scenario.faults.iter().enumerate() {
        let duration = scenario.load.duration;
        // Its heal may come later: healing is part of the recovery phase. Its beginning must meet load.
        if fault.at >= duration {
            let message = format!("{} is after the end of the load, which lasts {duration}", fault.at);
            return Err(Problem::new(format!("fault.{index}.at"), message));
        }
        inject(&format!("fault.{index}.inject"), &fault.inject, scenario.cluster.members)?;
    }
    Ok(())
}

pub(super) fn random(scenario: &Scenario) -> Checked {
    let Some(random) = &scenario.random_faults else { return Ok(()) };
    span("random_faults.every_min", random.every_min, limits::SPAN_MAX)?;
    span("random_faults.every_max", random.every_max, limits::SPAN_MAX)?;
    if random.every_min > random.every_max {
        let message = format!("{} is more than `every_max`, which is {}", random.every_min, random.every_max);
        return Err(Problem::new("random_faults.every_min", message));
    }
    room_for_one(random, scenario.load.duration)?;
    if random.pool.is_empty() {
        return Err(Problem::new("random_faults.pool", "is empty, so there is nothing to draw from"));
    }
    if random.pool.len() > limits::FAULTS_MAX {
        return Err(Problem::new("random_faults.pool", format!("has more than {} entries", limits::FAULTS_MAX)));
    }
    for (index, entry) in random.pool.iter().enumerate() {
        inject(&format!("random_faults.pool.{index}"), entry, scenario.cluster.members)?;
    }
    Ok(())
}

fn room_for_one(random: &RandomFaults, duration: Span) -> Checked {
    if random.from >= duration {
        let message = format!("{} is after the end of the load, which lasts {duration}", random.from);
        return Err(Problem::new("random_faults.from", message));
    }
    if random.from.0 + random.calm_before_end.0 >= duration.0 {
        let message = format!("{} leaves no time for a fault in a load that lasts {duration}", random.calm_before_end);
        return Err(Problem::new("random_faults.calm_before_end", message));
    }
    Ok(())
}

fn inject(path: &str, inject: &Inject, members: u8) -> Checked {
    let lasts = |kind: &str, lasts: Span| span(&format!("{path}.{kind}.for"), lasts, limits::SPAN_MAX);
    let aim = |kind: &str, aim: Target| target(&format!("{path}.{kind}.target"), aim, members);
    let down = |kind: &str, restart_after: Span| span_or_none(&format!("{path}.{kind}.restart_after"), restart_after, limits::SPAN_MAX);
    match inject {
        Inject::Kill(fault) => {
            aim("kill", fault.target)?;
            down("kill", fault.restart_after)
        }
        Inject::Terminate(fault) => {
            aim("terminate", fault.target)?;
            down("terminate", fault.restart_after)
        }
        Inject::Pause(fault) => {
            aim("pause", fault.target)?;
            lasts("pause", fault.lasts)
        }
        Inject::Restart(fault) => aim("restart", fault.target),
        Inject::Partition(fault) => {
            partition(&format!("{path}.partition"), fault, members)?;
            lasts("partition", fault.lasts)
        }
        Inject::Latency(fault) => {
            links(&format!("{path}.latency.on"), &fault.on, members)?;
            span_or_none(&format!("{path}.latency.delay"), fault.delay, limits::TIMEOUT_MAX)?;
            span_or_none(&format!("{path}.latency.jitter"), fault.jitter, limits::TIMEOUT_MAX)?;
            if fault.delay.0.is_zero() && fault.jitter.0.is_zero() {
                return Err(Problem::new(format!("{path}.latency.delay"), "with neither delay nor jitter nothing is slow"));
            }
            lasts("latency", fault.lasts)
        }
        Inject::BlackHole(fault) => {
            links(&format!("{path}.black_hole.on"), &fault.on, members)?;
            lasts("black_hole", fault.lasts)
        }
        Inject::Reset(fault) => links(&format!("{path}.reset.on"), &fault.on, members),
    }
}

fn target(path: &str, target: Target, members: u8) -> Checked {
    match target {
        Target::Member(index) if index >= members => {
            let names = (0..members).map(|index| Target::Member(index).to_string()).collect::<Vec<_>>().join(", ");
            Err(Problem::new(path, format!("there is no member {target} in a cluster of {members}"))
                .help(format!("there {} {names}", if members == 1 { "is only" } else { "are" })))
        }
        Target::Follower if members == 1 => Err(Problem::new(path, "a cluster of 1 has no follower")),
        Target::Minority if members == 1 => Err(Problem::new(path, "a cluster of 1 has no minority: it can lose no member")),
        _ => Ok(()),
    }
}

fn partition(path: &str, partition: &Partition, members: u8) -> Checked {
    peers_exist(path, members)?;
    match (&partition.isolate, &partition.split, &partition.one_way) {
        (Some(Target::All), None, None) => Err(Problem::new(format!("{path}.isolate"), "all members against no others cuts nothing")
            .help("to cut every link, give each member a group: split = [[\"m1\"], [\"m2\"], …]")),
        (Some(isolate), None, None) => target(&format!("{path}.isolate"), *isolate, members),
        (None, Some(groups), None) => split(&format!("{path}.split"), groups, members),
        (None, None, Some(one_way)) => direction(&format!("{path}.one_way"), one_way, members),
        _ => Err(Problem::new(path, "exactly one of `isolate`, `split` and `one_way` is wanted")),
    }
}

fn split(path: &str, groups: &[Vec<Target>], members: u8) -> Checked {
    let mut named = BTreeSet::new();
    for (group_index, group) in groups.iter().enumerate() {
        if group.is_empty() {
            return Err(Problem::new(format!("{path}.{group_index}"), "this group is empty"));
        }
        for (index, entry) in group.iter().enumerate() {
            let path = format!("{path}.{group_index}.{index}");
            target(&path, *entry, members)?;
            if *entry == Target::All {
                return Err(Problem::new(path, "a group of all members leaves no other group"));
            }
            if !named.insert(entry.to_string()) {
                return Err(Problem::new(path, format!("{entry} is named twice")));
            }
        }
    }
    // Members that are named nowhere are one more group.
    let all_named = (0..members).all(|index| named.contains(&Target::Member(index).to_string()));
    if groups.is_empty() || (groups.len() == 1 && all_named) {
        return Err(Problem::new(path, "one group of all members cuts nothing"));
    }
    Ok(())
}

fn direction(path: &str, direction: &Direction, members: u8) -> Checked {
    target(&format!("{path}.from"), direction.from, members)?;
    target(&format!("{path}.to"), direction.to, members)?;
    match (direction.from, direction.to) {
        (from, to) if from == to && matches!(from, Target::Member(_) | Target::Leader) => {
            Err(Problem::new(format!("{path}.to"), format!("there is no link from {from} to itself")))
        }
        _ => Ok(()),
    }
}

fn links(path: &str, links: &LinkSet, members: u8) -> Checked {
    match links {
        LinkSet::Peers(aim) => {
            peers_exist(path, members)?;
            target(&format!("{path}.peers"), *aim, members)
        }
        LinkSet::Peer(between) => {
            peers_exist(path, members)?;
            direction(&format!("{path}.peer"), between, members)
        }
        LinkSet::Clients(aim) => target(&format!("{path}.clients"), *aim, members),
    }
}

fn peers_exist(path: &str, members: u8) -> Checked {
    if members > 1 { Ok(()) } else { Err(Problem::new(path, "a cluster of 1 has no links between members")) }
}
