//! A write that is guarded by a comparison over a *range* of keys. No shop business: it meets a defect of etcd 3.5.0 and
//! 3.5.1 (etcd issue 13766) that leaves members with different data after a crash.

use ticketcd_judge::history::annotation::Purpose;
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{Guard, GuardTarget, Put, Relation, Request, Txn, TxnOp};
use ticketcd_judge::model::keys::prefix_end;

use super::Shop;
use crate::etcd::RecordingClient;

/// Writes the caller's own guard key if every user of the shop exists, which they do: there are many of them, and the
/// longer the comparison takes, the more often a crash hits it. `sequence` makes the value unique.
/// Returns whether it was answered.
pub async fn write(shop: &Shop, caller: &mut RecordingClient, sequence: u32) -> bool {
    let request = Request::Txn(transaction(shop, caller.worker(), sequence));
    matches!(caller.call(Purpose::RangeGuard, &[], request).await, CallOutcome::Ok(_))
}

fn transaction(shop: &Shop, worker: u32, sequence: u32) -> Txn {
    let users = shop.keys.key("user:");
    let guard =
        Guard { range_end: prefix_end(users.as_bytes()), key: users, target: GuardTarget::CreateRevision(0), relation: Relation::Greater };
    let put = Put {
        key: shop.keys.meta(format_args!("guard:{worker}")),
        value: format!("{}-{worker}-{sequence}", shop.run_tag).into(),
        ..Put::default()
    };
    Txn { guards: vec![guard], success: vec![TxnOp::Put(put)], failure: Vec::new() }
}
