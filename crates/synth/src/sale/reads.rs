//! Searches: linearizable reads of one ticket, and pages that may be stale.

use super::Sale;
use super::state::Call;
use crate::mutation::Mutation;
use ticketcd_history::call::CallOutcome;
use ticketcd_history::request::{AnswerBody, KeyValue, RangeAnswer, TxnAnswer, TxnAnswerBody};
use ticketcd_history::{Blob, Revision};

/// Of a thousand pages that may be stale so many are.
const STALE_PERMILLE: u64 = 500;

/// How far beyond the last revision a mutated response is.
const BEYOND: Revision = 1_000_000;

/// A range that found at most one key.
pub(super) fn found(kv: Option<&KeyValue>) -> RangeAnswer {
    let kvs: Vec<KeyValue> = kv.cloned().into_iter().collect();
    RangeAnswer { count: kvs.len() as i64, kvs, more: false }
}

impl Sale<'_> {
    /// A linearizable read of one ticket.
    pub(super) fn read_ticket(&mut self, ticket: usize, call: &Call) -> CallOutcome {
        let key = &self.shop.tickets[ticket].key;
        let (kv, revision) = (self.cluster.get(key), self.cluster.revision());
        let mut range = found(kv);
        let plan = self.writer.plan;
        match plan.first_allowed(&[Mutation::MissingKey, Mutation::WrongCount]) {
            Some(Mutation::MissingKey) => range = found(None),
            Some(_) => range.count += 1,
            None => {}
        }
        if range.kvs.is_empty() || range.count > 1 {
            self.mutated();
            return self.cluster.answer(call.member, revision, AnswerBody::Range(range));
        }
        // It was current until the revision before the one that replaced it.
        let until = self.cluster.written(key) - 1;
        let buyer = &self.buyers[call.id.worker as usize];
        let (is_stale, at) = match plan.mutation {
            Some(Mutation::StaleRead) => (call.acknowledged > until, until),
            Some(Mutation::ReadWentBack) => (buyer.read > until, until),
            Some(Mutation::OwnWriteMissed) => (buyer.written > until, until),
            Some(Mutation::WrongRead) => (true, revision),
            _ => (false, revision),
        };
        if is_stale
            && plan.mutation.is_some_and(|mutation| plan.allows(mutation))
            && let Some(before) = self.cluster.previous(key)
        {
            range = found(Some(before));
            self.mutated();
            return self.cluster.answer(call.member, at, AnswerBody::Range(range));
        }
        self.cluster.answer(call.member, revision, AnswerBody::Range(range))
    }

    /// A serializable read of all tickets of an event: as they are, or as they were before the last sale, unless the member
    /// has responded with a later revision.
    pub(super) fn read_page(&mut self, event: usize, call: &Call) -> CallOutcome {
        let tickets = self.shop.events[event].tickets.iter().map(|ticket| &self.shop.tickets[*ticket].key);
        let until = tickets.map(|key| self.cluster.written(key)).max().unwrap_or(0) - 1;
        let buyer = &self.buyers[call.id.worker as usize];
        let goes_back = match self.writer.plan.mutation {
            Some(mutation @ Mutation::MemberWentBack) if call.acknowledged_here > until => Some(mutation),
            Some(mutation @ Mutation::LocalReadWentBack)
                if buyer.seen.is_some_and(|(member, seen)| member == call.member && seen > until) =>
            {
                Some(mutation)
            }
            _ => None,
        };
        if self.allows(Mutation::BeyondWhatExists) {
            self.mutated();
            return self.page(call, self.cluster.revision() + BEYOND, &self.stock(event, self.cluster.revision()));
        }
        let may_be_stale = self.cluster.member(call.member).answered <= until;
        let is_mutated = goes_back.is_some_and(|mutation| self.allows(mutation));
        let before = if is_mutated || may_be_stale { self.stock(event, until) } else { Vec::new() };
        let is_whole = before.len() == self.shop.events[event].tickets.len();
        if is_whole && is_mutated {
            self.mutated();
            return self.page(call, until, &before);
        }
        if is_whole && may_be_stale && self.draw.permille(STALE_PERMILLE) {
            return self.page(call, until, &before);
        }
        self.page(call, self.cluster.revision(), &self.stock(event, self.cluster.revision()))
    }

    /// The tickets of an event at a revision; fewer when they are not kept.
    fn stock(&self, event: usize, revision: Revision) -> Vec<KeyValue> {
        let keys = self.shop.events[event].tickets.iter().map(|ticket| &self.shop.tickets[*ticket].key);
        keys.filter_map(|key: &Blob| self.cluster.get_at(key, revision).cloned()).collect()
    }

    fn page(&self, call: &Call, revision: Revision, kvs: &[KeyValue]) -> CallOutcome {
        let range = |kv: &KeyValue| TxnAnswer { revision, body: TxnAnswerBody::Range(found(Some(kv))) };
        let responses = kvs.iter().map(range).collect();
        self.cluster.answer(call.member, revision, AnswerBody::Txn { succeeded: true, responses })
    }
}
