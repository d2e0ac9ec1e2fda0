//! The parts of a run that statistics are split by: the whole load, and before, during and after each fault.

use ticketcd_judge::explain::{self, Explain};
use ticketcd_judge::history::Nanos;
use ticketcd_judge::history::event::{Event, FaultStage, Phase};

/// A fault, by the record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultHistory {
    /// `kill`, …
    pub kind: String,
    /// As the scenario names it.
    pub target: String,
    /// Members that were hit, by name.
    pub members: Vec<String>,
    /// When it was due, counted from the start of the steady phase.
    pub due: Nanos,
    /// When it was injected.
    pub from: Option<Nanos>,
    /// When it was healed and the members it hit answered again.
    pub until: Option<Nanos>,
    /// What was done, in words.
    pub injected: Option<String>,
    /// What it visibly caused, in words.
    pub effects: Vec<String>,
    /// How it was healed, in words.
    pub healed: Option<String>,
    /// Why it was not injected, or what did not recover.
    pub trouble: Option<String>,
    /// Whether it could not be injected at all.
    pub not_injected: bool,
}

/// When things happened: phases and faults.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// Phases with when they began, in order.
    pub phases: Vec<(Phase, Nanos)>,
    /// The faults of the plan, in its order.
    pub faults: Vec<FaultHistory>,
    /// When the last event was.
    pub last: Nanos,
}

/// A named span of the run. An operation belongs to it when it was meant to start within it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// `steady`, `before fault 1`, …
    pub name: String,
    /// From when.
    pub from: Nanos,
    /// Until when, exclusive.
    pub until: Nanos,
}

impl Timeline {
    /// Takes in an event.
    pub fn observe(&mut self, event: &Event) {
        match event {
            Event::Phase(began) => self.phases.push((began.phase, began.at)),
            Event::Fault(fault) => {
                let index = fault.fault as usize;
                if self.faults.len() <= index {
                    self.faults.resize_with(index + 1, FaultHistory::default);
                }
                self.faults[index].observe(fault.at, &fault.stage);
            }
            Event::Ended(ended) => self.last = self.last.max(ended.at),
            Event::Load(sample) => self.last = self.last.max(sample.at),
            _ => {}
        }
    }

    /// When a phase began.
    pub fn began(&self, phase: Phase) -> Option<Nanos> {
        self.phases.iter().find(|(candidate, _)| *candidate == phase).map(|(_, at)| *at)
    }

    /// The span of the counted load: from the steady phase to the drain, or as far as the record goes.
    pub fn load(&self) -> Option<Window> {
        let from = self.began(Phase::Steady)?;
        let until = self.began(Phase::Drain).unwrap_or(self.last).max(from);
        Some(Window { name: "steady".to_owned(), from, until })
    }

    /// Whether any fault was in force between two moments, with time for its aftermath.
    pub fn disturbed(&self, from: Nanos, until: Nanos, aftermath: Nanos) -> bool {
        self.faults.iter().any(|fault| {
            fault.from.is_some_and(|began| began < until && fault.until.is_none_or(|healed| from < healed.saturating_add(aftermath)))
        })
    }

    /// The load as a whole, then before, during and after each fault that was injected. "Before" reaches back to where the
    /// fault before it was healed, "after" forward to where the next was injected.
    pub fn windows(&self) -> Vec<Window> {
        let Some(load) = self.load() else { return Vec::new() };
        let mut windows = vec![load.clone()];
        for (index, fault) in self.faults.iter().enumerate() {
            let Some(from) = fault.from.filter(|from| *from >= load.from) else { continue };
            let until = fault.until.unwrap_or(load.until).clamp(from, load.until.max(from));
            let others = || self.faults.iter().enumerate().filter(move |(other, _)| *other != index).map(|(_, fault)| fault);
            let calm_since = others().filter_map(|other| other.until).filter(|healed| *healed <= from).max().unwrap_or(load.from);
            let calm_until = others().filter_map(|other| other.from).filter(|began| *began >= until).min().unwrap_or(load.until);
            let number = index + 1;
            let mut push = |name: String, from: Nanos, until: Nanos| {
                if from < until {
                    windows.push(Window { name, from, until });
                }
            };
            push(format!("before fault {number}"), calm_since.max(load.from), from);
            push(format!("during fault {number}"), from, until);
            push(format!("after fault {number}"), until, calm_until);
        }
        windows
    }
}

impl FaultHistory {
    fn observe(&mut self, at: Nanos, stage: &FaultStage) {
        match stage {
            FaultStage::Planned { kind, target, due, .. } => {
                self.kind.clone_from(kind);
                self.target = target.in_words().to_string();
                self.due = *due;
            }
            FaultStage::NotInjected(reason) => {
                self.not_injected = true;
                self.trouble = Some(reason.in_words().to_string());
            }
            FaultStage::Injected { members, actions, leader } => {
                self.from = Some(at);
                self.members = members.iter().map(|member| member.name()).collect();
                self.injected = Some(explain::applied(actions, members, *leader));
            }
            FaultStage::Effect(effect) => self.effects.push(effect.in_words().to_string()),
            FaultStage::Healed { actions, recovered_after } => {
                self.until = Some(at);
                self.healed = Some(explain::healed(actions, *recovered_after));
            }
            FaultStage::NotRecovered { actions, reason } => self.trouble = Some(explain::not_recovered(actions, reason)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(from: Nanos, until: Nanos) -> FaultHistory {
        FaultHistory { from: Some(from), until: Some(until), ..FaultHistory::default() }
    }

    #[test]
    fn windows_reach_from_fault_to_fault() {
        let timeline = Timeline {
            phases: vec![(Phase::WarmUp, 0), (Phase::Steady, 10), (Phase::Drain, 100)],
            faults: vec![fault(30, 40), fault(60, 70)],
            last: 120,
        };
        let spans: Vec<_> = timeline.windows().into_iter().map(|window| (window.name, window.from, window.until)).collect();
        let expected = [
            ("steady", 10, 100),
            ("before fault 1", 10, 30),
            ("during fault 1", 30, 40),
            ("after fault 1", 40, 60),
            ("before fault 2", 40, 60),
            ("during fault 2", 60, 70),
            ("after fault 2", 70, 100),
        ];
        assert_eq!(spans, expected.map(|(name, from, until)| (name.to_owned(), from, until)));
        assert!(timeline.disturbed(35, 36, 0) && timeline.disturbed(45, 46, 10) && !timeline.disturbed(45, 46, 1));
    }

    #[test]
    fn overlapping_faults_have_no_calm_between_them() {
        let timeline =
            Timeline { phases: vec![(Phase::Steady, 0), (Phase::Drain, 100)], faults: vec![fault(20, 60), fault(40, 80)], last: 0 };
        let names: Vec<_> = timeline.windows().into_iter().map(|window| window.name).collect();
        assert!(names.contains(&"after fault 2".to_owned()));
        assert_eq!(timeline.windows().iter().find(|window| window.name == "after fault 1").map(|window| window.until), Some(100));
    }
}
