//! What limited the run, decided from figures that were taken during the counted load.
//!
//! It is a diagnosis and no verdict: each threshold is a judgement, and is documented with its reason. When nothing was
//! measured, the answer is that it is not known.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::numbers::{count, counted, mebibytes, milliseconds, percent};
use super::resources::{HostResources, MemberResources, ResourcesResult};

/// Above this share of a machine's processor time something always waits for a processor: some idle time is left even by
/// a load that could use more, between one wake-up and the next.
const PROCESSORS_BUSY_SHARE: f64 = 0.9;

/// A member that syncs its log or commits its database for more than half of the time has hardly time to gather the next
/// batch: from there on, a slower disk is a slower cluster.
const DISK_BUSY_SHARE: f64 = 0.5;

/// What makes up more than half of the time that a purchase takes is what a purchase waits for.
const PURCHASE_TIME_SHARE: f64 = 0.5;

/// When more transactions are lost to other buyers than succeed, buyers slow each other down.
const ATTEMPTS_LOST_SHARE: f64 = 0.5;

/// Buyers that wait for our recorder for more than a tenth of the time are slowed visibly.
const RECORDER_WAIT_SHARE: f64 = 0.1;

/// Near the quota: the alarm goes off at the next larger batch.
const QUOTA_SHARE: f64 = 0.95;

/// An open load of which less than this is shed has been made: single operations are shed at the peaks of a Poisson process.
const SHED_SHARE: f64 = 0.01;

/// Buyers of a closed load of whom fewer than half are waiting for an answer spend most of their time thinking: the pace is theirs.
const WAITING_SHARE: f64 = 0.5;

/// What limited a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitKind {
    /// Nothing: the load that was asked for was met.
    Nothing,
    /// This program: its processor time, or its recorder.
    OwnClient,
    /// Processor time of the members.
    ServerCpu,
    /// Processor time that other programs on the machine took.
    OtherPrograms,
    /// The members' disks.
    Disk,
    /// The way between members.
    Network,
    /// The quota of the database.
    Quota,
    /// Buyers that buy the same tickets.
    Conflicts,
    /// The time an answer takes, while nothing was near its limit: more buyers would get more.
    AnswerTime,
    /// Not known: nothing was measured.
    NotKnown,
}

/// What limited a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LimitResult {
    /// The kind of limit.
    pub by: LimitKind,
    /// In a sentence, with the figures behind it.
    pub sentence: String,
    /// Other resources near their limit, in sentences.
    pub also: Vec<String>,
}

impl Default for LimitResult {
    fn default() -> Self {
        let sentence = "not known: there are too few samples of the members and of this machine".to_owned();
        Self { by: LimitKind::NotKnown, sentence, also: Vec::new() }
    }
}

/// How loaded the cluster was, in addition to the resource samples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pressure {
    /// Operations that were due outside faults, and how many of them were shed because every buyer was busy.
    pub offered_and_shed: (u64, u64),
    /// In the closed model, the share of buyers waiting for a response in the middle of the load.
    pub waiting_share: Option<f64>,
    /// Share of the duration of operations that buyers spent waiting for the recorder.
    pub recorder_wait_share: f64,
    /// Share of all transactions that failed because another buyer came first.
    pub attempts_lost_share: f64,
    /// Median time of a purchase from when it was sent.
    pub purchase_ms: Option<f64>,
    /// Whether the members run on this machine.
    pub members_on_this_host: bool,
}

/// Decides what limited the run.
pub fn decide(resources: &ResourcesResult, pressure: &Pressure) -> LimitResult {
    if resources.members.is_empty() && resources.host.is_none() {
        return LimitResult::default();
    }
    // Causes before their effects: a full quota refuses instead of slowing down, and conflicts keep CPUs busy.
    let near: Vec<(LimitKind, String)> = [
        quota(&resources.members),
        recorder(pressure),
        conflicts(pressure),
        processors(resources, pressure),
        disk(&resources.members, pressure),
        network(&resources.members, pressure),
    ]
    .into_iter()
    .flatten()
    .collect();
    let refused = near.iter().any(|(kind, _)| *kind == LimitKind::Quota);
    if let (Some(met), false) = (requested_and_reached(pressure), refused) {
        let also = near.into_iter().map(|(_, sentence)| sentence).collect();
        return LimitResult { by: LimitKind::Nothing, sentence: format!("nothing: {met}"), also };
    }
    let mut near = near.into_iter();
    match near.next() {
        Some((by, sentence)) => LimitResult { by, sentence, also: near.map(|(_, sentence)| sentence).collect() },
        None => LimitResult { by: LimitKind::AnswerTime, sentence: answer_time(resources, pressure), also: Vec::new() },
    }
}

/// How the requested load was reached, if it was.
fn requested_and_reached(pressure: &Pressure) -> Option<String> {
    if let Some(waiting) = pressure.waiting_share {
        return (waiting < WAITING_SHARE).then(|| {
            format!(
                "the requested load was reached; in the middle of the run {} of the buyers were waiting for a response, the rest were thinking",
                percent(waiting)
            )
        });
    }
    let (offered, shed) = pressure.offered_and_shed;
    let met = offered > 0 && shed as f64 <= SHED_SHARE * offered as f64;
    met.then(|| format!("the offered load was reached ({} of {} shed outside faults)", count(shed), counted(offered, "operation")))
}

fn quota(members: &[MemberResources]) -> Option<(LimitKind, String)> {
    if let Some(member) = members.iter().find(|member| member.no_space) {
        let sentence = format!(
            "the quota: {} raised its NOSPACE alarm at {} of {}",
            member.name,
            mebibytes(member.database_mib),
            mebibytes(member.quota_mib)
        );
        return Some((LimitKind::Quota, sentence));
    }
    let near = |member: &&MemberResources| member.quota_mib > 0.0 && member.database_mib >= QUOTA_SHARE * member.quota_mib;
    members.iter().find(near).map(|member| {
        let sentence = format!(
            "the quota: the database of {} uses {} of its {}",
            member.name,
            mebibytes(member.database_mib),
            mebibytes(member.quota_mib)
        );
        (LimitKind::Quota, sentence)
    })
}

fn recorder(pressure: &Pressure) -> Option<(LimitKind, String)> {
    let share = pressure.recorder_wait_share;
    let sentence = || format!("ticketcd: buyers spent {} of their time waiting for its recorder", percent(share));
    (share >= RECORDER_WAIT_SHARE).then(|| (LimitKind::OwnClient, sentence()))
}

fn conflicts(pressure: &Pressure) -> Option<(LimitKind, String)> {
    let share = pressure.attempts_lost_share;
    let sentence = || format!("conflicts: {} of all transactions failed because another buyer changed the same keys first", percent(share));
    (share >= ATTEMPTS_LOST_SHARE).then(|| (LimitKind::Conflicts, sentence()))
}

fn processors(resources: &ResourcesResult, pressure: &Pressure) -> Option<(LimitKind, String)> {
    let host = resources.host.as_ref()?;
    let busy = host.busy_percent / 100.0;
    if busy < PROCESSORS_BUSY_SHARE {
        return None;
    }
    let (members, own, others) = shares(host, resources, pressure);
    let parts = if pressure.members_on_this_host {
        format!("members {}, ticketcd {}, other programs {}", percent(members), percent(own), percent(others))
    } else {
        format!("ticketcd {}, other programs {}", percent(own), percent(others))
    };
    let (kind, whose) = if others > members.max(own) {
        (LimitKind::OtherPrograms, "CPU time of other programs on this machine")
    } else if own >= members {
        (LimitKind::OwnClient, "ticketcd's CPU time")
    } else {
        (LimitKind::ServerCpu, "the members' CPU time")
    };
    Some((kind, format!("{whose}: {} of {:.0} CPUs were busy ({parts})", percent(busy), host.processors)))
}

/// The share of a machine's processor time that went to programs other than this one and the members, which ran there too.
pub fn others_share(resources: &ResourcesResult) -> Option<f64> {
    let pressure = Pressure { members_on_this_host: true, ..Pressure::default() };
    resources.host.as_ref().map(|host| shares(host, resources, &pressure).2)
}

/// The shares that the members, this program and all others had of the machine's processor time.
fn shares(host: &HostResources, resources: &ResourcesResult, pressure: &Pressure) -> (f64, f64, f64) {
    let of_all = |percent_of_one: f64| percent_of_one / 100.0 / host.processors;
    let members = if pressure.members_on_this_host { resources.members.iter().map(|member| of_all(member.cpu_percent)).sum() } else { 0.0 };
    let own = of_all(host.own_cpu_percent);
    (members, own, (host.busy_percent / 100.0 - members - own).max(0.0))
}

fn disk(members: &[MemberResources], pressure: &Pressure) -> Option<(LimitKind, String)> {
    // Without members the disk limits nothing.
    let fsync_share = majority(members, |member| Some(member.fsync_share)).unwrap_or(0.0);
    let commit_share = majority(members, |member| Some(member.backend_commit_share)).unwrap_or(0.0);
    let fsync_ms = majority(members, |member| member.fsync_ms);
    let of_a_purchase = part_of_a_purchase(fsync_ms, pressure);
    let mean = fsync_ms.map(|mean| format!(", {} each", milliseconds(mean))).unwrap_or_default();
    let sentence = if fsync_share >= DISK_BUSY_SHARE {
        format!("the disk: a majority of members spent {} of the time in WAL fsync{mean}", percent(fsync_share))
    } else if commit_share >= DISK_BUSY_SHARE {
        format!("the disk: a majority of members spent {} of the time in database commits", percent(commit_share))
    } else if let (Some(share), Some(mean)) = (of_a_purchase, fsync_ms) {
        format!("the disk: WAL fsync takes {} on a majority of members, {} of a purchase", milliseconds(mean), percent(share))
    } else {
        return None;
    };
    Some((LimitKind::Disk, sentence))
}

fn network(members: &[MemberResources], pressure: &Pressure) -> Option<(LimitKind, String)> {
    let round_trip = majority(members, |member| member.peer_round_trip_ms);
    let share = part_of_a_purchase(round_trip, pressure)?;
    let sentence =
        format!("the network: a round trip between members takes {}, {} of a purchase", milliseconds(round_trip?), percent(share));
    Some((LimitKind::Network, sentence))
}

/// The share that something has of the median purchase, when that is most of it.
fn part_of_a_purchase(part_ms: Option<f64>, pressure: &Pressure) -> Option<f64> {
    let share = part_ms? / pressure.purchase_ms.filter(|whole| *whole > 0.0)?;
    // The mean of the parts may exceed the median of the wholes.
    (share >= PURCHASE_TIME_SHARE).then_some(share.min(1.0))
}

fn answer_time(resources: &ResourcesResult, pressure: &Pressure) -> String {
    let purchase = pressure.purchase_ms.map(|median| format!(" (median purchase {})", milliseconds(median))).unwrap_or_default();
    let mut figures = Vec::new();
    figures.extend(resources.host.as_ref().map(|host| format!("CPUs {:.0}% busy", host.busy_percent)));
    figures.extend(majority(&resources.members, |member| member.fsync_ms).map(|mean| format!("WAL fsync {}", milliseconds(mean))));
    let figures = if figures.is_empty() { String::new() } else { format!(": {}", figures.join(", ")) };
    format!("response latency{purchase}; no resource was near its limit{figures}")
}

/// What a majority of the members reaches: a write waits for as many, not for the slowest.
fn majority(members: &[MemberResources], figure: impl Fn(&MemberResources) -> Option<f64>) -> Option<f64> {
    let mut figures: Vec<f64> = members.iter().filter_map(figure).collect();
    figures.sort_by(|left, right| right.total_cmp(left));
    figures.get(members.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str) -> MemberResources {
        MemberResources {
            name: name.to_owned(),
            seconds: 10.0,
            fsync_ms: Some(1.0),
            fsync_share: 0.1,
            cpu_percent: 20.0,
            database_mib: 10.0,
            quota_mib: 2048.0,
            ..MemberResources::default()
        }
    }

    /// An idle cluster of three on a machine of four processors.
    fn calm() -> ResourcesResult {
        let host = HostResources { processors: 4.0, busy_percent: 30.0, own_cpu_percent: 20.0, own_resident_mib: 50.0 };
        ResourcesResult { members: ["m1", "m2", "m3"].map(member).to_vec(), host: Some(host) }
    }

    /// Buyers who do not think, and wait 10 ms for each answer.
    fn pressed() -> Pressure {
        Pressure { waiting_share: Some(1.0), purchase_ms: Some(10.0), members_on_this_host: true, ..Pressure::default() }
    }

    #[track_caller]
    fn assert_limit(resources: &ResourcesResult, pressure: &Pressure, by: LimitKind, figures: &[&str]) {
        let limit = decide(resources, pressure);
        assert_eq!(limit.by, by, "{limit:?}");
        for figure in figures {
            assert!(limit.sentence.contains(figure), "{figure:?} is not in {:?}", limit.sentence);
        }
    }

    #[test]
    fn without_samples_it_is_not_known() {
        assert_limit(&ResourcesResult::default(), &pressed(), LimitKind::NotKnown, &["not known"]);
    }

    #[test]
    fn when_nothing_is_near_its_limit_it_is_the_answers() {
        assert_limit(&calm(), &pressed(), LimitKind::AnswerTime, &["10 ms", "30% busy", "1.0 ms"]);
    }

    #[test]
    fn a_load_that_was_met_was_limited_by_nothing() {
        let thinking = Pressure { waiting_share: Some(0.2), ..pressed() };
        assert_limit(&calm(), &thinking, LimitKind::Nothing, &["20% of the buyers"]);
        let open = Pressure { waiting_share: None, offered_and_shed: (1000, 10), ..pressed() };
        assert_limit(&calm(), &open, LimitKind::Nothing, &["10 of 1,000"]);
        let shed = Pressure { offered_and_shed: (1000, 11), ..open };
        assert_limit(&calm(), &shed, LimitKind::AnswerTime, &[]);
    }

    #[test]
    fn resources_near_their_limit_are_named_although_the_load_was_reached() {
        let mut resources = calm();
        resources.host.as_mut().unwrap().busy_percent = 95.0;
        let limit = decide(&resources, &Pressure { waiting_share: Some(0.2), ..pressed() });
        assert_eq!((limit.by, limit.also.len()), (LimitKind::Nothing, 1));
        assert!(limit.also[0].contains("95% of 4 CPUs"), "{limit:?}");
    }

    #[test]
    fn who_keeps_the_processors_busy_is_named() {
        let busy = |own, each_member| {
            let mut resources = calm();
            let host = resources.host.as_mut().unwrap();
            (host.busy_percent, host.own_cpu_percent) = (95.0, own);
            resources.members.iter_mut().for_each(|member| member.cpu_percent = each_member);
            resources
        };
        assert_limit(&busy(60.0, 100.0), &pressed(), LimitKind::ServerCpu, &["95% of 4", "members 75%", "ticketcd 15%"]);
        assert_limit(&busy(240.0, 40.0), &pressed(), LimitKind::OwnClient, &["ticketcd 60%"]);
        assert_limit(&busy(20.0, 20.0), &pressed(), LimitKind::OtherPrograms, &["other programs 75%"]);
        // The processors of members elsewhere are not ours.
        let external = Pressure { members_on_this_host: false, ..pressed() };
        assert_limit(&busy(240.0, 400.0), &external, LimitKind::OwnClient, &["ticketcd 60%, other programs 35%"]);
    }

    #[test]
    fn the_disk_limits_when_a_majority_waits_for_it() {
        let mut resources = calm();
        resources.members[0].fsync_share = 0.8;
        assert_limit(&resources, &pressed(), LimitKind::AnswerTime, &[]);
        resources.members[2].fsync_share = 0.6;
        assert_limit(&resources, &pressed(), LimitKind::Disk, &["60% of the time in WAL fsync, 1.0 ms each"]);
        let mut resources = calm();
        resources.members.iter_mut().for_each(|member| member.backend_commit_share = 0.5);
        assert_limit(&resources, &pressed(), LimitKind::Disk, &["50% of the time in database commits"]);
        let quick = Pressure { purchase_ms: Some(2.0), ..pressed() };
        assert_limit(&calm(), &quick, LimitKind::Disk, &["1.0 ms on a majority of members, 50% of a purchase"]);
    }

    #[test]
    fn the_network_limits_when_it_is_most_of_a_purchase() {
        let mut resources = calm();
        resources.members.iter_mut().for_each(|member| member.peer_round_trip_ms = Some(8.0));
        assert_limit(&resources, &pressed(), LimitKind::Network, &["8.0 ms, 80% of a purchase"]);
    }

    #[test]
    fn refusals_and_conflicts_come_before_what_they_cause() {
        let mut resources = calm();
        resources.host.as_mut().unwrap().busy_percent = 95.0;
        let losing = Pressure { attempts_lost_share: 0.6, ..pressed() };
        assert_limit(&resources, &losing, LimitKind::Conflicts, &["60% of all transactions"]);
        assert_eq!(decide(&resources, &losing).also.len(), 1);
        let waiting = Pressure { recorder_wait_share: 0.2, ..losing };
        assert_limit(&resources, &waiting, LimitKind::OwnClient, &["20% of their time"]);
        resources.members[1].no_space = true;
        let met = Pressure { waiting_share: Some(0.1), ..pressed() };
        assert_limit(&resources, &met, LimitKind::Quota, &["m2 raised its NOSPACE alarm at 10 MiB of 2,048 MiB"]);
        let mut near = calm();
        near.members[0].database_mib = 2000.0;
        assert_limit(&near, &pressed(), LimitKind::Quota, &["m1 uses 2,000 MiB of its 2,048 MiB"]);
    }
}
