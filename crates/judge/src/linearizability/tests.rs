use std::time::Duration;

use super::import::{jepsen, json_lines};
use super::register::{Judgement, Registers, judge};
use super::{Answer, Limit, Limits, check_with_evidence, check_within, is_linearizable};

const TIMEOUT: Duration = Duration::from_secs(60);

fn log(lines: &str) -> Registers {
    let text: String = lines.lines().map(|line| format!("INFO  jepsen.util - {}\n", line.trim())).collect();
    jepsen::read(text.as_bytes()).unwrap()
}

fn judged(lines: &str) -> Judgement {
    judge(&log(lines), TIMEOUT)
}

#[test]
fn a_read_may_come_before_or_after_a_write_it_overlaps() {
    let history = |value: &str| {
        format!("0 :invoke :write 1\n0 :ok :write 1\n1 :invoke :write 2\n2 :invoke :read nil\n2 :ok :read {value}\n1 :ok :write 2")
    };
    assert_eq!(judged(&history("1")).answer, Answer::Linearizable);
    assert_eq!(judged(&history("2")).answer, Answer::Linearizable);
    let judgement = judged(&history("3"));
    assert_eq!(judgement.answer, Answer::NotLinearizable);
    let explanation = judgement.explanation.join("\n");
    assert!(explanation.contains("process 2: read 3 (lines 4 to 5)"), "{explanation}");
    assert!(explanation.contains("holds 1 or 2"), "{explanation}");
    assert!(explanation.contains("process 1: write 2 (line 3)"), "{explanation}");
}

#[test]
fn a_read_may_not_go_back() {
    let lines = "0 :invoke :write 1\n0 :ok :write 1\n0 :invoke :write 2\n0 :ok :write 2\n1 :invoke :read nil\n1 :ok :read 1";
    let judgement = judged(lines);
    assert_eq!(judgement.answer, Answer::NotLinearizable);
    assert!(judgement.explanation[0].contains("line 6"), "{:?}", judgement.explanation);
}

#[test]
fn compare_and_set_agrees_with_what_is_there() {
    let start = "0 :invoke :write 1\n0 :ok :write 1\n";
    let end = |stage: &str| format!("{start}0 :invoke :cas [1 2]\n0 {stage} :cas [1 2]\n1 :invoke :read nil\n1 :ok :read 2");
    assert_eq!(judged(&end(":ok")).answer, Answer::Linearizable);
    assert_eq!(judged(&end(":fail")).answer, Answer::NotLinearizable);
    assert_eq!(judged(&end(":info")).answer, Answer::Linearizable);
    assert_eq!(
        judged(&format!("{start}0 :invoke :cas [1 2]\n0 :fail :cas :timed-out\n1 :invoke :read nil\n1 :ok :read 1")).answer,
        Answer::Linearizable
    );
}

#[test]
fn what_nobody_knows_the_end_of_may_happen_late_or_never() {
    let start = "0 :invoke :write 1\n0 :ok :write 1\n1 :invoke :write 2\n1 :info :write :timed-out\n";
    for reads in [&["1", "1"][..], &["1", "2"], &["2", "2"]] {
        let reads: String = reads.iter().map(|value| format!("0 :invoke :read nil\n0 :ok :read {value}\n")).collect();
        assert_eq!(judged(&format!("{start}{reads}")).answer, Answer::Linearizable, "{reads}");
    }
    assert_eq!(
        judged(&format!("{start}0 :invoke :read nil\n0 :ok :read 2\n0 :invoke :read nil\n0 :ok :read 1")).answer,
        Answer::NotLinearizable
    );
}

#[test]
fn a_history_of_an_older_write_order_is_found_out() {
    // As a register that lost a write that had been read.
    let lines = "4 :invoke :read nil\n4 :ok :read nil\n1 :invoke :write 1\n3 :invoke :cas [1 2]\n1 :ok :write 1\n3 :ok :cas [1 2]\n4 :invoke :read nil\n4 :ok :read 1";
    assert_eq!(judged(lines).answer, Answer::NotLinearizable);
}

/// 60 writes of 30 values, all at once.
fn hard_writes() -> String {
    let mut lines = String::new();
    for process in 0..60 {
        lines.push_str(&format!("{process} :invoke :write {}\n", process % 30));
    }
    for process in 0..60 {
        lines.push_str(&format!("{process} :ok :write {}\n", process % 30));
    }
    lines
}

/// Writes of two values by many processes at once, and reads afterwards that no order explains. Each value is written many times,
/// so that only a search can tell.
fn hard() -> Registers {
    let mut lines = hard_writes();
    lines.push_str("0 :invoke :read nil\n0 :ok :read 1\n0 :invoke :read nil\n0 :ok :read 2\n");
    log(&lines)
}

#[test]
fn the_bound_that_ended_a_search_is_named() {
    let judgement = judge(&hard(), Duration::ZERO);
    assert_eq!(judgement.answer, Answer::Unknown(Limit::Time));
    let explanation = judgement.explanation.join("\n");
    assert!(
        explanation.contains("62 operations") && explanation.contains("time limit") && !explanation.contains("memory"),
        "{explanation}"
    );

    let hard = hard();
    let limits = Limits { memory_bytes_max: 1 << 20, ..Limits::NONE };
    assert_eq!(check_within(&hard.model(), &hard.histories, &limits), Answer::Unknown(Limit::Memory));
    let limits = Limits { steps_max: 1_000, ..Limits::NONE };
    let outcome = check_with_evidence(&hard.model(), &hard.histories, &limits);
    assert_eq!((outcome.answer, outcome.steps), (Answer::Unknown(Limit::Steps), 1_001));
    assert!(outcome.evidence.is_none() && outcome.history == Some(0));
}

#[test]
fn one_history_that_is_not_linearizable_decides_for_all() {
    let stale = "0 :invoke :write [x 1]\n0 :ok :write [x 1]\n1 :invoke :read [x nil]\n1 :ok :read [x 2]\n";
    let hard: String = hard_writes()
        .lines()
        .map(|line| {
            let (call, value) = line.rsplit_once(' ').unwrap();
            format!("{call} [7 {value}]\n")
        })
        .collect();
    let hard = format!("{hard}0 :invoke :read [7 nil]\n0 :ok :read [7 1]\n0 :invoke :read [7 nil]\n0 :ok :read [7 2]\n");
    let registers = log(&(hard.clone() + &stale.replace('x', "8")));
    let limits = Limits { steps_max: 1_000, ..Limits::NONE };
    let outcome = check_with_evidence(&registers.model(), &registers.histories, &limits);
    assert_eq!((outcome.answer, outcome.history), (Answer::NotLinearizable, Some(1)));
    let evidence = outcome.evidence.unwrap();
    assert_eq!((evidence.prefix.len(), evidence.misfit), (2, 1));
    let registers = log(&(hard + &stale.replace('x', "8").replace("2]", "1]")));
    assert_eq!(check_within(&registers.model(), &registers.histories, &limits), Answer::Unknown(Limit::Steps));
    assert!(is_linearizable(&registers.model(), &registers.histories[1..]));
}

/// 40 writes of one value each, all at once, and then two reads: too many orders for a search.
#[test]
fn unique_values_need_no_search() {
    let mut lines = String::new();
    for process in 0..40 {
        lines.push_str(&format!("{process} :invoke :write {process}\n"));
    }
    for process in 0..40 {
        lines.push_str(&format!("{process} :ok :write {process}\n"));
    }
    let with_reads =
        |first, second| format!("{lines}0 :invoke :read nil\n0 :ok :read {first}\n0 :invoke :read nil\n0 :ok :read {second}\n");
    let judged = |first, second| judge(&log(&with_reads(first, second)), Duration::ZERO);
    assert_eq!(judged(7, 7).answer, Answer::Linearizable);
    let judgement = judged(7, 8);
    assert_eq!(judgement.answer, Answer::NotLinearizable);
    let explanation = judgement.explanation.join("\n");
    assert!(
        explanation.contains("7 precedes 8, because process 7: write 7 (lines 8 to 48) returned before process 0: read 8 (lines 83 to 84)"),
        "{explanation}"
    );
    assert!(explanation.contains("However, 8 precedes 7, because process 8: write 8 (lines 9 to 49) returned"), "{explanation}");
    let judgement = judged(7, 99);
    assert!(
        judgement.linearizable_from.is_none() && judgement.explanation.join("\n").contains("No operation writes 99"),
        "{:?}",
        judgement.explanation
    );
}

#[test]
fn a_register_may_hold_a_value_from_the_start() {
    let parsed = log("1 :invoke :read nil\n1 :ok :read 95\n0 :invoke :write 34\n0 :ok :write 34\n1 :invoke :read nil\n1 :ok :read 34");
    let judgement = judge(&parsed, TIMEOUT);
    assert_eq!((judgement.answer, judgement.linearizable_from.as_deref()), (Answer::NotLinearizable, Some("95")));
    assert!(
        judgement.explanation.join("\n").contains("No operation writes 95, and the register initially held nil."),
        "{:?}",
        judgement.explanation
    );
    assert_eq!(judge(&parsed.clone().starting_with("95"), TIMEOUT).answer, Answer::Linearizable);
    assert_eq!(judge(&parsed.starting_with("34"), TIMEOUT).answer, Answer::NotLinearizable);
    // No initial value explains two values that nobody writes, or one that is read too late.
    for read in ["0 :invoke :read nil\n0 :ok :read 96", "0 :invoke :write 1\n0 :ok :write 1\n0 :invoke :read nil\n0 :ok :read 95"] {
        let judgement = judged(&format!("1 :invoke :read nil\n1 :ok :read 95\n{read}"));
        assert_eq!((judgement.answer, judgement.linearizable_from), (Answer::NotLinearizable, None), "{read}");
    }
    // With a compare-and-set, which takes a search.
    let parsed = log("0 :invoke :cas [95 1]\n0 :ok :cas [95 1]");
    let judgement = judge(&parsed, TIMEOUT);
    assert_eq!((judgement.answer, judgement.linearizable_from.as_deref()), (Answer::NotLinearizable, Some("95")));
    assert_eq!(judge(&parsed.starting_with("95"), TIMEOUT).answer, Answer::Linearizable);
}

/// Nothing was sent, so the register may have held what the compare-and-set compares.
#[test]
fn a_failure_with_a_reason_constrains_nothing() {
    let refused = "1 :invoke :write 4\n1 :ok :write 4\n2 :invoke :cas [4 5]\n2 :fail :cas [4 5]REASON\n3 :invoke :read nil\n3 :ok :read 4";
    let judged = |reason: &str| judged(&refused.replace("REASON", reason)).answer;
    for reason in [" :conn-not-ready", " \"connection refused\"", " {:status 503}", " java.net.ConnectException: refused"] {
        assert_eq!(judged(reason), Answer::Linearizable, "{reason}");
    }
    for none in ["", " ", " nil"] {
        assert_eq!(judged(none), Answer::NotLinearizable, "{none:?}");
    }

    let maps = "{:process 1, :type :invoke, :f :write, :value 4}\n{:process 1, :type :ok, :f :write, :value 4}\n\
                {:process 2, :type :invoke, :f :cas, :value [4 5]}\n{:process 2, :type :fail, :f :cas, :value [4 5]REASON}\n";
    let judged = |reason: &str| judge(&jepsen::read(maps.replace("REASON", reason).as_bytes()).unwrap(), TIMEOUT).answer;
    for reason in [", :error :conn-not-ready", ", :error [:http 503]", ", :exception {:via []}"] {
        assert_eq!(judged(reason), Answer::Linearizable, "{reason}");
    }
    for none in ["", ", :error nil", ", :index 3, :time 99"] {
        assert_eq!(judged(none), Answer::NotLinearizable, "{none:?}");
    }

    let lines = r#"{"process":1,"type":"invoke","f":"write","value":4}
        {"process":1,"type":"ok","f":"write"}
        {"process":2,"type":"invoke","f":"cas","value":[4,5]}
        {"process":2,"type":"fail","f":"cas"REASON}"#;
    let judged = |reason: &str| judge(&json_lines::read(lines.replace("REASON", reason).as_bytes()).unwrap(), TIMEOUT).answer;
    assert_eq!(judged(r#","error":"refused""#), Answer::Linearizable);
    assert_eq!(judged(r#","error":["http",503]"#), Answer::Linearizable);
    assert_eq!(judged(r#","error":null"#), Answer::NotLinearizable);
    assert_eq!(judged(""), Answer::NotLinearizable);
}

/// One history in every form in which Jepsen writes it.
#[test]
fn every_form_of_jepsen_is_read() {
    let plain = "2\t:invoke\t:write\t7\n2\t:ok\t:write\t7\n:nemesis\t:info\t:start\tnil\n1\t:invoke\t:read\tnil\n1\t:ok\t:read\t6\n";
    let prefixed = |prefix: &str| plain.lines().map(|line| format!("{prefix}{line}\n")).collect::<String>();
    let modern = prefixed("2026-07-28 07:53:02,859{GMT}\tINFO\t[jepsen worker 2] jepsen.util: ");
    let maps = "{:type :invoke, :f :write, :value 7, :time 1, :process 2, :index 0}\n\
                #jepsen.history.Op{:type :ok, :f :write, :value 7, :time 2, :process 2, :index 1}\n\
                {:type :info, :f :start, :value nil, :process :nemesis}\n\
                {:type :invoke, :f :read, :value nil, :time 3, :process 1, :index 2}\n\
                {:type :ok, :f :read, :value 6, :time 4, :process 1, :index 3}\n";
    for text in [plain, &prefixed("INFO  jepsen.util - "), &modern, maps] {
        for (text, answer) in [(text.to_owned(), Answer::NotLinearizable), (text.replace('6', "7"), Answer::Linearizable)] {
            let parsed = jepsen::read(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_eq!(parsed.histories[0].operations.len(), 2, "{text}");
            assert_eq!(judge(&parsed, TIMEOUT).answer, answer, "{text}");
        }
    }
}

#[test]
fn registers_of_jepsen_independent_are_judged_apart() {
    let text = "0 :invoke :write [x 1]\n".replace('x', "3")
        + "0 :ok :write [3 1]\n1 :invoke :cas [4 [nil 2]]\n1 :ok :cas [4 [nil 2]]\n2 :invoke :read [4 nil]\n2 :ok :read [4 2]\n";
    let parsed = log(&text);
    let keys: Vec<&str> = parsed.histories.iter().map(|history| history.key.as_str()).collect();
    assert_eq!(keys, ["3", "4"]);
    assert_eq!(judge(&parsed, TIMEOUT).answer, Answer::Linearizable);
    assert_eq!(judge(&log(&text.replace("[4 2]\n", "[4 1]\n")), TIMEOUT).answer, Answer::NotLinearizable);
}

#[test]
fn what_is_wrong_with_a_map_names_the_line() {
    let call = "{:type :invoke, :f :read, :value nil, :process 1}";
    let cases = [
        (
            format!("{call}\n{{:type :ok, :f :read"),
            "line 2, column 21: expected '}', found the end of the line. Every line must be one whole map",
        ),
        (format!("{call}\n7"), "line 2, column 1: expected a map"),
        ("[{:type :invoke}]".to_owned(), "line 1, column 1: this is one EDN sequence; write one map per line"),
        (r#"{"process":0,"type":"invoke"}"#.to_owned(), "line 1, column 1: expected a map whose keys are keywords"),
        (r#"{"process" 0}"#.to_owned(), "read by --format jsonl"),
        ("{:process 1, :type :invoke, :value 1}".to_owned(), "line 1, column 1: expected a map with a :f that is a keyword"),
        (
            "{:process 1, :type :invoke, :f :txn, :value 1}".to_owned(),
            "line 1, column 32: expected one of the functions :read, :write and :cas, found :txn",
        ),
    ];
    for (text, wanted) in cases {
        let error = jepsen::read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(wanted), "{text:?}: {error}");
    }
}

#[test]
fn other_lines_of_a_log_are_passed_over() {
    let text = "INFO  jepsen.core - Running\n\nINFO  jepsen.util - :nemesis\t:info\t:start\tnil\nINFO  jepsen.util - 4\t:invoke\t:read\tnil\nINFO  jepsen.util - 4\t:ok\t:read\tnil\n";
    let parsed = jepsen::read(text.as_bytes()).unwrap();
    assert_eq!(parsed.histories[0].operations.len(), 1);
}

#[test]
fn what_is_wrong_with_a_log_names_the_line() {
    let cases = [
        ("", "line 1: no operation was found. Expected one such as"),
        ("0 :invoke :read nil\n0 :invoke :read nil", "line 2: process 0 calls again, although its call on line 1"),
        ("0 :ok :read 1", "line 1: process 0 has no call in progress"),
        ("0 :invoke :write x", "line 1, column 38: expected a number, a string, true, false or nil to write, found x"),
        ("0 :invoke :cas [1]", "line 1, column 36: expected a pair of values, [from to], found [1]"),
        ("0 :invoke :append 1", "line 1, column 31: expected one of the functions :read, :write and :cas, found :append"),
        ("0 :invoke :write 1\n0 :ok :read 1", "line 2: process 0 called write, but read ends here"),
        ("0 :maybe :write 1", "line 1, column 23: expected one of the types :invoke, :ok, :fail and :info, found :maybe"),
        ("0 :invoke :write 1\n0 :ok :write 2", "line 2: process 0 called write with other values on line 1"),
        ("0 :invoke :cas [1 2]\n0 :ok :cas [1 3]", "line 2: process 0 called cas with other values on line 1"),
        ("0 :invoke :cas [1 2]\n0 :fail :cas [1 3]", "line 2: process 0 called cas with other values on line 1"),
    ];
    for (lines, wanted) in cases {
        let text: String = lines.lines().map(|line| format!("INFO  jepsen.util - {line}\n")).collect();
        let error = jepsen::read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(wanted), "{lines:?}: {error}");
    }
}

#[test]
fn lines_of_json_have_keys_that_are_judged_apart() {
    let text = r#"
        {"process":0,"type":"invoke","f":"write","key":"x","value":1,"time":10}
        {"process":"b","type":"invoke","f":"write","key":"y","value":"one","time":11}
        {"process":0,"type":"ok","f":"write","key":"x","time":12}
        {"process":"b","type":"ok","f":"write","time":13,"index":3}
        {"process":0,"type":"invoke","f":"read","key":"x"}
        {"process":0,"type":"ok","f":"read","value":1}
        {"process":"b","type":"invoke","f":"cas","key":"y","value":["one",null]}
        {"process":"b","type":"fail","f":"cas","error":"timeout"}
        {"process":0,"type":"invoke","f":"read","key":"y"}
        {"process":0,"type":"ok","f":"read","value":VALUE}
    "#;
    let judged = |value: &str| judge(&json_lines::read(text.replace("VALUE", value).as_bytes()).unwrap(), TIMEOUT);
    assert_eq!((judged("\"one\"").answer, judged("\"one\"").keys), (Answer::Linearizable, 2));
    let judgement = judged("1");
    assert_eq!(judgement.answer, Answer::NotLinearizable);
    assert!(judgement.explanation[0].contains("key \"y\""), "{:?}", judgement.explanation);
    assert!(judgement.explanation[2].contains("holds one"), "{:?}", judgement.explanation);
}

#[test]
fn what_is_wrong_with_a_line_of_json_names_the_line() {
    let call = r#"{"process":0,"type":"invoke","f":"read","key":"x","time":5}"#;
    let cases = [
        ("", "line 1: no operation was found. Expected {"),
        ("{", "line 1, column 1: the line ends within the object; write each object on one line, for example with jq -c ."),
        (
            r#"[{"process":0,"type":"invoke","f":"read"},"#,
            "line 1, column 1: this is one JSON array; write one object per line, for example with jq -c '.[]'",
        ),
        ("[", "line 1, column 1: this is one JSON array"),
        (r#"{"process":0,"type":"invoke","f":"read","index":-1}"#, "line 1, column 50: invalid value: integer `-1`"),
        (
            "{\"process\":0,\"type\":\"invoke\",\"f\":\"read\",\"index\":1}\n{\"process\":0,\"type\":\"info\",\"f\":\"read\",\"index\":0}",
            "line 2: index 0 is lower than 1",
        ),
        (r#"{"process":0,"type":"begin","f":"read"}"#, "line 1, column 27: unknown variant `begin`, expected one of"),
        (r#"{"process":0,"type":"invoke","f":"add"}"#, "line 1, column 38: unknown variant `add`, expected one of `read`, `write`, `cas`"),
        (r#"{"process":0,"type":"invoke","f":"cas","value":1}"#, "line 1, column 48: expected a pair of values, [from, to], found 1"),
        (r#"{"process":[],"type":"invoke","f":"read"}"#, "line 1, column 12: expected a number, a string, true, false or null, found []"),
        (r#"{"process":0,"type":"invoke","f":"write"}"#, "line 1: expected the value to write, which may be null, found no value"),
        (r#"[0,"invoke","write","x",1]"#, "line 1, column 1: expected an object on each line"),
        (
            &format!("{call}\n{}", r#"{"process":0,"type":"ok","f":"read"}"#),
            "line 2: expected the value that was read, null if there was none, found no value",
        ),
        (r#"{"process":0,"type":"invoke","f":"read","when":1}"#, "line 1, column 46: unknown field `when`"),
        (&format!("{call}\n{}", r#"{"process":0,"type":"ok","f":"read","time":4}"#), "line 2: time 4 is lower than 5"),
        (&format!("{call}\n\n{}", r#"{"process":0,"type":"ok","f":"read","key":"z","value":1}"#), "line 3: process 0 called on key \"x\""),
    ];
    for (text, wanted) in cases {
        let error = json_lines::read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(wanted), "{text:?}: {error}");
    }
}
