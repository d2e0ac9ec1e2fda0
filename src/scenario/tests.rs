use std::fmt::Write;

use proptest::prelude::*;

use super::units::{Rate, Span};
use super::{Scenario, library, load, parse};

/// What is said about a scenario that cannot be used.
fn mistake(text: &str) -> String {
    parse("mine.toml", text).unwrap_err().to_string()
}

/// What is said about an override of the quickstart that cannot be used.
fn wrong_override(text: &str) -> String {
    load("quickstart", &[text.to_owned()]).unwrap_err().to_string()
}

fn with(text: &str) -> Result<Scenario, super::ScenarioError> {
    parse("mine.toml", &format!("name = \"mine\"\n{text}"))
}

#[test]
fn every_scenario_of_the_library_is_right_and_has_its_files_name() {
    for embedded in library() {
        let scenario = parse(embedded.name, embedded.text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(scenario.name, embedded.name);
        assert!(!scenario.description.is_empty());
        assert!(embedded.text.starts_with("# "), "{} does not say what it shows", embedded.name);
    }
}

#[test]
fn what_is_written_out_is_read_back_the_same_and_fits_the_schema() {
    let validator = jsonschema::validator_for(&super::schema()).unwrap();
    for embedded in library() {
        let scenario = parse(embedded.name, embedded.text).unwrap();
        let text = scenario.to_toml();
        assert_eq!(parse("resolved", &text).unwrap(), scenario);
        for text in [text.as_str(), embedded.text] {
            let json: serde_json::Value = toml::from_str(text).unwrap();
            let errors: Vec<_> = validator.iter_errors(&json).map(|error| format!("{}: {error}", error.instance_path())).collect();
            assert!(errors.is_empty(), "{}: {errors:?}", embedded.name);
        }
    }
}

#[test]
fn the_published_schema_is_the_one_of_the_types() {
    let published: serde_json::Value = serde_json::from_str(include_str!("../../docs/scenario.schema.json")).unwrap();
    assert_eq!(published, super::schema(), "ticketcd schema scenario > docs/scenario.schema.json");
}

#[test]
fn what_makes_no_sense_is_refused_at_its_key() {
    for (text, key) in [
        ("cluster.members = 4", "cluster.members"),
        ("cluster.election_timeout = \"200ms\"", "cluster.election_timeout"),
        ("cluster.flags = [\"--data-dir=/\"]", "cluster.flags.0"),
        ("dataset.users = 0", "dataset.users"),
        ("load.lock.ttl = \"1500ms\"", "load.lock.ttl"),
        ("load.lock.ttl = \"0s\"", "load.lock.ttl"),
        ("load.lock.wait = \"0s\"", "load.lock.wait"),
        ("load.lock.waiters = 0", "load.lock.waiters"),
        ("load.strategy = \"fenced-lock\"\nload.read = \"serializable\"", "load.read"),
        ("load.lock.stall = { every = 0, for = \"1s\" }", "load.lock.stall.every"),
        ("load.lock.stall = { every = 1, for = \"0s\" }", "load.lock.stall.for"),
        ("load.strategy = \"fenced-lock\"\nload.mix.cancel = 1", "load.mix.cancel"),
        ("load.hold.ttl = \"61s\"", "load.hold.ttl"),
        ("load.hold.abandon_percent = 101", "load.hold.abandon_percent"),
        ("load.hold = { abandon_percent = 60, cancel_percent = 41 }", "load.hold.cancel_percent"),
        ("dataset.events = 0", "dataset.events"),
        ("dataset.ticket_types = 13", "dataset.ticket_types"),
        ("dataset.stock = { min = 9, max = 5 }", "dataset.stock.min"),
        ("dataset.popularity = { zipf = -1.0 }", "dataset.popularity.zipf"),
        ("dataset.popularity = { zipf = nan }", "dataset.popularity.zipf"),
        ("load.buyers = 0", "load.buyers"),
        ("load.buyers = 100_001", "load.buyers"),
        ("load.attempts = 0", "load.attempts"),
        ("load.quantity_max = 0", "load.quantity_max"),
        ("load.quantity_max = 101", "load.quantity_max"),
        ("load.types_max = 4", "load.types_max"),
        ("load.duration = \"0s\"", "load.duration"),
        ("load.duration = \"2h\"", "load.duration"),
        ("load.mix = { purchase = 0 }", "load.mix"),
        ("load.mix = { board = 1_000_001 }", "load.mix.board"),
        ("load.strategy = \"lock\"\nload.mix.cancel = 1", "load.mix.cancel"),
        ("load.boards.open_max = 0", "load.boards.open_max"),
        ("load.boards.streams = 65", "load.boards.streams"),
        ("load.boards.progress_every = \"2h\"", "load.boards.progress_every"),
        ("load.housekeeping.compact_every = \"2h\"", "load.housekeeping.compact_every"),
        ("load.housekeeping.keep_revisions = 0", "load.housekeeping.keep_revisions"),
        ("load.housekeeping.defragment_every = \"2h\"", "load.housekeeping.defragment_every"),
        ("load.arrivals.constant = { rate = \"1001%\" }", "load.arrivals.constant.rate"),
        ("load.arrivals.constant = { rate = 0 }", "load.arrivals.constant.rate"),
        ("load.arrivals.spike = { base = 1, peak = 2, at = \"10s\", for = \"1s\" }", "load.arrivals.spike.at"),
        ("fault = [{ at = \"10s\", inject.restart = { target = \"any\" } }]", "fault.0.at"),
        ("fault = [{ at = \"1s\", inject.pause = { target = \"any\", for = \"0s\" } }]", "fault.0.inject.pause.for"),
        ("fault = [{ at = \"1s\", inject.partition = { for = \"1s\" } }]", "fault.0.inject.partition"),
        (
            "fault = [{ at = \"1s\", inject.partition = { isolate = \"any\", split = [[\"m1\"]], for = \"1s\" } }]",
            "fault.0.inject.partition",
        ),
        (
            "fault = [{ at = \"1s\", inject.partition = { split = [[\"m1\", \"m5\"]], for = \"1s\" } }]",
            "fault.0.inject.partition.split.0.1",
        ),
        ("fault = [{ at = \"1s\", inject.black_hole = { on = { peers = \"m9\" }, for = \"1s\" } }]", "fault.0.inject.black_hole.on.peers"),
        ("cluster.members = 1\nfault = [{ at = \"1s\", inject.kill = { target = \"minority\" } }]", "fault.0.inject.kill.target"),
        ("random_faults = { every_min = \"2s\", every_max = \"1s\", pool = [] }", "random_faults.every_min"),
        ("random_faults = { every_min = \"1s\", every_max = \"1s\", pool = [] }", "random_faults.pool"),
        ("expect = \"green\"", "expect"),
        ("objective = [{ metric = \"purchase.response.p95\", below = \"1s\" }]", "objective.0.metric"),
        ("objective = [{ metric = \"shed_share\" }]", "objective.0"),
        ("objective = [{ metric = \"shed_share\", below = \"5%\", above = \"1%\" }]", "objective.0"),
        ("objective = [{ metric = \"shed_share\", below = \"5s\" }]", "objective.0.below"),
        ("objective = [{ metric = \"shed_share\", below = \"101%\" }]", "objective.0.below"),
        ("objective = [{ metric = \"shed_share\", phase = \"before fault 1\", below = \"5%\" }]", "objective.0.phase"),
        ("objective = [{ metric = \"purchases_per_second\", above = \"5%\" }]", "objective.0.above"),
        ("objective = [{ metric = \"purchase.response.p99\", below = 250 }]", "objective.0.below"),
        ("objective = [{ metric = \"purchase.response.p99\", phase = \"stedy\", below = \"1s\" }]", "objective.0.phase"),
        ("objective = [{ metric = \"purchase.response.p99\", phase = \"after fault 1\", below = \"1s\" }]", "objective.0.phase"),
        ("known = [{ issue = \"\", check = \"ledger\", until = \"2026-12-31\" }]", "known.0.issue"),
        ("known = [{ issue = \"etcd#1\", check = \"legder\", until = \"2026-12-31\" }]", "known.0.check"),
        ("known = [{ issue = \"etcd#1\", check = \"ledger\", until = \"2026-13-31\" }]", "known.0.until"),
        ("known = [{ issue = \"etcd#1\", check = \"ledger\", until = \"31.12.2026\" }]", "known.0.until"),
    ] {
        let error = with(text).unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{key}`: ")), "{text}\n{error}");
        assert!(error.contains("--> mine.toml:2:") || error.contains("--> mine.toml:3:"), "{text}\n{error}");
    }
    assert!(mistake("name = \"../x\"").starts_with("`name`: "));
}

#[test]
fn a_heal_may_come_after_the_load() {
    with("fault = [{ at = \"9s\", inject.pause = { target = \"m3\", for = \"5s\" } }]").unwrap();
}

#[test]
fn objectives_and_known_defects_are_read() {
    let text = "objective = [{ metric = \"purchase.response.p99\", phase = \"after fault 1\", below = \"250ms\" }]\n\
                known = [{ issue = \"etcd#18667\", check = \"ledger\", until = \"2026-12-31\" }]\n\
                fault = [{ at = \"1s\", inject.restart = { target = \"any\" } }]";
    let scenario = with(text).unwrap();
    assert_eq!(parse("resolved", &scenario.to_toml()).unwrap(), scenario);
    // How many faults are drawn at random is not known beforehand.
    let random = "random_faults = { every_min = \"1s\", every_max = \"1s\", pool = [{ restart = { target = \"any\" } }] }";
    with(&format!("objective = [{{ metric = \"purchase.service.max\", phase = \"during fault 7\", below = \"1s\" }}]\n{random}")).unwrap();
    let error = with("known = [{ issue = \"etcd#1\", check = \"legder\", until = \"2026-12-31\" }]").unwrap_err().to_string();
    assert!(error.contains("did you mean `ledger`?"), "{error}");
}

#[test]
fn overrides_change_what_they_name() {
    let set = |overrides: &[&str]| load("flash-sale", &overrides.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).unwrap();
    assert_eq!(set(&["load.buyers=500", "cluster.members=5"]).load.buyers, 500);
    assert_eq!(set(&["load.duration=1m"]).load.duration, Span::seconds(60));
    assert_eq!(set(&["cluster.etcd=3.5.1"]).cluster.etcd.as_deref(), Some("3.5.1"));
    assert_eq!(set(&["fault.0.at=3s"]).faults[0].at, Span::seconds(3));
    assert_eq!(set(&["dataset.popularity=uniform"]).dataset.popularity, super::types::Popularity::Uniform);
    let closed = set(&["load.arrivals.closed.think=5ms"]).load.arrivals;
    assert_eq!(closed, super::types::Arrivals::Closed(super::types::Closed { think: Span::milliseconds(5) }));
    let ramp = set(&["load.arrivals.ramp.from=1", "load.arrivals.ramp.to=50%"]).load.arrivals;
    assert_eq!(ramp, super::types::Arrivals::Ramp(super::types::Ramp { from: Rate::PerSecond(1.0), to: Rate::Share(0.5) }));
}

#[test]
fn a_wrong_override_is_named() {
    for text in ["load.buyers=many", "nonsense", "=5", "load..buyers=5", "load.buyers.more=5", "fault.7.at=1s", "load.mix.purchase=-1"] {
        assert!(wrong_override(text).contains(&format!("--set {text}")), "{text}: {}", wrong_override(text));
    }
    // The target stands in the file; that there is no such member is the override's doing.
    let error = load("soak", &["cluster.members=1".to_owned()]).unwrap_err().to_string();
    assert!(error.contains("soak.toml:") && error.contains("--set cluster.members=1"), "{error}");
}

#[test]
fn what_cannot_be_read_is_told_once() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = directory.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let failure = |path: &str| load(path, &[]).unwrap_err().to_string();
    assert!(failure(&file("bytes.toml", b"name = \"x\"\n\xff\xfe")).contains("byte 11 (line 2) is not UTF-8 text"));
    assert!(failure(&file("empty.toml", b" \n")).contains("is empty"));
    assert!(failure(&file("huge.toml", &vec![b'#'; 1024 * 1024 + 1])).contains("larger than 1 MiB"));
    assert!(failure(directory.path().to_str().unwrap()).contains("it is a directory"));
    assert!(failure("/no/such/file.toml").contains("there is no such file"));
    let unknown = failure("quickstat");
    assert!(unknown.contains("did you mean `quickstart`?") && unknown.contains("flash-sale"), "{unknown}");
}

/// A scenario of the library with a few bytes of it replaced.
fn mutated() -> impl Strategy<Value = String> {
    let edit = (any::<prop::sample::Index>(), 0..12_usize, "[ -~\n]{0,6}|[0-9-]{1,3}|\"|\\[|=");
    (0..library().len(), prop::collection::vec(edit, 1..4)).prop_map(|(which, edits)| {
        let mut bytes = library()[which].text.as_bytes().to_vec();
        for (at, length, text) in edits {
            let from = at.index(bytes.len());
            let to = (from + length).min(bytes.len());
            bytes.splice(from..to, text.bytes());
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_text_is_too_much(text in any::<String>()) {
        if let Err(error) = parse("any", &text) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn a_mutated_scenario_is_read_or_refused_with_a_place(text in mutated()) {
        match parse("any", &text) {
            Ok(scenario) => prop_assert_eq!(parse("again", &scenario.to_toml()).unwrap(), scenario),
            Err(error) => prop_assert!(error.to_string().contains("--> any"), "{}", error),
        }
    }

    #[test]
    fn no_override_is_too_much(text in "(load|fault|dataset)\\.[a-z0-9.]{0,12}=\\PC{0,12}|\\PC*") {
        if let Err(error) = load("quickstart", &[text]) {
            let mut rendered = String::new();
            write!(rendered, "{error}").unwrap();
            prop_assert!(!rendered.is_empty());
        }
    }

    #[test]
    fn spans_and_rates_are_read_back_as_written(nanoseconds in 0..3_600_000_000_000_u64, share in 0..1_000_u32) {
        let span = Span(std::time::Duration::from_nanos(nanoseconds));
        prop_assert_eq!(span.to_string().parse::<Span>().unwrap(), span);
        let rate = format!("{share}%").parse::<Rate>().unwrap();
        prop_assert_eq!(rate.to_string(), format!("{share}%"));
        prop_assert_eq!(rate.to_string().parse::<Rate>().unwrap(), rate);
    }
}
