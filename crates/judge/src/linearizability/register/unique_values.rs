//! Decides a history of reads and writes without a search, if it is known which write each read saw.
//!
//! If every value that is read was written once, a write and the reads of its value take effect together: no other write lies
//! between them. So each value as a whole precedes or follows every other. Value `a` must precede `b` if an operation on `a`
//! returned before one on `b` was called. The history is linearizable exactly if no read returned before its write was called, and
//! no two values must each precede the other (Gibbons and Korach, "Testing shared memories", 1997: no two forward zones overlap,
//! and no backward zone lies within a forward zone). This takes as long as sorting.
//!
//! A write of unknown outcome whose value was never read constrains nothing, because it may never have been executed. One whose
//! value was read was executed, at some moment after its call.

use rustc_hash::FxHashMap;

use super::{Action, Value};
use crate::linearizability::Operation;

/// Why a history is not linearizable. Operations are given by their index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conflict {
    /// A value was read that no operation writes and that the register did not hold initially.
    NeverWritten {
        /// The read.
        read: usize,
    },
    /// A value was read before its write was called.
    ReadBeforeWrite {
        /// The read.
        read: usize,
        /// The write.
        write: usize,
    },
    /// Each of two values must precede the other.
    EachBeforeTheOther {
        /// An operation on the one value that returned before an operation on the other was called. `None` is the initial value.
        one_first: (Option<usize>, usize),
        /// The same for the other value.
        other_first: (usize, usize),
    },
}

/// A value with the operations on it.
#[derive(Clone, Copy, Debug)]
struct Zone {
    /// The first return, with its operation; `None` for the initial value, which the register holds from the start.
    first_done: (i128, Option<usize>),
    /// The last call, with its operation.
    last_call: (i128, usize),
}

impl Zone {
    fn new(done: (i128, Option<usize>), operation: usize, call: u64) -> Self {
        Self { first_done: done, last_call: (i128::from(call), operation) }
    }

    fn add<Any>(&mut self, index: usize, operation: &Operation<Any>) {
        let done = done(operation);
        if done < self.first_done.0 {
            self.first_done = (done, Some(index));
        }
        if i128::from(operation.call) > self.last_call.0 {
            self.last_call = (i128::from(operation.call), index);
        }
    }

    /// Whether an operation on this value returned before one on the other was called.
    fn is_before(&self, other: &Self) -> bool {
        self.first_done.0 < other.last_call.0
    }

    /// Whether an operation on this value returned before another one on it was called.
    fn is_forward(&self) -> bool {
        self.is_before(self)
    }
}

/// The write of a value that was read, and its zone.
#[derive(Debug, Default)]
struct ValueRead {
    write: Option<usize>,
    zone: Option<Zone>,
}

/// The moment by which an operation has returned; the end of time if that is unknown.
fn done<Any>(operation: &Operation<Any>) -> i128 {
    operation.done.map_or(i128::MAX, i128::from)
}

/// Decides a history of a register that initially holds `initial`; `None` if that takes a search.
pub(super) fn decide(operations: &[Operation<Action>], initial: Value) -> Option<Result<(), Conflict>> {
    let mut values: FxHashMap<Value, ValueRead> = FxHashMap::default();
    for operation in operations {
        match operation.action {
            // A read without an answer constrains nothing.
            Action::Read(value) if operation.done.is_some() => drop(values.entry(value).or_default()),
            Action::Read(_) | Action::Write(_) => {}
            Action::CompareAndSet { .. } => return None,
        }
    }
    let mut zones = Vec::new();
    for (index, operation) in operations.iter().enumerate() {
        let Action::Write(value) = operation.action else { continue };
        let zone = Zone::new((done(operation), Some(index)), index, operation.call);
        match values.get_mut(&value) {
            Some(known) if known.write.is_some() || value == initial => return None,
            Some(known) => (known.write, known.zone) = (Some(index), Some(zone)),
            None if operation.done.is_some() => zones.push(zone),
            None => {}
        }
    }
    for (index, operation) in operations.iter().enumerate() {
        let (Action::Read(value), Some(_)) = (operation.action, operation.done) else { continue };
        let Some(known) = values.get_mut(&value) else { continue };
        match (known.write, &mut known.zone) {
            (Some(write), _) if done(operation) < i128::from(operations[write].call) => {
                return Some(Err(Conflict::ReadBeforeWrite { read: index, write }));
            }
            (_, Some(zone)) => zone.add(index, operation),
            (_, None) if value == initial => known.zone = Some(Zone::new((-1, None), index, operation.call)),
            (_, None) => return Some(Err(Conflict::NeverWritten { read: index })),
        }
    }
    zones.extend(values.into_values().filter_map(|known| known.zone));
    Some(without_cycle(zones))
}

/// Fails if two values must each precede the other.
fn without_cycle(zones: Vec<Zone>) -> Result<(), Conflict> {
    let conflict = |one: &Zone, other: &Zone| {
        // Of two values at most one is the initial one.
        let (one, other) = if other.first_done.1.is_none() { (other, one) } else { (one, other) };
        Err(Conflict::EachBeforeTheOther {
            one_first: (one.first_done.1, other.last_call.1),
            other_first: (other.first_done.1.unwrap_or(other.last_call.1), one.last_call.1),
        })
    };
    let (mut forward, backward): (Vec<Zone>, Vec<Zone>) = zones.into_iter().partition(Zone::is_forward);
    forward.sort_unstable_by_key(|zone| zone.first_done.0);
    for pair in forward.windows(2) {
        // They are sorted by their first return, and earlier ones do not overlap, so neighbours suffice.
        if let [one, other] = pair
            && other.is_before(one)
        {
            return conflict(one, other);
        }
    }
    for zone in &backward {
        // Of the forward zones that must precede it, the last one also ends last.
        let before = forward.partition_point(|other| other.is_before(zone));
        if let Some(other) = before.checked_sub(1).map(|last| &forward[last])
            && zone.is_before(other)
        {
            return conflict(other, zone);
        }
    }
    Ok(())
}
