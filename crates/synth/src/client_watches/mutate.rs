//! Mutations of what a watch receives.

use super::watch::ClientWatch;
use crate::mutation::{Mutation, MutationPlan};
use ticketcd_history::Blob;
use ticketcd_history::watch::{WatchBody, WatchEvent};

/// The events of one revision.
type Group = Vec<WatchEvent>;

/// The messages with some revisions: one, unless it is mutated.
pub(crate) fn messages(watch: &mut ClientWatch, mut groups: Vec<Group>, plan: &mut MutationPlan) -> Vec<WatchBody> {
    let mutation = plan.mutation.filter(|mutation| plan.allows(*mutation));
    match mutation {
        Some(Mutation::MissedEvent | Mutation::LateEvent) if watch.withheld.is_empty() => {
            watch.withheld = groups.remove(0);
            if groups.is_empty() { Vec::new() } else { after_withheld(watch, groups, plan) }
        }
        Some(Mutation::MissedEvent | Mutation::LateEvent) => after_withheld(watch, groups, plan),
        Some(Mutation::DuplicateEvent) => {
            plan.done();
            let last = groups.last().cloned().unwrap_or_default();
            vec![events(groups), WatchBody::Events(last)]
        }
        Some(Mutation::EarlyBookmark) => {
            plan.done();
            vec![WatchBody::Progress, events(groups)]
        }
        Some(Mutation::EventBelowStart | Mutation::EventBelowNow) => match watch.before.take() {
            Some(kv) => {
                plan.done();
                vec![WatchBody::Events(vec![WatchEvent { deleted: false, kv, previous: None }]), events(groups)]
            }
            None => vec![events(groups)],
        },
        Some(Mutation::SplitEvent) => match groups.iter().position(|group| group.len() > 1) {
            Some(index) => {
                plan.done();
                let mut rest = groups.split_off(index);
                let second_half = rest[0].split_off(1);
                groups.push(std::mem::replace(&mut rest[0], second_half));
                vec![events(groups), events(rest)]
            }
            None => vec![events(groups)],
        },
        Some(Mutation::StalledWatch) => {
            watch.is_stalled = true;
            plan.done();
            Vec::new()
        }
        _ if watch.is_stalled => Vec::new(),
        Some(mutation) => {
            if groups.iter_mut().flatten().any(|event| alter(event, mutation)) {
                plan.done();
            }
            vec![events(groups)]
        }
        None => {
            // A watch that should have been refused receives events.
            if plan.mutation == Some(Mutation::IgnoredCompaction) && plan.is_in_flight {
                plan.done();
            }
            vec![events(groups)]
        }
    }
}

fn after_withheld(watch: &mut ClientWatch, groups: Vec<Group>, plan: &mut MutationPlan) -> Vec<WatchBody> {
    let late = std::mem::take(&mut watch.withheld);
    let is_lost = plan.mutation == Some(Mutation::MissedEvent);
    plan.done();
    if is_lost { vec![events(groups)] } else { vec![events(groups), WatchBody::Events(late)] }
}

/// Alters an event, if it is one that can be altered in this way.
fn alter(event: &mut WatchEvent, mutation: Mutation) -> bool {
    let is_rewritten = !event.deleted && event.kv.version > 1;
    match (mutation, &mut event.previous) {
        (Mutation::WrongPrevious, Some(previous)) if is_rewritten && previous.version > 1 => {
            previous.version -= 1;
            previous.mod_revision -= 1;
            true
        }
        (Mutation::WrongCreation, _) if is_rewritten => {
            event.kv.create_revision = event.kv.mod_revision;
            true
        }
        (Mutation::AlteredEvent, _) if !event.deleted => {
            let text = event.kv.value.to_text();
            let altered = Blob::from(text.replace("\"current_quantity\":", "\"current_quantity\":9"));
            let is_altered = altered != event.kv.value;
            event.kv.value = altered;
            is_altered
        }
        _ => false,
    }
}

fn events(groups: Vec<Group>) -> WatchBody {
    WatchBody::Events(groups.into_iter().flatten().collect())
}
