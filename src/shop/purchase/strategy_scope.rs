//! Where the settings of a strategy are in a scenario, and the checks that strategies share.

use crate::settings::limits;
use crate::settings::problem::{Checked, Problem, between, span, span_or_none};
use crate::settings::units::Span;

/// The settings of one strategy within a scenario.
#[derive(Clone, Debug)]
pub struct StrategyScope<'a> {
    /// The dotted path of the settings: `load.strategy.hold`.
    pub path: &'a str,
    /// Ticket types in one order, at most.
    pub types_max: u32,
    /// Operations that etcd accepts in one transaction.
    pub txn_operations_max: u32,
}

impl StrategyScope<'_> {
    /// The path of one of the settings.
    pub fn at(&self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }

    /// `attempts` and `back_off`: transactions for one order, and the pauses between them.
    ///
    /// # Errors
    /// When there are none or too many, or when a pause is too long.
    pub fn retries(&self, attempts: u32, back_off: Span) -> Checked {
        self.attempts(attempts)?;
        self.pause("back_off", back_off)
    }

    /// `attempts`: transactions for one order.
    ///
    /// # Errors
    /// When there are none or too many.
    pub fn attempts(&self, attempts: u32) -> Checked {
        between(&self.at("attempts"), attempts, 1, limits::ATTEMPTS_MAX)
    }

    /// A pause, which may be zero.
    ///
    /// # Errors
    /// When it is too long.
    pub fn pause(&self, key: &str, pause: Span) -> Checked {
        span_or_none(&self.at(key), pause, limits::TIMEOUT_MAX)
    }

    /// A time that something takes at most.
    ///
    /// # Errors
    /// When it is zero or too long.
    pub fn timeout(&self, key: &str, timeout: Span) -> Checked {
        span(&self.at(key), timeout, limits::TIMEOUT_MAX)
    }

    /// `ttl`: the time to live of a lease. etcd counts whole seconds.
    ///
    /// # Errors
    /// When it is not a number of seconds that etcd accepts.
    pub fn time_to_live(&self, ttl: Span) -> Checked {
        let path = self.at("ttl");
        span(&path, ttl, limits::LEASE_TTL_MAX)?;
        if ttl.0.subsec_nanos() != 0 {
            return Err(Problem::new(path, format!("{ttl} is not a whole number of seconds, the unit of etcd's leases")));
        }
        Ok(())
    }
}
