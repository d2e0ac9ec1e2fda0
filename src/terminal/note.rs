//! Lines on standard error.

use std::fmt::Display;
use std::io::Write;

/// Prints a line on standard error. When nobody reads it any more (`2>&1 | head`), the line is lost and the command goes on: the
/// macros of the standard library would panic instead.
pub fn note(line: impl Display) {
    // A line that cannot be printed cannot be reported either.
    let _ = writeln!(std::io::stderr(), "{line}");
}
