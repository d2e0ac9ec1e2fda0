//! Reading the files of a run or an imported history ends with a result or an error, never with a panic, whatever bytes they
//! contain.

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use ticketcd_history::read_ahead::ReadAhead;
use ticketcd_history::reader::HistoryReader;
use ticketcd_history::run_dir::RunDir;
use ticketcd_judge::checks::check_run;
use ticketcd_judge::core::verdict::Verdict;
use ticketcd_judge::linearizability::import::{jepsen, json_lines};
use ticketcd_judge::linearizability::register::judge;
use ticketcd_synth::{Size, run_info, write_run};

/// Bytes before the first frame, and before the compressed bytes of a frame.
const FILE_HEADER: usize = 12;
const FRAME_HEADER: usize = 48;

/// Positions and what is changed there.
type Mutations = Vec<(usize, u8, u8)>;

/// Runs a test on so many lists of mutations, the same ones every time.
fn on_mutations(cases: u32, test: impl Fn(&Mutations)) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let mutations = prop::collection::vec((any::<usize>(), any::<u8>(), any::<u8>()), 1..6);
    runner
        .run(&mutations, |mutations| {
            test(&mutations);
            Ok(())
        })
        .unwrap();
}

fn mutated(bytes: &[u8], mutations: &Mutations) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (place, kind, value) in mutations {
        if bytes.is_empty() {
            break;
        }
        let place = place % bytes.len();
        match kind % 5 {
            0 => bytes[place] = *value,
            1 => bytes[place] ^= 1 << (value % 8),
            2 => bytes.truncate(place),
            3 => bytes.insert(place, *value),
            _ => drop(bytes.drain(place..(place + usize::from(*value)).min(bytes.len()))),
        }
    }
    bytes
}

fn synthetic(directory: &Path) -> RunDir {
    let size = Size { operations: 60, tickets: 2, buyers: 4, seed: 9 };
    write_run(directory, &run_info(&size, None), &size, None).unwrap();
    RunDir::new(directory)
}

/// Reads a history in both ways, which must agree.
fn read(path: &Path) {
    let events = HistoryReader::open(path).map(|reader| reader.filter_map(Result::ok).count());
    let ahead = HistoryReader::open(path).map(|reader| ReadAhead::new(reader).filter_map(Result::ok).map(|batch| batch.len()).sum());
    assert_eq!(events.ok(), ahead.ok());
}

#[test]
fn damaged_history_files_are_read_as_far_as_they_go() {
    let directory = tempfile::tempdir().unwrap();
    let run = synthetic(directory.path());
    let bytes = fs::read(run.history()).unwrap();
    let path = directory.path().join("damaged.zst");
    on_mutations(400, |mutations| {
        fs::write(&path, mutated(&bytes, mutations)).unwrap();
        read(&path);
    });
}

#[test]
fn damaged_events_in_whole_frames_are_errors() {
    let directory = tempfile::tempdir().unwrap();
    let run = synthetic(directory.path());
    let bytes = fs::read(run.history()).unwrap();
    let (header, frame) = bytes.split_at(FILE_HEADER);
    let compressed = u32::from_le_bytes(frame[..4].try_into().unwrap()) as usize;
    let plain = zstd::bulk::decompress(&frame[FRAME_HEADER..FRAME_HEADER + compressed], 64 << 20).unwrap();
    let path = directory.path().join("damaged.zst");
    on_mutations(600, |mutations| {
        let plain = mutated(&plain, mutations);
        let compressed = zstd::bulk::compress(&plain, 1).unwrap();
        // As many records as its lengths announce, so that the frame counts as complete.
        let (mut position, mut records) = (0_usize, 0_u32);
        while let Some(length) = plain.get(position..position + 4) {
            position = position.saturating_add(4 + u32::from_le_bytes(length.try_into().unwrap()) as usize);
            records += 1;
        }
        let numbers = [compressed.len() as u32, plain.len() as u32, records, 0];
        let chain = &frame[FRAME_HEADER - 32..FRAME_HEADER];
        let frame: Vec<u8> =
            numbers.iter().flat_map(|number| number.to_le_bytes()).chain(chain.iter().copied()).chain(compressed).collect();
        fs::write(&path, [header, &frame].concat()).unwrap();
        read(&path);
    });
}

#[test]
fn a_damaged_description_of_a_run_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let run = synthetic(directory.path());
    let bytes = fs::read(run.run_info()).unwrap();
    on_mutations(600, |mutations| {
        fs::write(run.run_info(), mutated(&bytes, mutations)).unwrap();
        let _ = run.read_info();
    });
}

/// Damage is not a violation: a valid run with a damaged file is judged as far as it goes, or is an error.
#[test]
fn a_valid_run_with_a_damaged_record_is_never_rejected() {
    let directory = tempfile::tempdir().unwrap();
    let size = Size { operations: 6_000, tickets: 3, buyers: 20, seed: 9 };
    write_run(directory.path(), &run_info(&size, None), &size, None).unwrap();
    let run = RunDir::new(directory.path());
    let bytes = fs::read(run.history()).unwrap();
    let judged = Cell::new(0);
    on_mutations(300, |mutations| {
        fs::write(run.history(), mutated(&bytes, mutations)).unwrap();
        if let Ok(judgement) = check_run(directory.path()) {
            assert_ne!(judgement.verdict, Verdict::Violation, "{mutations:?}: {:#?}", judgement.findings);
            judged.set(judged.get() + u32::from(judgement.events > 0));
        }
    });
    assert!(judged.get() > 100, "{} of 300 were judged beyond their beginning", judged.get());
}

#[test]
fn damaged_imported_histories_are_errors_or_judged() {
    let log: String = (0..40)
        .map(|number| {
            format!(
                "INFO  jepsen.util - {}\t:invoke\t:cas\t[{number} 2]\nINFO  jepsen.util - {}\t:ok\t:cas\t[{number} 2]\n",
                number % 5,
                number % 5
            )
        })
        .collect();
    let lines: String = (0..40)
        .map(|number| {
            format!(
                "{{\"process\":{},\"type\":\"invoke\",\"f\":\"write\",\"key\":\"k\",\"value\":{number}}}\n{{\"process\":{},\"type\":\"ok\",\"f\":\"write\"}}\n",
                number % 5,
                number % 5
            )
        })
        .collect();
    let maps: String = (0..40)
        .map(|number| {
            format!(
                "{{:process {}, :type :invoke, :f :cas, :value [{number} 2]}}\n#jepsen.history.Op{{:process {}, :type :fail, :f :cas, :value [{number} 2], :error \"no\"}}\n",
                number % 5,
                number % 5
            )
        })
        .collect();
    let timeout = Duration::from_millis(20);
    on_mutations(400, |mutations| {
        if let Ok(parsed) = jepsen::read(mutated(log.as_bytes(), mutations).as_slice()) {
            judge(&parsed, timeout);
        }
        if let Ok(parsed) = jepsen::read(mutated(maps.as_bytes(), mutations).as_slice()) {
            judge(&parsed, timeout);
        }
        if let Ok(parsed) = json_lines::read(mutated(lines.as_bytes(), mutations).as_slice()) {
            judge(&parsed, timeout);
        }
    });
}
