//! The members of the simulated cluster: what they deliver, how they are, what they have.

use super::Simulation;
use crate::member_id;
use ticketcd_history::audit::{AuditClosed, AuditFacts, AuditPage, AuditStage, AuditStatus};
use ticketcd_history::event::{Event, FaultEvent, FaultStage, MemberChange, MemberEvent, MemberSample, MemberStatus};
use ticketcd_history::fault::{FaultTarget, TargetRole};
use ticketcd_history::member::ProcessExit;
use ticketcd_history::request::KeyValue;
use ticketcd_history::watch::{WatchBatch, WatchBody, WatchClosed, WatchEnd, WatchOpened};
use ticketcd_judge::model::MemberIndex;

impl Simulation {
    /// A fault hits a member: it delivers nothing until the fault is healed.
    pub fn inject(&mut self, kind: &str, member: MemberIndex) -> u32 {
        let fault = self.faults;
        self.faults += 1;
        let planned = FaultStage::Planned {
            kind: kind.to_owned(),
            target: FaultTarget::Members(TargetRole::Member(member)),
            due: 0,
            survivable: true,
        };
        self.record(|at| Event::Fault(FaultEvent { fault, at, stage: planned }));
        let injected = FaultStage::Injected { members: vec![member], actions: Vec::new(), leader: None };
        self.record(|at| Event::Fault(FaultEvent { fault, at, stage: injected }));
        let state = self.cluster.member(member);
        state.is_up = false;
        let subscription = state.subscription;
        self.record(|at| Event::WatchClosed(WatchClosed { subscription, at, read_until: at, end: WatchEnd::EndedByMember }));
        if kind == "kill" {
            let change = MemberChange::Exited { exit: ProcessExit::Signal(9), expected: true };
            self.record(|at| Event::Member(MemberEvent { member, at, change }));
        }
        fault
    }

    /// The fault is healed: the member delivers what it missed to a new watch.
    pub fn heal(&mut self, fault: u32, member: MemberIndex) {
        let state = self.cluster.member(member);
        state.is_up = true;
        state.incarnation += 1;
        let change = MemberChange::Started { incarnation: state.incarnation, pid: 200 };
        self.record(|at| Event::Member(MemberEvent { member, at, change }));
        self.subscribe(member);
        self.deliver(member);
        let stage = FaultStage::Healed { actions: Vec::new(), recovered_after: 0 };
        self.record(|at| Event::Fault(FaultEvent { fault, at, stage }));
    }

    /// Every member is asked how it is; those that are unreachable do not answer.
    pub fn sample(&mut self) {
        for member in self.cluster.indices() {
            let is_up = self.cluster.member(member).is_up;
            let status = is_up.then(|| MemberStatus {
                member_id: member_id(member),
                leader_id: member_id(MemberIndex(0)),
                raft_term: self.raft_term,
                applied_index: self.applied_index(),
                revision: self.cluster.revision,
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
        for member in self.cluster.indices() {
            for page in [&kvs[..half], &kvs[half..]] {
                self.events.push(Event::AuditPage(AuditPage { stage, member, revision: self.cluster.revision, kvs: page.to_vec() }));
            }
            let revision = self.cluster.revision;
            let status = AuditStatus { applied_index: self.applied_index(), revision, hash: 0x5eed, compact_revision: 0 };
            let facts = AuditFacts { before: status.clone(), after: status, leases: self.leases.keys().copied().collect() };
            self.record(|at| Event::AuditClosed(AuditClosed { stage, member, at, outcome: Ok(facts) }));
        }
    }

    /// The members elect another leader: the raft term rises, and with the next sample everybody can see it.
    pub fn change_leader(&mut self) {
        self.raft_term += 1;
    }

    pub(super) fn subscribe(&mut self, member: MemberIndex) {
        let (subscription, start_revision) = self.cluster.subscribe(member);
        self.record(|at| Event::WatchOpened(WatchOpened::collector(subscription, member, start_revision, at)));
        let revision = self.cluster.revision;
        self.record(|at| Event::WatchBatch(WatchBatch { subscription, at, revision, body: WatchBody::Created }));
    }

    /// Delivers what a member has not delivered yet.
    pub(super) fn deliver(&mut self, member: MemberIndex) {
        if !self.cluster.member(member).is_up {
            return;
        }
        let revisions = self.cluster.undelivered(member);
        if revisions.is_empty() {
            return;
        }
        let (subscription, revision) = (self.cluster.member(member).subscription, self.cluster.revision);
        let events = revisions.into_iter().flat_map(|(_, events)| events).collect();
        self.record(|at| Event::WatchBatch(WatchBatch { subscription, at, revision, body: WatchBody::Events(events) }));
    }

    pub(super) fn serving_member(&self) -> MemberIndex {
        MemberIndex(self.cluster.members.iter().position(|member| member.is_up).unwrap_or(0) as u8)
    }

    pub(super) fn applied_index(&self) -> u64 {
        self.cluster.revision.unsigned_abs() + 10
    }
}
