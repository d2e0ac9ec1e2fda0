//! Numbers in English, as the summary, the progress display and the tables print them. Counts and durations are the judge's.

pub use ticketcd_judge::explain::quantity::{count, counted, duration};

/// A rate: `270/s`, `0.5/s`.
pub fn rate(per_second: f64) -> String {
    format!("{}/s", rounded(per_second))
}

/// A time in milliseconds: `3.8 ms`, `12 ms`, `1.4 s`.
pub fn milliseconds(value: f64) -> String {
    // Compared as rounded: 999.6 ms is 1.0 s.
    if value.round() >= 1_000.0 { format!("{:.1} s", value / 1_000.0) } else { format!("{} ms", rounded(value)) }
}

/// A time in seconds: `1.4 s`, `2,934.8 s`.
pub fn seconds(value: f64) -> String {
    format!("{} s", tenths(value))
}

/// A figure with one decimal, for a table whose heading has the unit: `3.8`, `1,160.2`.
pub fn tenths(value: f64) -> String {
    let tenths = (value * 10.0).round().max(0.0) as u64;
    format!("{}.{}", count(tenths / 10), tenths % 10)
}

/// A share as a percentage: `60%`.
pub fn percent(share: f64) -> String {
    format!("{:.0}%", share * 100.0)
}

/// A size in MiB: `2,048 MiB`.
pub fn mebibytes(value: f64) -> String {
    format!("{} MiB", rounded(value))
}

/// A figure of three digits: one decimal below 10.
fn rounded(value: f64) -> String {
    let tenths = (value * 10.0).round();
    if tenths.abs() >= 100.0 || tenths == 0.0 { count(value.round().max(0.0) as u64) } else { format!("{value:.1}") }
}

/// A count and what is counted, given in the plural, as evidence is named: `1 delivery compared`, `2 deliveries compared`.
pub(super) fn counted_of(number: u64, many: &str) -> String {
    if number != 1 {
        return format!("{} {many}", count(number));
    }
    let mut is_changed = false;
    let words: Vec<String> =
        many.split(' ').map(|word| if is_changed { word.to_owned() } else { singular(word, &mut is_changed) }).collect();
    format!("{} {}", count(number), words.join(" "))
}

/// The singular of a word, if it is a regular plural.
fn singular(word: &str, is_changed: &mut bool) -> String {
    let one = match word.strip_suffix("ies") {
        Some(stem) => Some(format!("{stem}y")),
        None => word.strip_suffix('s').filter(|one| !one.ends_with('s')).map(str::to_owned),
    };
    *is_changed = one.is_some();
    one.unwrap_or_else(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_singular_of_evidence_is_used_for_one() {
        for (many, one) in [
            ("deliveries compared", "1 delivery compared"),
            ("log revisions", "1 log revision"),
            ("faults followed by progress", "1 fault followed by progress"),
            ("guards held", "1 guard held"),
            ("acknowledged beyond log", "1 acknowledged beyond log"),
            ("leases ended", "1 lease ended"),
        ] {
            assert_eq!((counted_of(1, many), counted_of(2, many)), (one.to_owned(), format!("2 {many}")));
        }
    }

    #[test]
    fn figures_have_units_and_separators() {
        assert_eq!([0.0, 0.5, 9.96, 270.4, 15_419.0].map(rate), ["0/s", "0.5/s", "10/s", "270/s", "15,419/s"]);
        assert_eq!([3.84, 12.4, 999.6, 1_449.0].map(milliseconds), ["3.8 ms", "12 ms", "1.0 s", "1.4 s"]);
        assert_eq!([1.36, 2_934.8].map(seconds), ["1.4 s", "2,934.8 s"]);
        assert_eq!([3.84, 1_160.24].map(tenths), ["3.8", "1,160.2"]);
        assert_eq!((percent(0.6), mebibytes(2_048.0)), ("60%".to_owned(), "2,048 MiB".to_owned()));
    }
}
