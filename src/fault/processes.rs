//! Faults of processes: kill, terminate, restart, pause.
//!
//! They may overlap on one member. A member goes down for one fault at a time, which starts it again if nobody else did;
//! it stands still until the last pause on it ends, or its process does: a new process is not paused.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ticketcd_judge::model::MemberIndex;
use tokio::task::JoinSet;

use super::target::{Situation, Standing};
use crate::etcd::sampler::View;
use crate::testbed::{MemberControl, Termination, Testbed};

/// How long a member has to end after SIGTERM. A leader whose followers are gone may hang for good.
const TERMINATION_GRACE: Duration = Duration::from_secs(5);

/// Which fault has which member down or paused.
#[derive(Debug, Default)]
struct Claims {
    down: BTreeMap<MemberIndex, u32>,
    paused: BTreeMap<MemberIndex, BTreeSet<u32>>,
}

impl Claims {
    fn standing(&self, member: MemberIndex, is_running: bool, is_answering: bool) -> Standing {
        if !is_running || self.down.contains_key(&member) {
            Standing::Down
        } else if !is_answering || self.paused.contains_key(&member) {
            Standing::Unwell
        } else {
            Standing::Up
        }
    }

    fn take_down(&mut self, fault: u32, member: MemberIndex) {
        self.down.insert(member, fault);
    }

    fn give_back(&mut self, fault: u32, member: MemberIndex) {
        if self.down.get(&member) == Some(&fault) {
            self.down.remove(&member);
        }
    }

    fn pause(&mut self, fault: u32, member: MemberIndex) {
        self.paused.entry(member).or_default().insert(fault);
    }

    fn resume(&mut self, fault: u32, member: MemberIndex) -> Resumption {
        let Some(pauses) = self.paused.get_mut(&member).filter(|pauses| pauses.contains(&fault)) else { return Resumption::Ended };
        pauses.remove(&fault);
        if !pauses.is_empty() {
            return Resumption::StillPaused;
        }
        self.paused.remove(&member);
        Resumption::Due
    }

    fn process_ended(&mut self, member: MemberIndex) {
        self.paused.remove(&member);
    }
}

/// What the end of a pause means for the member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resumption {
    /// It was the last pause: the member goes on.
    Due,
    /// Another pause holds it.
    StillPaused,
    /// The process that was paused is gone.
    Ended,
}

/// How a process is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// SIGKILL.
    Kill,
    /// SIGTERM, and SIGKILL when that does not help.
    Terminate,
}

/// What was done to one member, in words, or why it could not be.
pub type Deed = Result<String, String>;

/// The members' processes, shared by faults that overlap.
#[derive(Debug)]
pub struct Processes {
    testbed: Arc<Testbed>,
    claims: Mutex<Claims>,
    /// One operation on a process at a time, so that a start does not meet a kill half-way.
    doors: Vec<tokio::sync::Mutex<()>>,
}

impl Processes {
    /// The processes of a cluster that only faults stop and start while the load runs.
    pub fn new(testbed: Arc<Testbed>) -> Self {
        let doors = (0..testbed.size()).map(|_| tokio::sync::Mutex::default()).collect();
        Self { testbed, claims: Mutex::default(), doors }
    }

    /// The cluster as a fault finds it now.
    pub fn situation(&self, view: &View) -> Situation {
        let claims = self.claims();
        let standing = |member: MemberIndex| {
            let is_answering = view.member(member).is_some_and(|entry| entry.answering);
            claims.standing(member, self.is_running(member), is_answering)
        };
        let standings: Vec<_> = (0..).map(MemberIndex).take(self.doors.len()).map(standing).collect();
        // The view is a moment old: it may still show a leader that another fault has just killed.
        let is_there = |leader: &MemberIndex| standings.get(leader.index()).is_some_and(|standing| *standing != Standing::Down);
        Situation { leader: view.leader().filter(is_there), standings }
    }

    /// Marks members as going down, so that no other fault chooses them.
    pub fn claim_down(&self, fault: u32, members: &[MemberIndex]) {
        let mut claims = self.claims();
        members.iter().for_each(|member| claims.take_down(fault, *member));
    }

    /// Marks members as paused, so that no other fault prefers them.
    pub fn claim_pause(&self, fault: u32, members: &[MemberIndex]) {
        let mut claims = self.claims();
        members.iter().for_each(|member| claims.pause(fault, *member));
    }

    /// Ends the processes of members that are claimed, all at the same time.
    pub async fn take_down(self: &Arc<Self>, fault: u32, members: &[MemberIndex], ending: Ending) -> Vec<(MemberIndex, Deed)> {
        let mut tasks = JoinSet::new();
        for member in members.iter().copied() {
            let processes = Arc::clone(self);
            tasks.spawn(async move { (member, processes.end(fault, member, ending).await) });
        }
        let mut deeds = Vec::new();
        while let Some(joined) = tasks.join_next().await {
            match joined.map_err(tokio::task::JoinError::try_into_panic) {
                Ok(deed) => deeds.push(deed),
                Err(Ok(panic)) => std::panic::resume_unwind(panic),
                // A task is cancelled only when the runtime shuts down, and this one with it.
                Err(Err(_)) => {}
            }
        }
        deeds.sort_by_key(|(member, _)| *member);
        deeds
    }

    async fn end(&self, fault: u32, member: MemberIndex, ending: Ending) -> Deed {
        let _door = self.door(member).await;
        let who = self.who(member);
        let control = self.control(member)?;
        let ended = match ending {
            Ending::Kill => control.kill().await.map(|()| format!("SIGKILL to {who}")),
            Ending::Terminate => control.terminate(TERMINATION_GRACE).await.map(|termination| match termination {
                Termination::Graceful => format!("SIGTERM to {who}"),
                Termination::Killed => {
                    format!("SIGTERM to {who}, and SIGKILL {} s later because it had not ended", TERMINATION_GRACE.as_secs())
                }
            }),
        };
        match ended {
            Ok(what) => {
                self.claims().process_ended(member);
                Ok(what)
            }
            Err(error) => {
                self.claims().give_back(fault, member);
                Err(format!("{who} could not be ended: {error}"))
            }
        }
    }

    /// Starts a member that a fault took down, unless it runs already.
    pub async fn start(&self, fault: u32, member: MemberIndex) -> Deed {
        let _door = self.door(member).await;
        let started = if self.is_running(member) {
            Ok(format!("{} runs already", self.who(member)))
        } else {
            match self.control(member)?.start().await {
                Ok(()) => Ok(format!("{} was started", self.who(member))),
                Err(error) => Err(format!("{} could not be started: {error}", member.name())),
            }
        };
        self.claims().give_back(fault, member);
        started
    }

    /// Stops a member that is claimed where it stands.
    pub async fn pause(&self, fault: u32, member: MemberIndex) -> Deed {
        let _door = self.door(member).await;
        let who = self.who(member);
        self.control(member)?.pause().await.map(|()| format!("SIGSTOP to {who}")).map_err(|error| {
            self.claims().resume(fault, member);
            format!("{who} could not be paused: {error}")
        })
    }

    /// Lets a member go on, when no other fault pauses it.
    pub async fn resume(&self, fault: u32, member: MemberIndex) -> Deed {
        let _door = self.door(member).await;
        let resumption = self.claims().resume(fault, member);
        match resumption {
            Resumption::Due if self.is_running(member) => {
                let who = self.who(member);
                let resumed = self.control(member)?.resume().await;
                resumed.map(|()| format!("SIGCONT to {who}")).map_err(|error| format!("{who} could not be resumed: {error}"))
            }
            Resumption::StillPaused => Ok(format!("{} stays paused for another fault", member.name())),
            Resumption::Due | Resumption::Ended => Ok(format!("the paused process of {} had ended meanwhile", member.name())),
        }
    }

    /// Whether the operating system shows the member's process stopped. `None` where it cannot be asked.
    pub fn stands_still(&self, member: MemberIndex) -> Option<bool> {
        self.testbed.member(member).ok()?.is_paused()
    }

    fn control(&self, member: MemberIndex) -> Result<MemberControl, String> {
        self.testbed.member(member).map_err(|error| error.to_string())
    }

    fn is_running(&self, member: MemberIndex) -> bool {
        self.testbed.member(member).is_ok_and(|control| control.is_running())
    }

    /// The member and its process: `m2 (pid 4711)`.
    fn who(&self, member: MemberIndex) -> String {
        match self.testbed.member(member).ok().and_then(|control| control.pid()) {
            Some(pid) => format!("{} (pid {pid})", member.name()),
            None => member.name(),
        }
    }

    async fn door(&self, member: MemberIndex) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        match self.doors.get(member.index()) {
            Some(door) => Some(door.lock().await),
            None => None,
        }
    }

    fn claims(&self) -> MutexGuard<'_, Claims> {
        // Each change is one insertion or removal: whoever panicked cannot have left half of one.
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const M1: MemberIndex = MemberIndex(0);

    #[test]
    fn a_member_stands_still_until_the_last_pause_ends() {
        let mut claims = Claims::default();
        claims.pause(0, M1);
        claims.pause(1, M1);
        assert_eq!(claims.standing(M1, true, true), Standing::Unwell);
        assert_eq!(claims.resume(0, M1), Resumption::StillPaused);
        assert_eq!(claims.resume(0, M1), Resumption::Ended, "a pause ends once");
        assert_eq!(claims.resume(1, M1), Resumption::Due);
        assert_eq!(claims.standing(M1, true, true), Standing::Up);
    }

    #[test]
    fn a_kill_ends_the_pauses_of_the_process() {
        let mut claims = Claims::default();
        claims.pause(0, M1);
        claims.take_down(1, M1);
        claims.process_ended(M1);
        assert_eq!(claims.standing(M1, false, false), Standing::Down);
        claims.give_back(1, M1);
        assert_eq!(claims.standing(M1, true, true), Standing::Up, "the new process is not paused");
        assert_eq!(claims.resume(0, M1), Resumption::Ended);
    }

    #[test]
    fn a_member_is_down_for_the_fault_that_took_it_down() {
        let mut claims = Claims::default();
        claims.take_down(1, M1);
        assert_eq!(claims.standing(M1, true, true), Standing::Down, "from the claim on, before the process is gone");
        claims.give_back(2, M1);
        assert_eq!(claims.standing(M1, true, true), Standing::Down, "another fault cannot give it back");
        claims.give_back(1, M1);
        assert_eq!(claims.standing(M1, false, true), Standing::Down, "a member that ended by itself is down too");
    }
}
