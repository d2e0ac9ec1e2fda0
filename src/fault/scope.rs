//! Where the settings of a fault stand in a scenario, and the checks that faults share.

use crate::settings::limits;
use crate::settings::problem::{Checked, Problem, span, span_or_none};
use crate::settings::units::{Span, Target};

/// The settings of one fault within a scenario.
#[derive(Clone, Debug)]
pub struct Scope<'a> {
    /// The dotted path of the settings: `fault.0.inject.kill`.
    pub path: &'a str,
    /// How many members the cluster has.
    pub members: u8,
}

impl Scope<'_> {
    /// The path of one of the settings.
    pub fn at(&self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }

    /// How long a fault lasts.
    ///
    /// # Errors
    /// When that is no time, or too long.
    pub fn lasts(&self, lasts: Span) -> Checked {
        span(&self.at("for"), lasts, limits::SPAN_MAX)
    }

    /// A span that may be nothing.
    ///
    /// # Errors
    /// When it is too long.
    pub fn pause(&self, key: &str, pause: Span) -> Checked {
        span_or_none(&self.at(key), pause, limits::SPAN_MAX)
    }

    /// The members that a fault hits.
    ///
    /// # Errors
    /// When the cluster has no such members.
    pub fn target(&self, key: &str, target: Target) -> Checked {
        let (path, members) = (self.at(key), self.members);
        match target {
            Target::Member(index) if index >= members => {
                let names = (0..members).map(|index| Target::Member(index).to_string()).collect::<Vec<_>>().join(", ");
                Err(Problem::new(path, format!("there is no member {target} in a cluster of {members}"))
                    .help(format!("there {} {names}", if members == 1 { "is only" } else { "are" })))
            }
            Target::Follower if members == 1 => Err(Problem::new(path, "a cluster of 1 has no follower")),
            Target::Minority if members == 1 => Err(Problem::new(path, "a cluster of 1 has no minority: it can lose no member")),
            _ => Ok(()),
        }
    }

    /// That the cluster has links between members.
    ///
    /// # Errors
    /// When it has one member.
    pub fn has_peers(&self, path: &str) -> Checked {
        if self.members > 1 { Ok(()) } else { Err(Problem::new(path, "a cluster of 1 has no links between members")) }
    }
}
