//! The error of a scenario, reported once and with its place.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Element, Level, Origin, Renderer, Snippet};

use crate::printable;

/// A longer line is not shown: its place is named.
const SHOWN_LINE_BYTES_MAX: usize = 400;

/// A scenario, or an override of one, that cannot be used. Displayed without colour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    message: String,
    help: Option<String>,
    place: Option<Box<Place>>,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    origin: String,
    /// From 1.
    line: usize,
    /// In characters, from 1.
    column: usize,
    /// The line's text, and the part of it that is wrong.
    excerpt: Option<(String, Range<usize>)>,
}

impl ScenarioError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: printable(&message.into()), help: None, place: None }
    }

    pub(super) fn help(mut self, help: Option<String>) -> Self {
        self.help = help.map(|help| printable(&help));
        self
    }

    /// Points at a place of `text`. Of a span over several lines the first is shown.
    pub(super) fn at(mut self, origin: &str, text: &str, span: &Range<usize>) -> Self {
        let start = floor_boundary(text, span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
        let line = text[line_start..line_end].trim_end_matches('\r');
        let from = (start - line_start).min(line.len());
        let to = floor_boundary(line, span.end.saturating_sub(line_start)).max(from);
        // An excerpt is shown as it is.
        let is_hidden = line.chars().any(|letter| letter != '\t' && printable::is_hidden(letter));
        self.place = Some(Box::new(Place {
            origin: printable(origin),
            line: text[..start].matches('\n').count() + 1,
            column: line[..from].chars().count() + 1,
            excerpt: (line.len() <= SHOWN_LINE_BYTES_MAX && !is_hidden).then(|| (line.to_owned(), from..to)),
        }));
        self
    }

    /// The whole error, for people; with colour for a terminal. It does not end in a newline.
    pub fn render(&self, styled: bool) -> String {
        let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
        let mut group = Level::ERROR.no_name().primary_title(self.message.as_str()).elements(Vec::<Element<'_>>::new());
        if let Some(place) = &self.place {
            group = match &place.excerpt {
                Some((line, span)) => group.element(
                    Snippet::source(line.as_str())
                        .line_start(place.line)
                        .path(place.origin.as_str())
                        .annotation(AnnotationKind::Primary.span(span.clone())),
                ),
                None => group.element(Origin::path(place.origin.as_str()).line(place.line).char_column(place.column)),
            };
        }
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        renderer.render(&[group]).trim_end().to_owned()
    }

    /// The whole error for standard error: with colour when that is a terminal and `NO_COLOR` is not set.
    pub fn render_for_stderr(&self) -> String {
        let colour = crate::terminal::is_coloured(&std::io::stderr());
        self.render(colour)
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.render(false))
    }
}

impl std::error::Error for ScenarioError {}

/// The largest character boundary of `text` up to `index`.
fn floor_boundary(text: &str, index: usize) -> usize {
    let mut index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

/// A hostile file must not write to the terminal through its own error message.
fn printable(text: &str) -> String {
    printable::text(&text.replace(['\n', '\t'], " ")).into_owned()
}
