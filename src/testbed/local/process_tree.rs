//! The processes that were started for a member, whatever they are: etcd itself, or a wrapper script with etcd below it.
//!
//! All of them are in the member's process group, or below the supervisor, which adopts the processes that lose their parent (it
//! is a child subreaper). A process can leave its group (`setsid`), but not its supervisor.

use std::collections::HashSet;
use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

/// How often a signal is sent again to processes that were started meanwhile.
const ROUNDS_MAX: usize = 50;
/// How long killed processes are waited for. Only one that waits for a broken disk takes longer, and nothing ends that one.
const KILLED_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause between two looks at the processes.
const INTERVAL: Duration = Duration::from_millis(2);

/// A process as the kernel describes it in `/proc/PID/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    /// Its id.
    pub(super) pid: u32,
    /// Its parent's id.
    parent: u32,
    /// Its process group.
    group: u32,
    /// The letter of its state: `T` is stopped, `Z` and `X` have ended.
    state: char,
    /// When it was started, clock ticks since the boot. With the id it names one process, even when ids are reused.
    started: u64,
}

impl Process {
    /// The process with an id, ended or not; none when there is none.
    pub(super) fn read(pid: u32) -> Option<Self> {
        parse(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// A process outside of what this one can see.
    pub(super) fn unknown() -> Self {
        Self { pid: 0, parent: 0, group: 0, state: 'S', started: 0 }
    }

    /// Whether it runs or is stopped: a zombie has ended.
    pub(super) fn is_alive(&self) -> bool {
        !matches!(self.state, 'Z' | 'X' | 'x')
    }

    /// Sends it a signal, if it is still there.
    pub(super) fn signal(&self, signal: Signal) {
        if self.still_runs() {
            to_process(self.pid, signal);
        }
    }

    /// Whether the same process is still there.
    pub(super) fn still_runs(&self) -> bool {
        Self::read(self.pid).is_some_and(|now| now.started == self.started && now.is_alive())
    }
}

/// The fields behind the command's name, which may itself hold parentheses and spaces.
fn parse(pid: u32, stat: &str) -> Option<Process> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    let started = fields.nth(16)?.parse().ok()?;
    Some(Process { pid, parent, group, state, started })
}

/// What was started for a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProcessTree {
    /// The process that everything is below of.
    pub(super) supervisor: u32,
    /// The process group, which has the id of its first process.
    pub(super) group: u32,
}

impl ProcessTree {
    /// The processes that have not ended.
    pub(super) fn alive(self) -> Vec<Process> {
        self.select(every_process()).into_iter().filter(Process::is_alive).collect()
    }

    /// The supervisor's children that have ended and were not reaped yet, but for the first of the group.
    pub(super) fn ended_children(self) -> Vec<u32> {
        let is_ended = |process: &Process| process.parent == self.supervisor && process.pid != self.group && !process.is_alive();
        every_process().into_iter().filter(is_ended).map(|process| process.pid).collect()
    }

    /// Those of all processes that are in the group or below the supervisor.
    fn select(self, all: Vec<Process>) -> Vec<Process> {
        let mut below = HashSet::from([self.supervisor]);
        // A child may be listed before its parent.
        loop {
            let before = below.len();
            below.extend(all.iter().filter(|process| below.contains(&process.parent)).map(|process| process.pid).collect::<Vec<_>>());
            if below.len() == before {
                break;
            }
        }
        let is_ours = |process: &Process| process.pid != self.supervisor && (process.group == self.group || below.contains(&process.pid));
        all.into_iter().filter(is_ours).collect()
    }

    /// Whether a process is one of them.
    pub(super) fn contains(self, pid: u32) -> bool {
        self.alive().iter().any(|process| process.pid == pid)
    }

    /// Sends a signal to all of them; `false` when there are none.
    pub(super) fn signal(self, signal: Signal) -> bool {
        let is_sent = to_group(self.group, signal);
        let mut sent_to = HashSet::new();
        for _ in 0..ROUNDS_MAX {
            let others = self.alive().into_iter().filter(|process| process.group != self.group && sent_to.insert(process.pid));
            let reached = others.filter(|process| to_process(process.pid, signal)).count();
            // A process that was just about to fork has a child that did not get the signal.
            if reached == 0 {
                break;
            }
        }
        is_sent || !sent_to.is_empty()
    }

    /// Whether each of them is shown stopped, and there is one.
    pub(super) fn is_stopped(self) -> bool {
        let alive = self.alive();
        !alive.is_empty() && alive.iter().all(|process| process.state == 'T')
    }
}

/// Every process of this machine that can be seen.
fn every_process() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(Process::read).collect()
}

/// Ends the processes that are left when the first one has ended: sends them `signal`, if there is one, and kills those that have
/// not ended within `grace`. Returns when all of them have ended. `reap` reaps those of them that the caller has adopted.
pub(super) fn end_the_rest(tree: ProcessTree, signal: Option<Signal>, grace: Duration, reap: impl Fn()) {
    let began = Instant::now();
    if let Some(signal) = signal {
        tree.signal(signal);
    }
    while !tree.alive().is_empty() && began.elapsed() < grace + KILLED_TIMEOUT {
        if began.elapsed() >= grace {
            tree.signal(Signal::SIGKILL);
        }
        std::thread::sleep(INTERVAL);
        reap();
    }
    reap();
}

fn to_group(group: u32, signal: Signal) -> bool {
    i32::try_from(group).is_ok_and(|group| signal::killpg(Pid::from_raw(group), signal).is_ok())
}

fn to_process(pid: u32, signal: Signal) -> bool {
    i32::try_from(pid).is_ok_and(|pid| signal::kill(Pid::from_raw(pid), signal).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_describes_a_process_behind_its_name() {
        let stat = "4711 (etcd (a) b) T 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 99 20";
        assert_eq!(parse(4711, stat), Some(Process { pid: 4711, parent: 1, group: 2, state: 'T', started: 99 }));
        assert_eq!(parse(1, ""), None);
        assert!(Process::read(std::process::id()).unwrap().still_runs());
    }

    #[test]
    fn a_process_that_left_the_group_is_still_below_the_supervisor() {
        let process = |pid, parent, group| Process { pid, parent, group, state: 'S', started: 0 };
        let all = vec![process(30, 20, 30), process(20, 10, 20), process(10, 1, 10), process(40, 1, 20), process(50, 1, 50)];
        let tree = ProcessTree { supervisor: 10, group: 20 };
        let pids: Vec<u32> = tree.select(all).iter().map(|process| process.pid).collect();
        assert_eq!(pids, [30, 20, 40]);
    }
}
