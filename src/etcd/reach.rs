//! How far the collectors have come: the newest revision that is known, and what is safely stored.

use ticketcd_judge::model::Revision;
use tokio::sync::watch;

/// The revision of the last event that each member's collector has delivered.
#[derive(Clone, Debug)]
pub struct Reach {
    collectors: Vec<watch::Receiver<Revision>>,
}

impl Reach {
    /// The reach of these collectors, in the order of their members.
    pub fn new(collectors: Vec<watch::Receiver<Revision>>) -> Self {
        Self { collectors }
    }

    /// How far each is.
    pub fn of_each(&self) -> Vec<Revision> {
        self.collectors.iter().map(|progress| *progress.borrow()).collect()
    }

    /// The newest revision that one of them knows; 0 before the first.
    pub fn newest(&self) -> Revision {
        self.of_each().into_iter().max().unwrap_or(0)
    }
}
