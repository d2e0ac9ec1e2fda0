//! The dataset before the sale.

use std::collections::BTreeMap;

use super::transact::put;
use super::{PRICE, SEEDER, Shape, Simulation};
use crate::shop::json;
use ticketcd_history::Blob;
use ticketcd_history::annotation::Purpose;
use ticketcd_history::request::{Request, Txn};
use ticketcd_judge::model::records::{EventRecord, Ticket};

impl Simulation {
    pub(super) fn seed(&mut self, shape: &Shape) {
        let mut indexes: BTreeMap<Blob, Vec<String>> = BTreeMap::new();
        for number in 1..=shape.events {
            let event = format!("e{number}");
            let ticket = Ticket { total_quantity: shape.stock, current_quantity: shape.stock, price: PRICE };
            let current_quantity = shape.stock * shape.kinds.len() as i64;
            let record = EventRecord {
                name: format!("Concert {number}"),
                description: "An evening".to_owned(),
                location: "Athens".to_owned(),
                kind: if number % 2 == 0 { "theatre" } else { "concert" }.to_owned(),
                date: "01-05-2026 20:00".to_owned(),
                current_quantity,
            };
            let words = format!("{} {}", record.name, record.description).to_lowercase();
            let words = words.split_whitespace().filter(|word| word.len() >= 3).map(|word| self.keys.search_text(word));
            for key in words.chain([self.keys.search_type(&record.kind), self.keys.search_location(&record.location)]) {
                let events: &mut Vec<String> = indexes.entry(key).or_default();
                events.extend((!events.contains(&event)).then(|| event.clone()));
            }
            // Two batches an event: for a moment the event is there without its tickets. The last one has the indexes.
            let mut tickets: Vec<(Blob, Blob)> = shape.kinds.iter().map(|kind| (self.keys.ticket(&event, kind), json(&ticket))).collect();
            if number == shape.events {
                tickets.extend(std::mem::take(&mut indexes).into_iter().map(|(key, events)| (key, json(&events))));
            }
            for batch in [vec![(self.keys.event(&event), json(&record))], tickets] {
                self.seed_batch(batch);
            }
        }
    }

    fn seed_batch(&mut self, batch: Vec<(Blob, Blob)>) {
        let success = batch.into_iter().map(|(key, value)| put(key, value)).collect();
        let request = Request::Txn(Txn { success, ..Txn::default() });
        let id = self.invoke(SEEDER, Purpose::Seed, Vec::new(), request.clone());
        let (revision, body) = self.execute(&request);
        self.answer(id, revision, body);
    }
}
