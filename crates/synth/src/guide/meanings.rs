//! What each kind of violation means for a shop.

use crate::Plant;

/// One or two sentences for whoever runs the shop.
pub(super) fn meaning(plant: Plant) -> &'static str {
    match plant {
        Plant::Oversell => {
            "Somebody stands at the door with a ticket for a seat that somebody else sits on: a refund, an apology, and a story in the newspaper."
        }
        Plant::StockAboveTotal => "The shop will sell tickets that were never printed, and learns of it at the door.",
        Plant::TotalChanged => {
            "The size of the hall changed while tickets were sold. Whatever is counted from then on is counted against a wrong number."
        }
        Plant::LostUpdate => {
            "Two buyers got the same ticket. It is the classic bug of reading, computing and writing without a guard, and it shows under load only."
        }
        Plant::VanishedTicket => "A seat stays empty that somebody would have paid for, and the books do not balance.",
        Plant::UnreturnedTicket => "The buyer has the money back and nobody can buy the ticket any more: a seat stays empty.",
        Plant::EventCounter => {
            "The page of the event shows another number than the tickets do: buyers come for tickets that are gone, or stay away from some that are left."
        }
        Plant::WrongReceipt => "A buyer was charged something else than the books say. Small as it is, no audit passes with it.",
        Plant::LostRefund => "A buyer gave the tickets back and was not paid: that is what complaints and chargebacks are made of.",
        Plant::WrongPrice => {
            "The income by the purchases is not the income by the stock: either the price was changed on the way, or somebody paid too much."
        }
        Plant::LostOrder => "A buyer has a receipt and no ticket. Nothing that a shop can do is worse for its name.",
        Plant::LostCancellation => "The buyer was told that the money is coming back, and the shop knows nothing of it.",
        Plant::DuplicateOrder => {
            "A buyer pays twice for one wish. Shops that send an order again without asking whether it arrived do this on every bad day of the network."
        }
        Plant::PhantomOrder => "There is a purchase that nobody made: somebody will be sent a bill for it, and a seat is lost.",
        Plant::AlteredOrder => "The buyer gets, and pays, something else than was ordered.",
        Plant::RefusedButApplied => {
            "The buyer was told that it failed and bought elsewhere; now there are two purchases. An error that says \"nothing happened\" must be true, for shops retry on it."
        }
        Plant::DivergentOrder => "Whether the buyer has a ticket depends on which member is asked. It gets worse with every failover.",
        Plant::CancelledTwice => "The money goes out twice, and tickets come back that were never given: the same seat is sold again.",
        Plant::CancelledUnbought => "Money goes out for something that was never paid.",
        Plant::FalseRefusal => "A buyer was sent away while there were tickets: income lost, and nobody would ever notice.",
        Plant::MissingIndexEntry => "Nobody who searches by type finds the event: it does not sell.",
        Plant::WrongIndexEntry => "Buyers find the event in the wrong city, and some of them will buy.",
        Plant::DanglingIndexEntry => "Search finds an event that does not exist, and buyers run into an error.",
        Plant::OverReserved => "Buyers pay during their reservation for tickets that are not there.",
        Plant::EarlyRelease => "A buyer is still typing a card number while the ticket is sold to somebody else.",
        Plant::DoubleRelease => "Tickets come back twice that were taken once: the shop sells more than it has.",
        Plant::ConfirmedAfterExpiry => "The reservation had run out and the ticket may have been sold again: two buyers for one seat.",
        Plant::UnreleasedPurchase => {
            "The ticket is counted as sold and as reserved: when the reservation runs out it goes back into the stock, and is sold once more."
        }
        Plant::LeakedHold => "The tickets of a buyer who went away are never for sale again.",
        Plant::EarlyExpiry => "Buyers lose their reservations before the time they were promised, and pay for nothing.",
        Plant::FencePassed => "Two buyers were in the till at once. The lock, and the fence that was to make it safe, were for nothing.",
        Plant::EarlyLockExpiry => {
            "Whoever holds the lock is thrown out of it in the middle of a purchase; without a fence, that oversells."
        }
        Plant::ShardOversell => {
            "One part of the stock was sold beyond its end while others still have tickets: in the end somebody gets none."
        }
        Plant::ShardLostUpdate => {
            "Two buyers got the same ticket. Splitting the stock makes that rarer, not impossible: each shard needs its guard."
        }
        Plant::ShardLeak => "Tickets get lost when stock is moved between shards: seats stay empty.",
        Plant::StaleRead => {
            "A buyer who was just told \"sold\" asks again and sees the old stock. Whatever is decided by such a read is decided on yesterday's news."
        }
        Plant::WriteWentBack => {
            "A purchase was acknowledged with a place in history that was taken already: one of the two did not happen as it was told."
        }
        Plant::UnauthoredWrite => "Something changed the data and nobody did it: corruption, or a stranger in the cluster.",
        Plant::AlteredWrite => "What was stored is not what was sent. No check of the client can find that.",
        Plant::TwiceApplied => {
            "A request that was sent once was carried out twice. Orders are not affected where a guard stops the second; everything else is."
        }
        Plant::LostAtTheEnd => "The last sale before the lights went out was acknowledged, and is gone.",
        Plant::WrongBranch => {
            "The guard is what keeps two buyers from the same ticket. A store that ignores it oversells, however careful the shop is."
        }
        Plant::IgnoredSuccess => {
            "Buyers are told to try again although they should have been served: slow at best, and sold twice if it was carried out after all."
        }
        Plant::WrongRead => "The page shows a stock that was not there at that moment.",
        Plant::TornRead => {
            "The page mixes two moments: the stock of before and the purchases of after. A decision taken on it fits neither."
        }
        Plant::MissingKey => "A ticket that is there is not found: the buyer is told that it does not exist.",
        Plant::PhantomKey => "A purchase is shown that was never made.",
        Plant::WrongCount => "Lists and pages are longer than what is on them.",
        Plant::ReadWentBack => "A buyer sees 4 left, reloads, and sees 5: nobody trusts such a page.",
        Plant::OwnWriteMissed => "A buyer buys, looks, and finds nothing bought: many will buy again.",
        Plant::WriteBeforeRead => "A purchase is put before what its buyer had seen when it decided: cause and effect are turned around.",
        Plant::WritesOutOfOrder => "A buyer's second action is put before the first: a cancellation before its purchase, for example.",
        Plant::LocalReadWentBack => "Even a page that may be stale should not go back in time for the buyer who looks at it.",
        Plant::MemberWentBack => {
            "A member forgot what it had already shown. That is no staleness: it lost something, and may have lost more."
        }
        Plant::BeyondWhatExists => "A member invents history. Whatever waits for that revision waits for ever.",
        Plant::MissedEvent => {
            "The board in the foyer shows tickets that are gone. Caches that live on watches stay wrong until they are rebuilt."
        }
        Plant::LateEvent => "A cache that writes down what it is told now has the older value: it shows more tickets than there are.",
        Plant::DuplicateEvent => "Whoever counts sales by events counts one twice.",
        Plant::EarlyBookmark => {
            "A cache notes \"I have everything up to here\" and resumes behind it after a break: what came in between it never learns."
        }
        Plant::EventBelowStart => "A consumer that had processed it already processes it again.",
        Plant::SplitEvent => "For a moment the board shows half of a sale: the ticket is gone and the purchase is not there yet.",
        Plant::WrongPrevious => "Whoever computes \"how many were sold\" from before and after computes a wrong number.",
        Plant::WrongCreation => "A consumer takes the change for a new ticket and lists it twice.",
        Plant::AlteredEvent => "The board shows a number that was never there.",
        Plant::StalledBoard => "The board stands still and looks healthy. Nobody notices until a buyer complains.",
        Plant::SkippedResume => "After a short break of the network the board has a gap that nobody knows of.",
        Plant::IgnoredCompaction => "The board believes that it knows the whole past; what was compacted is missing in it.",
        Plant::Divergence => {
            "The members are not copies of each other any more. Everything else that is found may be a consequence of it; stop selling."
        }
        Plant::MissedRevision => {
            "The evidence has a gap at one member. The others fill it; but a watch that leaves something out is broken, and shops live on such watches."
        }
        Plant::DuplicateDelivery => "A watch that repeats itself makes consumers count twice.",
        Plant::LateDelivery => "A watch out of order makes caches end up with old values.",
        Plant::SplitDelivery => "A watch that splits a revision shows half of a sale.",
        Plant::DeliveryBelowStart => "A watch that begins too early makes consumers process again what they had processed.",
        Plant::ReplicaHash => "Two members say that they hold the same and do not: one of them will show it after the next failover.",
        Plant::ReplicaContent => "What a buyer is told depends on the member that is asked.",
        Plant::ReplicaRevision => "Two members count differently: each later revision means something else on each of them.",
        Plant::ReplicaLeases => "One member keeps alive, or ends, what the others do not know of: reservations and locks end at its whim.",
        Plant::LostAfterRestart => "What had been stored did not survive a restart: a power cut will take purchases with it.",
        Plant::Crash => "A third of the cluster is gone without any fault from outside; the next one stops all sales.",
        Plant::LogPanic => "A bug in the store itself, whatever the sales look like.",
        Plant::LogFatal => "A member gave up. It may not come back by itself.",
        Plant::EventBelowNow => {
            "A client that asked for changes from now on receives one that it has already counted, for instance in the read it made before it opened the watch."
        }
        Plant::UnservedBoard => {
            "A client that catches up after a break waits for changes that its member has and never sends: it shows an old stock without knowing that it is old."
        }
        Plant::LogCorruption => "The store itself says that its data are damaged. Restore that member before anything else fails.",
    }
}
