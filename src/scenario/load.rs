//! The load of a scenario.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, MapDeserializer};
use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::deserializer::ONE_CHOICE;
use crate::settings::types::{Arrivals, Boards, Cancellations, Closed, Housekeeping, Mix, Pinning, Queries};
use crate::settings::units::Span;
use crate::shop::purchase::{Alternatives, OptimisticSettings, Strategy};

/// The load on the shop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Load {
    /// Number of buyers. Each runs one operation at a time.
    pub buyers: u32,
    /// The purchase strategy: a name, or a table with its settings, such as `strategy.hold = { ttl = "4s" }`.
    #[serde(deserialize_with = "by_name_or_table")]
    #[schemars(schema_with = "name_or_table")]
    pub strategy: Strategy,
    /// Settings of other strategies, for `--strategy NAME` and for a matrix.
    #[serde(skip_serializing_if = "Alternatives::is_empty")]
    pub alternatives: Alternatives,
    /// How long the load lasts, warm-up not counted.
    pub duration: Span,
    /// Load before the counted load.
    pub warm_up: Span,
    /// When operations begin.
    pub arrivals: Arrivals,
    /// What buyers do, by weight.
    pub mix: Mix,
    /// Tickets of one type in an order, at most: a uniform random number from 1.
    pub quantity_max: u32,
    /// Ticket types in one order, at most: a uniform random number from 1.
    pub types_max: u32,
    /// Which member a buyer uses.
    pub members: Pinning,
    /// Timeout of a request.
    pub timeout: Span,
    /// Settings of the queries of the mix. Refused when the mix has none.
    pub queries: Queries,
    /// Settings of the cancellations of the mix. Refused when the mix has none.
    pub cancellations: Cancellations,
    /// Settings of the stock boards of the mix. Refused when the mix has none.
    pub boards: Boards,
    /// Compactions and defragmentations during the load.
    pub housekeeping: Housekeeping,
    /// Connections to each member.
    pub channels: u8,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            buyers: 100,
            strategy: Strategy::Optimistic(OptimisticSettings::default()),
            alternatives: Alternatives::default(),
            duration: Span::seconds(10),
            warm_up: Span::seconds(1),
            arrivals: Arrivals::Closed(Closed { think: Span::milliseconds(0) }),
            mix: Mix::default(),
            quantity_max: 2,
            types_max: 1,
            members: Pinning::Pinned,
            timeout: Span::milliseconds(2000),
            queries: Queries::default(),
            cancellations: Cancellations::default(),
            boards: Boards::default(),
            housekeeping: Housekeeping::default(),
            channels: 1,
        }
    }
}

/// Reads a strategy: a table with one strategy and its settings, or a bare name.
fn by_name_or_table<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Strategy, D::Error> {
    struct NameOrTable;

    impl<'de> Visitor<'de> for NameOrTable {
        type Value = Strategy;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("the name of a strategy, or a table such as { hold = { ttl = \"4s\" } }")
        }

        fn visit_str<E: Error>(self, name: &str) -> Result<Strategy, E> {
            // As a table without settings.
            let settings = MapDeserializer::new(std::iter::empty::<(&str, &str)>());
            Strategy::deserialize(MapAccessDeserializer::new(MapDeserializer::new(std::iter::once((name, settings)))))
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Strategy, A::Error> {
            if let Some(length) = map.size_hint()
                && length != 1
            {
                return Err(A::Error::invalid_length(length, &ONE_CHOICE));
            }
            let strategy = Strategy::deserialize(MapAccessDeserializer::new(&mut map))?;
            match map.next_key::<IgnoredAny>()? {
                None => Ok(strategy),
                Some(_) => Err(A::Error::invalid_length(2, &ONE_CHOICE)),
            }
        }
    }

    deserializer.deserialize_any(NameOrTable)
}

/// The schema of what [`by_name_or_table`] reads.
fn name_or_table(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({ "anyOf": [{ "type": "string", "enum": Strategy::names_with_defaults() }, generator.subschema_for::<Strategy>()] })
}
