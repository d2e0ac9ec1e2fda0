//! The terminal: its width and colours, text and tables laid out for it, and lines on standard error.
//!
//! What is printed on a terminal is laid out for its width and coloured; everywhere else it has a fixed width and no colours.

mod note;
mod screen;
mod table;
mod wrap;

pub use note::note;
pub use screen::{BAD, COLUMNS, GOOD, Screen, TITLE, WARNING, is_coloured};
pub use table::Table;
