//! What looks at the stock are answered: a ticket as it is, an event's page perhaps as it was.

use super::super::Plant;
use super::Sale;
use super::answers::found;
use super::state::Call;
use ticketcd_history::call::CallOutcome;
use ticketcd_history::request::{AnswerBody, KeyValue, TxnAnswer, TxnAnswerBody};
use ticketcd_judge::model::Revision;

/// Of a thousand pages that might be stale so many are.
const STALE_PERMILLE: u64 = 500;

/// What is planted far beyond everything that exists.
const BEYOND: Revision = 1_000_000;

impl Sale<'_> {
    /// A linearizable read of one ticket.
    pub(super) fn read_ticket(&mut self, ticket: usize, call: &Call) -> CallOutcome {
        let state = &self.shop.tickets[ticket];
        let (kv, revision) = (state.kv.clone(), self.cluster.revision);
        let mut range = found(Some(&kv));
        let plan = self.tape.plan;
        match plan.wanted(&[Plant::MissingKey, Plant::WrongCount]) {
            Some(Plant::MissingKey) => range = found(None),
            Some(_) => range.count += 1,
            None => {}
        }
        if range.kvs.is_empty() || range.count > 1 {
            self.plant();
            return self.answer(call.member, revision, AnswerBody::Range(range));
        }
        let Some((_, before)) = state.before.clone() else { return self.answer(call.member, revision, AnswerBody::Range(range)) };
        // It was current until the revision before the one that replaced it.
        let until = kv.mod_revision - 1;
        let buyer = &self.buyers[call.id.worker as usize];
        let (is_stale, revision) = match plan.plant {
            Some(Plant::StaleRead) => (call.told > until, until),
            Some(Plant::ReadWentBack) => (buyer.read > until, until),
            Some(Plant::OwnWriteMissed) => (buyer.written > until, until),
            Some(Plant::WrongRead) => (true, revision),
            _ => (false, revision),
        };
        if is_stale && plan.plant.is_some_and(|plant| plan.wants(plant)) {
            self.plant();
            return self.answer(call.member, revision, AnswerBody::Range(found(Some(&before))));
        }
        self.answer(call.member, self.cluster.revision, AnswerBody::Range(range))
    }

    /// A serializable read of all tickets of an event: as they are, or as they were before the last sale, unless the member
    /// has shown later ones already.
    pub(super) fn read_page(&mut self, event: usize, call: &Call) -> CallOutcome {
        let tickets: Vec<_> = self.shop.events[event].tickets.iter().map(|ticket| &self.shop.tickets[*ticket]).collect();
        let newest = tickets.iter().map(|ticket| ticket.kv.mod_revision).max().unwrap_or(0);
        let until = newest - 1;
        let as_it_was = tickets.iter().map(|ticket| match &ticket.before {
            Some((_, before)) if ticket.kv.mod_revision == newest => Some(before.clone()),
            None if ticket.kv.mod_revision == newest => None,
            _ => Some(ticket.kv.clone()),
        });
        let as_it_was: Option<Vec<KeyValue>> = as_it_was.collect();
        let as_it_is: Vec<KeyValue> = tickets.iter().map(|ticket| ticket.kv.clone()).collect();
        let buyer = &self.buyers[call.id.worker as usize];
        let goes_back = match self.tape.plan.plant {
            Some(plant @ Plant::MemberWentBack) if call.told_here > until => Some(plant),
            Some(plant @ Plant::LocalReadWentBack) if buyer.seen.is_some_and(|(member, seen)| member == call.member && seen > until) => {
                Some(plant)
            }
            _ => None,
        };
        if self.wants(Plant::BeyondWhatExists) {
            self.plant();
            return self.page(call, self.cluster.revision + BEYOND, &as_it_is);
        }
        let may_be_stale = self.cluster.member(call.member).answered <= until;
        let is_planted = goes_back.is_some_and(|plant| self.wants(plant));
        match as_it_was {
            Some(kvs) if is_planted => {
                self.plant();
                self.page(call, until, &kvs)
            }
            Some(kvs) if may_be_stale && self.draw.permille(STALE_PERMILLE) => self.page(call, until, &kvs),
            _ => self.page(call, self.cluster.revision, &as_it_is),
        }
    }

    fn page(&self, call: &Call, revision: Revision, kvs: &[KeyValue]) -> CallOutcome {
        let range = |kv: &KeyValue| TxnAnswer { revision, body: TxnAnswerBody::Range(found(Some(kv))) };
        let responses = kvs.iter().map(range).collect();
        self.answer(call.member, revision, AnswerBody::Txn { succeeded: true, responses })
    }
}
