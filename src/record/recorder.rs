//! The readers' end of the record.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ticketcd_judge::history::event::Event;
use ticketcd_judge::history::io_reason;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::event_sink::EventSink;
use super::sink::Sink;

/// Events that may wait for the recorder before producers have to.
const QUEUE_LENGTH: usize = 65_536;
/// Events handed out between two looks at the clock.
const BATCH_LENGTH: usize = 1024;
/// How often readers get their moment to flush. A flush is promised every 250 ms; the rest is for the flush itself.
const FLUSH_INTERVAL: Duration = Duration::from_millis(200);

/// Something that reads every event: the history's writer, statistics, a view, a check.
pub trait Reader: Send {
    /// Takes in an event.
    ///
    /// # Errors
    /// When the event cannot be kept: the run cannot go on.
    fn observe(&mut self, event: &Event) -> std::io::Result<()>;

    /// Called about every 200 ms, whether events come or not: a moment to flush.
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
    #[error("cannot record: {}", io_reason(.0))]
    Io(#[from] std::io::Error),
    /// A reader panicked.
    #[error("the recorder panicked")]
    Panicked,
}

/// The thread that hands every event to every reader.
#[derive(Debug)]
pub struct Recorder {
    thread: JoinHandle<Result<(), RecorderError>>,
    ended: CancellationToken,
}

impl Recorder {
    /// Starts the thread. It ends when every clone of the sink is gone, or when a reader fails; producers never wait for
    /// a recorder that has ended.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(readers: Vec<Box<dyn Reader>>) -> std::io::Result<(Sink, Self)> {
        let (sender, receiver) = mpsc::channel(QUEUE_LENGTH);
        let clock = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let ended = CancellationToken::new();
        // A guard, so that a reader that panics ends the run too.
        let at_end = ended.clone().drop_guard();
        let thread = std::thread::Builder::new().name("recorder".to_owned()).spawn(move || {
            let _at_end = at_end;
            clock.block_on(hand_out(receiver, readers))
        })?;
        Ok((Sink::new(EventSink::new(sender)), Self { thread, ended }))
    }

    /// Cancelled when the recorder has ended, which before the sinks are gone means that it failed.
    pub fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }

    /// Whether the recorder has ended, which before the sinks are gone means that it failed.
    pub fn has_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Waits until everything is recorded. Drop every clone of the sink first.
    ///
    /// # Errors
    /// When anything could not be kept.
    pub fn finish(self) -> Result<(), RecorderError> {
        self.thread.join().unwrap_or(Err(RecorderError::Panicked))
    }
}

fn show(event: &Event, readers: &mut [Box<dyn Reader>]) -> std::io::Result<()> {
    readers.iter_mut().try_for_each(|reader| reader.observe(event))
}

async fn hand_out(mut receiver: mpsc::Receiver<Event>, mut readers: Vec<Box<dyn Reader>>) -> Result<(), RecorderError> {
    let mut batch = Vec::with_capacity(BATCH_LENGTH);
    let mut flush_due = Instant::now() + FLUSH_INTERVAL;
    loop {
        // Looked at between batches too: under load the queue is never empty for long enough to time out.
        if Instant::now() >= flush_due {
            for reader in &mut readers {
                reader.idle()?;
            }
            flush_due = Instant::now() + FLUSH_INTERVAL;
        }
        match tokio::time::timeout_at(flush_due.into(), receiver.recv_many(&mut batch, BATCH_LENGTH)).await {
            Ok(0) => break,
            Ok(_) => {}
            Err(_elapsed) => continue,
        }
        for event in batch.drain(..) {
            // A watch message can be larger than a frame of the record.
            match event {
                Event::WatchBatch(message) => {
                    for part in message.into_parts() {
                        show(&Event::WatchBatch(part), &mut readers)?;
                    }
                }
                event => show(&event, &mut readers)?,
            }
        }
    }
    for reader in readers {
        reader.finish()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use ticketcd_judge::history::event::Ended;

    use super::*;

    /// Reports its calls to the test.
    struct Spy {
        calls: Sender<&'static str>,
        fails: bool,
    }

    impl Reader for Spy {
        fn observe(&mut self, _: &Event) -> std::io::Result<()> {
            let _ = self.calls.send("event");
            if self.fails { Err(std::io::Error::other("disk full")) } else { Ok(()) }
        }
        fn idle(&mut self) -> std::io::Result<()> {
            let _ = self.calls.send("idle");
            Ok(())
        }
        fn finish(self: Box<Self>) -> std::io::Result<()> {
            let _ = self.calls.send("finish");
            Ok(())
        }
    }

    fn event() -> Event {
        Event::Ended(Ended { at: 0, interrupted: false })
    }

    #[tokio::test]
    async fn readers_flush_without_events_and_under_load() {
        let (calls, received) = channel();
        let (sink, recorder) = Recorder::start(vec![Box::new(Spy { calls, fails: false })]).unwrap();
        assert_eq!(received.recv().unwrap(), "idle");
        // The queue is kept busy until the reader has had its moment.
        while received.try_iter().all(|what| what != "idle") {
            for _ in 0..BATCH_LENGTH {
                sink.record(event()).await;
            }
        }
        drop(sink);
        recorder.finish().unwrap();
        assert_eq!(received.iter().last(), Some("finish"));
    }

    #[tokio::test]
    async fn a_reader_that_fails_ends_the_recorder_and_blocks_no_producer() {
        let (calls, _received) = channel();
        let (sink, recorder) = Recorder::start(vec![Box::new(Spy { calls, fails: true })]).unwrap();
        for _ in 0..QUEUE_LENGTH + 2 * BATCH_LENGTH {
            sink.record(event()).await;
        }
        recorder.ended().cancelled().await;
        assert!(recorder.has_ended());
        assert!(matches!(recorder.finish(), Err(RecorderError::Io(_))));
    }
}
