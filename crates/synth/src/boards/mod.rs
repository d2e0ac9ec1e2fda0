//! Stock boards: watches of a client that are told what the collector of their member delivers of their range.
//!
//! They look at the tape alone, so that every strategy has them. Each of two members has a board now and then: on one
//! ticket, on the tickets of one event, or on the whole shop. A board is told of progress, breaks with its member's process,
//! and is resumed behind what it was told.

mod board;
mod spoil;

use rustc_hash::FxHashMap;

use self::board::{Board, Watched};
use super::draw::Draw;
use super::plan::Plan;
use super::{Plant, member_id};
use ticketcd_history::annotation::Purpose;
use ticketcd_history::call::{CallId, CallOutcome, Invoke, Return};
use ticketcd_history::event::{Event, Phase};
use ticketcd_history::request::{Answer, AnswerBody, KeyValue, Request};
use ticketcd_history::watch::{ProgressRequested, StreamProgress, WatchBatch, WatchBody, WatchEvent, WatchOpened};
use ticketcd_judge::model::{Blob, MemberIndex, Nanos, Revision};

/// The members that have boards. What is planted into the collector of the third concerns no board.
const MEMBERS_WITH_BOARDS: usize = 2;

/// One in so many deliveries is followed by a bookmark of the board, or by one of its stream.
const BOOKMARK_EVERY: u64 = 16;
const STREAM_BOOKMARK_EVERY: u64 = 64;

/// The worker of the compaction that is planted.
const HOUSEKEEPER: u32 = 2_000_000;

/// The boards of a run.
#[derive(Debug)]
pub(super) struct Boards {
    draw: Draw,
    /// Whether people look at boards: while tickets are sold.
    is_open: bool,
    stations: [Station; MEMBERS_WITH_BOARDS],
    /// Keys of tickets, in the order in which they were first seen.
    tickets: Vec<Blob>,
    opened: u32,
}

/// The boards of one member, one at a time.
#[derive(Debug, Default)]
struct Station {
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
    board: Option<Board>,
    /// Deliveries until somebody looks again.
    rest: u64,
}

impl Boards {
    pub(super) fn new(seed: u64) -> Self {
        Self { draw: Draw::new(seed, 3), is_open: false, stations: Default::default(), tickets: Vec::new(), opened: 0 }
    }

    /// What the boards are told after an event.
    pub(super) fn after(&mut self, event: &Event, plan: &mut Plan, told: &mut Vec<Event>) {
        match event {
            Event::Phase(began) if began.phase == Phase::Steady => self.is_open = true,
            Event::Phase(began) if began.phase == Phase::Drain => {
                self.is_open = false;
                for station in &mut self.stations {
                    if let Some(board) = station.board.take() {
                        board.close(began.at, told);
                    }
                }
            }
            Event::Return(Return { outcome: CallOutcome::Ok(answer), .. }) => {
                let members = self.stations.iter_mut().zip(0_u8..).map(|(station, index)| (member_id(MemberIndex(index)), station));
                for (_, station) in members.filter(|(id, _)| *id == answer.member_id) {
                    let is_kv = !matches!(
                        answer.body,
                        AnswerBody::Compact | AnswerBody::Lease { .. } | AnswerBody::Lock { .. } | AnswerBody::Defragment
                    );
                    station.known = station.known.max(if is_kv { answer.revision } else { 0 });
                    station.shown = station.shown.max(answer.revision);
                }
            }
            Event::Member(event) => {
                if let Some(station) = self.stations.get_mut(event.member.index()) {
                    station.known = 0;
                }
            }
            Event::WatchOpened(opened) => self.subscribed(opened, told),
            Event::WatchClosed(closed) => {
                let stations = self.stations.iter_mut().filter(|station| station.collector == Some(closed.subscription));
                for board in stations.filter_map(|station| station.board.as_mut()) {
                    board.break_off(closed.at, told);
                }
            }
            Event::WatchBatch(WatchBatch { subscription, at, body: WatchBody::Events(events), .. }) => {
                let index = self.stations.iter().position(|station| station.collector == Some(*subscription));
                if let Some(index) = index {
                    self.delivered(index, *at, events, plan, told);
                }
            }
            _ => {}
        }
    }

    fn subscribed(&mut self, opened: &WatchOpened, told: &mut Vec<Event>) {
        let Some(station) = self.stations.get_mut(opened.member.index()) else { return };
        station.collector = Some(opened.subscription);
        if let (Some(board), true) = (&mut station.board, self.is_open) {
            self.opened += 1;
            board.resume(self.opened, board.next(), opened.at, told);
        }
    }

    fn delivered(&mut self, index: usize, at: Nanos, events: &[WatchEvent], plan: &mut Plan, told: &mut Vec<Event>) {
        let mut groups = Vec::new();
        let station = &mut self.stations[index];
        for group in events.chunk_by(|one, next| one.kv.mod_revision == next.kv.mod_revision) {
            let mut matching = Vec::new();
            for WatchEvent { deleted, kv, .. } in group {
                let before = station.last.get(&kv.key);
                if let Some(board) = station.board.as_ref().filter(|board| board.is_told_of(kv)) {
                    let previous = before.filter(|_| board.wants_previous()).cloned().map(Box::new);
                    matching.push(WatchEvent { deleted: *deleted, kv: kv.clone(), previous });
                }
                if !kv.key.as_bytes().starts_with(b"ticket:") {
                    continue;
                }
                if before.is_none() && index == 0 {
                    self.tickets.push(kv.key.clone());
                }
                station.last.insert(kv.key.clone(), kv.clone());
            }
            if !matching.is_empty() {
                groups.push(matching);
            }
        }
        station.delivered = events.last().map_or(station.delivered, |event| event.kv.mod_revision);
        station.shown = station.shown.max(station.delivered);
        station.known = station.known.max(station.delivered - 1);
        self.show(index, at, groups, plan, told);
        self.change_boards(index, at, plan, told);
    }

    /// Shows a board what it is to be told, and now and then how far it is.
    fn show(&mut self, index: usize, at: Nanos, groups: Vec<Vec<WatchEvent>>, plan: &mut Plan, told: &mut Vec<Event>) {
        let Station { board, delivered, shown, .. } = &mut self.stations[index];
        let Some(board) = board else { return };
        board.deliveries += 1;
        if board.is_unconfirmed() {
            board.confirm(at, *shown, told);
        }
        let messages = if groups.is_empty() { Vec::new() } else { spoil::messages(board, groups, plan) };
        for body in messages {
            board.tell(at, *delivered, body, told);
        }
        // Progress says that everything was told.
        if board.owes_nothing() && board.deliveries % BOOKMARK_EVERY == 5 {
            board.tell(at, *delivered, WatchBody::Progress, told);
        }
        if board.owes_nothing() && board.deliveries % STREAM_BOOKMARK_EVERY == 33 {
            let (stream, revision) = (board.stream, *delivered);
            board.told = board.told.max(revision);
            told.push(Event::ProgressRequested(ProgressRequested { stream, at }));
            told.push(Event::StreamProgress(StreamProgress { stream, at, revision }));
        }
    }

    /// Closes a board that was looked at long enough, or opens the next.
    fn change_boards(&mut self, index: usize, at: Nanos, plan: &mut Plan, told: &mut Vec<Event>) {
        // Whatever is to be planted into a board must find one open.
        let is_needed = plan.plant.is_some_and(|plant| plant.check() == "watch") && !plan.is_planted;
        let station = &mut self.stations[index];
        if let Some(board) = &mut station.board {
            if plan.wants(Plant::SkippedResume) {
                plan.done();
                self.opened += 1;
                let skipping = board.next() + 3;
                board.break_off(at, told);
                board.resume(self.opened, skipping, at, told);
            } else if plan.wants(Plant::UnservedBoard) {
                plan.done();
                self.opened += 1;
                board.reopen(self.opened, station.delivered, at, told);
                board.is_stalled = true;
            } else if plan.wants(Plant::IgnoredCompaction) {
                plan.is_under_way = true;
                self.compact_and_reopen(index, at, told);
            } else if board.deliveries > board.span && board.owes_nothing() && !is_needed {
                station.rest = self.draw.between(5, 60);
                if let Some(board) = station.board.take() {
                    board.close(at, told);
                }
            }
            return;
        }
        station.rest = station.rest.saturating_sub(1);
        if self.is_open && !self.tickets.is_empty() && (station.rest == 0 || is_needed) {
            self.open(index, at, plan, told);
        }
    }

    fn open(&mut self, index: usize, at: Nanos, plan: &Plan, told: &mut Vec<Event>) {
        self.opened += 1;
        let ticket = self.tickets[self.draw.popular(self.tickets.len())].clone();
        let watched = match self.draw.below(5) {
            // Only a board on everything is told of several keys by every sale.
            _ if plan.plant == Some(Plant::SplitEvent) => Watched::Shop,
            // What is planted must find a ticket that is not sold out.
            _ if plan.plant.is_some_and(|plant| plant.check() == "watch") => Watched::Tickets,
            0 => Watched::Shop,
            1 => Watched::Event,
            _ => Watched::Ticket,
        };
        let is_from_now = self.draw.permille(300);
        let is_raced = is_from_now && self.draw.permille(500);
        let (is_from_now, is_raced) = match plan.plant {
            Some(Plant::EventBelowNow) => (true, true),
            // A watch that may receive a revision need not: only from its header on is something missed.
            Some(plant) if plant.check() == "watch" => (is_from_now, false),
            _ => (is_from_now, is_raced),
        };
        let span = self.draw.between(20, 80);
        let station = &mut self.stations[index];
        let start = if is_from_now { 0 } else { station.delivered + 1 };
        let member = MemberIndex(index as u8);
        // What a watch from now must not receive.
        let known = station.known;
        let is_known = |kv: &&KeyValue| !is_from_now || kv.mod_revision <= known;
        let before = station.last.get(&ticket).filter(is_known).or_else(|| station.last.values().find(is_known)).cloned();
        station.board =
            Some(Board::open(self.opened, member, (&ticket, watched), (start, station.shown, is_raced), before, span, at, told));
    }

    /// Planted: the member has compacted its past and takes a board on that is to begin in it.
    fn compact_and_reopen(&mut self, index: usize, at: Nanos, told: &mut Vec<Event>) {
        let member = MemberIndex(index as u8);
        let Station { board, delivered, .. } = &mut self.stations[index];
        let Some(board) = board else { return };
        let (id, revision) = (CallId { worker: HOUSEKEEPER, sequence: 1 }, *delivered);
        let (purpose, request) = (Purpose::Housekeeping, Request::Compact(revision));
        told.push(Event::Invoke(Invoke { id, member, sent: at, purpose, orders: Vec::new(), request }));
        let answer = Answer { member_id: member_id(member), revision, raft_term: 2, body: AnswerBody::Compact };
        told.push(Event::Return(Return { id, done: at, outcome: CallOutcome::Ok(answer) }));
        self.opened += 1;
        board.reopen(self.opened, revision - 1, at, told);
    }
}
