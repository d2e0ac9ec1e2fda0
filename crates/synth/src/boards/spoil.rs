//! What is planted into what a board is told.

use super::board::Board;
use crate::Plant;
use crate::plan::Plan;
use ticketcd_history::watch::{WatchBody, WatchEvent};
use ticketcd_judge::model::Blob;

/// The events of one revision.
type Group = Vec<WatchEvent>;

/// The messages by which a board is told of some revisions: one, unless something is planted.
pub(super) fn messages(board: &mut Board, mut groups: Vec<Group>, plan: &mut Plan) -> Vec<WatchBody> {
    let plant = plan.plant.filter(|plant| plan.wants(*plant));
    match plant {
        Some(Plant::MissedEvent | Plant::LateEvent) if board.withheld.is_empty() => {
            board.withheld = groups.remove(0);
            if groups.is_empty() { Vec::new() } else { after_withheld(board, groups, plan) }
        }
        Some(Plant::MissedEvent | Plant::LateEvent) => after_withheld(board, groups, plan),
        Some(Plant::DuplicateEvent) => {
            plan.done();
            let last = groups.last().cloned().unwrap_or_default();
            vec![events(groups), WatchBody::Events(last)]
        }
        Some(Plant::EarlyBookmark) => {
            plan.done();
            vec![WatchBody::Progress, events(groups)]
        }
        Some(Plant::EventBelowStart | Plant::EventBelowNow) => match board.before.take() {
            Some(kv) => {
                plan.done();
                vec![WatchBody::Events(vec![WatchEvent { deleted: false, kv, previous: None }]), events(groups)]
            }
            None => vec![events(groups)],
        },
        Some(Plant::SplitEvent) => match groups.iter().position(|group| group.len() > 1) {
            Some(index) => {
                plan.done();
                let mut rest = groups.split_off(index);
                let second_half = rest[0].split_off(1);
                groups.push(std::mem::replace(&mut rest[0], second_half));
                vec![events(groups), events(rest)]
            }
            None => vec![events(groups)],
        },
        Some(Plant::StalledBoard) => {
            board.is_stalled = true;
            plan.done();
            Vec::new()
        }
        _ if board.is_stalled => Vec::new(),
        Some(plant) => {
            if groups.iter_mut().flatten().any(|event| alter(event, plant)) {
                plan.done();
            }
            vec![events(groups)]
        }
        None => {
            // A board that should have been refused is told all the same.
            if plan.plant == Some(Plant::IgnoredCompaction) && plan.is_under_way {
                plan.done();
            }
            vec![events(groups)]
        }
    }
}

fn after_withheld(board: &mut Board, groups: Vec<Group>, plan: &mut Plan) -> Vec<WatchBody> {
    let late = std::mem::take(&mut board.withheld);
    let is_lost = plan.plant == Some(Plant::MissedEvent);
    plan.done();
    if is_lost { vec![events(groups)] } else { vec![events(groups), WatchBody::Events(late)] }
}

/// Alters an event, if it is one that can be altered in this way.
fn alter(event: &mut WatchEvent, plant: Plant) -> bool {
    let is_rewritten = !event.deleted && event.kv.version > 1;
    match (plant, &mut event.previous) {
        (Plant::WrongPrevious, Some(previous)) if is_rewritten && previous.version > 1 => {
            previous.version -= 1;
            previous.mod_revision -= 1;
            true
        }
        (Plant::WrongCreation, _) if is_rewritten => {
            event.kv.create_revision = event.kv.mod_revision;
            true
        }
        (Plant::AlteredEvent, _) if !event.deleted => {
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
