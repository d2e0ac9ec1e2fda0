//! The open model: operations are handed out when they are due, whether the cluster keeps up or not.

use std::collections::VecDeque;
use std::time::Duration;

use ticketcd_judge::history::Nanos;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::arrivals::Arrivals;
use super::buyer::Buyer;
use super::counters::Counters;
use crate::record::Clock;

/// How long an operation that finds every buyer busy waits for one before it is shed. Response time counts from when it
/// was due, so the wait is not hidden.
const QUEUE_WAIT_MAX: Nanos = Duration::from_millis(100).as_nanos() as Nanos;

/// Dispatches the arrivals until `over`, each to the buyer that has been idle for longest. In-flight operations complete.
/// Returns the buyers.
pub async fn dispatch(buyers: Vec<Buyer>, arrivals: Arrivals, counters: &Counters, clock: Clock, over: CancellationToken) -> Vec<Buyer> {
    let began = clock.now();
    let mut arrivals = arrivals.map(|offset| began.saturating_add(offset)).peekable();
    let mut waiting: VecDeque<Nanos> = VecDeque::new();
    let mut idle: VecDeque<Buyer> = buyers.into();
    let mut busy: JoinSet<Buyer> = JoinSet::new();
    loop {
        let now = clock.now();
        while let Some(due) = arrivals.next_if(|due| *due <= now) {
            counters.offer();
            waiting.push_back(due);
        }
        while waiting.front().is_some_and(|due| now - due > QUEUE_WAIT_MAX) {
            waiting.pop_front();
            counters.shed();
        }
        while !waiting.is_empty()
            && let Some(mut buyer) = idle.pop_front()
            && let Some(due) = waiting.pop_front()
        {
            busy.spawn(async move {
                buyer.operate(due).await;
                buyer
            });
        }
        let next = arrivals.peek().map(|due| tokio::time::Instant::from_std(clock.instant(*due)));
        tokio::select! {
            () = over.cancelled() => break,
            Some(done) = busy.join_next() => idle.push_back(returned(done)),
            () = sleep_until(next) => {}
        }
    }
    for _ in waiting {
        counters.shed();
    }
    while let Some(done) = busy.join_next().await {
        idle.push_back(returned(done));
    }
    idle.into()
}

/// The buyer of a task that ended. Its panic is propagated: a load that lost a buyer is not the load of the scenario.
pub fn returned(done: Result<Buyer, JoinError>) -> Buyer {
    match done {
        Ok(buyer) => buyer,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => unreachable!("no buyer is cancelled: {error}"),
        },
    }
}

async fn sleep_until(moment: Option<tokio::time::Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
