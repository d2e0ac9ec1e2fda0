//! The search against a checker that is too simple to be wrong: it tries every order.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::import::jepsen;
use super::register::{Action, Register, Value, judge};
use super::{Answer, History, Limits, Model, Operation, check_within};

/// A register without its shortcut, so that every history is searched.
#[derive(Default)]
struct Searched(Register);

impl Model for Searched {
    type State = Value;
    type Action = Action;

    fn initial(&self) -> Value {
        self.0.initial()
    }

    fn step(&self, state: &Value, action: &Action) -> Option<Value> {
        self.0.step(state, action)
    }

    fn without_answer(&self, action: &Action) -> Option<Action> {
        self.0.without_answer(action)
    }
}

fn searched(operations: Vec<Operation<Action>>) -> Answer {
    let limits = Limits::of_time(std::time::Duration::from_secs(120));
    check_within(&Searched::default(), &[History { key: String::new(), operations }], &limits)
}

/// Whether any order explains the operations: each next one may be any that no other, still to come, returned before.
fn has_an_order(operations: &[Operation<Action>], state: u32) -> bool {
    if operations.iter().all(|operation| operation.done.is_none()) {
        return true;
    }
    (0..operations.len()).any(|next| {
        let chosen = &operations[next];
        let may_be_next = operations.iter().all(|other| other.done.is_none_or(|done| done >= chosen.call));
        let after = if may_be_next { Register::default().step(&state, &chosen.action) } else { None };
        after.is_some_and(|after| {
            let mut rest = operations.to_vec();
            rest.remove(next);
            has_an_order(&rest, after)
        })
    })
}

/// A random log of a few processes: what each step does is drawn, so that about half of the histories have an order.
fn log_of(steps: &[(u8, u8, u8, u8)]) -> String {
    let mut open: [Option<(&str, String)>; 4] = Default::default();
    let mut log = String::new();
    let mut line = |process: usize, stage: &str, function: &str, value: &str| {
        log.push_str(&format!("INFO  jepsen.util - {process}\t{stage}\t:{function}\t{value}\n"));
    };
    for (process, kind, first, second) in steps {
        let process = usize::from(process % 4);
        let (first, second) = (first % 3, second % 3);
        match open[process].take() {
            None => {
                let (function, value) = match kind % 3 {
                    0 => ("read", "nil".to_owned()),
                    1 => ("write", first.to_string()),
                    _ => ("cas", format!("[{first} {second}]")),
                };
                line(process, ":invoke", function, &value);
                open[process] = Some((function, value));
            }
            Some((function, value)) => match (function, kind % 8) {
                (_, 0) => line(process, ":info", function, ":timed-out"),
                ("read", _) => line(process, ":ok", function, &if kind % 5 == 0 { "nil".to_owned() } else { first.to_string() }),
                ("cas", 1..=3) => line(process, ":fail", function, &value),
                _ => line(process, ":ok", function, &value),
            },
        }
    }
    log
}

#[test]
fn the_search_agrees_with_trying_every_order() {
    let config = Config { cases: 3_000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let (mut with, mut without) = (0, 0);
    let steps = prop::collection::vec(any::<(u8, u8, u8, u8)>(), 2..14);
    let result = runner.run(&steps, |steps| {
        let log = log_of(&steps);
        let Ok(parsed) = jepsen::read(log.as_bytes()) else { return Ok(()) };
        let operations = &parsed.histories[0].operations;
        let expected = has_an_order(operations, Register::default().initial());
        let found = searched(operations.clone());
        prop_assert_eq!(found == Answer::Linearizable, expected, "{}", log);
        prop_assert!(!matches!(found, Answer::Unknown(_)));
        // The explanation is rendered without a panic, and only for histories without an order.
        let judgement = judge(&parsed, std::time::Duration::from_secs(60));
        prop_assert_eq!(judgement.explanation.is_empty(), expected, "{}", log);
        Ok(())
    });
    result.unwrap();
    // The histories are of both kinds, or the test shows nothing.
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    for _ in 0..300 {
        let steps = prop::collection::vec(any::<(u8, u8, u8, u8)>(), 2..14).new_tree(&mut runner).unwrap().current();
        if let Ok(parsed) = jepsen::read(log_of(&steps).as_bytes()) {
            let counter = if has_an_order(&parsed.histories[0].operations, 0) { &mut with } else { &mut without };
            *counter += 1;
        }
    }
    assert!(with > 30 && without > 30, "{with} with an order, {without} without");
}

/// Reads and writes of a few processes in which no value is written twice; a read returns any value, so that about half of the
/// histories have an order.
fn operations_on_unique_values(steps: &[(u8, u8, u8)]) -> Vec<Operation<Action>> {
    let mut operations: Vec<Operation<Action>> = Vec::new();
    let mut open: [Option<usize>; 4] = [None; 4];
    let (mut clock, mut written) = (0, 0);
    for (process, kind, value) in steps {
        let process = usize::from(process % 4);
        clock += 1;
        match open[process].take() {
            None => {
                let action = if kind % 2 == 0 {
                    written += 1;
                    Action::Write(written)
                } else {
                    Action::Read(u32::from(value % 5))
                };
                operations.push(Operation { process: process.to_string(), action, call: clock, done: None });
                open[process] = Some(operations.len() - 1);
            }
            // One in eight never returns.
            Some(_) if kind % 8 == 7 => {}
            Some(index) => operations[index].done = Some(clock),
        }
    }
    operations.retain(|operation| operation.done.is_some() || matches!(operation.action, Action::Write(_)));
    operations
}

#[test]
fn unique_values_are_decided_as_by_trying_every_order() {
    let config = Config { cases: 4_000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let counts = std::cell::Cell::new((0, 0));
    let steps = prop::collection::vec(any::<(u8, u8, u8)>(), 2..16);
    let result = runner.run(&steps, |steps| {
        let operations = operations_on_unique_values(&steps);
        let expected = has_an_order(&operations, 0);
        let decided = Register::default().shortcut(&operations);
        prop_assert_eq!(decided, Some(expected), "{:?}: {:#?}", decided, operations);
        let (with, without) = counts.get();
        counts.set(if expected { (with + 1, without) } else { (with, without + 1) });
        Ok(())
    });
    result.unwrap();
    let (with, without) = counts.get();
    assert!(with > 500 && without > 500, "{with} with an order, {without} without");
}

/// The reads and writes of one ticket in a made-up run, as operations of a register.
fn ticket_operations(plant: Option<ticketcd_synth::Mutation>) -> Vec<Operation<Action>> {
    use rustc_hash::FxHashMap;
    use ticketcd_history::call::{CallOutcome, Invoke};
    use ticketcd_history::event::Event;
    use ticketcd_history::request::{AnswerBody, Request, TxnOp};
    use ticketcd_synth::{Size, generate};

    let mut values = super::register::Values::default();
    let mut open: FxHashMap<_, (u64, Invoke)> = FxHashMap::default();
    let mut operations = Vec::new();
    let mut clock = 0;
    let size = Size { operations: 600, tickets: 1, buyers: 6, seed: 5 };
    let key = b"ticket:e1:pink";
    let mut sink = |event: &Event| {
        clock += 1;
        match event {
            Event::Invoke(invoke) => {
                open.insert(invoke.id, (clock, invoke.clone()));
            }
            Event::Return(returned) => {
                let Some((call, invoke)) = open.remove(&returned.id) else { return Ok(()) };
                let mut written = || match &invoke.request {
                    Request::Txn(txn) => txn.success.iter().find_map(|operation| match operation {
                        TxnOp::Put(put) if put.key.as_bytes() == key => Some(Action::Write(values.number(&put.value.to_text()))),
                        _ => None,
                    }),
                    _ => None,
                };
                let (action, done) = match &returned.outcome {
                    CallOutcome::Ok(answer) => match &answer.body {
                        AnswerBody::Range(range) => {
                            let read = range.kvs.first().map(|kv| Action::Read(values.number(&kv.value.to_text())));
                            (read, Some(clock))
                        }
                        AnswerBody::Txn { succeeded: true, .. } => (written(), Some(clock)),
                        _ => (None, None),
                    },
                    CallOutcome::Unknown { .. } => (written(), None),
                    CallOutcome::Refused { .. } => (None, None),
                };
                if let Some(action) = action {
                    operations.push(Operation { process: invoke.id.worker.to_string(), action, call, done });
                }
            }
            _ => {}
        }
        Ok(())
    };
    generate(&size, plant, &mut sink).unwrap();
    operations.sort_by_key(|operation| operation.call);
    operations
}

#[test]
fn the_search_agrees_with_the_checks_that_trust_revisions() {
    use ticketcd_synth::Mutation;
    assert_eq!(searched(ticket_operations(None)), Answer::Linearizable);
    assert_eq!(searched(ticket_operations(Some(Mutation::StaleRead))), Answer::NotLinearizable);
}
