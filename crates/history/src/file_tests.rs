//! What is written is read; what is damaged is read as far as it is whole, and never brings the reader down.

use std::path::{Path, PathBuf};

use proptest::prelude::*;

use crate::annotation::Purpose;
use crate::call::{CallId, CallOutcome, Invoke, Return};
use crate::event::{Ended, Event};
use crate::frame::{Closing, FRAME_HEADER_BYTES};
use crate::integrity::{ChainBreak, Tail};
use crate::reader::{HistoryError, HistoryReader};
use crate::request::{Answer, AnswerBody, Put, Request};
use crate::run_info::FORMAT_VERSION;
use crate::writer::HistoryWriter;
use crate::{Blob, MemberIndex};

/// Calls with keys and values of several lengths.
fn events() -> Vec<Event> {
    let call = |number: u32| {
        let id = CallId { worker: number % 3, sequence: number / 3 + 1 };
        let (member, sent, done) = (MemberIndex(0), u64::from(number) * 10, u64::from(number) * 10 + 5);
        let (key, value) = (Blob::from(format!("key {number}")), Blob::from("x".repeat(number as usize)));
        let request = Request::Put(Put { key, value, ..Put::default() });
        let invoke = Invoke { id, member, sent, purpose: Purpose::Purchase, orders: Vec::new(), request };
        let answer = Answer { member_id: 1, revision: i64::from(number) + 2, raft_term: 2, body: AnswerBody::Put { prev_kv: None } };
        [Event::Invoke(invoke), Event::Return(Return { id, done, outcome: CallOutcome::Ok(answer) })]
    };
    let ended = Event::Ended(Ended { at: 1_000, interrupted: false });
    (0..26).flat_map(call).chain([ended]).collect()
}

/// A history file of several frames, in a directory that goes with the value.
struct Written {
    directory: tempfile::TempDir,
    events: Vec<Event>,
}

impl Written {
    fn new(events_in_frame: usize) -> Self {
        let written = Self { directory: tempfile::tempdir().unwrap(), events: events() };
        let mut writer = HistoryWriter::create(&written.path()).unwrap();
        for frame in written.events.chunks(events_in_frame) {
            frame.iter().for_each(|event| writer.append(event).unwrap());
            writer.flush().unwrap();
        }
        writer.finish(Vec::new()).unwrap();
        written
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("history.zst")
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.path()).unwrap()
    }

    /// How it ends.
    fn closed(&self) -> Tail {
        Tail::Closed(Closing { events: self.events.len() as u64, files: Vec::new() })
    }

    /// Where its frames are, the closing one last.
    fn frames(&self) -> Vec<std::ops::Range<usize>> {
        let bytes = self.bytes();
        let (mut frames, mut start) = (Vec::new(), 12);
        while start < bytes.len() {
            let compressed = u32::from_le_bytes(bytes[start..start + 4].try_into().unwrap()) as usize;
            frames.push(start..start + FRAME_HEADER_BYTES + compressed);
            start += FRAME_HEADER_BYTES + compressed;
        }
        frames
    }

    /// What is read when its frames come in another order; each is named by its place.
    fn read_frames(&self, order: &[usize]) -> (usize, Tail) {
        let (bytes, frames) = (self.bytes(), self.frames());
        let chosen = order.iter().flat_map(|frame| bytes[frames[*frame].clone()].to_vec());
        let (events, tail) = self.read_instead(&[&bytes[..12], &chosen.collect::<Vec<u8>>()].concat()).unwrap();
        assert_eq!(events[..], self.events[..events.len()]);
        (events.len(), tail)
    }

    /// What is read from other bytes.
    fn read_instead(&self, bytes: &[u8]) -> Result<(Vec<Event>, Tail), HistoryError> {
        let path = self.directory.path().join("other.zst");
        std::fs::write(&path, bytes).unwrap();
        read(&path)
    }
}

fn read(path: &Path) -> Result<(Vec<Event>, Tail), HistoryError> {
    let mut reader = HistoryReader::open(path)?;
    let events = reader.by_ref().collect::<Result<Vec<Event>, HistoryError>>()?;
    Ok((events, reader.tail().clone()))
}

#[test]
fn what_is_written_is_read() {
    for events_in_frame in [1, 10, usize::MAX] {
        let written = Written::new(events_in_frame);
        assert_eq!(read(&written.path()).unwrap(), (written.events.clone(), written.closed()));
    }
}

#[test]
fn an_existing_file_is_never_overwritten() {
    let written = Written::new(10);
    assert_eq!(HistoryWriter::create(&written.path()).unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
}

#[test]
fn a_flush_makes_everything_readable_while_the_writer_lives() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("history.zst");
    let events = events();
    let mut writer = HistoryWriter::create(&path).unwrap();
    writer.append(&events[0]).unwrap();
    writer.flush().unwrap();
    writer.append(&events[1]).unwrap();
    assert_eq!(read(&path).unwrap(), (events[..1].to_vec(), Tail::NotClosed));
}

#[test]
fn other_files_and_newer_versions_are_refused() {
    let written = Written::new(10);
    let mut bytes = written.bytes();
    assert!(matches!(written.read_instead(b"PK"), Err(HistoryError::NotAHistory { .. })));
    assert!(matches!(written.read_instead(&[0; 64]), Err(HistoryError::NotAHistory { .. })));
    bytes[8] = u8::try_from(FORMAT_VERSION).unwrap() + 1;
    let error = written.read_instead(&bytes).unwrap_err();
    let newer = format!("format version {} is newer than {FORMAT_VERSION}", FORMAT_VERSION + 1);
    assert!(error.to_string().contains(&newer), "{error}");
}

#[test]
fn a_file_whose_writer_died_before_the_first_frame_is_an_empty_record() {
    let written = Written::new(10);
    let bytes = written.bytes();
    for length in 0..12 {
        assert_eq!(written.read_instead(&bytes[..length]).unwrap(), (vec![], Tail::CutOff { bytes: length as u64 }));
    }
    assert_eq!(written.read_instead(&bytes[..12]).unwrap(), (vec![], Tail::NotClosed));
}

#[test]
fn absurd_lengths_end_the_record() {
    let written = Written::new(10);
    let mut bytes = written.bytes();
    let whole = bytes.len() as u64;
    // Behind the last frame that is not the closing one.
    bytes.truncate(written.frames().last().unwrap().start);
    let whole = whole - bytes.len() as u64;
    bytes.extend_from_slice(&[0xff; 12]);
    bytes.extend_from_slice(&[0; 100]);
    assert_eq!(written.read_instead(&bytes).unwrap(), (written.events.clone(), Tail::CutOff { bytes: 112 }));
    assert!(whole > 12);
}

/// Whole frames that were removed, doubled, swapped or replaced: nothing from there on is read.
#[test]
fn a_frame_that_does_not_follow_ends_the_record() {
    let written = Written::new(5);
    let count = written.frames().len();
    assert!(count > 6);
    let all: Vec<usize> = (0..count).collect();
    let broken = |frame, broken| Tail::Broken { frame, broken };
    let edited = |edit: &dyn Fn(&mut Vec<usize>)| {
        let mut order = all.clone();
        edit(&mut order);
        written.read_frames(&order)
    };
    assert_eq!(edited(&|_| ()), (written.events.len(), written.closed()));
    assert_eq!(
        edited(&|order| {
            order.remove(2);
        }),
        (10, broken(2, ChainBreak::Number { found: 3 }))
    );
    assert_eq!(edited(&|order| order.insert(3, 2)), (15, broken(3, ChainBreak::Number { found: 2 })));
    assert_eq!(edited(&|order| order.swap(1, 2)), (5, broken(1, ChainBreak::Number { found: 2 })));
    assert_eq!(edited(&|order| order.truncate(count - 1)), (written.events.len(), Tail::NotClosed));
    let behind = u32::try_from(count).unwrap();
    assert_eq!(edited(&|order| order.push(0)), (written.events.len(), broken(behind, ChainBreak::AfterClosing)));

    // A frame of another history, in the place that it has there.
    let other = Written::new(4);
    let (bytes, others) = (written.bytes(), other.bytes());
    let (second, of_other) = (written.frames()[1].clone(), other.frames()[1].clone());
    let mixed = [&bytes[..second.start], &others[of_other], &bytes[second.end..]].concat();
    let (events, tail) = written.read_instead(&mixed).unwrap();
    assert_eq!((events.len(), tail), (5, broken(1, ChainBreak::Hash)));
}

#[test]
fn a_frame_holds_no_more_than_a_reader_takes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("history.zst");
    let mut writer = HistoryWriter::create(&path).unwrap();
    let reason = crate::invalid::InvalidReason::FaultAborted { detail: "x".repeat(3 << 20) };
    let large = Event::Invalid(crate::event::Invalid { at: 1, reason });
    let small = Event::Ended(Ended { at: 1, interrupted: false });
    let count = 40_000;
    (0..count).for_each(|_| writer.append(&small).unwrap());
    writer.append(&large).unwrap();
    writer.append(&small).unwrap();
    writer.finish(Vec::new()).unwrap();
    let mut reader = HistoryReader::open(&path).unwrap();
    let mut batch = Vec::new();
    let mut sizes = Vec::new();
    while reader.next_batch(&mut batch).unwrap() {
        sizes.push(batch.len());
    }
    assert_eq!(sizes.iter().sum::<usize>(), count + 2);
    assert!(sizes.iter().all(|size| *size <= crate::frame::RECORDS_MAX as usize) && sizes.contains(&1), "{sizes:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_cut_leaves_the_whole_frames(cut in any::<prop::sample::Index>()) {
        let written = Written::new(5);
        let bytes = written.bytes();
        let length = cut.index(bytes.len() - 12) + 12;
        let (read, tail) = written.read_instead(&bytes[..length]).unwrap();
        prop_assert_eq!(&read[..], &written.events[..read.len()]);
        prop_assert!(read.len() % 5 == 0 || read.len() == written.events.len());
        let plausible = match tail {
            Tail::NotClosed => true,
            Tail::CutOff { bytes } => bytes < length as u64,
            Tail::Closed(_) | Tail::Broken { .. } => false,
        };
        prop_assert!(plausible);
    }

    #[test]
    fn damage_is_noticed_and_survived(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        inserted in prop::collection::vec(any::<u8>(), 0..40),
        place in any::<prop::sample::Index>(),
    ) {
        let written = Written::new(5);
        let mut bytes = written.bytes();
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        let place = place.index(bytes.len());
        bytes.splice(place..place, inserted);
        if let Ok((read, _)) = written.read_instead(&bytes) {
            // All that is returned is what was written.
            prop_assert_eq!(&read[..], &written.events[..read.len()]);
        }
    }

    #[test]
    fn arbitrary_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let written = Written::new(50);
        let framed = [&written.bytes()[..12], &bytes].concat();
        let nothing = written.read_instead(&framed).is_ok_and(|(events, _)| events.is_empty());
        prop_assert!(nothing);
        let refused = written.read_instead(&bytes).is_err() || b"TKTHIST\n".starts_with(&bytes);
        prop_assert!(refused);
    }
}
