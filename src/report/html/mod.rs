//! What all pages share: their style, and charts.

mod chart;

pub(super) use chart::{Band, Chart, Line, nice_step};

/// The style sheet. It is part of every page, so that a page is one file.
pub(super) const STYLE: &str = include_str!("style.css");
