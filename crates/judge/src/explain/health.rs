//! Why a cluster is not healthy.

use std::fmt;

use super::{Explain, joined, list};
use ticketcd_history::fault::{HealthGap, ReportedLeader};

impl Explain for HealthGap {
    fn explain(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLeader { members } => {
                let reports = joined(members.iter().map(|(member, leader)| format!("{} {}", member.name(), leader.in_words())), ", ");
                write!(formatter, "no quorum has a leader ({reports})")
            }
            Self::NoSuchMember(member) => write!(formatter, "there is no member {}", member.name()),
            Self::NoResponseYet(member) => write!(formatter, "{} has not responded yet", member.name()),
            Self::Silent(member) => write!(formatter, "{} does not respond", member.name()),
            Self::NotFollowing { member, leader } => {
                write!(formatter, "{} does not follow {}, the leader in term {}", member.name(), leader.member.name(), leader.term)
            }
        }
    }
}

impl Explain for ReportedLeader {
    fn explain(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None { term } => write!(formatter, "has no leader in term {term}"),
            Self::Member(leader) => write!(formatter, "follows {} in term {}", leader.member.name(), leader.term),
            Self::Unknown { member_id, term } => write!(formatter, "follows {member_id:x} in term {term}"),
            Self::Silent => formatter.write_str("does not respond"),
            Self::NoResponseYet => formatter.write_str("has not responded yet"),
        }
    }
}

/// Everything that is missing, in one line.
pub fn all_missing(missing: &[HealthGap]) -> String {
    list(missing, ", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ticketcd_history::MemberIndex;
    use ticketcd_history::fault::Leadership;

    #[test]
    fn what_is_missing_is_put_into_words() {
        let leader = Leadership { member: MemberIndex(1), term: 4 };
        let members = vec![(MemberIndex(0), ReportedLeader::None { term: 5 }), (MemberIndex(1), ReportedLeader::Member(leader))];
        assert_eq!(
            all_missing(&[HealthGap::NoLeader { members }, HealthGap::Silent(MemberIndex(2))]),
            "no quorum has a leader (m1 has no leader in term 5, m2 follows m2 in term 4), m3 does not respond"
        );
    }
}
