//! Quantities as scenarios contain them: `8s`, `60%`, `leader`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::suggest::did_you_mean;

/// A text that is not the quantity that it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// It is of another kind.
    #[error("{text:?} is not {expected}")]
    Kind {
        /// The text.
        text: String,
        /// What it should be, with examples.
        expected: &'static str,
    },
    /// It is negative.
    #[error("{text:?} is negative, which {quantity} cannot be")]
    Negative {
        /// The text.
        text: String,
        /// What it should be.
        quantity: &'static str,
    },
    /// It is a span of time that is longer than any run.
    #[error("{0:?} is longer than a day")]
    TooLong(String),
    /// It is neither the role nor the name of a member.
    #[error("{text:?} is no target: {}, or a member such as m1{}", Target::WORDS.join(", "), did_you_mean(*nearest))]
    Target {
        /// The text.
        text: String,
        /// The role that is most like it.
        nearest: Option<&'static str>,
    },
}

impl QuantityError {
    fn kind(text: &str, expected: &'static str) -> Self {
        Self::Kind { text: text.to_owned(), expected }
    }
}

const SPAN: &str = "a span of time such as \"250ms\", \"8s\" or \"2m\"";
const RATE: &str = "a rate such as 500 (per second) or \"60%\" (of the calibrated rate)";
const BOUND: &str = "a time such as \"250ms\", a share such as \"5%\", or a number such as 1000";

/// A span of time, written `250ms`, `8s`, `1.5s` or `2m`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    /// A span of so many milliseconds.
    pub const fn milliseconds(count: u64) -> Self {
        Self(Duration::from_millis(count))
    }

    /// A span of so many seconds.
    pub const fn seconds(count: u64) -> Self {
        Self(Duration::from_secs(count))
    }

    /// The number of whole milliseconds in it; the largest number when there are more.
    pub fn whole_milliseconds(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }
}

impl FromStr for Span {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let wrong = || QuantityError::kind(text, SPAN);
        if text.starts_with('-') {
            return Err(QuantityError::Negative { text: text.to_owned(), quantity: "a span of time" });
        }
        let digits = text.find(|letter: char| !(letter.is_ascii_digit() || letter == '.')).ok_or_else(wrong)?;
        let (number, unit) = text.split_at(digits);
        let number: f64 = number.parse().map_err(|_| wrong())?;
        let factor = match unit.trim() {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(wrong()),
        };
        let seconds = number * factor;
        // A day is longer than any run; the bound keeps sums of spans from overflowing.
        if !(0.0..=86_400.0).contains(&seconds) {
            return Err(QuantityError::TooLong(text.to_owned()));
        }
        Ok(Self(Duration::from_secs_f64(seconds)))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanoseconds = self.0.as_nanos();
        if nanoseconds.is_multiple_of(1_000_000_000) {
            return write!(formatter, "{}s", nanoseconds / 1_000_000_000);
        }
        let (milliseconds, rest) = (nanoseconds / 1_000_000, nanoseconds % 1_000_000);
        if rest == 0 {
            write!(formatter, "{milliseconds}ms")
        } else {
            // Nothing is lost: the text is read back as the same span.
            write!(formatter, "{milliseconds}.{}ms", format!("{rest:06}").trim_end_matches('0'))
        }
    }
}

/// A rate: operations a second, or a share of what calibration reached. Written `500` or `"60%"`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// Operations a second.
    PerSecond(f64),
    /// A share of the calibrated rate; 1.0 is all of it.
    Share(f64),
}

impl FromStr for Rate {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let wrong = || QuantityError::kind(text, RATE);
        let (number, share) = match text.strip_suffix('%') {
            Some(number) => (number, true),
            None => (text, false),
        };
        let number: f64 = number.trim().parse().map_err(|_| wrong())?;
        if number < 0.0 {
            return Err(QuantityError::Negative { text: text.to_owned(), quantity: "a rate" });
        }
        if !number.is_finite() {
            return Err(wrong());
        }
        Ok(if share { Self::Share(number / 100.0) } else { Self::PerSecond(number) })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PerSecond(rate) => write!(formatter, "{rate}"),
            // Rounded, for 0.07 × 100 is not 7 in binary fractions.
            Self::Share(share) => write!(formatter, "{}%", (share * 1e9).round() / 1e7),
        }
    }
}

/// The bound of an objective: a time, a share, or a number. Written `"250ms"`, `"5%"` or `1000`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// A time.
    Time(Span),
    /// A share; 1.0 is all of it.
    Share(f64),
    /// A number.
    Number(f64),
}

impl FromStr for Bound {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let wrong = || QuantityError::kind(text, BOUND);
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        match text.strip_suffix('%') {
            Some(share) => number(share).map(|number| Self::Share(number / 100.0)).ok_or_else(wrong),
            None => number(text).map(Self::Number).or_else(|| text.parse().ok().map(Self::Time)).ok_or_else(wrong),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(span) => write!(formatter, "{span}"),
            // Rounded, for 0.07 × 100 is not 7 in binary fractions.
            Self::Share(share) => write!(formatter, "{}%", (share * 1e9).round() / 1e7),
            Self::Number(number) => write!(formatter, "{number}"),
        }
    }
}

/// The target of a fault. Roles are resolved when the fault is injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// The leader of the moment.
    Leader,
    /// One that is not the leader.
    Follower,
    /// Any one.
    Any,
    /// As many as can be lost.
    Minority,
    /// One more than can be lost.
    Majority,
    /// All.
    All,
    /// The one with this position, from 0: `m1` is the first.
    Member(u8),
}

impl Target {
    /// The words that a target may be, other than the name of a member.
    pub const WORDS: [&str; 6] = ["leader", "follower", "any", "minority", "majority", "all"];
}

impl FromStr for Target {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        Ok(match text {
            "leader" => Self::Leader,
            "follower" => Self::Follower,
            "any" => Self::Any,
            "minority" => Self::Minority,
            "majority" => Self::Majority,
            "all" => Self::All,
            _ => {
                let number = text.strip_prefix('m').and_then(|number| number.parse::<u8>().ok());
                match number.and_then(|number| number.checked_sub(1)) {
                    Some(index) => Self::Member(index),
                    None => return Err(QuantityError::Target { text: text.to_owned(), nearest: super::nearest(text, Self::WORDS) }),
                }
            }
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leader => formatter.write_str("leader"),
            Self::Follower => formatter.write_str("follower"),
            Self::Any => formatter.write_str("any"),
            Self::Minority => formatter.write_str("minority"),
            Self::Majority => formatter.write_str("majority"),
            Self::All => formatter.write_str("all"),
            Self::Member(index) => write!(formatter, "m{}", u32::from(*index) + 1),
        }
    }
}

/// Reads a value from the text it is written as, or from a number.
struct TextVisitor<T> {
    expected: &'static str,
    marker: std::marker::PhantomData<T>,
}

impl<T: FromStr<Err = QuantityError>> Visitor<'_> for TextVisitor<T> {
    type Value = T;
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.expected)
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        number.to_string().parse().map_err(E::custom)
    }
    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        number.to_string().parse().map_err(E::custom)
    }
    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        number.to_string().parse().map_err(E::custom)
    }
}

macro_rules! written_as_text {
    ($type:ty, $name:literal, $expected:expr, $deserialize:ident, $schema:tt) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.$deserialize(TextVisitor { expected: $expected, marker: std::marker::PhantomData })
            }
        }
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

written_as_text!(Span, "Span", SPAN, deserialize_str, {
    "type": "string",
    "description": "A span of time: \"250ms\", \"8s\", \"2m\".",
    "pattern": r"^[0-9.]+ *(ms|s|m|h)$"
});
written_as_text!(Rate, "Rate", RATE, deserialize_any, {
    "type": ["number", "string"],
    "description": "Operations a second, or a share of the calibrated rate: 500, \"60%\".",
    "minimum": 0
});
written_as_text!(Bound, "Bound", BOUND, deserialize_any, {
    "type": ["number", "string"],
    "description": "A time, a share or a number: \"250ms\", \"5%\", 1000."
});
written_as_text!(Target, "Target", "a target such as \"leader\" or \"m1\"", deserialize_str, {
    "type": "string",
    "description": "leader, follower, any, minority, majority, all, or a member: m1.",
    "pattern": r"^(leader|follower|any|minority|majority|all|m[1-9][0-9]*)$"
});
