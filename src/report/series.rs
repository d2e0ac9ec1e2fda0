//! The load second by second: what is drawn over time, and what other programs read to draw it themselves.

use hdrhistogram::Histogram;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketcd_judge::history::Nanos;

use super::latency::{Clock, histogram, percentile_ms};
use super::result::MemberResult;
use super::statistics::Statistics;

const SECOND: Nanos = 1_000_000_000;

/// One second of the counted load.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SecondResult {
    /// Which second, from 0, counted from the start of the steady phase.
    pub second: u64,
    /// Operations that were due.
    pub offered: u64,
    /// Operations that ended, of all kinds, except those that no member took on.
    pub achieved: u64,
    /// Of these, orders sold.
    pub sold: u64,
    /// Operations that were due but not made, because every buyer was busy.
    pub shed: u64,
    /// Operations in flight at the end of the second.
    pub in_flight: u32,
    /// Median response time of the operations that were due in this second, milliseconds; none when there were none.
    pub response_p50_ms: Option<f64>,
    /// 99th percentile of the same.
    pub response_p99_ms: Option<f64>,
    /// Median service time of the same.
    pub service_p50_ms: Option<f64>,
    /// 99th percentile of the same.
    pub service_p99_ms: Option<f64>,
    /// The leader with the highest term that was known by the end of the second: `m1`, …
    pub leader: Option<String>,
}

/// The counted load in seconds. The last one may be shorter.
pub fn seconds(statistics: &Statistics, members: &[MemberResult]) -> Vec<SecondResult> {
    let Some(load) = statistics.timeline.load() else { return Vec::new() };
    let count = (load.until - load.from).div_ceil(SECOND);
    let mut seconds: Vec<SecondResult> = (0..count).map(|second| SecondResult { second, ..SecondResult::default() }).collect();
    let place = |at: Nanos| usize::try_from(at.checked_sub(load.from)? / SECOND).ok();
    for sample in statistics.load_samples() {
        // A sample is of the second that ends with it.
        let middle = sample.at.saturating_sub(SECOND / 2).max(load.from);
        if let Some(second) = place(middle).and_then(|place| seconds.get_mut(place)) {
            second.offered += sample.offered;
            second.shed += sample.shed;
            second.in_flight = sample.in_flight;
        }
    }
    let mut due: Vec<Vec<usize>> = vec![Vec::new(); seconds.len()];
    for (index, sample) in statistics.samples.iter().enumerate() {
        if let Some(second) = place(sample.due).and_then(|place| due.get_mut(place)) {
            second.push(index);
        }
        if let Some(second) = place(sample.done()).and_then(|place| seconds.get_mut(place)) {
            second.achieved += 1;
            second.sold += u64::from(sample.sold);
        }
    }
    for (second, due) in seconds.iter_mut().zip(due) {
        let of = |clock: Clock| histogram(due.iter().filter_map(|index| statistics.samples.get(*index)), clock);
        let (response, service) = (of(Clock::Response), of(Clock::Service));
        let percentile = |histogram: &Histogram<u64>, share: f64| (!histogram.is_empty()).then(|| percentile_ms(histogram, share));
        (second.response_p50_ms, second.response_p99_ms) = (percentile(&response, 0.5), percentile(&response, 0.99));
        (second.service_p50_ms, second.service_p99_ms) = (percentile(&service, 0.5), percentile(&service, 0.99));
        let end = load.from + (second.second + 1) * SECOND;
        let leader = statistics.leaders.iter().take_while(|leader| leader.at < end).last();
        let name = |id: String| members.iter().find(|member| member.id == id).map(|member| member.name.clone());
        second.leader = leader.and_then(|leader| name(format!("{:x}", leader.member_id)));
    }
    seconds
}

/// The longest time without a sale, from and to in whole seconds: none when every second has one, or none was ever sold.
pub fn longest_without_sales(seconds: &[SecondResult]) -> Option<(u64, u64)> {
    let last = seconds.iter().rposition(|second| second.sold > 0)?;
    let mut longest: Option<(u64, u64)> = None;
    let mut since = None;
    // After the last sale the event may simply be sold out.
    for second in &seconds[..=last] {
        if second.sold == 0 {
            since.get_or_insert(second.second);
        } else if let Some(from) = since.take()
            && longest.is_none_or(|(begin, end)| end - begin < second.second - from)
        {
            longest = Some((from, second.second));
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    use ticketcd_judge::history::annotation::Purpose;
    use ticketcd_judge::history::event::{LoadSample, Phase};

    use super::super::latency::Sample;
    use super::super::statistics::Leader;
    use super::*;

    #[test]
    fn each_second_has_what_was_due_in_it_and_what_ended_in_it() {
        let mut statistics = Statistics::default();
        statistics.timeline.phases = vec![(Phase::Steady, 10 * SECOND), (Phase::Drain, 12 * SECOND + SECOND / 2)];
        let purchase = |due: Nanos, milliseconds: Nanos| Sample::new(Purpose::Purchase, due, due, due + milliseconds * 1_000_000, true);
        statistics.samples = vec![purchase(10 * SECOND, 4), purchase(10 * SECOND + 1, 1_500), purchase(12 * SECOND, 8)];
        statistics.leaders = vec![Leader { at: 0, term: 2, member_id: 0xa }, Leader { at: 11 * SECOND + 5, term: 3, member_id: 0xb }];
        for (at, offered) in [(11 * SECOND + 3_000_000, 2), (12 * SECOND + 2_000_000, 0), (12 * SECOND + SECOND / 2, 1)] {
            statistics.push_load(LoadSample { at, offered, ..LoadSample::default() });
        }
        let member = |name: &str, id: &str| MemberResult { name: name.to_owned(), id: id.to_owned(), log: None };
        let seconds = seconds(&statistics, &[member("m1", "a"), member("m2", "b")]);
        let counts: Vec<_> = seconds.iter().map(|second| (second.offered, second.achieved, second.sold)).collect();
        assert_eq!(counts, [(2, 1, 1), (0, 1, 1), (1, 1, 1)]);
        let leaders: Vec<_> = seconds.iter().map(|second| second.leader.as_deref()).collect();
        assert_eq!(leaders, [Some("m1"), Some("m2"), Some("m2")]);
        assert!(seconds[0].response_p99_ms.unwrap() > 1_400.0 && seconds[1].response_p50_ms.is_none());
    }

    #[test]
    fn the_longest_time_without_sales_ends_before_the_last_sale() {
        let seconds = |sold: &[u64]| {
            sold.iter().zip(0..).map(|(sold, second)| SecondResult { second, sold: *sold, ..SecondResult::default() }).collect::<Vec<_>>()
        };
        assert_eq!(longest_without_sales(&seconds(&[5, 0, 3, 0, 0, 1, 0, 0, 0])), Some((3, 5)));
        assert_eq!(longest_without_sales(&seconds(&[5, 5])), None);
        assert_eq!(longest_without_sales(&seconds(&[0, 0])), None);
    }
}
