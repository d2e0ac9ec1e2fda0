//! The shop's business: queries and purchases.
