//! Tables for people.

use crate::printable;

/// Columns of text, as wide as what is in them.
pub(super) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

/// A column.
struct Column {
    heading: &'static str,
    is_number: bool,
}

/// Space between two columns.
const GAP: &str = "  ";

impl Table {
    /// A table with these headings; those that begin with `#` are of numbers, which stand at the right.
    pub(super) fn new(headings: &[&'static str]) -> Self {
        let column = |heading: &&'static str| match heading.strip_prefix('#') {
            Some(heading) => Column { heading, is_number: true },
            None => Column { heading, is_number: false },
        };
        Self { columns: headings.iter().map(column).collect(), rows: Vec::new() }
    }

    /// One more row.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| printable::cell(&cell)).collect());
    }

    /// The table, a line for each row; nothing without rows.
    pub(super) fn render(&self) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let headings: Vec<String> = self.columns.iter().map(|column| column.heading.to_owned()).collect();
        let lines: Vec<&Vec<String>> = std::iter::once(&headings).chain(&self.rows).collect();
        let width = |position: usize| lines.iter().filter_map(|line| line.get(position)).map(|cell| cell.chars().count()).max();
        let widths: Vec<usize> = (0..self.columns.len()).map(|position| width(position).unwrap_or_default()).collect();
        let mut text = String::new();
        for line in &lines {
            let cell = |((cell, width), column): ((&String, &usize), &Column)| match column.is_number {
                true => format!("{cell:>width$}"),
                false => format!("{cell:width$}"),
            };
            let cells: Vec<String> = line.iter().zip(&widths).zip(&self.columns).map(cell).collect();
            text.push_str(cells.join(GAP).trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&["TYPE", "#SOLD", "NOTE"]);
        table.row(["théâtre", "7", ""].map(str::to_owned));
        table.row(["pop", "12345", "x"].map(str::to_owned));
        assert_eq!(table.render(), "TYPE      SOLD  NOTE\nthéâtre      7\npop      12345  x\n");
        assert_eq!(Table::new(&["TYPE"]).render(), "");
    }
}
