//! `two-step`: tickets and purchase in two transactions.

use std::process::Command;

use ticketcd::scenario::types::{Load, Strategy};
use tokio::task::JoinSet;

use crate::fixtures::shop::{ShopFixture, is_sold, memory, order};
use crate::member::Kept;

#[tokio::test]
async fn a_crowd_buys_a_ticket_out_exactly_and_each_purchase_has_two_revisions() {
    let load = Load { strategy: Strategy::with_defaults("two-step").unwrap(), ..Load::default() };
    let fixture = ShopFixture::new(&[], &[("pink", 20)], &load).await;
    let (_, sink, recorder) = Kept::start();
    let buyers = (0..30).map(|buyer| {
        let (shop, mut caller) = (std::sync::Arc::clone(&fixture.shop), fixture.caller(&sink));
        async move {
            let mut result = None;
            // A conflict is no refusal: the buyer comes again.
            for sequence in 0..50 {
                let bought = shop.buy(&mut caller, &mut memory(), &order(buyer, sequence, &format!("u{buyer}"), &[("pink", 1)])).await;
                let is_over = is_sold(&bought) || bought.outcome == ticketcd_judge::history::annotation::OrderOutcome::SoldOut;
                result = Some(bought);
                if is_over {
                    break;
                }
            }
            caller.close().await;
            result.unwrap()
        }
    });
    let bought = buyers.collect::<JoinSet<_>>().join_all().await;
    assert_eq!(bought.iter().filter(|bought| is_sold(bought)).count(), 20, "{bought:?}");
    assert_eq!((fixture.left("pink").await, fixture.bought().await), (0, 20));
    fixture.shop.close().await;
    drop(sink);
    recorder.finish().unwrap();
}

/// In a whole run the checks find what lies between the two transactions, and nothing else.
#[test]
fn in_a_run_tickets_vanish_between_the_two_transactions_and_nothing_is_oversold() {
    let directory = tempfile::tempdir().unwrap();
    let settings = ["--set", "load.buyers=20", "--set", "load.duration=3s"];
    let output = Command::new(env!("CARGO_BIN_EXE_ticketcd"))
        .args(["run", "contention", "--strategy", "two-step", "--out", "run", "--json"])
        .args(settings)
        .current_dir(directory.path())
        .output()
        .unwrap();
    let result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let verdict = |name: &str| {
        let check = result["checks"].as_array().unwrap().iter().find(|check| check["name"] == name);
        check.unwrap_or_else(|| panic!("{name} is not in {result}"))["verdict"].as_str().unwrap().to_owned()
    };
    assert_eq!(verdict("conservation"), "violation", "{result}");
    for name in ["oversell", "ledger", "authorship", "branch", "reads", "real_time"] {
        assert_eq!(verdict(name), "pass", "{name}: {result}");
    }
}
