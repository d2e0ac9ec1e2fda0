//! The words the shop is made of.

/// Ticket types, as the original project names them: colours.
pub(super) const TICKET_TYPES: [&str; 12] =
    ["pink", "yellow", "green", "blue", "red", "orange", "violet", "white", "black", "silver", "gold", "turquoise"];

/// Types of events.
pub(super) const EVENT_TYPES: [&str; 10] =
    ["concert", "theatre", "opera", "festival", "comedy", "sport", "exhibition", "cinema", "dance", "lecture"];

/// Cities.
pub(super) const LOCATIONS: [&str; 20] = [
    "Amsterdam",
    "Athens",
    "Barcelona",
    "Berlin",
    "Bologna",
    "Copenhagen",
    "Dublin",
    "Florence",
    "Hamburg",
    "Helsinki",
    "Lisbon",
    "London",
    "Madrid",
    "Milan",
    "Oslo",
    "Paris",
    "Prague",
    "Rome",
    "Vienna",
    "Zurich",
];

/// What an event is like.
pub(super) const ADJECTIVES: [&str; 24] = [
    "electric",
    "golden",
    "silent",
    "crimson",
    "midnight",
    "wandering",
    "velvet",
    "broken",
    "endless",
    "hidden",
    "northern",
    "paper",
    "burning",
    "distant",
    "gentle",
    "hollow",
    "lucky",
    "marble",
    "restless",
    "secret",
    "summer",
    "twilight",
    "winter",
    "young",
];

/// What an event is about.
pub(super) const NOUNS: [&str; 24] = [
    "river",
    "garden",
    "mirror",
    "harbour",
    "lantern",
    "orchestra",
    "comet",
    "carnival",
    "forest",
    "machine",
    "horizon",
    "thunder",
    "island",
    "palace",
    "shadow",
    "parade",
    "voyage",
    "symphony",
    "tiger",
    "window",
    "circus",
    "ocean",
    "station",
    "echo",
];

/// What there is to be seen.
pub(super) const ATTRACTIONS: [&str; 16] = [
    "acrobats",
    "brass",
    "choirs",
    "drums",
    "fireworks",
    "guitars",
    "illusions",
    "jugglers",
    "legends",
    "masks",
    "pianos",
    "poets",
    "puppets",
    "rivals",
    "strings",
    "voices",
];

/// First names.
pub(super) const FIRST_NAMES: [&str; 24] = [
    "Ada",
    "Alan",
    "Anna",
    "Barbara",
    "Bruno",
    "Carla",
    "Dario",
    "Edsger",
    "Elena",
    "Frances",
    "Giulia",
    "Grace",
    "Hedy",
    "Ivan",
    "Katherine",
    "Leslie",
    "Luca",
    "Margaret",
    "Marco",
    "Nadia",
    "Oscar",
    "Paolo",
    "Radia",
    "Sofia",
];

/// Last names.
pub(super) const LAST_NAMES: [&str; 24] = [
    "Allen", "Bianchi", "Colombo", "Dahl", "Esposito", "Ferrari", "Gallo", "Hansen", "Ivanov", "Jensen", "Keller", "Larsen", "Marino",
    "Novak", "Olsen", "Perez", "Quinn", "Ricci", "Silva", "Turner", "Ulrich", "Vogel", "Weber", "Young",
];
