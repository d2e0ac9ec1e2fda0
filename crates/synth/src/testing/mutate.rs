//! Ways to make a valid record invalid, by editing its events.

use super::Record;
use ticketcd_history::event::Event;
use ticketcd_history::watch::{WatchBatch, WatchBody, WatchEvent, WatchOpened, WatchRole};
use ticketcd_history::{Blob, MemberIndex, Revision};

impl Record {
    /// The member's watch that was to resume at a revision finds it compacted: it is cancelled, and another resumes at the
    /// compaction, where deletions are no longer kept.
    pub fn compact(&mut self, member: MemberIndex, resumed: Revision, compacted: Revision) {
        self.each_delivery(|deliverer, events| {
            if deliverer == member && events.first().is_some_and(|event| event.kv.mod_revision == resumed) {
                events.retain(|event| event.kv.mod_revision > compacted || (event.kv.mod_revision == compacted && !event.deleted));
            }
        });
        let is_resumed =
            |event: &Event| matches!(event, Event::WatchOpened(opened) if opened.member == member && opened.start_revision == resumed);
        let Some(position) = self.events.iter().position(is_resumed) else { return };
        let Event::WatchOpened(opened) = &mut self.events[position] else { return };
        let at = opened.at;
        opened.start_revision = compacted;
        let refused = WatchOpened { subscription: u32::MAX, start_revision: resumed, ..opened.clone() };
        let body = WatchBody::Cancelled { compact_revision: compacted, reason: "compacted".to_owned() };
        let cancelled = WatchBatch { subscription: u32::MAX, at, revision: compacted, body };
        self.events.splice(position..position, [Event::WatchOpened(refused), Event::WatchBatch(cancelled)]);
    }

    /// Edits what a member delivered for a revision, every time it did.
    pub fn edit_delivery(&mut self, member: MemberIndex, revision: Revision, mut edit: impl FnMut(&mut WatchEvent)) {
        self.each_delivery(|deliverer, events| {
            for event in events.iter_mut().filter(|event| deliverer == member && event.kv.mod_revision == revision) {
                edit(event);
            }
        });
    }

    /// Edits every value that collectors delivered or audits read: the cluster agrees about it.
    pub fn each_value(&mut self, edit: impl Fn(String) -> String) {
        let edited = |value: &Blob| Blob::from(edit(value.to_text()));
        for event in &mut self.events {
            match event {
                Event::WatchBatch(WatchBatch { body: WatchBody::Events(events), .. }) => {
                    events.iter_mut().for_each(|event| event.kv.value = edited(&event.kv.value));
                }
                Event::AuditPage(page) => page.kvs.iter_mut().for_each(|kv| kv.value = edited(&kv.value)),
                _ => {}
            }
        }
    }

    /// No collector delivers the revision.
    pub fn drop_revision(&mut self, revision: Revision) {
        self.each_delivery(|_, events| events.retain(|event| event.kv.mod_revision != revision));
    }

    /// One member's collector leaves the revision out.
    pub fn drop_delivery(&mut self, member: MemberIndex, revision: Revision) {
        self.each_delivery(|deliverer, events| events.retain(|event| deliverer != member || event.kv.mod_revision != revision));
    }

    /// One member's collector delivers the last revision of several events in two messages.
    pub fn split_delivery(&mut self, member: MemberIndex) {
        let subscription = |event: &Event| match event {
            Event::WatchOpened(opened) if opened.member == member && opened.role == WatchRole::Collector => Some(opened.subscription),
            _ => None,
        };
        let subscriptions: Vec<u32> = self.events.iter().filter_map(subscription).collect();
        for position in (0..self.events.len()).rev() {
            let Event::WatchBatch(batch) = &mut self.events[position] else { continue };
            let WatchBody::Events(events) = &mut batch.body else { continue };
            let within = |pair: &[WatchEvent]| pair[0].kv.mod_revision == pair[1].kv.mod_revision;
            if let (true, Some(last)) =
                (subscriptions.contains(&batch.subscription), events.windows(2).collect::<Vec<_>>().iter().rposition(|pair| within(pair)))
            {
                let rest = WatchBatch { body: WatchBody::Events(events.split_off(last + 1)), ..batch.clone() };
                self.events.insert(position + 1, Event::WatchBatch(rest));
                return;
            }
        }
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
