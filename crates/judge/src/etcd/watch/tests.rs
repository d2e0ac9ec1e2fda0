use super::{PATIENCE, Watch};
use crate::core::engine::Judge;
use crate::core::key_space::KeyRange;
use crate::core::verdict::{Finding, Verdict};
use crate::testing::{Etcd, Record, RequestOutcome, Shape, Simulation};
use ticketcd_history::event::{Event, FaultEvent, FaultStage, MemberChange, MemberEvent};
use ticketcd_history::request::{Delete, Put, Range, Request, Txn, TxnOp};
use ticketcd_history::watch::{
    ProgressRequested, StreamProgress, WatchBatch, WatchBody, WatchClosed, WatchEnd, WatchEvent, WatchOpened, WatchOptions, WatchRole,
};
use ticketcd_history::{Blob, MemberIndex, Nanos, Revision};

/// An etcd with watches at m1, all on one stream, that receive what they must, or what a test makes of it.
#[derive(Default)]
struct Shop {
    etcd: Etcd,
    watches: u32,
}

impl Shop {
    /// Revisions 2 to 8: two keys written in one revision, one of them written again, deleted and created again, and another key.
    fn new() -> Self {
        let mut shop = Self::default();
        shop.put(&["a", "b"]);
        shop.put(&["a"]);
        shop.put(&["unwatched/x"]);
        shop.etcd.call(3, Request::Delete(Delete { key: "a".into(), range_end: Blob::default(), ..Delete::default() }));
        shop.put(&["a", "b"]);
        shop.put(&["b"]);
        shop.put(&["a"]);
        shop
    }

    fn put(&mut self, keys: &[&str]) -> Revision {
        let value = format!("value {}", self.etcd.revision());
        let put = |key: &&str| TxnOp::Put(Put { key: (*key).into(), value: value.as_str().into(), ..Put::default() });
        self.etcd.call(3, Request::Txn(Txn { success: keys.iter().map(put).collect(), ..Txn::default() })).revision
    }

    fn open_as(&mut self, start_revision: Revision, resumes: Option<u32>) -> u32 {
        let subscription = self.open_unconfirmed(start_revision, resumes);
        self.send(subscription, WatchBody::Created);
        subscription
    }

    fn open_unconfirmed(&mut self, start_revision: Revision, resumes: Option<u32>) -> u32 {
        self.watches += 1;
        let subscription = 100 + self.watches;
        let (key, range_end, member) = ("a".into(), "d".into(), MemberIndex(0));
        self.etcd.record(|at| {
            Event::WatchOpened(WatchOpened {
                subscription,
                stream: 1,
                member,
                role: WatchRole::Client,
                key,
                range_end,
                start_revision,
                resumes,
                options: WatchOptions { previous: true, progress: true, ..WatchOptions::default() },
                at,
            })
        });
        subscription
    }

    /// A watch that starts at a revision; 0 stands for now.
    fn open(&mut self, start_revision: Revision) -> u32 {
        self.open_as(start_revision, None)
    }

    /// The events of the revisions.
    fn events(&self, revisions: impl IntoIterator<Item = Revision>) -> Vec<WatchEvent> {
        let range = ("a".into(), "d".into());
        let logged = self.etcd.events.iter().filter_map(|event| match event {
            Event::WatchBatch(WatchBatch { subscription: 0, body: WatchBody::Events(events), .. }) => Some(events),
            _ => None,
        });
        let logged: Vec<_> = logged.flatten().filter(|event| KeyRange::new(&range.0, &range.1).contains(event.kv.key.as_bytes())).collect();
        let delivered = |revision: Revision| {
            let of = logged.iter().filter(move |event| event.kv.mod_revision == revision);
            of.map(move |event| WatchEvent {
                deleted: event.deleted,
                kv: event.kv.clone(),
                previous: self.etcd.key(&event.kv.key.to_text(), revision - 1).map(Box::new),
            })
        };
        revisions.into_iter().flat_map(delivered).collect()
    }

    fn send(&mut self, subscription: u32, body: WatchBody) {
        let revision = self.etcd.revision();
        self.send_at(subscription, revision, body);
    }

    fn send_at(&mut self, subscription: u32, revision: Revision, body: WatchBody) {
        self.etcd.record(|at| Event::WatchBatch(WatchBatch { subscription, at, revision, body }));
    }

    /// Delivers the revisions in one message.
    fn deliver(&mut self, subscription: u32, revisions: impl IntoIterator<Item = Revision>) {
        let events = self.events(revisions);
        self.send(subscription, WatchBody::Events(events));
    }

    fn deliver_edited(&mut self, subscription: u32, revision: Revision, edit: impl FnOnce(&mut Vec<WatchEvent>)) {
        let mut events = self.events([revision]);
        edit(&mut events);
        self.send(subscription, WatchBody::Events(events));
    }

    fn stream_progress(&mut self, revision: Revision) {
        self.etcd.record(|at| Event::StreamProgress(StreamProgress { stream: 1, at, revision }));
    }

    fn close(&mut self, subscription: u32, after: Nanos, intended: bool) {
        let mut now = 0;
        self.etcd.record(|at| {
            now = at;
            Event::WatchClosed(WatchClosed {
                subscription,
                at: at + after,
                read_until: at + after,
                end: if intended { WatchEnd::Closed } else { WatchEnd::EndedByMember },
            })
        });
    }

    fn compact(&mut self, revision: Revision) {
        self.etcd.call(3, Request::compact(revision));
    }

    fn judge(self) -> Finding {
        found(&self.etcd.finish()).unwrap()
    }

    /// The kinds and counts of the anomalies.
    fn rejected(self) -> Vec<(String, u64)> {
        let finding = self.judge();
        assert_eq!(finding.verdict, Verdict::Violation, "{finding:#?}");
        finding.anomalies.into_iter().map(|group| (group.kind, group.count)).collect()
    }
}

fn found(record: &Record) -> Option<Finding> {
    let mut judge = Judge::new(&record.info, vec![Box::new(Watch::new(&record.info))]);
    record.events.iter().for_each(|event| judge.observe(event));
    judge.finish(None).findings.into_iter().find(|finding| finding.name == "watch")
}

fn of(kind: &str, count: u64) -> Vec<(String, u64)> {
    vec![(kind.to_owned(), count)]
}

/// Watches of every kind, each of which receives what it must.
fn every_watch() -> Shop {
    let mut shop = Shop::new();
    let old = shop.open(3);
    let compacted = shop.open(1);
    let ahead = shop.open(11);
    let now = shop.open(0);
    // The log lags behind a watch: its message comes first in the record.
    shop.deliver(old, [3, 5, 6]);
    shop.deliver(old, [7, 8]);
    shop.send_at(compacted, 8, WatchBody::Cancelled { compact_revision: 2, reason: "compacted".to_owned() });
    shop.put(&["a", "c"]);
    shop.put(&["unwatched/x"]);
    for watch in [old, now] {
        shop.deliver(watch, [9]);
        shop.send(watch, WatchBody::Progress);
    }
    shop.stream_progress(10);
    shop.put(&["b"]);
    shop.deliver(now, [11]);
    shop.deliver(ahead, [11]);
    // A watch whose stream breaks before it receives anything, and which resumes.
    shop.close(old, 0, false);
    let resumed = shop.open_as(11, Some(old));
    shop.deliver(resumed, [11]);
    shop.close(resumed, 0, true);
    shop
}

#[test]
fn watches_that_receive_everything_pass() {
    let mut shop = every_watch();
    // The delivery of the last revision is moved behind those to the watches.
    let batch = shop.etcd.events.iter().rposition(|event| matches!(event, Event::WatchBatch(WatchBatch { subscription: 0, .. }))).unwrap();
    let batch = shop.etcd.events.remove(batch);
    shop.etcd.events.push(batch);
    let finding = shop.judge();
    assert_eq!((finding.verdict, finding.anomalies.as_slice()), (Verdict::Pass, &[][..]));
    let counted = |name: &str| finding.evidence[name];
    assert_eq!((counted("watches"), counted("resumed"), counted("events"), counted("bookmarks")), (5, 1, 13, 5), "{:?}", finding.evidence);
    assert!(counted("previous_values") > 5);
}

#[test]
fn without_watches_there_is_nothing_to_judge() {
    let mut shop = Simulation::new(&Shape::default());
    shop.buy(1, "ann", "e1", &[("pink", 1)], RequestOutcome::Answered);
    assert_eq!(found(&shop.finish()), None);
    let mut silent = Shop::new();
    silent.open(0);
    assert_eq!(silent.judge().verdict, Verdict::Unknown);
}

#[test]
fn events_come_in_order_once_and_whole() {
    let mut late = Shop::new();
    let watch = late.open(2);
    late.deliver(watch, [2, 5, 3]);
    late.deliver(watch, [6]);
    let kinds = late.rejected();
    assert!(kinds.contains(&("unordered".to_owned(), 2)) && kinds.contains(&("missed_event".to_owned(), 1)), "{kinds:?}");

    let mut twice = Shop::new();
    let watch = twice.open(2);
    twice.deliver(watch, [2, 3]);
    twice.deliver(watch, [3]);
    assert_eq!(twice.rejected(), of("duplicated_event", 1));

    let mut split = Shop::new();
    let watch = split.open(2);
    split.deliver_edited(watch, 2, |events| drop(events.pop()));
    split.deliver_edited(watch, 2, |events| drop(events.remove(0)));
    split.deliver(watch, [3]);
    assert_eq!(split.rejected(), of("split_revision", 1));
}

#[test]
fn nothing_is_left_out() {
    let mut gap = Shop::new();
    let watch = gap.open(2);
    gap.deliver(watch, [2, 6]);
    assert_eq!(gap.rejected(), of("missed_event", 2));
    let mut part = Shop::new();
    let watch = part.open(2);
    part.deliver_edited(watch, 2, |events| drop(events.pop()));
    part.deliver(watch, [3]);
    let finding = part.judge();
    assert_eq!(finding.anomalies[0].kind, "missed_event");
    assert!(finding.anomalies[0].first.explanation[1].contains("only a part of revision 2, without the change of b"), "{finding:#?}");
    let mut start = Shop::new();
    let watch = start.open(3);
    start.deliver(watch, [5]);
    assert_eq!(start.rejected(), of("missed_event", 1));
    let mut now = Shop::new();
    let watch = now.open(0);
    now.put(&["a"]);
    now.put(&["b"]);
    now.deliver(watch, [10]);
    assert_eq!(now.rejected(), of("missed_event", 1));
}

/// etcd issue 18089: put, put, put, delete (revision d), put, compact d, watch from d.
#[test]
fn a_deletion_at_the_compaction_is_owed() {
    let mut shop = Shop::default();
    for _ in 0..3 {
        shop.put(&["a"]);
    }
    let deletion = shop.etcd.call(3, Request::Delete(Delete { key: "a".into(), range_end: Blob::default(), ..Delete::default() })).revision;
    let last = shop.put(&["a"]);
    shop.compact(deletion);
    shop.etcd.call(3, Request::Range(Range { key: "a".into(), ..Range::default() }));
    let watch = shop.open(deletion);
    shop.deliver(watch, [last]);
    let finding = shop.judge();
    assert_eq!((finding.anomalies[0].kind.as_str(), finding.anomalies[0].first.revision), ("missed_event", Some(deletion)));
}

/// etcd issue 20221: a watch from a revision that is still to come, on a member that takes a snapshot.
#[test]
fn nothing_below_the_start_is_delivered() {
    let mut ahead = Shop::new();
    let watch = ahead.open(20);
    ahead.deliver(watch, [7, 8]);
    assert_eq!(ahead.rejected(), of("below_start", 2));
    let mut now = Shop::new();
    let watch = now.open(0);
    now.deliver(watch, [8]);
    assert_eq!(now.rejected(), of("below_start", 1));
}

/// From etcd 3.4.38, 3.5.22 and 3.6.2 on, the header of `created` is read after the watch was registered.
#[test]
fn a_watch_from_now_may_receive_what_its_created_header_includes() {
    // The member had revision 8 when the watch was opened; 9 and 10 are written before it confirms the watch.
    let raced = |received: &[Revision]| {
        let mut shop = Shop::new();
        let watch = shop.open_unconfirmed(0, None);
        shop.put(&["a"]);
        shop.put(&["b"]);
        shop.send(watch, WatchBody::Created);
        shop.put(&["a"]);
        shop.deliver(watch, received.iter().copied());
        (watch, shop)
    };
    for legal in [&[9, 10, 11][..], &[10, 11], &[11]] {
        assert_eq!(raced(legal).1.judge().verdict, Verdict::Pass, "{legal:?}");
    }
    // From the first revision that it receives it must receive everything, and nothing that the member already had.
    assert_eq!(raced(&[9, 11]).1.rejected(), of("missed_event", 1));
    assert_eq!(raced(&[8, 9, 10, 11]).1.rejected(), of("below_start", 1));
    // It resumes after what it received, although the header had a higher revision.
    let resumed = |start: Revision| {
        let (watch, mut shop) = raced(&[9]);
        shop.close(watch, 0, false);
        let resumed = shop.open_as(start, Some(watch));
        shop.deliver(resumed, [10, 11].into_iter().filter(|revision| *revision >= start));
        shop
    };
    assert_eq!(resumed(10).judge().verdict, Verdict::Pass);
    assert_eq!(resumed(11).rejected(), of("resumed_elsewhere", 1));
}

/// The state of a replaced process does not bind a watch of the next one.
#[test]
fn a_watch_from_now_is_bound_by_what_its_member_had_and_by_no_other() {
    let opened_after = |change: Option<MemberChange>, reader: u32| {
        let mut shop = Shop { etcd: Etcd::default(), watches: 0 };
        // Worker 1 is at m2, worker 3 at m1; the collector is at m1 too, but delivers revision 2 after the watch was opened.
        let put = |key: &str| Request::Put(Put { key: key.into(), value: "x".into(), ..Put::default() });
        shop.etcd.call(reader, put("a"));
        let late =
            shop.etcd.events.iter().rposition(|event| matches!(event, Event::WatchBatch(WatchBatch { subscription: 0, .. }))).unwrap();
        let late = shop.etcd.events.remove(late);
        if let Some(change) = change {
            shop.etcd.record(|at| Event::Member(MemberEvent { member: MemberIndex(0), at, change }));
        }
        let watch = shop.open(0);
        shop.etcd.events.push(late);
        shop.deliver(watch, [2]);
        let finding = shop.judge();
        finding.anomalies.iter().any(|group| group.kind == "below_start")
    };
    assert!(opened_after(None, 3), "m1 had responded with revision 2");
    assert!(!opened_after(None, 1), "m2 had, m1 perhaps not");
    assert!(!opened_after(Some(MemberChange::Started { incarnation: 2, pid: 2 }), 3), "m1 began anew");
}

/// Progress that was requested before a watch was opened may come after its confirmation, and does not apply to it.
#[test]
fn progress_requested_before_a_watch_does_not_apply_to_it() {
    let ask = |shop: &mut Shop| shop.etcd.record(|at| Event::ProgressRequested(ProgressRequested { stream: 1, at }));
    let mut overtaken = Shop::new();
    ask(&mut overtaken);
    let watch = overtaken.open(2);
    overtaken.stream_progress(8);
    overtaken.deliver(watch, 2..=8);
    assert_eq!(overtaken.judge().verdict, Verdict::Pass);
    // The response comes before the confirmation; the next one was requested after the watch was opened, and applies to it.
    let mut answered = Shop::new();
    ask(&mut answered);
    let watch = answered.open_unconfirmed(2, None);
    ask(&mut answered);
    answered.stream_progress(8);
    answered.send(watch, WatchBody::Created);
    answered.stream_progress(8);
    answered.deliver(watch, 2..=8);
    assert_eq!(answered.rejected().len(), 1);
    let mut broken = Shop::new();
    let watch = broken.open(2);
    ask(&mut broken);
    broken.stream_progress(8);
    broken.deliver(watch, 2..=8);
    assert_eq!(broken.rejected().len(), 1);
}

/// etcd issue 15220: progress that is requested immediately comes before the events.
#[test]
fn a_progress_notification_requires_that_everything_was_delivered() {
    let mut stream = Shop::new();
    let watch = stream.open(2);
    stream.stream_progress(8);
    stream.deliver(watch, [2, 3, 5, 6, 7, 8]);
    assert_eq!(stream.rejected(), of("bookmark_broken", 7));
    let mut own = Shop::new();
    let watch = own.open(2);
    own.deliver(watch, [2, 3, 5]);
    own.send_at(watch, 7, WatchBody::Progress);
    let finding = own.judge();
    assert_eq!((finding.anomalies[0].kind.as_str(), finding.anomalies[0].first.revision), ("bookmark_broken", Some(6)));
    let explanation = finding.anomalies[0].first.explanation.join(" ");
    assert!(
        explanation.contains(
            "a progress notification for revision 7, but had not received revision 6, which changed a, nor later ones up to revision 7"
        ),
        "{explanation}"
    );
}

#[test]
fn events_are_as_they_were() {
    let edited = |edit: &dyn Fn(&mut WatchEvent)| {
        let mut shop = Shop::new();
        let watch = shop.open(2);
        shop.deliver(watch, [2]);
        // Long after it was confirmed.
        shop.etcd.wait(PATIENCE / 10);
        shop.deliver_edited(watch, 3, |events| edit(&mut events[0]));
        shop.rejected()
    };
    assert_eq!(edited(&|event| event.kv.value = "other".into()), of("altered_event", 1));
    assert_eq!(edited(&|event| event.kv.lease = 7), of("altered_event", 1));
    assert_eq!(edited(&|event| event.deleted = true), of("altered_event", 1));
    // A creation is version 1, and nothing else is.
    assert_eq!(edited(&|event| event.kv.create_revision = 3), of("altered_event", 1));
    assert_eq!(edited(&|event| event.previous = None), of("wrong_previous", 1));
    assert_eq!(edited(&|event| event.previous.as_mut().unwrap().version = 7), of("wrong_previous", 1));
    let mut created = Shop::new();
    let watch = created.open(6);
    created.deliver_edited(watch, 6, |events| events[0].previous = Some(Box::new(events[1].kv.clone())));
    assert_eq!(created.rejected(), of("wrong_previous", 1));
    let mut phantom = Shop::new();
    let watch = phantom.open(2);
    phantom.deliver_edited(watch, 2, |events| {
        let mut event = events[0].clone();
        event.kv.key = "c".into();
        events.push(event);
    });
    assert_eq!(phantom.rejected(), of("altered_event", 1));
}

#[test]
fn a_previous_value_may_be_missing_only_where_a_compaction_may_have_taken_it() {
    let without_previous = |compacted: Revision| {
        let mut shop = Shop::new();
        let watch = shop.open(7);
        shop.compact(compacted);
        shop.etcd.wait(PATIENCE / 10);
        shop.deliver_edited(watch, 7, |events| events[0].previous = None);
        shop.judge().verdict
    };
    assert_eq!([6, 7, 8].map(without_previous), [Verdict::Violation, Verdict::Pass, Verdict::Pass]);
}

/// etcd registers a watch before it registers that previous values were requested.
#[test]
fn the_first_messages_of_a_watch_may_lack_previous_values_by_a_known_defect() {
    let lacking = |first: Revision, later: Revision, wait: Nanos| {
        let mut shop = Shop::new();
        let watch = shop.open(first);
        shop.etcd.wait(wait);
        for revision in first..=8 {
            let lacks = revision <= later;
            shop.deliver_edited(watch, revision, |events| {
                events.iter_mut().filter(|_| lacks).for_each(|event| event.previous = None);
            });
        }
        let finding = shop.judge();
        finding.anomalies.into_iter().map(|group| (group.kind, group.count, group.known_defect)).collect::<Vec<_>>()
    };
    let known = |count| vec![("previous_missing_at_creation".to_owned(), count, Some("etcd/prev-kv-at-creation".to_owned()))];
    let wrong = |count| vec![("wrong_previous".to_owned(), count, None)];
    assert_eq!(lacking(7, 7, 0), known(1));
    // Revision 8 has a previous value too.
    assert_eq!(lacking(7, 8, 0), known(2));
    assert_eq!(lacking(7, 7, 200_000_000), wrong(1), "long after it was confirmed");
    let mut later = Shop::new();
    let watch = later.open(7);
    later.deliver(watch, [7]);
    later.deliver_edited(watch, 8, |events| events[0].previous = None);
    assert_eq!(later.rejected(), of("wrong_previous", 1));
}

#[test]
fn a_start_below_the_compaction_is_refused() {
    let mut delivered = Shop::new();
    delivered.compact(5);
    let watch = delivered.open(2);
    delivered.deliver(watch, [2, 3, 5, 6, 7, 8]);
    assert_eq!(delivered.rejected(), of("compaction_ignored", 1));
    let mut silent = Shop::new();
    silent.compact(5);
    let watch = silent.open(2);
    silent.close(watch, 2 * PATIENCE, true);
    assert_eq!(silent.rejected(), of("compaction_ignored", 1));
    // A start at the compaction, or at a member that may not have applied it, is valid.
    for (start, compacting_worker) in [(5, 3), (2, 1)] {
        let mut fine = Shop::new();
        fine.etcd.call(compacting_worker, Request::compact(5));
        let watch = fine.open(start);
        fine.deliver(watch, [2, 3, 5, 6, 7, 8].into_iter().filter(|revision| *revision >= start));
        assert_eq!(fine.judge().verdict, Verdict::Pass);
    }
    // A member that responds after consensus has applied what was acknowledged before.
    let mut late = Shop::new();
    late.etcd.call(1, Request::compact(5));
    late.put(&["a"]);
    let watch = late.open(2);
    late.deliver(watch, [2, 3, 5, 6, 7, 8, 9]);
    assert_eq!(late.rejected(), of("compaction_ignored", 1));
}

#[test]
fn a_watch_that_receives_nothing_while_its_member_delivers_is_stalled() {
    let silent = |after: Nanos, fault: bool| {
        let mut shop = Shop::new();
        let watch = shop.open(2);
        shop.deliver(watch, [2, 3, 5, 6]);
        shop.put(&["b"]);
        if fault {
            let stage = FaultStage::Injected { members: vec![MemberIndex(0)], actions: Vec::new(), leader: None };
            shop.etcd.record(|at| Event::Fault(FaultEvent { fault: 0, at: at + PATIENCE, stage }));
        }
        shop.close(watch, after, true);
        let finding = shop.judge();
        (finding.verdict, finding.anomalies.into_iter().map(|group| (group.kind, group.first.revision)).collect::<Vec<_>>())
    };
    assert_eq!(silent(2 * PATIENCE, false), (Verdict::Violation, vec![("stalled".to_owned(), Some(7))]));
    assert_eq!(silent(PATIENCE / 2, false), (Verdict::Pass, vec![]));
    assert_eq!(silent(2 * PATIENCE, true), (Verdict::Pass, vec![]));
}

/// A watch at an old revision that its owner closes 0.2 s later may not have caught up.
#[test]
fn a_watch_has_the_patience_from_its_own_beginning() {
    let closed = |open_for: Nanos, read_until: Nanos, confirmed: bool| {
        let mut shop = Shop::new();
        shop.etcd.wait(3 * PATIENCE);
        let watch = if confirmed { shop.open(2) } else { shop.open_unconfirmed(2, None) };
        shop.etcd.record(|at| {
            let (at, read_until) = (at + open_for, at + read_until);
            Event::WatchClosed(WatchClosed { subscription: watch, at, read_until, end: WatchEnd::Closed })
        });
        let finding = shop.judge();
        finding.anomalies.into_iter().map(|group| group.kind).collect::<Vec<_>>()
    };
    assert_eq!(closed(PATIENCE / 50, PATIENCE / 50, true), [""; 0]);
    assert_eq!(closed(2 * PATIENCE, 2 * PATIENCE, true), ["stalled"]);
    assert_eq!(closed(2 * PATIENCE, 2 * PATIENCE, false), [""; 0], "its member never confirmed it");
    assert_eq!(closed(2 * PATIENCE, PATIENCE / 2, true), [""; 0], "the rest waited unread on our side");
}

/// The same for a cancellation that does not come.
#[test]
fn a_missing_refusal_needs_the_same_patience() {
    let closed = |open_for: Nanos, read_until: Nanos| {
        let mut shop = Shop::new();
        shop.compact(5);
        let watch = shop.open(2);
        shop.etcd.record(|at| {
            let (at, read_until) = (at + open_for, at + read_until);
            Event::WatchClosed(WatchClosed { subscription: watch, at, read_until, end: WatchEnd::Closed })
        });
        shop.judge().anomalies.len()
    };
    assert_eq!([closed(2 * PATIENCE, 2 * PATIENCE), closed(PATIENCE / 2, PATIENCE / 2), closed(2 * PATIENCE, PATIENCE / 2)], [1, 0, 0]);
}

/// etcd issue 22294.
#[test]
fn a_watch_is_starved_only_among_more_unsynced_watches_than_etcd_looks_at_and_under_compaction() {
    let kinds = |others: u32, compacted: bool, start: Revision| {
        let mut shop = Shop::new();
        if compacted {
            shop.compact(2);
        }
        for _ in 0..others {
            shop.open(2);
        }
        let watch = shop.open(start);
        shop.put(&["a"]);
        shop.close(watch, 2 * PATIENCE, true);
        shop.judge().anomalies.into_iter().map(|group| (group.kind, group.known_defect)).collect::<Vec<_>>()
    };
    let starved = vec![("starved".to_owned(), Some("etcd#22294".to_owned()))];
    let stalled = vec![("stalled".to_owned(), None)];
    assert_eq!(kinds(512, true, 3), starved);
    assert_eq!(kinds(511, true, 3), stalled);
    assert_eq!(kinds(512, false, 3), stalled);
    assert_eq!(kinds(512, true, 0), stalled, "a watch from now is synced from the beginning");
}

#[test]
fn a_watch_resumes_directly_after_what_it_received() {
    let resumed = |start: Revision| {
        let mut shop = Shop::new();
        let watch = shop.open(2);
        shop.deliver(watch, [2, 3, 5]);
        shop.close(watch, 0, false);
        let resumed = shop.open_as(start, Some(watch));
        shop.deliver(resumed, [6, 7, 8].into_iter().filter(|revision| *revision >= start));
        shop
    };
    assert_eq!(resumed(6).judge().verdict, Verdict::Pass);
    assert_eq!(resumed(7).rejected(), of("resumed_elsewhere", 1));
}

#[test]
fn what_the_log_does_not_have_is_not_judged() {
    let mut shop = Shop::new();
    let watch = shop.open(2);
    shop.deliver(watch, [2, 3, 8]);
    let mut record = shop.etcd.finish();
    record.drop_revision(5);
    let finding = found(&record).unwrap();
    assert_eq!((finding.verdict, finding.anomalies.len()), (Verdict::Unknown, 0), "{finding:#?}");
}
