//! The shop's data: generating, writing and verifying it.
