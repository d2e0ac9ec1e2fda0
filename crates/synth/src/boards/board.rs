//! One board: what it is on, and how far it was told.

use ticketcd_history::event::Event;
use ticketcd_history::request::KeyValue;
use ticketcd_history::watch::{WatchBatch, WatchBody, WatchClosed, WatchEnd, WatchEvent, WatchOpened, WatchOptions, WatchRole};
use ticketcd_judge::model::keys::prefix_end;
use ticketcd_judge::model::{Blob, MemberIndex, Nanos, Revision};

/// Boards are counted from here, so that none has the number of a collector.
const FIRST_SUBSCRIPTION: u32 = 1_000;

/// What a board is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watched {
    /// One ticket.
    Ticket,
    /// The tickets of one event.
    Event,
    /// All tickets.
    Tickets,
    /// Events, purchases, search indexes and tickets.
    Shop,
}

/// A board that somebody looks at.
#[derive(Debug)]
pub(super) struct Board {
    opened: WatchOpened,
    pub(super) stream: u32,
    /// The first revision that it is to be told of.
    first: Revision,
    /// Up to where it was told everything, as its owner counts.
    pub(super) told: Revision,
    /// A key of its range as it was before it began.
    pub(super) before: Option<KeyValue>,
    /// Deliveries of its collector so far, and until nobody looks any more.
    pub(super) deliveries: u64,
    pub(super) span: u64,
    /// Planted: what it should have been told and was not, yet.
    pub(super) withheld: Vec<WatchEvent>,
    /// Whether its `created` is still to come: then it comes together with the next delivery, of which its header knows.
    is_unconfirmed: bool,
    /// Planted: nothing more comes.
    pub(super) is_stalled: bool,
    is_broken: bool,
}

impl Board {
    #[expect(clippy::too_many_arguments, reason = "what a board is, and what it is opened with")]
    pub(super) fn open(
        number: u32,
        member: MemberIndex,
        (ticket, watched): (&Blob, Watched),
        (start_revision, newest, is_raced): (Revision, Revision, bool),
        before: Option<KeyValue>,
        span: u64,
        at: Nanos,
        told: &mut Vec<Event>,
    ) -> Self {
        let (key, range_end) = range(ticket, watched);
        let (subscription, previous) = (FIRST_SUBSCRIPTION + number, watched != Watched::Shop);
        let opened = WatchOpened {
            subscription,
            stream: subscription,
            member,
            role: WatchRole::Client,
            key,
            range_end,
            start_revision,
            resumes: None,
            options: WatchOptions { previous, progress: true, ..WatchOptions::default() },
            at,
        };
        let first = if start_revision > 0 { start_revision } else { newest + 1 };
        let mut board = Self {
            opened,
            stream: subscription,
            first,
            told: first - 1,
            before,
            deliveries: 0,
            span,
            withheld: Vec::new(),
            is_unconfirmed: is_raced,
            is_stalled: false,
            is_broken: false,
        };
        told.push(Event::WatchOpened(board.opened.clone()));
        if !is_raced {
            board.confirm(at, newest, told);
        }
        board
    }

    /// The member confirms it, if it has not yet. `revision` is the header's: from etcd 3.4.38, 3.5.22 and 3.6.2 on it is read
    /// after the watch was registered, so that a watch from "now" may receive events of that revision or of earlier ones.
    pub(super) fn confirm(&mut self, at: Nanos, revision: Revision, told: &mut Vec<Event>) {
        self.is_unconfirmed = false;
        let subscription = self.opened.subscription;
        told.push(Event::WatchBatch(WatchBatch { subscription, at, revision, body: WatchBody::Created }));
    }

    /// Whether the member has not confirmed it yet.
    pub(super) fn is_unconfirmed(&self) -> bool {
        self.is_unconfirmed
    }

    /// Whether it is to be told of a change of this key.
    pub(super) fn is_told_of(&self, kv: &KeyValue) -> bool {
        let WatchOpened { key, range_end, .. } = &self.opened;
        let in_range = if range_end.is_empty() { kv.key == *key } else { kv.key >= *key && kv.key < *range_end };
        in_range && kv.mod_revision >= self.first && !self.is_broken
    }

    pub(super) fn wants_previous(&self) -> bool {
        self.opened.options.previous
    }

    /// Whether it was told everything so far.
    pub(super) fn owes_nothing(&self) -> bool {
        self.withheld.is_empty() && !self.is_stalled && !self.is_broken
    }

    /// The revision behind what it was told.
    pub(super) fn next(&self) -> Revision {
        self.told + 1
    }

    /// It is told something. `revision` is the header's.
    pub(super) fn tell(&mut self, at: Nanos, revision: Revision, body: WatchBody, told: &mut Vec<Event>) {
        let last = match &body {
            WatchBody::Events(events) => events.iter().map(|event| event.kv.mod_revision).max().unwrap_or(0),
            WatchBody::Progress => revision,
            WatchBody::Created | WatchBody::Cancelled { .. } => 0,
        };
        self.told = self.told.max(last);
        told.push(Event::WatchBatch(WatchBatch { subscription: self.opened.subscription, at, revision, body }));
    }

    /// Its owner has seen enough.
    pub(super) fn close(mut self, at: Nanos, told: &mut Vec<Event>) {
        self.end(at, WatchEnd::Closed, told);
    }

    /// Its stream breaks.
    pub(super) fn break_off(&mut self, at: Nanos, told: &mut Vec<Event>) {
        self.end(at, WatchEnd::EndedByMember, told);
        self.is_broken = true;
    }

    /// It is resumed at a revision, on a stream of its own.
    pub(super) fn resume(&mut self, number: u32, start_revision: Revision, at: Nanos, told: &mut Vec<Event>) {
        let resumes = Some(self.opened.subscription);
        self.reopened(number, start_revision, resumes, at, told);
    }

    /// Its owner closes it and opens another one on the same range.
    pub(super) fn reopen(&mut self, number: u32, start_revision: Revision, at: Nanos, told: &mut Vec<Event>) {
        self.end(at, WatchEnd::Closed, told);
        self.reopened(number, start_revision, None, at, told);
    }

    fn reopened(&mut self, number: u32, start_revision: Revision, resumes: Option<u32>, at: Nanos, told: &mut Vec<Event>) {
        let newest = self.told;
        self.opened = WatchOpened {
            subscription: FIRST_SUBSCRIPTION + number,
            stream: FIRST_SUBSCRIPTION + number,
            start_revision,
            resumes,
            at,
            ..self.opened.clone()
        };
        (self.stream, self.first, self.told, self.is_broken) = (self.opened.stream, start_revision, start_revision - 1, false);
        told.push(Event::WatchOpened(self.opened.clone()));
        self.confirm(at, newest, told);
    }

    fn end(&mut self, at: Nanos, end: WatchEnd, told: &mut Vec<Event>) {
        if self.is_broken {
            return;
        }
        if !self.withheld.is_empty() {
            let late = WatchBody::Events(std::mem::take(&mut self.withheld));
            self.tell(at, self.told, late, told);
        }
        let subscription = self.opened.subscription;
        told.push(Event::WatchClosed(WatchClosed { subscription, at, read_until: at, end }));
    }
}

fn range(ticket: &Blob, watched: Watched) -> (Blob, Blob) {
    match watched {
        Watched::Ticket => (ticket.clone(), Blob::default()),
        Watched::Event => {
            let end = ticket.as_bytes().iter().rposition(|byte| *byte == b':').map_or(ticket.len(), |colon| colon + 1);
            let prefix = Blob::from(ticket.as_bytes().get(..end).unwrap_or_default());
            let end = prefix_end(prefix.as_bytes());
            (prefix, end)
        }
        Watched::Tickets => ("ticket:".into(), prefix_end(b"ticket:")),
        Watched::Shop => ("event:".into(), prefix_end(b"ticket:")),
    }
}
