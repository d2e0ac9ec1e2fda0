//! The dataset on a real member.

use std::time::Duration;

use ticketcd::dataset::{Dataset, DatasetError, LoadOptions, Target, clean, load, verify};
use ticketcd::record::Sink;
use ticketcd::scenario::types;
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{AnswerBody, Put, Range, Request};
use ticketcd_judge::model::Keyspace;
use tokio_util::sync::CancellationToken;

use crate::member::{Member, TIMEOUT};

const OPTIONS: LoadOptions = LoadOptions { workers: 4, force: false };

async fn target(member: &Member) -> Target {
    let clients = vec![member.client().await];
    Target { clients, sink: Sink::discarding(), timeout: Duration::from_secs(5), stop: CancellationToken::new() }
}

fn shop() -> Dataset {
    let spec = types::Dataset { users: 300, events: 20, ..types::Dataset::default() };
    Dataset::generate(&spec, 42, &Keyspace::new("shop/")).unwrap()
}

async fn put(target: &Target, key: &str, value: &str) {
    let put = Request::Put(Put { key: key.into(), value: value.into(), ..Put::default() });
    assert!(matches!(target.clients[0].call(&put, TIMEOUT).await, CallOutcome::Ok(_)));
}

/// Every key of the cluster with its value and revision.
async fn everything(target: &Target) -> Vec<(String, String, i64)> {
    let zero = ticketcd_judge::history::Blob::from(&[0_u8][..]);
    let range = Range { key: zero.clone(), range_end: zero, ..Range::default() };
    let AnswerBody::Range(found) = target.clients[0].range(&range, TIMEOUT).await.unwrap().body else { panic!() };
    found.kvs.iter().map(|kv| (kv.key.to_text(), kv.value.to_text(), kv.mod_revision)).collect()
}

#[tokio::test]
async fn a_dataset_is_written_verified_tampered_with_and_removed() {
    let member = Member::start(&[]).await;
    let target = target(&member).await;
    let dataset = shop();
    put(&target, "other", "stays").await;

    let mut last = None;
    let loaded = load(&dataset, &target, OPTIONS, |progress| last = Some(progress)).await.unwrap();
    assert_eq!((loaded.written, loaded.skipped), (dataset.entries.len(), 0));
    let last = last.unwrap();
    assert_eq!((last.done, last.total), (dataset.entries.len(), dataset.entries.len()));
    assert_eq!(verify(&dataset, &target, |_| ()).await.unwrap().keys, dataset.entries.len());

    let victim = dataset.keys.user(&dataset.catalogue.users[7]).to_text();
    put(&target, &victim, "{}").await;
    let Err(DatasetError::Mismatch { missing: 0, different: 1, unexpected: 0, first }) = verify(&dataset, &target, |_| ()).await else {
        panic!("the change was not found");
    };
    assert!(first.contains(&victim), "{first}");
    let Err(DatasetError::Changed { key }) = load(&dataset, &target, OPTIONS, |_| ()).await else { panic!("it was overwritten") };
    assert_eq!(key, victim);

    let forced = load(&dataset, &target, LoadOptions { force: true, ..OPTIONS }, |_| ()).await.unwrap();
    assert_eq!(forced.written, dataset.entries.len());
    verify(&dataset, &target, |_| ()).await.unwrap();

    let removed = clean(&dataset.keys, &target, |_| ()).await.unwrap();
    assert_eq!(removed, dataset.entries.len() + 1, "the marker is removed too");
    let left: Vec<_> = everything(&target).await.into_iter().map(|(key, ..)| key).collect();
    assert_eq!(left, ["other"]);
    assert_eq!(clean(&Keyspace::default(), &target, |_| ()).await, Err(DatasetError::NoPrefix));
}

#[tokio::test]
async fn a_prefix_that_is_not_empty_is_refused_and_nothing_changes() {
    let member = Member::start(&[]).await;
    let target = target(&member).await;
    put(&target, "shop/user:somebody", "else").await;
    let before = everything(&target).await;
    let refused = load(&shop(), &target, OPTIONS, |_| ()).await.unwrap_err();
    assert!(matches!(refused, DatasetError::NotEmpty { keys: 1, .. }), "{refused}");
    assert_eq!(everything(&target).await, before);
}

#[tokio::test]
async fn loading_resumes_where_it_was_stopped() {
    let member = Member::start(&[]).await;
    let target = target(&member).await;
    let dataset = shop();
    let stop = CancellationToken::new();
    let stopped = Target { stop: stop.clone(), ..target.clone() };
    let one_worker = LoadOptions { workers: 1, ..OPTIONS };
    let outcome = load(&dataset, &stopped, one_worker, |progress| {
        if progress.done > 0 {
            stop.cancel();
        }
    });
    let Err(DatasetError::Interrupted { done, total }) = outcome.await else { panic!("it was not stopped") };
    assert!(done > 0 && done < total, "{done} of {total}");

    let resumed = load(&dataset, &target, OPTIONS, |_| ()).await.unwrap();
    assert_eq!((resumed.skipped, resumed.written), (done, total - done));
    verify(&dataset, &target, |_| ()).await.unwrap();

    let other_seed = Dataset::generate(&dataset.spec, 43, &dataset.keys).unwrap();
    let refused = load(&other_seed, &target, OPTIONS, |_| ()).await.unwrap_err();
    assert!(refused.to_string().contains("seed 42"), "{refused}");
}

#[tokio::test]
async fn of_two_loaders_of_different_shops_one_is_refused() {
    let member = Member::start(&[]).await;
    let target = target(&member).await;
    for round in 0..8 {
        let keys = Keyspace::new(format!("round{round}/"));
        let shop = |seed| Dataset::generate(&types::Dataset { users: 300, events: 5, ..types::Dataset::default() }, seed, &keys).unwrap();
        let (one, other) = (shop(1), shop(2));
        let outcomes = tokio::join!(load(&one, &target, OPTIONS, |_| ()), load(&other, &target, OPTIONS, |_| ()));
        let (winner, refused) = match outcomes {
            (Ok(_), Err(refused)) => (one, refused),
            (Err(refused), Ok(_)) => (other, refused),
            both => panic!("{both:?}"),
        };
        assert!(matches!(refused, DatasetError::NotEmpty { .. }), "{refused}");
        verify(&winner, &target, |_| ()).await.unwrap();
        let (first, second) = (load(&winner, &target, OPTIONS, |_| ()), load(&winner, &target, OPTIONS, |_| ()));
        assert!(matches!(tokio::join!(first, second), (Ok(_), Ok(_))), "the same shop may be loaded by two");
    }
}

#[tokio::test]
async fn a_full_database_is_reported_at_once() {
    let member = Member::start(&["--quota-backend-bytes=2097152"]).await;
    let target = target(&member).await;
    let spec = types::Dataset { users: 30_000, events: 1, ..types::Dataset::default() };
    let dataset = Dataset::generate(&spec, 1, &Keyspace::new("shop/")).unwrap();
    let full = tokio::time::timeout(Duration::from_secs(25), load(&dataset, &target, OPTIONS, |_| ())).await.unwrap().unwrap_err();
    assert!(matches!(full, DatasetError::NoSpace { .. }), "{full}");
    assert!(full.to_string().contains("--quota-backend-bytes"));
}

#[tokio::test]
async fn a_loader_that_was_killed_is_continued_by_the_next() {
    let member = Member::start(&[]).await;
    let target = target(&member).await;
    let endpoint = member.endpoint().to_string();
    let program = |command: &str| {
        let mut program = std::process::Command::new(crate::support::ticketcd_binary());
        program.args(["dataset", command, "--users", "30000", "--events", "500", "--endpoints", &endpoint]);
        program
    };
    let everything = Range { key: "ticketcd/".into(), range_end: "ticketcd0".into(), count_only: true, ..Range::default() };
    let count = async || match target.clients[0].range(&everything, TIMEOUT).await.unwrap().body {
        AnswerBody::Range(found) => found.count,
        other => panic!("{other:?}"),
    };
    let mut loader = program("load").stdout(std::process::Stdio::null()).spawn().unwrap();
    while count().await < 1000 {
        assert!(loader.try_wait().unwrap().is_none(), "it ended before it could be killed");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    loader.kill().unwrap();
    assert!(!loader.wait().unwrap().success());
    let query = || {
        let mut query = std::process::Command::new(crate::support::ticketcd_binary());
        let output = query.args(["query", "revenue", "--endpoints", &endpoint]).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    let warning = query();
    let resume = "ticketcd dataset load --users 30000 --events 500 --ticket-types 3 --stock 50..500 --seed 1 --prefix ticketcd/";
    assert!(warning.contains("a part of a dataset of 30000 users and 500 events") && warning.contains(resume), "{warning}");
    let resumed = program("load").output().unwrap();
    let said = String::from_utf8(resumed.stdout).unwrap();
    let numbers: Vec<i64> = said.split_whitespace().filter_map(|word| word.replace(',', "").parse().ok()).collect();
    let [written, skipped, ..] = numbers[..] else { panic!("{said}") };
    assert!(written > 0 && skipped >= 900, "{said}");
    assert_eq!(written + skipped + 1, count().await, "{said}");
    assert!(program("verify").output().unwrap().status.success());
    assert_eq!(query(), "", "a whole dataset needs no warning");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_that_is_removed_while_it_is_written_is_not_reported_as_written() {
    let member = Member::start(&[]).await;
    let target = target(&member).await;
    let dataset = shop();
    // Removed when the first batch is written, and before the last one is.
    let begun = std::sync::Arc::new(tokio::sync::Notify::new());
    let cleaning = tokio::spawn({
        let (begun, keys, target) = (begun.clone(), dataset.keys.clone(), self::target(&member).await);
        async move {
            begun.notified().await;
            clean(&keys, &target, |_| ()).await.unwrap();
        }
    });
    let loaded = load(&dataset, &target, LoadOptions { workers: 1, ..OPTIONS }, |progress| {
        if progress.done > 0 {
            begun.notify_one();
        }
    })
    .await;
    cleaning.await.unwrap();
    match loaded {
        Err(DatasetError::Removed) => assert!(everything(&target).await.is_empty(), "a part is left"),
        // The removal came when everything was written.
        Ok(_) => assert!(verify(&dataset, &target, |_| ()).await.is_err()),
        Err(error) => panic!("{error}"),
    }
}
