//! The state of every link, set by faults and obeyed by the proxies.

use std::time::Duration;

use ticketcd_judge::model::MemberIndex;

/// A directed link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Link {
    /// What one member sends another, on whichever of their connections it travels.
    Peer {
        /// The sender.
        from: MemberIndex,
        /// The receiver.
        to: MemberIndex,
    },
    /// What clients send a member.
    ToMember(MemberIndex),
    /// What a member sends its clients.
    FromMember(MemberIndex),
}

/// Whether a link carries anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flow {
    /// Yes.
    #[default]
    Open,
    /// No; connections stay open, and what was sent arrives when the link opens again.
    Held,
    /// No; what was sent is lost, so that a connection that lost something is cut when the link opens again.
    Lost,
}

/// The state of a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkState {
    /// Whether it carries anything.
    pub flow: Flow,
    /// How much later everything arrives.
    pub delay: Duration,
    /// Up to how much later still, drawn evenly. Order is kept.
    pub jitter: Duration,
}

/// The state of every link. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Switchboard {}

impl Switchboard {
    /// Sets the state of a link; connections that are open feel it at once.
    pub fn set(&self, _link: Link, _state: LinkState) {
        todo!()
    }

    /// The state of a link.
    pub fn state(&self, _link: Link) -> LinkState {
        todo!()
    }

    /// Cuts every connection that carries this link, both ways, and says how many there were.
    pub fn reset(&self, _link: Link) -> usize {
        todo!()
    }

    /// Opens every link. Connections that lost something are cut. Says how many were.
    pub fn heal_all(&self) -> usize {
        todo!()
    }

    /// Bytes the link has carried so far.
    pub fn carried_bytes(&self, _link: Link) -> u64 {
        todo!()
    }

    /// Bytes that arrived for the link while it was held or lost, so far.
    pub fn stopped_bytes(&self, _link: Link) -> u64 {
        todo!()
    }
}
