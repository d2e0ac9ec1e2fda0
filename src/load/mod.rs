//! Load: when operations begin, what they are, who makes them, and the record of them.
