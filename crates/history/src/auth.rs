//! etcd's auth service, as requests and answers. Passwords and tokens are not recorded.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::Blob;
use crate::decoding::DecodeContext;

/// A request to the auth service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
#[cbor(context_bound = "DecodeContext")]
pub enum AuthRequest {
    /// Authentication is required from now on.
    #[n(0)]
    Enable,
    /// Authentication is no longer required.
    #[n(1)]
    Disable,
    /// Whether authentication is required.
    #[n(2)]
    Status,
    /// A token is requested.
    #[n(3)]
    Authenticate {
        /// The user.
        #[n(0)]
        user: String,
    },
    /// A user is added.
    #[n(4)]
    UserAdd {
        /// The user.
        #[n(0)]
        user: String,
        /// Whether the user has no password, only a certificate.
        #[n(1)]
        no_password: bool,
    },
    /// The roles of a user.
    #[n(5)]
    UserGet {
        /// The user.
        #[n(0)]
        user: String,
    },
    /// All users.
    #[n(6)]
    UserList,
    /// A user is removed.
    #[n(7)]
    UserDelete {
        /// The user.
        #[n(0)]
        user: String,
    },
    /// A user gets another password.
    #[n(8)]
    UserChangePassword {
        /// The user.
        #[n(0)]
        user: String,
    },
    /// A user is given a role.
    #[n(9)]
    UserGrantRole {
        /// The user.
        #[n(0)]
        user: String,
        /// The role.
        #[n(1)]
        role: String,
    },
    /// A role is taken from a user.
    #[n(10)]
    UserRevokeRole {
        /// The user.
        #[n(0)]
        user: String,
        /// The role.
        #[n(1)]
        role: String,
    },
    /// A role is added.
    #[n(11)]
    RoleAdd {
        /// The role.
        #[n(0)]
        role: String,
    },
    /// The permissions of a role.
    #[n(12)]
    RoleGet {
        /// The role.
        #[n(0)]
        role: String,
    },
    /// All roles.
    #[n(13)]
    RoleList,
    /// A role is removed.
    #[n(14)]
    RoleDelete {
        /// The role.
        #[n(0)]
        role: String,
    },
    /// A role is given a permission.
    #[n(15)]
    RoleGrantPermission {
        /// The role.
        #[n(0)]
        role: String,
        /// The permission.
        #[n(1)]
        permission: Permission,
    },
    /// A permission is taken from a role.
    #[n(16)]
    RoleRevokePermission {
        /// The role.
        #[n(0)]
        role: String,
        /// First key.
        #[n(1)]
        key: Blob,
        /// First key behind the range; empty for a single key.
        #[n(2)]
        range_end: Blob,
    },
}

/// What a role may do with the keys in `[key, range_end)`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cbor(context_bound = "DecodeContext")]
pub struct Permission {
    /// What it may do.
    #[n(0)]
    pub access: Access,
    /// First key.
    #[n(1)]
    pub key: Blob,
    /// First key behind the range; empty for a single key.
    #[n(2)]
    pub range_end: Blob,
}

/// What a permission allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Access {
    /// Reading.
    #[default]
    #[n(0)]
    Read,
    /// Writing.
    #[n(1)]
    Write,
    /// Both.
    #[n(2)]
    ReadWrite,
}

/// What the auth service answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
#[cbor(context_bound = "DecodeContext")]
pub enum AuthAnswer {
    /// It is done.
    #[n(0)]
    Done,
    /// Whether authentication is required.
    #[n(1)]
    Status {
        /// Whether it is.
        #[n(0)]
        enabled: bool,
        /// The revision of the auth store.
        #[n(1)]
        auth_revision: u64,
    },
    /// Users or roles.
    #[n(2)]
    Names(#[n(0)] Vec<String>),
    /// The permissions of a role.
    #[n(3)]
    Permissions(#[n(0)] Vec<Permission>),
}
