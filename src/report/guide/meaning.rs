//! What a violation means to somebody who runs a shop.

use ticketcd_judge::generate::Plant;

/// The meaning of a planted violation for a shop, in a sentence or two.
pub(super) fn meaning(plant: Plant) -> &'static str {
    match plant {
        Plant::Oversell => "two people hold a ticket for one seat. One of them is turned away at the door.",
        Plant::LostUpdate => {
            "a sale vanished from the stock counter: sooner or later that ticket is sold again. This is what read, check and write \
             without guards does."
        }
        Plant::VanishedTicket => "a seat stays empty that nobody bought and nobody can buy.",
        Plant::EventCounter => "the event's page shows more tickets than can be bought.",
        Plant::WrongReceipt => "the books do not close: a buyer paid another sum than the records say.",
        Plant::LostOrder => "somebody has paid, has a confirmation, and has no ticket.",
        Plant::DuplicateOrder => {
            "somebody ordered once and is charged twice. The client sent an order again whose first attempt had gone through."
        }
        Plant::PhantomOrder => "there is a ticket in a name whose owner never ordered one.",
        Plant::AlteredOrder => "somebody gets another number of tickets than was ordered and paid for.",
        Plant::RefusedButApplied => {
            "somebody was told that the order failed, ordered elsewhere, and is charged here. An error that means \"not applied\" was \
             wrong: that is etcd's issue 18667."
        }
        Plant::StaleRead => {
            "a page shows stock that was sold a moment ago although the store promised the newest. Decisions taken on such a read, as \
             a lock's holder does, are wrong without anybody noticing."
        }
        Plant::Divergence => {
            "the shop is two shops: what is sold and what is left depends on the member that is asked, and it does not heal by itself. \
             Stop, and restore the member that is wrong from another."
        }
        Plant::MissedRevision => {
            "whoever follows the stock by a watch, as caches and search indexes do, is wrong from then on and does not know it."
        }
        Plant::DuplicateDelivery => "whoever counts sales by a watch counts one twice.",
        Plant::ReplicaHash => "two members disagree, although nobody has read the difference yet: the next read may.",
        Plant::ReplicaContent => "the same question has two answers, by the member that is asked.",
        Plant::LostAfterRestart => "a purchase survived the sale and not the restart after it: it was never safely on the disk.",
        Plant::Crash => "the cluster lost a member by itself. One more, and nobody can buy anything.",
        Plant::LogPanic => "a member ran into something that its authors had ruled out. Whatever it was doing may be half done.",
        Plant::UnauthoredWrite => "something wrote into the shop that is not the shop: a second program, or the store itself.",
        Plant::WrongBranch => {
            "a guard did not guard: two buyers who saw the same stock both bought. Every safe way of buying rests on this promise."
        }
        Plant::WrongRead => "a buyer saw a stock that never was, and may have been sent away, or charged another price, because of it.",
        Plant::LostSearchEntry => "an event cannot be found, and so it is not sold, although it is there.",
        Plant::SessionWentBack => {
            "a buyer reloads a page and sees an older stock than before: what it bought a moment ago may be gone from it."
        }
        Plant::MemberWentBack => {
            "even who accepts old answers may rely on them getting no older: a display that counts down counts up again."
        }
        Plant::MissedEvent => "the board goes on showing a stock that is out of date, and nothing tells it so.",
        Plant::DuplicateEvent => "a board that counts what it is told counts sales twice.",
        Plant::EventOutOfOrder => "the board ends with an older stock than it had shown already, and keeps it.",
        Plant::FalseRefusal => "tickets stay unsold while people who want them are sent away.",
    }
}
