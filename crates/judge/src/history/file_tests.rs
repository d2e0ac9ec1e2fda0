//! What is written is read; what is damaged is read as far as it is whole, and never brings the reader down.

use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::event::Event;
use super::reader::{HistoryError, HistoryReader, Tail};
use super::run_info::FORMAT_VERSION;
use super::writer::HistoryWriter;
use crate::testing::{Fate, Shape, Simulation};

fn events() -> Vec<Event> {
    let mut shop = Simulation::new(&Shape::default());
    for buyer in 0..6 {
        shop.buy(buyer, "ann", "e1", &[("pink", 1)], Fate::Answered);
    }
    shop.finish().events
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
        writer.finish().unwrap();
        written
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("history.zst")
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.path()).unwrap()
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
    Ok((events, reader.tail()))
}

#[test]
fn what_is_written_is_read() {
    for events_in_frame in [1, 10, usize::MAX] {
        let written = Written::new(events_in_frame);
        assert_eq!(read(&written.path()).unwrap(), (written.events.clone(), Tail::Clean));
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
    assert_eq!(read(&path).unwrap(), (events[..1].to_vec(), Tail::Clean));
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
    assert_eq!(written.read_instead(&bytes[..12]).unwrap(), (vec![], Tail::Clean));
}

#[test]
fn absurd_lengths_end_the_record() {
    let written = Written::new(10);
    let mut bytes = written.bytes();
    let whole = bytes.len() as u64;
    bytes.extend_from_slice(&[0xff; 12]);
    bytes.extend_from_slice(&[0; 100]);
    assert_eq!(written.read_instead(&bytes).unwrap(), (written.events.clone(), Tail::CutOff { bytes: 112 }));
    assert!(whole > 12);
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
        prop_assert!(read.len() % 5 == 0 && read.len() < written.events.len());
        let plausible = match tail {
            Tail::Clean => true,
            Tail::CutOff { bytes } => bytes < length as u64,
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
            // Whatever is returned is what was written.
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
