//! `ticketcd query purchases`.

use std::collections::BTreeMap;

use serde::Serialize;
use ticketcd_judge::history::Revision;
use ticketcd_judge::model::Total;
use ticketcd_judge::model::records::{Purchase, PurchasedTicket};

use crate::cli::Failure;
use crate::cli::shop_session::ShopSession;
use crate::cli::write_out::to_json;
use crate::report::numbers::count;
use crate::shop::queries::{Account, AccountEvent, Named, account_of};
use crate::terminal::{Screen, Table};

/// The answer as JSON.
#[derive(Debug, Serialize)]
struct Answer<'answer> {
    revision: Revision,
    user: &'answer str,
    purchases: Vec<Line<'answer>>,
    /// What was paid in all, as far as prices are known; what was cancelled is paid back.
    total: Total,
}

#[derive(Debug, Serialize)]
struct Line<'answer> {
    order: Option<&'answer str>,
    event: &'answer str,
    event_name: Option<&'answer str>,
    event_date: Option<&'answer str>,
    date: &'answer str,
    tickets: &'answer [PurchasedTicket],
    paid: Option<Total>,
    cancels: Option<&'answer str>,
    cancelled_by: Option<&'answer str>,
}

/// Runs the query and renders its answer.
pub(super) async fn answer(session: &mut ShopSession, user: &str, as_json: bool) -> Result<String, Failure> {
    let account = session.ask(async |keys, caller| account_of(keys, caller, user).await).await?;
    if !account.is_known && account.events.is_empty() {
        return Err(session.nothing_named(Named::User, user).await);
    }
    let answer = Answer::of(user, &account);
    if as_json { to_json(&answer) } else { Ok(table(&answer, Screen::of_stdout())) }
}

impl<'answer> Answer<'answer> {
    fn of(user: &'answer str, account: &'answer Account) -> Self {
        let purchases: Vec<Line<'_>> = account.events.iter().flat_map(lines).collect();
        let total = Total(purchases.iter().filter_map(|line| line.paid).map(|paid| paid.0).sum());
        Self { revision: account.revision, user, purchases, total }
    }
}

/// The purchases of one event. An order and its cancellation are entered under the same key.
fn lines<'answer>(event: &'answer AccountEvent) -> Vec<Line<'answer>> {
    let cancelled: BTreeMap<&str, &str> = event
        .purchases
        .iter()
        .filter_map(|purchase| Some((purchase.cancels.as_deref()?, purchase.id.as_deref().unwrap_or_default())))
        .collect();
    let line = |purchase: &'answer Purchase| Line {
        order: purchase.id.as_deref(),
        event: &event.id,
        event_name: event.record.as_ref().map(|record| record.name.as_str()),
        event_date: event.record.as_ref().map(|record| record.date.as_str()),
        date: &purchase.date,
        tickets: &purchase.tickets,
        paid: paid(&purchase.tickets),
        cancels: purchase.cancels.as_deref(),
        cancelled_by: purchase.id.as_deref().and_then(|id| cancelled.get(id).copied()),
    };
    event.purchases.iter().map(line).collect()
}

/// What they cost together; none when a price is not known.
fn paid(tickets: &[PurchasedTicket]) -> Option<Total> {
    let prices: Option<Vec<i128>> = tickets.iter().map(|line| Some(line.price?.times(line.quantity))).collect();
    prices.map(|prices| Total(prices.into_iter().sum()))
}

fn table(answer: &Answer<'_>, screen: Screen) -> String {
    let mut table = Table::new(&["ORDER", "EVENT", "DATE", "TICKETS", "#PAID", ""]);
    for line in &answer.purchases {
        let ticket = |ticket: &PurchasedTicket| match ticket.price {
            Some(price) => format!("{} {} at {price}", ticket.quantity, ticket.kind),
            None => format!("{} {}", ticket.quantity, ticket.kind),
        };
        let note = match (line.cancels, line.cancelled_by) {
            (Some(order), _) => format!("cancels {order}"),
            (None, Some(order)) => format!("cancelled by {order}"),
            (None, None) => String::new(),
        };
        table.row([
            line.order.unwrap_or("-").to_owned(),
            line.event_name.unwrap_or(line.event).to_owned(),
            line.date.to_owned(),
            line.tickets.iter().map(ticket).collect::<Vec<_>>().join(", "),
            line.paid.map_or("?".to_owned(), |paid| paid.to_string()),
            note,
        ]);
    }
    let orders = answer.purchases.iter().filter(|line| line.cancels.is_none());
    let cancelled = orders.clone().filter(|line| line.cancelled_by.is_some()).count();
    let count = match orders.count() {
        0 => format!("{} has no purchases", answer.user),
        1 => format!("1 order of {}", answer.user),
        many => format!("{} orders of {}", count(many as u64), answer.user),
    };
    let cancelled = if cancelled == 0 { String::new() } else { format!(", {cancelled} of them cancelled") };
    format!("{}{count}{cancelled}; total paid {}, at revision {}.\n", table.render(screen), answer.total, answer.revision)
}

#[cfg(test)]
mod tests {
    use ticketcd_judge::model::records::parse_purchases;

    use super::*;

    #[test]
    fn a_cancelled_order_is_marked_and_paid_back() {
        let value = r#"[{"id":"r1-7-1","date":"01-05-2026 20:00","tickets":[{"type":"pink","quantity":2,"price":49.90},{"type":"gold","quantity":"1","price":10.00}]},
            {"id":"r1-7-2","date":"02-05-2026 20:00","tickets":[{"type":"pink","quantity":-2,"price":49.90},{"type":"gold","quantity":-1,"price":10.00}],"cancels":"r1-7-1"},
            {"date":"2024-05-01","tickets":[{"type":"red","quantity":"3"}]}]"#;
        let event = AccountEvent { id: "e1".to_owned(), record: None, purchases: parse_purchases(value.as_bytes()).unwrap() };
        let account = Account { revision: 5, is_known: true, events: vec![event] };
        let answer = Answer::of("ann", &account);
        assert_eq!(
            table(&answer, Screen::none()),
            "ORDER   EVENT  DATE              TICKETS                                PAID\n\
             r1-7-1  e1     01-05-2026 20:00  2 pink at 49.90, 1 gold at 10.00     109.80  cancelled by r1-7-2\n\
             r1-7-2  e1     02-05-2026 20:00  -2 pink at 49.90, -1 gold at 10.00  -109.80  cancels r1-7-1\n\
             -       e1     2024-05-01        3 red                                     ?\n\
             2 orders of ann, 1 of them cancelled; total paid 0.00, at revision 5.\n"
        );
        let json = serde_json::to_string(&answer).unwrap();
        assert!(json.contains(r#""tickets":[{"type":"red","quantity":3}],"paid":null"#), "{json}");
        assert!(json.contains(r#""paid":-109.80,"cancels":"r1-7-1","cancelled_by":null"#), "{json}");
    }
}
