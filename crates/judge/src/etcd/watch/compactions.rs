//! What each member is known to have compacted.

use ticketcd_history::call::{CallOutcome, Invoke, Return};
use ticketcd_history::request::{Compact, Request};
use ticketcd_history::{MemberIndex, Nanos, Revision};

/// The compactions of a run.
#[derive(Debug, Default)]
pub(super) struct Compactions {
    /// The highest revision whose compaction was requested: some member may have compacted it.
    asked: Revision,
    /// Acknowledged compactions, and when: both only increase.
    acknowledged: Vec<(Nanos, Revision)>,
    /// What each member has certainly compacted.
    carried_out: Vec<Revision>,
}

impl Compactions {
    /// A request is sent.
    pub(super) fn sent(&mut self, invoke: &Invoke) {
        if let Request::Compact(Compact { revision, .. }) = invoke.request {
            self.asked = self.asked.max(revision);
        }
    }

    /// A client received the compacted revision of a member.
    pub(super) fn reported(&mut self, revision: Revision) {
        self.asked = self.asked.max(revision);
    }

    /// A call completed. A member that acknowledges a compaction has applied it; so has a member that responds, after
    /// consensus, to a request that was sent after the acknowledgement.
    pub(super) fn answered(&mut self, invoke: &Invoke, returned: &Return) {
        let CallOutcome::Ok(_) = returned.outcome else { return };
        let known = match invoke.request {
            Request::Compact(Compact { revision, .. }) => {
                let highest = self.acknowledged.last().map_or(0, |(_, highest)| *highest);
                let at = self.acknowledged.last().map_or(returned.done, |(at, _)| returned.done.max(*at));
                if revision > highest {
                    self.acknowledged.push((at, revision));
                }
                revision
            }
            _ if invoke.request.is_linearizable() => {
                let before = self.acknowledged.partition_point(|(at, _)| *at < invoke.sent);
                before.checked_sub(1).and_then(|last| self.acknowledged.get(last)).map_or(0, |(_, revision)| *revision)
            }
            _ => return,
        };
        let index = invoke.member.index();
        if self.carried_out.len() <= index {
            self.carried_out.resize(index + 1, 0);
        }
        if let Some(carried_out) = self.carried_out.get_mut(index) {
            *carried_out = known.max(*carried_out);
        }
    }

    /// A member's process was replaced: the new one may have to catch up.
    pub(super) fn restarted(&mut self, member: MemberIndex) {
        if let Some(carried_out) = self.carried_out.get_mut(member.index()) {
            *carried_out = 0;
        }
    }

    /// The highest revision that some member may have compacted.
    pub(super) fn possible(&self) -> Revision {
        self.asked
    }

    /// What a member has certainly compacted.
    pub(super) fn certain(&self, member: MemberIndex) -> Revision {
        self.carried_out.get(member.index()).copied().unwrap_or(0)
    }
}
