//! Calibration: how fast this cluster is on this machine, so that a scenario's rates can be shares of it.

use std::time::Duration;

use ticketcd_judge::history::event::{Calibrated, Event};
use tokio_util::sync::CancellationToken;

use super::drive::{Load, Model};

/// Time in which connections are made and caches are filled: not measured.
const SETTLE: Duration = Duration::from_secs(1);
/// Time that is measured.
const MEASURE: Duration = Duration::from_secs(2);

/// The cluster answered nothing while it was calibrated.
#[derive(Debug, thiserror::Error)]
#[error("the cluster answered no operation while the load was calibrated")]
pub struct NotCalibrated;

impl Load {
    /// Measures how many operations of the mix per second all buyers reach without think time, and records it. The
    /// orders are real purchases and are recorded as such. Takes 3 s.
    ///
    /// # Errors
    /// When nothing was answered, or `cancel` came first.
    pub async fn calibrate(&mut self, cancel: &CancellationToken) -> Result<f64, NotCalibrated> {
        self.run(Model::Closed(Duration::ZERO), SETTLE, cancel).await;
        let began = self.sink().now();
        let counts = self.run(Model::Closed(Duration::ZERO), MEASURE, cancel).await;
        let at = self.sink().now();
        let seconds = ticketcd_judge::history::seconds(at - began);
        let rate = counts.answered as f64 / seconds.max(MEASURE.as_secs_f64());
        if counts.answered == 0 || cancel.is_cancelled() {
            return Err(NotCalibrated);
        }
        self.sink().record(Event::Calibrated(Calibrated { at, millihertz: (rate * 1000.0) as u64 })).await;
        Ok(rate)
    }
}
