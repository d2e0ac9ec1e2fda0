//! The readers' end of the record.

use std::thread::JoinHandle;

use ticketcd_judge::history::event::Event;
use tokio::sync::mpsc;

use super::sink::Sink;

/// Events that may wait for the recorder before producers have to.
const QUEUE_LENGTH: usize = 65_536;

/// Something that reads every event: the history's writer, statistics, a view, a check.
pub trait Reader: Send {
    /// Takes in an event.
    ///
    /// # Errors
    /// When the event cannot be kept: the run cannot go on.
    fn observe(&mut self, event: &Event) -> std::io::Result<()>;

    /// Called when no event is waiting, at least every 250 ms: a moment to flush.
    ///
    /// # Errors
    /// As for [`Reader::observe`].
    fn idle(&mut self) -> std::io::Result<()> {
        Ok(())
    }

    /// Called once, after the last event.
    ///
    /// # Errors
    /// As for [`Reader::observe`].
    fn finish(self: Box<Self>) -> std::io::Result<()> {
        Ok(())
    }
}

/// The record could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum RecorderError {
    /// A reader failed: most likely the disk is full.
    #[error("cannot record: {0}")]
    Io(#[from] std::io::Error),
    /// A reader panicked.
    #[error("the recorder panicked")]
    Panicked,
}

/// The thread that hands every event to every reader.
#[derive(Debug)]
pub struct Recorder {
    thread: JoinHandle<Result<(), RecorderError>>,
}

impl Recorder {
    /// Starts the thread. It ends when every clone of the sink is gone.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(readers: Vec<Box<dyn Reader>>) -> std::io::Result<(Sink, Self)> {
        let (sender, receiver) = mpsc::channel(QUEUE_LENGTH);
        let thread = std::thread::Builder::new().name("recorder".to_owned()).spawn(move || hand_out(receiver, readers))?;
        Ok((Sink::new(sender), Self { thread }))
    }

    /// Whether the recorder has ended, which before the sinks are gone means that it failed.
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits until everything is recorded. Drop every clone of the sink first.
    ///
    /// # Errors
    /// When anything could not be kept.
    pub fn finish(self) -> Result<(), RecorderError> {
        self.thread.join().unwrap_or(Err(RecorderError::Panicked))
    }
}

fn hand_out(mut receiver: mpsc::Receiver<Event>, mut readers: Vec<Box<dyn Reader>>) -> Result<(), RecorderError> {
    const BATCH: usize = 1024;
    let mut batch = Vec::with_capacity(BATCH);
    while receiver.blocking_recv_many(&mut batch, BATCH) > 0 {
        for event in batch.drain(..) {
            for reader in &mut readers {
                reader.observe(&event)?;
            }
        }
        if receiver.is_empty() {
            for reader in &mut readers {
                reader.idle()?;
            }
        }
    }
    for reader in readers {
        reader.finish()?;
    }
    Ok(())
}
