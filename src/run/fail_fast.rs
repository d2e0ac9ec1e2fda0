//! The cheap checks, run while the load runs: an oversell shows within a second of happening.

use std::io;

use ticketcd_judge::check::engine::Judge;
use ticketcd_judge::check::standard::online_checks;
use ticketcd_judge::history::event::Event;
use ticketcd_judge::history::run_info::RunInfo;
use tokio_util::sync::CancellationToken;

use crate::record::Reader;

/// Stops the load when a check raises the alarm. The final verdict is made from the whole record all the same.
pub(super) struct FailFast {
    judge: Judge,
    stop: CancellationToken,
}

impl FailFast {
    /// Runs the checks that are cheap enough on a run of this description.
    pub(super) fn new(info: &RunInfo, stop: CancellationToken) -> Self {
        Self { judge: Judge::new(info, online_checks(info)), stop }
    }
}

impl Reader for FailFast {
    fn observe(&mut self, event: &Event) -> io::Result<()> {
        if self.stop.is_cancelled() {
            return Ok(());
        }
        self.judge.observe(event);
        if let Some(alarm) = self.judge.violation() {
            eprintln!("\n{alarm}\nStopping the load, as --fail-fast says.");
            self.stop.cancel();
        }
        Ok(())
    }
}
