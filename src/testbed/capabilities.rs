//! What may be done on a testbed, as plain facts.

use std::fmt;

/// What may be done on a testbed, and what a run on it can rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// What may be done to each member's process.
    pub processes: ProcessCapabilities,
    /// Which links may be shaped.
    pub links: LinkCapabilities,
    /// Whether errors and delays may be injected below a member's data directory.
    pub storage_faults: bool,
    /// Whether members sync what they write to disk before they acknowledge it. etcd promises to find it again only then.
    pub syncs_writes: bool,
    /// Whether the whole key space belongs to the run: nobody else writes to the cluster.
    pub owns_key_space: bool,
    /// Whether collectors begin at revision 1, so that the record has every revision.
    pub collects_from_first_revision: bool,
    /// Whether every member may be stopped and started for the final audit.
    pub restarts_for_audit: bool,
    /// Whether the members run on this machine, so that they share its processors.
    pub members_on_this_host: bool,
}

/// What may be done to a member's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessCapabilities {
    /// End it at once.
    pub kill: bool,
    /// Ask it to end.
    pub terminate: bool,
    /// Stop it without ending it, and let it continue.
    pub pause: bool,
    /// Start it again on the data it left.
    pub start: bool,
}

/// Which links may be shaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkCapabilities {
    /// Links between members.
    pub peers: bool,
    /// Links between the load and members.
    pub clients: bool,
}

/// Something that a fault needs of a testbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capability {
    /// Ending a member's process at once.
    Kill,
    /// Asking a member's process to end.
    Terminate,
    /// Stopping a member's process without ending it.
    Pause,
    /// Starting a member again.
    Start,
    /// Shaping links between members.
    ShapePeerLinks,
    /// Shaping links between the load and members.
    ShapeClientLinks,
    /// Faults of a member's storage.
    StorageFaults,
}

/// A testbed lacks something that is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this testbed cannot {0}")]
pub struct MissingCapability(pub Capability);

impl Capabilities {
    /// Whether the testbed has a capability.
    pub fn has(&self, capability: Capability) -> bool {
        match capability {
            Capability::Kill => self.processes.kill,
            Capability::Terminate => self.processes.terminate,
            Capability::Pause => self.processes.pause,
            Capability::Start => self.processes.start,
            Capability::ShapePeerLinks => self.links.peers,
            Capability::ShapeClientLinks => self.links.clients,
            Capability::StorageFaults => self.storage_faults,
        }
    }

    /// Whether the testbed has all of these.
    ///
    /// # Errors
    /// The first that it lacks.
    pub fn require(&self, needed: &[Capability]) -> Result<(), MissingCapability> {
        needed.iter().find(|capability| !self.has(**capability)).map_or(Ok(()), |missing| Err(MissingCapability(*missing)))
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Kill => "kill a member",
            Self::Terminate => "terminate a member",
            Self::Pause => "pause a member",
            Self::Start => "start a member again",
            Self::ShapePeerLinks => "shape the links between members",
            Self::ShapeClientLinks => "shape the links between clients and members",
            Self::StorageFaults => "inject storage faults",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testbed::local;

    #[test]
    fn the_first_missing_capability_is_named() {
        let without_pause = ProcessCapabilities { pause: false, ..local::CAPABILITIES.processes };
        let testbed = Capabilities { processes: without_pause, ..local::CAPABILITIES };
        assert_eq!(testbed.require(&[Capability::Kill, Capability::Start]), Ok(()));
        let missing = testbed.require(&[Capability::Kill, Capability::Pause, Capability::StorageFaults]).unwrap_err();
        assert_eq!(missing, MissingCapability(Capability::Pause));
        assert_eq!(missing.to_string(), "this testbed cannot pause a member");
    }
}
