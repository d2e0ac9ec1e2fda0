//! What every fault is called, whom it is aimed at, how long it lasts, and what etcd promises about it.

use std::time::Duration;

use crate::scenario::types::{Direction, Inject, LinkSet, Partition};

/// Its name, as scenarios write it.
pub fn kind(inject: &Inject) -> &'static str {
    match inject {
        Inject::Kill(_) => "kill",
        Inject::Terminate(_) => "terminate",
        Inject::Pause(_) => "pause",
        Inject::Restart(_) => "restart",
        Inject::Partition(_) => "partition",
        Inject::Latency(_) => "latency",
        Inject::BlackHole(_) => "black_hole",
        Inject::Reset(_) => "reset",
    }
}

/// Whom it is aimed at, in the scenario's words: `leader`, `isolate leader`, `clients of m2`.
pub fn target(inject: &Inject) -> String {
    match inject {
        Inject::Kill(down) | Inject::Terminate(down) => down.target.to_string(),
        Inject::Pause(pause) => pause.target.to_string(),
        Inject::Restart(restart) => restart.target.to_string(),
        Inject::Partition(partition) => partition_target(partition),
        Inject::Latency(latency) => link_target(&latency.on),
        Inject::BlackHole(links) => link_target(&links.on),
        Inject::Reset(links) => link_target(&links.on),
    }
}

fn partition_target(partition: &Partition) -> String {
    let mut words = Vec::new();
    if let Some(isolated) = &partition.isolate {
        words.push(format!("isolate {isolated}"));
    }
    if let Some(groups) = &partition.split {
        let group = |group: &Vec<_>| group.iter().map(ToString::to_string).collect::<Vec<_>>().join("+");
        words.push(format!("split {}", groups.iter().map(group).collect::<Vec<_>>().join(" | ")));
    }
    if let Some(direction) = &partition.one_way {
        words.push(direction_target(direction));
    }
    words.join(", ")
}

fn link_target(links: &LinkSet) -> String {
    match links {
        LinkSet::Peers(target) => format!("peers of {target}"),
        LinkSet::Peer(direction) => direction_target(direction),
        LinkSet::Clients(target) => format!("clients of {target}"),
    }
}

fn direction_target(direction: &Direction) -> String {
    format!("from {} to {}", direction.from, direction.to)
}

/// How long it is in force before it is healed. Zero for one that is over at once.
pub fn lasts(inject: &Inject) -> Duration {
    match inject {
        Inject::Kill(down) | Inject::Terminate(down) => down.restart_after.0,
        Inject::Pause(pause) => pause.lasts.0,
        Inject::Partition(partition) => partition.lasts.0,
        Inject::Latency(latency) => latency.lasts.0,
        Inject::BlackHole(links) => links.lasts.0,
        Inject::Restart(_) | Inject::Reset(_) => Duration::ZERO,
    }
}

/// Whether etcd promises to lose nothing by it. It may well stop serving for a while: losing a majority is survivable.
pub fn is_survivable(inject: &Inject) -> bool {
    match inject {
        // What was synced is still on disk, and raft assumes that processes stop at any moment for any time.
        Inject::Kill(_) | Inject::Terminate(_) | Inject::Pause(_) | Inject::Restart(_) => true,
        // Raft assumes that messages are late, lost and cut off. TCP keeps them whole and in order.
        Inject::Partition(_) | Inject::Latency(_) | Inject::BlackHole(_) | Inject::Reset(_) => true,
    }
}

/// Whether it touches the links between the load and a member, so that clients must go through a link proxy.
pub fn touches_clients(inject: &Inject) -> bool {
    let on_clients = |links: &LinkSet| matches!(links, LinkSet::Clients(_));
    match inject {
        Inject::Latency(latency) => on_clients(&latency.on),
        Inject::BlackHole(links) => on_clients(&links.on),
        Inject::Reset(links) => on_clients(&links.on),
        Inject::Kill(_) | Inject::Terminate(_) | Inject::Pause(_) | Inject::Restart(_) | Inject::Partition(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::types::{Latency, Links};
    use crate::scenario::units::{Span, Target};

    #[test]
    fn targets_are_told_in_the_words_of_the_scenario() {
        let split = Partition {
            isolate: None,
            split: Some(vec![vec![Target::Leader, Target::Member(1)], vec![Target::Any]]),
            one_way: None,
            lasts: Span::seconds(1),
        };
        assert_eq!(target(&Inject::Partition(split)), "split leader+m2 | any");
        let direction = Direction { from: Target::Leader, to: Target::All };
        let one_way = LinkSet::Peer(direction);
        assert_eq!(target(&Inject::BlackHole(Links { on: one_way, lasts: Span::seconds(1) })), "from leader to all");
    }

    #[test]
    fn only_faults_on_client_links_need_clients_behind_a_proxy() {
        let on = |on| Inject::Latency(Latency { on, delay: Span::milliseconds(5), jitter: Span::default(), lasts: Span::seconds(1) });
        assert!(touches_clients(&on(LinkSet::Clients(Target::All))));
        assert!(!touches_clients(&on(LinkSet::Peers(Target::All))));
    }
}
