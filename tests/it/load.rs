//! Buyers on a real etcd.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ticketcd::etcd::{Client, RecordingClient};
use ticketcd::load::{Counts, Load, Offer, OrderGenerator};
use ticketcd::record::{Reader, Recorder, Sink};
use ticketcd::scenario::streams::stream;
use ticketcd::scenario::types::{self, Arrivals, Constant, Mix, NaiveSettings, Scenario};
use ticketcd::scenario::units::{Rate, Span};
use ticketcd::shop::queries::{Search, orders_of, revenue_of, search};
use ticketcd::shop::{Order, Shop, StockCache, StrategyContext};
use ticketcd_judge::history::annotation::{OrderOutcome, Purpose};
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::event::{Event, Phase};
use ticketcd_judge::history::request::{AnswerBody, Put, Range, Request};
use ticketcd_judge::history::{Blob, MemberIndex, OrderKey};
use ticketcd_judge::model::records::{EventRecord, Ticket};
use ticketcd_judge::model::{Cents, Keyspace};
use tokio_util::sync::CancellationToken;

use crate::member::Member;
use crate::support::concert;

const TIMEOUT: Duration = Duration::from_secs(5);

/// Keeps every event.
#[derive(Clone, Default)]
struct Everything(Arc<Mutex<Vec<Event>>>);

impl Reader for Everything {
    fn observe(&mut self, event: &Event) -> std::io::Result<()> {
        self.0.lock().unwrap().push(event.clone());
        Ok(())
    }
}

/// What was recorded of a load.
struct Recorded {
    events: Vec<Event>,
}

impl Recorded {
    fn outcomes(&self) -> Vec<(OrderOutcome, i64, u32)> {
        let mut quantities = HashMap::new();
        let mut outcomes = Vec::new();
        for event in &self.events {
            match event {
                Event::OrderPlaced(placed) => {
                    quantities.insert(placed.order, placed.items.iter().map(|(_, quantity)| quantity).sum::<i64>());
                }
                Event::OrderClosed(closed) => outcomes.push((closed.outcome.clone(), quantities[&closed.order], closed.attempts)),
                _ => {}
            }
        }
        outcomes
    }

    fn sold(&self) -> i64 {
        self.outcomes().iter().filter(|(outcome, ..)| matches!(outcome, OrderOutcome::Sold { .. })).map(|(_, quantity, _)| quantity).sum()
    }

    fn calls(&self, purpose: Purpose) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::Invoke(invoke) if invoke.purpose == purpose)).count()
    }
}

/// A shop with one event and one ticket type.
struct Fixture {
    etcd: Member,
    client: Client,
    keys: Keyspace,
}

impl Fixture {
    async fn new(stock: i64) -> Self {
        let etcd = Member::start(&[]).await;
        let fixture = Self { client: etcd.client().await, etcd, keys: Keyspace::new("t/") };
        let event = concert(stock);
        fixture.put(fixture.keys.event("e1"), serde_json::to_vec(&event).unwrap()).await;
        fixture.stock_up(stock).await;
        fixture.put(fixture.keys.search_type("concert"), br#"["e1"]"#.to_vec()).await;
        fixture.put(fixture.keys.search_location("Bonn"), br#"["e1"]"#.to_vec()).await;
        fixture.put(fixture.keys.search_text("rock"), br#"["e1"]"#.to_vec()).await;
        fixture
    }

    async fn stock_up(&self, stock: i64) {
        let ticket = Ticket { total_quantity: stock, current_quantity: stock, price: Cents(4990) };
        self.put(self.keys.ticket("e1", "pink"), serde_json::to_vec(&ticket).unwrap()).await;
    }

    async fn put(&self, key: Blob, value: Vec<u8>) {
        let put = Request::Put(Put { key, value: value.into(), ..Put::default() });
        assert!(matches!(self.client.call(&put, TIMEOUT).await, CallOutcome::Ok(_)));
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, key: Blob) -> T {
        let range = Request::Range(Range { key, ..Range::default() });
        match self.client.call(&range, TIMEOUT).await {
            CallOutcome::Ok(answer) => match answer.body {
                AnswerBody::Range(range) => serde_json::from_slice(range.kvs[0].value.as_bytes()).unwrap(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    fn shop(&self, load: &types::Load) -> Shop {
        Shop {
            keys: self.keys.clone(),
            run_tag: "r1".into(),
            date: "01-05-2026 20:00".into(),
            strategy: load.strategy.start(&StrategyContext::of(load.buyers)),
        }
    }

    fn load(&self, load: types::Load, sink: Sink) -> Load {
        let users = (0..load.buyers).map(|number| format!("user{number}")).collect();
        let shop = self.shop(&load);
        let scenario = scenario(load);
        let offers = vec![Offer { event: "e1".to_owned(), kinds: vec!["pink".to_owned()] }];
        let market = OrderGenerator::new(&scenario, offers, users).searchable(
            vec!["concert".to_owned()],
            vec!["Bonn".to_owned()],
            vec!["rock".to_owned()],
        );
        Load::new(&scenario, 1, shop, market, std::slice::from_ref(&self.client), sink)
    }

    /// Drives a load, again and again until `enough`.
    async fn drive(&self, load: types::Load, span: Duration, enough: impl Fn(&Recorded) -> bool) -> (Recorded, Counts) {
        let everything = Everything::default();
        let (sink, recorder) = Recorder::start(vec![Box::new(everything.clone())]).unwrap();
        let mut load = self.load(load, sink);
        let mut counts = Counts::default();
        for _ in 0..40 {
            counts = load.drive(Phase::Steady, span, 0.0, &CancellationToken::new()).await;
            if enough(&Recorded { events: everything.0.lock().unwrap().clone() }) {
                break;
            }
        }
        load.close().await;
        recorder.finish().unwrap();
        let events = std::mem::take(&mut *everything.0.lock().unwrap());
        (Recorded { events }, counts)
    }
}

fn scenario(load: types::Load) -> Scenario {
    Scenario { load, ..Scenario::new("test") }
}

fn sold_out(recorded: &Recorded) -> bool {
    recorded.outcomes().iter().filter(|(outcome, ..)| *outcome == OrderOutcome::SoldOut).count() >= 50
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_guarded_buyers_sell_a_hot_ticket_out_exactly() {
    let fixture = Fixture::new(100).await;
    let load = types::Load { buyers: 50, quantity_max: 1, ..types::Load::default() };
    let (recorded, _) = fixture.drive(load, Duration::from_millis(300), sold_out).await;
    assert_eq!(recorded.sold(), 100);
    assert_eq!(fixture.get::<Ticket>(fixture.keys.ticket("e1", "pink")).await.current_quantity, 0);
    assert_eq!(fixture.get::<EventRecord>(fixture.keys.event("e1")).await.current_quantity, 0);
    let closed = recorded.events.iter().filter(|event| matches!(event, Event::WorkerClosed(_))).count();
    assert_eq!(closed, 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_naive_buyers_oversell_it() {
    let fixture = Fixture::new(100).await;
    let load = types::Load {
        buyers: 50,
        quantity_max: 1,
        strategy: types::Strategy::Naive(NaiveSettings { pause: Span::milliseconds(5), ..NaiveSettings::default() }),
        ..types::Load::default()
    };
    let (recorded, _) = fixture.drive(load, Duration::from_millis(300), |recorded| recorded.sold() > 100).await;
    assert!(recorded.sold() > 100, "{} sold", recorded.sold());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_buyer_that_remembers_needs_one_round_trip() {
    let fixture = Fixture::new(1_000_000).await;
    let load = types::Load { buyers: 1, ..types::Load::default() };
    let (recorded, _) = fixture.drive(load, Duration::from_millis(200), |_| true).await;
    let outcomes = recorded.outcomes();
    assert!(outcomes.len() > 1);
    assert!(outcomes.iter().all(|(outcome, _, attempts)| matches!(outcome, OrderOutcome::Sold { .. }) && *attempts == 1));
    // The first purchase reads the stock; no other does.
    assert_eq!(recorded.calls(Purpose::Purchase), outcomes.len() + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_offered_is_started_or_shed_and_sampled() {
    let fixture = Fixture::new(1_000_000).await;
    let load = types::Load {
        buyers: 8,
        arrivals: Arrivals::Poisson(Constant { rate: Rate::PerSecond(300.0) }),
        mix: Mix { purchase: 4, search: 2, orders: 1, revenue: 1, range_guard: 1, ..Mix::default() },
        ..types::Load::default()
    };
    let (recorded, counts) = fixture.drive(load, Duration::from_millis(1500), |_| true).await;
    assert!(counts.started > 0);
    assert_eq!(counts.offered, counts.started + counts.shed);
    assert_eq!(counts.answered, counts.started);
    let samples = recorded.events.iter().filter_map(|event| match event {
        Event::Load(sample) => Some((sample.offered, sample.started, sample.shed)),
        _ => None,
    });
    let sum = samples.fold((0, 0, 0), |sum, sample| (sum.0 + sample.0, sum.1 + sample.1, sum.2 + sample.2));
    assert_eq!(sum, (counts.offered, counts.started, counts.shed));
    for purpose in [Purpose::Purchase, Purpose::Search, Purpose::Orders, Purpose::Revenue, Purpose::RangeGuard] {
        assert!(recorded.calls(purpose) > 0, "{purpose:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_see_what_was_bought() {
    let fixture = Fixture::new(1_000_000).await;
    let load = types::Load { buyers: 2, ..types::Load::default() };
    let (recorded, _) = fixture.drive(load, Duration::from_millis(200), |_| true).await;
    let mut caller = RecordingClient::new(vec![fixture.client.clone()], MemberIndex(0), TIMEOUT, Sink::discarding());

    let revenue = revenue_of(&fixture.keys, &mut caller, "concert").await.unwrap();
    assert_eq!((revenue.events, revenue.sold), (1, recorded.sold()));
    assert_eq!(revenue.cents, i128::from(recorded.sold()) * 4990);
    assert_eq!(revenue_of(&fixture.keys, &mut caller, "opera").await.unwrap().sold, 0);

    let mut entered = 0;
    for user in ["user0", "user1", "user"] {
        for of_event in orders_of(&fixture.keys, &mut caller, user).await.unwrap() {
            entered += of_event.purchases.iter().flat_map(|purchase| &purchase.tickets).map(|line| line.quantity).sum::<i64>();
        }
    }
    assert_eq!(entered, recorded.sold());

    let beginning = Search { kind: Some("concert".to_owned()), location: Some("Bonn".to_owned()), text: Some("Ro".to_owned()) };
    assert_eq!(search(&fixture.keys, &mut caller, &beginning).await.unwrap().into_iter().collect::<Vec<_>>(), ["e1"]);
    let elsewhere = Search { location: Some("Rome".to_owned()), ..beginning };
    assert!(search(&fixture.keys, &mut caller, &elsewhere).await.unwrap().is_empty());
    caller.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sold_out_is_never_said_from_memory() {
    let fixture = Fixture::new(2).await;
    let mut caller = RecordingClient::new(vec![fixture.client.clone()], MemberIndex(0), TIMEOUT, Sink::discarding());
    let mut memory = StockCache::new(stream(1, "back-off", 0));
    let shop = fixture.shop(&types::Load::default());
    let order = |sequence| Order {
        key: OrderKey { buyer: 0, sequence },
        user: "ann".to_owned(),
        event: "e1".to_owned(),
        items: vec![("pink".to_owned(), 2)],
        due: 0,
    };
    assert!(matches!(shop.buy(&mut caller, &mut memory, &order(1)).await.outcome, OrderOutcome::Sold { .. }));
    assert_eq!(shop.buy(&mut caller, &mut memory, &order(2)).await.outcome, OrderOutcome::SoldOut);
    fixture.stock_up(2).await;
    let bought = shop.buy(&mut caller, &mut memory, &order(3)).await;
    assert!(matches!(bought.outcome, OrderOutcome::Sold { .. }));
    assert_eq!(bought.paid, Cents(2 * 4990));
    caller.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_hangs_does_not_hold_the_load_up() {
    let fixture = Fixture::new(100).await;
    fixture.etcd.pause().await;
    let load = types::Load { buyers: 4, timeout: Span::milliseconds(200), ..types::Load::default() };
    let (recorded, counts) = fixture.drive(load, Duration::from_millis(300), |_| true).await;
    let outcomes = recorded.outcomes();
    assert_eq!((outcomes.len() as u64, counts.answered), (counts.started, 0));
    assert!(outcomes.iter().all(|(outcome, ..)| matches!(outcome, OrderOutcome::Rejected { .. } | OrderOutcome::Unknown)));
    assert!(counts.started >= 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calibration_measures_and_records_a_rate() {
    let fixture = Fixture::new(1_000_000).await;
    let everything = Everything::default();
    let (sink, recorder) = Recorder::start(vec![Box::new(everything.clone())]).unwrap();
    let arrivals = Arrivals::Constant(Constant { rate: Rate::Share(0.5) });
    let mut load = fixture.load(types::Load { buyers: 4, arrivals, ..types::Load::default() }, sink);
    assert!(load.needs_calibration());
    let rate = load.calibrate(&CancellationToken::new()).await.unwrap();
    load.close().await;
    recorder.finish().unwrap();
    let events = everything.0.lock().unwrap();
    let recorded = events.iter().find_map(|event| match event {
        Event::Calibrated(calibrated) => Some(calibrated.millihertz),
        _ => None,
    });
    assert_eq!(recorded, Some((rate * 1000.0) as u64));
    assert!(rate > 0.0);
}
