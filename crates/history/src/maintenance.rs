//! etcd's maintenance service, as requests and answers.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::Revision;

/// A request to the maintenance service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
pub enum MaintenanceRequest {
    /// An alarm is listed, raised or disarmed.
    #[n(0)]
    Alarm(#[n(0)] AlarmRequest),
    /// How the member is.
    #[n(1)]
    Status,
    /// The member's own database file is defragmented.
    #[n(2)]
    Defragment,
    /// The hash of the member's whole database, history included.
    #[n(3)]
    Hash,
    /// The hash of the keys up to a revision.
    #[n(4)]
    HashKv {
        /// The revision; 0 for the newest.
        #[n(0)]
        revision: Revision,
    },
    /// The member's database is sent.
    #[n(5)]
    Snapshot,
    /// The leadership is handed over.
    #[n(6)]
    MoveLeader {
        /// The id of the member that is to lead.
        #[n(0)]
        target: u64,
    },
    /// A downgrade of the cluster is checked, enabled or cancelled.
    #[n(7)]
    Downgrade {
        /// The action.
        #[n(0)]
        action: DowngradeAction,
        /// The version to downgrade to.
        #[n(1)]
        version: String,
    },
}

/// What is done about alarms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum AlarmAction {
    /// They are listed.
    #[default]
    #[n(0)]
    List,
    /// One is raised.
    #[n(1)]
    Raise,
    /// One is disarmed.
    #[n(2)]
    Disarm,
}

/// A request about alarms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct AlarmRequest {
    /// What is done.
    #[n(0)]
    pub action: AlarmAction,
    /// Which.
    #[n(1)]
    pub alarm: Alarm,
}

/// An alarm of a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct Alarm {
    /// The id of the member; 0 in a request for every one.
    #[n(0)]
    pub member_id: u64,
    /// Its kind.
    #[n(1)]
    pub kind: AlarmKind,
}

/// A kind of alarm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum AlarmKind {
    /// In a request: any.
    #[default]
    #[n(0)]
    Any,
    /// The quota of the database is used up: etcd accepts no more writes.
    #[n(1)]
    NoSpace,
    /// A member's database differs from the others'.
    #[n(2)]
    Corrupt,
}

/// A step of a downgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum DowngradeAction {
    /// Whether it is possible is checked.
    #[n(0)]
    Validate,
    /// It begins.
    #[n(1)]
    Enable,
    /// It is called off.
    #[n(2)]
    Cancel,
}

/// What the maintenance service answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
pub enum MaintenanceAnswer {
    /// The alarms that are raised.
    #[n(0)]
    Alarms(#[n(0)] Vec<Alarm>),
    /// How the member is.
    #[n(1)]
    Status(#[n(0)] MaintenanceStatus),
    /// The file is defragmented.
    #[n(2)]
    Defragmented,
    /// The hash of the whole database.
    #[n(3)]
    Hash {
        /// The hash.
        #[n(0)]
        hash: u32,
    },
    /// The hash of the keys.
    #[n(4)]
    HashKv {
        /// The hash.
        #[n(0)]
        hash: u32,
        /// The revision that the member was compacted at when it was computed.
        #[n(1)]
        compact_revision: Revision,
        /// The revision up to which it was computed; 0 where the release does not report it.
        #[n(2)]
        revision: Revision,
    },
    /// The database was received.
    #[n(5)]
    Snapshot {
        /// Its size, bytes.
        #[n(0)]
        bytes: u64,
    },
    /// Another member leads.
    #[n(6)]
    LeaderMoved,
    /// The downgrade was accepted.
    #[n(7)]
    Downgrade {
        /// The version of the cluster.
        #[n(0)]
        version: String,
    },
}

/// How a member is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct MaintenanceStatus {
    /// The version of its release.
    #[n(0)]
    pub version: String,
    /// The id of the leader that it follows; 0 for none.
    #[n(1)]
    pub leader_id: u64,
    /// Its raft term.
    #[n(2)]
    pub raft_term: u64,
    /// The last raft entry that it knows to be committed.
    #[n(3)]
    pub raft_index: u64,
    /// The last raft entry that it applied.
    #[n(4)]
    pub applied_index: u64,
    /// Size of its database file, bytes.
    #[n(5)]
    pub database_bytes: i64,
    /// Of these in use, bytes.
    #[n(6)]
    pub database_in_use_bytes: i64,
    /// Whether it is a learner.
    #[n(7)]
    pub is_learner: bool,
    /// Alarms and other complaints.
    #[n(8)]
    pub errors: Vec<String>,
}
