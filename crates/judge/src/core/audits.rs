//! Tracks the audits: which members were read completely, at which position, and which were not.

use std::collections::BTreeMap;

use ticketcd_history::audit::{AuditFacts, AuditFailure, AuditPage, AuditStage};
use ticketcd_history::event::Event;
use ticketcd_history::run_info::RunInfo;
use ticketcd_history::{Blob, MemberIndex, Revision};

/// A set of members, one bit each: member 0 has the lowest.
pub type MemberSet = u32;

/// Members beyond this are not distinguished: etcd advises against more than seven.
pub const MEMBERS_MAX: u8 = 32;

/// The set that holds the one member; empty when its index is beyond [`MEMBERS_MAX`].
pub fn set_of(member: MemberIndex) -> MemberSet {
    1u32.checked_shl(u32::from(member.0)).unwrap_or(0)
}

/// The members of a set, in order.
pub fn members_of(set: MemberSet) -> impl Iterator<Item = MemberIndex> {
    (0..MEMBERS_MAX).map(MemberIndex).filter(move |member| set & set_of(*member) != 0)
}

/// The names of the members of a set, in order.
pub fn names_of(set: MemberSet) -> Vec<String> {
    members_of(set).map(MemberIndex::name).collect()
}

/// The stage as a phrase.
pub fn stage_name(stage: AuditStage) -> &'static str {
    match stage {
        AuditStage::Healed => "after healing",
        AuditStage::Restarted => "after the restart of all members",
    }
}

/// All audits of a run.
#[derive(Debug, Default)]
pub struct Audits {
    audits: BTreeMap<(AuditStage, MemberIndex), Audit>,
}

#[derive(Debug, Default)]
struct Audit {
    revision: Revision,
    last_key: Option<Blob>,
    /// The pages are not consecutive: the audit was restarted, and the two readings cannot be separated.
    repeated: bool,
    outcome: Option<Result<AuditFacts, AuditFailure>>,
}

impl Audits {
    /// Processes a page or the end of an audit; other events are ignored.
    pub fn observe(&mut self, event: &Event) {
        match event {
            Event::AuditPage(page) => self.page(page),
            Event::AuditClosed(closed) => {
                let audit = self.audits.entry((closed.stage, closed.member)).or_default();
                audit.repeated |= audit.outcome.is_some();
                audit.outcome = Some(closed.outcome.clone());
            }
            _ => {}
        }
    }

    fn page(&mut self, page: &AuditPage) {
        let audit = self.audits.entry((page.stage, page.member)).or_default();
        let first = page.kvs.first().map(|kv| &kv.key);
        let follows = match (&audit.last_key, first) {
            (Some(last), Some(first)) => first > last && page.revision == audit.revision,
            _ => true,
        };
        audit.repeated |= !follows || audit.outcome.is_some();
        audit.revision = page.revision;
        if let Some(last) = page.kvs.last() {
            audit.last_key = Some(last.key.clone());
        }
    }

    /// The members whose audit is complete and was made at rest.
    pub fn complete(&self, stage: AuditStage) -> MemberSet {
        self.facts(stage).fold(0, |set, (member, _)| set | set_of(member))
    }

    /// Of the complete ones, those that had applied as much as any other: the rest may only be behind.
    pub fn up_to_date(&self, stage: AuditStage) -> MemberSet {
        let newest = self.facts(stage).map(|(_, facts)| facts.after.applied_index).max().unwrap_or(0);
        self.facts(stage).filter(|(_, facts)| facts.after.applied_index == newest).fold(0, |set, (member, _)| set | set_of(member))
    }

    /// The lowest revision of these members, if their audits are complete.
    pub fn revision_of(&self, stage: AuditStage, members: MemberSet) -> Revision {
        let theirs = self.facts(stage).filter(|(member, _)| members & set_of(*member) != 0);
        theirs.map(|(_, facts)| facts.after.revision).min().unwrap_or(0)
    }

    /// The facts that complete audits recorded.
    pub fn facts(&self, stage: AuditStage) -> impl Iterator<Item = (MemberIndex, &AuditFacts)> {
        self.audits.iter().filter(move |((of, _), _)| *of == stage).filter_map(|((_, member), audit)| match &audit.outcome {
            Some(Ok(facts)) if audit.trouble(facts).is_none() && set_of(*member) != 0 => Some((*member, facts)),
            _ => None,
        })
    }

    /// Whether the member's content was read more than once, so that pages are repeated.
    pub fn repeated(&self, stage: AuditStage, member: MemberIndex) -> bool {
        self.audits.get(&(stage, member)).is_some_and(|audit| audit.repeated)
    }

    /// Whether any audit of this stage exists.
    pub fn any(&self, stage: AuditStage) -> bool {
        self.audits.keys().any(|(of, _)| *of == stage)
    }

    /// Why members do not count as audited, one sentence each.
    pub fn missing(&self, stage: AuditStage, info: &RunInfo) -> Vec<String> {
        let members = (0..=u8::MAX).map(MemberIndex).take(info.members.len());
        let why = |member: MemberIndex| {
            let trouble = match self.audits.get(&(stage, member)).map(|audit| (audit, &audit.outcome)) {
                None => format!("was not read {}", stage_name(stage)),
                Some((_, None)) => format!("was not read to the end {}", stage_name(stage)),
                Some((_, Some(Err(failure)))) => format!("could not be read {}: {failure}", stage_name(stage)),
                Some((audit, Some(Ok(facts)))) => format!("{} {}", audit.trouble(facts)?, stage_name(stage)),
            };
            Some(format!("Member {} {trouble}.", member.name()))
        };
        members.filter_map(why).collect()
    }
}

impl Audit {
    /// Why the audit is no evidence although the member responded.
    fn trouble(&self, facts: &AuditFacts) -> Option<String> {
        let read_elsewhere = self.last_key.is_some() && self.revision != facts.after.revision;
        if self.repeated {
            Some("was read twice, and the two readings cannot be separated,".to_owned())
        } else if facts.before != facts.after || read_elsewhere {
            Some("was not at rest while it was read".to_owned())
        } else {
            None
        }
    }
}
