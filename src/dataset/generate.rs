//! The shop's data, from a seed: byte for byte the same on every machine.
//!
//! Every user and every event has a random stream of its own, so that a larger shop begins with the smaller one.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use ticketcd_judge::history::Blob;
use ticketcd_judge::model::records::{EventRecord, Ticket, User};
use ticketcd_judge::model::{Cents, Keyspace};

use super::error::DatasetError;
use super::vocabulary::{ADJECTIVES, ATTRACTIONS, EVENT_TYPES, FIRST_NAMES, LAST_NAMES, LOCATIONS, NOUNS, TICKET_TYPES};
use crate::settings::streams::stream;
use crate::settings::types;

/// Words shorter than this are not searched for.
const WORD_LETTERS_MIN: usize = 3;

/// Bytes of the longest value, just below what etcd takes in one request by default (`--max-request-bytes`).
const VALUE_BYTES_MAX: usize = 1_500_000;

/// A key and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key, with the prefix.
    pub key: Blob,
    /// The value: JSON.
    pub value: Blob,
}

/// A shop's data before the first sale. Cloning shares the entries.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// What it was made from.
    pub spec: types::Dataset,
    /// The seed.
    pub seed: u64,
    /// Where its keys are.
    pub keys: Keyspace,
    /// All keys with their values, in order of keys.
    pub entries: Arc<[Entry]>,
    /// What the load needs to know of it.
    pub catalogue: Arc<Catalogue>,
}

/// What is on sale, and to whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// Events in order of popularity: the first is the hottest.
    pub events: Vec<CatalogueEvent>,
    /// User names.
    pub users: Vec<String>,
    /// Types of events that occur, in order.
    pub types: Vec<String>,
    /// Locations that occur, in order.
    pub locations: Vec<String>,
    /// Words that find an event, in order.
    pub words: Vec<String>,
}

/// An event on sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueEvent {
    /// Its id: a UUID.
    pub id: String,
    /// Its ticket types.
    pub kinds: Vec<CatalogueTicket>,
    /// Its type: `concert`, `theatre`, …
    pub event_type: String,
    /// Its location.
    pub location: String,
}

/// A ticket type on sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueTicket {
    /// Its name: a colour.
    pub kind: String,
    /// How many there are.
    pub total: i64,
    /// The price of one.
    pub price: Cents,
}

/// An event's ids by the key of the index that leads to it.
type Index = BTreeMap<Blob, Vec<String>>;

impl Dataset {
    /// Makes a shop under the prefix of `keys`.
    ///
    /// # Errors
    /// When it would have no users, events, ticket types or stock, or more ticket types than there are names for.
    pub fn generate(spec: &types::Dataset, seed: u64, keys: &Keyspace) -> Result<Self, DatasetError> {
        check(spec)?;
        let mut entries = Vec::new();
        let mut catalogue = Catalogue::default();
        for index in 0..spec.users {
            let (name, user) = user(seed, index);
            entries.push(entry(keys.user(&name), &user)?);
            catalogue.users.push(name);
        }
        let mut indexes = Index::new();
        let mut occurring: [std::collections::BTreeSet<String>; 3] = Default::default();
        for index in 0..spec.events {
            let (event, record) = event(seed, index, spec);
            entries.push(entry(keys.event(&event.id), &record)?);
            for ticket in &event.kinds {
                let value = Ticket { total_quantity: ticket.total, current_quantity: ticket.total, price: ticket.price };
                entries.push(entry(keys.ticket(&event.id, &ticket.kind), &value)?);
            }
            let words = words(&record);
            for key in [keys.search_type(&event.event_type), keys.search_location(&event.location)]
                .into_iter()
                .chain(words.iter().map(|word| keys.search_text(word)))
            {
                indexes.entry(key).or_default().push(event.id.clone());
            }
            let [types, locations, all_words] = &mut occurring;
            types.insert(event.event_type.clone());
            locations.insert(event.location.clone());
            all_words.extend(words);
            catalogue.events.push(event);
        }
        for (key, events) in indexes {
            entries.push(entry(key, &events)?);
        }
        let [types, locations, words] = occurring.map(|set| set.into_iter().collect());
        (catalogue.types, catalogue.locations, catalogue.words) = (types, locations, words);
        entries.sort_unstable_by(|left, right| left.key.cmp(&right.key));
        Ok(Self { spec: spec.clone(), seed, keys: keys.clone(), entries: entries.into(), catalogue: Arc::new(catalogue) })
    }
}

fn check(spec: &types::Dataset) -> Result<(), DatasetError> {
    let unsuitable = |what: String| Err(DatasetError::Unsuitable(what));
    if spec.users == 0 || spec.events == 0 || spec.ticket_types == 0 {
        return unsuitable("a shop needs at least one user, one event and one ticket type".to_owned());
    }
    if usize::from(spec.ticket_types) > TICKET_TYPES.len() {
        return unsuitable(format!("there are names for {} ticket types, not for {}", TICKET_TYPES.len(), spec.ticket_types));
    }
    if spec.stock.min > spec.stock.max {
        return unsuitable(format!("the smallest stock ({}) is above the largest ({})", spec.stock.min, spec.stock.max));
    }
    Ok(())
}

fn entry(key: Blob, value: &impl serde::Serialize) -> Result<Entry, DatasetError> {
    let value = serde_json::to_vec(value).map_err(|error| DatasetError::Unsuitable(format!("cannot write JSON: {error}")))?;
    if value.len() > VALUE_BYTES_MAX {
        let (key, bytes) = (key.to_text(), value.len());
        // Only an index grows with the shop: the shop keeps all events of a word under one key.
        let message = format!("the key {key} would have {bytes} bytes, more than etcd takes ({VALUE_BYTES_MAX}); ask for fewer events");
        return Err(DatasetError::Unsuitable(message));
    }
    Ok(Entry { key, value: value.into() })
}

fn user(seed: u64, index: u32) -> (String, User) {
    let mut random = stream(seed, "dataset/user", index);
    let (first, last) = (pick(&mut random, &FIRST_NAMES), pick(&mut random, &LAST_NAMES));
    // The number makes it unique.
    let name = format!("{}.{}{}", first.to_lowercase(), last.to_lowercase(), index + 1);
    let user = User {
        name: format!("{first} {last}"),
        email: format!("{name}@example.org"),
        password: format!("{:016x}", random.next_u64()),
        role: "customer".to_owned(),
    };
    (name, user)
}

fn event(seed: u64, index: u32, spec: &types::Dataset) -> (CatalogueEvent, EventRecord) {
    let mut random = stream(seed, "dataset/event", index);
    let mut id = [0; 16];
    random.fill_bytes(&mut id);
    let id = uuid::Builder::from_random_bytes(id).into_uuid().to_string();
    let kind = pick(&mut random, &EVENT_TYPES).to_owned();
    let location = pick(&mut random, &LOCATIONS).to_owned();
    let (adjective, noun) = (pick(&mut random, &ADJECTIVES), pick(&mut random, &NOUNS));
    let (one, other) = (pick(&mut random, &ATTRACTIONS), pick(&mut random, &ATTRACTIONS));
    let date = date(&mut random);
    let tickets: Vec<_> =
        TICKET_TYPES.iter().take(usize::from(spec.ticket_types)).map(|kind| ticket(&mut random, kind, spec.stock)).collect();
    let record = EventRecord {
        name: format!("The {adjective} {noun}"),
        description: format!("An evening of {one} and {other} in {location}"),
        location: location.clone(),
        kind: kind.clone(),
        date,
        current_quantity: tickets.iter().map(|ticket| ticket.total).sum(),
    };
    (CatalogueEvent { id, kinds: tickets, event_type: kind, location }, record)
}

fn ticket(random: &mut ChaCha8Rng, kind: &str, stock: types::Stock) -> CatalogueTicket {
    let total = i64::from(random.random_range(stock.min..=stock.max));
    // From 5.00 to 250.00, in steps of ten cents.
    let price = Cents(i64::from(random.random_range(50_u32..=2_500)) * 10);
    CatalogueTicket { kind: kind.to_owned(), total, price }
}

/// `DD-MM-YYYY HH:MM`, in the years after the shop opens. The 28th is the last day that every month has.
fn date(random: &mut ChaCha8Rng) -> String {
    let day = random.random_range(1_u32..=28);
    let month = random.random_range(1_u32..=12);
    let year = random.random_range(2027_u32..=2029);
    let hour = random.random_range(14_u32..=21);
    let minute = 15 * random.random_range(0_u32..=3);
    format!("{day:02}-{month:02}-{year} {hour:02}:{minute:02}")
}

/// The words an event is found by: those of its name and its description, each once, in lower case.
fn words(event: &EventRecord) -> Vec<String> {
    let text = format!("{} {}", event.name, event.description).to_lowercase();
    let long_enough = |word: &&str| word.chars().count() >= WORD_LETTERS_MIN;
    let mut words: Vec<String> = text.split(|letter: char| !letter.is_alphanumeric()).filter(long_enough).map(str::to_owned).collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// One of a list. The range is of a fixed width, so that every machine draws alike.
fn pick<'word, const COUNT: usize>(random: &mut ChaCha8Rng, list: &[&'word str; COUNT]) -> &'word str {
    let index = random.random_range(0..u32::try_from(COUNT).unwrap_or(u32::MAX));
    list.get(index as usize).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};
    use ticketcd_judge::model::ShopKey;

    use super::*;

    fn small(users: u32, events: u32) -> types::Dataset {
        types::Dataset { users, events, ..types::Dataset::default() }
    }

    fn fingerprint(dataset: &Dataset) -> String {
        let mut hash = Sha256::new();
        for entry in dataset.entries.iter() {
            hash.update(entry.key.as_bytes());
            hash.update([0]);
            hash.update(entry.value.as_bytes());
            hash.update([0]);
        }
        hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn a_seed_always_makes_the_same_bytes() {
        let keys = Keyspace::new("shop/");
        let one = Dataset::generate(&small(20, 5), 7, &keys).unwrap();
        let other = Dataset::generate(&small(20, 5), 7, &keys).unwrap();
        assert_eq!(one.entries, other.entries);
        assert_eq!(fingerprint(&one), "b48357d571b4ea5a", "the dataset of an old seed has changed");
        let third = Dataset::generate(&small(20, 5), 8, &keys).unwrap();
        assert_ne!(fingerprint(&one), fingerprint(&third));
    }

    #[test]
    fn a_larger_shop_begins_with_the_smaller_one() {
        let keys = Keyspace::default();
        let small_shop = Dataset::generate(&small(10, 3), 1, &keys).unwrap();
        let large_shop = Dataset::generate(&small(20, 9), 1, &keys).unwrap();
        assert_eq!(small_shop.catalogue.users[..], large_shop.catalogue.users[..10]);
        assert_eq!(small_shop.catalogue.events[..], large_shop.catalogue.events[..3]);
    }

    #[test]
    fn counters_and_indexes_add_up() {
        let keys = Keyspace::new("p/");
        let dataset = Dataset::generate(&small(50, 30), 3, &keys).unwrap();
        let value = |key: &Blob| dataset.entries.iter().find(|entry| entry.key == *key).unwrap().value.clone();
        for event in &dataset.catalogue.events {
            let record: EventRecord = serde_json::from_slice(value(&keys.event(&event.id)).as_bytes()).unwrap();
            assert_eq!(record.current_quantity, event.kinds.iter().map(|ticket| ticket.total).sum::<i64>());
            for word in words(&record) {
                let found: Vec<String> = serde_json::from_slice(value(&keys.search_text(&word)).as_bytes()).unwrap();
                assert!(found.contains(&event.id));
            }
            let found: Vec<String> = serde_json::from_slice(value(&keys.search_type(&event.event_type)).as_bytes()).unwrap();
            assert!(found.contains(&event.id));
        }
        let known = |entry: &Entry| !matches!(keys.parse(entry.key.as_bytes()), None | Some(ShopKey::Other(_)));
        assert!(dataset.entries.iter().all(known));
        assert!(dataset.entries.windows(2).all(|pair| pair[0].key < pair[1].key), "keys are unique and in order");
    }

    #[test]
    fn a_shop_that_cannot_be_is_refused() {
        let keys = Keyspace::default();
        let indexes_too_long = types::Dataset { ticket_types: 1, ..small(1, 40_000) };
        for spec in [indexes_too_long, small(0, 1), small(1, 0), types::Dataset { ticket_types: 13, ..small(1, 1) }] {
            assert!(Dataset::generate(&spec, 1, &keys).is_err());
        }
    }
}
