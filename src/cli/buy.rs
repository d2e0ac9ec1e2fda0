//! `ticketcd buy`.

use std::fmt::Write;

use serde::Serialize;
use sha2::{Digest, Sha256};
use ticketcd_judge::history::annotation::OrderOutcome;
use ticketcd_judge::history::{OrderKey, Revision};
use ticketcd_judge::model::Cents;

use super::connection::Connection;
use super::exit_codes::ExitCode;
use super::shop_session::ShopSession;
use super::write_out::{WriteOut, to_json};
use super::{Exit, Failure};
use crate::run::{base36, purchase_date};
use crate::scenario::nearest;
use crate::scenario::streams::stream;
use crate::shop::purchase::{OptimisticSettings, ShardedSettings, Strategy, StrategyContext};
use crate::shop::queries::names::exists;
use crate::shop::queries::{Found, FoundEvent, Named, event_of};
use crate::shop::{Order, PurchaseResult, Shop, StockCache};
use crate::terminal::Screen;

/// The exit codes of `buy`. A refusal is neither an error nor a verdict, but scripts must be able to detect it.
pub(super) const EXIT_CODES: [ExitCode; 6] = [
    (0, "sold", "the order was placed"),
    (1, "not sold", "sold out, rejected, or abandoned after conflicts; nothing was written"),
    (2, "unknown", "the response was lost: check with `ticketcd query purchases` whether the order was placed"),
    (6, "unavailable", "no member is available, or there is no shop under the prefix"),
    (64, "usage", "no such user, event or ticket type, or an invalid order; nothing was written"),
    (70, "internal", "internal error (please report it)"),
];

/// Attempts before an order is abandoned: more than under load, as there is only this one order.
const ATTEMPTS_MAX: u32 = 40;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Event id, as printed by `ticketcd query search`
    event: String,
    /// Ticket types and quantities, such as pink=2 yellow=1
    #[arg(value_name = "TYPE=QUANTITY", required = true, value_parser = item)]
    items: Vec<(String, i64)>,
    /// User who buys
    #[arg(long = "buyer", value_name = "USER")]
    user: String,
    #[command(flatten)]
    output: WriteOut,
    #[command(flatten)]
    connection: Connection,
}

/// A line of an order is malformed.
#[derive(Debug, thiserror::Error)]
enum InvalidItem {
    #[error("{0:?} is not TYPE=QUANTITY, such as pink=2")]
    Form(String),
    #[error("{0:?} has no ticket type; write TYPE=QUANTITY, such as pink=2")]
    NoType(String),
    #[error("{0:?} is not a number of tickets")]
    Quantity(String),
    #[error("cannot buy {0} tickets; the quantity must be at least 1")]
    TooFew(i64),
}

/// One line of an order. The original sends quantities as strings: quotes do no harm.
fn item(text: &str) -> Result<(String, i64), InvalidItem> {
    let (kind, quantity) = text.rsplit_once('=').ok_or_else(|| InvalidItem::Form(text.to_owned()))?;
    let quantity = quantity.trim().trim_matches(['"', '\'']).trim();
    let number: i64 = quantity.parse().map_err(|_| InvalidItem::Quantity(quantity.to_owned()))?;
    match kind.trim() {
        "" => Err(InvalidItem::NoType(text.to_owned())),
        _ if number < 1 => Err(InvalidItem::TooFew(number)),
        kind => Ok((kind.to_owned(), number)),
    }
}

/// What happened, as JSON.
#[derive(Debug, Serialize)]
struct Answer<'answer> {
    outcome: &'static str,
    reason: Option<String>,
    order: &'answer str,
    revision: Option<Revision>,
    user: &'answer str,
    event: &'answer str,
    event_name: Option<&'answer str>,
    tickets: Vec<Line<'answer>>,
    paid: Cents,
    attempts: u32,
}

#[derive(Debug, Serialize)]
struct Line<'answer> {
    #[serde(rename = "type")]
    kind: &'answer str,
    quantity: i64,
}

pub(super) async fn execute(args: Args) -> Result<Exit, Failure> {
    let mut session = ShopSession::begin(&args.connection).await?;
    let (text, exit) = buy(&mut session, &args).await?;
    super::output::print(&text)?;
    Ok(exit)
}

async fn buy(session: &mut ShopSession, args: &Args) -> Result<(String, Exit), Failure> {
    let milliseconds = jiff::Timestamp::now().as_millisecond().unsigned_abs();
    let order = Order {
        key: OrderKey { buyer: std::process::id(), sequence: 1 },
        user: args.user.clone(),
        event: args.event.clone(),
        items: args.items.clone(),
        due: 0,
    };
    if let Some(fault) = order.fault() {
        return Err(Failure::Usage(format!("invalid order: {fault}")));
    }
    let event = offered(session, &order).await?;
    let shop = Shop {
        keys: session.keys.clone(),
        run_tag: run_tag(milliseconds, &order.user).into(),
        date: purchase_date().into(),
        strategy: strategy(&event).start(&StrategyContext::of(1)),
    };
    let mut cache = StockCache::new(stream(milliseconds, "back-off", order.key.buyer));
    let bought = shop.buy(&mut session.caller, &mut cache, &order).await;
    let left = match bought.outcome {
        OrderOutcome::SoldOut => Some(session.ask(async |keys, caller| event_of(keys, caller, &order.event).await).await?),
        _ => None,
    };
    let id = shop.order_id(order.key);
    let exit = exit(&bought.outcome);
    let reason = reason(&bought.outcome, &order, left.as_ref());
    if args.output.is_json() {
        return Ok((to_json(&answer(&bought, reason, &id, &order, &event))?, exit));
    }
    Ok((Screen::of_stdout().message(&sentence(&bought, reason.as_deref(), &id, &order, &event)), exit))
}

/// How to buy: from where the stock is. A sale that splits it into shards sells from them, and so does whoever buys
/// meanwhile, or after a sale that was cut off and never put them back. What is reserved is out of reach in any layout.
fn strategy(event: &FoundEvent) -> Strategy {
    // An event without tickets has no shards either.
    let shards = event.tickets.values().map(|ticket| ticket.shards).max().unwrap_or(0);
    match u8::try_from(shards).unwrap_or(u8::MAX) {
        0 => Strategy::Optimistic(OptimisticSettings { attempts: ATTEMPTS_MAX, ..OptimisticSettings::default() }),
        shards => Strategy::Sharded(ShardedSettings { shards, attempts: ATTEMPTS_MAX, ..ShardedSettings::default() }),
    }
}

fn exit(outcome: &OrderOutcome) -> Exit {
    match outcome {
        OrderOutcome::Sold { .. } => Exit::Pass,
        OrderOutcome::Unknown => Exit::Unknown,
        OrderOutcome::SoldOut | OrderOutcome::Rejected { .. } | OrderOutcome::Conflict => Exit::NotSold,
    }
}

/// Begins the order's id as a run's tag does: it contains the time and a hash of the user and the process.
fn run_tag(milliseconds: u64, user: &str) -> String {
    let digest = Sha256::digest(user.as_bytes());
    let hash = digest.iter().take(4).fold(0_u64, |hash, byte| (hash << 8) | u64::from(*byte));
    format!("c{}{}", base36(milliseconds), base36(hash))
}

/// The event, when it and everything else that the order names exists.
async fn offered(session: &mut ShopSession, order: &Order) -> Result<FoundEvent, Failure> {
    let found = session.ask(async |keys, caller| event_of(keys, caller, &order.event).await).await?;
    let Some(event) = found.events.into_iter().find(|event| event.record.is_some()) else {
        return Err(session.nothing_named(Named::Event, &order.event).await);
    };
    if !session.ask(async |keys, caller| exists(keys, caller, Named::User, &order.user).await).await? {
        return Err(session.nothing_named(Named::User, &order.user).await);
    }
    let Some((unknown, _)) = order.items.iter().find(|(kind, _)| !event.tickets.contains_key(kind)) else { return Ok(event) };
    let kinds = || event.tickets.keys().map(String::as_str);
    let next = match nearest(unknown, kinds()) {
        Some(nearest) => format!("did you mean {nearest:?}?"),
        None => format!("it has: {}", kinds().collect::<Vec<_>>().join(", ")),
    };
    Err(Failure::Usage(format!("this event has no {unknown:?} tickets; {next}")))
}

/// Why nothing was bought, or why it is not known.
fn reason(outcome: &OrderOutcome, order: &Order, left: Option<&Found>) -> Option<String> {
    match outcome {
        OrderOutcome::Sold { .. } => None,
        OrderOutcome::SoldOut => Some(shortage(order, left)),
        OrderOutcome::Rejected { reason, .. } => Some(reason.clone()),
        OrderOutcome::Conflict => Some(format!("all {ATTEMPTS_MAX} attempts conflicted with other buyers")),
        OrderOutcome::Unknown => Some("the response was lost".to_owned()),
    }
}

/// What there is too little of.
fn shortage(order: &Order, left: Option<&Found>) -> String {
    let stock = |kind: &str| left.and_then(|found| found.events.first()?.tickets.get(kind));
    let missing: Vec<String> = order
        .items
        .iter()
        .filter_map(|(kind, quantity)| {
            let ticket = stock(kind)?;
            let held = if ticket.held > 0 { format!(" ({} reserved)", ticket.held) } else { String::new() };
            (ticket.left < i128::from(*quantity)).then(|| format!("{quantity} {kind} requested, {} left{held}", ticket.left))
        })
        .collect();
    if missing.is_empty() {
        // Tickets were returned, or a sale has begun or ended and moved the stock.
        return "sold out at the time of the purchase, but available again now; try again".to_owned();
    }
    format!("sold out: {}", missing.join("; "))
}

fn answer<'answer>(
    bought: &PurchaseResult,
    reason: Option<String>,
    id: &'answer str,
    order: &'answer Order,
    event: &'answer FoundEvent,
) -> Answer<'answer> {
    let (outcome, revision) = match bought.outcome {
        OrderOutcome::Sold { revision } => ("sold", Some(revision)),
        OrderOutcome::SoldOut => ("sold_out", None),
        OrderOutcome::Rejected { .. } => ("rejected", None),
        OrderOutcome::Conflict => ("conflict", None),
        OrderOutcome::Unknown => ("unknown", None),
    };
    Answer {
        outcome,
        reason,
        order: id,
        revision,
        user: &order.user,
        event: &order.event,
        event_name: event.record.as_ref().map(|record| record.name.as_str()),
        tickets: order.items.iter().map(|(kind, quantity)| Line { kind, quantity: *quantity }).collect(),
        paid: bought.paid,
        attempts: bought.attempts,
    }
}

fn sentence(bought: &PurchaseResult, reason: Option<&str>, id: &str, order: &Order, event: &FoundEvent) -> String {
    let items: Vec<String> = order.items.iter().map(|(kind, quantity)| format!("{quantity} {kind}")).collect();
    let name = event.record.as_ref().map_or(order.event.as_str(), |record| record.name.as_str());
    let what = format!("{} of “{name}” for {}", items.join(" and "), order.user);
    let reason = reason.unwrap_or_default();
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = match bought.outcome {
        OrderOutcome::Sold { revision } => writeln!(text, "Bought {what}: {} paid, order {id}, revision {revision}.", bought.paid),
        OrderOutcome::Unknown => writeln!(
            text,
            "Unknown whether {what} was bought: {reason}. Check whether `ticketcd query purchases {}` lists order {id} before you buy \
             again.",
            order.user
        ),
        _ => writeln!(text, "Not sold: {what}. Reason: {reason}. Nothing was written."),
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shop::queries::TicketStock;

    #[test]
    fn quantities_may_be_strings() {
        assert_eq!(item("pink=2").unwrap(), ("pink".to_owned(), 2));
        assert_eq!(item("pink=\"2\"").unwrap(), ("pink".to_owned(), 2));
        assert_eq!(item(" pink = '3' ").unwrap(), ("pink".to_owned(), 3));
        for wrong in ["pink", "=2", "pink=", "pink=two", "pink=0", "pink=-1", "pink=1.5"] {
            assert!(item(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_event_is_bought_from_where_its_stock_is() {
        let ticket = |shards| TicketStock { total: 9, left: 9, held: 0, shards, price: Cents(1) };
        let event = |shards: [u32; 2]| FoundEvent {
            id: "e1".into(),
            record: None,
            tickets: [("gold".to_owned(), ticket(shards[0])), ("pink".to_owned(), ticket(shards[1]))].into(),
        };
        assert_eq!(strategy(&event([0, 0])).name(), "optimistic");
        let Strategy::Sharded(sharded) = strategy(&event([0, 16])) else { panic!("not from the shards") };
        assert_eq!(sharded.shards, 16);
    }

    #[test]
    fn an_order_with_an_unknown_outcome_is_reported_as_unknown() {
        let order = Order {
            key: OrderKey { buyer: 1, sequence: 1 },
            user: "ann".into(),
            event: "e1".into(),
            items: vec![("pink".into(), 2)],
            due: 0,
        };
        let event = FoundEvent { id: "e1".into(), record: None, tickets: std::collections::BTreeMap::new() };
        let shown = |outcome: OrderOutcome| {
            let (code, reason) = (exit(&outcome).code(), reason(&outcome, &order, None));
            let bought = PurchaseResult { outcome, paid: Cents(0), attempts: 1 };
            (code, sentence(&bought, reason.as_deref(), "c1-1-1", &order, &event))
        };
        let (code, text) = shown(OrderOutcome::Unknown);
        assert!(code == 2 && text.contains("query purchases ann") && text.contains("c1-1-1"), "{text}");
        let (code, text) = shown(OrderOutcome::Conflict);
        assert!(code == 1 && text.contains("conflicted with other buyers") && text.contains("Nothing was written"), "{text}");
        let (code, text) = shown(OrderOutcome::Sold { revision: 7 });
        assert!(code == 0 && text.contains("revision 7"), "{text}");
    }

    #[test]
    fn an_order_id_depends_on_time_and_user() {
        let tag = run_tag(1_790_000_000_000, "ann");
        assert_eq!(tag, run_tag(1_790_000_000_000, "ann"));
        assert_ne!(tag, run_tag(1_790_000_000_000, "bob"));
        assert_ne!(tag, run_tag(1_790_000_000_001, "ann"));
        let id: ticketcd_judge::history::OrderId = format!("{tag}-77-1").parse().unwrap();
        assert_eq!((&*id.run, id.key), (tag.as_str(), OrderKey { buyer: 77, sequence: 1 }));
    }
}
