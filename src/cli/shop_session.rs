//! Access to the shop on an existing cluster, shared by `query` and `buy`.

use std::time::Duration;

use ticketcd_judge::history::MemberIndex;
use ticketcd_judge::model::Keyspace;

use super::Failure;
use super::connection::Connection;
use crate::dataset::unfinished;
use crate::etcd::RecordingClient;
use crate::record::Sink;
use crate::shop::queries::names::{is_empty, names_of, nearest_name};
use crate::shop::queries::{Named, QueryError};
use crate::terminal::{Screen, note};

/// How long a request may take: longer than etcd itself waits for an election.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Most names that are listed when no name is similar to the given one.
const NAMES_MAX: u8 = 12;

/// A shop and a client of its cluster.
pub(super) struct ShopSession {
    /// The shop's keys.
    pub(super) keys: Keyspace,
    /// The client.
    pub(super) caller: RecordingClient,
    members: usize,
}

impl ShopSession {
    /// Connects to a cluster with at least one responding member. Warns about an incomplete dataset.
    pub(super) async fn begin(connection: &Connection) -> Result<Self, Failure> {
        let keys = connection.keyspace()?;
        let clients = connection.connect().await?;
        let members = clients.len();
        let mut caller = RecordingClient::new(clients, MemberIndex(0), TIMEOUT, Sink::discarding());
        if let Some(unfinished) = unfinished(&keys, &mut caller).await {
            note(Screen::of_stderr().message(&format!("ticketcd: warning: {unfinished}")));
        }
        Ok(Self { keys, caller, members })
    }

    /// Runs a query against one member after the other until one answers.
    pub(super) async fn ask<T>(
        &mut self,
        question: impl AsyncFn(&Keyspace, &mut RecordingClient) -> Result<T, QueryError>,
    ) -> Result<T, Failure> {
        let mut asked = 1;
        loop {
            match question(&self.keys, &mut self.caller).await {
                Err(QueryError::NotAnswered(error)) if asked < self.members && !is_final(&error.code) => {
                    asked += 1;
                    self.caller.rotate();
                }
                outcome => return outcome.map_err(failure),
            }
        }
    }

    /// The error for a name that does not exist: similar names, or that there is no shop.
    pub(super) async fn nothing_named(&mut self, named: Named, name: &str) -> Failure {
        match self.look_for(named, name).await {
            Ok(failure) | Err(failure) => failure,
        }
    }

    async fn look_for(&mut self, named: Named, name: &str) -> Result<Failure, Failure> {
        if let Some(failure) = self.no_shop().await? {
            return Ok(failure);
        }
        let nearest = self.ask(async |keys, caller| nearest_name(keys, caller, named, name).await).await?;
        let what = named.as_str();
        let next = match nearest {
            Some(nearest) => format!("did you mean {nearest:?}?"),
            None => {
                let mut names = self.ask(async |keys, caller| names_of(keys, caller, named, NAMES_MAX).await).await?;
                if names.len() > usize::from(NAMES_MAX) {
                    names.truncate(usize::from(NAMES_MAX));
                    names.push("…".to_owned());
                }
                format!("existing names: {}", names.join(", "))
            }
        };
        Ok(Failure::Usage(format!("there is no {what} {name:?} under the prefix {:?}; {next}", self.keys.prefix())))
    }

    /// The error for a prefix without keys.
    pub(super) async fn no_shop(&mut self) -> Result<Option<Failure>, Failure> {
        let empty = self.ask(async |keys, caller| is_empty(keys, caller).await).await?;
        let prefix = self.keys.prefix();
        let next = "write one with `ticketcd dataset load`, or pass another prefix with --prefix";
        Ok(empty.then(|| Failure::NotCarriedOut(format!("there is no shop under the prefix {prefix:?}: {next}"))))
    }
}

/// Whether another member would give the same answer, as it concerns the user or the request.
fn is_final(code: &str) -> bool {
    matches!(code, "PermissionDenied" | "Unauthenticated" | "InvalidArgument")
}

fn failure(error: QueryError) -> Failure {
    Failure::NotCarriedOut(match error {
        QueryError::NotAnswered(ref call) if is_final(&call.code) => {
            format!("the cluster rejected the request: {error}. Pass a user with read permission with --user")
        }
        QueryError::NotAnswered(_) => {
            format!("no member answered: {error}. Is a majority of the members running?")
        }
        QueryError::Compacted { .. } => format!("{error}; try again"),
        QueryError::Json { .. } => format!("the keys under this prefix are not a shop's: {error}"),
        QueryError::Shape => error.to_string(),
    })
}
