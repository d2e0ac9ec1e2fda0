//! Numbers for people.

/// A count with its thousands apart: `12 345`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// A count and what is counted, given in the singular: `1 order`, `12 345 orders`.
pub fn counted(number: u64, one: &str) -> String {
    format!("{} {one}{}", count(number), if number == 1 { "" } else { "s" })
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

/// The singular of a word, if it is a plural. A regular one: of others there is no evidence.
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
    use super::{counted, counted_of};

    #[test]
    fn one_is_no_plural() {
        assert_eq!((counted(1, "order").as_str(), counted(1234, "order").as_str()), ("1 order", "1 234 orders"));
        assert_eq!(counted(0, "order"), "0 orders");
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
    fn thousands_stand_apart() {
        for (number, text) in [(7, "7"), (1234, "1 234"), (100_000, "100 000"), (1_234_567, "1 234 567")] {
            assert_eq!(super::count(number), text);
        }
    }
}
