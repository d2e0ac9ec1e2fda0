//! Quantities with their units, in the one format that the whole program uses.

use ticketcd_history::{Nanos, seconds};

/// A duration: `12 ms`, `1.4 s`.
pub fn duration(span: Nanos) -> String {
    const SECOND: Nanos = 1_000_000_000;
    const MILLISECOND: Nanos = 1_000_000;
    match span {
        SECOND.. if span.is_multiple_of(SECOND) => format!("{} s", span / SECOND),
        SECOND.. => format!("{:.1} s", seconds(span)),
        _ if span.is_multiple_of(MILLISECOND) => format!("{} ms", span / MILLISECOND),
        _ => format!("{:.1} ms", seconds(span) * 1_000.0),
    }
}

/// A count: `277,097`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count of something that has a regular plural: `1 connection`, `3 connections`.
pub fn counted(number: u64, one: &str) -> String {
    format!("{} {one}{}", count(number), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_units_and_separators() {
        assert_eq!([12_000_000, 12_500_000, 1_400_000_000, 5_000_000_000].map(duration), ["12 ms", "12.5 ms", "1.4 s", "5 s"]);
        assert_eq!([0, 999, 1_000, 277_097].map(count), ["0", "999", "1,000", "277,097"]);
        assert_eq!((counted(1, "byte"), counted(2_000, "byte")), ("1 byte".to_owned(), "2,000 bytes".to_owned()));
    }
}
