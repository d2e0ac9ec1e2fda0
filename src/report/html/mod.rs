//! What all pages share: their style, and charts.

mod chart;

pub(super) use chart::{Band, Chart, Line, nice_step};

use super::result::RunVerdict;

/// The class that gives a verdict its colour.
pub(super) fn verdict_class(verdict: RunVerdict) -> &'static str {
    match verdict {
        RunVerdict::Pass => "pass",
        RunVerdict::Violation => "violation",
        RunVerdict::Unknown | RunVerdict::ObjectiveMissed | RunVerdict::Invalid => "unknown",
    }
}

/// The style sheet. It is part of every page, so that a page is one file.
pub(super) const STYLE: &str = include_str!("style.css");
