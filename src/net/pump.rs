//! One direction of a connection: reads, obeys the link, writes.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::connection::{Connection, Direction};
use super::link_table::{Flow, LinkTable, Port};
use super::queue::Queue;
use super::stream::Stream;

/// One read takes at most this much.
const READ_BYTES_MAX: usize = 64 * 1024;

thread_local! {
    /// Bytes between a read and the write or the queue, never kept across an await: idle connections need no buffer.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES_MAX]);
}

/// The connection is of no use any more and must be reset on both sides.
#[derive(Debug)]
pub(super) struct Cut;

/// One direction of a connection.
pub(super) struct Pump<'a, R, W> {
    reader: &'a R,
    writer: &'a W,
    links: &'a LinkTable,
    connection: &'a Connection,
    direction: Direction,
    port: Port,
    queue: Queue,
    /// Nothing more can be read: the end is in the queue, or was lost.
    drained: bool,
    jitter: ChaCha8Rng,
}

/// How far a delivery got.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Delivery {
    /// Everything that is due is delivered.
    UpToDate,
    /// The receiver takes no more at the moment.
    Blocked,
    /// The end is delivered, or the receiver is gone.
    Over,
}

impl<'a, R: Stream, W: Stream> Pump<'a, R, W> {
    /// A pump from `reader` to `writer`; `seed` decides the jitter.
    pub(super) fn new(
        reader: &'a R,
        writer: &'a W,
        links: &'a LinkTable,
        connection: &'a Connection,
        direction: Direction,
        seed: u64,
    ) -> Self {
        let port = links.port(connection, direction);
        let jitter = ChaCha8Rng::seed_from_u64(seed);
        Self { reader, writer, links, connection, direction, port, queue: Queue::default(), drained: false, jitter }
    }

    /// Pumps until the end of the stream is delivered or the receiver is gone, `first` before anything that is read.
    ///
    /// A receiver that is gone is no reason to cut: the dialer may notice it only over the other direction, if that is
    /// open.
    ///
    /// # Errors
    /// When the connection lost something and the link is open again.
    pub(super) async fn run(mut self, first: &[u8]) -> Result<(), Cut> {
        let mut changes = self.links.changes();
        self.port = self.links.port(self.connection, self.direction);
        if self.arrive(first) == Delivery::Over {
            return Ok(());
        }
        loop {
            let delivery = self.obey()?;
            if delivery == Delivery::Over {
                return Ok(());
            }
            let due = if self.port.state.flow == Flow::Open && delivery == Delivery::UpToDate { self.queue.next_due() } else { None };
            tokio::select! {
                // The link table is borrowed here, so its channel cannot close.
                _ = changes.changed() => self.follow(),
                ready = self.reader.readable(), if !self.drained && self.queue.has_room() => {
                    if self.take_in(ready.is_ok()) == Delivery::Over {
                        return Ok(());
                    }
                }
                _ = self.writer.writable(), if delivery == Delivery::Blocked => {}
                () = sleep_until(due), if due.is_some() => {}
            }
        }
    }

    /// Does with the queue what the link's state asks for.
    fn obey(&mut self) -> Result<Delivery, Cut> {
        match self.port.state.flow {
            Flow::Open if self.connection.has_lost(self.direction) => Err(Cut),
            Flow::Open => Ok(self.deliver()),
            Flow::Held => Ok(Delivery::UpToDate),
            Flow::Lost => {
                if !self.queue.is_empty() {
                    self.queue.clear();
                    self.connection.lose(self.direction);
                }
                Ok(Delivery::UpToDate)
            }
        }
    }

    /// The table changed.
    fn follow(&mut self) {
        let before = self.port.state.flow;
        self.port = self.links.port(self.connection, self.direction);
        let state = self.port.state;
        self.queue.hurry(Instant::now(), state.delay + state.jitter);
        if before == Flow::Open && state.flow != Flow::Open {
            self.count_stopped(self.queue.bytes());
        }
    }

    /// Reads what is there.
    fn take_in(&mut self, ready: bool) -> Delivery {
        if !ready {
            return self.arrive_end();
        }
        SCRATCH.with_borrow_mut(|scratch| match self.reader.try_read(scratch) {
            Ok(0) => self.arrive_end(),
            // A read never returns more than the buffer holds.
            Ok(count) => self.arrive(scratch.get(..count).unwrap_or_default()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Delivery::UpToDate,
            Err(_) => self.arrive_end(),
        })
    }

    fn arrive(&mut self, bytes: &[u8]) -> Delivery {
        if bytes.is_empty() {
            return Delivery::UpToDate;
        }
        let state = self.port.state;
        match state.flow {
            Flow::Lost => {
                self.count_stopped(bytes.len());
                self.connection.lose(self.direction);
                return Delivery::UpToDate;
            }
            Flow::Held => self.count_stopped(bytes.len()),
            Flow::Open => {}
        }
        let immediate = state.flow == Flow::Open && state.delay.is_zero() && state.jitter.is_zero() && self.queue.is_empty();
        let written = if immediate { self.write(bytes) } else { Ok(0) };
        match written {
            Ok(count) => {
                if let Some(rest) = bytes.get(count..).filter(|rest| !rest.is_empty()) {
                    let due = self.draw_due();
                    self.queue.push(rest, due);
                }
                Delivery::UpToDate
            }
            Err(Gone) => Delivery::Over,
        }
    }

    /// The sender closed or reset the connection. Either reaches the other side as a close.
    fn arrive_end(&mut self) -> Delivery {
        self.drained = true;
        if self.port.state.flow == Flow::Lost {
            self.connection.lose(self.direction);
        } else {
            let due = self.draw_due();
            self.queue.push_end(due);
        }
        Delivery::UpToDate
    }

    fn draw_due(&mut self) -> Instant {
        let state = self.port.state;
        let jitter = if state.jitter.is_zero() { Duration::ZERO } else { state.jitter.mul_f64(self.jitter.random_range(0.0..1.0)) };
        Instant::now() + state.delay + jitter
    }

    /// Writes what is due.
    fn deliver(&mut self) -> Delivery {
        if self.queue.is_empty() {
            return Delivery::UpToDate;
        }
        let now = Instant::now();
        loop {
            let due = self.queue.due(now);
            if due.is_empty() {
                break;
            }
            match self.write(due) {
                Ok(0) => return Delivery::Blocked,
                Ok(count) => self.queue.consume(count),
                Err(Gone) => return Delivery::Over,
            }
        }
        if !self.queue.is_at_end(now) {
            return Delivery::UpToDate;
        }
        // It fails only when the receiver is gone already.
        let _ = self.writer.finish();
        Delivery::Over
    }

    /// Writes as much as fits; 0 when nothing does.
    fn write(&self, bytes: &[u8]) -> Result<usize, Gone> {
        match self.writer.try_write(bytes) {
            Ok(count) => {
                self.port.counters.carried_bytes.fetch_add(count as u64, Ordering::Relaxed);
                Ok(count)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
            Err(_) => Err(Gone),
        }
    }

    fn count_stopped(&self, count: usize) {
        self.port.counters.stopped_bytes.fetch_add(count as u64, Ordering::Relaxed);
    }
}

/// The receiver is gone.
struct Gone;

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
