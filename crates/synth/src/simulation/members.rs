//! The members of the simulated cluster: what the record contains of them.

use super::Simulation;
use ticketcd_history::MemberIndex;
use ticketcd_history::audit::AuditStage;
use ticketcd_history::event::{Event, FaultEvent, FaultStage, MemberChange, MemberEvent};
use ticketcd_history::fault::{FaultTarget, TargetRole};
use ticketcd_history::member::ProcessExit;
use ticketcd_history::watch::{WatchClosed, WatchEnd};

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
        let change = MemberChange::Started { incarnation: self.cluster.restart(member), pid: 200 };
        self.record(|at| Event::Member(MemberEvent { member, at, change }));
        self.subscribe(member);
        self.deliver(member);
        let stage = FaultStage::Healed { actions: Vec::new(), recovered_after: 0 };
        self.record(|at| Event::Fault(FaultEvent { fault, at, stage }));
    }

    /// Samples the status of every member; those that are down do not respond.
    pub fn sample(&mut self) {
        for member in self.cluster.indices() {
            let at = self.tick();
            self.events.push(Event::Sample(self.cluster.sample(member, at)));
        }
    }

    /// Audits every member: its content, in two pages, and its position.
    pub fn audit(&mut self, stage: AuditStage) {
        let content = self.cluster.content();
        for member in self.cluster.indices() {
            let pages = self.cluster.audit_pages(stage, member, &content, content.len().div_ceil(2));
            self.events.extend(pages.into_iter().map(Event::AuditPage));
            let at = self.tick();
            let facts = self.cluster.audit_facts();
            self.events.push(Event::AuditClosed(self.cluster.audited(stage, member, at, facts)));
        }
    }

    /// The members elect another leader: the raft term rises, which the next sample shows.
    pub fn change_leader(&mut self) {
        self.cluster.change_leader();
    }

    /// A lease expires when its time is over, which passes now.
    pub fn expire(&mut self, lease: i64) {
        if let Some(expires) = self.cluster.expires(lease) {
            self.now = self.now.max(expires);
        }
        self.expire_at_once(lease);
    }

    /// A lease expires now, its time over or not.
    pub fn expire_at_once(&mut self, lease: i64) {
        self.cluster.end_lease(lease);
        self.deliver_all();
    }

    pub(super) fn subscribe(&mut self, member: MemberIndex) {
        let at = self.tick();
        let (opened, mut created) = self.cluster.subscribe(member, at);
        self.events.push(Event::WatchOpened(opened));
        created.at = self.tick();
        self.events.push(Event::WatchBatch(created));
    }

    /// Every member that is up delivers what it has not delivered yet.
    pub(super) fn deliver_all(&mut self) {
        self.cluster.indices().for_each(|member| self.deliver(member));
    }

    fn deliver(&mut self, member: MemberIndex) {
        if !self.cluster.member(member).is_up {
            return;
        }
        let revisions = self.cluster.undelivered(member);
        if revisions.is_empty() {
            return;
        }
        let at = self.tick();
        let events = revisions.into_iter().flat_map(|(_, events)| events).collect();
        let batch = self.cluster.delivery(member, at, events);
        self.events.push(Event::WatchBatch(batch));
    }

    pub(super) fn serving_member(&self) -> MemberIndex {
        self.cluster.up().first().copied().unwrap_or(MemberIndex(0))
    }
}
