//! What each mutation means for a shop.

use crate::mutation::Mutation;

/// One or two sentences for the owner of a shop.
pub(super) fn meaning(mutation: Mutation) -> &'static str {
    match mutation {
        Mutation::Oversell => "Two buyers hold a ticket for the same seat. One of them must be refunded.",
        Mutation::StockAboveTotal => "The shop will sell tickets that do not exist.",
        Mutation::TotalChanged => "The capacity changed during the sale: every later count is compared to a wrong number.",
        Mutation::LostUpdate => {
            "Two buyers got the same ticket. This is the classic read-modify-write bug without a compare, and it appears only under load."
        }
        Mutation::VanishedTicket => "A seat stays empty that could have been sold, and the books do not balance.",
        Mutation::UnreturnedTicket => "The buyer has the money back, and the ticket cannot be sold again: a seat stays empty.",
        Mutation::EventCounter => {
            "The event page shows another number than its tickets: buyers come for tickets that are sold, or do not see tickets that are left."
        }
        Mutation::WrongReceipt => {
            "A buyer was charged another amount than the books contain. No audit passes with a difference, however small."
        }
        Mutation::LostRefund => "A buyer returned tickets and was not paid: expect a complaint or a chargeback.",
        Mutation::WrongPrice => {
            "Revenue by purchases differs from revenue by stock: a price was changed in between, or a buyer paid the wrong one."
        }
        Mutation::LostOrder => "A buyer has a receipt and no ticket.",
        Mutation::LostCancellation => "The buyer expects a refund, and the shop has no record of the cancellation.",
        Mutation::DuplicateOrder => {
            "A buyer pays twice for one order. A shop that retries an order without checking whether the first attempt was applied does this whenever responses are lost."
        }
        Mutation::PhantomOrder => "A purchase exists that no buyer made: someone will be billed for it, and a seat is lost.",
        Mutation::AlteredOrder => "The buyer receives, and pays for, something other than ordered.",
        Mutation::RefusedButApplied => {
            "The buyer saw an error and bought elsewhere; now there are two purchases. Shops retry after definite errors, so a definite error must mean that nothing was written."
        }
        Mutation::DivergentOrder => "Whether the buyer has a ticket depends on which member responds.",
        Mutation::CancelledTwice => "The refund is paid twice, and the same seat returns to the stock twice.",
        Mutation::CancelledUnbought => "A refund is paid for something that was never bought.",
        Mutation::FalseRefusal => "A buyer was turned away while tickets were left: lost revenue that goes unnoticed.",
        Mutation::MissingIndexEntry => "A search by type does not find the event, so it does not sell.",
        Mutation::WrongIndexEntry => "Buyers find the event in the wrong city, and some of them buy.",
        Mutation::DanglingIndexEntry => "A search returns an event that does not exist, and buyers get an error.",
        Mutation::OverReserved => "Buyers pay during their reservation for tickets that do not exist.",
        Mutation::EarlyRelease => "The ticket is sold to another buyer while the buyer with the reservation is still paying.",
        Mutation::DoubleRelease => "Tickets that were taken once are returned twice: the shop sells more than it has.",
        Mutation::ConfirmedAfterExpiry => "The reservation had expired and the ticket may have been sold again: two buyers for one seat.",
        Mutation::UnreleasedPurchase => {
            "The ticket counts as sold and as reserved: when the reservation expires it returns to the stock and is sold again."
        }
        Mutation::LeakedHold => "The tickets of a buyer who left are never for sale again.",
        Mutation::EarlyExpiry => "Buyers lose their reservation before the promised time.",
        Mutation::FencePassed => "Two buyers were in the critical section at once, despite the lock and its fence.",
        Mutation::EarlyLockExpiry => "The holder loses the lock in the middle of a purchase. Without a fence, that oversells.",
        Mutation::ShardOversell => "One shard was oversold while others still have tickets: in the end a buyer gets none.",
        Mutation::ShardLostUpdate => {
            "Two buyers got the same ticket. Sharding makes that rarer, not impossible: every write to a shard needs a compare."
        }
        Mutation::ShardLeak => "Tickets get lost when stock is moved between shards: seats stay empty.",
        Mutation::StaleRead => {
            "A buyer whose purchase was just acknowledged reads the old stock. Every decision based on such a read is based on outdated data."
        }
        Mutation::WriteWentBack => {
            "A purchase was acknowledged with a revision that already belonged to something else: one of the two did not happen as acknowledged."
        }
        Mutation::UnauthoredWrite => "Data changed without a request: corruption, or an unknown client of the cluster.",
        Mutation::AlteredWrite => "What was stored is not what was sent. No check on the client's side can find that.",
        Mutation::TwiceApplied => {
            "A request that was sent once was executed twice. Orders are protected where a compare stops the second execution; nothing else is."
        }
        Mutation::LostAtTheEnd => "The last purchase was acknowledged and is lost.",
        Mutation::WrongBranch => {
            "Compares keep two buyers from the same ticket. A store that ignores them oversells, however careful the shop is."
        }
        Mutation::IgnoredSuccess => {
            "Buyers retry although they should have succeeded: slow at best, and sold twice if the transaction was executed."
        }
        Mutation::WrongRead => "The page shows a stock that did not exist at that revision.",
        Mutation::TornRead => "The page mixes two states: an old stock and new purchases. A decision based on it fits neither.",
        Mutation::MissingKey => "The page says that a ticket does not exist although it does.",
        Mutation::PhantomKey => "The page shows a purchase that was never made.",
        Mutation::WrongCount => "Totals and page counts are wrong.",
        Mutation::WrongOrder => "Search results are in the wrong order, and with a limit the wrong ones are left out.",
        Mutation::ReadWentBack => "A buyer sees 4 left, reloads, and sees 5.",
        Mutation::OwnWriteMissed => "A buyer buys, looks, and finds no purchase: many will buy again.",
        Mutation::WriteBeforeRead => "A purchase is ordered before the state that its buyer based it on: cause and effect are reversed.",
        Mutation::WritesOutOfOrder => {
            "A buyer's second action is ordered before the first: a cancellation before its purchase, for example."
        }
        Mutation::LocalReadWentBack => "Even a page that may be stale should not go back in time for the same reader.",
        Mutation::MemberWentBack => "A member lost state that it had already returned. That is not staleness: it may have lost more.",
        Mutation::BeyondWhatExists => "A member names a revision that does not exist. A client that waits for it waits forever.",
        Mutation::MissedEvent => {
            "The stock board shows tickets that are sold. A cache that is fed by a watch stays wrong until it is rebuilt."
        }
        Mutation::LateEvent => "A cache that applies events as they arrive ends with the older value: it shows more tickets than are left.",
        Mutation::DuplicateEvent => "A consumer that counts sales by events counts one twice.",
        Mutation::EarlyBookmark => {
            "A cache records that it is complete up to this revision and resumes after it when the stream breaks: it never receives what was missing."
        }
        Mutation::EventBelowStart => "A consumer processes an event again that it has already processed.",
        Mutation::EventBelowNow => {
            "A client that asked for changes from now on receives one that it has already counted, for instance in the read before it opened the watch."
        }
        Mutation::SplitEvent => "For a moment the board shows half of a sale: the ticket is taken and the purchase is missing.",
        Mutation::WrongPrevious => "A consumer that computes sales from the previous and the new value computes a wrong number.",
        Mutation::WrongCreation => "A consumer lists the ticket twice.",
        Mutation::AlteredEvent => "The board shows a number that was never written.",
        Mutation::StalledWatch => "The board stops and looks healthy. It goes unnoticed until a buyer complains.",
        Mutation::UnservedWatch => {
            "A client that catches up after a break waits for changes that its member has and never sends: it shows an old stock without knowing it."
        }
        Mutation::SkippedResume => "After a short network failure the board misses a change, and nothing reports the gap.",
        Mutation::IgnoredCompaction => "The client believes that it has the whole history; what was compacted is missing.",
        Mutation::Divergence => "The members are no longer copies of each other. Every other finding may be a consequence. Stop the sale.",
        Mutation::MissedRevision => {
            "The evidence has a gap at one member, which the others fill. But a watch that skips a revision is broken, and shops rely on such watches."
        }
        Mutation::DuplicateDelivery => "A watch that repeats a revision makes consumers count twice.",
        Mutation::LateDelivery => "A watch that delivers out of order leaves caches with old values.",
        Mutation::SplitDelivery => "A watch that splits a revision shows half of a sale.",
        Mutation::DeliveryBelowStart => "A watch that starts too early makes consumers process events again.",
        Mutation::LostLease => "The owner of a lock or a reservation loses it although it renews in time.",
        Mutation::ReplicaHash => {
            "Two members report the same revision with different content: one of them will show it after the next failover."
        }
        Mutation::ReplicaContent => "What a buyer reads depends on the member that responds.",
        Mutation::ReplicaRevision => "Two members count revisions differently: every later revision means something else on each of them.",
        Mutation::ReplicaLeases => {
            "A member keeps alive, or expires, leases that the others do not know: reservations and locks end unpredictably."
        }
        Mutation::LostAfterRestart => "Stored data did not survive a restart: a power failure will lose purchases.",
        Mutation::Crash => "A third of the cluster is gone without an external fault. The next failure stops all sales.",
        Mutation::LogPanic => "A bug in etcd, whatever the sales look like.",
        Mutation::LogFatal => "A member gave up. It may not come back by itself.",
        Mutation::LogCorruption => "etcd reports that its data are damaged. Restore that member before anything else fails.",
    }
}
