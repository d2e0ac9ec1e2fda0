//! Reads the logs of Jepsen's etcd test: `INFO  jepsen.util - 4 :invoke :cas [2 4]`.
//!
//! A line is a process, how its call stands, what it called, and a value, with any white space between. `:fail` of a
//! compare-and-set with its values says that the register had another value; `:fail` with a reason says that nothing
//! happened; `:info` that nobody knows. Lines of others than `jepsen.util`, and those of the nemesis, are passed over.

use std::io::BufRead;

use super::LineError;
use super::builder::{Builder, End, Function, Parsed};
use super::register::{NOTHING, Value};

/// Reads a log.
///
/// # Errors
/// When a line of an operation cannot be read, ends what was not called, or calls before an earlier call ended; and when
/// there is no operation at all.
pub fn read(input: impl BufRead) -> Result<Parsed, LineError> {
    let mut builder = Builder::default();
    let mut number = 0;
    for line in input.split(b'\n') {
        number += 1;
        let line = line.map_err(|error| LineError { line: number, what: format!("cannot be read: {error}") })?;
        let line = String::from_utf8_lossy(&line);
        if let Some((_, operation)) = line.split_once("jepsen.util").and_then(|(_, rest)| rest.split_once("- ")) {
            take(&mut builder, number, operation)?;
        }
    }
    if builder.calls() == 0 {
        let what = "no operation was found; one looks like `INFO  jepsen.util - 4 :invoke :write 3`".to_owned();
        return Err(LineError { line: number.max(1), what });
    }
    Ok(builder.finish())
}

fn take(builder: &mut Builder, line: u64, text: &str) -> Result<(), LineError> {
    let mut words = text.trim().splitn(4, char::is_whitespace).map(str::trim).filter(|word| !word.is_empty());
    let wrong = |what: String| LineError { line, what };
    let process = words.next().unwrap_or_default();
    if process.starts_with(':') {
        return Ok(());
    }
    // White space between the words may be of any length.
    let rest: Vec<&str> = text.trim().strip_prefix(process).unwrap_or_default().split_whitespace().collect();
    let [stage, function, value @ ..] = rest.as_slice() else {
        // Other things are told by the same logger: only what looks like an operation must be one.
        return Ok(());
    };
    if !stage.starts_with(':') || process.parse::<u64>().is_err() {
        return Ok(());
    }
    let function = Function::of(function.trim_start_matches(':'))
        .ok_or_else(|| wrong(format!("{function} is no function of a register: :read, :write or :cas")))?;
    let value = value.join(" ");
    match *stage {
        ":invoke" => {
            let values = match function {
                Function::Read => [NOTHING; 2],
                Function::Write => [scalar(builder, &value).ok_or_else(|| wrong(format!("{value:?} is no value to write")))?, NOTHING],
                Function::CompareAndSet => {
                    pair(builder, &value).ok_or_else(|| wrong(format!("{value:?} is no pair of values `[from to]`")))?
                }
            };
            builder.call(line, process, "", function, values)
        }
        ":ok" => {
            let end = match function {
                Function::Read => End::Ok(scalar(builder, &value).ok_or_else(|| wrong(format!("{value:?} is no value that was read")))?),
                Function::Write => scalar(builder, &value).map_or(End::Ok(NOTHING), |value| End::OkOf([value, NOTHING])),
                Function::CompareAndSet => pair(builder, &value).map_or(End::Ok(NOTHING), End::OkOf),
            };
            builder.end(line, process, function, None, end)
        }
        ":fail" => {
            let differs = function == Function::CompareAndSet && value.starts_with('[');
            builder.end(line, process, function, None, if differs { End::Different } else { End::NotDone })
        }
        ":info" => builder.end(line, process, function, None, End::Unknown),
        other => Err(wrong(format!("{other} is no stage of an operation: :invoke, :ok, :fail or :info"))),
    }
}

/// A number, or `nil`.
fn scalar(builder: &mut Builder, text: &str) -> Option<Value> {
    let is_value = text == "nil" || text.parse::<i64>().is_ok();
    is_value.then(|| builder.values.number(text))
}

/// `[from to]`
fn pair(builder: &mut Builder, text: &str) -> Option<[Value; 2]> {
    let inside = text.strip_prefix('[')?.strip_suffix(']')?;
    let (from, to) = inside.trim().split_once(char::is_whitespace)?;
    Some([scalar(builder, from.trim())?, scalar(builder, to.trim())?])
}
