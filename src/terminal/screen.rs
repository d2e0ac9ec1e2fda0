//! What a text is laid out for: how wide it may be, and whether it is coloured.

use std::os::fd::AsFd;

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

/// The width of text that is not printed on a terminal.
pub const COLUMNS: usize = 100;

/// A good outcome.
pub const GOOD: Style = AnsiColor::Green.on_default().bold();
/// A bad outcome.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// An outcome that shows nothing, or something to look at.
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// The title of a section.
pub const TITLE: Style = Style::new().bold();

/// The screen that a text is laid out for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// The width of the terminal; none where there is none.
    columns: Option<usize>,
    is_terminal: bool,
    is_coloured: bool,
}

impl Screen {
    /// The screen behind standard output.
    pub fn of_stdout() -> Self {
        Self::of(&std::io::stdout())
    }

    /// The screen behind standard error.
    pub fn of_stderr() -> Self {
        Self::of(&std::io::stderr())
    }

    /// A terminal of a known width, without colours.
    pub const fn plain(columns: usize) -> Self {
        Self { columns: Some(columns), is_terminal: true, is_coloured: false }
    }

    /// No screen, as behind a pipe: text has [`COLUMNS`], tables are as wide as their content, nothing is coloured.
    pub const fn none() -> Self {
        Self { columns: None, is_terminal: false, is_coloured: false }
    }

    fn of(stream: &(impl RawStream + AsFd)) -> Self {
        let of_terminal = || terminal_size::terminal_size_of(stream).map(|(width, _)| usize::from(width.0));
        let is_terminal = stream.is_terminal();
        let columns = if is_terminal { of_terminal() } else { None };
        // As for the help texts: without a terminal the variable names a width.
        let columns = columns.or_else(|| std::env::var("COLUMNS").ok()?.parse().ok()).filter(|columns| *columns > 0);
        Self { columns, is_terminal, is_coloured: is_coloured(stream) }
    }

    /// The width of text.
    pub fn columns(self) -> usize {
        self.columns.unwrap_or(COLUMNS)
    }

    /// The width of tables. Without a terminal they are as wide as their content: a program reads them line by line.
    pub fn table_columns(self) -> Option<usize> {
        self.columns
    }

    /// Whether people read along. Lines that programs look for are wrapped on a terminal only.
    pub fn is_terminal(self) -> bool {
        self.is_terminal
    }

    /// The text in a style, where there are colours.
    pub fn paint(self, style: Style, text: &str) -> String {
        if self.is_coloured { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// Whether a stream is coloured: when it is a terminal, and `NO_COLOR` does not forbid it. `CLICOLOR_FORCE` colours everything.
pub fn is_coloured(stream: &impl RawStream) -> bool {
    AutoStream::choice(stream) != ColorChoice::Never
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_screen_with_colours_is_painted() {
        assert_eq!(Screen::plain(80).paint(BAD, "VIOLATION"), "VIOLATION");
        let coloured = Screen { is_coloured: true, ..Screen::plain(80) };
        assert_eq!(coloured.paint(TITLE, "Checks"), "\u{1b}[1mChecks\u{1b}[0m");
    }

    #[test]
    fn text_has_a_fixed_width_and_tables_have_none_without_a_terminal() {
        assert_eq!((Screen::none().columns(), Screen::none().table_columns()), (COLUMNS, None));
        assert_eq!((Screen::plain(80).columns(), Screen::plain(80).table_columns()), (80, Some(80)));
    }
}
