//! The dataset on a real member.

use std::time::Duration;

use ticketcd::dataset::{Dataset, DatasetError, LoadOptions, Target, clean, load, verify};
use ticketcd::record::Recorder;
use ticketcd::scenario::types;
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{AnswerBody, Put, Range, Request};
use ticketcd_judge::model::Keyspace;
use tokio_util::sync::CancellationToken;

use crate::support::{Member, TIMEOUT};

const OPTIONS: LoadOptions = LoadOptions { workers: 4, force: false };

async fn target(member: &Member) -> (Target, Recorder) {
    let (sink, recorder) = Recorder::start(Vec::new()).unwrap();
    let clients = vec![member.client().await];
    (Target { clients, sink, timeout: Duration::from_secs(5), stop: CancellationToken::new() }, recorder)
}

fn shop() -> Dataset {
    let spec = types::Dataset { users: 300, events: 20, ..types::Dataset::default() };
    Dataset::generate(&spec, 42, &Keyspace::new("shop/")).unwrap()
}

async fn put(target: &Target, key: &str, value: &str) {
    let put = Request::Put(Put { key: key.into(), value: value.into(), lease: 0 });
    assert!(matches!(target.clients[0].call(&put, TIMEOUT).await, CallOutcome::Ok(_)));
}

/// Every key of the cluster with its value and revision.
async fn everything(target: &Target) -> Vec<(String, String, i64)> {
    let zero = ticketcd_judge::model::Blob::from(&[0_u8][..]);
    let range = Range { key: zero.clone(), range_end: zero, ..Range::default() };
    let AnswerBody::Range(found) = target.clients[0].range(&range, TIMEOUT).await.unwrap().body else { panic!() };
    found.kvs.iter().map(|kv| (kv.key.to_text(), kv.value.to_text(), kv.mod_revision)).collect()
}

#[tokio::test]
async fn a_dataset_is_written_verified_tampered_with_and_removed() {
    let member = Member::start(&[]).await;
    let (target, _recorder) = target(&member).await;
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
    let (target, _recorder) = target(&member).await;
    put(&target, "shop/user:somebody", "else").await;
    let before = everything(&target).await;
    let refused = load(&shop(), &target, OPTIONS, |_| ()).await.unwrap_err();
    assert!(matches!(refused, DatasetError::NotEmpty { keys: 1, .. }), "{refused}");
    assert_eq!(everything(&target).await, before);
}

#[tokio::test]
async fn loading_resumes_where_it_was_stopped() {
    let member = Member::start(&[]).await;
    let (target, _recorder) = target(&member).await;
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
