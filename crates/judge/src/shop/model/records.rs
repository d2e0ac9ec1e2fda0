//! The JSON values of the shop. What the original TickETCD wrote is read too: quantities as strings, `YYYY-MM-DD` dates,
//! a single object where an array belongs.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::money::Cents;

/// The value of `user:{username}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Full name.
    pub name: String,
    /// E-mail address.
    pub email: String,
    /// Password, in clear text as in the original: the users are synthetic.
    pub password: String,
    /// `customer` or `admin`.
    pub role: String,
}

/// The value of `event:{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRecord {
    /// Title.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// City.
    pub location: String,
    /// Kind of event: `concert`, `theatre`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// `DD-MM-YYYY HH:MM`.
    pub date: String,
    /// The tickets left, over all ticket types.
    #[serde(deserialize_with = "quantity")]
    pub current_quantity: i64,
}

/// The value of `ticket:{event}:{type}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// How many there were before the sale.
    #[serde(deserialize_with = "quantity")]
    pub total_quantity: i64,
    /// How many are left.
    #[serde(deserialize_with = "quantity")]
    pub current_quantity: i64,
    /// The price of one.
    pub price: Cents,
}

/// One element of the value of `purchase:{username}:{event}`: one order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purchase {
    /// The order's id, `run-buyer-sequence`; the original has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// When it was bought, `DD-MM-YYYY HH:MM`.
    pub date: String,
    /// What was bought. In the entry of a cancellation the quantities are negative, so that a sum over the array is always
    /// what the user has.
    pub tickets: Vec<PurchasedTicket>,
    /// In the entry of a cancellation, the id of the order that it cancels. Nothing is ever removed from the array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancels: Option<String>,
}

/// The value of `hold:record:{event}:{order id}`: tickets that are reserved, neither left nor sold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldRecord {
    /// The user they are reserved for.
    pub user: String,
    /// What is reserved, at which price.
    pub tickets: Vec<PurchasedTicket>,
}

/// The value of `shard:{event}:{type}:{number}`: a part of a ticket's stock. The ticket's own `current_quantity` does not
/// count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// How many are left in this part.
    #[serde(deserialize_with = "quantity")]
    pub current_quantity: i64,
}

/// One line of a [`Purchase`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurchasedTicket {
    /// The ticket's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// How many.
    #[serde(deserialize_with = "quantity")]
    pub quantity: i64,
    /// The price of one when it was sold; the original has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Cents>,
}

/// The value of a `purchase:` key: an array, or the single object the original sometimes wrote.
pub fn parse_purchases(value: &[u8]) -> Result<Vec<Purchase>, serde_json::Error> {
    match value.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => serde_json::from_slice(value).map(|purchase| vec![purchase]),
        _ => serde_json::from_slice(value),
    }
}

/// A quantity as a number or, as the original wrote it, as a string.
fn quantity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    struct QuantityVisitor;
    impl serde::de::Visitor<'_> for QuantityVisitor {
        type Value = i64;
        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("a whole number, or one in a string")
        }
        fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<i64, E> {
            Ok(number)
        }
        fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<i64, E> {
            i64::try_from(number).map_err(E::custom)
        }
        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<i64, E> {
            text.trim().parse().map_err(E::custom)
        }
    }
    deserializer.deserialize_any(QuantityVisitor).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purchases_of_the_original_are_read() {
        let value = br#" {"date":"2024-05-01","tickets":[{"type":"pink","quantity":"2"}]}"#;
        let purchases = parse_purchases(value).unwrap();
        assert_eq!(purchases.len(), 1);
        assert_eq!((purchases[0].tickets[0].quantity, purchases[0].id.as_deref()), (2, None));
    }

    #[test]
    fn ours_round_trip() {
        let value = r#"[{"id":"r1-7-3","date":"01-05-2026 20:00","tickets":[{"type":"pink","quantity":2,"price":49.90}]}]"#;
        assert_eq!(serde_json::to_string(&parse_purchases(value.as_bytes()).unwrap()).unwrap(), value);
    }
}
