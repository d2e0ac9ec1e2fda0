//! One watch of a client: its range, and how much it has received.

use ticketcd_history::event::Event;
use ticketcd_history::request::KeyValue;
use ticketcd_history::watch::{WatchBatch, WatchBody, WatchClosed, WatchEnd, WatchEvent, WatchOpened, WatchOptions, WatchRole};
use ticketcd_history::{Blob, MemberIndex, Nanos, Revision};
use ticketcd_judge::model::keys::prefix_end;

/// Client watches are numbered from here, so that none has the number of a collector.
const FIRST_SUBSCRIPTION: u32 = 1_000;

/// The range of a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watched {
    /// One ticket.
    Ticket,
    /// The tickets of one event.
    Event,
    /// All tickets.
    Tickets,
    /// Events, purchases, search indexes and tickets.
    Shop,
}

/// A watch of a client.
#[derive(Debug)]
pub(crate) struct ClientWatch {
    opened: WatchOpened,
    pub(crate) stream: u32,
    /// The first revision that it must receive.
    first: Revision,
    /// The revision up to which it received everything, as its owner counts.
    pub(crate) received: Revision,
    /// A key of its range as it was before it began.
    pub(crate) before: Option<KeyValue>,
    /// Deliveries of its collector so far, and until it is closed.
    pub(crate) deliveries: u64,
    pub(crate) span: u64,
    /// Mutation: what it should have received and has not.
    pub(crate) withheld: Vec<WatchEvent>,
    /// Whether its `created` is still to come: then it comes together with the next delivery, of which its header knows.
    is_unconfirmed: bool,
    /// Mutation: it receives nothing more.
    pub(crate) is_stalled: bool,
    is_broken: bool,
}

impl ClientWatch {
    #[expect(clippy::too_many_arguments, reason = "what a watch is, and what it is opened with")]
    pub(crate) fn open(
        number: u32,
        member: MemberIndex,
        (ticket, watched): (&Blob, Watched),
        (start_revision, newest, is_raced): (Revision, Revision, bool),
        before: Option<KeyValue>,
        span: u64,
        at: Nanos,
        out: &mut Vec<Event>,
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
        let mut watch = Self {
            opened,
            stream: subscription,
            first,
            received: first - 1,
            before,
            deliveries: 0,
            span,
            withheld: Vec::new(),
            is_unconfirmed: is_raced,
            is_stalled: false,
            is_broken: false,
        };
        out.push(Event::WatchOpened(watch.opened.clone()));
        if !is_raced {
            watch.confirm(at, newest, out);
        }
        watch
    }

    /// The member confirms it, if it has not yet. `revision` is the header's: from etcd 3.4.38, 3.5.22 and 3.6.2 on it is read
    /// after the watch was registered, so that a watch from "now" may receive events of that revision or of earlier ones.
    pub(crate) fn confirm(&mut self, at: Nanos, revision: Revision, out: &mut Vec<Event>) {
        self.is_unconfirmed = false;
        let subscription = self.opened.subscription;
        out.push(Event::WatchBatch(WatchBatch { subscription, at, revision, body: WatchBody::Created }));
    }

    /// Whether the member has not confirmed it yet.
    pub(crate) fn is_unconfirmed(&self) -> bool {
        self.is_unconfirmed
    }

    /// Whether it receives a change of this key.
    pub(crate) fn receives(&self, kv: &KeyValue) -> bool {
        let WatchOpened { key, range_end, .. } = &self.opened;
        let in_range = if range_end.is_empty() { kv.key == *key } else { kv.key >= *key && kv.key < *range_end };
        in_range && kv.mod_revision >= self.first && !self.is_broken
    }

    pub(crate) fn requests_previous(&self) -> bool {
        self.opened.options.previous
    }

    /// Whether it received everything so far.
    pub(crate) fn owes_nothing(&self) -> bool {
        self.withheld.is_empty() && !self.is_stalled && !self.is_broken
    }

    /// The revision after the last one it received.
    pub(crate) fn next(&self) -> Revision {
        self.received + 1
    }

    /// It receives a message. `revision` is the header's.
    pub(crate) fn receive(&mut self, at: Nanos, revision: Revision, body: WatchBody, out: &mut Vec<Event>) {
        let last = match &body {
            WatchBody::Events(events) => events.iter().map(|event| event.kv.mod_revision).max().unwrap_or(0),
            WatchBody::Progress => revision,
            WatchBody::Created | WatchBody::Cancelled { .. } => 0,
        };
        self.received = self.received.max(last);
        out.push(Event::WatchBatch(WatchBatch { subscription: self.opened.subscription, at, revision, body }));
    }

    /// Its owner closes it.
    pub(crate) fn close(mut self, at: Nanos, out: &mut Vec<Event>) {
        self.end(at, WatchEnd::Closed, out);
    }

    /// Its stream breaks.
    pub(crate) fn break_off(&mut self, at: Nanos, out: &mut Vec<Event>) {
        self.end(at, WatchEnd::EndedByMember, out);
        self.is_broken = true;
    }

    /// It is resumed at a revision, on a stream of its own.
    pub(crate) fn resume(&mut self, number: u32, start_revision: Revision, at: Nanos, out: &mut Vec<Event>) {
        let resumes = Some(self.opened.subscription);
        self.reopened(number, start_revision, resumes, at, out);
    }

    /// Its owner closes it and opens another one on the same range.
    pub(crate) fn reopen(&mut self, number: u32, start_revision: Revision, at: Nanos, out: &mut Vec<Event>) {
        self.end(at, WatchEnd::Closed, out);
        self.reopened(number, start_revision, None, at, out);
    }

    fn reopened(&mut self, number: u32, start_revision: Revision, resumes: Option<u32>, at: Nanos, out: &mut Vec<Event>) {
        let newest = self.received;
        self.opened = WatchOpened {
            subscription: FIRST_SUBSCRIPTION + number,
            stream: FIRST_SUBSCRIPTION + number,
            start_revision,
            resumes,
            at,
            ..self.opened.clone()
        };
        (self.stream, self.first, self.received, self.is_broken) = (self.opened.stream, start_revision, start_revision - 1, false);
        out.push(Event::WatchOpened(self.opened.clone()));
        self.confirm(at, newest, out);
    }

    fn end(&mut self, at: Nanos, end: WatchEnd, out: &mut Vec<Event>) {
        if self.is_broken {
            return;
        }
        if !self.withheld.is_empty() {
            let late = WatchBody::Events(std::mem::take(&mut self.withheld));
            self.receive(at, self.received, late, out);
        }
        let subscription = self.opened.subscription;
        out.push(Event::WatchClosed(WatchClosed { subscription, at, read_until: at, end }));
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
