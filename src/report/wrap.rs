//! Text in a column: what is too long for a line goes on below, indented as its beginning.

/// The default width of a terminal.
pub const COLUMNS: usize = 100;

/// `text` behind `lead`, wrapped between words, with a line break at the end. A word that is longer than a line stays whole.
pub fn wrapped(lead: &str, text: &str) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    wrapped_words(lead, &words, " ")
}

/// Parts behind `lead`, with `separator` between them, wrapped between parts only.
pub fn wrapped_words(lead: &str, parts: &[&str], separator: &str) -> String {
    let indent = lead.chars().count();
    let mut text = lead.to_owned();
    let mut width = indent;
    for (index, part) in parts.iter().enumerate() {
        let length = part.chars().count();
        let between = separator.chars().count();
        // What goes on below ends with the separator, which needs room too.
        let tail = if index + 1 < parts.len() { separator.trim_end().chars().count() } else { 0 };
        if index > 0 && width + between + length + tail > COLUMNS {
            // A separator that is more than a blank shows at the end of the line that more follows.
            text.push_str(separator.trim_end());
            text.push('\n');
            text.extend(std::iter::repeat_n(' ', indent));
            width = indent;
        } else if index > 0 {
            text.push_str(separator);
            width += between;
        }
        text.push_str(part);
        width += length;
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_goes_on_below_its_beginning() {
        let word = "x".repeat(30);
        let text = wrapped("  lead ", &[word.as_str(); 4].join(" "));
        assert_eq!(text, format!("  lead {word} {word} {word}\n       {word}\n"));
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS));
    }

    #[test]
    fn parts_stay_whole_and_the_separator_stands_at_the_end_of_a_line() {
        let part = "12 345 orders placed and more";
        let text = wrapped_words("    ", &[part; 4], " · ");
        assert_eq!(text, format!("    {part} · {part} · {part} ·\n    {part}\n"));
    }

    #[test]
    fn a_word_longer_than_a_line_stays_whole() {
        let word = "y".repeat(120);
        assert_eq!(wrapped("  ", &format!("a {word}")), format!("  a\n  {word}\n"));
        assert_eq!(wrapped("  lead  ", ""), "  lead\n");
    }
}
