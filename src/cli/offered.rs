//! Values that completions and the help offer for a flag or an argument. Any other value is parsed, and refused, as without them.

use std::ffi::OsStr;
use std::str::FromStr;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command, Error};
use ticketcd_judge::checks::check_names;
use ticketcd_judge::known_defects::KNOWN_DEFECTS;
use ticketcd_synth::Mutation;

use crate::scenario::types::Strategy;
use crate::scenario::{self, Expectation};

/// A parser, and the values that are offered for it.
#[derive(Clone)]
pub(super) struct Offered<P> {
    parser: P,
    values: fn() -> Vec<String>,
}

impl<P: TypedValueParser> TypedValueParser for Offered<P> {
    type Value = P::Value;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<Self::Value, Error> {
        self.parser.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new((self.values)().into_iter().map(PossibleValue::new)))
    }
}

/// The name of a built-in scenario, or the path of another.
pub(super) fn scenario() -> Offered<StringValueParser> {
    let values = || scenario::library().iter().map(|embedded| embedded.name.to_owned()).collect();
    Offered { parser: StringValueParser::new(), values }
}

/// The name of a purchase strategy.
pub(super) fn strategy() -> Offered<StringValueParser> {
    let values = || Strategy::NAMES.iter().map(|name| (*name).to_owned()).collect();
    Offered { parser: StringValueParser::new(), values }
}

/// A verdict, or a violation that a check reports.
pub(super) fn verdict() -> Offered<impl TypedValueParser<Value = Expectation>> {
    let values = || {
        let checks = check_names().into_iter().map(|check| format!("violation:{}", check.replace('_', "-")));
        ["pass", "violation", "unknown", "objective_missed", "invalid"].map(str::to_owned).into_iter().chain(checks).collect()
    };
    Offered { parser: Expectation::from_str, values }
}

/// The name of a mutation.
pub(super) fn mutation() -> Offered<StringValueParser> {
    let values = || Mutation::all().map(|mutation| mutation.name().to_owned()).chain(["list".to_owned()]).collect();
    Offered { parser: StringValueParser::new(), values }
}

/// A strategy of synthetic runs.
pub(super) fn synthetic_strategy() -> Offered<StringValueParser> {
    let values = || ticketcd_synth::Strategy::ALL.map(|strategy| strategy.name().to_owned()).into();
    Offered { parser: StringValueParser::new(), values }
}

/// A known issue of etcd, by the parser of its flag.
pub(super) fn known_issue<P: TypedValueParser>(parser: P) -> Offered<P> {
    Offered { parser, values: || KNOWN_DEFECTS.iter().map(|defect| defect.name.to_owned()).collect() }
}
