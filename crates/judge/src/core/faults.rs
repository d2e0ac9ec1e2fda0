//! When each fault was in force.

use crate::core::check::FaultWindow;
use crate::explain::fault_name;
use ticketcd_history::event::{FaultEvent, FaultStage};

/// The faults of a run, as recorded.
#[derive(Debug, Default)]
pub(crate) struct FaultTimeline {
    planned: Vec<Planned>,
    windows: Vec<FaultWindow>,
}

#[derive(Debug)]
struct Planned {
    fault: u32,
    kind: String,
    survivable: bool,
}

impl FaultTimeline {
    /// Processes an event of a fault. A fault that was not recovered from stays in force.
    pub(crate) fn observe(&mut self, event: &FaultEvent) {
        match &event.stage {
            FaultStage::Planned { kind, survivable, .. } => {
                self.planned.push(Planned { fault: event.fault, kind: kind.clone(), survivable: *survivable });
            }
            FaultStage::Injected { members, leader, .. } => {
                let planned = self.planned.iter().find(|planned| planned.fault == event.fault);
                let kind = planned.map_or("fault", |planned| planned.kind.as_str());
                self.windows.push(FaultWindow {
                    fault: event.fault,
                    kind: kind.to_owned(),
                    name: fault_name(kind, members, *leader),
                    members: members.clone(),
                    from: event.at,
                    until: None,
                    // A record that was truncated before its plan excuses nothing.
                    survivable: planned.is_none_or(|planned| planned.survivable),
                });
            }
            FaultStage::Healed { .. } => {
                for window in self.windows.iter_mut().filter(|window| window.fault == event.fault && window.until.is_none()) {
                    window.until = Some(event.at);
                }
            }
            FaultStage::NotInjected(_) | FaultStage::Effect(_) | FaultStage::NotRecovered { .. } => {}
        }
    }

    /// The faults so far, in the order they were injected.
    pub(crate) fn into_windows(self) -> Vec<FaultWindow> {
        self.windows
    }
}
