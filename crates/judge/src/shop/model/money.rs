//! Exact money.

use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// An amount of money in whole cents. Sums over many orders are `i128`: see [`Cents::times`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cents(pub i64);

impl Cents {
    /// The sum, or `None` when it does not fit.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// What `quantity` pieces at this price cost, in cents; it always fits.
    pub fn times(self, quantity: i64) -> i128 {
        i128::from(self.0) * i128::from(quantity)
    }
}

impl Sum<Cents> for i128 {
    fn sum<I: Iterator<Item = Cents>>(amounts: I) -> i128 {
        amounts.map(|amount| i128::from(amount.0)).sum()
    }
}

impl fmt::Display for Cents {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let cents = self.0.unsigned_abs();
        write!(formatter, "{sign}{}.{:02}", cents / 100, cents % 100)
    }
}

/// A sum of amounts, in cents: more than [`Cents`] can hold. It is written as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Total(pub i128);

impl fmt::Display for Total {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let cents = self.0.unsigned_abs();
        write!(formatter, "{sign}{}.{:02}", cents / 100, cents % 100)
    }
}

impl Serialize for Total {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.to_string()).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

/// The text is not an amount of money.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not an amount with at most two decimals")]
pub struct NotMoney(String);

impl FromStr for Cents {
    type Err = NotMoney;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (negative, digits) = match text.strip_prefix('-') {
                Some(digits) => (true, digits),
                None => (false, text),
            };
            let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
            let numeric = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
            // Further decimals must be zeros: 12.500 is 12.50.
            let (significant, rest) = fraction.split_at_checked(2).unwrap_or((fraction, ""));
            let exact = !whole.is_empty() && numeric(whole) && numeric(fraction) && rest.bytes().all(|byte| byte == b'0');
            exact.then_some(())?;
            let digit = |place: usize| significant.as_bytes().get(place).map_or(0, |digit| i64::from(digit - b'0'));
            let cents = digit(0) * 10 + digit(1);
            let amount = whole.parse::<i64>().ok()?.checked_mul(100)?.checked_add(cents)?;
            Some(Self(if negative { -amount } else { amount }))
        };
        parse().ok_or_else(|| NotMoney(text.to_owned()))
    }
}

/// Written as a JSON number with two decimals, without a float in between; in binary formats as cents.
impl Serialize for Cents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return self.0.serialize(serializer);
        }
        RawValue::from_string(self.to_string()).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

/// Read from a JSON number or, as the original TickETCD wrote it, from a string.
impl<'de> Deserialize<'de> for Cents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return i64::deserialize(deserializer).map(Self);
        }
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        raw.get().trim_matches('"').parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_round_trip_digit_for_digit() {
        for text in ["0.00", "0.07", "49.90", "100.00", "90071992547409.93", "-3.05"] {
            let cents: Cents = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&cents).unwrap(), text);
            assert_eq!(postcard::from_bytes::<Cents>(&postcard::to_stdvec(&cents).unwrap()).unwrap(), cents);
        }
    }

    #[test]
    fn sums_are_written_as_amounts_are() {
        let written = [0, 7, -305, i128::from(i64::MAX) * 100].map(|cents| serde_json::to_string(&Total(cents)).unwrap());
        assert_eq!(written, ["0.00", "0.07", "-3.05", "9223372036854775807.00"]);
    }

    #[test]
    fn what_the_original_wrote_is_read_too() {
        for (text, cents) in [("\"49.9\"", 4990), ("49.9", 4990), ("50", 5000), ("12.500", 1250)] {
            assert_eq!(serde_json::from_str::<Cents>(text).unwrap(), Cents(cents));
        }
        for text in ["\"\"", "\".5\"", "1e3", "0.125", "\"--1\"", "92233720368547758.08", "null"] {
            assert!(serde_json::from_str::<Cents>(text).is_err(), "{text}");
        }
    }
}
