//! A short excerpt of a value around a position.

/// Longer values are shortened to this many bytes.
const SHOWN_BYTES: usize = 120;

/// The value, or the part of it around a byte.
pub(crate) fn excerpt(value: &[u8], around: usize) -> String {
    let from = if value.len() <= SHOWN_BYTES { 0 } else { around.saturating_sub(SHOWN_BYTES / 3).min(value.len() - SHOWN_BYTES) };
    let shown = value.get(from..value.len().min(from + SHOWN_BYTES)).unwrap_or_default();
    let (before, after) = (if from > 0 { "…" } else { "" }, if from + SHOWN_BYTES < value.len() { "…" } else { "" });
    format!("{before}{}{after}", String::from_utf8_lossy(shown))
}

/// The first byte at which two values differ; their common length if one is a prefix of the other.
pub(crate) fn first_difference(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(here, there)| here == there).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_around_the_difference() {
        let (one, other) = (format!("{}A{}", "x".repeat(300), "y".repeat(300)), format!("{}B{}", "x".repeat(300), "y".repeat(300)));
        let at = first_difference(one.as_bytes(), other.as_bytes());
        assert_eq!(at, 300);
        let shown = excerpt(one.as_bytes(), at);
        assert!(shown.contains("xAy") && shown.starts_with('…') && shown.ends_with('…'), "{shown}");
        assert_eq!(excerpt(b"short", 3), "short");
        assert_eq!((first_difference(b"ab", b"abc"), excerpt(b"", 7)), (2, String::new()));
    }
}
