//! A kind of anomaly, declared beside the check that reports it.

use crate::core::check::Basis;

/// A kind of anomaly.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct AnomalyKind {
    /// Its name, as in results: `lost_order`.
    pub name: &'static str,
    /// What is wrong, in a sentence.
    pub meaning: &'static str,
    /// Later findings with this basis are consequences of an anomaly of this kind.
    pub explains: Option<Basis>,
}

impl AnomalyKind {
    /// A kind that has no consequences.
    pub const fn new(name: &'static str, meaning: &'static str) -> Self {
        Self { name, meaning, explains: None }
    }

    /// A kind whose consequences are later findings with this basis.
    pub const fn explaining(name: &'static str, meaning: &'static str, basis: Basis) -> Self {
        Self { name, meaning, explains: Some(basis) }
    }
}
