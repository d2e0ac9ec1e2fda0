//! The beginning and the end of a run: seeding, drain, barrier, audits.

use super::super::{MILLISECOND, Plant, SECOND};
use super::answers::renew;
use super::{BROKEN, Fault, Sale};
use ticketcd_history::annotation::Purpose;
use ticketcd_history::audit::{AuditClosed, AuditFacts, AuditPage, AuditStage, AuditStatus};
use ticketcd_history::call::{CallId, Invoke, Return};
use ticketcd_history::event::{Ended, Event, MemberChange, Phase, WorkerClosed};
use ticketcd_history::member::ProcessExit;
use ticketcd_history::request::{AnswerBody, KeyValue, Put, Request, Txn, TxnAnswer, TxnAnswerBody, TxnOp};
use ticketcd_judge::model::{Blob, MemberIndex, Revision};

/// Operations of a transaction of the dataset.
const BATCH: usize = 120;

/// Keys of a page of an audit.
const PAGE_KEYS: usize = 1_000;

/// A key of the dataset, where its key-value is kept, and its value.
enum Place {
    Event(usize),
    Ticket(usize),
    Other,
}

impl Sale<'_> {
    /// Writes the dataset.
    pub(super) fn seed(&mut self) {
        let mut entries: Vec<(Place, Blob, Blob)> = Vec::new();
        for index in 0..self.shop.events.len() {
            let current = self.shop.events[index].record.current_quantity;
            let value = self.shop.event_value(index, current);
            entries.push((Place::Event(index), self.shop.events[index].key.clone(), value));
            for ticket in &self.shop.events[index].tickets {
                let state = &self.shop.tickets[*ticket];
                entries.push((Place::Ticket(*ticket), state.key.clone(), self.shop.ticket_value(*ticket, state.current)));
            }
        }
        let indexes = self.shop.indexes(self.tape.plan.plant);
        if self.tape.plan.plant.is_some_and(|plant| plant.check() == "indexes") {
            self.plant();
        }
        entries.extend(indexes.into_iter().map(|(key, value)| (Place::Other, key, value)));
        for (sequence, batch) in (1..).zip(entries.chunks(BATCH)) {
            let put = |(_, key, value): &(Place, Blob, Blob)| TxnOp::Put(Put { key: key.clone(), value: value.clone(), lease: 0 });
            let request = Request::Txn(Txn { success: batch.iter().map(put).collect(), ..Txn::default() });
            let id = CallId { worker: self.size.buyers, sequence };
            self.invoke(id, MemberIndex(0), Purpose::Seed, request);
            self.cluster.revision += 1;
            let revision = self.cluster.revision;
            let mut kvs = Vec::with_capacity(batch.len());
            for (place, key, value) in batch {
                let mut kv = KeyValue { key: key.clone(), ..KeyValue::default() };
                renew(&mut kv, value.clone(), revision);
                match place {
                    Place::Event(index) => self.shop.events[*index].kv = kv.clone(),
                    Place::Ticket(index) => self.shop.tickets[*index].kv = kv.clone(),
                    Place::Other => self.shop.others.push(kv.clone()),
                }
                kvs.push(kv);
            }
            self.written(kvs);
            self.deliver_all();
            let responses = vec![TxnAnswer { revision, body: TxnAnswerBody::Put }; batch.len()];
            self.done(id, MemberIndex(0), AnswerBody::Txn { succeeded: true, responses });
        }
        let last_sequence = u32::try_from(entries.len().div_ceil(BATCH)).unwrap_or(u32::MAX);
        self.tell(&Event::WorkerClosed(WorkerClosed { worker: self.size.buyers, last_sequence }));
    }

    fn invoke(&mut self, id: CallId, member: MemberIndex, purpose: Purpose, request: Request) {
        self.now += MILLISECOND;
        let sent = self.now;
        self.tell(&Event::Invoke(Invoke { id, member, sent, purpose, orders: Vec::new(), request }));
    }

    fn done(&mut self, id: CallId, member: MemberIndex, body: AnswerBody) {
        self.answered(id, member, self.cluster.revision, body);
    }

    fn answered(&mut self, id: CallId, member: MemberIndex, revision: Revision, body: AnswerBody) {
        self.now += MILLISECOND;
        let done = self.now;
        let outcome = self.answer(member, revision, body);
        self.told.tell(self.now, revision);
        self.tell(&Event::Return(Return { id, done, outcome }));
    }

    /// Writes a key that is none of the shop's.
    pub(super) fn put_other(&mut self, key: Blob, value: Blob) {
        self.cluster.revision += 1;
        let mut kv = KeyValue { key, ..KeyValue::default() };
        renew(&mut kv, value, self.cluster.revision);
        self.shop.others.push(kv.clone());
        self.written(vec![kv]);
    }

    /// The end: whatever is broken is healed, everything comes to rest, and every member is asked what it has.
    pub(super) fn close(&mut self) {
        self.phase(Phase::Drain);
        if self.fault == Fault::InForce {
            self.heal();
        }
        for worker in 0..self.size.buyers {
            let last_sequence = self.buyers[worker as usize].calls;
            self.tell(&Event::WorkerClosed(WorkerClosed { worker, last_sequence }));
        }
        let up: Vec<MemberIndex> = self.cluster.indices().filter(|member| self.cluster.members[member.index()].is_up).collect();
        for member in &up {
            let worker = self.size.buyers + 1 + u32::from(member.0);
            let key = self.shop.keys.meta(format_args!("barrier:{}:{}", self.run_tag(), member.name()));
            let (id, value) = (CallId { worker, sequence: 1 }, Blob::from(format!("{worker}-1")));
            self.invoke(id, *member, Purpose::Barrier, Request::Put(Put { key: key.clone(), value: value.clone(), lease: 0 }));
            let is_lost = self.tape.plan.plant == Some(Plant::LostAtTheEnd) && Some(member) == up.last();
            if is_lost {
                // It is told the revision that would have been its own.
                self.plant();
                self.answered(id, *member, self.cluster.revision + 1, AnswerBody::Put);
            } else {
                self.put_other(key, value);
                self.done(id, *member, AnswerBody::Put);
            }
            self.tell(&Event::WorkerClosed(WorkerClosed { worker, last_sequence: 1 }));
        }
        self.deliver_all();
        self.now += SECOND;
        self.sample();
        self.phase(Phase::Audit);
        let content = self.content();
        self.audit(AuditStage::Healed, &content);
        for member in &up {
            self.break_off(*member);
            self.member_event(*member, MemberChange::Exited { exit: ProcessExit::Code(0), expected: true });
        }
        for member in &up {
            self.now += MILLISECOND;
            let state = self.cluster.member(*member);
            state.incarnation += 1;
            let incarnation = state.incarnation;
            self.member_event(*member, MemberChange::Started { incarnation, pid: 6_000 + u32::from(member.0) });
            self.subscribe(*member);
            if *member == BROKEN {
                self.deliver_below_start();
            }
        }
        self.audit(AuditStage::Restarted, &content);
        self.now += SECOND;
        self.sample();
        let at = self.now;
        self.tell(&Event::Ended(Ended { at, interrupted: false }));
    }

    /// Everything that is there, in the order of keys.
    fn content(&self) -> Vec<KeyValue> {
        let shop = &self.shop;
        let tickets = shop.tickets.iter().map(|ticket| &ticket.kv);
        let events = shop.events.iter().map(|event| &event.kv);
        let mut kvs: Vec<KeyValue> = shop.purchases.values().chain(tickets).chain(events).chain(&shop.others).cloned().collect();
        kvs.sort_unstable_by(|left, right| left.key.cmp(&right.key));
        kvs
    }

    fn audit(&mut self, stage: AuditStage, content: &[KeyValue]) {
        for member in self.cluster.indices() {
            self.now += 10 * MILLISECOND;
            let is_up = self.cluster.member(member).is_up;
            let is_behind = member == BROKEN && self.tape.plan.plant == Some(Plant::ReplicaRevision);
            let revision = self.cluster.revision - i64::from(is_behind);
            if is_up {
                self.pages(stage, member, revision, content);
            }
            let hash = (self.size.seed ^ self.cluster.revision.unsigned_abs().rotate_left(7)) as u32;
            let mut status = AuditStatus { applied_index: self.applied_index(), revision, hash, compact_revision: 0 };
            let mut leases = Vec::new();
            match self.tape.plan.plant.filter(|_| member == BROKEN) {
                Some(Plant::ReplicaHash) => status.hash ^= 1,
                Some(Plant::ReplicaLeases) => leases.push(0x7001),
                _ => {}
            }
            if status.hash != hash || revision != self.cluster.revision || !leases.is_empty() {
                self.plant();
            }
            let facts = AuditFacts { before: status.clone(), after: status, leases };
            let outcome = if is_up { Ok(facts) } else { Err("asked 20 times: connection refused".to_owned()) };
            let at = self.now;
            self.tell(&Event::AuditClosed(AuditClosed { stage, member, at, outcome }));
        }
    }

    fn pages(&mut self, stage: AuditStage, member: MemberIndex, revision: Revision, content: &[KeyValue]) {
        let plant = self.tape.plan.plant.filter(|_| member == BROKEN);
        let differs = plant == Some(Plant::ReplicaContent);
        let is_restarted = stage == AuditStage::Restarted;
        let lacks = plant == Some(Plant::DivergentOrder) || plant == Some(Plant::LostAfterRestart) && is_restarted;
        // What is spoiled is the last event's record, or the last purchase when that shall be lost.
        let spoiled = match (differs, lacks) {
            (true, _) => self.shop.events.last().map(|event| event.kv.key.clone()),
            (_, true) => content.iter().rev().map(|kv| &kv.key).find(|key| key.as_bytes().starts_with(b"purchase:")).cloned(),
            _ => None,
        };
        for page in content.chunks(PAGE_KEYS) {
            let mut kvs = page.to_vec();
            if let Some(position) = spoiled.as_ref().and_then(|key| kvs.iter().position(|kv| kv.key == *key)) {
                self.plant();
                if lacks {
                    kvs.remove(position);
                } else {
                    kvs[position].value = kvs[position].value.to_text().replace("21:00", "22:00").into();
                }
            }
            self.tell(&Event::AuditPage(AuditPage { stage, member, revision, kvs }));
        }
    }
}
