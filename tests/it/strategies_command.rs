//! Scripts of the user's, on a real member. They are Python or shell, as users' are: python3 must be there.

use std::sync::Arc;
use std::time::Duration;

use ticketcd::scenario::types::{self, CommandSettings, Load};
use ticketcd::scenario::units::Span;
use ticketcd::shop::{PurchaseResult, Shop, StrategyContext, StrategyError, Supervision};
use ticketcd_judge::history::annotation::OrderOutcome;
use tokio::task::JoinSet;

use crate::fixtures::shop::{EVENT, ShopFixture, is_sold, order};
use crate::member::Kept;
use crate::support::{eventually, is_alive, ticketcd_binary};

fn load(command: &[&str], timeout: Span) -> Load {
    let run = command.iter().map(|&word| word.to_owned()).collect();
    Load { strategy: types::Strategy::Command(CommandSettings { timeout, ..CommandSettings::new(run) }), buyers: 20, ..Load::default() }
}

fn shell(script: &str) -> Load {
    load(&["sh", "-c", script], Span::milliseconds(700))
}

/// What becomes of an order that a script serves.
async fn served_by(script: &str) -> (PurchaseResult, ShopFixture) {
    let fixture = ShopFixture::new(&[], &[("pink", 9)], &shell(script)).await;
    let (_, sink, recorder) = Kept::start();
    let bought = fixture.buy(&sink, order(0, 1, "ann", &[("pink", 1)])).await;
    fixture.shop.close().await;
    drop(sink);
    recorder.finish().unwrap();
    (bought, fixture)
}

fn reason(bought: &PurchaseResult) -> &str {
    match &bought.outcome {
        OrderOutcome::Rejected { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_sells_out_exactly() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/buy.py");
    let load = load(&["python3", example], Span::seconds(30));
    let fixture = Arc::new(ShopFixture::new(&[], &[("green", 9), ("pink", 30)], &load).await);
    let (_, sink, recorder) = Kept::start();
    let mut caller = fixture.caller(&sink);
    fixture.shop.prepare(&mut caller, &[EVENT.to_owned()]).await.expect("python3 is needed for this test");
    caller.close().await;
    let mut crowd = JoinSet::new();
    for buyer in 0..20 {
        let (fixture, sink) = (Arc::clone(&fixture), sink.clone());
        crowd.spawn(async move {
            let (mut sold, mut sequence) = (0, 0);
            loop {
                sequence += 1;
                let bought = fixture.buy(&sink, order(buyer, sequence, &format!("u{buyer}"), &[("pink", 1)])).await;
                match bought.outcome {
                    OrderOutcome::Sold { .. } => {
                        assert_eq!(bought.paid.0, 4990);
                        sold += 1;
                    }
                    OrderOutcome::Conflict => {}
                    OrderOutcome::SoldOut => return sold,
                    other => panic!("{other:?}"),
                }
            }
        });
    }
    assert_eq!(crowd.join_all().await.into_iter().sum::<i64>(), 30);
    let two = fixture.buy(&sink, order(50, 1, "ann", &[("green", 2)])).await;
    assert!(is_sold(&two), "{two:?}");
    fixture.shop.close().await;
    drop(sink);
    recorder.finish().unwrap();
    assert_eq!((fixture.left("pink").await, fixture.left("green").await, fixture.left_of_event().await), (0, 7, 7));
    assert_eq!(fixture.bought().await, 32);
}

#[tokio::test]
async fn a_script_that_only_says_it_sold_is_not_believed() {
    let (bought, _) = served_by(r#"while read order; do echo '{"sold": true}'; done"#).await;
    assert!(reason(&bought).contains("none of its transactions wrote the order's id"), "{bought:?}");
}

#[tokio::test]
async fn a_script_that_fails_is_named_with_its_line_and_what_was_expected() {
    let (garbage, _) = served_by("read order; echo 'Traceback (most recent call last)'; sleep 60").await;
    assert!(reason(&garbage).contains("Traceback (most") && reason(&garbage).contains(r#"expected one of {"range""#), "{garbage:?}");
    let (died, _) = served_by("read order; exit 3").await;
    assert!(reason(&died).contains("exit 3") && reason(&died).contains("exit status: 3"), "{died:?}");
    let (hangs, _) = served_by("read order; sleep 60").await;
    assert!(reason(&hangs).contains("load.strategy.command.timeout"), "{hangs:?}");
}

#[tokio::test]
async fn nothing_that_a_script_started_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let pid = directory.path().join("pid");
    let script = format!("sleep 600 & echo $! > {}; while read order; do echo '{{\"conflict\": true}}'; done", pid.display());
    let (bought, _) = served_by(&script).await;
    assert_eq!(bought.outcome, OrderOutcome::Conflict);
    let sleeper: u32 = std::fs::read_to_string(&pid).unwrap().trim().parse().unwrap();
    eventually("its child is gone", async || !is_alive(sleeper)).await;
}

/// As in a run: supervised, with a log.
async fn served_in_a_run(script: &str, log: &std::path::Path) -> (PurchaseResult, Result<(), StrategyError>) {
    let load = shell(script);
    let mut fixture = ShopFixture::new(&[], &[("pink", 9)], &load).await;
    let strategy = load
        .strategy
        .start(&StrategyContext { buyers: load.buyers, supervision: Some(Supervision { supervisor: &ticketcd_binary(), log }) });
    fixture.shop = Arc::new(Shop { strategy, ..(*fixture.shop).clone() });
    let (_, sink, recorder) = Kept::start();
    let mut caller = fixture.caller(&sink);
    let opened = fixture.shop.prepare(&mut caller, &[EVENT.to_owned()]).await;
    caller.close().await;
    let bought = fixture.buy(&sink, order(0, 1, "ann", &[("pink", 1)])).await;
    fixture.shop.close().await;
    drop(sink);
    recorder.finish().unwrap();
    (bought, opened)
}

#[tokio::test]
async fn in_a_run_what_a_script_complains_about_is_kept_and_named() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("script.log");
    let (died, opened) = served_in_a_run("read order; echo 'no such colour' >&2; exit 3", &log).await;
    opened.unwrap();
    assert!(reason(&died).contains("exit status: 3") && reason(&died).contains("script.log of the run directory"), "{died:?}");
    eventually("its complaint is in the log", async || std::fs::read_to_string(&log).unwrap() == "1: no such colour\n").await;
    let (conflict, opened) = served_in_a_run(r#"while read order; do echo '{"conflict": true}'; done"#, &log).await;
    assert_eq!(conflict.outcome, OrderOutcome::Conflict);
    opened.unwrap();
}

#[tokio::test]
async fn in_a_run_nothing_that_a_script_started_is_left_either() {
    let directory = tempfile::tempdir().unwrap();
    let (log, pids) = (directory.path().join("script.log"), directory.path().join("pids"));
    // It reads no end of input, and neither does what it starts.
    let script =
        format!("sleep 600 & echo $! >> {0}; echo $$ >> {0}; read order; echo '{{\"conflict\": true}}'; sleep 600", pids.display());
    let (bought, _) = served_in_a_run(&script, &log).await;
    assert_eq!(bought.outcome, OrderOutcome::Conflict);
    let pids: Vec<u32> = std::fs::read_to_string(&pids).unwrap().lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(pids.len(), 2);
    eventually("script and child are gone", async || !pids.iter().any(|pid| is_alive(*pid))).await;
}

#[tokio::test]
async fn in_a_run_a_script_that_cannot_be_started_is_reported_before_the_load() {
    let directory = tempfile::tempdir().unwrap();
    let load = load(&["/no/such/program", "x"], Span::seconds(5));
    let log = directory.path().join("script.log");
    let supervision = Supervision { supervisor: &ticketcd_binary(), log: &log };
    let strategy = load.strategy.start(&StrategyContext { buyers: load.buyers, supervision: Some(supervision) });
    let fixture = ShopFixture::new(&[], &[("pink", 9)], &load).await;
    let shop = Shop { strategy, ..(*fixture.shop).clone() };
    let (_, sink, recorder) = Kept::start();
    let mut caller = fixture.caller(&sink);
    let refused = shop.prepare(&mut caller, &[EVENT.to_owned()]).await.unwrap_err().to_string();
    assert!(refused.contains("/no/such/program x") && refused.contains("No such file"), "{refused}");
    caller.close().await;
    drop(sink);
    recorder.finish().unwrap();
}

#[tokio::test]
async fn a_script_that_cannot_be_started_ends_the_run_before_it_begins() {
    let fixture = ShopFixture::new(&[], &[("pink", 9)], &load(&["/no/such/program", "x"], Span::seconds(5))).await;
    let (_, sink, recorder) = Kept::start();
    let mut caller = fixture.caller_with(&fixture.client, &sink, Duration::from_secs(1));
    let refused = fixture.shop.prepare(&mut caller, &[EVENT.to_owned()]).await.unwrap_err().to_string();
    assert!(refused.contains("/no/such/program x") && refused.contains("No such file"), "{refused}");
    caller.close().await;
    drop(sink);
    recorder.finish().unwrap();
}
