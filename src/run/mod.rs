//! The one place where all of it meets: a run from beginning to end.
