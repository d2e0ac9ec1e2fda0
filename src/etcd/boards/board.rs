//! One board: what it watches, and what it has been told.

use ticketcd_judge::history::watch::{WatchBody, WatchOpened, WatchOptions, WatchRole};
use ticketcd_judge::model::{Blob, MemberIndex, Nanos, Revision};
use tokio::sync::oneshot;

/// A board, over all its subscriptions: each time its stream breaks it has a new one.
pub(super) struct Board {
    pub(super) key: Blob,
    pub(super) range_end: Blob,
    pub(super) options: WatchOptions,
    /// Everything up to here it was told, or has no claim to; none for a board from "now" that no member has taken on.
    pub(super) told: Option<Revision>,
    /// Whether `told` is only the revision of the `created` header. Where the watch began is not known then: the header may be
    /// read after the watch was registered, so that earlier revisions may still come.
    pub(super) is_start_unknown: bool,
    /// Which of the boards of the run it is, from 0.
    pub(super) number: u64,
    /// The member it would like to be at.
    pub(super) member: MemberIndex,
    /// Whoever waits for it to be taken on.
    pub(super) answered: Option<oneshot::Sender<()>>,
    /// Its subscription before this one, if its stream broke.
    pub(super) resumes: Option<u32>,
    /// The stream it is on.
    pub(super) stream: u32,
    /// Whether the member has taken it on, on that stream.
    pub(super) created: bool,
    /// Answers about its stream that are still to come and may be older than it is: they were asked for before it was. etcd
    /// lets the message that a watch is created overtake such an answer, which knows nothing of the watch.
    pub(super) overtaken: usize,
}

impl Board {
    /// The revision to ask for: one behind what it was told.
    pub(super) fn start_revision(&self) -> Revision {
        self.told.map_or(0, |told| told + 1)
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

    /// Notes what a message says, with its header's revision.
    pub(super) fn note(&mut self, revision: Revision, body: &WatchBody) {
        match body {
            WatchBody::Created => {
                self.created = true;
                if self.told.is_none() {
                    (self.told, self.is_start_unknown) = (Some(revision), true);
                }
                self.answer();
            }
            WatchBody::Events(events) => {
                let last = events.iter().map(|event| event.kv.mod_revision).max().unwrap_or(0);
                if std::mem::take(&mut self.is_start_unknown) {
                    // It has received everything from its start up to here, and nothing above.
                    self.told = Some(last);
                }
                self.tell(last);
            }
            WatchBody::Progress => self.tell(revision),
            WatchBody::Cancelled { .. } => self.answer(),
        }
    }

    /// Notes that it was told everything up to a revision. One that starts in the future was told less than it asked for.
    pub(super) fn tell(&mut self, revision: Revision) {
        self.is_start_unknown = false;
        if let Some(told) = &mut self.told {
            *told = revision.max(*told);
        }
    }

    fn answer(&mut self) {
        if let Some(answered) = self.answered.take() {
            // Whoever asked may have stopped waiting.
            let _ = answered.send(());
        }
    }
}
