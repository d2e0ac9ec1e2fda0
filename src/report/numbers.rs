//! Numbers for people.

/// A count with its thousands apart: `12 345`.
pub(super) fn count(number: u64) -> String {
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

#[cfg(test)]
mod tests {
    #[test]
    fn thousands_stand_apart() {
        for (number, text) in [(7, "7"), (1234, "1 234"), (100_000, "100 000"), (1_234_567, "1 234 567")] {
            assert_eq!(super::count(number), text);
        }
    }
}
