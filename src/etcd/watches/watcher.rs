//! One watch: its range, and what it has received.

use ticketcd_judge::history::watch::{WatchBody, WatchOpened, WatchOptions, WatchRole};
use ticketcd_judge::history::{Blob, MemberIndex, Nanos, Revision};
use tokio::sync::oneshot;

/// A watch over all its subscriptions: it gets a new one each time its stream breaks.
pub(super) struct Watcher {
    pub(super) key: Blob,
    pub(super) range_end: Blob,
    pub(super) options: WatchOptions,
    /// It has received everything up to this revision, or does not ask for it; none for a watch from "now" that is not registered.
    pub(super) received: Option<Revision>,
    /// Whether `received` is only the revision of the `created` header. Where the watch began is not known then: the header may be
    /// read after the watch was registered, so that earlier revisions may still come.
    pub(super) is_start_unknown: bool,
    /// Its index among the watches of the run, from 0.
    pub(super) number: u64,
    /// The preferred member.
    pub(super) member: MemberIndex,
    /// Notified when the member has registered or refused it.
    pub(super) answered: Option<oneshot::Sender<()>>,
    /// Its subscription before this one, if its stream broke.
    pub(super) resumes: Option<u32>,
    /// Its stream.
    pub(super) stream: u32,
    /// Whether the member has registered it on that stream.
    pub(super) created: bool,
    /// Outstanding progress answers of its stream that were requested before the watch was. etcd may send the `created` message
    /// before such an answer, which does not cover the watch.
    pub(super) overtaken: usize,
}

impl Watcher {
    /// The revision to start from: the one after the last that it received.
    pub(super) fn start_revision(&self) -> Revision {
        self.received.map_or(0, |received| received + 1)
    }

    /// Its opening on a stream, as it is recorded.
    pub(super) fn opened(&self, subscription: u32, member: MemberIndex, at: Nanos) -> WatchOpened {
        WatchOpened {
            subscription,
            stream: self.stream,
            member,
            role: WatchRole::Client,
            key: self.key.clone(),
            range_end: self.range_end.clone(),
            start_revision: self.start_revision(),
            resumes: self.resumes,
            options: self.options,
            at,
        }
    }

    /// Notes a message, with its header's revision.
    pub(super) fn note(&mut self, revision: Revision, body: &WatchBody) {
        match body {
            WatchBody::Created => {
                self.created = true;
                if self.received.is_none() {
                    (self.received, self.is_start_unknown) = (Some(revision), true);
                }
                self.answer();
            }
            WatchBody::Events(events) => {
                let last = crate::etcd::last_revision(events);
                if std::mem::take(&mut self.is_start_unknown) {
                    // It has received everything from its start up to here, and nothing above.
                    self.received = Some(last);
                }
                self.note_received(last);
            }
            WatchBody::Progress => self.note_received(revision),
            WatchBody::Cancelled { .. } => self.answer(),
        }
    }

    /// Notes that it has received everything up to a revision, which may lie before its start if that is in the future.
    pub(super) fn note_received(&mut self, revision: Revision) {
        self.is_start_unknown = false;
        if let Some(received) = &mut self.received {
            *received = revision.max(*received);
        }
    }

    fn answer(&mut self) {
        if let Some(answered) = self.answered.take() {
            // The receiver may have stopped waiting.
            let _ = answered.send(());
        }
    }
}
