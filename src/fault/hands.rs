//! The hands of the injector: putting a fault into force, and healing it.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use ticketcd_judge::model::MemberIndex;

use super::aim::{Aim, aim};
use super::links::{self, Links, Traffic};
use super::processes::{Deed, Ending, Processes};
use super::target::Preference;
use crate::etcd::sampler::View;
use crate::net::{Flow, Link, LinkState};
use crate::scenario::types::Inject;
use crate::testbed::Testbed;

/// A fault in force.
#[derive(Debug)]
pub(super) struct Injection {
    /// The members it hits.
    pub(super) members: Vec<MemberIndex>,
    /// What was done, in words.
    pub(super) what: String,
    /// What it did at once, in words.
    pub(super) effects: Vec<String>,
    /// What healing has to undo.
    pub(super) force: Force,
}

/// What a fault left in force.
#[derive(Debug)]
pub(super) enum Force {
    /// These members are down.
    Down(Vec<MemberIndex>),
    /// These members stand still.
    Paused(Vec<MemberIndex>),
    /// These links are not as they should be; with the traffic on them before.
    OnLinks(Vec<Link>, Traffic),
    /// It was over at once.
    Over,
}

/// A fault that was healed.
#[derive(Debug)]
pub(super) struct Healing {
    /// What it had done by then, in words.
    pub(super) effects: Vec<String>,
    /// What was done, in words; or what could not be.
    pub(super) what: Deed,
}

/// Puts faults into force and heals them, on one cluster.
#[derive(Debug)]
pub(super) struct Hands {
    processes: Arc<Processes>,
    links: Links,
    /// Aiming and claiming is one step, so that two faults do not choose the same member.
    aiming: Mutex<()>,
}

impl Hands {
    pub(super) fn new(testbed: &Arc<Testbed>) -> Self {
        let links = Links::new(testbed.links().clone());
        Self { processes: Arc::new(Processes::new(Arc::clone(testbed))), links, aiming: Mutex::default() }
    }

    /// Chooses what the fault hits, and claims it.
    ///
    /// # Errors
    /// Why there is nobody or nothing to hit, in words.
    pub(super) fn aim(&self, fault: u32, inject: &Inject, view: &View, preference: &Preference) -> Result<Aim, String> {
        // It guards no data, so that a panic under it leaves nothing broken.
        let _one_at_a_time = self.aiming.lock().unwrap_or_else(PoisonError::into_inner);
        let aim = aim(inject, &self.processes.situation(view), preference)?;
        match inject {
            Inject::Kill(_) | Inject::Terminate(_) | Inject::Restart(_) => self.processes.claim_down(fault, &aim.members),
            Inject::Pause(_) => self.processes.claim_pause(fault, &aim.members),
            Inject::Partition(_) | Inject::Latency(_) | Inject::BlackHole(_) | Inject::Reset(_) => {}
        }
        Ok(aim)
    }

    /// Puts the fault into force.
    ///
    /// # Errors
    /// Why it could not be, in words. Nothing is in force then.
    pub(super) async fn inject(&self, fault: u32, inject: &Inject, aim: Aim) -> Result<Injection, String> {
        match inject {
            Inject::Kill(_) => self.take_down(fault, &aim.members, Ending::Kill).await,
            Inject::Terminate(_) | Inject::Restart(_) => self.take_down(fault, &aim.members, Ending::Terminate).await,
            Inject::Pause(_) => self.pause(fault, &aim.members).await,
            Inject::Partition(_) => {
                let state = LinkState { flow: Flow::Lost, ..LinkState::default() };
                let what = format!("whatever is sent on {} is lost", links::names(&aim.links));
                Ok(self.demand(fault, aim, state, what))
            }
            Inject::BlackHole(_) => {
                let state = LinkState { flow: Flow::Held, ..LinkState::default() };
                let what = format!("{} carry nothing, connections stay open", links::names(&aim.links));
                Ok(self.demand(fault, aim, state, what))
            }
            Inject::Latency(latency) => {
                let state = LinkState { flow: Flow::Open, delay: latency.delay.0, jitter: latency.jitter.0 };
                let what = format!("{} are {} late, with up to {} more", links::names(&aim.links), latency.delay, latency.jitter);
                Ok(self.demand(fault, aim, state, what))
            }
            Inject::Reset(_) => {
                let cut = self.links.reset(&aim.links);
                let effects = if cut == 0 { Vec::new() } else { vec![format!("{cut} connections were cut")] };
                let what = format!("connections that carry {} were reset", links::names(&aim.links));
                Ok(Injection { members: aim.members, what, effects, force: Force::Over })
            }
        }
    }

    async fn take_down(&self, fault: u32, members: &[MemberIndex], ending: Ending) -> Result<Injection, String> {
        let (members, what) = sort_out(self.processes.take_down(fault, members, ending).await)?;
        let effects = members.iter().map(|member| format!("the process of {} is gone", member.name())).collect();
        Ok(Injection { force: Force::Down(members.clone()), members, what, effects })
    }

    async fn pause(&self, fault: u32, members: &[MemberIndex]) -> Result<Injection, String> {
        let mut deeds = Vec::new();
        for member in members {
            deeds.push((*member, self.processes.pause(fault, *member).await));
        }
        let (members, what) = sort_out(deeds)?;
        Ok(Injection { force: Force::Paused(members.clone()), members, what, effects: Vec::new() })
    }

    fn demand(&self, fault: u32, aim: Aim, state: LinkState, what: String) -> Injection {
        let before = self.links.traffic(&aim.links);
        self.links.demand(fault, &aim.links, state);
        Injection { members: aim.members, what, effects: Vec::new(), force: Force::OnLinks(aim.links, before) }
    }

    /// Ends what the fault left in force.
    pub(super) async fn heal(&self, fault: u32, force: Force) -> Healing {
        match force {
            Force::Down(members) => {
                let mut deeds = Vec::new();
                for member in members {
                    deeds.push(self.processes.start(fault, member).await);
                }
                Healing { effects: Vec::new(), what: together(deeds) }
            }
            Force::Paused(members) => {
                let (mut deeds, mut effects) = (Vec::new(), Vec::new());
                for member in members {
                    if self.processes.stands_still(member) == Some(true) {
                        effects.push(format!("{} stood still", member.name()));
                    }
                    deeds.push(self.processes.resume(fault, member).await);
                }
                Healing { effects, what: together(deeds) }
            }
            Force::OnLinks(links, before) => {
                self.links.withdraw(fault);
                let traffic = self.links.traffic(&links).since(before);
                let effects = [(traffic.stopped_bytes, "were stopped"), (traffic.carried_bytes, "passed")];
                let seen = effects.into_iter().filter(|(bytes, _)| *bytes > 0);
                let effects = seen.map(|(bytes, what)| format!("{bytes} bytes {what} on these links meanwhile")).collect();
                Healing { effects, what: Ok("the links are as before".to_owned()) }
            }
            Force::Over => Healing { effects: Vec::new(), what: Ok("nothing was left to be healed".to_owned()) },
        }
    }
}

/// The members something was done to, and the whole in words.
///
/// # Errors
/// When nothing was done to anybody: why, in words.
fn sort_out(deeds: Vec<(MemberIndex, Deed)>) -> Result<(Vec<MemberIndex>, String), String> {
    let members: Vec<_> = deeds.iter().filter(|(_, deed)| deed.is_ok()).map(|(member, _)| *member).collect();
    let words: Vec<_> = deeds.into_iter().map(|(_, deed)| deed.unwrap_or_else(|failure| failure)).collect();
    if members.is_empty() { Err(words.join("; ")) } else { Ok((members, words.join("; "))) }
}

/// Several deeds as one, which fails when any of them does.
fn together(deeds: Vec<Deed>) -> Deed {
    let is_whole = deeds.iter().all(Result::is_ok);
    let words = deeds.into_iter().map(|deed| deed.unwrap_or_else(|failure| failure)).collect::<Vec<_>>().join("; ");
    if is_whole { Ok(words) } else { Err(words) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_in_force_on_the_members_it_reached() {
        let (m1, m2) = (MemberIndex(0), MemberIndex(1));
        let some = sort_out(vec![(m1, Ok("SIGKILL to m1".to_owned())), (m2, Err("m2 is gone".to_owned()))]);
        assert_eq!(some, Ok((vec![m1], "SIGKILL to m1; m2 is gone".to_owned())));
        assert_eq!(sort_out(vec![(m2, Err("m2 is gone".to_owned()))]), Err("m2 is gone".to_owned()));
    }

    #[test]
    fn healing_is_whole_or_failed() {
        assert_eq!(together(vec![Ok("a".to_owned()), Ok("b".to_owned())]), Ok("a; b".to_owned()));
        assert_eq!(together(vec![Ok("a".to_owned()), Err("b".to_owned())]), Err("a; b".to_owned()));
    }
}
