//! The keys of the shop, built and taken apart in one place.

use std::fmt::Display;

use super::blob::Blob;

/// The key space of one shop: every key begins with its prefix, which may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keyspace {
    prefix: Box<str>,
}

/// A key of the shop, taken apart. The parts borrow from the key.
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
    /// `hold:…`, a reservation that is not paid yet
    Hold(&'key str),
    /// `lock:…`
    Lock(&'key str),
    /// `shard:…`, a part of a hot ticket's stock
    Shard(&'key str),
    /// `meta:…`, what the tool itself keeps there
    Meta(&'key str),
    /// Under the prefix, but none of ours
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

    /// `meta:{name}`, what the tool itself keeps beside the shop
    pub fn meta(&self, name: impl Display) -> Blob {
        format!("{}meta:{name}", self.prefix).into()
    }

    /// Any key under the prefix, from the part behind it: `key("purchase:")` is the prefix of all purchases.
    pub fn key(&self, rest: impl Display) -> Blob {
        format!("{}{rest}", self.prefix).into()
    }

    /// Takes a key apart. `None` when it is not under the prefix or is not text.
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
            "hold" => ShopKey::Hold(name),
            "lock" => ShopKey::Lock(name),
            "shard" => ShopKey::Shard(name),
            "meta" => ShopKey::Meta(name),
            _ => ShopKey::Other(rest),
        })
    }
}

/// The end of the range of all keys that begin with `prefix`, as etcd counts ranges: the first key behind them, or the
/// single byte 0 ("to the end of the key space") when there is none.
pub fn prefix_end(prefix: &[u8]) -> Blob {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < 0xff {
            end.push(last + 1);
            return end.into();
        }
    }
    Blob::from(&[0u8][..])
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
        assert_eq!(keys.parse(keys.search_text("rock:n").as_bytes()), Some(ShopKey::SearchText("rock:n")));
    }

    #[test]
    fn a_prefix_ends_before_the_next_key() {
        assert_eq!(prefix_end(b"a:").as_bytes(), b"a;");
        assert_eq!(prefix_end(&[b'a', 0xff]).as_bytes(), b"b");
        assert_eq!(prefix_end(b"").as_bytes(), [0]);
    }
}
