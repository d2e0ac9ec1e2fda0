//! The scenario file: its types, reading it, checking it, describing it. Plain data; nothing here runs anything.

pub mod streams;
pub mod types;
pub mod units;
