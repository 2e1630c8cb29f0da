//! Text made to fit the terminal. What goes to a file or a pipe stays as it is.

use std::io::{IsTerminal, stderr, stdout};
use std::os::fd::AsFd;
use unicode_width::UnicodeWidthStr;

/// Columns of the terminal that standard output is, or of `COLUMNS`; `None` where it is none.
pub(crate) fn columns() -> Option<usize> {
    columns_of(&stdout())
}

/// Columns of the terminal that standard error is, likewise.
pub(crate) fn error_columns() -> Option<usize> {
    columns_of(&stderr())
}

fn columns_of(stream: &(impl IsTerminal + AsFd)) -> Option<usize> {
    if !stream.is_terminal() {
        return None;
    }
    let told = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    told.or_else(|| terminal_size::terminal_size_of(stream).map(|(width, _)| usize::from(width.0)))
        .filter(|columns| *columns >= 20)
}

/// Breaks lines between words where they are longer than `columns`; what is broken goes on `hang` columns in.
pub(crate) fn wrap(text: &str, columns: Option<usize>, hang: usize) -> String {
    let Some(columns) = columns else { return text.to_owned() };
    text.split_inclusive('\n').map(|line| wrap_line(line, columns, hang)).collect()
}

fn wrap_line(line: &str, columns: usize, hang: usize) -> String {
    if line.trim_end().width() <= columns {
        return line.to_owned();
    }
    let (mut out, mut used) = (String::new(), 0);
    for word in line.split_inclusive(' ') {
        if used > hang && used + word.trim_end().width() > columns {
            out.truncate(out.trim_end().len());
            out.push('\n');
            out.push_str(&" ".repeat(hang));
            used = hang;
        }
        out.push_str(word);
        used += word.width();
    }
    out
}

/// A drawing, or a line in its place where it is too wide to be read.
pub(crate) fn drawing(text: &str, columns: Option<usize>) -> String {
    let wide = text.lines().map(UnicodeWidthStr::width).max().unwrap_or(0);
    match columns.filter(|columns| wide > *columns) {
        Some(_) => format!("(its drawing takes {wide} columns)\n"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_and_go_on_further_in() {
        let text = "means     one two three four five six\nshort\n";
        assert_eq!(wrap(text, None, 10), text);
        assert_eq!(wrap(text, Some(80), 10), text);
        let narrow = "means     one two\n          three four\n          five six\nshort\n";
        assert_eq!(wrap(text, Some(20), 10), narrow);
        assert_eq!(
            wrap("digest    0123456789012345678901234567890123456789\n", Some(24), 10).lines().count(),
            1
        );
    }

    #[test]
    fn a_drawing_is_whole_or_not_there() {
        assert_eq!(drawing("──\n│\n", Some(2)), "──\n│\n");
        assert_eq!(drawing("──\n│\n", None), "──\n│\n");
        assert_eq!(drawing("───\n│\n", Some(2)), "(its drawing takes 3 columns)\n");
    }
}
