//! Where a run happens: members, how clients reach them, and what may be done to them.
//!
//! [`Testbed`] is one enum. Other modules ask for its [`Capabilities`] and for a [`MemberControl`] of each member, and
//! never for its kind: a backend is a folder here and an arm of the enums in this file, in `member.rs` and in `prepare.rs`.
//!
//! A testbed is used in two steps. [`Prepared`] has found everything that a start needs and knows the capabilities, so that
//! a run that the testbed cannot carry out is refused before anything runs. [`Prepared::start`] starts the members.

mod capabilities;
mod error;
mod health;
pub mod local;
mod member;
mod prepare;
mod settings;

use std::path::Path;
use std::time::Duration;

use ticketcd_judge::history::MemberIndex;
use tokio::task::JoinSet;

pub use capabilities::{Capabilities, Capability, LinkCapabilities, MissingCapability, ProcessCapabilities};
pub use error::TestbedError;
pub use local::LocalTestbed;
pub use member::{MemberControl, Server, Termination};
pub use prepare::{Prepared, StartOptions};
pub use settings::Cluster;

use crate::etcd::{Client, ClientError, Endpoint, Security};
use crate::net::LinkTable;

/// A testbed that was started. Share it in an `Arc`. Dropping it ends every process that it started.
#[derive(Debug)]
pub enum Testbed {
    /// etcd processes on this machine.
    Local(LocalTestbed),
}

/// Which way a client goes to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// As the load does: through the link proxy when client links are shaped.
    Load,
    /// As the harness does (samples, collectors, audits): past every link proxy, so that no fault of links touches it.
    Harness,
}

/// How a client reaches a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Where.
    pub endpoint: Endpoint,
    /// With which credentials.
    pub security: Security,
}

impl Testbed {
    /// What may be done on it.
    pub fn capabilities(&self) -> Capabilities {
        match self {
            Self::Local(local) => local.capabilities(),
        }
    }

    /// The positions of all members, running or not.
    pub fn members(&self) -> impl Iterator<Item = MemberIndex> + use<> {
        (0..).map(MemberIndex).take(self.size())
    }

    /// How many members it has, running or not.
    pub fn size(&self) -> usize {
        match self {
            Self::Local(local) => local.size(),
        }
    }

    /// The control of a member.
    ///
    /// # Errors
    /// When there is no such member.
    pub fn member(&self, member: MemberIndex) -> Result<MemberControl, TestbedError> {
        match self {
            Self::Local(local) => local.member(member).map(MemberControl::Local),
        }
    }

    /// How clients reach a member.
    ///
    /// # Errors
    /// When there is no such member.
    pub fn access(&self, member: MemberIndex, route: Route) -> Result<Access, TestbedError> {
        match self {
            Self::Local(local) => Ok(Access { endpoint: local.endpoint(member, route)?, security: Security::default() }),
        }
    }

    /// The URL that a member advertises to clients: any etcd client on this machine reaches it there.
    pub fn advertised_url(&self, member: MemberIndex) -> Option<String> {
        match self {
            Self::Local(local) => local.advertised_url(member),
        }
    }

    /// Where a member's log is, if the testbed keeps it.
    pub fn log(&self, member: MemberIndex) -> Option<&Path> {
        match self {
            Self::Local(local) => local.log(member),
        }
    }

    /// A client of each member, in their order.
    ///
    /// # Errors
    /// When a client cannot be made; connecting itself is lazy.
    pub async fn clients(&self, route: Route, channels: u8) -> Result<Vec<Client>, ClientError> {
        let mut clients = Vec::new();
        for access in self.members().filter_map(|member| self.access(member, route).ok()) {
            clients.push(Client::connect(&access.endpoint, &access.security, channels).await?);
        }
        Ok(clients)
    }

    /// The state of every link.
    pub fn links(&self) -> &LinkTable {
        match self {
            Self::Local(local) => local.links(),
        }
    }

    /// Waits until every member reports itself healthy: it responds, and can read at the quorum.
    ///
    /// # Errors
    /// When a member ends meanwhile, or the time is over.
    pub async fn await_healthy(&self, timeout: Duration) -> Result<(), TestbedError> {
        health::await_healthy(self, timeout).await
    }

    /// Waits until a member's process is not running, and returns which. Waits for ever on a testbed that cannot know.
    pub async fn await_any_exit(&self) -> MemberIndex {
        let mut exits = JoinSet::new();
        for control in self.members().filter_map(|member| self.member(member).ok()) {
            exits.spawn(async move {
                control.await_exit().await;
                control.index()
            });
        }
        match exits.join_next().await {
            Some(Ok(member)) => member,
            // Without members there is nothing to wait for; and no task here panics.
            _ => std::future::pending().await,
        }
    }

    /// Restores every link, stops every process that the testbed started, and removes what it keeps.
    pub async fn stop(&self) {
        match self {
            Self::Local(local) => local.stop().await,
        }
    }
}
