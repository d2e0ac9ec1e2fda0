//! A sale by guarded transactions, in which buyers race: a queue of what happens when, on one simulated clock.
//!
//! `state` is what a buyer is doing; the files beside it are what it does next, one for each part of a sale.

mod acknowledged;
mod buyers;
mod ending;
mod orders;
mod reads;
mod state;
mod writes;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;

use self::acknowledged::Acknowledged;
use self::state::{Buyer, Write};
use crate::cluster::{Cluster, DELIVERY_MUTATIONS, RETAINED, mutate_delivery};
use crate::draw::Draw;
use crate::event_writer::EventWriter;
use crate::mutation::Mutation;
use crate::run::{BROKEN, Generated, KILLED, MEMBERS, MILLISECOND, SECOND, Size, run_tag};
use crate::shop::Shop;
use ticketcd_history::event::{Event, FaultEvent, FaultStage, LoadSample, MemberChange, MemberEvent, Phase, PhaseBegan};
use ticketcd_history::fault::{ActionOutcome, ActionResult, FaultAction, FaultTarget, ProcessAction, ProcessOperation, TargetRole};
use ticketcd_history::member::ProcessExit;
use ticketcd_history::watch::{WatchClosed, WatchEnd, WatchEvent};
use ticketcd_history::{MemberIndex, Nanos};

/// How long a watch that receives nothing stays open, where that is the mutation: longer than any client waits.
const STALL: Nanos = 15 * SECOND;

/// How long the killed member stays away.
const OUTAGE: Nanos = 2 * SECOND;

/// Runs of fewer operations have no fault: it would take up most of them.
const OPERATIONS_WITH_FAULT: u64 = 5_000;

/// The tasks of the queue. Of two at the same time the one queued first comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Task {
    /// A buyer starts a search or an order.
    Wake(u32),
    /// A buyer's request takes effect.
    Apply(u32),
    /// The response arrives.
    Return(u32),
    /// A write takes effect whose sender has given up.
    Late(u32),
    /// A collector delivers.
    Deliver(u8),
    /// Every member is sampled.
    Sample,
    /// The killed member restarts.
    Heal,
}

/// A sale that is being generated.
pub(crate) struct Sale<'sink> {
    size: Size,
    writer: EventWriter<'sink>,
    draw: Draw,
    shop: Shop,
    cluster: Cluster,
    buyers: Vec<Buyer>,
    now: Nanos,
    made: Generated,
    /// Writes in flight whose senders have given up.
    late: Vec<Option<Write>>,
    /// Buyers that are doing something.
    busy: u32,
    /// The highest revision that any response has named, and the same for each member.
    acknowledged: Acknowledged,
    acknowledged_by: [Acknowledged; MEMBERS as usize],
    /// Orders and searches that buyers started since the last sample of the load.
    begun: u64,
    fault: Fault,
    queue: BinaryHeap<Reverse<(Nanos, u64, Task)>>,
    queued: u64,
    /// The last delivery of the broken member's collector, where the mutation is to repeat it.
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
    pub(crate) fn new(size: &Size, mutation: Option<Mutation>, sink: &'sink mut dyn FnMut(&Event) -> io::Result<()>) -> Self {
        let shop = Shop::new(size, &mut Draw::new(size.seed, 1));
        Self {
            size: *size,
            writer: EventWriter::new(size, mutation, sink),
            draw: Draw::new(size.seed, 2),
            shop,
            cluster: Cluster::new(MEMBERS, size.seed, RETAINED),
            buyers: (0..size.buyers).map(|_| Buyer::default()).collect(),
            now: 0,
            made: Generated::default(),
            late: Vec::new(),
            busy: 0,
            acknowledged: Acknowledged::default(),
            acknowledged_by: [Acknowledged::default(); MEMBERS as usize],
            begun: 0,
            fault: if size.operations < OPERATIONS_WITH_FAULT { Fault::None } else { Fault::Planned },
            queue: BinaryHeap::new(),
            queued: 0,
            last_delivery: Vec::new(),
        }
    }

    pub(crate) fn run(mut self) -> io::Result<Generated> {
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
            self.writer.check()?;
        }
        if matches!(self.writer.plan.mutation, Some(Mutation::StalledWatch | Mutation::UnservedWatch)) {
            self.now += STALL;
        }
        self.close();
        self.writer.finish()?;
        Ok(Generated { revision: self.cluster.revision(), events: self.writer.events, ..self.made })
    }

    /// Whether a mutation happens at the next occasion.
    fn allows(&self, mutation: Mutation) -> bool {
        self.writer.plan.allows(mutation)
    }

    /// The mutation happened.
    fn mutated(&mut self) {
        self.writer.plan.done();
    }

    /// A buyer makes a call. In the second half of them the mutation happens at the next occasion.
    fn count_operation(&mut self) {
        self.made.operations += 1;
        self.writer.plan.is_due = self.made.operations >= self.size.operations / 2;
    }

    /// Whether the sale is over. A mutation may need more operations.
    fn is_over(&self) -> bool {
        let beyond = self.size.operations.saturating_mul(2).saturating_add(100_000);
        self.made.operations >= if self.writer.plan.is_pending() { beyond } else { self.size.operations }
    }

    /// How long a buyer thinks at the longest: all together make some five thousand operations a second.
    fn think(&self) -> Nanos {
        (u64::from(self.size.buyers) * SECOND * 2 / 1_500).max(MILLISECOND)
    }

    fn at(&mut self, at: Nanos, task: Task) {
        self.queued += 1;
        self.queue.push(Reverse((at, self.queued, task)));
    }

    fn record(&mut self, event: &Event) {
        self.writer.write(event);
    }

    fn phase(&mut self, phase: Phase) {
        let at = self.now;
        self.record(&Event::Phase(PhaseBegan { at, phase }));
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

    /// Every collector delivers what is pending.
    fn deliver_all(&mut self) {
        for member in self.cluster.indices() {
            self.now += MILLISECOND;
            self.deliver(member);
        }
    }

    fn subscribe(&mut self, member: MemberIndex) {
        let (opened, created) = self.cluster.subscribe(member, self.now);
        self.record(&Event::WatchOpened(opened));
        self.record(&Event::WatchBatch(created));
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
        let mut second = Vec::new();
        if member == BROKEN {
            if self.writer.plan.mutation == Some(Mutation::DeliveryBelowStart) {
                self.last_delivery = revisions.last().map(|(_, events)| events.clone()).unwrap_or_default();
            }
            let mutation = self.writer.plan.first_allowed(&DELIVERY_MUTATIONS);
            if let Some(events) = mutation.and_then(|mutation| mutate_delivery(mutation, &mut revisions)) {
                self.mutated();
                second = events;
            }
        }
        self.deliver_events(member, revisions.into_iter().flat_map(|(_, events)| events).collect());
        if !second.is_empty() {
            self.deliver_events(member, second);
        }
    }

    fn deliver_events(&mut self, member: MemberIndex, events: Vec<WatchEvent>) {
        let batch = self.cluster.delivery(member, self.now, events);
        self.record(&Event::WatchBatch(batch));
    }

    /// The collector repeats what it delivered before it was opened again.
    fn deliver_below_start(&mut self) {
        let again = std::mem::take(&mut self.last_delivery);
        if !again.is_empty() {
            self.deliver_events(BROKEN, again);
            self.mutated();
        }
    }

    /// Something was written: every collector that is idle will deliver it.
    fn schedule_deliveries(&mut self) {
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
        self.record(&Event::Member(MemberEvent { member, at, change }));
    }

    fn fault_event(&mut self, stage: FaultStage) {
        let at = self.now;
        self.record(&Event::Fault(FaultEvent { fault: 0, at, stage }));
    }

    /// A member's collector breaks off.
    fn break_off(&mut self, member: MemberIndex) {
        let (subscription, at) = (self.cluster.member(member).subscription, self.now);
        self.record(&Event::WatchClosed(WatchClosed { subscription, at, read_until: at, end: WatchEnd::EndedByMember }));
    }

    /// What is due at a share of the operations: the kill, and a crash that is the mutation.
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
        if self.allows(Mutation::Crash) {
            self.mutated();
            self.cluster.member(BROKEN).is_up = false;
            // The log is not kept for a member that never comes back.
            self.cluster.member(BROKEN).delivered = i64::MAX;
            self.member_event(BROKEN, MemberChange::Exited { exit: ProcessExit::Code(2), expected: false });
            self.break_off(BROKEN);
        }
    }

    fn heal(&mut self) {
        self.fault = Fault::Healed;
        let incarnation = self.cluster.restart(KILLED);
        self.member_event(KILLED, MemberChange::Started { incarnation, pid: 5_000 });
        self.subscribe(KILLED);
        self.fault_event(FaultStage::Healed { actions: vec![on_killed(5_000, ProcessOperation::Start)], recovered_after: 0 });
        self.deliver(KILLED);
    }

    fn load_sample(&mut self) {
        self.sample();
        let started = std::mem::take(&mut self.begun);
        let (at, in_flight) = (self.now, self.busy);
        self.record(&Event::Load(LoadSample { at, offered: started, started, in_flight, ..LoadSample::default() }));
        if !(self.is_over() && self.busy == 0) {
            self.at(self.now + SECOND, Task::Sample);
        }
    }

    /// Samples the status of every member.
    fn sample(&mut self) {
        for member in self.cluster.indices() {
            let sample = self.cluster.sample(member, self.now);
            self.record(&Event::Sample(sample));
        }
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
