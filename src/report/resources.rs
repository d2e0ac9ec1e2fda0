//! What the members and this machine were busy with during the counted load, from the samples of the record.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketcd_judge::history::event::Event;
use ticketcd_judge::history::metrics::{HostSample, MemberMetrics, MetricsSample, Timer};
use ticketcd_judge::history::{MemberIndex, Nanos};

use super::windows::Window;

/// The alarm of a member that has reached its quota.
const NO_SPACE_ALARM: &str = "NOSPACE";

const MIB: f64 = 1_048_576.0;

/// What the cluster and the machine were busy with. Without samples, which not every run can take, its parts are empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResourcesResult {
    /// The members that could be read at least twice, in their order.
    pub members: Vec<MemberResources>,
    /// The machine that this program ran on; on a cluster of our own, the members' too.
    pub host: Option<HostResources>,
}

/// What one member was busy with: means over the counted load, times of faults included.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemberResources {
    /// `m1`, …
    pub name: String,
    /// Seconds of the load that the figures are from: when it was down or silent there are none.
    pub seconds: f64,
    /// Mean time to make an entry of its log durable.
    pub fsync_ms: Option<f64>,
    /// Share of the time that it did that.
    pub fsync_share: f64,
    /// Mean time to make a batch of changes to its database durable.
    pub backend_commit_ms: Option<f64>,
    /// Share of the time that it did that.
    pub backend_commit_share: f64,
    /// Mean round trip to its peers. Members measure it every 30 s only, so a short run has none.
    pub peer_round_trip_ms: Option<f64>,
    /// Processor time, in percent of one processor.
    pub cpu_percent: f64,
    /// Memory, at most.
    pub resident_mib: f64,
    /// Size of its database, at most.
    pub database_mib: f64,
    /// How much of that was in use, at most.
    pub database_in_use_mib: f64,
    /// The quota of its database.
    pub quota_mib: f64,
    /// New leaders it saw.
    pub leader_changes: u64,
    /// Proposals that failed.
    pub proposals_failed: u64,
    /// Entries that took it unusually long to apply.
    pub slow_applies: u64,
    /// Whether it complained that its quota was used up.
    pub no_space: bool,
}

/// What this machine was busy with: means over the counted load.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HostResources {
    /// Processors the machine has, by its own count.
    pub processors: f64,
    /// Processor time of everything on the machine, in percent of all processors.
    pub busy_percent: f64,
    /// Processor time of this program, in percent of one processor.
    pub own_cpu_percent: f64,
    /// Memory of this program, at most.
    pub own_resident_mib: f64,
}

/// The samples of a run.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    members: Vec<MetricsSample>,
    host: Vec<HostSample>,
    /// Members that complained about their quota, and when.
    no_space: Vec<(Nanos, MemberIndex)>,
}

impl Samples {
    /// Takes in an event.
    pub fn observe(&mut self, event: &Event) {
        match event {
            Event::Metrics(sample) => self.members.push(sample.clone()),
            Event::Host(sample) => self.host.push(sample.clone()),
            Event::Sample(sample) => {
                let errors = sample.status.iter().flat_map(|status| &status.errors);
                if errors.into_iter().any(|error| error.contains(NO_SPACE_ALARM)) {
                    self.no_space.push((sample.at, sample.member));
                }
            }
            _ => {}
        }
    }

    /// The figures of a part of the run.
    pub fn during(&self, window: &Window) -> ResourcesResult {
        let within = |at: Nanos| (window.from..window.until).contains(&at);
        let mut members: Vec<MemberIndex> = self.members.iter().map(|sample| sample.member).collect();
        members.sort_unstable();
        members.dedup();
        let of = |member: MemberIndex| {
            let samples = self.members.iter().filter(|sample| sample.member == member && within(sample.at));
            let mut resources = member_resources(samples)?;
            resources.name = member.name();
            resources.no_space = self.no_space.iter().any(|(at, complaining)| *complaining == member && within(*at));
            Some(resources)
        };
        let host: Vec<&HostSample> = self.host.iter().filter(|sample| within(sample.at)).collect();
        ResourcesResult { members: members.into_iter().filter_map(of).collect(), host: host_resources(&host) }
    }
}

/// A member's figures; nothing when it could not be read twice in one life, for only then is there a difference.
fn member_resources<'samples>(samples: impl Iterator<Item = &'samples MetricsSample>) -> Option<MemberResources> {
    let mut sum = MemberMetrics::default();
    let mut most = MemberMetrics::default();
    let mut nanos = 0;
    let mut before: Option<(&MetricsSample, &MemberMetrics)> = None;
    for sample in samples {
        let Some(metrics) = &sample.metrics else { continue };
        // Totals begin anew with each start.
        if let Some((earlier, then)) = before.filter(|(earlier, _)| earlier.incarnation == sample.incarnation) {
            nanos += sample.at - earlier.at;
            add_difference(&mut sum, then, metrics);
        }
        most.resident_bytes = most.resident_bytes.max(metrics.resident_bytes);
        most.database_bytes = most.database_bytes.max(metrics.database_bytes);
        most.database_in_use_bytes = most.database_in_use_bytes.max(metrics.database_in_use_bytes);
        most.quota_bytes = metrics.quota_bytes;
        before = Some((sample, metrics));
    }
    if nanos == 0 {
        return None;
    }
    let seconds = nanos as f64 / 1e9;
    let share = |timer: Timer| timer.sum_us as f64 / 1e6 / seconds;
    Some(MemberResources {
        name: String::new(),
        seconds,
        fsync_ms: mean_ms(sum.fsync),
        fsync_share: share(sum.fsync),
        backend_commit_ms: mean_ms(sum.backend_commit),
        backend_commit_share: share(sum.backend_commit),
        peer_round_trip_ms: mean_ms(sum.peer_round_trip),
        cpu_percent: sum.cpu_us as f64 / 1e4 / seconds,
        resident_mib: most.resident_bytes as f64 / MIB,
        database_mib: most.database_bytes as f64 / MIB,
        database_in_use_mib: most.database_in_use_bytes as f64 / MIB,
        quota_mib: most.quota_bytes as f64 / MIB,
        leader_changes: sum.leader_changes,
        proposals_failed: sum.proposals_failed,
        slow_applies: sum.slow_applies,
        no_space: false,
    })
}

fn add_difference(sum: &mut MemberMetrics, then: &MemberMetrics, now: &MemberMetrics) {
    let timer = |sum: &mut Timer, then: Timer, now: Timer| {
        sum.count += now.count.saturating_sub(then.count);
        sum.sum_us += now.sum_us.saturating_sub(then.sum_us);
    };
    timer(&mut sum.fsync, then.fsync, now.fsync);
    timer(&mut sum.backend_commit, then.backend_commit, now.backend_commit);
    timer(&mut sum.peer_round_trip, then.peer_round_trip, now.peer_round_trip);
    sum.leader_changes += now.leader_changes.saturating_sub(then.leader_changes);
    sum.proposals_failed += now.proposals_failed.saturating_sub(then.proposals_failed);
    sum.slow_applies += now.slow_applies.saturating_sub(then.slow_applies);
    sum.cpu_us += now.cpu_us.saturating_sub(then.cpu_us);
}

fn mean_ms(timer: Timer) -> Option<f64> {
    (timer.count > 0).then(|| timer.sum_us as f64 / 1e3 / timer.count as f64)
}

fn host_resources(samples: &[&HostSample]) -> Option<HostResources> {
    let (first, last) = (samples.first()?, samples.last()?);
    let micros = last.at.saturating_sub(first.at) as f64 / 1e3;
    let busy = last.busy_us.saturating_sub(first.busy_us) as f64;
    let all = busy + last.idle_us.saturating_sub(first.idle_us) as f64;
    if micros <= 0.0 || all <= 0.0 {
        return None;
    }
    Some(HostResources {
        // The clock of processor time is coarser than ours.
        processors: (all / micros).round().max(1.0),
        busy_percent: busy / all * 100.0,
        own_cpu_percent: last.own_cpu_us.saturating_sub(first.own_cpu_us) as f64 / micros * 100.0,
        own_resident_mib: samples.iter().fold(first.own_resident_bytes, |most, sample| most.max(sample.own_resident_bytes)) as f64 / MIB,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Nanos = 1_000_000_000;

    fn sample(seconds: u64, incarnation: u32, metrics: Option<MemberMetrics>) -> Event {
        Event::Metrics(MetricsSample { member: MemberIndex(0), incarnation, at: seconds * SECOND, metrics })
    }

    fn metrics(fsyncs: u64, fsync_us: u64, cpu_us: u64, database_bytes: u64) -> Option<MemberMetrics> {
        let fsync = Timer { count: fsyncs, sum_us: fsync_us };
        Some(MemberMetrics { fsync, cpu_us, database_bytes, ..MemberMetrics::default() })
    }

    fn during(events: &[Event], from: u64, until: u64) -> ResourcesResult {
        let mut samples = Samples::default();
        events.iter().for_each(|event| samples.observe(event));
        samples.during(&Window { name: "steady".to_owned(), from: from * SECOND, until: until * SECOND })
    }

    #[test]
    fn totals_that_begin_anew_with_a_start_are_not_subtracted_from_each_other() {
        let events = [
            sample(0, 1, metrics(1_000, 9_000_000, 9_000_000, 1)), // before the window
            sample(10, 1, metrics(2_000, 10_000_000, 10_000_000, 3 << 20)),
            sample(12, 1, metrics(2_100, 10_200_000, 11_000_000, 4 << 20)),
            sample(13, 1, None),
            sample(14, 2, metrics(5, 100, 100, 2 << 20)),
            sample(16, 2, metrics(105, 200_100, 1_000_100, 2 << 20)),
        ];
        let resources = during(&events, 10, 20);
        let [member] = resources.members.as_slice() else { panic!("{resources:?}") };
        assert_eq!((member.name.as_str(), member.seconds), ("m1", 4.0));
        assert_eq!((member.fsync_ms, member.fsync_share), (Some(2.0), 0.1));
        assert_eq!(member.cpu_percent, 50.0);
        assert_eq!(member.database_mib, 4.0);
        assert_eq!(member.backend_commit_ms, None, "there was none");
        assert_eq!(resources.host, None);
    }

    #[test]
    fn one_sample_tells_nothing() {
        assert_eq!(during(&[sample(11, 1, metrics(1, 1, 1, 1))], 10, 20), ResourcesResult::default());
    }

    #[test]
    fn the_machine_is_busy_by_all_its_processors_and_we_by_one() {
        let host = |seconds: u64, own_cpu_us, busy_us, idle_us| {
            Event::Host(HostSample { at: seconds * SECOND, own_cpu_us, busy_us, idle_us, own_resident_bytes: 5 << 20 })
        };
        let resources = during(&[host(10, 0, 0, 0), host(11, 500_000, 1_000_000, 3_010_000)], 10, 20);
        let machine = resources.host.unwrap();
        assert_eq!((machine.processors, machine.own_cpu_percent, machine.own_resident_mib), (4.0, 50.0, 5.0));
        assert!((machine.busy_percent - 24.94).abs() < 0.01);
    }
}
