//! Compares the general search and the checks that rely on revisions with an independent implementation: `porcupine-rs` must
//! give the same verdict on every history.
//!
//! Its input is built directly from the generated history, so that an error in the parsers or in the project's own register
//! cannot affect both sides.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use porcupine_rs::check_operations;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use ticketcd_history::call::{CallId, CallOutcome};
use ticketcd_history::event::Event;
use ticketcd_history::request::{AnswerBody, Guard, GuardTarget, Put, Range, Relation, Request, Txn, TxnAnswer, TxnAnswerBody, TxnOp};
use ticketcd_history::{Blob, Nanos, Revision};
use ticketcd_judge::core::check::Check;
use ticketcd_judge::core::engine::Judge;
use ticketcd_judge::core::verdict::Verdict;
use ticketcd_judge::etcd::authorship::Authorship;
use ticketcd_judge::etcd::branch::Branch;
use ticketcd_judge::etcd::reads::Reads;
use ticketcd_judge::etcd::real_time::RealTime;
use ticketcd_judge::linearizability::import::{jepsen, json_lines};
use ticketcd_judge::linearizability::register::{Action, NOTHING, Register, Value, judge};
use ticketcd_judge::linearizability::{Answer, History, Limits, Operation, check_within};
use ticketcd_synth::testing::{Etcd, Record};

/// Far longer than any search of these histories.
const TIMEOUT: Duration = Duration::from_secs(60);

struct Draw(ChaCha8Rng);

impl Draw {
    fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.0.next_u64() % bound.max(1) as u64) as usize
    }

    fn percent(&mut self, share: usize) -> bool {
        self.below(100) < share
    }
}

// ----- The other judge -------------------------------------------------------------------------------------------------

/// An operation on a register and its outcome; `None` if unknown.
#[derive(Clone, Copy, Debug)]
enum Did {
    Read(Option<Value>),
    Wrote(Value),
    Compared { from: Value, to: Value, succeeded: Option<bool> },
}

#[derive(Clone, Debug)]
struct Registers;

impl porcupine_rs::Model for Registers {
    type State = Value;
    type Op = (usize, Did);
    type Metadata = ();

    fn partition_operations(history: &[porcupine_rs::Operation<Self>]) -> Vec<Vec<porcupine_rs::Operation<Self>>> {
        let mut by_key: BTreeMap<usize, Vec<_>> = BTreeMap::new();
        for operation in history {
            by_key.entry(operation.op.0).or_default().push(operation.clone());
        }
        by_key.into_values().collect()
    }

    fn init() -> Value {
        NOTHING
    }

    fn step(state: &Value, (_, did): &Self::Op) -> (bool, Value) {
        match *did {
            Did::Read(answer) => (answer.is_none_or(|answer| answer == *state), *state),
            Did::Wrote(value) => (true, value),
            Did::Compared { from, to, succeeded } => {
                let is_there = from == *state;
                (succeeded.is_none_or(|succeeded| succeeded == is_there), if is_there { to } else { *state })
            }
        }
    }
}

/// An operation for the other judge. Without a return it may take effect at any later time.
fn theirs(process: u32, key: usize, did: Did, call: u64, done: Option<u64>) -> porcupine_rs::Operation<Registers> {
    let return_time = done.map_or(i64::MAX, |done| done as i64);
    porcupine_rs::Operation { client_id: Some(process), call_time: call as i64, return_time, op: (key, did), metadata: None }
}

// ----- Histories without revisions -------------------------------------------------------------------------------------

#[derive(Clone, Copy, Debug)]
enum Ask {
    Read,
    Write(Value),
    CompareAndSet(Value, Value),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// The last line of its process is its call.
    NeverEnded,
    Unknown,
    NotDone,
    Wrote,
    Read(Value),
    Compared(bool),
}

#[derive(Clone, Copy, Debug)]
struct Call {
    process: u32,
    key: usize,
    ask: Ask,
    outcome: Outcome,
}

/// Calls, and their ends in the order of time: which call, and whether it begins there.
#[derive(Clone, Debug, Default)]
struct MadeUp {
    calls: Vec<Call>,
    ends: Vec<(usize, bool)>,
}

/// The current operation of a process.
#[derive(Clone, Copy)]
enum Doing {
    Nothing,
    Waiting(usize),
    /// It took effect, with this outcome.
    Happened(usize, Outcome),
}

#[derive(Clone, Copy)]
struct Size {
    calls: usize,
    processes: usize,
    keys: usize,
    values: usize,
    /// Percentage of calls with an unknown outcome.
    unknown: usize,
}

/// A history that is linearizable, because every operation takes effect at one time between its call and return.
fn linearizable(draw: &mut Draw, size: &Size) -> MadeUp {
    let mut made = MadeUp::default();
    let mut registers = vec![NOTHING; size.keys];
    let mut processes = vec![Doing::Nothing; size.processes];
    // Calls that were given up and may still take effect.
    let mut lost: Vec<usize> = Vec::new();
    let happen = |call: &Call, registers: &mut [Value]| {
        let register = &mut registers[call.key];
        match call.ask {
            Ask::Read => Outcome::Read(*register),
            Ask::Write(value) => {
                *register = value;
                Outcome::Wrote
            }
            Ask::CompareAndSet(from, to) => {
                let succeeds = *register == from;
                if succeeds {
                    *register = to;
                }
                Outcome::Compared(succeeds)
            }
        }
    };
    while made.calls.len() < size.calls || processes.iter().any(|doing| !matches!(doing, Doing::Nothing)) {
        if !lost.is_empty() && draw.percent(10) {
            let call = lost.swap_remove(draw.below(lost.len()));
            happen(&made.calls[call], &mut registers);
        }
        let number = draw.below(size.processes);
        processes[number] = match processes[number] {
            Doing::Nothing if made.calls.len() == size.calls => Doing::Nothing,
            Doing::Nothing => {
                let key = draw.below(size.keys);
                let mut value = || draw.below(size.values) as Value + 1;
                let (first, second) = (value(), value());
                let ask = match draw.below(5) {
                    0 | 1 => Ask::Read,
                    2 => Ask::Write(first),
                    // Half of them succeed, unless another write comes first.
                    _ if draw.percent(50) && registers[key] != NOTHING => Ask::CompareAndSet(registers[key], second),
                    _ => Ask::CompareAndSet(first, second),
                };
                made.calls.push(Call { process: number as u32, key, ask, outcome: Outcome::NeverEnded });
                made.ends.push((made.calls.len() - 1, true));
                Doing::Waiting(made.calls.len() - 1)
            }
            Doing::Waiting(call) if draw.percent(size.unknown) => {
                lost.push(call);
                end(&mut made, call, Outcome::Unknown);
                Doing::Nothing
            }
            Doing::Waiting(call) if draw.percent(4) => {
                end(&mut made, call, Outcome::NotDone);
                Doing::Nothing
            }
            Doing::Waiting(call) => Doing::Happened(call, happen(&made.calls[call], &mut registers)),
            // At the end of the record some calls are still in flight.
            Doing::Happened(..) if made.calls.len() == size.calls && draw.percent(size.unknown) => Doing::Nothing,
            Doing::Happened(call, outcome) => {
                end(&mut made, call, if draw.percent(size.unknown) { Outcome::Unknown } else { outcome });
                Doing::Nothing
            }
        };
    }
    made
}

fn end(made: &mut MadeUp, call: usize, outcome: Outcome) {
    made.calls[call].outcome = outcome;
    made.ends.push((call, false));
}

/// Changes a history so that it is often no longer linearizable.
fn damage(draw: &mut Draw, size: &Size, made: &mut MadeUp) {
    let call = draw.below(made.calls.len());
    match draw.below(6) {
        0 | 1 => {
            // The response.
            let answered = |call: &&mut Call| matches!(call.outcome, Outcome::Read(_) | Outcome::Compared(_));
            if let Some(call) = made.calls[call..].iter_mut().find(answered) {
                call.outcome = match call.outcome {
                    Outcome::Compared(succeeded) => Outcome::Compared(!succeeded),
                    _ => Outcome::Read(draw.below(size.values + 1) as Value),
                };
            }
        }
        2 | 3 => {
            // The times of calls and returns: far enough that some operations no longer overlap.
            let mut place = draw.below(made.ends.len());
            for _ in 0..1 + draw.below(2 * size.processes) {
                let [(first, _), (second, _)] = made.ends.get(place..place + 2).map_or([(0, true); 2], |ends| [ends[0], ends[1]]);
                if made.calls[first].process == made.calls[second].process {
                    break;
                }
                made.ends.swap(place, place + 1);
                place = if draw.percent(80) { place + 1 } else { draw.below(made.ends.len()) };
            }
        }
        4 => {
            // A write that others may have seen did not take effect.
            let wrote = |call: &&mut Call| matches!(call.outcome, Outcome::Wrote | Outcome::Compared(true));
            made.calls[call..].iter_mut().find(wrote).into_iter().for_each(|call| call.outcome = Outcome::NotDone);
        }
        _ => {
            // Another value was written.
            if let Ask::Write(value) = &mut made.calls[call].ask {
                *value = draw.below(size.values) as Value + 1;
            }
        }
    }
}

impl MadeUp {
    /// As a log of Jepsen's etcd test, which has one key.
    fn to_jepsen(&self) -> String {
        let line = |(call, begins): &(usize, bool)| {
            let Call { process, ask, outcome, .. } = &self.calls[*call];
            let (function, asked) = match ask {
                Ask::Read => ("read", "nil".to_owned()),
                Ask::Write(value) => ("write", value.to_string()),
                Ask::CompareAndSet(from, to) => ("cas", format!("[{from} {to}]")),
            };
            let (stage, value) = match outcome {
                _ if *begins => ("invoke", asked),
                Outcome::Unknown | Outcome::NeverEnded => ("info", ":timed-out".to_owned()),
                Outcome::NotDone => ("fail", ":timed-out".to_owned()),
                Outcome::Read(NOTHING) => ("ok", "nil".to_owned()),
                Outcome::Read(value) => ("ok", value.to_string()),
                Outcome::Compared(false) => ("fail", asked),
                Outcome::Compared(true) | Outcome::Wrote => ("ok", asked),
            };
            format!("INFO  jepsen.util - {process}\t:{stage}\t:{function}\t{value}\n")
        };
        self.ends.iter().map(line).collect()
    }

    /// As lines of JSON.
    fn to_jsonl(&self) -> String {
        let line = |(call, begins): &(usize, bool)| {
            let Call { process, key, ask, outcome } = &self.calls[*call];
            let (function, asked) = match ask {
                Ask::Read => ("read", "null".to_owned()),
                Ask::Write(value) => ("write", value.to_string()),
                Ask::CompareAndSet(from, to) => ("cas", format!("[{from},{to}]")),
            };
            let (stage, rest) = match outcome {
                _ if *begins => ("invoke", format!(",\"key\":{key},\"value\":{asked}")),
                Outcome::Unknown | Outcome::NeverEnded => ("info", String::new()),
                Outcome::NotDone => ("fail", ",\"error\":\"refused\"".to_owned()),
                Outcome::Read(NOTHING) => ("ok", ",\"value\":null".to_owned()),
                Outcome::Read(value) => ("ok", format!(",\"value\":{value}")),
                Outcome::Compared(false) => ("fail", String::new()),
                Outcome::Compared(true) | Outcome::Wrote => ("ok", String::new()),
            };
            format!("{{\"process\":{process},\"type\":\"{stage}\",\"f\":\"{function}\"{rest}}}\n")
        };
        self.ends.iter().map(line).collect()
    }

    fn to_theirs(&self) -> Vec<porcupine_rs::Operation<Registers>> {
        let mut times = vec![(0, None); self.calls.len()];
        for (time, (call, begins)) in self.ends.iter().enumerate() {
            if *begins {
                times[*call].0 = time as u64;
            } else {
                times[*call].1 = Some(time as u64);
            }
        }
        let operation = |(call, (began, ended)): (&Call, (u64, Option<u64>))| {
            let is_known = !matches!(call.outcome, Outcome::Unknown | Outcome::NeverEnded);
            let did = match (call.ask, call.outcome) {
                (_, Outcome::NotDone) => return None,
                (Ask::Read, Outcome::Read(value)) => Did::Read(Some(value)),
                (Ask::Read, _) => Did::Read(None),
                (Ask::Write(value), _) => Did::Wrote(value),
                (Ask::CompareAndSet(from, to), Outcome::Compared(succeeded)) => Did::Compared { from, to, succeeded: Some(succeeded) },
                (Ask::CompareAndSet(from, to), _) => Did::Compared { from, to, succeeded: None },
            };
            Some(theirs(call.process, call.key, did, began, ended.filter(|_| is_known)))
        };
        self.calls.iter().zip(times).filter_map(operation).collect()
    }

    /// The verdict of the general search on its text.
    fn judged(&self, text: &str) -> Answer {
        let is_log = text.starts_with("INFO");
        let parsed = if is_log { jepsen::read(text.as_bytes()) } else { json_lines::read(text.as_bytes()) };
        judge(&parsed.unwrap_or_else(|error| panic!("{error}: {text}")), TIMEOUT).answer
    }
}

/// Judges a number of histories of a size with both. Returns how many are linearizable, and how many are not.
fn both_judge(seed: u64, histories: u32, size_of: impl Fn(&mut Draw) -> Size) -> (u32, u32) {
    let mut draw = Draw::new(seed);
    let (mut with, mut without) = (0, 0);
    for number in 0..histories {
        let size = size_of(&mut draw);
        let mut made = linearizable(&mut draw, &size);
        let damages = if number % 4 == 0 { 0 } else { 1 + draw.below(3) };
        (0..damages).for_each(|_| damage(&mut draw, &size, &mut made));
        let text = if size.keys == 1 && number % 2 == 0 { made.to_jepsen() } else { made.to_jsonl() };
        let expected = check_operations::<Registers>(&made.to_theirs());
        assert!(damages > 0 || expected, "made to be linearizable:\n{text}");
        let answer = if expected { Answer::Linearizable } else { Answer::NotLinearizable };
        assert_eq!(made.judged(&text), answer, "history {number} of seed {seed}:\n{text}");
        if expected { with += 1 } else { without += 1 }
    }
    (with, without)
}

#[test]
fn small_histories_are_judged_as_by_others() {
    let (with, without) = both_judge(1, 6_000, |draw| Size {
        calls: 3 + draw.below(10),
        processes: 2 + draw.below(3),
        keys: if draw.percent(70) { 1 } else { 2 },
        values: 2 + draw.below(2),
        unknown: draw.below(30),
    });
    println!("{with} are linearizable, {without} are not");
    assert!(with > 1_500 && without > 1_500, "{with} are linearizable, {without} are not");
}

#[test]
fn middle_sized_histories_are_judged_as_by_others() {
    let (with, without) = both_judge(2, 1_500, |draw| Size {
        calls: 30 + draw.below(120),
        processes: 3 + draw.below(5),
        keys: 1 + draw.below(4),
        values: 2 + draw.below(4),
        unknown: draw.below(6),
    });
    println!("{with} are linearizable, {without} are not");
    assert!(with > 400 && without > 400, "{with} are linearizable, {without} are not");
}

// ----- Histories with revisions ----------------------------------------------------------------------------------------

const KEYS: [&str; 3] = ["a", "b", "c"];

/// What is wrong with a history that has revisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Planted {
    Nothing,
    /// A member that lags responds to a read.
    StaleRead,
    /// A read has the newest revision, and a value of another.
    OldValue,
    /// A compare-and-set reports the opposite of its result.
    WrongBranch,
}

/// A history as etcd would have recorded it, with sequential calls, and whether the mutation is visible: whether a read
/// returned another value than the key then had.
fn recorded(draw: &mut Draw, calls: usize, planted: Planted, certain: bool) -> (Record, bool) {
    let mut etcd = Etcd::default();
    let keys = 1 + draw.below(KEYS.len());
    let workers = 2 + draw.below(4);
    // Half of the histories have unique values; in the others many calls may have written an unacknowledged revision.
    let values = if draw.percent(50) { 3 } else { usize::MAX };
    let plant_at = calls / 2 + draw.below(calls / 2);
    let (mut written, mut is_planted, mut shows) = (0, planted == Planted::Nothing, false);
    for number in 0..calls {
        let (worker, key) = (draw.below(workers) as u32, KEYS[draw.below(keys)]);
        let mut value = || {
            written += 1;
            Blob::from(if values == usize::MAX { written + 1 } else { draw.below(values) + 1 }.to_string())
        };
        let put = Put { key: key.into(), value: value(), ..Put::default() };
        let is_due = !is_planted && number >= plant_at;
        if is_due && planted != Planted::WrongBranch {
            let newest = etcd.revision();
            let old = 1 + draw.below(newest as usize) as Revision;
            let (now, then) = (etcd.key(key, newest), etcd.key(key, old));
            let is_other = now.as_ref().map(|kv| &kv.value) != then.as_ref().map(|kv| &kv.value);
            if old < newest {
                let range = Request::Range(Range { key: key.into(), ..Range::default() });
                if planted == Planted::StaleRead {
                    etcd.call_at(worker, range, old);
                } else if is_other {
                    etcd.call_at(worker, range, old);
                    etcd.edit_answer(|answer| answer.revision = newest);
                }
                (is_planted, shows) = (planted == Planted::StaleRead || is_other, is_other);
                continue;
            }
        }
        let is_read = draw.percent(45);
        let request = if is_read {
            Request::Range(Range { key: key.into(), ..Range::default() })
        } else if draw.percent(40) {
            Request::Put(put)
        } else {
            let there = etcd.key(key, etcd.revision()).map(|kv| kv.value);
            let from =
                if draw.percent(70) { there.unwrap_or_else(|| Blob::from("1")) } else { Blob::from((1 + draw.below(3)).to_string()) };
            let guard = Guard { key: key.into(), range_end: Blob::default(), target: GuardTarget::Value(from), relation: Relation::Equal };
            Request::Txn(Txn { guards: vec![guard], success: vec![TxnOp::Put(put)], failure: Vec::new() })
        };
        let is_opposite = is_due && planted == Planted::WrongBranch && matches!(request, Request::Txn(_));
        match draw.below(20) {
            0 if !certain => etcd.unanswered(worker, request, true),
            1 if !certain => etcd.unanswered(worker, request, false),
            2 if !certain => etcd.refused(worker, request, false),
            _ if is_opposite => {
                let answer = etcd.call(worker, request);
                let AnswerBody::Txn { succeeded, .. } = answer.body else { unreachable!() };
                // A compare-and-set that succeeded has a response for its put, and one that failed has none.
                let opposite = if succeeded { Vec::new() } else { vec![put_answer(answer.revision)] };
                etcd.edit_answer(|answer| answer.body = AnswerBody::Txn { succeeded: !succeeded, responses: opposite });
                (is_planted, shows) = (true, true);
            }
            _ => drop(etcd.call(worker, request)),
        }
    }
    (etcd.finish(), shows)
}

fn put_answer(revision: Revision) -> TxnAnswer {
    TxnAnswer { revision, body: TxnAnswerBody::Put { prev_kv: None } }
}

/// Calls are moved to be sent earlier and to return later, as far as the calls of their own worker allow, so that they
/// overlap. Each still takes effect where it did.
fn stretched(draw: &mut Draw, record: &mut Record) {
    let time_of = |place: usize| (place as Nanos + 1) * 1_000_000;
    let mut times: Vec<Nanos> = (0..record.events.len()).map(time_of).collect();
    let mut last: BTreeMap<u32, usize> = BTreeMap::new();
    for (place, event) in record.events.iter().enumerate() {
        match event {
            Event::Return(returned) => {
                last.insert(returned.id.worker, place);
            }
            Event::Invoke(invoke) => {
                let from = last.get(&invoke.id.worker).copied();
                let reach = (time_of(place) - from.map_or(3_500_000, time_of)) as usize / 2;
                if let Some(from) = from.filter(|_| draw.percent(70)) {
                    times[from] += draw.below(reach) as Nanos;
                }
                if draw.percent(70) {
                    times[place] -= draw.below(reach) as Nanos;
                }
            }
            _ => {}
        }
    }
    let mut timed: Vec<(Nanos, Event)> = times.into_iter().zip(std::mem::take(&mut record.events)).collect();
    timed.sort_by_key(|(time, _)| *time);
    record.events = timed
        .into_iter()
        .map(|(time, mut event)| {
            match &mut event {
                Event::Invoke(invoke) => invoke.sent = time,
                Event::Return(returned) => returned.done = time,
                _ => {}
            }
            event
        })
        .collect();
}

/// A call: key, worker, what was done, when it was sent, when it returned.
type Timed = (usize, u32, Did, u64, Option<u64>);

/// The calls of a record as operations of registers.
fn operations(record: &Record) -> Vec<Timed> {
    let number = |value: &Blob| value.to_text().parse::<Value>().unwrap();
    let mut open: BTreeMap<CallId, _> = BTreeMap::new();
    let mut operations = Vec::new();
    for event in &record.events {
        if let Event::Invoke(invoke) = event {
            open.insert(invoke.id, invoke);
        }
        let Event::Return(returned) = event else { continue };
        let invoke = open[&returned.id];
        let answer = match &returned.outcome {
            CallOutcome::Ok(answer) => Some(&answer.body),
            CallOutcome::Unknown { .. } => None,
            CallOutcome::Refused { .. } => continue,
        };
        let (key, did) = match (&invoke.request, answer) {
            (Request::Range(range), Some(AnswerBody::Range(found))) => {
                (&range.key, Did::Read(Some(found.kvs.first().map_or(NOTHING, |kv| number(&kv.value)))))
            }
            (Request::Range(range), _) => (&range.key, Did::Read(None)),
            (Request::Put(put), _) => (&put.key, Did::Wrote(number(&put.value))),
            (Request::Txn(txn), answer) => {
                let (GuardTarget::Value(from), TxnOp::Put(put)) = (&txn.guards[0].target, &txn.success[0]) else { unreachable!() };
                let succeeded = answer.map(|body| matches!(body, AnswerBody::Txn { succeeded: true, .. }));
                (&put.key, Did::Compared { from: number(from), to: number(&put.value), succeeded })
            }
            (request, _) => panic!("{request:?}"),
        };
        let key = KEYS.iter().position(|name| name.as_bytes() == key.as_bytes()).unwrap();
        operations.push((key, invoke.id.worker, did, invoke.sent, answer.map(|_| returned.done)));
    }
    operations
}

/// The verdict of the general search, which the other judge must share.
fn searched(operations: &[Timed]) -> bool {
    let mut histories = Vec::new();
    for (key, name) in KEYS.iter().enumerate() {
        let own = operations.iter().filter(|(of, ..)| *of == key);
        let operation = |(_, worker, did, call, done): &Timed| {
            let action = match *did {
                Did::Read(value) => Action::Read(value?),
                Did::Wrote(value) => Action::Write(value),
                Did::Compared { from, to, succeeded } => Action::CompareAndSet { from, to, succeeded },
            };
            Some(Operation { process: worker.to_string(), action, call: *call, done: *done })
        };
        let mut operations: Vec<Operation<Action>> = own.filter_map(operation).collect();
        operations.sort_by_key(|operation| operation.call);
        histories.push(History { key: (*name).to_owned(), operations });
    }
    let ours = check_within(&Register::default(), &histories, &Limits::of_time(TIMEOUT));
    let history: Vec<_> = operations.iter().map(|(key, worker, did, call, done)| theirs(*worker, *key, *did, *call, *done)).collect();
    let expected = check_operations::<Registers>(&history);
    assert_eq!(ours, if expected { Answer::Linearizable } else { Answer::NotLinearizable }, "{operations:?}");
    expected
}

/// The checks that rely on revisions and reject a record.
fn rejecting(record: &Record) -> BTreeSet<String> {
    let info = &record.info;
    let checks: Vec<Box<dyn Check>> =
        vec![Box::new(RealTime::new(info)), Box::new(Reads::new(info)), Box::new(Branch::new(info)), Box::new(Authorship::new(info))];
    let mut judge = Judge::new(info, checks);
    record.events.iter().for_each(|event| judge.observe(event));
    let findings = judge.finish(None).findings.into_iter();
    findings.filter(|finding| finding.verdict == Verdict::Violation).map(|finding| finding.name).collect()
}

#[test]
fn what_the_checks_of_revisions_accept_is_linearizable() {
    let mut draw = Draw::new(3);
    let mut counts: BTreeMap<(bool, bool), u32> = BTreeMap::new();
    for number in 0..3_000 {
        let planted = [Planted::Nothing, Planted::StaleRead, Planted::OldValue, Planted::WrongBranch][number % 4];
        let calls = 6 + draw.below(50);
        let (mut record, _) = recorded(&mut draw, calls, planted, false);
        stretched(&mut draw, &mut record);
        let rejecting = rejecting(&record);
        let is_linearizable = searched(&operations(&record));
        assert!(!rejecting.is_empty() || is_linearizable, "history {number}, {planted:?}: {:?}", operations(&record));
        if planted == Planted::Nothing {
            assert!(rejecting.is_empty() && is_linearizable, "history {number}: {rejecting:?}, {:?}", operations(&record));
        }
        *counts.entry((rejecting.is_empty(), is_linearizable)).or_default() += 1;
    }
    println!("(accepted by the checks, linearizable): {counts:?}");
    let count = |accepted, linearizable| counts.get(&(accepted, linearizable)).copied().unwrap_or(0);
    assert!(count(true, true) > 750 && count(false, false) > 500, "{counts:?}");
}

#[test]
fn a_stale_read_that_shows_is_rejected_by_all() {
    let mut draw = Draw::new(4);
    let (mut showing, mut hidden) = (0, 0);
    for number in 0..2_000 {
        let planted = [Planted::StaleRead, Planted::OldValue][number % 2];
        let calls = 6 + draw.below(40);
        // The calls are sequential and each completes, so there is one order, and one correct value for each read.
        let (record, shows) = recorded(&mut draw, calls, planted, true);
        let expected = if planted == Planted::StaleRead { "real_time" } else { "reads" };
        let is_linearizable = searched(&operations(&record));
        assert_eq!(is_linearizable, !shows, "history {number}, {planted:?}: {:?}", operations(&record));
        if shows {
            assert!(rejecting(&record).contains(expected), "history {number}, {planted:?}: {:?}", operations(&record));
        }
        if shows { showing += 1 } else { hidden += 1 }
    }
    println!("{showing} stale reads show, {hidden} do not");
    assert!(showing > 800, "{showing} stale reads show, {hidden} do not");
}
