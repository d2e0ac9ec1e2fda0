//! The cheap checks, run while the load runs: an oversell shows within a second of happening.

use std::io;

use ticketcd_judge::checks::online_checks;
use ticketcd_judge::core::engine::Judge;
use ticketcd_judge::history::event::Event;
use ticketcd_judge::history::run_info::RunInfo;
use tokio_util::sync::CancellationToken;

use crate::record::Reader;
use crate::report::waivers::is_in_force;
use crate::scenario::types::Known;
use crate::terminal::{Screen, note};

/// Stops the load when a check reports a violation. The final verdict is made from the whole record all the same.
pub(super) struct FailFast {
    judge: Judge,
    stop: CancellationToken,
}

impl FailFast {
    /// Runs the checks that are cheap enough on a run of this description. What is known and waived stops nothing.
    pub(super) fn new(info: &RunInfo, known: &[Known], stop: CancellationToken) -> Self {
        let is_waived = |name: &str| known.iter().any(|known| known.check == name && is_in_force(&known.until, &info.started));
        let checks = online_checks(info).into_iter().filter(|check| !is_waived(check.info().name)).collect();
        Self { judge: Judge::new(info, checks), stop }
    }
}

impl Reader for FailFast {
    fn observe(&mut self, event: &Event) -> io::Result<()> {
        if self.stop.is_cancelled() {
            return Ok(());
        }
        self.judge.observe(event);
        if let Some(alarm) = self.judge.violation() {
            note(Screen::of_stderr().message(&format!("\n{alarm}\nStopping the load (--fail-fast).")));
            self.stop.cancel();
        }
        Ok(())
    }
}
