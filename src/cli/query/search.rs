//! `ticketcd query search`.

use serde::Serialize;
use ticketcd_judge::history::Revision;
use ticketcd_judge::model::Cents;

use crate::cli::Failure;
use crate::cli::shop_session::ShopSession;
use crate::cli::write_out::to_json;
use crate::report::numbers::count;
use crate::shop::queries::names::exists;
use crate::shop::queries::{Found, FoundEvent, Named, Search, events_of};
use crate::terminal::{Screen, Table};

/// The answer as JSON.
#[derive(Debug, Serialize)]
struct Answer<'answer> {
    revision: Revision,
    events: Vec<Event<'answer>>,
}

#[derive(Debug, Serialize)]
struct Event<'answer> {
    id: &'answer str,
    name: Option<&'answer str>,
    #[serde(rename = "type")]
    kind: Option<&'answer str>,
    location: Option<&'answer str>,
    date: Option<&'answer str>,
    /// Tickets that can be bought now.
    left: i128,
    price_min: Option<Cents>,
    price_max: Option<Cents>,
    tickets: Vec<Ticket<'answer>>,
}

#[derive(Debug, Serialize)]
struct Ticket<'answer> {
    #[serde(rename = "type")]
    kind: &'answer str,
    total: i128,
    left: i128,
    held: i128,
    price: Cents,
}

/// Runs the query and renders its answer.
pub(super) async fn answer(session: &mut ShopSession, wanted: &Search, as_json: bool) -> Result<String, Failure> {
    let found = session.ask(async |keys, caller| events_of(keys, caller, wanted).await).await?;
    if found.events.is_empty() {
        // Nothing matches: because there is nothing like it, or because a name is mistyped.
        for (named, name) in [(Named::Type, &wanted.kind), (Named::Location, &wanted.location)] {
            if let Some(name) = name
                && !session.ask(async |keys, caller| exists(keys, caller, named, name).await).await?
            {
                return Err(session.nothing_named(named, name).await);
            }
        }
        if let Some(failure) = session.no_shop().await? {
            return Err(failure);
        }
    }
    let answer = Answer::of(&found);
    if as_json { to_json(&answer) } else { Ok(table(&answer, Screen::of_stdout())) }
}

impl<'answer> Answer<'answer> {
    fn of(found: &'answer Found) -> Self {
        Self { revision: found.revision, events: found.events.iter().map(Event::of).collect() }
    }
}

impl<'answer> Event<'answer> {
    fn of(event: &'answer FoundEvent) -> Self {
        let record = event.record.as_ref();
        let tickets = event.tickets.iter().map(|(kind, stock)| Ticket {
            kind,
            total: stock.total,
            left: stock.left,
            held: stock.held,
            price: stock.price,
        });
        Self {
            id: &event.id,
            name: record.map(|record| record.name.as_str()),
            kind: record.map(|record| record.kind.as_str()),
            location: record.map(|record| record.location.as_str()),
            date: record.map(|record| record.date.as_str()),
            left: event.tickets.values().map(|stock| stock.left).sum(),
            price_min: event.tickets.values().map(|stock| stock.price).min(),
            price_max: event.tickets.values().map(|stock| stock.price).max(),
            tickets: tickets.collect(),
        }
    }

    fn prices(&self) -> String {
        match (self.price_min, self.price_max) {
            (Some(min), Some(max)) if min != max => format!("{min} to {max}"),
            (Some(price), _) => price.to_string(),
            _ => String::new(),
        }
    }
}

fn table(answer: &Answer<'_>, screen: Screen) -> String {
    let mut table = Table::new(&["EVENT", "NAME", "TYPE", "LOCATION", "DATE", "#LEFT", "#PRICE"]);
    for event in &answer.events {
        let text = |text: Option<&str>| text.unwrap_or("?").to_owned();
        table.row([
            event.id.to_owned(),
            text(event.name),
            text(event.kind),
            text(event.location),
            text(event.date),
            // A stock that is oversold is negative.
            u64::try_from(event.left).map_or_else(|_| event.left.to_string(), count),
            event.prices(),
        ]);
    }
    let count = match answer.events.len() {
        0 => "No event matches".to_owned(),
        1 => "1 event".to_owned(),
        many => format!("{} events", count(many as u64)),
    };
    format!("{}{count}, at revision {}.\n", table.render(screen), answer.revision)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ticketcd_judge::model::records::EventRecord;

    use super::*;
    use crate::shop::queries::TicketStock;

    #[test]
    fn an_event_is_shown_with_what_is_left_and_its_prices() {
        let record = EventRecord {
            name: "Rock".to_owned(),
            description: "Night".to_owned(),
            location: "Bonn".to_owned(),
            kind: "concert".to_owned(),
            date: "01-06-2026 20:00".to_owned(),
            current_quantity: 5,
        };
        let stock = |left, price| TicketStock { total: 10, left, held: 1, shards: 0, price: Cents(price) };
        let tickets = BTreeMap::from([("pink".to_owned(), stock(3, 4_990)), ("gold".to_owned(), stock(2, 10_000))]);
        let unknown = FoundEvent { id: "e2".to_owned(), record: None, tickets: BTreeMap::new() };
        let events = vec![FoundEvent { id: "e1".to_owned(), record: Some(record), tickets }, unknown];
        let found = Found { revision: 7, events };
        let answer = Answer::of(&found);
        assert_eq!(
            table(&answer, Screen::none()),
            "EVENT  NAME  TYPE     LOCATION  DATE              LEFT            PRICE\n\
             e1     Rock  concert  Bonn      01-06-2026 20:00     5  49.90 to 100.00\n\
             e2     ?     ?        ?         ?                    0\n2 events, at revision 7.\n"
        );
        let json = serde_json::to_string(&answer).unwrap();
        assert!(
            json.contains(
                r#""left":5,"price_min":49.90,"price_max":100.00,"tickets":[{"type":"gold","total":10,"left":2,"held":1,"price":100.00}"#
            ),
            "{json}"
        );
    }
}
