//! What a fault is about to hit.

use ticketcd_judge::history::MemberIndex;

use crate::net::Link;

/// What a fault is about to hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedTarget {
    /// The members it hits.
    pub members: Vec<MemberIndex>,
    /// The links it hits; none when it hits processes.
    pub links: Vec<Link>,
    /// What it claims of the members.
    pub claim: Claim,
}

/// What a fault claims of the members that it hits, so that another does not choose them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nothing.
    None,
    /// They will be down.
    Down,
    /// They will be unwell.
    Unwell,
}

impl ResolvedTarget {
    /// Members whose processes will be ended.
    pub fn down(members: Vec<MemberIndex>) -> Self {
        Self { members, links: Vec::new(), claim: Claim::Down }
    }

    /// Members whose processes will be disturbed, but not ended.
    pub fn unwell(members: Vec<MemberIndex>) -> Self {
        Self { members, links: Vec::new(), claim: Claim::Unwell }
    }

    /// Links, and the members at their ends.
    pub fn links(members: Vec<MemberIndex>, links: Vec<Link>) -> Self {
        Self { members, links, claim: Claim::None }
    }
}
