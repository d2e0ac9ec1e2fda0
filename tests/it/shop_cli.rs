//! `ticketcd query` and `ticketcd buy` as somebody at a terminal meets them.

use std::process::{Command, Output};

use serde_json::{Value, json};
use ticketcd::etcd::Client;
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{AnswerBody, Put, Range, Request};

use crate::member::{Member, TIMEOUT};

struct Shop {
    member: Member,
    client: Client,
}

const EVENT: &str =
    r#"{"name":"Rock","description":"Night","location":"Bonn","type":"concert","date":"2024-06-01","current_quantity":"9"}"#;

impl Shop {
    /// A shop as the original wrote it: quantities as strings, a single object where the array belongs.
    async fn of_the_original() -> Self {
        let member = Member::start(&[]).await;
        let shop = Self { client: member.client().await, member };
        let user = r#"{"name":"Ann","email":"a@example.org","password":"x","role":"customer"}"#;
        shop.put("user:ann", user).await;
        shop.put("event:e1", EVENT).await;
        shop.put("ticket:e1:pink", r#"{"total_quantity":"8","current_quantity":"6","price":"49.9"}"#).await;
        shop.put("ticket:e1:yellow", r#"{"total_quantity":3,"current_quantity":3,"price":0.10}"#).await;
        shop.put("purchase:ann:e1", r#"{"date":"2024-05-01","tickets":[{"type":"pink","quantity":"2"}]}"#).await;
        for index in ["search:type:concert", "search:location:Bonn", "search:text:rock", "search:text:night"] {
            shop.put(index, r#"["e1"]"#).await;
        }
        shop
    }

    async fn put(&self, key: &str, value: &str) {
        let put = Request::Put(Put { key: format!("ticketcd/{key}").into(), value: value.into(), ..Put::default() });
        assert!(matches!(self.client.call(&put, TIMEOUT).await, CallOutcome::Ok(_)));
    }

    async fn get(&self, key: &str) -> String {
        let range = Range { key: format!("ticketcd/{key}").into(), ..Range::default() };
        let AnswerBody::Range(found) = self.client.range(&range, TIMEOUT).await.unwrap().body else { panic!() };
        found.kvs[0].value.to_text()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_ticketcd"))
            .args(arguments)
            .args(["--endpoints", &self.member.endpoint().to_string()])
            .output()
            .unwrap()
    }

    /// What it prints, when it exits with this code.
    fn prints(&self, arguments: &[&str], code: i32) -> String {
        let output = self.run(arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, arguments: &[&str], code: i32) -> Value {
        serde_json::from_str(&self.prints(&[arguments, &["--json"]].concat(), code)).unwrap()
    }

    /// What it complains about, when it exits with this code.
    fn complains(&self, arguments: &[&str], code: i32) -> String {
        let output = self.run(arguments);
        assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(code), true), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

#[tokio::test]
async fn what_the_original_wrote_is_shown_sold_from_and_kept() {
    let shop = Shop::of_the_original().await;
    let bought = shop.json(&["buy", "e1", "--buyer", "ann", "pink=2", "yellow=\"1\""], 0);
    assert_eq!((&bought["outcome"], &bought["paid"].to_string()), (&json!("sold"), &"99.9".to_owned()));
    let id = bought["order"].as_str().unwrap();

    // The entry of the original is there, byte for byte, as the first of an array.
    let purchases = shop.get("purchase:ann:e1").await;
    assert!(purchases.starts_with(r#"[{"date":"2024-05-01","tickets":[{"type":"pink","quantity":"2"}]},{"id":""#), "{purchases}");
    assert_eq!(shop.get("ticket:e1:pink").await, r#"{"total_quantity":8,"current_quantity":4,"price":49.90}"#);
    let event: Value = serde_json::from_str(&shop.get("event:e1").await).unwrap();
    assert_eq!(event["current_quantity"], 6);

    let table = shop.prints(&["query", "purchases", "ann"], 0);
    assert!(table.contains("2 pink at 49.90, 1 yellow at 0.10"), "{table}");
    assert!(table.contains(id) && table.contains("2024-05-01") && table.contains("total paid 199.70"), "{table}");
    let listed = shop.json(&["query", "purchases", "ann"], 0);
    assert_eq!(
        listed["purchases"][0],
        json!({
            "order": null, "event": "e1", "event_name": "Rock", "event_date": "2024-06-01", "date": "2024-05-01",
            "tickets": [{"type": "pink", "quantity": 2, "price": 49.90}], "paid": 99.80, "cancels": null, "cancelled_by": null,
        })
    );
    assert_eq!(listed["revision"], bought["revision"]);

    let revenue = shop.prints(&["query", "revenue", "concert", "--json"], 0);
    assert!(revenue.contains("\"revenue\": 199.70"), "{revenue}");
    let found = shop.json(&["query", "search", "--type", "concert", "--location", "Bonn", "--text", "ro NI"], 0);
    assert_eq!(found["events"][0]["left"], 6);
    assert_eq!(found["events"][0]["tickets"][1], json!({"type": "yellow", "total": 3, "left": 2, "held": 0, "price": 0.10}));
}

#[tokio::test]
async fn what_is_not_sold_says_why_and_writes_nothing() {
    let shop = Shop::of_the_original().await;
    let refused = shop.prints(&["buy", "e1", "--buyer", "ann", "pink=7"], 1);
    assert!(refused.contains("7 pink requested, 6 left"), "{refused}");
    let hold = r#"{"user":"bob","tickets":[{"type":"yellow","quantity":1,"price":0.10}]}"#;
    shop.put("hold:record:e1:r1-1-1", hold).await;
    shop.put("ticket:e1:yellow", r#"{"total_quantity":3,"current_quantity":2,"price":0.10}"#).await;
    let reserved = shop.json(&["buy", "e1", "--buyer", "ann", "yellow=3"], 1);
    assert!(reserved["reason"].as_str().unwrap().contains("2 left (1 reserved)"), "{reserved}");
    assert_eq!((&reserved["outcome"], &reserved["revision"]), (&json!("sold_out"), &Value::Null));
    assert_eq!(shop.get("event:e1").await, EVENT);
    shop.put("purchase:ann:e1", "17").await;
    let broken = shop.json(&["buy", "e1", "--buyer", "ann", "pink=1"], 1);
    assert_eq!(broken["outcome"], "rejected");
    assert_eq!(shop.get("purchase:ann:e1").await, "17");
}

#[tokio::test]
async fn an_event_whose_stock_is_split_is_sold_from_its_shards() {
    let shop = Shop::of_the_original().await;
    shop.put("shard:e1:yellow:000", r#"{"current_quantity":5}"#).await;
    shop.put("shard:e1:yellow:001", r#"{"current_quantity":1}"#).await;
    shop.put("ticket:e1:yellow", r#"{"total_quantity":8,"current_quantity":2,"price":0.10}"#).await;
    let bought = shop.json(&["buy", "e1", "--buyer", "ann", "yellow=6"], 0);
    assert_eq!((&bought["outcome"], &bought["paid"].to_string()), (&json!("sold"), &"0.6".to_owned()));
    let shards = [shop.get("shard:e1:yellow:000").await, shop.get("shard:e1:yellow:001").await];
    assert_eq!(shards, [r#"{"current_quantity":0}"#, r#"{"current_quantity":0}"#]);
    // What is in the ticket itself is sold too, in one order with a type that was never split.
    shop.json(&["buy", "e1", "--buyer", "ann", "yellow=2", "pink=1"], 0);
    let refused = shop.prints(&["buy", "e1", "--buyer", "ann", "yellow=1"], 1);
    assert!(refused.contains("1 yellow requested, 0 left"), "{refused}");
    let found = shop.json(&["query", "search", "--type", "concert"], 0);
    assert_eq!(found["events"][0]["tickets"][1]["left"], 0);
    assert_eq!(found["events"][0]["tickets"][0]["left"], 5);
    // The event's own count is the sale's to settle when it puts the shards back.
    assert_eq!(shop.get("event:e1").await, EVENT);
}

#[tokio::test]
async fn unknown_names_are_reported_with_the_nearest() {
    let shop = Shop::of_the_original().await;
    let cases: [(&[&str], i32, &[&str]); 10] = [
        (&["query", "purchases", "anm"], 64, &["user \"anm\"", "mean \"ann\""]),
        (&["query", "revenue", "concrt"], 64, &["event type", "mean \"concert\""]),
        (&["query", "revenue", "zoo"], 64, &["existing names: concert"]),
        (&["query", "search", "--type", "concert", "--location", "bonn"], 64, &["mean \"Bonn\""]),
        (&["query", "search", "--type", ""], 64, &["--type is empty"]),
        (&["query", "revenue", "--prefix", "elsewhere/"], 6, &["no shop", "ticketcd dataset load"]),
        (&["buy", "e2", "--buyer", "ann", "pink=1"], 64, &["event \"e2\"", "mean \"e1\""]),
        (&["buy", "e1", "--buyer", "bob", "pink=1"], 64, &["user \"bob\""]),
        (&["buy", "e1", "--buyer", "ann", "pnk=1"], 64, &["mean \"pink\""]),
        (&["buy", "e1", "--buyer", "ann", "pink=1", "pink=2"], 64, &["twice"]),
    ];
    for (arguments, code, wanted) in cases {
        let error = shop.complains(arguments, code);
        assert!(wanted.iter().all(|part| error.contains(part)), "{arguments:?}: {error}");
    }
    let nothing = shop.json(&["query", "search", "--text", "xyz"], 0);
    assert_eq!(nothing["events"], json!([]));
}

#[tokio::test]
async fn a_search_without_a_filter_lists_every_event() {
    let shop = Shop::of_the_original().await;
    shop.put("event:e2", &EVENT.replace("Rock", "Jazz")).await;
    shop.put("ticket:e2:pink", r#"{"total_quantity":5,"current_quantity":4,"price":10.00}"#).await;
    let all = shop.json(&["query", "search"], 0);
    let found: Vec<(&Value, &Value)> = all["events"].as_array().unwrap().iter().map(|event| (&event["name"], &event["left"])).collect();
    assert_eq!(found, [(&json!("Rock"), &json!(9)), (&json!("Jazz"), &json!(4))]);
    shop.complains(&["query", "search", "--prefix", "elsewhere/"], 6);
}

#[tokio::test]
async fn the_output_format_is_chosen_as_with_etcdctl() {
    let shop = Shop::of_the_original().await;
    let table = shop.prints(&["query", "revenue", "-w", "table"], 0);
    assert_eq!(table, shop.prints(&["query", "revenue"], 0));
    assert_eq!(shop.prints(&["query", "revenue", "-w", "json"], 0), shop.prints(&["query", "revenue", "--json"], 0));
    shop.complains(&["query", "revenue", "-w", "json", "--json"], 64);
    let json = |arguments: &[&str], code| -> Value {
        serde_json::from_str(&shop.prints(&[arguments, &["--write-out", "json"]].concat(), code)).unwrap()
    };
    assert_eq!(json(&["buy", "e1", "--buyer", "ann", "pink=1"], 0)["outcome"], "sold");
    let small = ["--users", "2", "--events", "1", "--prefix", "other/"];
    let dataset = |verb: &str, code| json(&[&["dataset", verb], &small[..]].concat(), code);
    let loaded = dataset("load", 0);
    assert_eq!((&loaded["users"], &loaded["events"], &loaded["prefix"]), (&json!(2), &json!(1), &json!("other/")));
    let verified = dataset("verify", 0);
    assert_eq!((&verified["matches"], &verified["seed"]), (&json!(true), &json!(1)));
    assert!(verified["keys"].as_u64().unwrap() > 3, "{verified}");
    let other = Put { key: "other/user:somebody".into(), value: "{}".into(), ..Put::default() };
    assert!(matches!(shop.client.call(&Request::Put(other), TIMEOUT).await, CallOutcome::Ok(_)));
    assert_eq!(dataset("verify", 1)["matches"], false);
    let cleaned = json(&["dataset", "clean", "--prefix", "other/"], 0);
    assert!(cleaned["removed"].as_u64().unwrap() > loaded["written"].as_u64().unwrap(), "{cleaned}");
}

/// Behind a pipe that nobody reads, queries exit as they do elsewhere, and a purchase is made.
#[tokio::test]
async fn a_closed_pipe_ends_the_output_and_not_the_command() {
    let shop = Shop::of_the_original().await;
    let commands: [(&[&str], i32); 8] = [
        (&["query", "search"], 0),
        (&["query", "revenue", "-w", "json"], 0),
        (&["query", "purchases", "ann"], 0),
        (&["query", "purchases", "nobody"], 64),
        (&["buy", "e1", "--buyer", "ann", "pink=1"], 0),
        (&["dataset", "load", "--users", "2", "--events", "1", "--prefix", "other/"], 0),
        (&["dataset", "verify", "--users", "2", "--events", "1", "--prefix", "other/"], 0),
        (&["dataset", "clean", "--prefix", "other/"], 0),
    ];
    for (arguments, code) in commands {
        let closed = || {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            writer
        };
        let mut command = Command::new(env!("CARGO_BIN_EXE_ticketcd"));
        command.args(arguments).args(["--endpoints", &shop.member.endpoint().to_string()]);
        let output = command.stdout(closed()).stderr(closed()).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
    }
    assert_eq!(shop.get("ticket:e1:pink").await, r#"{"total_quantity":8,"current_quantity":5,"price":49.90}"#);
}

#[tokio::test]
async fn a_member_that_is_gone_is_named() {
    let mut shop = Shop::of_the_original().await;
    shop.member.kill();
    let error = shop.complains(&["query", "revenue"], 6);
    assert!(error.contains("no member is available") && error.contains("--endpoints"), "{error}");
}
