//! Buying with serializable reads, at a member that has lost the others: what it has may be out of date, and it cannot know.

use ticketcd::etcd::{Client, RecordingClient};
use ticketcd::record::Sink;
use ticketcd::scenario::types::{self, ReadMode};
use ticketcd::shop::{Shop, StrategyContext};
use ticketcd::testbed::{Route, Testbed};
use ticketcd_judge::history::MemberIndex;
use ticketcd_judge::history::annotation::OrderOutcome;
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{AnswerBody, Put, Range, Request};
use ticketcd_judge::model::Keyspace;

use crate::fixtures::shop::{EVENT, memory, order};
use crate::member::{Kept, TIMEOUT};
use crate::support::{concert, eventually, start_testbed};

const ALONE: MemberIndex = MemberIndex(0);

/// A member that is alone with a ticket of which it has none left.
struct Remote {
    client: Client,
    keys: Keyspace,
    testbed: Testbed,
    _directory: tempfile::TempDir,
}

impl Remote {
    async fn start(sink: &Sink) -> Self {
        let directory = tempfile::Builder::new().prefix("t").tempdir().unwrap();
        let testbed = start_testbed(directory.path(), 3, sink.clone()).await.unwrap();
        let client = testbed.clients(Route::Harness, 1).await.unwrap().swap_remove(ALONE.index());
        let keys = Keyspace::new("t/");
        let ticket = br#"{"total_quantity":9,"current_quantity":0,"price":49.90}"#;
        let event = serde_json::to_vec(&concert(0)).unwrap();
        for (key, value) in [(keys.event(EVENT), event), (keys.ticket(EVENT, "pink"), ticket.to_vec())] {
            let put = Request::Put(Put { key, value: value.into(), ..Put::default() });
            eventually("it is written", async || matches!(client.call(&put, TIMEOUT).await, CallOutcome::Ok(_))).await;
        }
        for other in [MemberIndex(1), MemberIndex(2)] {
            testbed.member(other).unwrap().kill().await.unwrap();
        }
        let own = Request::Range(Range { key: keys.ticket(EVENT, "pink"), serializable: true, ..Range::default() });
        let has = |outcome| match outcome {
            CallOutcome::Ok(answer) => matches!(answer.body, AnswerBody::Range(range) if range.kvs.len() == 1),
            _ => false,
        };
        eventually("the member has it too", async || has(client.call(&own, TIMEOUT).await)).await;
        Self { client, keys, testbed, _directory: directory }
    }

    /// What a buyer of this strategy is told there.
    async fn tells(&self, sink: &Sink, name: &str) -> OrderOutcome {
        let strategy = types::Strategy::with_defaults(name).unwrap().start(&StrategyContext::of(1));
        let shop = Shop { keys: self.keys.clone(), run_tag: "r1".into(), date: "01-05-2026 20:00".into(), strategy };
        let timeout = std::time::Duration::from_millis(500);
        let mut caller =
            RecordingClient::new(vec![self.client.clone()], MemberIndex(0), timeout, sink.clone()).reading(ReadMode::Serializable);
        let bought = shop.buy(&mut caller, &mut memory(), &order(0, 1, "ann", &[("pink", 1)])).await;
        caller.close().await;
        shop.close().await;
        bought.outcome
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_safe_refuses_nobody_for_what_one_member_says() {
    let (_, sink, recorder) = Kept::start();
    let remote = Remote::start(&sink).await;
    // It has no guard and asks nobody: this is what it would say of tickets that have come back meanwhile.
    assert_eq!(remote.tells(&sink, "naive").await, OrderOutcome::SoldOut);
    for name in ["optimistic", "batched", "sharded", "hold", "quoted"] {
        match remote.tells(&sink, name).await {
            OrderOutcome::Rejected { reason, .. } => assert!(reason.contains("could not be read"), "{name}: {reason}"),
            other => panic!("{name} says {other:?} for what it cannot know"),
        }
    }
    remote.testbed.stop().await;
    drop(remote);
    drop(sink);
    recorder.finish().unwrap();
}
