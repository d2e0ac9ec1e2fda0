//! A sale by guarded transactions, in which buyers race: a queue of what happens when, on one made-up clock.
//!
//! What a buyer is in the middle of is in `state`; what it does next is in the files beside it, one for each part of a sale.

mod answers;
mod buyers;
mod ending;
mod orders;
mod reads;
mod state;
mod told;
mod writes;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;

use self::state::{Buyer, Write};
use self::told::Told;
use super::cluster::Cluster;
use super::draw::Draw;
use super::shop::Shop;
use super::tape::Tape;
use super::{Generated, KILLED, MEMBERS, MILLISECOND, Plant, SECOND, Size, member_id, run_tag};
use ticketcd_history::event::{
    Event, FaultEvent, FaultStage, LoadSample, MemberChange, MemberEvent, MemberSample, MemberStatus, Phase, PhaseBegan,
};
use ticketcd_history::fault::{ActionOutcome, ActionResult, FaultAction, FaultTarget, ProcessAction, ProcessOperation, TargetRole};
use ticketcd_history::member::ProcessExit;
use ticketcd_history::request::KeyValue;
use ticketcd_history::watch::{WatchBatch, WatchBody, WatchClosed, WatchEnd, WatchEvent, WatchOpened};
use ticketcd_judge::model::{MemberIndex, Nanos};

/// How long a board that is told nothing is left open, where that is planted: longer than anybody is patient.
const STALL: Nanos = 15 * SECOND;

/// How long the killed member stays away.
const OUTAGE: Nanos = 2 * SECOND;

/// Runs of fewer operations have no fault: there would be nothing left of them.
const OPERATIONS_WITH_FAULT: u64 = 5_000;

/// The member at which everything is planted that is wrong with a member.
pub(super) const BROKEN: MemberIndex = MemberIndex(2);

/// The tasks of the queue. Of two at the same time the one queued first comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Task {
    /// A buyer begins something.
    Wake(u32),
    /// A buyer's request takes effect.
    Apply(u32),
    /// The answer arrives.
    Return(u32),
    /// A write takes effect whose sender has given up.
    Late(u32),
    /// A collector delivers.
    Deliver(u8),
    /// Every member is asked how it is.
    Sample,
    /// The killed member comes back.
    Heal,
}

/// A sale that is being made up.
pub(super) struct Sale<'sink> {
    size: Size,
    tape: Tape<'sink>,
    draw: Draw,
    shop: Shop,
    cluster: Cluster,
    buyers: Vec<Buyer>,
    now: Nanos,
    made: Generated,
    /// Writes on their way whose senders have given up.
    late: Vec<Option<Write>>,
    /// Buyers in the middle of something.
    busy: u32,
    /// The highest revision that somebody has been told, and the same by the member that told it.
    told: Told,
    told_by: [Told; MEMBERS as usize],
    /// Orders and looks that buyers began since the last sample of the load.
    begun: u64,
    fault: Fault,
    queue: BinaryHeap<Reverse<(Nanos, u64, Task)>>,
    queued: u64,
    /// What the collector of the broken member delivered last, where it shall deliver that once more.
    last_delivery: Vec<WatchEvent>,
}

/// How far the one fault of the run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    Planned,
    InForce,
    Healed,
}

impl<'sink> Sale<'sink> {
    pub(super) fn new(size: &Size, plant: Option<Plant>, sink: &'sink mut dyn FnMut(&Event) -> io::Result<()>) -> Self {
        let shop = Shop::new(size, &mut Draw::new(size.seed, 1));
        Self {
            size: *size,
            tape: Tape::new(size, plant, sink),
            draw: Draw::new(size.seed, 2),
            shop,
            cluster: Cluster::new(MEMBERS),
            buyers: (0..size.buyers).map(|_| Buyer::default()).collect(),
            now: 0,
            made: Generated::default(),
            late: Vec::new(),
            busy: 0,
            told: Told::default(),
            told_by: [Told::default(); MEMBERS as usize],
            begun: 0,
            fault: if size.operations < OPERATIONS_WITH_FAULT { Fault::None } else { Fault::Planned },
            queue: BinaryHeap::new(),
            queued: 0,
            last_delivery: Vec::new(),
        }
    }

    pub(super) fn run(mut self) -> io::Result<Generated> {
        self.open();
        self.phase(Phase::Steady);
        for buyer in 0..self.size.buyers {
            let at = self.now + self.draw.below(self.think() + 1);
            self.at(at, Task::Wake(buyer));
        }
        self.at(self.now + SECOND, Task::Sample);
        while let Some(Reverse((at, _, task))) = self.queue.pop() {
            self.now = at;
            match task {
                Task::Wake(buyer) => self.wake(buyer),
                Task::Apply(buyer) => self.apply(buyer),
                Task::Return(buyer) => self.returned(buyer),
                Task::Late(number) => self.apply_late(number),
                Task::Deliver(member) => self.deliver(MemberIndex(member)),
                Task::Sample => self.load_sample(),
                Task::Heal => self.heal(),
            }
            self.tape.check()?;
        }
        if matches!(self.tape.plan.plant, Some(Plant::StalledBoard | Plant::UnservedBoard)) {
            self.now += STALL;
        }
        self.close();
        self.tape.finish()?;
        Ok(Generated { revision: self.cluster.revision, events: self.tape.events, ..self.made })
    }

    /// Whether a kind shall be planted at the next occasion.
    fn wants(&self, plant: Plant) -> bool {
        self.tape.plan.wants(plant)
    }

    /// Something is planted.
    fn plant(&mut self) {
        self.tape.plan.done();
    }

    /// A buyer makes an operation: from the half of them on something is planted at the next occasion.
    fn count_operation(&mut self) {
        self.made.operations += 1;
        self.tape.plan.is_due = self.made.operations >= self.size.operations / 2;
    }

    /// Whether no more is to be asked of the cluster. What is to be planted may need some operations more.
    fn is_over(&self) -> bool {
        let beyond = self.size.operations.saturating_mul(2).saturating_add(100_000);
        self.made.operations >= if self.tape.plan.waits() { beyond } else { self.size.operations }
    }

    /// How long a buyer thinks at the longest: all together make some five thousand operations a second.
    fn think(&self) -> Nanos {
        (u64::from(self.size.buyers) * SECOND * 2 / 1_500).max(MILLISECOND)
    }

    fn at(&mut self, at: Nanos, task: Task) {
        self.queued += 1;
        self.queue.push(Reverse((at, self.queued, task)));
    }

    fn tell(&mut self, event: &Event) {
        self.tape.tell(event);
    }

    fn phase(&mut self, phase: Phase) {
        let at = self.now;
        self.tell(&Event::Phase(PhaseBegan { at, phase }));
    }

    fn open(&mut self) {
        for member in self.cluster.indices() {
            self.member_event(member, MemberChange::Started { incarnation: 1, pid: 4_000 + u32::from(member.0) });
            self.subscribe(member);
        }
        if self.fault != Fault::None {
            let due = self.size.operations * 2 / 5 * SECOND / 5_000;
            let stage = FaultStage::Planned {
                kind: "kill".to_owned(),
                target: FaultTarget::Members(TargetRole::Member(KILLED)),
                due,
                survivable: true,
            };
            self.fault_event(stage);
        }
        self.phase(Phase::Seed);
        self.seed();
    }

    /// What every collector has still to deliver, delivered.
    fn deliver_all(&mut self) {
        for member in self.cluster.indices() {
            self.now += MILLISECOND;
            self.deliver(member);
        }
    }

    fn subscribe(&mut self, member: MemberIndex) {
        let (subscription, start_revision) = self.cluster.subscribe(member);
        let (at, revision) = (self.now, self.cluster.revision);
        self.tell(&Event::WatchOpened(WatchOpened::collector(subscription, member, start_revision, at)));
        self.tell(&Event::WatchBatch(WatchBatch { subscription, at, revision, body: WatchBody::Created }));
    }

    fn deliver(&mut self, member: MemberIndex) {
        self.cluster.member(member).delivery_due = false;
        if !self.cluster.member(member).is_up {
            return;
        }
        let mut revisions = self.cluster.undelivered(member);
        if revisions.is_empty() {
            return;
        }
        let again = self.spoil_delivery(member, &mut revisions);
        self.deliver_events(member, revisions.into_iter().flat_map(|(_, events)| events).collect());
        if let Some(events) = again {
            self.deliver_events(member, events);
        }
    }

    fn deliver_events(&mut self, member: MemberIndex, events: Vec<WatchEvent>) {
        let (subscription, at, revision) = (self.cluster.member(member).subscription, self.now, self.cluster.revision);
        self.tell(&Event::WatchBatch(WatchBatch { subscription, at, revision, body: WatchBody::Events(events) }));
    }

    /// Plants what a collector can do wrong; gives what it shall deliver once more.
    fn spoil_delivery(&mut self, member: MemberIndex, revisions: &mut Vec<(i64, Vec<WatchEvent>)>) -> Option<Vec<WatchEvent>> {
        if member != BROKEN {
            return None;
        }
        let (count, (_, last)) = (revisions.len(), revisions.last_mut()?);
        if self.tape.plan.plant == Some(Plant::DeliveryBelowStart) {
            self.last_delivery.clone_from(last);
        }
        let alter = |events: &mut Vec<WatchEvent>| {
            if let Some(event) = events.last_mut() {
                event.kv.value = event.kv.value.to_text().replace("20:00", "20:01").into();
                event.kv.version += 1;
            }
        };
        let plants = [Plant::MissedRevision, Plant::LateDelivery, Plant::SplitDelivery, Plant::DuplicateDelivery, Plant::Divergence];
        let again = match self.tape.plan.wanted(&plants)? {
            // Not the last: what comes after it shows the gap.
            Plant::MissedRevision if count > 1 => {
                revisions.remove(count - 2);
                None
            }
            Plant::LateDelivery if count > 1 => {
                revisions.swap(count - 2, count - 1);
                None
            }
            Plant::SplitDelivery if last.len() > 1 => Some(last.split_off(1)),
            Plant::DuplicateDelivery => Some(last.clone()),
            Plant::Divergence => {
                alter(last);
                None
            }
            _ => return None,
        };
        self.plant();
        again
    }

    /// What the collector delivered before it was subscribed anew, once more.
    fn deliver_below_start(&mut self) {
        let again = std::mem::take(&mut self.last_delivery);
        if !again.is_empty() {
            self.deliver_events(BROKEN, again);
            self.plant();
        }
    }

    /// A revision is written: the keys as they are now.
    fn written(&mut self, kvs: Vec<KeyValue>) {
        self.cluster.log(kvs.into_iter().map(|kv| WatchEvent::new(false, kv)).collect());
        for member in self.cluster.indices() {
            if !self.cluster.member(member).delivery_due {
                self.cluster.member(member).delivery_due = true;
                let at = self.now + self.draw.between(MILLISECOND, 8 * MILLISECOND);
                self.at(at, Task::Deliver(member.0));
            }
        }
    }

    fn member_event(&mut self, member: MemberIndex, change: MemberChange) {
        let at = self.now;
        self.tell(&Event::Member(MemberEvent { member, at, change }));
    }

    fn fault_event(&mut self, stage: FaultStage) {
        let at = self.now;
        self.tell(&Event::Fault(FaultEvent { fault: 0, at, stage }));
    }

    /// A member's collector breaks off.
    fn break_off(&mut self, member: MemberIndex) {
        let (subscription, at) = (self.cluster.member(member).subscription, self.now);
        self.tell(&Event::WatchClosed(WatchClosed { subscription, at, read_until: at, end: WatchEnd::EndedByMember }));
    }

    /// What is due at a share of the operations: the kill, and a crash that is planted.
    fn break_members(&mut self) {
        if self.fault == Fault::Planned && self.made.operations >= self.size.operations * 2 / 5 {
            self.fault = Fault::InForce;
            let killed = on_killed(4_000 + u32::from(KILLED.0), ProcessOperation::Kill);
            self.cluster.member(KILLED).is_up = false;
            self.fault_event(FaultStage::Injected { members: vec![KILLED], actions: vec![killed], leader: None });
            self.member_event(KILLED, MemberChange::Exited { exit: ProcessExit::Signal(9), expected: true });
            self.break_off(KILLED);
            self.at(self.now + OUTAGE, Task::Heal);
        }
        if self.wants(Plant::Crash) {
            self.plant();
            self.cluster.member(BROKEN).is_up = false;
            // Nobody keeps the log for a member that never comes back.
            self.cluster.member(BROKEN).delivered = i64::MAX;
            self.member_event(BROKEN, MemberChange::Exited { exit: ProcessExit::Code(2), expected: false });
            self.break_off(BROKEN);
        }
    }

    fn heal(&mut self) {
        self.fault = Fault::Healed;
        let state = self.cluster.member(KILLED);
        state.is_up = true;
        state.incarnation += 1;
        let incarnation = state.incarnation;
        self.member_event(KILLED, MemberChange::Started { incarnation, pid: 5_000 });
        self.subscribe(KILLED);
        self.fault_event(FaultStage::Healed { actions: vec![on_killed(5_000, ProcessOperation::Start)], recovered_after: 0 });
        self.deliver(KILLED);
    }

    fn load_sample(&mut self) {
        self.sample();
        let started = std::mem::take(&mut self.begun);
        let (at, in_flight) = (self.now, self.busy);
        self.tell(&Event::Load(LoadSample { at, offered: started, started, in_flight, ..LoadSample::default() }));
        if !(self.is_over() && self.busy == 0) {
            self.at(self.now + SECOND, Task::Sample);
        }
    }

    /// Every member is asked how it is.
    fn sample(&mut self) {
        for member in self.cluster.indices() {
            let status = self.cluster.member(member).is_up.then(|| MemberStatus {
                member_id: member_id(member),
                leader_id: member_id(MemberIndex(0)),
                raft_term: 2,
                applied_index: self.applied_index(),
                revision: self.cluster.revision,
                database_bytes: 1 << 20,
                errors: Vec::new(),
            });
            let at = self.now;
            self.tell(&Event::Sample(MemberSample { member, at, status }));
        }
    }

    fn applied_index(&self) -> u64 {
        self.cluster.revision.unsigned_abs() + 10
    }

    /// The tag that begins every order id.
    fn run_tag(&self) -> String {
        run_tag(&self.size)
    }
}

/// What the fault does to the member that it hits.
fn on_killed(pid: u32, operation: ProcessOperation) -> FaultAction {
    FaultAction::Process(ProcessAction { member: KILLED, pid: Some(pid), operation, result: ActionResult::Succeeded(ActionOutcome::Done) })
}
