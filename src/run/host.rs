//! What machine this is, and how busy it and we are.

use std::fs;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use ticketcd_judge::history::event::Event;
use ticketcd_judge::history::metrics::HostSample;
use ticketcd_judge::history::run_info::HostInfo;
use tokio::time::{MissedTickBehavior, interval};

use crate::record::Sink;

/// How often the machine is looked at: as often as the members.
const PERIOD: Duration = Duration::from_secs(1);

/// `/proc/stat` counts in hundredths of a second, independently of the kernel's own clock: they are part of its interface.
const MICROSECONDS_PER_TICK: u64 = 10_000;

/// Describes this machine. What cannot be read is empty or 0.
pub fn describe() -> HostInfo {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let memory_kib = read("/proc/meminfo")
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok())
        .unwrap_or(0);
    HostInfo {
        system: format!("{} {}", read("/proc/sys/kernel/ostype").trim(), read("/proc/sys/kernel/osrelease").trim()),
        processors: std::thread::available_parallelism().map_or(0, |count| u32::try_from(count.get()).unwrap_or(u32::MAX)),
        memory_mib: memory_kib / 1024,
    }
}

/// Records how busy the machine and this program are, for ever. A system without these figures is not recorded.
pub(super) async fn watch(sink: Sink) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(sample) = sample(&sink) else { return };
        sink.record(Event::Host(sample)).await;
    }
}

fn sample(sink: &Sink) -> Option<HostSample> {
    let own = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    let (busy_us, idle_us) = processors(&fs::read_to_string("/proc/stat").ok()?)?;
    let own_resident_bytes = resident(&fs::read_to_string("/proc/self/status").ok()?)?;
    let own_cpu_us = microseconds(own.user_time()) + microseconds(own.system_time());
    Some(HostSample { at: sink.now(), own_cpu_us, busy_us, idle_us, own_resident_bytes })
}

fn microseconds(time: TimeVal) -> u64 {
    // CPU time is never negative.
    u64::try_from(time.tv_sec()).unwrap_or(0) * 1_000_000 + u64::try_from(time.tv_usec()).unwrap_or(0)
}

/// Busy and idle time of all processors so far, microseconds, from `/proc/stat`. What a hypervisor took away counts as busy:
/// it was not available. User time includes the time of guests.
fn processors(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<u64> = line.split_whitespace().map_while(|ticks| ticks.parse().ok()).collect();
    let [user, nice, system, idle, waiting, interrupts, soft_interrupts, rest @ ..] = ticks.as_slice() else { return None };
    // Kernels before 2.6.11 do not report it.
    let stolen = rest.first().copied().unwrap_or(0);
    let busy = user + nice + system + interrupts + soft_interrupts + stolen;
    Some((busy * MICROSECONDS_PER_TICK, (idle + waiting) * MICROSECONDS_PER_TICK))
}

/// Memory of the process whose `/proc/PID/status` this is, bytes.
fn resident(status: &str) -> Option<u64> {
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"))?;
    Some(kibibytes.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_busy_or_idle() {
        let stat = "cpu  100 10 50 1000 200 5 5 30 7 0\ncpu0 1 1 1 1 1 1 1 1 1 0\n";
        assert_eq!(processors(stat), Some((2_000_000, 12_000_000)));
        assert_eq!(processors("cpu  1 2 3\n"), None);
        assert_eq!(processors("intr 1\n"), None);
    }

    #[test]
    fn memory_is_counted_in_bytes() {
        assert_eq!(resident("Name:\tticketcd\nVmRSS:\t    2048 kB\n"), Some(2 << 20));
        assert_eq!(resident("Name:\tticketcd\n"), None);
    }
}
