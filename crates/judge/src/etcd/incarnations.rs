//! When the process of a member was replaced: guarantees about a member's own state end with its process.

use ticketcd_history::event::MemberEvent;
use ticketcd_history::{MemberIndex, Nanos};

/// When each member's process was last started or ended.
#[derive(Debug, Default)]
pub(super) struct Incarnations {
    changed: Vec<Nanos>,
}

impl Incarnations {
    /// A member's process was started or ended.
    pub(super) fn observe(&mut self, event: &MemberEvent) {
        let index = event.member.index();
        if self.changed.len() <= index {
            self.changed.resize(index + 1, 0);
        }
        if let Some(changed) = self.changed.get_mut(index) {
            *changed = event.at.max(*changed);
        }
    }

    /// When the member's process was last started or ended: a response to an earlier request may be from another process.
    pub(super) fn since(&self, member: MemberIndex) -> Nanos {
        self.changed.get(member.index()).copied().unwrap_or(0)
    }
}
