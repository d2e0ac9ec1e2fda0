use std::fmt::Write;

use proptest::prelude::*;

use super::units::{Rate, Span};
use super::{Scenario, library, load, parse};

/// The error of a scenario that cannot be used.
fn mistake(text: &str) -> String {
    parse("mine.toml", text).unwrap_err().to_string()
}

/// The error of an override of the quickstart that cannot be used.
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
        ("load.strategy.lock.ttl = \"1500ms\"", "load.strategy.lock.ttl"),
        ("load.strategy.lock.ttl = \"0s\"", "load.strategy.lock.ttl"),
        ("load.strategy.fenced-lock.wait = \"0s\"", "load.strategy.fenced-lock.wait"),
        ("load.alternatives.lock.waiters = 0", "load.alternatives.lock.waiters"),
        ("load.alternatives.optimistic.attempts = 3", "load.alternatives.optimistic"),
        ("load.strategy.lock.stall = { every = 0, for = \"1s\" }", "load.strategy.lock.stall.every"),
        ("load.strategy.fenced-lock.stall = { every = 1, for = \"0s\" }", "load.strategy.fenced-lock.stall.for"),
        ("load.strategy.naive.pause = \"2h\"", "load.strategy.naive.pause"),
        ("load.strategy.quoted.back_off = \"2h\"", "load.strategy.quoted.back_off"),
        ("load.strategy.batched.max_txn_ops = 7", "load.strategy.batched.max_txn_ops"),
        ("load.strategy.batched.max_txn_ops = 129", "load.strategy.batched.max_txn_ops"),
        ("load.alternatives.batched.max_txn_ops = 129", "load.alternatives.batched.max_txn_ops"),
        ("cluster.flags = [\"--max-txn-ops=64\"]\nload.strategy = \"batched\"", "load.strategy.batched.max_txn_ops"),
        ("load.strategy.sharded.shards = 65", "load.strategy.sharded.shards"),
        ("load.types_max = 3\nload.strategy.sharded.shards = 64", "load.strategy.sharded.shards"),
        ("load.strategy.command.run = []", "load.strategy.command.run"),
        ("load.strategy.command = { run = [\"sh\"], timeout = \"0s\" }", "load.strategy.command.timeout"),
        ("load.queries.read = \"serializable\"", "load.queries"),
        ("load.cancellations.attempts = 3", "load.cancellations"),
        ("load.boards.streams = 9", "load.boards"),
        ("load.strategy = \"fenced-lock\"\nload.mix.cancel = 1", "load.mix.cancel"),
        ("load.strategy.hold.ttl = \"61s\"", "load.strategy.hold.ttl"),
        ("load.strategy.hold.abandon_percent = 101", "load.strategy.hold.abandon_percent"),
        ("load.strategy.hold = { abandon_percent = 60, cancel_percent = 41 }", "load.strategy.hold.cancel_percent"),
        ("dataset.events = 0", "dataset.events"),
        ("dataset.ticket_types = 13", "dataset.ticket_types"),
        ("dataset.stock = { min = 9, max = 5 }", "dataset.stock.min"),
        ("dataset.popularity = { zipf = -1.0 }", "dataset.popularity.zipf"),
        ("dataset.popularity = { zipf = nan }", "dataset.popularity.zipf"),
        ("load.buyers = 0", "load.buyers"),
        ("load.buyers = 100_001", "load.buyers"),
        ("load.strategy.optimistic.attempts = 0", "load.strategy.optimistic.attempts"),
        ("load.quantity_max = 0", "load.quantity_max"),
        ("load.quantity_max = 101", "load.quantity_max"),
        ("load.types_max = 4", "load.types_max"),
        ("load.duration = \"0s\"", "load.duration"),
        ("load.duration = \"2h\"", "load.duration"),
        ("load.mix = { purchase = 0 }", "load.mix"),
        ("load.mix = { board = 1_000_001 }", "load.mix.board"),
        ("load.strategy = \"lock\"\nload.mix.cancel = 1", "load.mix.cancel"),
        ("load.mix.board = 1\nload.boards.open_max = 0", "load.boards.open_max"),
        ("load.mix.board = 1\nload.boards.streams = 65", "load.boards.streams"),
        ("load.mix.board = 1\nload.boards.progress_every = \"2h\"", "load.boards.progress_every"),
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

/// The strategy of a scenario with these overrides.
fn strategy(text: &str, overrides: &[&str]) -> super::types::Strategy {
    let mut file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
    std::io::Write::write_all(&mut file, format!("name = \"mine\"\n[load]\n{text}").as_bytes()).unwrap();
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    load(file.path().to_str().unwrap(), &overrides).unwrap_or_else(|error| panic!("{error}")).load.strategy
}

#[test]
fn a_strategy_is_a_name_or_a_table_with_its_settings() {
    use super::types::{HoldSettings, Strategy};
    assert_eq!(strategy("strategy = \"hold\"", &[]), Strategy::Hold(HoldSettings::default()));
    let settings = HoldSettings { ttl: Span::seconds(4), ..HoldSettings::default() };
    assert_eq!(strategy("strategy.hold = { ttl = \"4s\" }", &[]), Strategy::Hold(settings));
    for name in Strategy::names_with_defaults() {
        assert_eq!(strategy(&format!("strategy = \"{name}\""), &[]).name(), name);
    }
    for text in ["load.strategy = {}", "load.strategy = { hold = {}, naive = {} }"] {
        let error = with(text).unwrap_err().to_string();
        assert!(error.contains("exactly one choice is expected here") && error.contains("--> mine.toml:2:"), "{error}");
    }
    let error = with("load.strategy = \"hodl\"").unwrap_err().to_string();
    assert!(error.contains("unknown choice `hodl` in `load.strategy`") && error.contains("did you mean `hold`?"), "{error}");
    let error = with("load.strategy.command = [\"sh\"]").unwrap_err().to_string();
    assert!(error.contains("strategy.command = { run = ["), "{error}");
}

#[test]
fn another_strategy_takes_its_settings_from_the_alternatives() {
    use super::types::{HoldSettings, NaiveSettings, Strategy};
    let text = "strategy.naive = { pause = \"5ms\" }\nalternatives.hold = { ttl = \"4s\" }";
    let hold = |ttl| Strategy::Hold(HoldSettings { ttl: Span::seconds(ttl), ..HoldSettings::default() });
    let naive = Strategy::Naive(NaiveSettings { pause: Span::milliseconds(5), ..NaiveSettings::default() });
    assert_eq!(strategy(text, &["load.strategy=\"hold\""]), hold(4));
    assert_eq!(strategy(text, &["load.strategy=hold"]), hold(4));
    assert_eq!(strategy(text, &["load.strategy.hold.ttl=7s"]), hold(7));
    assert_eq!(strategy(text, &["load.strategy.hold.attempts=12"]), hold(4));
    assert_eq!(strategy(text, &["load.alternatives.hold.ttl=6s", "load.strategy=\"hold\""]), hold(6));
    assert_eq!(strategy(text, &["load.strategy=naive"]), naive, "the scenario's own strategy keeps its settings");
    assert_eq!(strategy(text, &["load.strategy=hold", "load.strategy=naive"]), naive);
    assert_eq!(strategy(text, &["load.strategy=quoted"]).name(), "quoted");
    let command = strategy(text, &["load.strategy.command.run=[\"sh\"]"]);
    assert_eq!(command.name(), "command");
}

#[test]
fn a_transaction_may_have_as_many_operations_as_the_members_accept() {
    let error = with("load.strategy.batched.max_txn_ops = 500").unwrap_err().to_string();
    for part in ["--> mine.toml:2:", "500 is more than the 128 operations", "\"--max-txn-ops=500\" to cluster.flags"] {
        assert!(error.contains(part), "{error}");
    }
    let flags = |flags: &str| format!("cluster.flags = [{flags}]\nload.strategy.batched.max_txn_ops = 500");
    assert!(with(&flags("\"--max-txn-ops=500\"")).is_ok());
    assert!(with(&flags("\"--max-txn-ops=500\", \"--max-txn-ops=499\"")).is_err(), "etcd lets the last one win");
    let many_shards = "load.types_max = 3\nload.strategy.sharded.shards = 64";
    assert!(with(&format!("cluster.flags = [\"--max-txn-ops=200\"]\n{many_shards}")).is_ok());
    // The other strategies' defaults are in every resolved scenario.
    let lower = with("cluster.flags = [\"--max-txn-ops=64\"]").unwrap();
    parse("resolved", &lower.to_resolved_toml()).unwrap();
}

#[test]
fn a_key_in_the_wrong_place_is_named_with_the_right_one() {
    for (text, place, belongs) in [
        ("load.naive_pause = \"5ms\"", "--> mine.toml:2:6", "`load.strategy.naive.pause`"),
        ("load.command_timeout = \"5s\"", "--> mine.toml:2:6", "`load.strategy.command.timeout`"),
        ("load.max_txn_ops = 64", "--> mine.toml:2:6", "`load.strategy.batched.max_txn_ops`"),
        ("load.shards = 4", "--> mine.toml:2:6", "`load.strategy.sharded.shards`"),
        ("load.hold = { ttl = \"4s\" }", "--> mine.toml:2:6", "`load.strategy.hold`"),
        ("load.lock = { ttl = \"4s\" }", "--> mine.toml:2:6", "`load.strategy.fenced-lock`"),
        ("load.retry = \"blind\"", "--> mine.toml:2:6", "`load.strategy.optimistic.retry`"),
        ("load.read = \"serializable\"", "--> mine.toml:2:6", "`load.queries.read`"),
        ("load.attempts = 4", "--> mine.toml:2:6", "`load.cancellations.attempts`"),
        ("load.back_off = \"4ms\"", "--> mine.toml:2:6", "`load.strategy.optimistic.back_off`"),
        ("load.strategy.naive = { ttl = \"4s\" }", "--> mine.toml:2:25", "`load.strategy.hold.ttl`"),
        ("load.alternatives.naive.ttl = \"4s\"", "--> mine.toml:2:25", "`load.strategy.hold.ttl`"),
        ("load.strategy.fenced-lock.read = \"serializable\"", "--> mine.toml:2:27", "`load.strategy.lock.read`"),
    ] {
        let error = with(text).unwrap_err().to_string();
        assert!(error.contains("unknown key `") && error.contains(place) && error.contains(belongs), "{text}\n{error}");
    }
    let error = wrong_override("load.shards=4");
    assert!(error.contains("--set load.shards=4") && error.contains("`load.strategy.sharded.shards`"), "{error}");
}

#[test]
fn the_resolved_form_names_every_key_and_is_the_same_scenario() {
    use super::keys::{Kind, sections};
    for embedded in library() {
        let scenario = parse(embedded.name, embedded.text).unwrap();
        let text = scenario.to_resolved_toml();
        let mut read = parse("resolved", &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        read.load.alternatives = scenario.load.alternatives.clone();
        assert_eq!(read, scenario);
        let unset = |key: &str| text.lines().any(|line| line.starts_with(&format!("# {key} is not set: ")));
        let set = |key: &str| text.lines().any(|line| line.starts_with(&format!("{key} = ")));
        // Of a choice only the chosen one is there.
        let is_chosen = |path: &str| sections().iter().all(|section| !section.is_choice || !path.starts_with(&section.path));
        let has_random = scenario.random_faults.is_some();
        let is_there = |path: &str| is_chosen(path) && !path.contains('[') && (has_random || path != "random_faults");
        for section in sections().iter().filter(|section| !section.is_choice && is_there(&section.path)) {
            for key in section.keys.iter().filter(|key| matches!(key.kind, Kind::Plain(_))) {
                assert!(set(&key.name) || unset(&key.name), "{}: `{}` is missing in\n{text}", embedded.name, key.path());
            }
        }
        for (strategy, key) in [("hold", "abandon_percent"), ("naive", "pause"), ("batched", "max_txn_ops"), ("sharded", "shards")] {
            assert!(set(key), "{}: the setting {key} of {strategy} is missing in\n{text}", embedded.name);
        }
    }
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
fn what_cannot_be_read_is_reported_once() {
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
    assert!(failure("/no/such/file.toml").ends_with("No such file or directory"));
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
