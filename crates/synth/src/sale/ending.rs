//! The beginning and the end of a run: seeding, drain, barrier, audits.

use super::{Fault, Sale};
use crate::mutation::Mutation;
use crate::run::{BROKEN, MILLISECOND, SECOND};
use ticketcd_history::annotation::Purpose;
use ticketcd_history::audit::{AuditPage, AuditStage};
use ticketcd_history::call::{CallId, Invoke, Return};
use ticketcd_history::event::{Ended, Event, MemberChange, Phase, WorkerClosed};
use ticketcd_history::member::ProcessExit;
use ticketcd_history::request::{AnswerBody, KeyValue, Put, Request, Txn, TxnOp};
use ticketcd_history::{Blob, MemberIndex, Revision};

/// Operations of a transaction of the dataset.
const BATCH: usize = 120;

/// Keys of a page of an audit.
const PAGE_KEYS: usize = 1_000;

impl Sale<'_> {
    /// Writes the dataset.
    pub(super) fn seed(&mut self) {
        let mut entries: Vec<(Blob, Blob)> = Vec::new();
        for index in 0..self.shop.events.len() {
            let value = self.shop.event_value(index, self.shop.events[index].record.current_quantity);
            entries.push((self.shop.events[index].key.clone(), value));
            for ticket in &self.shop.events[index].tickets {
                let state = &self.shop.tickets[*ticket];
                entries.push((state.key.clone(), self.shop.ticket_value(*ticket, state.total)));
            }
        }
        entries.extend(self.shop.indexes(self.writer.plan.mutation));
        if self.writer.plan.mutation.is_some_and(|mutation| mutation.check() == "indexes") {
            self.mutated();
        }
        for (sequence, batch) in (1..).zip(entries.chunks(BATCH)) {
            let put = |(key, value): &(Blob, Blob)| TxnOp::Put(Put { key: key.clone(), value: value.clone(), ..Put::default() });
            let request = Request::Txn(Txn { success: batch.iter().map(put).collect(), ..Txn::default() });
            let id = CallId { worker: self.size.buyers, sequence };
            self.invoke(id, MemberIndex(0), Purpose::Seed, request.clone());
            let (revision, body) = self.cluster.execute(&request, self.now);
            self.schedule_deliveries();
            self.deliver_all();
            self.answered(id, MemberIndex(0), revision, body);
        }
        let last_sequence = u32::try_from(entries.len().div_ceil(BATCH)).unwrap_or(u32::MAX);
        self.record(&Event::WorkerClosed(WorkerClosed { worker: self.size.buyers, last_sequence }));
    }

    fn invoke(&mut self, id: CallId, member: MemberIndex, purpose: Purpose, request: Request) {
        self.now += MILLISECOND;
        let sent = self.now;
        self.record(&Event::Invoke(Invoke { id, member, sent, purpose, orders: Vec::new(), request }));
    }

    fn answered(&mut self, id: CallId, member: MemberIndex, revision: Revision, body: AnswerBody) {
        self.now += MILLISECOND;
        let done = self.now;
        let outcome = self.cluster.answer(member, revision, body);
        self.acknowledged.raise(self.now, revision);
        self.record(&Event::Return(Return { id, done, outcome }));
    }

    /// The end: faults are healed, deliveries drained, and every member is audited.
    pub(super) fn close(&mut self) {
        self.phase(Phase::Drain);
        if self.fault == Fault::InForce {
            self.heal();
        }
        for worker in 0..self.size.buyers {
            let last_sequence = self.buyers[worker as usize].calls;
            self.record(&Event::WorkerClosed(WorkerClosed { worker, last_sequence }));
        }
        let up = self.cluster.up();
        for member in &up {
            let worker = self.size.buyers + 1 + u32::from(member.0);
            let key = self.shop.keys.meta(format_args!("barrier:{}:{}", self.run_tag(), member.name()));
            let (id, value) = (CallId { worker, sequence: 1 }, Blob::from(format!("{worker}-1")));
            let request = Request::Put(Put { key, value, ..Put::default() });
            self.invoke(id, *member, Purpose::Barrier, request.clone());
            if self.writer.plan.mutation == Some(Mutation::LostAtTheEnd) && Some(member) == up.last() {
                // Its response names the revision that it would have had.
                self.mutated();
                self.answered(id, *member, self.cluster.revision() + 1, AnswerBody::Put { prev_kv: None });
            } else {
                let (revision, body) = self.cluster.execute(&request, self.now);
                self.schedule_deliveries();
                self.answered(id, *member, revision, body);
            }
            self.record(&Event::WorkerClosed(WorkerClosed { worker, last_sequence: 1 }));
        }
        self.deliver_all();
        self.now += SECOND;
        self.sample();
        self.phase(Phase::Audit);
        let content = self.cluster.content();
        self.audit(AuditStage::Healed, &content);
        for member in &up {
            self.break_off(*member);
            self.member_event(*member, MemberChange::Exited { exit: ProcessExit::Code(0), expected: true });
        }
        for member in &up {
            self.now += MILLISECOND;
            let incarnation = self.cluster.restart(*member);
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
        self.record(&Event::Ended(Ended { at, interrupted: false }));
    }

    fn audit(&mut self, stage: AuditStage, content: &[KeyValue]) {
        for member in self.cluster.indices() {
            self.now += 10 * MILLISECOND;
            let mutation = self.writer.plan.mutation.filter(|_| member == BROKEN);
            let mut facts = self.cluster.audit_facts();
            if self.cluster.member(member).is_up {
                for page in self.pages(stage, member, mutation, content) {
                    self.record(&Event::AuditPage(page));
                }
            }
            match mutation {
                Some(Mutation::ReplicaHash) => facts.after.hash ^= 1,
                Some(Mutation::ReplicaRevision) => facts.after.revision -= 1,
                Some(Mutation::ReplicaLeases) => facts.leases.push(0x7001),
                _ => {}
            }
            if facts.before != facts.after || mutation == Some(Mutation::ReplicaLeases) {
                facts.before = facts.after.clone();
                self.mutated();
            }
            let closed = self.cluster.audited(stage, member, self.now, facts);
            self.record(&Event::AuditClosed(closed));
        }
    }

    /// The content of a member, in pages.
    fn pages(&mut self, stage: AuditStage, member: MemberIndex, mutation: Option<Mutation>, content: &[KeyValue]) -> Vec<AuditPage> {
        let mut pages = self.cluster.audit_pages(stage, member, content, PAGE_KEYS);
        let last_event = self.shop.events.last().map(|event| event.key.clone());
        let last_purchase = || content.iter().rev().map(|kv| &kv.key).find(|key| key.as_bytes().starts_with(b"purchase:")).cloned();
        let (key, is_lost) = match mutation {
            Some(Mutation::ReplicaRevision) => {
                pages.iter_mut().for_each(|page| page.revision -= 1);
                return pages;
            }
            Some(Mutation::ReplicaContent) => (last_event, false),
            Some(Mutation::DivergentOrder) => (last_purchase(), true),
            Some(Mutation::LostAfterRestart) if stage == AuditStage::Restarted => (last_purchase(), true),
            _ => return pages,
        };
        for page in &mut pages {
            let Some(position) = page.kvs.iter().position(|kv| Some(&kv.key) == key.as_ref()) else { continue };
            self.mutated();
            if is_lost {
                page.kvs.remove(position);
            } else {
                page.kvs[position].value = page.kvs[position].value.to_text().replace("21:00", "22:00").into();
            }
        }
        pages
    }
}
