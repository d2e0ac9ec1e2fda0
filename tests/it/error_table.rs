//! The table of errors against real servers: every error that a server can be made to return has a row, and after a definite one
//! nothing is written.
//!
//! The versions are the one that the tests use anyway and 3.5.1; `TICKETCD_TEST_ETCD=3.4.23,3.5.16` names others.

use std::collections::BTreeSet;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use etcd_client::{
    Client, Compare, CompareOp, ConnectOptions, Error, GetOptions, LeaseGrantOptions, MemberAddOptions, Permission, PutOptions, SortOrder,
    SortTarget, Txn, TxnOp,
};
use ticketcd::etcd::errors::{self, Effect};
use ticketcd::net::{Flow, Link, LinkState};
use ticketcd::record::Recorder;
use ticketcd::testbed::local::LocalOptions;
use ticketcd::testbed::{LocalTestbed, Testbed};
use ticketcd_judge::history::MemberIndex;
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{Put, Request};

use crate::support::{etcd_binary, eventually, local_options};

const TIMEOUT: Duration = Duration::from_secs(15);
const M1: MemberIndex = MemberIndex(0);
const MEBIBYTE: usize = 1 << 20;

/// The etcd binaries to provoke.
fn binaries() -> Vec<PathBuf> {
    match std::env::var("TICKETCD_TEST_ETCD") {
        Ok(versions) => versions.split(',').map(|version| ticketcd::release::resolve(Some(version)).unwrap().path).collect(),
        Err(_) => vec![etcd_binary(), ticketcd::release::resolve(Some("3.5.1")).unwrap().path],
    }
}

/// A cluster of one version, with what it answered.
struct Provoked {
    testbed: Testbed,
    binary: String,
    texts: BTreeSet<String>,
    _directory: tempfile::TempDir,
}

impl Provoked {
    async fn start(binary: &Path, members: u8, flags: &[&str]) -> Self {
        let directory = tempfile::Builder::new().prefix("t").tempdir().unwrap();
        let (sink, _recorder) = Recorder::start(Vec::new()).unwrap();
        let options = LocalOptions {
            etcd: binary.to_owned(),
            election_timeout: Duration::from_secs(1),
            flags: flags.iter().map(|&flag| flag.to_owned()).collect(),
            ..local_options(directory.path(), members)
        };
        let testbed = Testbed::Local(LocalTestbed::start(options, sink).await.unwrap());
        testbed.await_healthy(Duration::from_secs(30)).await.unwrap();
        Self { testbed, binary: binary.display().to_string(), texts: BTreeSet::new(), _directory: directory }
    }

    fn url(&self, member: MemberIndex) -> String {
        self.testbed.advertised_url(member).unwrap()
    }

    async fn client(&self, member: MemberIndex, options: Option<ConnectOptions>) -> Client {
        Client::connect([self.url(member)], options).await.unwrap()
    }

    /// Holds an error against the table: it has a row, of this effect.
    fn hold(&mut self, request: &Request, error: &Error, text: &str, effect: Effect) {
        let row = errors::explain(request, error).unwrap_or_else(|| panic!("{}: no row for {error:?}", self.binary));
        let (code, message) = match errors::classify(request, error) {
            CallOutcome::Refused { code, message } => (code, message),
            CallOutcome::Unknown { code, message } => (code, message),
            CallOutcome::Ok(answer) => panic!("{answer:?}"),
        };
        assert!(message.contains(text), "{}: wanted {text:?}, got {code}: {message}", self.binary);
        assert_eq!(row.effect(), effect, "{}: {code}: {message}: {}", self.binary, row.reason());
        println!("{}: {code}: {message}: {effect:?}", self.binary);
        self.texts.insert(message);
    }

    /// Makes a request that must be refused with this text, and after which nothing may be written.
    async fn refused<T>(&mut self, observer: &mut Client, text: &str, call: impl Future<Output = Result<T, Error>>) {
        // A request that writes: of others the table says no more.
        let request = Request::Put(Put::default());
        let before = revision(observer).await;
        let error = match tokio::time::timeout(TIMEOUT, call).await {
            Ok(Err(error)) => error,
            Ok(Ok(_)) => panic!("{}: not refused, wanted {text:?}", self.binary),
            Err(_) => panic!("{}: no answer, wanted {text:?}", self.binary),
        };
        self.hold(&request, &error, text, Effect::None);
        assert_eq!(revision(observer).await, before, "{}: something was written in spite of {text:?}", self.binary);
    }
}

async fn revision(client: &mut Client) -> i64 {
    let answer = tokio::time::timeout(TIMEOUT, client.get("none", None)).await.unwrap().unwrap();
    answer.header().unwrap().revision()
}

fn put(key: &str) -> TxnOp {
    TxnOp::put(key, "value", None)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_has_its_row_and_writes_nothing() {
    for binary in binaries() {
        let mut provoked = Provoked::start(&binary, 1, &[]).await;
        let mut client = provoked.client(M1, None).await;
        let observer = &mut client.clone();
        refuse_requests(&mut provoked, &mut client, observer).await;
        refuse_leases_and_revisions(&mut provoked, &mut client, observer).await;
        refuse_members(&mut provoked, &mut client, observer).await;
        refuse_users(&mut provoked, &mut client, observer).await;
        assert!(provoked.texts.len() >= 34, "{:#?}", provoked.texts);
        provoked.testbed.stop().await;
    }
}

async fn refuse_requests(provoked: &mut Provoked, client: &mut Client, observer: &mut Client) {
    provoked.refused(observer, "key is not provided", client.put("", "value", None)).await;
    let keep = || Some(PutOptions::new().with_ignore_value());
    provoked.refused(observer, "value is provided", client.put("a", "value", keep())).await;
    provoked.refused(observer, "key not found", client.put("a", "", keep())).await;
    let keep = || PutOptions::new().with_ignore_lease();
    provoked.refused(observer, "lease is provided", client.put("a", "value", Some(keep().with_lease(7)))).await;
    provoked.refused(observer, "key not found", client.put("a", "value", Some(keep()))).await;
    let keys: Vec<TxnOp> = (0..129).map(|number| put(&format!("many/{number}"))).collect();
    provoked.refused(observer, "too many operations in txn request", client.txn(Txn::new().and_then(keys))).await;
    let twice = Txn::new().and_then([put("a"), put("a")]);
    provoked.refused(observer, "duplicate key given in txn request", client.txn(twice)).await;
    // Above --max-request-bytes, and above what the server's gRPC reads at all.
    let value = |bytes| vec![b'v'; bytes];
    provoked.refused(observer, "request is too large", client.put("a", value(MEBIBYTE * 17 / 10), None)).await;
    provoked.refused(observer, "grpc: received message larger than max", client.put("a", value(3 * MEBIBYTE), None)).await;
}

async fn refuse_leases_and_revisions(provoked: &mut Provoked, client: &mut Client, observer: &mut Client) {
    let gone = "requested lease not found";
    provoked.refused(observer, gone, client.put("a", "value", Some(PutOptions::new().with_lease(999)))).await;
    let leased = Txn::new().and_then([put("b"), TxnOp::put("a", "value", Some(PutOptions::new().with_lease(999)))]);
    provoked.refused(observer, gone, client.txn(leased)).await;
    provoked.refused(observer, gone, client.lease_revoke(999)).await;
    provoked.refused(observer, gone, client.lock("name", Some(etcd_client::LockOptions::new().with_lease(999)))).await;
    provoked.refused(observer, "lease not found", client.lease_keep_alive(999)).await;
    let seven = || Some(LeaseGrantOptions::new().with_id(7));
    client.lease_grant(600, seven()).await.unwrap();
    provoked.refused(observer, "lease already exists", client.lease_grant(600, seven())).await;
    provoked.refused(observer, "too large lease TTL", client.lease_grant(9_000_000_001, None)).await;

    for value in ["1", "2", "3"] {
        client.put("a", value, None).await.unwrap();
    }
    let newest = revision(observer).await;
    client.compact(newest, None).await.unwrap();
    let at = |revision| Some(GetOptions::new().with_revision(revision));
    let (compacted, future) = ("required revision has been compacted", "required revision is a future revision");
    provoked.refused(observer, compacted, client.get("a", at(newest - 1))).await;
    provoked.refused(observer, compacted, client.compact(newest, None)).await;
    provoked.refused(observer, future, client.get("a", at(newest + 100))).await;
    provoked.refused(observer, future, client.compact(newest + 100, None)).await;
    // The client expects its error, but the table does not (etcd issue 18667): the transaction is not sent here.
    let request = Request::Txn(ticketcd_judge::history::request::Txn {
        success: vec![ticketcd_judge::history::request::TxnOp::Put(Put::default())],
        ..Default::default()
    });
    let error = client.get("a", at(newest - 1)).await.unwrap_err();
    provoked.hold(&request, &error, compacted, Effect::Unknown);
}

async fn refuse_members(provoked: &mut Provoked, client: &mut Client, observer: &mut Client) {
    let own = client.member_list().await.unwrap().members()[0].clone();
    let learner = || Some(MemberAddOptions::new().with_is_learner());
    provoked.refused(observer, "member not found", client.member_remove(999)).await;
    provoked.refused(observer, "Peer URLs already exists", client.member_add([own.peer_urls()[0].clone()], learner())).await;
    provoked.refused(observer, "given member URLs are invalid", client.member_add(["http://127.0.0.1"], learner())).await;
    provoked.refused(observer, "not enough started members", client.member_remove(own.id())).await;
    provoked.refused(observer, "can only promote a learner member", client.member_promote(own.id())).await;
    provoked.refused(observer, "bad leader transferee", client.move_leader(999)).await;
    let added = client.member_add(["http://127.0.0.1:1"], learner()).await.unwrap();
    provoked.refused(observer, "too many learner members", client.member_add(["http://127.0.0.1:2"], learner())).await;
    let id = added.member().unwrap().id();
    provoked.refused(observer, "which is in sync with leader", client.member_promote(id)).await;
    client.member_remove(id).await.unwrap();
}

async fn refuse_users(provoked: &mut Provoked, client: &mut Client, observer: &mut Client) {
    let options = |name: &str, password: &str| Some(ConnectOptions::new().with_user(name, password));
    let url = provoked.url(M1);
    provoked.refused(observer, "authentication is not enabled", Client::connect([&url], options("root", "p"))).await;
    provoked.refused(observer, "root user does not exist", client.auth_enable()).await;
    client.user_add("root", "p", None).await.unwrap();
    provoked.refused(observer, "root user does not have root role", client.auth_enable()).await;
    provoked.refused(observer, "user name already exists", client.user_add("root", "p", None)).await;
    provoked.refused(observer, "user name is empty", client.user_add("", "p", None)).await;
    provoked.refused(observer, "user name not found", client.user_get("nobody")).await;
    provoked.refused(observer, "role name is empty", client.role_add("")).await;
    client.role_add("reader").await.unwrap();
    provoked.refused(observer, "role name already exists", client.role_add("reader")).await;
    provoked.refused(observer, "role name not found", client.role_get("nothing")).await;
    provoked.refused(observer, "role is not granted to the user", client.user_revoke_role("root", "reader")).await;
    provoked.refused(observer, "permission is not granted to the role", client.role_revoke_permission("reader", "b", None)).await;
    client.role_grant_permission("reader", Permission::read_write("b")).await.unwrap();
    client.user_add("bob", "p", None).await.unwrap();
    client.user_grant_role("bob", "reader").await.unwrap();
    client.role_add("root").await.unwrap();
    client.user_grant_role("root", "root").await.unwrap();
    client.auth_enable().await.unwrap();

    let mut root = Client::connect([&url], options("root", "p")).await.unwrap();
    let observer = &mut root.clone();
    let mut bob = Client::connect([&url], options("bob", "p")).await.unwrap();
    provoked.refused(observer, "authentication failed", Client::connect([&url], options("bob", "wrong"))).await;
    provoked.refused(observer, "user name is empty", client.put("b", "value", None)).await;
    provoked.refused(observer, "permission denied", bob.put("z", "value", None)).await;
    let half = Txn::new().and_then([put("b"), put("z")]);
    provoked.refused(observer, "permission denied", bob.txn(half)).await;
    let compared = Txn::new().when([Compare::version("z", CompareOp::Equal, 0)]).and_then([put("b")]);
    provoked.refused(observer, "permission denied", bob.txn(compared)).await;
    provoked.refused(observer, "invalid auth management", root.role_delete("root")).await;
    bob.put("b", "value", None).await.unwrap();
    // A new password makes the tokens of the old one invalid.
    root.user_change_password("bob", "q").await.unwrap();
    provoked.refused(observer, "invalid auth token", bob.put("b", "value", None)).await;
    root.auth_disable().await.unwrap();
}

/// The write that crosses the quota is carried out and refused with the same words as those after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_database_says_nothing_about_a_write() {
    for binary in binaries() {
        let mut provoked = Provoked::start(&binary, 1, &["--quota-backend-bytes=4000000"]).await;
        let mut client = provoked.client(M1, None).await;
        let mut refused = None;
        for number in 0..40 {
            if let Err(error) = client.put(format!("k/{number}"), vec![b'v'; MEBIBYTE], None).await {
                refused = Some(error);
                break;
            }
        }
        let error = refused.expect("the database never got full");
        provoked.hold(&Request::Put(Put::default()), &error, "database space exceeded", Effect::Unknown);
        provoked.testbed.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_member_without_leadership_refuses_has_its_row() {
    for binary in binaries() {
        let mut provoked = Provoked::start(&binary, 3, &[]).await;
        let mut client = provoked.client(M1, None).await;
        let leader = client.status().await.unwrap().leader();
        let mut members = Vec::new();
        for member in provoked.testbed.members() {
            let id = provoked.client(member, None).await.status().await.unwrap().header().unwrap().member_id();
            members.push((member, id));
        }
        let (leading, _) = *members.iter().find(|(_, id)| *id == leader).unwrap();
        let (following, followers_id) = *members.iter().find(|(_, id)| *id != leader).unwrap();
        let mut observer = provoked.client(leading, None).await;
        let mut follower = provoked.client(following, None).await;
        provoked.refused(&mut observer, "not leader", follower.move_leader(followers_id)).await;

        // While leadership goes to a member that is paused, the leader's raft drops proposals.
        let mut leaders = provoked.client(leading, None).await;
        provoked.testbed.member(following).unwrap().pause().await.unwrap();
        let mut mover = leaders.clone();
        let moving = tokio::spawn(async move { mover.move_leader(followers_id).await });
        let mut dropped = None;
        for number in 0..200 {
            match tokio::time::timeout(TIMEOUT, leaders.put(format!("dropped/{number}"), "value", None)).await {
                Ok(Err(error)) => {
                    dropped = Some((number, error));
                    break;
                }
                Ok(Ok(_)) => tokio::time::sleep(Duration::from_millis(10)).await,
                Err(_) => panic!("no answer"),
            }
        }
        let (number, error) = dropped.expect("no proposal was dropped");
        let put = Request::Put(Put::default());
        provoked.hold(&put, &error, "raft proposal dropped", Effect::None);
        // The transfer is waited for without an end.
        moving.abort();
        provoked.testbed.member(following).unwrap().resume().await.unwrap();
        provoked.testbed.await_healthy(Duration::from_secs(30)).await.unwrap();
        absent_everywhere(&provoked, &members, &format!("dropped/{number}")).await;

        // A member that is cut off and asked to refuse without a leader does so.
        const LOST: LinkState = LinkState { flow: Flow::Lost, delay: Duration::ZERO, jitter: Duration::ZERO };
        for (other, _) in members.iter().filter(|(other, _)| *other != following) {
            provoked.testbed.links().set(Link::Peer { from: following, to: *other }, LOST);
            provoked.testbed.links().set(Link::Peer { from: *other, to: following }, LOST);
        }
        let mut strict = provoked.client(following, Some(ConnectOptions::new().with_require_leader(true))).await;
        let mut attempt = 0;
        let mut refused = None;
        eventually("the member refuses for want of a leader", async || {
            attempt += 1;
            let key = format!("leaderless/{attempt}");
            let put = tokio::time::timeout(Duration::from_millis(200), strict.put(key.clone(), "value", None)).await;
            let is_refusal = |error: &Error| matches!(error, Error::GRpcStatus(status) if status.message().contains("no leader"));
            refused = put.ok().and_then(Result::err).filter(is_refusal).map(|error| (key, error));
            refused.is_some()
        })
        .await;
        let (key, error) = refused.unwrap();
        provoked.hold(&put, &error, "etcdserver: no leader", Effect::None);
        provoked.testbed.links().heal_all();
        provoked.testbed.await_healthy(Duration::from_secs(30)).await.unwrap();
        absent_everywhere(&provoked, &members, &key).await;

        // Without a quorum a proposal waits, and may be committed when there is one again.
        for (member, _) in members.iter().filter(|(member, _)| *member != leading) {
            provoked.testbed.member(*member).unwrap().pause().await.unwrap();
        }
        let error = tokio::time::timeout(TIMEOUT, leaders.put("waiting", "value", None)).await.unwrap().unwrap_err();
        provoked.hold(&put, &error, "etcdserver: request timed out", Effect::Unknown);
        for (member, _) in members.iter().filter(|(member, _)| *member != leading) {
            provoked.testbed.member(*member).unwrap().resume().await.unwrap();
        }
        provoked.testbed.stop().await;
    }
}

/// Reads a key from every member through consensus, so that nothing is still to come that was proposed before.
async fn absent_everywhere(provoked: &Provoked, members: &[(MemberIndex, u64)], key: &str) {
    for (member, _) in members {
        let mut client = provoked.client(*member, None).await;
        let mut count = None;
        eventually("a member answers a linearizable read", async || {
            let get = tokio::time::timeout(Duration::from_secs(2), client.get(key, None)).await;
            count = get.ok().and_then(Result::ok).map(|get| get.count());
            count.is_some()
        })
        .await;
        assert_eq!(count, Some(0), "{}: {member:?} has {key}", provoked.binary);
    }
}

/// A member refuses proposals when more than 5,000 committed entries wait to be applied. A transaction that sorts many keys many times
/// holds application up, while others go on to be committed.
#[tokio::test(flavor = "multi_thread")]
async fn too_many_requests_are_refused_before_they_are_proposed() {
    const KEYS: usize = 40_000;
    const WRITERS: usize = 8;
    const WRITES: usize = 900;
    const ROUNDS_MAX: usize = 20;
    for binary in binaries() {
        let mut provoked = Provoked::start(&binary, 1, &["--unsafe-no-fsync=true"]).await;
        let mut client = provoked.client(M1, None).await;
        for first in (0..KEYS).step_by(125) {
            let puts: Vec<TxnOp> = (first..first + 125).map(|number| put(&format!("seed/{number}"))).collect();
            client.txn(Txn::new().and_then(puts)).await.unwrap();
        }
        // With a sort by value all keys are read, whatever the limit.
        let sorted = GetOptions::new().with_prefix().with_limit(1).with_sort(SortTarget::Value, SortOrder::Descend);
        let slow: Vec<TxnOp> = std::iter::once(put("slow")).chain((0..120).map(|_| TxnOp::get("seed/", Some(sorted.clone())))).collect();
        let mut clients = Vec::new();
        for _ in 0..WRITERS {
            clients.push(provoked.client(M1, None).await);
        }
        let mut refused = Vec::new();
        // Whether application is held up while so many entries are committed is a race: it is run until it is won.
        for round in 0..ROUNDS_MAX {
            let (mut slow_client, slow) = (client.clone(), slow.clone());
            let slow = tokio::spawn(async move { slow_client.txn(Txn::new().and_then(slow)).await.map(drop) });
            let mut writes = tokio::task::JoinSet::new();
            for number in 0..WRITERS * WRITES {
                let mut client = clients[number % WRITERS].clone();
                writes.spawn(async move {
                    let key = format!("write/{round}/{number}");
                    let written = tokio::time::timeout(Duration::from_secs(60), client.put(key.clone(), "value", None)).await;
                    (key, written.map(|written| written.map(drop)))
                });
            }
            while let Some(written) = writes.join_next().await {
                if let (key, Ok(Err(error))) = written.unwrap()
                    && matches!(&error, Error::GRpcStatus(status) if status.message().contains("too many requests"))
                {
                    refused.push((key, error));
                }
            }
            let _ = slow.await.unwrap();
            if !refused.is_empty() {
                break;
            }
        }
        let (_, error) = refused.first().expect("no write was refused");
        provoked.hold(&Request::Put(Put::default()), error, "etcdserver: too many requests", Effect::None);
        println!("{}: {} of {} writes refused", provoked.binary, refused.len(), WRITERS * WRITES);
        let found = client.get("write/", Some(GetOptions::new().with_prefix().with_keys_only())).await.unwrap();
        let written: BTreeSet<&str> = found.kvs().iter().map(|kv| kv.key_str().unwrap()).collect();
        for (key, _) in &refused {
            assert!(!written.contains(key.as_str()), "{}: {key} was refused and written", provoked.binary);
        }
        provoked.testbed.stop().await;
    }
}

/// A misspelt row would never match; the texts of etcd's errors are in its binary.
#[test]
fn every_text_of_the_table_is_in_the_newest_binary() {
    let bytes = std::fs::read(etcd_binary()).unwrap();
    let texts: Vec<&str> = errors::rows().iter().filter_map(errors::Row::etcd_text).collect();
    let mut missing: BTreeSet<&str> = texts.iter().copied().collect();
    for at in 0..bytes.len().saturating_sub(8) {
        if matches!(&bytes[at..at + 5], b"etcds" | b"raft " | b"auth:") {
            missing.retain(|text| !bytes[at..].starts_with(text.as_bytes()));
        }
    }
    // etcd defines the first and never returns it, so that its linker leaves it out; the others are of other releases.
    let expected = ["etcdserver: cannot promote member", "etcdserver: invalid client api version", "etcdserver: invalid sort option"];
    missing.retain(|text| !expected.contains(text));
    assert!(missing.is_empty(), "{missing:#?}");
}
