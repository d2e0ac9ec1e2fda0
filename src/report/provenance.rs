//! Whether a history is of the run that `run.json` describes. Judged by another run's description, all its orders would be lost.

use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::event::Event;
use ticketcd_judge::history::run_info::RunInfo;

/// Who gave the answers of a history.
#[derive(Debug)]
pub(super) struct Provenance {
    /// The members that `run.json` names, by etcd's ids.
    members: Vec<u64>,
    of_members: u64,
    of_others: u64,
}

impl Provenance {
    pub(super) fn new(info: &RunInfo) -> Self {
        Self { members: info.members.iter().map(|member| member.member_id).collect(), of_members: 0, of_others: 0 }
    }

    pub(super) fn observe(&mut self, event: &Event) {
        let Event::Return(returned) = event else { return };
        let CallOutcome::Ok(answer) = &returned.outcome else { return };
        *if self.members.contains(&answer.member_id) { &mut self.of_members } else { &mut self.of_others } += 1;
    }

    /// Whether not one answer is of a member of the run. Members may be replaced in a run, but not all of them at once.
    pub(super) fn is_another_run(&self) -> bool {
        self.of_others > 0 && self.of_members == 0 && !self.members.is_empty() && !self.members.contains(&0)
    }
}
