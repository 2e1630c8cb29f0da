//! Tables as text: columns as wide as what stands in them, and in parts where a terminal is narrower than all of them.

use unicode_width::UnicodeWidthStr;

/// Rows under a header, each with as many cells.
pub(crate) struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    /// How many columns stand to the left, from the first; the others stand to the right.
    left: usize,
}

impl Table {
    /// A table whose first column stands to the left.
    pub(crate) fn new(header: &[&str], rows: Vec<Vec<String>>) -> Table {
        Table { header: header.iter().map(|&name| name.to_owned()).collect(), rows, left: 1 }
    }

    /// The same with the first `left` columns to the left.
    pub(crate) fn with_left(self, left: usize) -> Table {
        Table { left, ..self }
    }

    /// The whole of it, however wide.
    pub(crate) fn text(&self) -> String {
        self.part(&(0..self.header.len()).collect::<Vec<_>>())
    }

    /// No wider than `columns`, in several parts if need be, of which each begins with the first `keep` columns.
    pub(crate) fn within(&self, keep: usize, columns: Option<usize>) -> String {
        let Some(columns) = columns else { return self.text() };
        let (mut parts, mut chosen) = (Vec::new(), (0..keep).collect::<Vec<_>>());
        for column in keep..self.header.len() {
            chosen.push(column);
            if chosen.len() > keep + 1 && self.width(&chosen) > columns {
                chosen.pop();
                parts.push(self.part(&chosen));
                chosen.truncate(keep);
                chosen.push(column);
            }
        }
        parts.push(self.part(&chosen));
        parts.join("\n")
    }

    /// No wider than `columns`, without as many of the `spared` groups of columns as that takes, the first of them first.
    pub(crate) fn without(&self, spared: &[&[usize]], columns: Option<usize>) -> String {
        let mut shown: Vec<usize> = (0..self.header.len()).collect();
        for group in spared {
            if columns.is_some_and(|columns| self.width(&shown) > columns) {
                shown.retain(|column| !group.contains(column));
            }
        }
        self.part(&shown)
    }

    /// Columns of the terminal that a column of the table takes.
    fn column_width(&self, column: usize) -> usize {
        let cells = self.rows.iter().map(|row| row[column].width());
        cells.chain([self.header[column].width()]).max().unwrap_or(0)
    }

    /// What these columns of it take, with what is between them.
    fn width(&self, chosen: &[usize]) -> usize {
        chosen.iter().map(|&column| self.column_width(column) + GAP.len()).sum::<usize>() - GAP.len()
    }

    /// These columns of it.
    fn part(&self, chosen: &[usize]) -> String {
        let widths: Vec<usize> = chosen.iter().map(|&column| self.column_width(column)).collect();
        let mut text = String::new();
        for row in std::iter::once(&self.header).chain(&self.rows) {
            let cells = chosen.iter().zip(&widths).map(|(&column, width)| {
                let cell = &row[column];
                let pad = " ".repeat(width - cell.width());
                if column < self.left { format!("{cell}{pad}") } else { format!("{pad}{cell}") }
            });
            text.push_str(cells.collect::<Vec<_>>().join(GAP).trim_end());
            text.push('\n');
        }
        text
    }
}

/// What is between two columns.
const GAP: &str = "  ";

#[cfg(test)]
mod tests {
    use super::*;

    fn gang() -> Table {
        let rows = vec![["gang", "1 ms", "2.5", "99%"].map(str::to_owned).to_vec()];
        Table::new(&["policy", "time", "rate", "part"], rows)
    }

    #[test]
    fn a_wide_table_is_told_in_parts() {
        let whole = "policy  time  rate  part\ngang    1 ms   2.5   99%\n";
        assert_eq!(gang().within(1, Some(40)), whole);
        assert_eq!(gang().within(1, None), whole);
        let narrow = "policy  time  rate\ngang    1 ms   2.5\n\npolicy  part\ngang     99%\n";
        assert_eq!(gang().within(1, Some(20)), narrow);
        assert_eq!(gang().within(1, Some(1)).lines().count(), 8);
    }

    #[test]
    fn columns_stand_to_the_left_and_are_left_out() {
        let narrow = "policy  time  part\ngang    1 ms   99%\n";
        assert_eq!(gang().with_left(2).without(&[&[2], &[3]], Some(20)), narrow);
        assert_eq!(gang().without(&[&[2]], None), gang().text());
    }
}
