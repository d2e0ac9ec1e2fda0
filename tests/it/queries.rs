//! The queries against a shop that is being changed: every answer must be what a straight recomputation from everything
//! under the prefix says, at the revision the answer names.

mod hand;
mod naive;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use naive::{Everything, Stock};
use ticketcd::dataset::{Catalogue, Dataset, LoadOptions, Target, load};
use ticketcd::etcd::{Client, RecordingClient};
use ticketcd::record::Sink;
use ticketcd::scenario::streams::stream;
use ticketcd::scenario::types;
use ticketcd::shop::queries::{
    FoundEvent, PAGE_KEYS_MAX, QueryError, Search, account_of, event_of, events_of, revenue_of, revenue_of_all, search,
};
use ticketcd::shop::{Order, Shop, StockCache, StrategyContext};
use ticketcd_judge::history::annotation::OrderOutcome;
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::event::Event;
use ticketcd_judge::history::request::{AnswerBody, Delete, KeyValue, Put, Request, TxnAnswerBody};
use ticketcd_judge::history::{MemberIndex, OrderKey};
use ticketcd_judge::model::Keyspace;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::member::{Kept, Member, TIMEOUT};

pub const PREFIX: &str = "shop/";

/// Comparisons of each test that sells meanwhile.
const COMPARISONS_MIN: usize = 240;

struct Fixture {
    _member: Member,
    client: Client,
    dataset: Dataset,
}

impl Fixture {
    async fn new(spec: types::Dataset) -> Self {
        let member = Member::start(&[]).await;
        let client = member.client().await;
        let dataset = Dataset::generate(&spec, 5, &Keyspace::new(PREFIX)).unwrap();
        let target = Target { clients: vec![client.clone()], sink: Sink::discarding(), timeout: TIMEOUT, stop: CancellationToken::new() };
        load(&dataset, &target, LoadOptions::default(), |_| ()).await.unwrap();
        Self { _member: member, client, dataset }
    }

    fn small() -> types::Dataset {
        types::Dataset { users: 6, events: 9, ticket_types: 3, stock: types::Stock { min: 300, max: 500 }, ..types::Dataset::default() }
    }

    fn keys(&self) -> Keyspace {
        self.dataset.keys.clone()
    }

    fn catalogue(&self) -> Arc<Catalogue> {
        self.dataset.catalogue.clone()
    }

    /// A caller whose calls are kept.
    fn caller(&self) -> (Kept, RecordingClient) {
        let (kept, sink, _recorder) = Kept::start();
        (kept, RecordingClient::new(vec![self.client.clone()], MemberIndex(0), TIMEOUT, sink))
    }

    /// Asks all queries again and again while somebody sells, and compares; until there were enough comparisons and
    /// `enough` holds.
    async fn compare_while(&self, sold: &AtomicUsize, enough: usize) {
        let (_, mut caller) = self.caller();
        let (mut comparisons, mut revisions) = (0, std::collections::BTreeSet::new());
        while comparisons < COMPARISONS_MIN || sold.load(Ordering::Relaxed) < enough {
            let turn = comparisons / 4;
            revisions.insert(self.compare_revenue(&mut caller, turn).await);
            revisions.insert(self.compare_one_revenue(&mut caller, turn).await);
            revisions.insert(self.compare_search(&mut caller, turn).await);
            revisions.insert(self.compare_purchases(&mut caller, turn).await);
            comparisons += 4;
        }
        assert!(revisions.len() > comparisons / 8, "little was sold meanwhile: {} revisions", revisions.len());
    }

    async fn compare_revenue(&self, caller: &mut RecordingClient, turn: usize) -> i64 {
        let types = &self.catalogue().types;
        let named: Vec<String> = if turn.is_multiple_of(2) { Vec::new() } else { types.iter().take(2).cloned().collect() };
        let answer = revenue_of_all(&self.keys(), caller, &named).await.unwrap();
        let all = Everything::at(&self.client, answer.revision).await;
        let wanted = if named.is_empty() { types.clone() } else { named };
        let expected: BTreeMap<String, _> = wanted.into_iter().map(|kind| (kind.clone(), all.revenue(&kind))).collect();
        let got: BTreeMap<String, _> =
            answer.types.into_iter().map(|(kind, revenue)| (kind, (revenue.events, i128::from(revenue.sold), revenue.cents))).collect();
        assert_eq!(got, expected, "at revision {}", answer.revision);
        for kind in types {
            let of_purchases = all.index(&format!("search:type:{kind}")).iter().map(|event| all.purchased(event)).collect::<Vec<_>>();
            let (sold, paid) = of_purchases.iter().fold((0, 0), |(sold, paid), one| (sold + one.0, paid + one.1));
            assert_eq!((sold, paid), (all.revenue(kind).1, all.revenue(kind).2), "the shop itself is wrong");
        }
        answer.revision
    }

    async fn compare_one_revenue(&self, caller: &mut RecordingClient, turn: usize) -> i64 {
        let types = &self.catalogue().types;
        let kind = &types[turn % types.len()];
        let answer = revenue_of(&self.keys(), caller, kind).await.unwrap();
        let all = Everything::at(&self.client, answer.revision).await;
        assert_eq!((answer.events, i128::from(answer.sold), answer.cents), all.revenue(kind));
        answer.revision
    }

    async fn compare_search(&self, caller: &mut RecordingClient, turn: usize) -> i64 {
        let catalogue = self.catalogue();
        let kind = catalogue.types[turn % catalogue.types.len()].clone();
        let beginning: String = catalogue.words[turn % catalogue.words.len()].chars().take(1 + turn % 2).collect();
        let wanted = Search { kind: Some(kind.clone()), location: None, text: Some(beginning.to_uppercase()) };
        let answer = events_of(&self.keys(), caller, &wanted).await.unwrap();
        let all = Everything::at(&self.client, answer.revision).await;
        assert_eq!(answer.events.iter().map(|event| event.id.clone()).collect::<Vec<_>>(), all.search(&kind, &beginning));
        answer.events.iter().for_each(|event| same_event(event, &all));
        let one = &catalogue.events[turn % catalogue.events.len()].id;
        let answer = event_of(&self.keys(), caller, one).await.unwrap();
        same_event(&answer.events[0], &Everything::at(&self.client, answer.revision).await);
        answer.revision
    }

    async fn compare_purchases(&self, caller: &mut RecordingClient, turn: usize) -> i64 {
        let catalogue = self.catalogue();
        let user = &catalogue.users[turn % catalogue.users.len()];
        let answer = account_of(&self.keys(), caller, user).await.unwrap();
        let all = Everything::at(&self.client, answer.revision).await;
        let mut got = Vec::new();
        for event in answer.events {
            let value = all.value(&format!("event:{}", event.id)).unwrap();
            assert_eq!(event.record.unwrap().name, value["name"].as_str().unwrap());
            for purchase in event.purchases {
                let lines = purchase.tickets.iter().map(|line| (line.kind.clone(), i128::from(line.quantity))).collect();
                got.push((event.id.clone(), purchase.id, lines));
            }
        }
        assert_eq!(got, all.purchases(user), "at revision {}", answer.revision);
        answer.revision
    }

    /// The buyer's own answer: the revision it names holds that order and nothing else, and what was paid is its price.
    async fn compare_purchase(&self, order: &Order, id: &str, revision: i64, paid: i128) {
        let (before, after) = (Everything::at(&self.client, revision - 1).await, Everything::at(&self.client, revision).await);
        let mut keys = vec![format!("event:{}", order.event), format!("purchase:{}:{}", order.user, order.event)];
        keys.extend(order.items.iter().map(|(kind, _)| format!("ticket:{}:{kind}", order.event)));
        keys.sort();
        assert_eq!(after.written_at(revision), keys);
        let (old, new) = (before.stock(&order.event), after.stock(&order.event));
        let price: i128 = order.items.iter().map(|(kind, quantity)| i128::from(*quantity) * old[kind].cents).sum();
        assert_eq!(paid, price);
        for (kind, quantity) in &order.items {
            assert_eq!(new[kind].left, old[kind].left - i128::from(*quantity));
        }
        let mut entries = before.purchases(&order.user);
        let lines = order.items.iter().map(|(kind, quantity)| (kind.clone(), i128::from(*quantity))).collect();
        let position = entries
            .iter()
            .rposition(|(event, ..)| *event == order.event)
            .map_or_else(|| entries.iter().position(|(event, ..)| *event > order.event).unwrap_or(entries.len()), |last| last + 1);
        entries.insert(position, (order.event.clone(), Some(id.to_owned()), lines));
        assert_eq!(after.purchases(&order.user), entries);
    }
}

fn same_event(event: &FoundEvent, all: &Everything) {
    let stock = |ticket: &ticketcd::shop::queries::TicketStock| Stock {
        total: ticket.total,
        left: ticket.left,
        held: ticket.held,
        cents: ticket.price.0.into(),
    };
    let got: BTreeMap<String, Stock> = event.tickets.iter().map(|(kind, ticket)| (kind.clone(), stock(ticket))).collect();
    assert_eq!(got, all.stock(&event.id));
    let value = all.value(&format!("event:{}", event.id)).unwrap();
    let record = event.record.as_ref().unwrap();
    assert_eq!(record.name, value["name"].as_str().unwrap());
    assert_eq!(i128::from(record.current_quantity), naive::number(&value["current_quantity"]));
}

/// A buyer that buys and cancels until it is stopped; every tenth answer of its own it compares.
async fn buy_and_cancel(fixture: Arc<Fixture>, buyer: u32, sold: Arc<AtomicUsize>, cancelled: Arc<AtomicUsize>, stop: CancellationToken) {
    let (_, mut caller) = fixture.caller();
    let strategy = types::Load::default().strategy.start(&StrategyContext::of(1));
    let shop = Shop { keys: fixture.keys(), run_tag: "r1".into(), date: "01-05-2026 20:00".into(), strategy };
    let mut memory = StockCache::new(stream(1, "back-off", buyer));
    let catalogue = fixture.catalogue();
    for sequence in 1_u32.. {
        if stop.is_cancelled() {
            return;
        }
        let event = &catalogue.events[(sequence * 7 + buyer) as usize % 3];
        let user = catalogue.users[buyer as usize % catalogue.users.len()].clone();
        let kinds: Vec<String> = event.kinds.iter().map(|ticket| ticket.kind.clone()).collect();
        let key = OrderKey { buyer, sequence };
        if sequence.is_multiple_of(4) {
            if hand::cancel(&fixture.client, &user, &event.id, &kinds, &shop.order_id(key)).await {
                cancelled.fetch_add(1, Ordering::Relaxed);
            }
            continue;
        }
        let items = kinds.into_iter().take(1 + sequence as usize % 2).map(|kind| (kind, i64::from(1 + sequence % 3))).collect();
        let order = Order { key, user, event: event.id.clone(), items, due: 0 };
        let bought = shop.buy(&mut caller, &mut memory, &order).await;
        if let OrderOutcome::Sold { revision } = bought.outcome
            && sold.fetch_add(1, Ordering::Relaxed).is_multiple_of(10)
        {
            fixture.compare_purchase(&order, &shop.order_id(key), revision, bought.paid.0.into()).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_right_while_tickets_are_sold_and_cancelled() {
    let fixture = Arc::new(Fixture::new(Fixture::small()).await);
    let (sold, cancelled) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let stop = CancellationToken::new();
    let mut buyers = JoinSet::new();
    for buyer in 0..3 {
        buyers.spawn(buy_and_cancel(fixture.clone(), buyer, sold.clone(), cancelled.clone(), stop.clone()));
    }
    fixture.compare_while(&sold, 100).await;
    stop.cancel();
    while let Some(ended) = buyers.join_next().await {
        ended.unwrap();
    }
    assert!(cancelled.load(Ordering::Relaxed) > 10, "{} cancelled", cancelled.load(Ordering::Relaxed));
}

/// Asks while `step` is made again and again by hand.
async fn compare_layout(step: impl AsyncFn(&Client, &str, &str, &str, usize) -> bool) {
    let fixture = Fixture::new(Fixture::small()).await;
    let catalogue = fixture.catalogue();
    let made = AtomicUsize::new(0);
    let write = async {
        for turn in 0_usize.. {
            let event = &catalogue.events[turn / 7 % 4];
            let user = &catalogue.users[turn % 2];
            if step(&fixture.client, user, &event.id, &event.kinds[turn % 2].kind, turn / 7).await {
                made.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    tokio::select! {
        () = write => unreachable!(),
        () = fixture.compare_while(&made, 200) => {}
    }
}

#[tokio::test]
async fn stock_in_shards_is_not_sold() {
    compare_layout(hand::shard_step).await;
}

#[tokio::test]
async fn reserved_stock_is_not_sold() {
    compare_layout(hand::hold_step).await;
}

/// Keys and bytes of every answer, the largest of each.
fn largest_answer(events: &[Event]) -> (usize, usize) {
    let weigh = |kvs: &[KeyValue]| (kvs.len(), kvs.iter().map(|kv| kv.key.len() + kv.value.len()).sum::<usize>());
    let mut largest = (0, 0);
    for event in events {
        let Event::Return(returned) = event else { continue };
        let CallOutcome::Ok(answer) = &returned.outcome else { continue };
        let weighed = match &answer.body {
            AnswerBody::Range(range) => vec![weigh(&range.kvs)],
            AnswerBody::Txn { responses, .. } => responses
                .iter()
                .filter_map(|response| match &response.body {
                    TxnAnswerBody::Range(range) => Some(weigh(&range.kvs)),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        };
        let (keys, bytes) = weighed.iter().fold((0, 0), |(keys, bytes), one| (keys + one.0, bytes + one.1));
        largest = (largest.0.max(keys), largest.1.max(bytes));
    }
    largest
}

#[tokio::test]
async fn no_answer_is_huge_however_large_the_shop() {
    let spec = types::Dataset { users: 50, events: 1500, ticket_types: 5, ..types::Dataset::default() };
    let fixture = Fixture::new(spec).await;
    let (kept, mut caller) = fixture.caller();
    let user = &fixture.catalogue().users[0];
    for event in fixture.catalogue().events.iter().take(700) {
        let value = r#"[{"date":"2024-05-01","tickets":[{"type":"pink","quantity":"2"}]}]"#;
        let put = Put { key: fixture.keys().purchase(user, &event.id), value: value.into(), ..Put::default() };
        assert!(matches!(fixture.client.call(&Request::Put(put), TIMEOUT).await, CallOutcome::Ok(_)));
    }
    let keys = fixture.keys();
    let revenues = revenue_of_all(&keys, &mut caller, &[]).await.unwrap();
    assert_eq!(revenues.types.values().map(|revenue| revenue.events).sum::<usize>(), 1500);
    let wanted = Search { text: Some("evening".to_owned()), ..Search::default() };
    let found = events_of(&keys, &mut caller, &wanted).await.unwrap();
    assert_eq!(found.events.len(), 1500);
    let all = Everything::at(&fixture.client, found.revision).await;
    found.events.iter().step_by(50).for_each(|event| same_event(event, &all));
    let account = account_of(&keys, &mut caller, user).await.unwrap();
    assert_eq!(account.events.len(), 700);
    assert!(account.events.iter().all(|event| event.purchases[0].tickets[0].price.is_some()), "prices come from the tickets");
    assert!(is_recorded(&kept, caller).await);
    let (most_keys, most_bytes) = largest_answer(&kept.events());
    assert!(most_keys > 100, "the answers were not found");
    assert!(most_keys <= PAGE_KEYS_MAX && most_bytes <= 1 << 20, "{most_keys} keys, {most_bytes} bytes in one answer");
}

/// Whether everything the worker did is in the record.
async fn is_recorded(kept: &Kept, caller: RecordingClient) -> bool {
    caller.close().await;
    let closed = || kept.events().iter().any(|event| matches!(event, Event::WorkerClosed(_)));
    crate::member::eventually(async || closed()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_whose_revision_is_compacted_begins_again() {
    let spec = types::Dataset { users: 5, events: 400, ..types::Dataset::default() };
    let fixture = Fixture::new(spec).await;
    let (kept, mut caller) = fixture.caller();
    let expected = Everything::at(&fixture.client, 0).await;
    let client = fixture.client.clone();
    let compacting = tokio::spawn(async move {
        loop {
            // A key outside of the shop: its content stays what it was.
            let put = Request::Put(Put { key: "elsewhere".into(), value: "x".into(), ..Put::default() });
            if let CallOutcome::Ok(answer) = client.call(&put, TIMEOUT).await {
                client.call(&Request::compact(answer.revision), TIMEOUT).await;
            }
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
    });
    let was_compacted = |event: &Event| {
        let Event::Return(returned) = event else { return false };
        matches!(&returned.outcome, CallOutcome::Refused { message, .. } if message.contains("compacted"))
    };
    let (mut right, mut given_up) = (0, 0);
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while right < 5 || !kept.events().iter().any(was_compacted) {
        assert!(std::time::Instant::now() < deadline, "{right} answers, {given_up} given up");
        match revenue_of_all(&fixture.keys(), &mut caller, &[]).await {
            Ok(answer) => {
                right += 1;
                for (kind, revenue) in answer.types {
                    assert_eq!((revenue.events, i128::from(revenue.sold), revenue.cents), expected.revenue(&kind));
                }
            }
            Err(QueryError::Compacted { times, .. }) => {
                assert_eq!(times, 5);
                given_up += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    compacting.abort();
}

#[tokio::test]
async fn a_search_for_several_words_finds_what_has_them_all() {
    let fixture = Fixture::new(types::Dataset { events: 60, ..Fixture::small() }).await;
    let (_, mut caller) = fixture.caller();
    let all = Everything::at(&fixture.client, 0).await;
    let text = |text: &str| Search { text: Some(text.to_owned()), ..Search::default() };
    let both = search(&fixture.keys(), &mut caller, &text("evening mi")).await.unwrap();
    let expected = search(&fixture.keys(), &mut caller, &text("mi")).await.unwrap();
    assert!(!expected.is_empty() && both == expected, "every event is an evening");
    assert!(expected.iter().all(|id| all.value(&format!("event:{id}")).is_some()));
    assert!(search(&fixture.keys(), &mut caller, &text("evening xyz")).await.unwrap().is_empty());
    let gone = Request::Delete(Delete { key: fixture.keys().event(expected.first().unwrap()), ..Delete::default() });
    assert!(matches!(fixture.client.call(&gone, TIMEOUT).await, CallOutcome::Ok(_)));
    let found = events_of(&fixture.keys(), &mut caller, &text("mi")).await.unwrap();
    assert_eq!(found.events.iter().filter(|event| event.record.is_none()).count(), 1, "an event that is gone is not hidden");
}
