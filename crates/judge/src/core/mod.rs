//! What checks share, computed once.

pub mod revision_log;
