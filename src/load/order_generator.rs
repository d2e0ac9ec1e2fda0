//! Draws the orders and queries of buyers.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::popularity::Popularity;
use crate::dataset::{Catalogue, CatalogueEvent};
use crate::scenario::types::Scenario;
use crate::shop::queries::Search;

/// Draws events, users and quantities of orders, and search queries.
#[derive(Clone, Debug)]
pub struct OrderGenerator {
    /// Events, the most popular first.
    offers: Vec<Offer>,
    users: Vec<String>,
    buyers: usize,
    types: Vec<String>,
    locations: Vec<String>,
    words: Vec<String>,
    popularity: Popularity,
    quantity_max: u32,
    types_max: u32,
}

/// An event that tickets are sold for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The event's id.
    pub event: String,
    /// Its ticket types.
    pub kinds: Vec<String>,
}

/// Letters of a word that a search for its beginning uses.
const WORD_BEGINNING_LETTERS: usize = 3;
/// Orders that a buyer places for one user before it switches to the next.
const ORDERS_IN_A_ROW: usize = 4;

impl OrderGenerator {
    /// A generator for events `offers` (the most popular first) and `users`, with the settings of a scenario.
    pub fn new(scenario: &Scenario, offers: Vec<Offer>, users: Vec<String>) -> Self {
        Self {
            popularity: Popularity::new(scenario.dataset.popularity, offers.len()),
            offers,
            users,
            buyers: scenario.load.buyers.max(1) as usize,
            types: Vec::new(),
            locations: Vec::new(),
            words: Vec::new(),
            quantity_max: scenario.load.quantity_max.max(1),
            types_max: scenario.load.types_max.max(1),
        }
    }

    /// A generator for a generated dataset.
    pub fn of(scenario: &Scenario, catalogue: &Catalogue) -> Self {
        let offer = |event: &CatalogueEvent| Offer {
            event: event.id.clone(),
            kinds: event.kinds.iter().map(|ticket| ticket.kind.clone()).collect(),
        };
        Self::new(scenario, catalogue.events.iter().map(offer).collect(), catalogue.users.clone()).searchable(
            catalogue.types.clone(),
            catalogue.locations.clone(),
            catalogue.words.clone(),
        )
    }

    /// The same with what can be searched for: event types, locations and words.
    pub fn searchable(self, types: Vec<String>, locations: Vec<String>, words: Vec<String>) -> Self {
        Self { types, locations, words, ..self }
    }

    /// The user that a buyer buys as: its own, as long as there are enough.
    pub fn user_of(&self, buyer: u32) -> &str {
        debug_assert!(!self.users.is_empty(), "a dataset has a user");
        let position = (buyer as usize) % self.users.len().max(1);
        self.users.get(position).map_or("nobody", String::as_str)
    }

    /// The user that a buyer places its order number `order` (from 1) for. Where there are more users than buyers, each
    /// buyer serves several in turn, a few orders each: no user buys thousands of tickets for one event, and a purchase
    /// array that grows without end would make every purchase of its user larger than the one before.
    pub fn user_of_order(&self, buyer: u32, order: u32) -> &str {
        let turn = (order.max(1) - 1) as usize / ORDERS_IN_A_ROW;
        let own = self.users.len().saturating_sub(buyer as usize).div_ceil(self.buyers);
        match turn.checked_rem(own) {
            Some(round) => self.users.get(buyer as usize + round * self.buyers).map_or("nobody", String::as_str),
            None => self.user_of(buyer),
        }
    }

    /// Draws the event and the items of an order; `None` when there are no events.
    pub fn draw_order(&self, random: &mut ChaCha8Rng) -> Option<(&str, Vec<(String, i64)>)> {
        let offer = self.offers.get(self.popularity.draw(random)?)?;
        let count = random.random_range(1..=self.types_max) as usize;
        // The beginning of a shuffle: distinct types, all alike.
        let mut kinds: Vec<&String> = offer.kinds.iter().collect();
        let count = count.min(kinds.len());
        for position in 0..count {
            let other = random.random_range(position..kinds.len());
            kinds.swap(position, other);
        }
        let mut item = |kind: &String| (kind.clone(), i64::from(random.random_range(1..=self.quantity_max)));
        let items: Vec<_> = kinds.into_iter().take(count).map(&mut item).collect();
        (!items.is_empty()).then_some((offer.event.as_str(), items))
    }

    /// Draws an event type.
    pub fn draw_type(&self, random: &mut ChaCha8Rng) -> Option<&str> {
        draw(&self.types, random)
    }

    /// Draws something to search for: a type, a location, the beginning of a word, or a type at a location.
    pub fn draw_search(&self, random: &mut ChaCha8Rng) -> Search {
        let form = random.random_range(0..4_u8);
        let (by_type, by_location, by_text) = (matches!(form, 0 | 3), matches!(form, 1 | 3), form == 2);
        let beginning = |word: &str| word.chars().take(WORD_BEGINNING_LETTERS).collect::<String>();
        Search {
            kind: by_type.then(|| draw(&self.types, random)).flatten().map(str::to_owned),
            location: by_location.then(|| draw(&self.locations, random)).flatten().map(str::to_owned),
            text: by_text.then(|| draw(&self.words, random)).flatten().map(beginning),
        }
    }
}

fn draw<'list>(list: &'list [String], random: &mut ChaCha8Rng) -> Option<&'list str> {
    let position = (!list.is_empty()).then(|| random.random_range(0..list.len()))?;
    list.get(position).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::streams::stream;
    use crate::scenario::types::Load;

    fn generator(quantity_max: u32, types_max: u32) -> OrderGenerator {
        let scenario = Scenario { load: Load { quantity_max, types_max, ..Load::default() }, ..Scenario::new("test") };
        let kinds = ["pink", "yellow", "green"].map(str::to_owned).to_vec();
        let offers = (0..20).map(|number| Offer { event: format!("e{number}"), kinds: kinds.clone() }).collect();
        OrderGenerator::new(&scenario, offers, vec!["ann".to_owned(), "bob".to_owned()])
    }

    #[test]
    fn orders_name_each_type_once_and_keep_to_their_limits() {
        let (generator, mut random) = (generator(4, 9), stream(1, "orders", 0));
        for _ in 0..500 {
            let (_, items) = generator.draw_order(&mut random).unwrap();
            let mut kinds: Vec<_> = items.iter().map(|(kind, _)| kind).collect();
            kinds.sort();
            kinds.dedup();
            assert_eq!(kinds.len(), items.len());
            assert!((1..=3).contains(&items.len()));
            assert!(items.iter().all(|(_, quantity)| (1..=4).contains(quantity)));
        }
    }

    #[test]
    fn the_plan_of_a_seed_does_not_change() {
        let (generator, mut random) = (generator(2, 2), stream(1, "orders", 0));
        let orders: Vec<_> = (0..3).map(|_| generator.draw_order(&mut random).unwrap()).collect();
        assert_eq!(format!("{orders:?}"), PINNED);
    }

    /// Changing these changes what every seed means.
    const PINNED: &str = r#"[("e8", [("yellow", 1), ("pink", 2)]), ("e2", [("yellow", 1)]), ("e0", [("yellow", 1), ("pink", 2)])]"#;

    #[test]
    fn users_are_shared_only_when_there_are_too_few() {
        let generator = generator(1, 1);
        assert_eq!([generator.user_of(0), generator.user_of(1), generator.user_of(2)], ["ann", "bob", "ann"]);
        assert_eq!([generator.user_of_order(0, 9), generator.user_of_order(1, 9), generator.user_of_order(2, 9)], ["ann", "bob", "ann"]);
    }

    #[test]
    fn a_buyer_serves_its_users_in_turn() {
        let scenario = Scenario { load: Load { buyers: 2, ..Load::default() }, ..Scenario::new("test") };
        let generator = OrderGenerator::new(&scenario, Vec::new(), ["ann", "bob", "cid"].map(str::to_owned).to_vec());
        let users = |buyer| [1, 4, 5, 8, 9].map(|order| generator.user_of_order(buyer, order));
        assert_eq!(users(0), ["ann", "ann", "cid", "cid", "ann"]);
        assert_eq!(users(1), ["bob"; 5]);
    }
}
