//! The keys of the shop: how they are built and parsed.

use std::fmt::Display;

use ticketcd_history::Blob;
pub use ticketcd_history::request::prefix_end;

/// The key space of one shop: every key begins with its prefix, which may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keyspace {
    prefix: Box<str>,
}

/// A parsed key of the shop. The parts borrow from the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ShopKey<'key> {
    /// `user:{username}`
    User(&'key str),
    /// `event:{id}`
    Event(&'key str),
    /// `ticket:{event}:{type}`
    Ticket {
        /// The event's id.
        event: &'key str,
        /// The type: a colour.
        kind: &'key str,
    },
    /// `purchase:{username}:{event}`
    Purchase {
        /// The buyer's user name.
        user: &'key str,
        /// The event's id.
        event: &'key str,
    },
    /// `search:type:{type}`
    SearchType(&'key str),
    /// `search:location:{location}`
    SearchLocation(&'key str),
    /// `search:text:{word}`
    SearchText(&'key str),
    /// `hold:record:{event}:{order id}`, a reservation that is not paid yet
    Hold {
        /// The event's id.
        event: &'key str,
        /// The order's id.
        order: &'key str,
    },
    /// `hold:alive:{event}:{order id}`: it is attached to the lease of a reservation and expires with it
    HoldAlive {
        /// The event's id.
        event: &'key str,
        /// The order's id.
        order: &'key str,
    },
    /// `lock:…`
    Lock(&'key str),
    /// `shard:{event}:{type}:{number}`, a part of a hot ticket's stock
    Shard {
        /// The event's id.
        event: &'key str,
        /// The type: a colour.
        kind: &'key str,
        /// Which part, from 0.
        number: u32,
    },
    /// `meta:…`: data of the tool itself
    Meta(&'key str),
    /// Under the prefix, but not a key of the shop
    Other(&'key str),
}

impl Keyspace {
    /// The key space under `prefix`, which may be empty.
    pub fn new(prefix: impl Into<Box<str>>) -> Self {
        Self { prefix: prefix.into() }
    }

    /// The prefix.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// `user:{username}`
    pub fn user(&self, name: impl Display) -> Blob {
        format!("{}user:{name}", self.prefix).into()
    }

    /// `event:{id}`
    pub fn event(&self, event: impl Display) -> Blob {
        format!("{}event:{event}", self.prefix).into()
    }

    /// `ticket:{event}:{type}`
    pub fn ticket(&self, event: impl Display, kind: impl Display) -> Blob {
        format!("{}ticket:{event}:{kind}", self.prefix).into()
    }

    /// `ticket:{event}:`, the prefix of all tickets of an event
    pub fn tickets_of(&self, event: impl Display) -> Blob {
        format!("{}ticket:{event}:", self.prefix).into()
    }

    /// `purchase:{username}:{event}`
    pub fn purchase(&self, user: impl Display, event: impl Display) -> Blob {
        format!("{}purchase:{user}:{event}", self.prefix).into()
    }

    /// `purchase:{username}:`, the prefix of all purchases of a user
    pub fn purchases_of(&self, user: impl Display) -> Blob {
        format!("{}purchase:{user}:", self.prefix).into()
    }

    /// `search:type:{type}`
    pub fn search_type(&self, kind: impl Display) -> Blob {
        format!("{}search:type:{kind}", self.prefix).into()
    }

    /// `search:location:{location}`
    pub fn search_location(&self, location: impl Display) -> Blob {
        format!("{}search:location:{location}", self.prefix).into()
    }

    /// `search:text:{word}`
    pub fn search_text(&self, word: impl Display) -> Blob {
        format!("{}search:text:{word}", self.prefix).into()
    }

    /// `hold:record:{event}:{order id}`: what is reserved
    pub fn hold(&self, event: impl Display, order: impl Display) -> Blob {
        format!("{}hold:record:{event}:{order}", self.prefix).into()
    }

    /// `hold:record:{event}:`, the prefix of all reservations of an event; of all events without one
    pub fn holds_of(&self, event: Option<&str>) -> Blob {
        match event {
            Some(event) => format!("{}hold:record:{event}:", self.prefix).into(),
            None => format!("{}hold:record:", self.prefix).into(),
        }
    }

    /// `hold:alive:{event}:{order id}`: the key that carries the lease of a reservation
    pub fn hold_alive(&self, event: impl Display, order: impl Display) -> Blob {
        format!("{}hold:alive:{event}:{order}", self.prefix).into()
    }

    /// `lock:{event}`, the name of an event's lock: etcd appends `/` and the lease
    pub fn lock(&self, event: impl Display) -> Blob {
        format!("{}lock:{event}", self.prefix).into()
    }

    /// `shard:{event}:{type}:{number}`
    pub fn shard(&self, event: impl Display, kind: impl Display, number: u32) -> Blob {
        format!("{}shard:{event}:{kind}:{number:03}", self.prefix).into()
    }

    /// `shard:{event}:`, the prefix of all shards of an event
    pub fn shards_of(&self, event: impl Display) -> Blob {
        format!("{}shard:{event}:", self.prefix).into()
    }

    /// `shard:{event}:{type}:`, the prefix of all shards of a ticket
    pub fn shards_of_ticket(&self, event: impl Display, kind: impl Display) -> Blob {
        format!("{}shard:{event}:{kind}:", self.prefix).into()
    }

    /// `meta:{name}`: data of the tool itself
    pub fn meta(&self, name: impl Display) -> Blob {
        format!("{}meta:{name}", self.prefix).into()
    }

    /// Any key under the prefix, from the part after it: `key("purchase:")` is the prefix of all purchases.
    pub fn key(&self, rest: impl Display) -> Blob {
        format!("{}{rest}", self.prefix).into()
    }

    /// Parses a key. `None` if it is not under the prefix or not text.
    pub fn parse<'key>(&self, key: &'key [u8]) -> Option<ShopKey<'key>> {
        let rest = std::str::from_utf8(key).ok()?.strip_prefix(&*self.prefix)?;
        let (family, name) = rest.split_once(':').unwrap_or((rest, ""));
        let pair = || name.rsplit_once(':').or_else(|| name.split_once(':'));
        Some(match family {
            "user" => ShopKey::User(name),
            "event" => ShopKey::Event(name),
            "ticket" => match pair() {
                Some((event, kind)) => ShopKey::Ticket { event, kind },
                None => ShopKey::Other(rest),
            },
            // Event ids have no colon; user names of the original may.
            "purchase" => match pair() {
                Some((user, event)) => ShopKey::Purchase { user, event },
                None => ShopKey::Other(rest),
            },
            "search" => match name.split_once(':') {
                Some(("type", kind)) => ShopKey::SearchType(kind),
                Some(("location", location)) => ShopKey::SearchLocation(location),
                Some(("text", word)) => ShopKey::SearchText(word),
                _ => ShopKey::Other(rest),
            },
            "hold" => match name.split_once(':').map(|(family, rest)| (family, rest.rsplit_once(':'))) {
                Some(("record", Some((event, order)))) => ShopKey::Hold { event, order },
                Some(("alive", Some((event, order)))) => ShopKey::HoldAlive { event, order },
                _ => ShopKey::Other(rest),
            },
            "lock" => ShopKey::Lock(name),
            "shard" => shard(name).unwrap_or(ShopKey::Other(rest)),
            "meta" => ShopKey::Meta(name),
            _ => ShopKey::Other(rest),
        })
    }
}

/// `{event}:{type}:{number}`
fn shard(name: &str) -> Option<ShopKey<'_>> {
    let (ticket, number) = name.rsplit_once(':')?;
    let (event, kind) = ticket.rsplit_once(':')?;
    Some(ShopKey::Shard { event, kind, number: number.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_taken_apart_as_they_were_built() {
        let keys = Keyspace::new("shop/");
        assert_eq!(keys.parse(keys.user("ann").as_bytes()), Some(ShopKey::User("ann")));
        assert_eq!(keys.parse(keys.ticket("e-1", "pink").as_bytes()), Some(ShopKey::Ticket { event: "e-1", kind: "pink" }));
        let odd = keys.purchase("a:b", "e-1");
        assert_eq!(keys.parse(odd.as_bytes()), Some(ShopKey::Purchase { user: "a:b", event: "e-1" }));
        assert_eq!(keys.parse(b"event:1"), None);
        assert_eq!(keys.parse(keys.hold("e-1", "r1-2-3").as_bytes()), Some(ShopKey::Hold { event: "e-1", order: "r1-2-3" }));
        assert_eq!(keys.parse(keys.hold_alive("e-1", "r1-2-3").as_bytes()), Some(ShopKey::HoldAlive { event: "e-1", order: "r1-2-3" }));
        assert_eq!(keys.parse(keys.shard("e-1", "pink", 7).as_bytes()), Some(ShopKey::Shard { event: "e-1", kind: "pink", number: 7 }));
        assert_eq!(keys.parse(b"shop/shard:e-1"), Some(ShopKey::Other("shard:e-1")));
        assert_eq!(keys.parse(b"shop/lock:e-1/6b5c"), Some(ShopKey::Lock("e-1/6b5c")));
        assert_eq!(keys.parse(keys.search_text("rock:n").as_bytes()), Some(ShopKey::SearchText("rock:n")));
    }
}
