//! Tables for people. Where a table does not fit with its words whole, each row is a block of lines, one for each cell.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Width};
use textwrap::core::display_width;

use super::Screen;
use crate::printable;

/// Columns of text, as wide as their content or wrapped between words to fit the screen.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
    indent: usize,
}

#[derive(Clone, Debug)]
struct Column {
    heading: &'static str,
    is_number: bool,
}

/// Space between two columns; one blank where the screen is too narrow for it.
const GAP: usize = 2;

impl Table {
    /// A table with these headings; those that begin with `#` are of numbers, which are aligned at the right.
    pub fn new(headings: &[&'static str]) -> Self {
        let column = |heading: &&'static str| match heading.strip_prefix('#') {
            Some(heading) => Column { heading, is_number: true },
            None => Column { heading, is_number: false },
        };
        Self { columns: headings.iter().map(column).collect(), rows: Vec::new(), indent: 0 }
    }

    /// The same, indented by so many blanks.
    #[must_use]
    pub fn indented(mut self, indent: usize) -> Self {
        self.indent = indent;
        self
    }

    /// One more row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| printable::cell(&cell)).collect());
    }

    /// The table, with a line break at the end; nothing without rows.
    pub fn render(&self, screen: Screen) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let space = screen.table_columns().map(|columns| columns.saturating_sub(self.indent));
        let has_headings = self.columns.iter().all(|column| !column.heading.is_empty());
        if has_headings && space.is_some_and(|space| self.width_of_words() > space) {
            return self.blocks(screen);
        }
        let gap = if space.is_none_or(|space| self.width(GAP) <= space) { GAP } else { 1 };
        let mut table = comfy_table::Table::new();
        table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        if let Some(space) = space {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(u16::try_from(space).unwrap_or(u16::MAX));
        }
        if self.columns.iter().any(|column| !column.heading.is_empty()) {
            table.set_header(self.columns.iter().map(|column| column.heading));
        }
        table.add_rows(&self.rows);
        for (position, (column, laid_out)) in self.columns.iter().zip(table.column_iter_mut()).enumerate() {
            // The last column needs no space behind it.
            let gap = if position + 1 < self.columns.len() { gap } else { 0 };
            laid_out.set_padding((0, u16::try_from(gap).unwrap_or(0)));
            if column.is_number {
                laid_out.set_cell_alignment(CellAlignment::Right);
            }
            // Words stay whole, even if the table does not fit then.
            let least = u16::try_from(self.word(position) + gap).unwrap_or(u16::MAX);
            laid_out.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(least)));
        }
        let indent = " ".repeat(self.indent);
        table.trim_fmt().lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("{indent}{line}\n") }).collect()
    }

    /// A block of lines for each row, with the headings as labels.
    fn blocks(&self, screen: Screen) -> String {
        let label = self.columns.iter().map(|column| display_width(column.heading)).max().unwrap_or(0);
        let block = |row: &Vec<String>| {
            let cells = self.columns.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
            let line = |(column, cell): (&Column, &String)| {
                let lead = format!("{}{:<label$}{}", " ".repeat(self.indent), column.heading, " ".repeat(GAP));
                screen.wrapped(&lead, cell)
            };
            cells.map(line).collect::<String>()
        };
        self.rows.iter().map(block).collect::<Vec<_>>().join("\n")
    }

    /// The cells of a column, its heading included.
    fn cells(&self, position: usize) -> impl Iterator<Item = &str> {
        let heading = self.columns.get(position).map(|column| column.heading);
        heading.into_iter().chain(self.rows.iter().filter_map(move |row| row.get(position)).map(String::as_str))
    }

    /// The width of the longest word of a column.
    fn word(&self, position: usize) -> usize {
        self.cells(position).flat_map(|cell| cell.split(' ')).map(display_width).max().unwrap_or(0)
    }

    /// The width of the table if every cell is wrapped after each word.
    fn width_of_words(&self) -> usize {
        (0..self.columns.len()).map(|position| self.word(position)).sum::<usize>() + self.columns.len().saturating_sub(1)
    }

    /// The width of the table if no cell is wrapped.
    fn width(&self, gap: usize) -> usize {
        let width = |position| self.cells(position).map(display_width).max().unwrap_or(0);
        (0..self.columns.len()).map(width).sum::<usize>() + gap * self.columns.len().saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["TYPE", "#SOLD", "NOTE"]);
        table.row(["théâtre", "7", ""].map(str::to_owned));
        table.row(["pop", "12345", "x"].map(str::to_owned));
        table
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let lines = "TYPE      SOLD  NOTE\nthéâtre      7\npop      12345  x\n";
        assert_eq!(table().render(Screen::none()), lines);
        assert_eq!(table().render(Screen::plain(80)), lines, "nothing is stretched");
        assert_eq!(table().indented(2).render(Screen::none()), lines.lines().map(|line| format!("  {line}\n")).collect::<String>());
        assert_eq!(Table::new(&["TYPE"]).render(Screen::none()), "");
    }

    #[test]
    fn wide_letters_take_two_columns() {
        let mut table = Table::new(&["CITY", "#LEFT"]);
        table.row(["東京都", "1"].map(str::to_owned));
        assert_eq!(table.render(Screen::none()), "CITY    LEFT\n東京都     1\n");
    }

    #[test]
    fn cells_are_wrapped_between_words_to_fit_the_screen() {
        let mut table = Table::new(&["EVENT", "NAME", "#LEFT"]);
        table.row(["49507dbe-59d9-4bd5", "a long evening of short plays", "7"].map(str::to_owned));
        let text = table.render(Screen::plain(40));
        assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
        assert!(text.contains("49507dbe-59d9-4bd5 "), "a word stays whole: {text}");
        let words: Vec<&str> = text.split_whitespace().collect();
        assert!(["evening", "short", "plays"].iter().all(|word| words.contains(word)), "{text}");
        // A table of whole words does not fit.
        let narrow = table.render(Screen::plain(30));
        assert_eq!(narrow, "EVENT  49507dbe-59d9-4bd5\nNAME   a long evening of short\n       plays\nLEFT   7\n");
    }
}
