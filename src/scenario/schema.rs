//! The JSON Schema of the file format, from the types: for editors that complete and check.

use super::Scenario;

/// The JSON Schema of a scenario file.
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Scenario);
    schema.insert("title".to_owned(), "A scenario of ticketcd".into());
    schema.to_value()
}
