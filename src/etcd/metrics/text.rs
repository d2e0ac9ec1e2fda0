//! The few of a member's metrics that the record keeps, from the text they are published in.

use ticketcd_judge::history::metrics::{MemberMetrics, Timer};

/// Reads the metrics in a page in Prometheus' text format; nothing when the page is not one of etcd.
///
/// A metric that this version of etcd does not publish stays 0. Of one with labels, all series are added up.
pub fn parse(page: &str) -> Option<MemberMetrics> {
    let mut metrics = MemberMetrics::default();
    let mut is_etcd = false;
    for line in page.lines() {
        let Some((name, value)) = series(line) else { continue };
        is_etcd |= name.starts_with("etcd_");
        if let Some(timer) = name.strip_suffix("_sum").and_then(|name| timer_of(&mut metrics, name)) {
            timer.sum_us += microseconds(value);
        } else if let Some(timer) = name.strip_suffix("_count").and_then(|name| timer_of(&mut metrics, name)) {
            timer.count += whole(value);
        } else if name == "process_cpu_seconds_total" {
            metrics.cpu_us = microseconds(value);
        } else if let Some(number) = number_of(&mut metrics, name) {
            *number += whole(value);
        }
    }
    is_etcd.then_some(metrics)
}

fn timer_of<'metrics>(metrics: &'metrics mut MemberMetrics, name: &str) -> Option<&'metrics mut Timer> {
    Some(match name {
        "etcd_disk_wal_fsync_duration_seconds" => &mut metrics.fsync,
        "etcd_disk_backend_commit_duration_seconds" => &mut metrics.backend_commit,
        "etcd_network_peer_round_trip_time_seconds" => &mut metrics.peer_round_trip,
        _ => return None,
    })
}

fn number_of<'metrics>(metrics: &'metrics mut MemberMetrics, name: &str) -> Option<&'metrics mut u64> {
    Some(match name {
        "etcd_server_leader_changes_seen_total" => &mut metrics.leader_changes,
        "etcd_server_proposals_failed_total" => &mut metrics.proposals_failed,
        "etcd_server_proposals_pending" => &mut metrics.proposals_pending,
        "etcd_server_slow_apply_total" => &mut metrics.slow_applies,
        "process_resident_memory_bytes" => &mut metrics.resident_bytes,
        "etcd_mvcc_db_total_size_in_bytes" => &mut metrics.database_bytes,
        "etcd_mvcc_db_total_size_in_use_in_bytes" => &mut metrics.database_in_use_bytes,
        "etcd_server_quota_backend_bytes" => &mut metrics.quota_bytes,
        _ => return None,
    })
}

/// The name and the value of a line, its labels left out. A time stamp may follow the value.
fn series(line: &str) -> Option<(&str, f64)> {
    if line.starts_with('#') {
        return None;
    }
    // A label's value may hold anything, a blank or a brace too; no value of a metric does.
    let (name, rest) = match line.find('{') {
        Some(brace) => (&line[..brace], &line[line.rfind('}')? + 1..]),
        None => line.split_once(' ')?,
    };
    let value = rest.split_whitespace().next()?.parse::<f64>().ok()?;
    (value.is_finite() && value >= 0.0).then_some((name.trim(), value))
}

fn microseconds(seconds: f64) -> u64 {
    whole(seconds * 1e6)
}

fn whole(number: f64) -> u64 {
    number.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"# HELP etcd_disk_wal_fsync_duration_seconds The latency distributions of fsync called by WAL.
# TYPE etcd_disk_wal_fsync_duration_seconds histogram
etcd_disk_wal_fsync_duration_seconds_bucket{le="0.001"} 3
etcd_disk_wal_fsync_duration_seconds_sum 0.059709912000000004
etcd_disk_wal_fsync_duration_seconds_count 5
etcd_disk_backend_commit_duration_seconds_sum 1.5
etcd_disk_backend_commit_duration_seconds_count 6
etcd_network_peer_round_trip_time_seconds_sum{To="8e9e05c52164694d"} 0.002
etcd_network_peer_round_trip_time_seconds_count{To="8e9e05c52164694d"} 2
etcd_network_peer_round_trip_time_seconds_sum{To="a } b"} 0.001
etcd_network_peer_round_trip_time_seconds_count{To="a } b"} 1
etcd_server_leader_changes_seen_total 1
etcd_server_proposals_failed_total 2
etcd_server_proposals_pending 3
etcd_server_slow_apply_total 4
etcd_server_quota_backend_bytes 2.147483648e+09
etcd_mvcc_db_total_size_in_bytes 20480
etcd_mvcc_db_total_size_in_use_in_bytes 16384
process_cpu_seconds_total 0.05
process_resident_memory_bytes 3.0531584e+07 1700000000000
go_gc_duration_seconds{quantile="0"} NaN
"#;

    #[test]
    fn a_page_is_read() {
        let expected = MemberMetrics {
            fsync: Timer { count: 5, sum_us: 59_710 },
            backend_commit: Timer { count: 6, sum_us: 1_500_000 },
            peer_round_trip: Timer { count: 3, sum_us: 3_000 },
            leader_changes: 1,
            proposals_failed: 2,
            proposals_pending: 3,
            slow_applies: 4,
            cpu_us: 50_000,
            resident_bytes: 30_531_584,
            database_bytes: 20_480,
            database_in_use_bytes: 16_384,
            quota_bytes: 2_147_483_648,
        };
        assert_eq!(parse(PAGE), Some(expected));
    }

    #[test]
    fn a_page_of_something_else_has_no_metrics() {
        for page in ["", "404 page not found", "process_cpu_seconds_total 1\n", "etcd_server_slow_apply_total{\n"] {
            assert_eq!(parse(page), None, "{page}");
        }
    }
}
