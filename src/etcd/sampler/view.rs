//! The state of the cluster, by the status that its members report.

use std::fmt;
use std::time::Duration;

use ticketcd_judge::explain::all_missing;
use ticketcd_judge::history::event::MemberStatus;
pub use ticketcd_judge::history::fault::Leadership;
use ticketcd_judge::history::fault::{HealthGap, ReportedLeader};
use ticketcd_judge::history::{MemberIndex, Nanos};
use tokio::sync::watch;

/// The state of one member.
#[derive(Clone, Debug, Default)]
pub struct MemberView {
    /// The status that it reported last, if it ever did; it may have stopped responding since.
    pub status: Option<MemberStatus>,
    /// When it reported that.
    pub answered_at: Option<Nanos>,
    /// When the latest request was sent whose outcome is known.
    pub asked_at: Option<Nanos>,
    /// Whether that request was answered.
    pub answering: bool,
}

impl MemberView {
    /// Its status, unless it has stopped responding.
    pub fn current(&self) -> Option<&MemberStatus> {
        self.status.as_ref().filter(|_| self.answering)
    }

    /// Whether its latest request was sent at or after that moment.
    pub fn is_newer_than(&self, since: Nanos) -> bool {
        self.asked_at.is_some_and(|asked| asked >= since)
    }
}

/// The state of the cluster, as of the latest answers of its members.
#[derive(Clone, Debug)]
pub struct View {
    members: Vec<MemberView>,
}

impl View {
    /// The view before anyone has answered.
    pub fn new(size: usize) -> Self {
        Self { members: vec![MemberView::default(); size] }
    }

    /// Takes in the outcome of one request.
    pub fn note(&mut self, member: MemberIndex, asked: Nanos, at: Nanos, status: Option<MemberStatus>) {
        let Some(entry) = self.members.get_mut(member.index()) else { return };
        entry.asked_at = Some(asked);
        entry.answering = status.is_some();
        if status.is_some() {
            entry.status = status;
            entry.answered_at = Some(at);
        }
    }

    /// How many members there are.
    pub fn size(&self) -> usize {
        self.members.len()
    }

    /// The state of a member; `None` for one that does not exist.
    pub fn member(&self, member: MemberIndex) -> Option<&MemberView> {
        self.members.get(member.index())
    }

    /// The members that answered the latest request.
    pub fn answering(&self) -> Vec<MemberIndex> {
        self.each().filter(|(_, member)| member.answering).map(|(index, _)| index).collect()
    }

    /// The member with etcd's id, once it has reported it.
    pub fn index_of(&self, member_id: u64) -> Option<MemberIndex> {
        let is_it = |member: &MemberView| member.status.as_ref().is_some_and(|status| status.member_id == member_id);
        self.each().find(|(_, member)| is_it(member)).map(|(index, _)| index)
    }

    /// The leader: see [`View::leadership`].
    pub fn leader(&self) -> Option<MemberIndex> {
        self.leadership().map(|leadership| leadership.member)
    }

    /// The leader and its term: a member that reports itself as leader, and that a majority of all members reports to follow in
    /// the same term. A deposed leader that was paused or partitioned still reports its old term, and an isolated member may
    /// raise its own term for ever (3.4 has no pre-vote): neither a report alone nor the highest term determines the leader.
    pub fn leadership(&self) -> Option<Leadership> {
        let claims = self.each().filter_map(|(member, entry)| {
            let status = entry.current()?;
            let leads = status.leader_id == status.member_id && status.leader_id != 0;
            (leads && self.is_followed(status)).then_some(Leadership { member, term: status.raft_term })
        });
        claims.max_by_key(|leadership| leadership.term)
    }

    /// Whether a majority of all members follows this leader in its term, itself included.
    fn is_followed(&self, leader: &MemberStatus) -> bool {
        let follows = |status: &MemberStatus| status.leader_id == leader.member_id && status.raft_term == leader.raft_term;
        let followers = self.members.iter().filter_map(MemberView::current).filter(|status| follows(status)).count();
        followers * 2 > self.members.len()
    }

    /// The leader that all members follow, by answers to requests sent since that moment.
    ///
    /// # Errors
    /// What is missing.
    pub fn all_healthy(&self, since: Nanos) -> Result<MemberIndex, Vec<HealthGap>> {
        let everyone: Vec<_> = self.each().map(|(index, _)| index).collect();
        self.healthy(&everyone, since)
    }

    /// The leader that these members follow, by answers to requests sent since that moment.
    ///
    /// # Errors
    /// What is missing.
    pub fn healthy(&self, members: &[MemberIndex], since: Nanos) -> Result<MemberIndex, Vec<HealthGap>> {
        let leader = self.leadership().ok_or_else(|| vec![self.no_leader()])?;
        let leader_id = self.member(leader.member).and_then(MemberView::current).map(|status| status.member_id);
        let gap = |member: MemberIndex| {
            let Some(entry) = self.member(member) else { return Some(HealthGap::NoSuchMember(member)) };
            match entry.current() {
                _ if !entry.is_newer_than(since) => Some(HealthGap::NoResponseYet(member)),
                None => Some(HealthGap::Silent(member)),
                Some(status) if Some(status.leader_id) != leader_id || status.raft_term != leader.term => {
                    Some(HealthGap::NotFollowing { member, leader })
                }
                Some(_) => None,
            }
        };
        let missing: Vec<_> = members.iter().filter_map(|member| gap(*member)).collect();
        if missing.is_empty() { Ok(leader.member) } else { Err(missing) }
    }

    /// That no quorum has a leader, with what each member reports.
    pub fn no_leader(&self) -> HealthGap {
        let reported = |member: &MemberView| match (member.current(), &member.status) {
            (Some(status), _) if status.leader_id == 0 => ReportedLeader::None { term: status.raft_term },
            (Some(status), _) => match self.index_of(status.leader_id) {
                Some(leader) => ReportedLeader::Member(Leadership { member: leader, term: status.raft_term }),
                None => ReportedLeader::Unknown { member_id: status.leader_id, term: status.raft_term },
            },
            (None, Some(_)) => ReportedLeader::Silent,
            (None, None) => ReportedLeader::NoResponseYet,
        };
        HealthGap::NoLeader { members: self.each().map(|(index, member)| (index, reported(member))).collect() }
    }

    fn each(&self) -> impl Iterator<Item = (MemberIndex, &MemberView)> {
        (0..).map(MemberIndex).zip(&self.members)
    }
}

/// The cluster did not get into the state that was waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotInTime<M = Vec<HealthGap>> {
    /// How long was waited.
    pub after: Duration,
    /// What was missing at the end.
    pub missing: M,
    /// Whether members were still sampled at the end.
    pub is_sampled: bool,
}

impl fmt::Display for NotInTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "after {:.1} s: {}", self.after.as_secs_f64(), all_missing(&self.missing))
    }
}

impl std::error::Error for NotInTime {}

/// Waits until the view meets a condition, which returns what is missing while it does not.
///
/// # Errors
/// When it does not in time, or the sampler has stopped.
pub async fn await_view<T, M>(
    view: &mut watch::Receiver<View>,
    timeout: Duration,
    mut condition: impl FnMut(&View) -> Result<T, M>,
) -> Result<T, NotInTime<M>> {
    let began = tokio::time::Instant::now();
    let deadline = tokio::time::sleep(timeout);
    tokio::pin!(deadline);
    loop {
        let missing = match condition(&view.borrow_and_update()) {
            Ok(met) => return Ok(met),
            Err(missing) => missing,
        };
        tokio::select! {
            changed = view.changed() => if changed.is_err() {
                return Err(NotInTime { after: began.elapsed(), missing, is_sampled: false });
            },
            () = &mut deadline => return Err(NotInTime { after: began.elapsed(), missing, is_sampled: true }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const M1: MemberIndex = MemberIndex(0);
    const M2: MemberIndex = MemberIndex(1);
    const M3: MemberIndex = MemberIndex(2);

    /// A view by (leader's number or 0, term) for each member; `None` for one that does not respond. Ids are 10, 20, ….
    fn view(members: &[Option<(u64, u64)>]) -> View {
        let mut view = View::new(members.len());
        for (index, entry) in (0..).zip(members) {
            let status = |(leader, term): (u64, u64)| MemberStatus {
                member_id: (u64::from(index) + 1) * 10,
                leader_id: leader * 10,
                raft_term: term,
                applied_index: 0,
                revision: 1,
                database_bytes: 0,
                errors: Vec::new(),
            };
            view.note(MemberIndex(index), 100, 110, Some(status((0, 1))));
            view.note(MemberIndex(index), 200, 210, entry.map(status));
        }
        view
    }

    #[test]
    fn a_leader_needs_a_majority_of_all_members() {
        assert_eq!(view(&[Some((1, 2)), Some((1, 2)), None]).leader(), Some(M1));
        assert_eq!(view(&[Some((1, 2)), None, None]).leader(), None);
        assert_eq!(view(&[Some((0, 2)), Some((0, 2)), Some((0, 2))]).leader(), None);
        assert_eq!(view(&[Some((1, 7))]).leader(), Some(M1));
    }

    #[test]
    fn a_deposed_leader_that_still_claims_its_old_term_is_not_the_leader() {
        let split = view(&[Some((1, 2)), Some((2, 3)), Some((2, 3))]);
        assert_eq!(split.leadership(), Some(Leadership { member: M2, term: 3 }));
    }

    #[test]
    fn an_isolated_member_with_a_high_term_does_not_depose_the_leader() {
        assert_eq!(view(&[Some((1, 2)), Some((1, 2)), Some((0, 9))]).leader(), Some(M1));
    }

    #[test]
    fn a_silent_leader_is_not_the_leader_although_others_still_follow_it() {
        let paused = view(&[None, Some((1, 2)), Some((1, 2))]);
        assert_eq!(paused.leader(), None);
        assert_eq!(paused.answering(), [M2, M3]);
        assert_eq!(paused.index_of(10), Some(M1), "its id is remembered");
    }

    #[test]
    fn health_names_what_is_missing() {
        let cluster = view(&[Some((1, 2)), Some((1, 2)), None]);
        assert_eq!(cluster.all_healthy(150), Err(vec![HealthGap::Silent(M3)]));
        assert_eq!(cluster.healthy(&[M2], 150), Ok(M1));
        assert_eq!(cluster.healthy(&[M2], 300), Err(vec![HealthGap::NoResponseYet(M2)]), "old answers are no evidence");
        let behind = view(&[Some((1, 3)), Some((1, 3)), Some((1, 2))]);
        assert_eq!(behind.all_healthy(150), Err(vec![HealthGap::NotFollowing { member: M3, leader: Leadership { member: M1, term: 3 } }]));
        let none = view(&[None, Some((1, 2)), Some((0, 2))]);
        let follows = ReportedLeader::Member(Leadership { member: M1, term: 2 });
        let members = vec![(M1, ReportedLeader::Silent), (M2, follows), (M3, ReportedLeader::None { term: 2 })];
        assert_eq!(none.all_healthy(150), Err(vec![HealthGap::NoLeader { members }]));
    }

    #[tokio::test]
    async fn waiting_ends_when_the_condition_is_met_or_returns_what_is_missing() {
        let (publisher, mut receiver) = watch::channel(view(&[None, None, None]));
        let waiting = tokio::spawn(async move {
            await_view(&mut receiver, Duration::from_secs(60), |view| view.leader().ok_or_else(|| view.no_leader())).await
        });
        publisher.send_replace(view(&[Some((3, 2)), Some((3, 2)), Some((3, 2))]));
        assert_eq!(waiting.await.unwrap(), Ok(M3));

        let mut receiver = publisher.subscribe();
        let late = await_view(&mut receiver, Duration::ZERO, |_| Err::<(), _>("the impossible")).await;
        let late = late.unwrap_err();
        assert_eq!((late.missing, late.is_sampled), ("the impossible", true));
        drop(publisher);
        let stopped = await_view(&mut receiver, Duration::from_secs(60), |_| Err::<(), _>("the impossible")).await;
        assert!(!stopped.unwrap_err().is_sampled);
    }
}
