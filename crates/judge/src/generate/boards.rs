//! A stock board: a watch of all tickets at one member, from the end of the seeding to the drain.

use super::Plant;
use super::sale::Sale;
use crate::history::board::{BoardBatch, BoardBody, BoardClosed, BoardEvent, BoardOpened};
use crate::history::event::{Event, WatchEvent};
use crate::model::keys::prefix_end;
use crate::model::{MemberIndex, Revision};

/// The member it is asked of: one that stays up.
const MEMBER: MemberIndex = MemberIndex(0);

impl Sale<'_> {
    pub(super) fn open_board(&mut self) {
        let subscription = self.cluster.subscriptions;
        self.cluster.subscriptions += 1;
        self.board = Some(subscription);
        let key = self.shop.keys.key("ticket:");
        let (at, start_revision) = (self.now, self.cluster.revision + 1);
        self.tell(&Event::BoardOpened(BoardOpened {
            subscription,
            stream: 1,
            member: MEMBER,
            range_end: prefix_end(key.as_bytes()),
            key,
            start_revision,
            resumes: None,
            previous: false,
            progress: false,
            at,
        }));
        self.tell_board(subscription, BoardBody::Created);
    }

    /// A member delivers: the board is told what of it lies in its range.
    pub(super) fn inform_board(&mut self, member: MemberIndex, revisions: &[(Revision, Vec<WatchEvent>)]) {
        let Some(subscription) = self.board.filter(|_| member == MEMBER) else { return };
        let range = self.shop.keys.key("ticket:");
        let is_in_range = |event: &&WatchEvent| event.kv.key.as_bytes().starts_with(range.as_bytes());
        let events = revisions.iter().flat_map(|(_, events)| events).filter(is_in_range);
        let mut events: Vec<BoardEvent> =
            events.map(|event| BoardEvent { deleted: event.deleted, kv: event.kv.clone(), previous: None }).collect();
        let (first, last) = (events.first().map(|event| event.kv.mod_revision), events.last().map(|event| event.kv.mod_revision));
        let several = first != last;
        if several && self.wants(Plant::MissedEvent) {
            // Not of the last revision: what comes after it shows the gap.
            events.remove(0);
            self.planted = true;
        } else if several && self.wants(Plant::EventOutOfOrder) {
            let (earlier, later): (Vec<_>, Vec<_>) = events.into_iter().partition(|event| Some(event.kv.mod_revision) == first);
            self.tell_board(subscription, BoardBody::Events(later));
            events = earlier;
            self.planted = true;
        } else if first.is_some() && self.wants(Plant::DuplicateEvent) {
            self.tell_board(subscription, BoardBody::Events(events.clone()));
            self.planted = true;
        }
        if !events.is_empty() {
            self.tell_board(subscription, BoardBody::Events(events));
        }
    }

    pub(super) fn close_board(&mut self) {
        if let Some(subscription) = self.board.take() {
            let at = self.now;
            self.tell(&Event::BoardClosed(BoardClosed { subscription, at, intended: true, reason: "the sale is over".to_owned() }));
        }
    }

    fn tell_board(&mut self, subscription: u32, body: BoardBody) {
        let (at, revision) = (self.now, self.cluster.revision);
        self.tell(&Event::BoardBatch(BoardBatch { subscription, at, revision, body }));
    }
}
