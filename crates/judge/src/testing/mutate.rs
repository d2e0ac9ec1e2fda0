//! Ways to make a valid record invalid, by editing its events.

use super::Record;
use crate::history::event::{Event, WatchBody, WatchEvent};
use crate::model::{MemberIndex, Revision};

impl Record {
    /// Edits what a member delivered for a revision, every time it did.
    pub fn edit_delivery(&mut self, member: MemberIndex, revision: Revision, mut edit: impl FnMut(&mut WatchEvent)) {
        self.each_delivery(|deliverer, events| {
            for event in events.iter_mut().filter(|event| deliverer == member && event.kv.mod_revision == revision) {
                edit(event);
            }
        });
    }

    /// No collector delivers the revision.
    pub fn drop_revision(&mut self, revision: Revision) {
        self.each_delivery(|_, events| events.retain(|event| event.kv.mod_revision != revision));
    }

    /// One member's collector leaves the revision out.
    pub fn drop_delivery(&mut self, member: MemberIndex, revision: Revision) {
        self.each_delivery(|deliverer, events| events.retain(|event| deliverer != member || event.kv.mod_revision != revision));
    }

    /// Applies an edit to each list of events a collector delivered, with the member that did.
    pub fn each_delivery(&mut self, mut edit: impl FnMut(MemberIndex, &mut Vec<WatchEvent>)) {
        let mut members = std::collections::BTreeMap::new();
        for event in &mut self.events {
            match event {
                Event::WatchOpened(opened) => {
                    members.insert(opened.subscription, opened.member);
                }
                Event::WatchBatch(batch) => {
                    if let (WatchBody::Events(events), Some(member)) = (&mut batch.body, members.get(&batch.subscription)) {
                        edit(*member, events);
                    }
                }
                _ => {}
            }
        }
    }
}
