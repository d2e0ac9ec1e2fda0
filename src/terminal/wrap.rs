//! Text behind a lead, such as a label: what is too long for a line continues below, indented by the width of the lead.

use textwrap::core::display_width;
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

use super::Screen;

/// Holds words together; shown as a blank.
const NO_BREAK: &str = "\u{a0}";

impl Screen {
    /// `text` behind `lead`, wrapped between words, with a line break at the end. A word that is longer than a line stays whole.
    pub fn wrapped(self, lead: &str, text: &str) -> String {
        let indent = " ".repeat(display_width(lead));
        let options = between_words(self.columns()).initial_indent(lead).subsequent_indent(&indent);
        // Of an empty text it would leave nothing, not even the lead.
        let mut filled = if text.is_empty() { lead.to_owned() } else { textwrap::fill(text, options) };
        filled.truncate(filled.trim_end().len());
        filled.push('\n');
        filled
    }

    /// Parts behind `lead`, with `separator` between them, such as " · ", wrapped between parts only. A line that continues ends with
    /// the separator.
    pub fn wrapped_parts(self, lead: &str, parts: &[impl AsRef<str>], separator: &str) -> String {
        let separator = format!("{} ", separator.trim_end().replace(' ', NO_BREAK));
        let parts: Vec<String> = parts.iter().map(|part| part.as_ref().replace(' ', NO_BREAK)).collect();
        let filled = self.wrapped(lead, &parts.join(&separator));
        filled.replace(NO_BREAK, " ")
    }

    /// A message of one or more lines. On a terminal, a line that is too long continues below its first word; elsewhere, where
    /// programs may search it, each line stays whole.
    pub fn message(self, text: &str) -> String {
        if !self.is_terminal() {
            return text.to_owned();
        }
        let wrapped = |line: &str| {
            let (lead, text) = line.split_at(lead_length(line));
            let indent = " ".repeat(display_width(lead));
            textwrap::fill(text, between_words(self.columns()).initial_indent(lead).subsequent_indent(&indent))
        };
        let end = if text.ends_with('\n') { "\n" } else { "" };
        text.lines().map(wrapped).collect::<Vec<_>>().join("\n") + end
    }
}

/// The length of what stands before the text of a line: blanks, and the signs of a message with a source. Colours may be between them.
fn lead_length(line: &str) -> usize {
    let mut rest = line;
    loop {
        rest = rest.trim_start_matches([' ', '|', '=']);
        match rest.strip_prefix("\u{1b}[").and_then(|sequence| sequence.split_once('m')) {
            Some((_, after)) => rest = after,
            None => return line.len() - rest.len(),
        }
    }
}

/// Words stay whole, and end only at blanks: paths and options are not split.
fn between_words<'options>(columns: usize) -> Options<'options> {
    Options::new(columns)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit)
}

#[cfg(test)]
mod tests {
    use super::super::{BAD, COLUMNS};
    use super::*;

    #[test]
    fn text_that_is_too_long_continues_below_its_beginning() {
        let word = "x".repeat(30);
        let text = Screen::none().wrapped("  lead ", &[word.as_str(); 4].join(" "));
        assert_eq!(text, format!("  lead {word} {word} {word}\n       {word}\n"));
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS));
        assert_eq!(Screen::plain(40).wrapped("  lead ", "ab cd"), "  lead ab cd\n");
    }

    #[test]
    fn parts_stay_whole_and_the_separator_stands_at_the_end_of_a_line() {
        let part = "12 345 orders placed and more";
        let text = Screen::none().wrapped_parts("    ", &[part; 4], " · ");
        assert_eq!(text, format!("    {part} · {part} · {part} ·\n    {part}\n"));
    }

    #[test]
    fn a_word_longer_than_a_line_stays_whole() {
        let word = "y".repeat(120);
        assert_eq!(Screen::none().wrapped("  ", &format!("a {word}")), format!("  a\n  {word}\n"));
        assert_eq!(Screen::none().wrapped("  lead  ", ""), "  lead\n");
    }

    #[test]
    fn a_message_is_wrapped_on_a_terminal_only() {
        let text = "ticketcd: there is no scenario\n = help: did you mean this one";
        assert_eq!(Screen::none().message(text), text);
        let wrapped = "ticketcd: there is no\nscenario\n = help: did you mean\n   this one";
        assert_eq!(Screen::plain(22).message(text), wrapped);
        let coloured = "\u{1b}[1m = \u{1b}[0mhelp me";
        assert_eq!(Screen::plain(8).message(coloured), "\u{1b}[1m = \u{1b}[0mhelp\n   me");
    }

    #[test]
    fn colours_and_wide_letters_are_measured_as_they_are_shown() {
        let lead = format!("{BAD}no{BAD:#} ");
        let text = Screen::plain(10).wrapped(&lead, "abc abc abc");
        assert_eq!(text, format!("{lead}abc abc\n   abc\n"));
        assert_eq!(Screen::plain(8).wrapped("", "東京 大阪"), "東京\n大阪\n");
    }
}
