//! The closed model: a buyer begins when its last operation is over and it has thought.

use std::time::Duration;

use rand::RngExt;
use rand_distr::Exp1;
use tokio_util::sync::CancellationToken;

use super::buyer::Buyer;
use super::counters::Counters;
use crate::record::Clock;

/// Pause after an operation without an answer. A member that is down refuses at once: buyers that retry at once
/// would fill the record with refusals and take processor time from the members that are up.
const UNANSWERED_PAUSE: Duration = Duration::from_millis(50);

/// Runs a buyer until `over`; its in-flight operation completes.
pub async fn buy_until(mut buyer: Buyer, think_mean: Duration, counters: &Counters, clock: Clock, over: CancellationToken) -> Buyer {
    if !think_mean.is_zero() {
        // Buyers start spread over the first think time.
        let share: f64 = buyer.thoughts().random();
        pause(think_mean.mul_f64(share), &over).await;
    }
    while !over.is_cancelled() {
        counters.offer();
        let answered = buyer.operate(clock.now()).await;
        let thought: f64 = if think_mean.is_zero() { 0.0 } else { buyer.thoughts().sample(Exp1) };
        let breath = if answered { Duration::ZERO } else { UNANSWERED_PAUSE };
        pause(think_mean.mul_f64(thought).max(breath), &over).await;
    }
    buyer
}

/// Waits, but not longer than the load lasts.
async fn pause(pause: Duration, over: &CancellationToken) {
    if !pause.is_zero() {
        // Both ends are an end of the pause.
        let _ = tokio::time::timeout(pause, over.cancelled()).await;
    }
}
