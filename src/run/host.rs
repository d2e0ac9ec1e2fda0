//! What machine this is.

use std::fs;

use ticketcd_judge::history::run_info::HostInfo;

/// Describes this machine; what cannot be read is left empty.
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
