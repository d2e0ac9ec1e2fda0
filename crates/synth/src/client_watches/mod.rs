//! Watches of clients: each receives what the collector of its member delivers of its range.
//!
//! They depend on the recorded events only, so that every strategy has them. Each of two members has one watch now and then: of
//! a ticket, of the tickets of an event, or of the whole shop. A watch receives progress notifications, breaks with its member's
//! process, and is resumed after what it received.

mod mutate;
mod watch;

use rustc_hash::FxHashMap;

use self::watch::{ClientWatch, Watched};
use crate::cluster::member_id;
use crate::draw::Draw;
use crate::mutation::{Mutation, MutationPlan};
use ticketcd_history::annotation::Purpose;
use ticketcd_history::call::{CallId, CallOutcome, Invoke, Return};
use ticketcd_history::event::{Event, Phase};
use ticketcd_history::maintenance::MaintenanceAnswer;
use ticketcd_history::request::{Answer, AnswerBody, KeyValue, Request};
use ticketcd_history::watch::{ProgressRequested, StreamProgress, WatchBatch, WatchBody, WatchEvent, WatchOpened};
use ticketcd_history::{Blob, MemberIndex, Nanos, Revision};

/// The members with client watches. The mutations of a collector are at the third.
const MEMBERS_WITH_WATCHES: usize = 2;

/// One in so many deliveries is followed by a bookmark of the watch, or by one of its stream.
const BOOKMARK_EVERY: u64 = 16;
const STREAM_BOOKMARK_EVERY: u64 = 64;

/// The worker of a compaction that is a mutation.
const HOUSEKEEPER: u32 = 2_000_000;

/// The watches of a run.
#[derive(Debug)]
pub(crate) struct ClientWatches {
    draw: Draw,
    /// Whether clients open watches: while tickets are sold.
    is_open: bool,
    members: [MemberWatches; MEMBERS_WITH_WATCHES],
    /// Keys of tickets, in the order in which they were first seen.
    tickets: Vec<Blob>,
    opened: u32,
}

/// The watches of one member, one at a time.
#[derive(Debug, Default)]
struct MemberWatches {
    collector: Option<u32>,
    /// What its collector has delivered.
    delivered: Revision,
    /// The newest revision that the member's process is known to have: from the header of a response, or because it delivered
    /// the one after it.
    known: Revision,
    /// The newest revision that the member has shown: in a response, or to its collector.
    shown: Revision,
    /// Tickets as they were delivered last.
    last: FxHashMap<Blob, KeyValue>,
    watch: Option<ClientWatch>,
    /// Deliveries until the next watch is opened.
    rest: u64,
}

impl ClientWatches {
    pub(crate) fn new(seed: u64) -> Self {
        Self { draw: Draw::new(seed, 3), is_open: false, members: Default::default(), tickets: Vec::new(), opened: 0 }
    }

    /// What the watches receive after an event.
    pub(crate) fn after(&mut self, event: &Event, plan: &mut MutationPlan, out: &mut Vec<Event>) {
        match event {
            Event::Phase(began) if began.phase == Phase::Steady => self.is_open = true,
            Event::Phase(began) if began.phase == Phase::Drain => {
                self.is_open = false;
                for state in &mut self.members {
                    if let Some(watch) = state.watch.take() {
                        watch.close(began.at, out);
                    }
                }
            }
            Event::Return(Return { outcome: CallOutcome::Ok(answer), .. }) => {
                let numbered = self.members.iter_mut().zip(0_u8..).map(|(state, index)| (member_id(MemberIndex(index)), state));
                for (_, state) in numbered.filter(|(id, _)| *id == answer.member_id) {
                    let is_kv = !matches!(
                        answer.body,
                        AnswerBody::Compact
                            | AnswerBody::Lease { .. }
                            | AnswerBody::Lock { .. }
                            | AnswerBody::Maintenance(MaintenanceAnswer::Defragmented)
                    );
                    state.known = state.known.max(if is_kv { answer.revision } else { 0 });
                    state.shown = state.shown.max(answer.revision);
                }
            }
            Event::Member(event) => {
                if let Some(state) = self.members.get_mut(event.member.index()) {
                    state.known = 0;
                }
            }
            Event::WatchOpened(opened) => self.subscribed(opened, out),
            Event::WatchClosed(closed) => {
                let numbered = self.members.iter_mut().filter(|state| state.collector == Some(closed.subscription));
                for watch in numbered.filter_map(|state| state.watch.as_mut()) {
                    watch.break_off(closed.at, out);
                }
            }
            Event::WatchBatch(WatchBatch { subscription, at, body: WatchBody::Events(events), .. }) => {
                let index = self.members.iter().position(|state| state.collector == Some(*subscription));
                if let Some(index) = index {
                    self.delivered(index, *at, events, plan, out);
                }
            }
            _ => {}
        }
    }

    fn subscribed(&mut self, opened: &WatchOpened, out: &mut Vec<Event>) {
        let Some(state) = self.members.get_mut(opened.member.index()) else { return };
        state.collector = Some(opened.subscription);
        if let (Some(watch), true) = (&mut state.watch, self.is_open) {
            self.opened += 1;
            watch.resume(self.opened, watch.next(), opened.at, out);
        }
    }

    fn delivered(&mut self, index: usize, at: Nanos, events: &[WatchEvent], plan: &mut MutationPlan, out: &mut Vec<Event>) {
        let mut groups = Vec::new();
        let state = &mut self.members[index];
        for group in events.chunk_by(|one, next| one.kv.mod_revision == next.kv.mod_revision) {
            let mut matching = Vec::new();
            for WatchEvent { deleted, kv, .. } in group {
                let before = state.last.get(&kv.key);
                if let Some(watch) = state.watch.as_ref().filter(|watch| watch.receives(kv)) {
                    let previous = before.filter(|_| watch.requests_previous()).cloned().map(Box::new);
                    matching.push(WatchEvent { deleted: *deleted, kv: kv.clone(), previous });
                }
                if !kv.key.as_bytes().starts_with(b"ticket:") {
                    continue;
                }
                if before.is_none() && index == 0 {
                    self.tickets.push(kv.key.clone());
                }
                state.last.insert(kv.key.clone(), kv.clone());
            }
            if !matching.is_empty() {
                groups.push(matching);
            }
        }
        state.delivered = events.last().map_or(state.delivered, |event| event.kv.mod_revision);
        state.shown = state.shown.max(state.delivered);
        state.known = state.known.max(state.delivered - 1);
        self.show(index, at, groups, plan, out);
        self.change_watches(index, at, plan, out);
    }

    /// A watch receives events, and now and then a progress notification.
    fn show(&mut self, index: usize, at: Nanos, groups: Vec<Vec<WatchEvent>>, plan: &mut MutationPlan, out: &mut Vec<Event>) {
        let MemberWatches { watch, delivered, shown, .. } = &mut self.members[index];
        let Some(watch) = watch else { return };
        watch.deliveries += 1;
        if watch.is_unconfirmed() {
            watch.confirm(at, *shown, out);
        }
        let messages = if groups.is_empty() { Vec::new() } else { mutate::messages(watch, groups, plan) };
        for body in messages {
            watch.receive(at, *delivered, body, out);
        }
        // A progress notification confirms that everything was received.
        if watch.owes_nothing() && watch.deliveries % BOOKMARK_EVERY == 5 {
            watch.receive(at, *delivered, WatchBody::Progress, out);
        }
        if watch.owes_nothing() && watch.deliveries % STREAM_BOOKMARK_EVERY == 33 {
            let (stream, revision) = (watch.stream, *delivered);
            watch.received = watch.received.max(revision);
            out.push(Event::ProgressRequested(ProgressRequested { stream, at }));
            out.push(Event::StreamProgress(StreamProgress { stream, at, revision }));
        }
    }

    /// Closes a watch that was open long enough, or opens the next.
    fn change_watches(&mut self, index: usize, at: Nanos, plan: &mut MutationPlan, out: &mut Vec<Event>) {
        // A mutation of a watch needs an open one.
        let is_needed = plan.mutation.is_some_and(|mutation| mutation.check() == "watch") && !plan.is_done;
        let state = &mut self.members[index];
        if let Some(watch) = &mut state.watch {
            if plan.allows(Mutation::SkippedResume) {
                plan.done();
                self.opened += 1;
                let skipping = watch.next() + 3;
                watch.break_off(at, out);
                watch.resume(self.opened, skipping, at, out);
            } else if plan.allows(Mutation::UnservedWatch) {
                plan.done();
                self.opened += 1;
                watch.reopen(self.opened, state.delivered, at, out);
                watch.is_stalled = true;
            } else if plan.allows(Mutation::IgnoredCompaction) {
                plan.is_in_flight = true;
                self.compact_and_reopen(index, at, out);
            } else if watch.deliveries > watch.span && watch.owes_nothing() && !is_needed {
                state.rest = self.draw.between(5, 60);
                if let Some(watch) = state.watch.take() {
                    watch.close(at, out);
                }
            }
            return;
        }
        state.rest = state.rest.saturating_sub(1);
        if self.is_open && !self.tickets.is_empty() && (state.rest == 0 || is_needed) {
            self.open(index, at, plan, out);
        }
    }

    fn open(&mut self, index: usize, at: Nanos, plan: &MutationPlan, out: &mut Vec<Event>) {
        self.opened += 1;
        let ticket = self.tickets[self.draw.popular(self.tickets.len())].clone();
        let watched = match self.draw.below(5) {
            // Only a watch of the whole shop receives several keys with every sale.
            _ if plan.mutation == Some(Mutation::SplitEvent) => Watched::Shop,
            // A mutation needs a ticket that is not sold out.
            _ if plan.mutation.is_some_and(|mutation| mutation.check() == "watch") => Watched::Tickets,
            0 => Watched::Shop,
            1 => Watched::Event,
            _ => Watched::Ticket,
        };
        let is_from_now = self.draw.permille(300);
        let is_raced = is_from_now && self.draw.permille(500);
        let (is_from_now, is_raced) = match plan.mutation {
            Some(Mutation::EventBelowNow) => (true, true),
            // A watch that may receive a revision need not: only from its header on is something missed.
            Some(mutation) if mutation.check() == "watch" => (is_from_now, false),
            _ => (is_from_now, is_raced),
        };
        let span = self.draw.between(20, 80);
        let state = &mut self.members[index];
        let start = if is_from_now { 0 } else { state.delivered + 1 };
        let member = MemberIndex(index as u8);
        // What a watch from now must not receive.
        let known = state.known;
        let is_known = |kv: &&KeyValue| !is_from_now || kv.mod_revision <= known;
        let before = state.last.get(&ticket).filter(is_known).or_else(|| state.last.values().find(is_known)).cloned();
        state.watch =
            Some(ClientWatch::open(self.opened, member, (&ticket, watched), (start, state.shown, is_raced), before, span, at, out));
    }

    /// Mutation: the member has compacted its history and accepts a watch that starts below the compaction.
    fn compact_and_reopen(&mut self, index: usize, at: Nanos, out: &mut Vec<Event>) {
        let member = MemberIndex(index as u8);
        let MemberWatches { watch, delivered, .. } = &mut self.members[index];
        let Some(watch) = watch else { return };
        let (id, revision) = (CallId { worker: HOUSEKEEPER, sequence: 1 }, *delivered);
        let (purpose, request) = (Purpose::Housekeeping, Request::compact(revision));
        out.push(Event::Invoke(Invoke { id, member, sent: at, purpose, orders: Vec::new(), request }));
        let answer = Answer { member_id: member_id(member), revision, raft_term: 2, body: AnswerBody::Compact };
        out.push(Event::Return(Return { id, done: at, outcome: CallOutcome::Ok(answer) }));
        self.opened += 1;
        watch.reopen(self.opened, revision - 1, at, out);
    }
}
