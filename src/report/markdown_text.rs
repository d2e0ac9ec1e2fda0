//! Text in Markdown.

/// A text without anything that Markdown or HTML would read as markup, on one line.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' => plain.extend(['\\', letter]),
            '<' => plain.push_str("&lt;"),
            '>' => plain.push_str("&gt;"),
            '&' => plain.push_str("&amp;"),
            letter if letter.is_control() => plain.push(' '),
            letter => plain.push(letter),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_cluster_wrote_is_text_and_no_markup() {
        assert_eq!(plain("a|b <img> [x](y)\n\u{1b}[31m"), "a\\|b &lt;img&gt; \\[x\\](y)  \\[31m");
    }
}
