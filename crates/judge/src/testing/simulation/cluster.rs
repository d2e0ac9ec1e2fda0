//! The members of the simulated cluster: what they deliver, how they are, what they have.

use super::Simulation;
use crate::history::audit::{AuditClosed, AuditFacts, AuditPage, AuditStage, AuditStatus};
use crate::history::event::{
    Event, FaultEvent, FaultStage, MemberChange, MemberEvent, MemberSample, MemberStatus, WatchBatch, WatchBody, WatchClosed, WatchOpened,
    WatchRole,
};
use crate::history::request::KeyValue;
use crate::model::{Blob, MemberIndex};
use crate::testing::shape::member_id;

#[derive(Debug)]
pub(super) struct Member {
    pub(super) subscription: u32,
    /// How much of the log it delivered, in entries.
    pub(super) delivered: usize,
    pub(super) reachable: bool,
    pub(super) incarnation: u32,
}

impl Simulation {
    /// A fault hits a member: it delivers nothing until the fault is healed.
    pub fn inject(&mut self, kind: &str, member: MemberIndex) -> u32 {
        let fault = self.faults;
        self.faults += 1;
        let planned = FaultStage::Planned { kind: kind.to_owned(), target: member.name(), due: 0, survivable: true };
        self.record(|at| Event::Fault(FaultEvent { fault, at, stage: planned }));
        let injected = FaultStage::Injected { members: vec![member], what: format!("{kind} of {}", member.name()) };
        self.record(|at| Event::Fault(FaultEvent { fault, at, stage: injected }));
        self.members[member.index()].reachable = false;
        let subscription = self.members[member.index()].subscription;
        self.record(|at| Event::WatchClosed(WatchClosed { subscription, at, reason: "the stream broke".to_owned() }));
        if kind == "kill" {
            let change = MemberChange::Exited { status: "signal 9".to_owned(), expected: true };
            self.record(|at| Event::Member(MemberEvent { member, at, change }));
        }
        fault
    }

    /// The fault is healed: the member delivers what it missed to a new watch.
    pub fn heal(&mut self, fault: u32, member: MemberIndex) {
        let state = &mut self.members[member.index()];
        state.reachable = true;
        state.incarnation += 1;
        let change = MemberChange::Started { incarnation: state.incarnation, pid: 200 };
        self.record(|at| Event::Member(MemberEvent { member, at, change }));
        self.subscribe(member);
        self.deliver(member.index());
        let stage = FaultStage::Healed { what: format!("{} answers again", member.name()) };
        self.record(|at| Event::Fault(FaultEvent { fault, at, stage }));
    }

    /// Every member is asked how it is; those that are unreachable do not answer.
    pub fn sample(&mut self) {
        for index in 0..self.members.len() {
            let member = MemberIndex(index as u8);
            let status = self.members[index].reachable.then(|| MemberStatus {
                member_id: member_id(member),
                leader_id: member_id(MemberIndex(0)),
                raft_term: self.raft_term,
                applied_index: self.applied_index(),
                revision: self.revision,
                database_bytes: 1 << 20,
                errors: Vec::new(),
            });
            self.record(|at| Event::Sample(MemberSample { member, at, status }));
        }
    }

    /// Every member's content, in two pages, and its position.
    pub fn audit(&mut self, stage: AuditStage) {
        let kvs: Vec<KeyValue> = self.store.values().cloned().collect();
        let half = kvs.len() / 2;
        for index in 0..self.members.len() {
            let member = MemberIndex(index as u8);
            for page in [&kvs[..half], &kvs[half..]] {
                self.events.push(Event::AuditPage(AuditPage { stage, member, revision: self.revision, kvs: page.to_vec() }));
            }
            let status = AuditStatus { applied_index: self.applied_index(), revision: self.revision, hash: 0x5eed, compact_revision: 0 };
            let facts = AuditFacts { before: status.clone(), after: status, leases: self.leases.keys().copied().collect() };
            self.record(|at| Event::AuditClosed(AuditClosed { stage, member, at, outcome: Ok(facts) }));
        }
    }

    /// The members elect another leader: the raft term rises, and with the next sample everybody can see it.
    pub fn change_leader(&mut self) {
        self.raft_term += 1;
    }

    pub(super) fn subscribe(&mut self, member: MemberIndex) {
        let subscription = self.next_subscription;
        self.next_subscription += 1;
        let state = &mut self.members[member.index()];
        state.subscription = subscription;
        let start_revision = self.log.get(state.delivered).map_or(self.revision + 1, |(revision, _)| *revision).max(1);
        let start_revision = if self.log.is_empty() { 1 } else { start_revision };
        let everything = Blob::from(&[0][..]);
        let (key, range_end) = (everything.clone(), everything);
        self.record(|at| {
            Event::WatchOpened(WatchOpened { subscription, member, role: WatchRole::Collector, key, range_end, start_revision, at })
        });
        let revision = self.revision;
        self.record(|at| Event::WatchBatch(WatchBatch { subscription, at, revision, body: WatchBody::Created }));
    }

    /// Delivers what a member has not delivered yet.
    pub(super) fn deliver(&mut self, member: usize) {
        if !self.members[member].reachable || self.members[member].delivered == self.log.len() {
            return;
        }
        let subscription = self.members[member].subscription;
        let events = self.log[self.members[member].delivered..].iter().flat_map(|(_, events)| events.clone()).collect();
        self.members[member].delivered = self.log.len();
        let revision = self.revision;
        self.record(|at| Event::WatchBatch(WatchBatch { subscription, at, revision, body: WatchBody::Events(events) }));
    }

    pub(super) fn serving_member(&self) -> MemberIndex {
        MemberIndex(self.members.iter().position(|member| member.reachable).unwrap_or(0) as u8)
    }

    pub(super) fn applied_index(&self) -> u64 {
        self.revision.unsigned_abs() + 10
    }
}
