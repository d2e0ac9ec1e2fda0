use std::time::Duration;

use super::explain::{Judgement, Parsed, judge};
use super::search::Answer;
use super::{jepsen, jsonl};

const TIMEOUT: Duration = Duration::from_secs(60);

fn log(lines: &str) -> Parsed {
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
    let story = judgement.story.join("\n");
    assert!(story.contains("process 2: read 3 (line 4 to 5)"), "{story}");
    assert!(story.contains("then holds 1 or 2"), "{story}");
    assert!(story.contains("process 1: write 2 (line 3)"), "{story}");
}

#[test]
fn a_read_may_not_go_back() {
    let lines = "0 :invoke :write 1\n0 :ok :write 1\n0 :invoke :write 2\n0 :ok :write 2\n1 :invoke :read nil\n1 :ok :read 1";
    let judgement = judged(lines);
    assert_eq!(judgement.answer, Answer::NotLinearizable);
    assert!(judgement.story[0].contains("line 6"), "{:?}", judgement.story);
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

#[test]
fn without_time_a_hard_history_is_undecided() {
    let mut lines = String::new();
    for process in 0..40 {
        lines.push_str(&format!("{process} :invoke :write {process}\n"));
    }
    for process in 0..40 {
        lines.push_str(&format!("{process} :ok :write {process}\n"));
    }
    lines.push_str("0 :invoke :read nil\n0 :ok :read 99\n");
    let judgement = judge(&log(&lines), Duration::ZERO);
    assert_eq!(judgement.answer, Answer::Undecided);
    assert!(judgement.story[0].contains("41 operations"));
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
        ("", "line 1: no operation was found"),
        ("0 :invoke :read nil\n0 :invoke :read nil", "line 2: process 0 calls again, although its call of line 1"),
        ("0 :ok :read 1", "line 1: process 0 has not called"),
        ("0 :invoke :write x", "line 1: \"x\" is no value"),
        ("0 :invoke :cas [1]", "line 1: \"[1]\" is no pair"),
        ("0 :invoke :append 1", "line 1: :append is no function"),
        ("0 :invoke :write 1\n0 :ok :read 1", "line 2: process 0 called write, and here ends read"),
        ("0 :maybe :write 1", "line 1: :maybe is no stage"),
        ("0 :invoke :write 1\n0 :ok :write 2", "line 2: process 0 called write with another value in line 1"),
        ("0 :invoke :cas [1 2]\n0 :ok :cas [1 3]", "line 2: process 0 called cas with other values in line 1"),
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
        {"process":"b","type":"ok","f":"write","time":13}
        {"process":0,"type":"invoke","f":"read","key":"x"}
        {"process":0,"type":"ok","f":"read","value":1}
        {"process":"b","type":"invoke","f":"cas","key":"y","value":["one",null]}
        {"process":"b","type":"fail","f":"cas","error":"timeout"}
        {"process":0,"type":"invoke","f":"read","key":"y"}
        {"process":0,"type":"ok","f":"read","value":VALUE}
    "#;
    let judged = |value: &str| judge(&jsonl::read(text.replace("VALUE", value).as_bytes()).unwrap(), TIMEOUT);
    assert_eq!((judged("\"one\"").answer, judged("\"one\"").keys), (Answer::Linearizable, 2));
    let judgement = judged("1");
    assert_eq!(judgement.answer, Answer::NotLinearizable);
    assert!(judgement.story[0].contains("key \"y\""), "{:?}", judgement.story);
    assert!(judgement.story[2].contains("holds one"), "{:?}", judgement.story);
}

#[test]
fn what_is_wrong_with_a_line_of_json_names_the_line() {
    let call = r#"{"process":0,"type":"invoke","f":"read","key":"x","time":5}"#;
    let cases = [
        ("", "line 1: no operation was found"),
        ("{", "line 1: EOF"),
        (r#"{"process":0,"type":"begin","f":"read"}"#, "line 1: unknown variant `begin`"),
        (r#"{"process":0,"type":"invoke","f":"add"}"#, "line 1: f is \"add\""),
        (r#"{"process":0,"type":"invoke","f":"cas","value":1}"#, "line 1: the value of a cas"),
        (r#"{"process":[],"type":"invoke","f":"read"}"#, "line 1: process must be"),
        (r#"{"process":0,"type":"invoke","f":"write"}"#, "line 1: value is missing: what is written"),
        (r#"[0,"invoke","write","x",1]"#, "line 1: a line is an object"),
        (&format!("{call}\n{}", r#"{"process":0,"type":"ok","f":"read"}"#), "line 2: value is missing: what was read"),
        (r#"{"process":0,"type":"invoke","f":"read","when":1}"#, "line 1: unknown field `when`"),
        (&format!("{call}\n{}", r#"{"process":0,"type":"ok","f":"read","time":4}"#), "line 2: time 4 is before 5"),
        (&format!("{call}\n\n{}", r#"{"process":0,"type":"ok","f":"read","key":"z","value":1}"#), "line 3: process 0 called key \"x\""),
    ];
    for (text, wanted) in cases {
        let error = jsonl::read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(wanted), "{text:?}: {error}");
    }
}
