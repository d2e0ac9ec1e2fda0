//! Whatever bytes stand in the file of a scenario, reading it ends with a scenario or with an error that says what is wrong
//! and where, never with a panic.

use std::fs;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use ticketcd::scenario::{self, Embedded, Scenario, ScenarioError, library};

/// Damaged copies of each scenario.
const COPIES: u64 = 1_200;

/// What means something to TOML or to a scenario, or is at the edge of what a number may be.
const TOKENS: [&str; 30] = [
    "[",
    "[[",
    "]]",
    "{",
    "}",
    "\"",
    "\"\"\"",
    "'''",
    "#",
    "=",
    ".",
    ",",
    "\n",
    "\r",
    "\0",
    "\u{feff}",
    "é",
    "\u{1b}[31m",
    "nan",
    "-inf",
    "1e999",
    "-1",
    "0",
    "4294967296",
    "99999999999999999999",
    "0xffffffffffffffff",
    "1979-05-27T07:32:00Z",
    "99999999999h",
    "0.0000000001ns",
    "101%",
];

struct Draw(ChaCha8Rng);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        (self.0.next_u64() % bound.max(1) as u64) as usize
    }
}

/// Damages bytes in one to four ways.
fn damaged(draw: &mut Draw, text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..1 + draw.below(4) {
        let place = draw.below(bytes.len() + 1);
        match draw.below(10) {
            0 if place < bytes.len() => bytes[place] = draw.below(256) as u8,
            1 if place < bytes.len() => bytes[place] ^= 1 << draw.below(8),
            2 => bytes.insert(place, draw.below(256) as u8),
            3 => drop(bytes.drain(place..(place + 1 + draw.below(20)).min(bytes.len()).max(place))),
            // Half of what is cut off is cut off near the end, where more is right before it.
            4 => bytes.truncate(if draw.below(2) == 0 { place } else { bytes.len() - draw.below(30).min(bytes.len()) }),
            5 => bytes = with_token(draw, bytes, place),
            6 | 7 => bytes = with_lines_of_others(draw, &bytes),
            8 => bytes = with_number_replaced(draw, bytes, place),
            _ => bytes = with_lines_moved(draw, &bytes),
        }
    }
    bytes
}

fn with_token(draw: &mut Draw, mut bytes: Vec<u8>, place: usize) -> Vec<u8> {
    bytes.splice(place..place, TOKENS[draw.below(TOKENS.len())].bytes());
    bytes
}

/// The first number at or behind a place becomes another.
fn with_number_replaced(draw: &mut Draw, mut bytes: Vec<u8>, place: usize) -> Vec<u8> {
    if let Some(from) = bytes[place..].iter().position(u8::is_ascii_digit).map(|from| place + from) {
        let to = bytes[from..].iter().position(|byte| !byte.is_ascii_digit()).map_or(bytes.len(), |length| from + length);
        bytes.splice(from..to, TOKENS[18 + draw.below(TOKENS.len() - 18)].bytes());
    }
    bytes
}

/// Lines of another scenario stand between its own.
fn with_lines_of_others(draw: &mut Draw, bytes: &[u8]) -> Vec<u8> {
    let other: Vec<&[u8]> = library()[draw.below(library().len())].text.as_bytes().split_inclusive(|byte| *byte == b'\n').collect();
    let from = draw.below(other.len());
    let some = &other[from..(from + 1 + draw.below(4)).min(other.len())];
    let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let place = draw.below(lines.len() + 1);
    lines.splice(place..place, some.iter().copied());
    lines.concat()
}

/// One line is at the place of another, or there twice.
fn with_lines_moved(draw: &mut Draw, bytes: &[u8]) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let (first, second) = (draw.below(lines.len()), draw.below(lines.len()));
    match lines.get(first).copied() {
        Some(line) if draw.below(2) == 0 => lines.insert(second, line),
        Some(_) => lines.swap(first, second),
        None => {}
    }
    lines.concat()
}

/// Every copy of every scenario, the same ones every time, with its number.
fn on_damaged(stream: u64, copies: u64, mut test: impl FnMut(&Embedded, u64, &[u8])) {
    for (number, embedded) in library().iter().enumerate() {
        let mut random = ChaCha8Rng::seed_from_u64(number as u64);
        random.set_stream(stream);
        let mut draw = Draw(random);
        for copy in 0..copies {
            test(embedded, copy, &damaged(&mut draw, embedded.text));
        }
    }
}

/// An error says something, in colour too, and nothing by which it could command a terminal.
fn says_something(error: &ScenarioError, what: &str) -> String {
    let message = error.to_string();
    assert!(message.lines().next().is_some_and(|line| line.trim().len() > 10), "{what}: {message:?}");
    assert!(!message.chars().any(|letter| letter.is_control() && letter != '\n'), "{what}: {message:?}");
    assert!(error.render(true).len() >= message.len(), "{what}: {message:?}");
    message
}

/// The line and column that an error names.
fn place_in(message: &str, origin: &str) -> Option<(usize, usize)> {
    let (_, place) = message.split_once(&format!("--> {origin}:"))?;
    let (line, column) = place.lines().next()?.split_once(':')?;
    Some((line.parse().ok()?, column.parse().ok()?))
}

/// What is read can be written out and read again.
fn is_whole(scenario: &Scenario, what: &str) {
    let text = scenario.to_toml();
    let again = scenario::parse("again", &text).unwrap_or_else(|error| panic!("{what}: {error}\n{text}"));
    assert_eq!(again, *scenario, "{what}");
}

#[test]
fn a_damaged_scenario_is_read_or_refused_with_a_place_in_it() {
    let (mut read, mut refused, mut elsewhere) = (0, 0, 0);
    on_damaged(1, COPIES, |embedded, copy, bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        let what = format!("copy {copy} of {}:\n{text}\n", embedded.name);
        match scenario::parse("mine.toml", text) {
            Ok(scenario) => {
                read += 1;
                is_whole(&scenario, &what);
            }
            Err(error) => {
                let message = says_something(&error, &what);
                let (line, column) = place_in(&message, "mine.toml").unwrap_or_else(|| panic!("{what}names no place: {message}"));
                let named = text.split('\n').nth(line - 1).unwrap_or_else(|| panic!("{what}has no line {line}: {message}"));
                assert!(column >= 1 && column <= named.chars().count() + 1, "{what}has no column {column} in line {line}: {message}");
                refused += 1;
                elsewhere += u32::from(line > 1);
            }
        }
    });
    println!("{read} were read, {refused} refused, {elsewhere} of these at another line than the first");
    assert!(read > 500 && refused > 5_000 && elsewhere > 4_000, "{read} were read, {refused} refused, {elsewhere} not at line 1");
}

#[test]
fn a_damaged_file_is_read_or_refused_by_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mine.toml");
    let name = path.to_str().unwrap();
    let mut not_text = 0;
    on_damaged(2, COPIES / 6, |embedded, copy, bytes| {
        fs::write(&path, bytes).unwrap();
        let what = format!("copy {copy} of {}: {:?}", embedded.name, String::from_utf8_lossy(bytes));
        let overrides = if copy % 2 == 0 { Vec::new() } else { vec!["load.buyers=7".to_owned()] };
        match scenario::load(name, &overrides) {
            Ok(scenario) => is_whole(&scenario, &what),
            Err(error) => {
                let message = says_something(&error, &what);
                // An override that finds no place names itself.
                assert!(message.contains(name) || message.contains("load.buyers"), "{what}: {message}");
                not_text += u32::from(message.contains("is not UTF-8 text"));
            }
        }
    });
    println!("{not_text} were not text");
    assert!(not_text > 100, "{not_text} were not text");
}

#[test]
fn a_damaged_override_is_applied_or_refused() {
    let overrides =
        ["load.buyers=500", "name=\"mine\"", "fault.0.at=\"3s\"", "load.arrivals.constant={ rate = \"50%\" }", "cluster.flags=[\"--x=1\"]"];
    let mut draw = Draw(ChaCha8Rng::seed_from_u64(3));
    let (mut applied, mut refused) = (0, 0);
    for number in 0..6_000 {
        let bytes = damaged(&mut draw, overrides[number % overrides.len()]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let embedded = &library()[draw.below(library().len())];
        match scenario::load(embedded.name, std::slice::from_ref(&text)) {
            Ok(scenario) => {
                applied += 1;
                is_whole(&scenario, &text);
            }
            Err(error) => {
                refused += 1;
                says_something(&error, &text);
            }
        }
    }
    println!("{applied} were applied, {refused} refused");
    assert!(applied > 100 && refused > 3_000, "{applied} were applied, {refused} refused");
}
