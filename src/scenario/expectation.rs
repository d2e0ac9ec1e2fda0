//! The verdict a run is expected to end with.

use std::fmt;
use std::str::FromStr;

use ticketcd_judge::checks::check_names;

use crate::settings::did_you_mean;

/// A verdict that `expect` and `--expect` can name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// Pass.
    Pass,
    /// A violation, found by the check with this name or by any.
    Violation(Option<String>),
    /// Unknown.
    Unknown,
    /// Correct, but an objective was missed.
    ObjectiveMissed,
    /// An invalid run.
    Invalid,
}

impl Expectation {
    /// What may be written.
    pub const FORMS: &str = "pass, violation, violation:CHECK (such as violation:oversell), unknown, objective_missed or invalid";
}

/// The text names no verdict that a run may be expected to end with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpectationError {
    /// There is no such verdict.
    #[error("{text:?} is no verdict: one of {}{}", Expectation::FORMS, did_you_mean(*nearest))]
    Verdict {
        /// The text.
        text: String,
        /// The verdict that is most like it.
        nearest: Option<&'static str>,
    },
    /// There is no check of this name.
    #[error("there is no check {text:?}; {}", match nearest {
        Some(near) => format!("did you mean `violation:{near}`?"),
        None => format!("the checks are {}", check_names().join(", ")),
    })]
    Check {
        /// The text.
        text: String,
        /// The check whose name is most like it.
        nearest: Option<&'static str>,
    },
}

impl FromStr for Expectation {
    type Err = ExpectationError;

    fn from_str(text: &str) -> Result<Self, ExpectationError> {
        Ok(match text {
            "pass" => Self::Pass,
            "violation" => Self::Violation(None),
            "unknown" => Self::Unknown,
            "objective_missed" => Self::ObjectiveMissed,
            "invalid" => Self::Invalid,
            _ => match text.strip_prefix("violation:") {
                Some(check) => Self::Violation(Some(named_check(check)?)),
                None => {
                    let words = ["pass", "violation", "unknown", "objective_missed", "invalid"];
                    let word = text.split(':').next().unwrap_or(text);
                    let nearest = super::nearest(word, words).filter(|near| *near != word);
                    return Err(ExpectationError::Verdict { text: text.to_owned(), nearest });
                }
            },
        })
    }
}

/// The name of a check. A misspelt one would never be met, which only the end of a run would show.
fn named_check(text: &str) -> Result<String, ExpectationError> {
    let names = check_names();
    // As they are written in tables and on command lines.
    let name = text.replace([' ', '-'], "_");
    if names.contains(&name.as_str()) {
        return Ok(name);
    }
    Err(ExpectationError::Check { text: text.to_owned(), nearest: super::nearest(&name, names.iter().copied()) })
}

impl fmt::Display for Expectation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass => formatter.write_str("pass"),
            Self::Violation(None) => formatter.write_str("violation"),
            Self::Violation(Some(check)) => write!(formatter, "violation:{check}"),
            Self::Unknown => formatter.write_str("unknown"),
            Self::ObjectiveMissed => formatter.write_str("objective_missed"),
            Self::Invalid => formatter.write_str("invalid"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Expectation;

    #[test]
    fn what_is_written_is_what_is_read() {
        for text in ["pass", "violation", "violation:oversell", "violation:real_time", "unknown", "objective_missed", "invalid"] {
            assert_eq!(text.parse::<Expectation>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn anything_else_is_refused_with_a_hint() {
        for text in ["", "green", "violation:", "violation:Over Sell", "pass:oversell", "PASS "] {
            assert!(text.parse::<Expectation>().is_err(), "{text}");
        }
        for text in ["violation:real time", "violation:real-time"] {
            assert_eq!(text.parse::<Expectation>().unwrap().to_string(), "violation:real_time");
        }
        let error = "violation:reel-time".parse::<Expectation>().unwrap_err().to_string();
        assert!(error.contains("did you mean `violation:real_time`?"), "{error}");
        let error = "violation:nonsense".parse::<Expectation>().unwrap_err().to_string();
        assert!(error.contains("the checks are divergence, "), "{error}");
        let error = "violations:oversell".parse::<Expectation>().unwrap_err().to_string();
        assert!(error.contains("did you mean `violation`?"), "{error}");
    }
}
