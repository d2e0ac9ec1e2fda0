//! Random settings of faults, for generated scenarios.

use std::ops::{Deref, DerefMut};

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::link_set::{Direction, LinkSet};
use crate::settings::draws as settings;
use crate::settings::units::{Span, Target};

/// Draws settings of faults for a cluster of so many members.
#[derive(Debug)]
pub struct Draws<'a> {
    draws: settings::Draws<'a>,
    members: u8,
}

impl<'a> Deref for Draws<'a> {
    type Target = settings::Draws<'a>;

    fn deref(&self) -> &Self::Target {
        &self.draws
    }
}

impl DerefMut for Draws<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.draws
    }
}

impl<'a> Draws<'a> {
    /// Draws from a stream, for a cluster of so many members.
    pub fn new(random: &'a mut ChaCha8Rng, members: u8) -> Self {
        Self { draws: settings::Draws::new(random), members }
    }

    /// How many members the cluster has.
    pub fn members(&self) -> u8 {
        self.members
    }

    /// How long a fault lasts: short, for a run of some seconds.
    pub fn lasts(&mut self) -> Span {
        self.milliseconds(&[100, 300, 600, 1_000, 1_500, 3_000])
    }

    /// How long a member stays down.
    pub fn down_for(&mut self) -> Span {
        self.milliseconds(&[0, 100, 500, 1_000, 2_000, 3_000])
    }

    /// Members of the cluster.
    pub fn target(&mut self) -> Target {
        let named = Target::Member(self.draws.number(0..self.members));
        if self.members == 1 {
            return self.one_of(&[Target::Leader, Target::Any, Target::All, Target::Majority, named], Target::Any);
        }
        // What etcd survives more often than what stops it.
        let (leader, follower) = (Target::Leader, Target::Follower);
        self.one_of(
            &[leader, leader, leader, follower, follower, Target::Any, Target::Minority, named, Target::Majority, Target::All],
            leader,
        )
    }

    /// Two groups or more, each with a member in it. The cluster must have two members or more.
    pub fn groups(&mut self) -> Vec<Vec<Target>> {
        let mut order: Vec<u8> = (0..self.members).collect();
        order.shuffle(self.random());
        let count = usize::from(self.draws.number(2..=self.members));
        let mut groups = vec![Vec::new(); count];
        for (position, member) in order.into_iter().enumerate() {
            // The first of each group are dealt in turn, so that none is empty.
            let group = if position < count { position } else { self.number(0..count) };
            if let Some(group) = groups.get_mut(group) {
                group.push(Target::Member(member));
            }
        }
        groups
    }

    /// Directed peer links. The cluster must have two members or more.
    pub fn direction(&mut self) -> Direction {
        let from = self.draws.number(0..self.members);
        // Any other member.
        let to = (from + self.draws.number(1..self.members)) % self.members;
        let named = (Target::Member(from), Target::Member(to));
        let (leader, follower) = (Target::Leader, Target::Follower);
        let choices = [named, (leader, follower), (follower, leader), (leader, Target::All), (Target::All, leader)];
        let (from, to) = self.one_of(&choices, named);
        Direction { from, to }
    }

    /// Links of the cluster.
    pub fn links(&mut self) -> LinkSet {
        if self.members == 1 || self.percent(35) {
            return LinkSet::Clients(self.target());
        }
        if self.percent(60) { LinkSet::Peers(self.target()) } else { LinkSet::Peer(self.direction()) }
    }
}
