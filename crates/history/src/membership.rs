//! etcd's cluster service, as requests and answers.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// A request to the cluster service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
pub enum MembershipRequest {
    /// A member is added.
    #[n(0)]
    Add {
        /// Where its peers reach it.
        #[n(0)]
        peer_urls: Vec<String>,
        /// Whether it begins as a learner, which does not vote.
        #[n(1)]
        is_learner: bool,
    },
    /// A member is removed.
    #[n(1)]
    Remove {
        /// Its id.
        #[n(0)]
        id: u64,
    },
    /// A member's peer URLs are changed.
    #[n(2)]
    Update {
        /// Its id.
        #[n(0)]
        id: u64,
        /// Where its peers reach it from now on.
        #[n(1)]
        peer_urls: Vec<String>,
    },
    /// All members.
    #[n(3)]
    List {
        /// Through consensus.
        #[n(0)]
        linearizable: bool,
    },
    /// A learner becomes a voting member.
    #[n(4)]
    Promote {
        /// Its id.
        #[n(0)]
        id: u64,
    },
}

/// A member, as the cluster knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct ClusterMember {
    /// Its id.
    #[n(0)]
    pub id: u64,
    /// Its name; empty before it has started.
    #[n(1)]
    pub name: String,
    /// Where its peers reach it.
    #[n(2)]
    pub peer_urls: Vec<String>,
    /// Where clients reach it.
    #[n(3)]
    pub client_urls: Vec<String>,
    /// Whether it is a learner.
    #[n(4)]
    pub is_learner: bool,
}

/// What the cluster service answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct MembershipAnswer {
    /// The id of the member that was added; none when none was.
    #[n(0)]
    pub added: Option<u64>,
    /// All members, after the change.
    #[n(1)]
    pub members: Vec<ClusterMember>,
}
