//! The client of one member. It neither retries nor fails over: what it returns is that member's response.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use etcd_client::{KvClient, LeaseClient, LeaseGrantOptions, LockClient, LockOptions, MaintenanceClient, ResponseHeader};
use ticketcd_judge::history::Revision;
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::event::MemberStatus;
use ticketcd_judge::history::maintenance::{MaintenanceAnswer, MaintenanceRequest};
use ticketcd_judge::history::request::{Answer, AnswerBody, Range, Request};

use super::client_error::ClientError;
use super::endpoint::{Endpoint, Security};
use super::wire::{self, Malformed};
use super::{connection, errors};

/// The largest answer that is read, bytes. A range or a watch that catches up can be far above tonic's 4 MiB.
pub(super) const MESSAGE_BYTES_MAX: usize = 512 << 20;

/// A client of one member. Cloning shares its connections. Connecting is lazy: the first call fails when the member is down.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    endpoint: Endpoint,
    security: Security,
    channels: Vec<Channel>,
    turn: AtomicUsize,
}

/// One connection.
struct Channel {
    kv: KvClient,
    lease: LeaseClient,
    lock: LockClient,
    maintenance: MaintenanceClient,
    cluster: etcd_client::ClusterClient,
}

/// The hash of a member's content at a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyspaceHash {
    /// The hash.
    pub hash: u32,
    /// The revision up to which the member is compacted: hashes are comparable only where this is equal.
    pub compact_revision: Revision,
    /// The newest revision of the member when it answered.
    pub revision: Revision,
}

/// A member as the cluster lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedMember {
    /// Its id.
    pub id: u64,
    /// Its name; empty until it has started.
    pub name: String,
    /// Where other members reach it.
    pub peer_urls: Vec<String>,
    /// Where clients reach it, as advertised.
    pub client_urls: Vec<String>,
}

impl Client {
    /// A client of the member at `endpoint`, over `channels` connections (at least one) that calls take in turn. With a
    /// user it authenticates at once, so that the member must be there.
    ///
    /// # Errors
    /// When a certificate cannot be read, the endpoint is malformed, or the user is refused.
    pub async fn connect(endpoint: &Endpoint, security: &Security, channels: u8) -> Result<Self, ClientError> {
        let count = channels.max(1);
        let mut channels = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            let client = connection::open(endpoint, security).await?;
            channels.push(Channel {
                kv: client.kv_client().max_decoding_message_size(MESSAGE_BYTES_MAX),
                lease: client.lease_client(),
                lock: client.lock_client(),
                maintenance: client.maintenance_client(),
                cluster: client.cluster_client(),
            });
        }
        let shared = Shared { endpoint: endpoint.clone(), security: security.clone(), channels, turn: AtomicUsize::new(0) };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Where it goes.
    pub fn endpoint(&self) -> &Endpoint {
        &self.shared.endpoint
    }

    pub(super) fn security(&self) -> &Security {
        &self.shared.security
    }

    fn channel(&self) -> &Channel {
        let turn = self.shared.turn.fetch_add(1, Ordering::Relaxed);
        // There is at least one channel: see `connect`.
        &self.shared.channels[turn % self.shared.channels.len()]
    }

    /// Sends a request and returns the outcome. Errors are classified by the one table of errors.
    pub async fn call(&self, request: &Request, timeout: Duration) -> CallOutcome {
        match tokio::time::timeout(timeout, self.send(request)).await {
            Ok(Ok(answer)) => CallOutcome::Ok(answer),
            Ok(Err(SendError::Etcd(error))) => errors::classify(request, &error),
            Ok(Err(SendError::NotSent)) => {
                CallOutcome::Refused { code: "Unimplemented".to_owned(), message: SendError::NotSent.to_string() }
            }
            Ok(Err(SendError::Malformed(error))) => CallOutcome::Unknown { code: "Malformed".to_owned(), message: error.to_string() },
            Err(_) => {
                let message = format!("no answer within {} ms", timeout.as_millis());
                CallOutcome::Unknown { code: errors::TIMEOUT.to_owned(), message }
            }
        }
    }

    async fn send(&self, request: &Request) -> Result<Answer, SendError> {
        let channel = self.channel();
        let answer = match request {
            Request::Range(range) => {
                let response = channel.kv.clone().get(range.key.as_bytes(), Some(wire::get_options(range))).await?;
                wire::answer(response.header(), AnswerBody::Range(wire::range_answer(&response)))
            }
            Request::Put(put) => {
                let options = Some(wire::put_options(put));
                let response = channel.kv.clone().put(put.key.as_bytes(), put.value.as_bytes(), options).await?;
                wire::answer(response.header(), AnswerBody::Put { prev_kv: wire::previous(&response) })
            }
            Request::Delete(delete) => {
                let response = channel.kv.clone().delete(delete.key.as_bytes(), Some(wire::delete_options(delete))).await?;
                wire::answer(response.header(), AnswerBody::Delete { deleted: response.deleted(), prev_kvs: wire::previous_all(&response) })
            }
            Request::Txn(txn) => wire::txn_answer(&channel.kv.clone().txn(wire::txn(txn)).await?),
            Request::Compact(compact) => {
                let response = channel.kv.clone().compact(compact.revision, Some(wire::compaction_options(compact))).await?;
                wire::answer(response.header(), AnswerBody::Compact)
            }
            Request::LeaseGrant { id, ttl } => {
                let options = Some(LeaseGrantOptions::new().with_id(*id));
                let response = channel.lease.clone().grant(*ttl, options).await?;
                wire::answer(response.header(), AnswerBody::Lease { id: response.id(), ttl: response.ttl() })
            }
            Request::LeaseKeepAlive { id } => return keep_alive(channel.lease.clone(), *id).await,
            Request::LeaseRevoke { id } => {
                let response = channel.lease.clone().revoke(*id).await?;
                wire::answer(response.header(), AnswerBody::Lease { id: *id, ttl: 0 })
            }
            Request::Lock { name, lease } => {
                let options = Some(LockOptions::new().with_lease(*lease));
                let response = channel.lock.clone().lock(name.as_bytes(), options).await?;
                wire::answer(response.header(), AnswerBody::Lock { key: response.key().into() })
            }
            Request::Unlock { key } => {
                let response = channel.lock.clone().unlock(key.as_bytes()).await?;
                wire::answer(response.header(), AnswerBody::Unlock)
            }
            Request::LeaseTimeToLive { id, keys } => {
                let response = channel.lease.clone().time_to_live(*id, Some(wire::time_to_live_options(*keys))).await?;
                let keys = response.keys().iter().map(|key| key.as_slice().into()).collect();
                let (ttl, granted) = (response.ttl(), response.granted_ttl());
                wire::answer(response.header(), AnswerBody::LeaseTimeToLive { id: response.id(), ttl, granted, keys })
            }
            Request::Leases => {
                let response = channel.lease.clone().leases().await?;
                wire::answer(response.header(), AnswerBody::Leases(response.leases().iter().map(etcd_client::LeaseStatus::id).collect()))
            }
            Request::Maintenance(MaintenanceRequest::Defragment) => {
                channel.maintenance.clone().defragment().await?;
                // The one answer of etcd without a header.
                return Ok(Answer {
                    member_id: 0,
                    revision: 0,
                    raft_term: 0,
                    body: AnswerBody::Maintenance(MaintenanceAnswer::Defragmented),
                });
            }
            Request::Maintenance(_) | Request::Membership(_) | Request::Auth(_) => return Err(SendError::NotSent),
        };
        Ok(answer?)
    }

    /// Reads a range without a record of it, as the harness does for itself.
    ///
    /// # Errors
    /// When the member does not answer in time, or with an error.
    pub async fn range(&self, range: &Range, timeout: Duration) -> Result<Answer, ClientError> {
        let read = async {
            let response = self.channel().kv.clone().get(range.key.as_bytes(), Some(wire::get_options(range))).await?;
            Ok(wire::answer(response.header(), AnswerBody::Range(wire::range_answer(&response))))
        };
        self.ask(timeout, read).await?.map_err(|error| self.malformed(error))
    }

    /// The member's status.
    ///
    /// # Errors
    /// When it does not answer in time, or with an error.
    pub async fn status(&self, timeout: Duration) -> Result<MemberStatus, ClientError> {
        let response = self.ask(timeout, async { self.channel().maintenance.clone().status().await }).await?;
        let header = self.header(response.header())?;
        Ok(MemberStatus {
            member_id: header.member_id(),
            leader_id: response.leader(),
            raft_term: response.raft_term(),
            applied_index: response.raft_applied_index(),
            revision: header.revision(),
            database_bytes: response.db_size(),
            errors: response.errors().to_vec(),
        })
    }

    /// The version of the server, such as `3.5.30`.
    ///
    /// # Errors
    /// As for [`Client::status`].
    pub async fn version(&self, timeout: Duration) -> Result<String, ClientError> {
        let response = self.ask(timeout, async { self.channel().maintenance.clone().status().await }).await?;
        Ok(response.version().to_owned())
    }

    /// The hash of the member's content at `revision`; 0 for the newest.
    ///
    /// # Errors
    /// As for [`Client::status`]; also when the revision is compacted or not there yet.
    pub async fn hash_kv(&self, revision: Revision, timeout: Duration) -> Result<KeyspaceHash, ClientError> {
        let response = self.ask(timeout, async { self.channel().maintenance.clone().hash_kv(revision).await }).await?;
        let newest = self.header(response.header())?.revision();
        Ok(KeyspaceHash { hash: response.hash(), compact_revision: response.compact_version(), revision: newest })
    }

    /// The ids of the leases the member knows, in order.
    ///
    /// # Errors
    /// As for [`Client::status`].
    pub async fn leases(&self, timeout: Duration) -> Result<Vec<i64>, ClientError> {
        let response = self.ask(timeout, async { self.channel().lease.clone().leases().await }).await?;
        let mut leases: Vec<i64> = response.leases().iter().map(etcd_client::LeaseStatus::id).collect();
        leases.sort_unstable();
        Ok(leases)
    }

    /// The members of the cluster, as this one knows them.
    ///
    /// # Errors
    /// As for [`Client::status`].
    pub async fn member_list(&self, timeout: Duration) -> Result<Vec<ListedMember>, ClientError> {
        let response = self.ask(timeout, async { self.channel().cluster.clone().member_list().await }).await?;
        let listed = |member: &etcd_client::Member| ListedMember {
            id: member.id(),
            name: member.name().to_owned(),
            peer_urls: member.peer_urls().to_vec(),
            client_urls: member.client_urls().to_vec(),
        };
        Ok(response.members().iter().map(listed).collect())
    }

    /// Makes another member the leader. Only the leader can do that.
    ///
    /// # Errors
    /// As for [`Client::status`].
    pub async fn move_leader(&self, target: u64, timeout: Duration) -> Result<(), ClientError> {
        self.ask(timeout, async { self.channel().maintenance.clone().move_leader(target).await }).await.map(drop)
    }

    async fn ask<T>(&self, timeout: Duration, question: impl Future<Output = Result<T, etcd_client::Error>>) -> Result<T, ClientError> {
        match tokio::time::timeout(timeout, question).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(ClientError::from_etcd(self.endpoint(), &error)),
            Err(_) => Err(ClientError::Timeout { endpoint: self.endpoint().clone(), after: timeout }),
        }
    }

    fn header<'response>(&self, header: Option<&'response ResponseHeader>) -> Result<&'response ResponseHeader, ClientError> {
        header.ok_or_else(|| self.malformed(Malformed::NO_HEADER))
    }

    fn malformed(&self, error: Malformed) -> ClientError {
        ClientError::Call { endpoint: self.endpoint().clone(), code: "Malformed".to_owned(), message: error.to_string() }
    }
}

/// A lease is kept alive by its stream's second message: `etcd-client` keeps the first answer, and its header, to itself.
async fn keep_alive(mut lease: LeaseClient, id: i64) -> Result<Answer, SendError> {
    let (mut keeper, mut answers) = lease.keep_alive(id).await?;
    keeper.keep_alive().await?;
    let response = answers.message().await?.ok_or(Malformed::NO_HEADER)?;
    Ok(wire::answer(response.header(), AnswerBody::Lease { id: response.id(), ttl: response.ttl() })?)
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
enum SendError {
    /// A request of a kind that only others send: a history may hold it, and this client has no use for it.
    #[error("this client sends no such request")]
    NotSent,
    #[error(transparent)]
    Etcd(#[from] etcd_client::Error),
    #[error(transparent)]
    Malformed(#[from] Malformed),
}
